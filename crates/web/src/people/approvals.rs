//! What waits for a second person. Knows nothing of what is approved.

use super::view::Answered;
use super::visit::Visit;
use crate::desk::{Act, Approval, ApprovalState, Right};
use crate::journey::clock;
use crate::pages::{Base, render};
use askama::Template;

struct Row {
    id: String,
    what: String,
    details: Vec<(String, String)>,
    by: String,
    asked: String,
    left: String,
    state: String,
    tone: &'static str,
    /// They may decide.
    decides: bool,
    yours: bool,
}

#[derive(Template)]
#[template(path = "people/approvals.html")]
struct ApprovalsPage {
    base: Base,
    open: Vec<Row>,
    closed: Vec<Row>,
}

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    let person = visit.signed().await?;
    let may = person.may.contains(&Right::Approve);
    let (words, now) = (visit.words(), visit.desk.now());
    let row = |a: Approval| {
        let (state, tone) = match a.state {
            ApprovalState::Waiting => ("waiting", "wait"),
            ApprovalState::Approved => ("approved", "good"),
            ApprovalState::Refused => ("refused", "bad"),
            ApprovalState::Expired => ("expired", ""),
        };
        let left = clock::span(a.expires.since(now).saturating_mul(1_000), words);
        Row {
            what: words.say(a.what),
            details: a.details.into_iter().map(|(key, value)| (words.say(key), value)).collect(),
            asked: clock::moment(a.asked),
            left: words.with("approval-left", "time", &left),
            state: words.of("approval", state),
            tone,
            decides: may && !a.yours && a.state == ApprovalState::Waiting,
            yours: a.yours && a.state == ApprovalState::Waiting,
            by: a.by,
            id: a.id,
        }
    };
    let all = visit.desk.approvals(&visit.asker).await?;
    let (open, closed): (Vec<_>, Vec<_>) = all.into_iter().partition(|a| a.state == ApprovalState::Waiting);
    let (open, closed) = (open.into_iter().map(row).collect(), closed.into_iter().map(row).collect());
    Ok(render(200, &ApprovalsPage { base: visit.base.clone(), open, closed }))
}

pub async fn decide(visit: &mut Visit<'_>, id: &str, decision: &str) -> Answered {
    visit.signed().await?;
    let approve = decision == "approve";
    let done = visit.act(Act::Decide { approval: id.to_owned(), approve }).await?;
    Ok(visit.after(&done, "/approvals", if approve { "approved" } else { "refused" }))
}

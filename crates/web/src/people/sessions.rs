//! Where somebody is signed in, and how they end it. Knows nobody else's sessions.

use super::view::Answered;
use super::visit::Visit;
use crate::desk::{Act, SessionRow};
use crate::journey::clock;
use crate::pages::{Base, render};
use askama::Template;

struct Row {
    s: SessionRow,
    began: String,
    seen: String,
}

#[derive(Template)]
#[template(path = "people/sessions.html")]
struct SessionsPage {
    base: Base,
    rows: Vec<Row>,
    others: bool,
}

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let now = visit.desk.now();
    let words = visit.words();
    let row = |s: SessionRow| {
        let seen = clock::span(now.since(s.seen).saturating_mul(1_000), words);
        Row { began: clock::moment(s.began), seen: words.with("session-seen", "time", &seen), s }
    };
    let rows: Vec<Row> = visit.desk.sessions(&visit.asker).await?.into_iter().map(row).collect();
    let others = rows.iter().any(|row| !row.s.here);
    Ok(render(200, &SessionsPage { base: visit.base.clone(), rows, others }))
}

pub async fn end(visit: &mut Visit<'_>, id: &str) -> Answered {
    visit.signed().await?;
    let done = visit.act(Act::EndSession { id: id.to_owned() }).await?;
    Ok(visit.after(&done, "/sessions", "session-ended"))
}

pub async fn end_others(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let done = visit.act(Act::EndOthers).await?;
    Ok(visit.after(&done, "/sessions", "sessions-ended"))
}

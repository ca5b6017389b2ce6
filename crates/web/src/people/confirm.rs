//! "Confirm it is you": a fresh factor before what is dangerous. A form that came without one is held in the page, without its secrets, and done
//! as soon as it is confirmed. Knows nothing of what is done.

use super::enter::By;
use super::form::{Field, Form, Kind};
use super::view::{Answered, FormPage, PasskeyPart};
use super::visit::Visit;
use super::{again, guard};
use crate::desk::{Act, Done, Opened, Purpose, Refused, Ways};
use florin_core::edge::{EdgeRequest, EdgeResponse};
use url::form_urlencoded::Serializer;

const PATH: &str = "held-path";
const FIELD: &str = "held.";
/// Never written into a page again: who sent one of these types it once more.
const SECRETS: [&str; 5] = ["password", "new-password", "old-password", "code", "credential"];

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let ways = visit.desk.ways(&visit.asker).await?;
    // A form is held for who sent it from one of our pages; never because an address says so.
    Ok(page(visit, &ways, &Form::default()).answer())
}

/// The page for a form that came without a fresh factor. Its own page asked for one before it was shown, so this is the rarer way.
pub fn ask_first(visit: &Visit<'_>) -> EdgeResponse {
    let sent = visit.form();
    if sent.pairs().iter().any(|(name, _)| SECRETS.contains(&name.as_str())) {
        return visit.lead(&visit.with_return("/confirm", &visit.request.path));
    }
    let held = sent.pairs().iter().fold(Form::default().with(PATH, &visit.request.path), |held, (name, value)| {
        held.with(&format!("{FIELD}{name}"), value)
    });
    // Which factors they have is asked for with the answer; a passkey and an app are offered to all.
    page(visit, &Ways { passkey: true, totp: true, ..Ways::default() }, &held).answer()
}

fn page(visit: &Visit<'_>, ways: &Ways, form: &Form) -> FormPage {
    let words = visit.words();
    let to = visit.wanted(form).unwrap_or_default();
    let held: Vec<(String, String)> =
        form.pairs().iter().filter(|(name, _)| name == PATH || name.starts_with(FIELD)).cloned().collect();
    let mut hidden = held;
    hidden.push(("to".to_owned(), to));
    let code = Field::new(words, form, "code", Kind::Code, "one-time-code").hint(visit.say("hint-code-totp"));
    let fields = if ways.totp { vec![code] } else { vec![] };
    let mut page = FormPage::new(&visit.base, "confirm", "/confirm", form, fields).lead(visit.say("confirm-lead"));
    page.submit = ways.totp.then(|| visit.say("confirm-submit"));
    page.passkey = ways.passkey.then(|| PasskeyPart {
        purpose: Purpose::Confirm,
        action: "/confirm".to_owned(),
        button: visit.say("passkey-confirm"),
        hint: None,
        fields: vec![],
        hidden: hidden.clone(),
    });
    if !ways.totp && !ways.passkey {
        page.note = Some(visit.say("confirm-none"));
    }
    page.hidden = hidden;
    page.back("/")
}

pub async fn prove(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    let by = if form.raw("credential").is_empty() { By::Totp } else { By::Passkey };
    if by == By::Totp {
        form.required("code", "fault-code-missing");
    }
    let done = if form.is_sound() { visit.act(Act::Confirm(by.factor(&form))).await } else { Err(Refused::Wrong) };
    match done {
        Ok(Done::Session(opened)) => Ok(go_on(visit, &form, &opened).await),
        Ok(Done::Plain | Done::Entry(_) | Done::Codes { .. } | Done::Waits(_) | Done::Invited { .. }) => {
            Ok(visit.lead(&visit.wanted(&form).unwrap_or_else(|| "/".to_owned())))
        }
        Err(why) => {
            if why == Refused::Used {
                form.note = Some(visit.say("refused-used-code"));
            }
            let form = if form.is_sound() { visit.told(form, why)? } else { form };
            let ways = visit.desk.ways(&visit.asker).await?;
            Ok(page(visit, &ways, &form).answer())
        }
    }
}

/// The form that was held, as its page had sent it.
fn body(form: &Form) -> Vec<u8> {
    let held = form.pairs().iter().filter_map(|(name, value)| Some((name.strip_prefix(FIELD)?, value)));
    Serializer::new(String::new()).extend_pairs(held).finish().into_bytes()
}

/// To where they wanted, or the held form is done under the session's new name.
async fn go_on(visit: &mut Visit<'_>, form: &Form, opened: &Opened) -> EdgeResponse {
    let path = guard::own_path(form.raw(PATH)).filter(|path| !path.starts_with("/confirm") && !path.contains('?'));
    let mut answer = match path {
        None => visit.lead(&visit.wanted(form).unwrap_or_else(|| "/".to_owned())),
        Some(path) => {
            let request =
                EdgeRequest { path: path.to_owned(), query: String::new(), body: body(form), ..visit.request.clone() };
            let mut held = Visit::new(visit.desk, &request, visit.base.clone());
            held.asker.session = Some(opened.session.clone());
            again(&mut held).await
        }
    };
    let own = answer.headers.iter().any(|(n, v)| n == "set-cookie" && v.starts_with(guard::SESSION));
    if !own {
        guard::give_session(&mut answer, opened);
    }
    answer
}

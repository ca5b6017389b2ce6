//! Signing in: a passkey, or a password and then a second factor; and out again. Knows no person before the desk does.

use super::form::{Field, Form, Kind};
use super::guard;
use super::view::{Answered, FormPage, PasskeyPart};
use super::visit::Visit;
use crate::desk::{Act, Done, Factor, Hidden, Purpose, Refused, Stage, Ways};
use crate::respond;

const SECOND: &str = "/sign-in/second";

/// Whoever is in already goes on.
pub async fn show(visit: &mut Visit<'_>) -> Answered {
    if visit.signed().await.is_ok() {
        let to = visit.wanted(&Form::default()).unwrap_or_else(|| "/".to_owned());
        return Ok(visit.lead(&to));
    }
    Ok(page(visit, &Form::default()).answer())
}

fn page(visit: &Visit<'_>, form: &Form) -> FormPage {
    let words = visit.words();
    let to = visit.wanted(form).unwrap_or_default();
    let fields = vec![
        Field::new(words, form, "email", Kind::Email, "username webauthn"),
        Field::new(words, form, "password", Kind::Password, "current-password"),
    ];
    let mut page = FormPage::new(&visit.base, "sign-in", "/sign-in", form, fields).hide("to", &to);
    page.passkey = Some(PasskeyPart {
        purpose: Purpose::SignIn,
        action: "/sign-in/passkey".to_owned(),
        button: visit.say("passkey-sign-in"),
        hint: None,
        fields: vec![],
        hidden: vec![("to".to_owned(), to)],
    });
    page
}

pub async fn password(visit: &mut Visit<'_>) -> Answered {
    let mut form = visit.form();
    form.required("email", "fault-email-missing");
    form.required("password", "fault-password-missing");
    if !form.is_sound() {
        return Ok(page(visit, &form).answer());
    }
    let act = Act::SignIn { email: form.text("email"), password: Hidden(form.raw("password").to_owned()) };
    match visit.act(act).await {
        Ok(done) => Ok(entered(visit, &done, &form)),
        Err(why) => Ok(page(visit, &visit.told(form, why)?).answer()),
    }
}

pub async fn passkey(visit: &mut Visit<'_>) -> Answered {
    let form = visit.form();
    let act = Act::SignInPasskey { credential: Hidden(form.raw("credential").to_owned()) };
    match visit.act(act).await {
        Ok(done) => Ok(entered(visit, &done, &form)),
        Err(why) => Ok(page(visit, &visit.told(form, why)?).answer()),
    }
}

/// In, or on to the second factor.
fn entered(visit: &Visit<'_>, done: &Done, form: &Form) -> florin_core::edge::EdgeResponse {
    let to = visit.wanted(form).unwrap_or_else(|| "/".to_owned());
    match done {
        Done::Session(opened) => visit.let_in(opened, &to),
        Done::Entry(proof) => {
            let mut answer = visit.lead(&visit.with_return(SECOND, &to));
            guard::give_entry(&mut answer, proof);
            answer
        }
        Done::Plain | Done::Codes { .. } | Done::Waits(_) | Done::Invited { .. } => visit.lead(&to),
    }
}

/// A way to prove it, as the page's address names it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    Passkey,
    Totp,
    Sms,
    Recovery,
}

impl By {
    pub const ALL: [By; 4] = [By::Passkey, By::Totp, By::Sms, By::Recovery];
    pub const fn name(self) -> &'static str {
        match self {
            By::Passkey => "passkey",
            By::Totp => "totp",
            By::Sms => "sms",
            By::Recovery => "recovery",
        }
    }
    pub fn is_there(self, ways: &Ways) -> bool {
        match self {
            By::Passkey => ways.passkey,
            By::Totp => ways.totp,
            By::Sms => ways.sms.is_some(),
            By::Recovery => ways.recovery,
        }
    }
    /// The one that was asked for if they have it, else the strongest that they have.
    pub fn choose(asked: &str, ways: &Ways) -> By {
        let mut there = By::ALL.into_iter().filter(|by| by.is_there(ways));
        let named = By::ALL.into_iter().find(|by| by.name() == asked && by.is_there(ways));
        named.or_else(|| there.next()).unwrap_or(By::Recovery)
    }
    pub fn factor(self, form: &Form) -> Factor {
        let code = Hidden(form.text("code").chars().filter(|c| !c.is_whitespace()).collect());
        match self {
            By::Passkey => Factor::Passkey { credential: Hidden(form.raw("credential").to_owned()) },
            By::Totp => Factor::Totp { code },
            By::Sms => Factor::Sms { code },
            By::Recovery => Factor::Recovery { code },
        }
    }
}

pub async fn second(visit: &mut Visit<'_>) -> Answered {
    if visit.signed().await.is_ok() {
        return Ok(visit.lead("/"));
    }
    let form = visit.query();
    match stage(visit).await? {
        Stage::Second(ways) => Ok(second_page(visit, &ways, &form).answer()),
        Stage::Invited(_) | Stage::Factor { .. } => Ok(visit.lead("/enrol")),
    }
}

/// Who comes without a sign-in under way begins one.
async fn stage(visit: &Visit<'_>) -> Result<Stage, Refused> {
    match visit.desk.stage(&visit.asker).await {
        Err(Refused::Unknown | Refused::Missing) => Err(Refused::SignedOut),
        other => other,
    }
}

fn second_page(visit: &Visit<'_>, ways: &Ways, form: &Form) -> FormPage {
    let words = visit.words();
    let code_sent = form.raw("sent") == "1";
    let by = By::choose(form.raw("by"), ways);
    let to = visit.wanted(form).unwrap_or_default();
    let code = |hint: String, auto| vec![Field::new(words, form, "code", Kind::Code, auto).hint(hint)];
    let fields = match by {
        By::Passkey => vec![],
        By::Totp => code(visit.say("hint-code-totp"), "one-time-code"),
        By::Sms if !code_sent => vec![],
        By::Sms => code(words.with("hint-code-sms", "phone", ways.sms.as_deref().unwrap_or_default()), "one-time-code"),
        By::Recovery => code(visit.say("hint-code-recovery"), "off"),
    };
    let action = if by == By::Sms && !code_sent { "/sign-in/code" } else { SECOND };
    let mut page = FormPage::new(&visit.base, "second", action, form, fields).hide("to", &to).hide("by", by.name());
    if code_sent {
        page = page.hide("sent", "1");
    }
    page.step = Some(visit.say("step-second"));
    page.lead = Some(visit.say(&format!("second-{}", by.name())));
    match by {
        By::Passkey => {
            page.submit = None;
            page.passkey = Some(PasskeyPart {
                purpose: Purpose::Prove,
                action: SECOND.to_owned(),
                button: visit.say("passkey-prove"),
                hint: None,
                fields: vec![],
                hidden: vec![("to".to_owned(), to.clone()), ("by".to_owned(), "passkey".to_owned())],
            });
        }
        By::Sms if !code_sent => {
            page.submit = Some(words.with("second-send", "phone", ways.sms.as_deref().unwrap_or_default()))
        }
        By::Totp | By::Sms | By::Recovery => {}
    }
    let others = By::ALL.into_iter().filter(|other| *other != by && other.is_there(ways));
    let link = |other: By| {
        let path = visit.with_return(&format!("{SECOND}?by={}", other.name()), &to);
        (path, visit.say(&format!("second-use-{}", other.name())))
    };
    page.more = others.map(link).collect();
    page.back("/sign-in")
}

pub async fn prove(visit: &mut Visit<'_>) -> Answered {
    let mut form = visit.form();
    let Some(by) = By::ALL.into_iter().find(|by| by.name() == form.raw("by")) else { return Err(Refused::Missing) };
    form.required(if by == By::Passkey { "credential" } else { "code" }, "fault-code-missing");
    let done = if form.is_sound() { visit.act(Act::Prove(by.factor(&form))).await } else { Err(Refused::Wrong) };
    match done {
        Ok(done) => Ok(entered(visit, &done, &form)),
        // The same form sent twice: the first one let them in.
        Err(Refused::Used | Refused::Unknown | Refused::Expired) if visit.signed().await.is_ok() => Ok(visit.lead("/")),
        Err(why) => {
            let stage = stage(visit).await;
            // The sign-in still waits: it was the code that was used.
            if why == Refused::Used && stage.is_ok() {
                form.note = Some(visit.say("refused-used-code"));
            }
            let form = if form.is_sound() { visit.told(form, why)? } else { form };
            let Stage::Second(ways) = stage? else { return Err(Refused::Unknown) };
            Ok(second_page(visit, &ways, &form).answer())
        }
    }
}

pub async fn send_code(visit: &mut Visit<'_>) -> Answered {
    let form = visit.form().with("by", "sms");
    match visit.act(Act::SendCode).await {
        Ok(_) => {
            let to = visit.wanted(&form).unwrap_or_default();
            Ok(visit.lead(&visit.with_return(&format!("{SECOND}?by=sms&sent=1"), &to)))
        }
        Err(why) => {
            let form = visit.told(form, why)?;
            let Stage::Second(ways) = stage(visit).await? else { return Err(Refused::Unknown) };
            Ok(second_page(visit, &ways, &form).answer())
        }
    }
}

/// Out, whether or not there still was a session; what the browser kept of our pages goes too.
pub async fn sign_out(visit: &mut Visit<'_>) -> Answered {
    match visit.act(Act::SignOut).await {
        Ok(_) | Err(Refused::SignedOut) => {}
        Err(why) => return Err(why),
    }
    let mut answer = visit.lead("/sign-in");
    guard::take(&mut answer, guard::SESSION);
    guard::take(&mut answer, guard::ENTRY);
    respond::forget(&mut answer);
    Ok(answer)
}

//! Enrolling by a one-time link: who it is and a password, then the second factor that nobody can leave out, then the recovery codes, once.
//! Knows no link: its token goes from the address into a cookie at once.

use super::form::{Field, Form, Kind};
use super::guard;
use super::start::codes_page;
use super::view::{Answered, FormPage, PasskeyPart};
use super::visit::Visit;
use crate::desk::{Act, Asker, Done, Hidden, Invited, NewFactor, Purpose, Refused, Stage};
use crate::journey::clock;

/// NIST SP 800-63B-4 §3.1.1.2 for passwords that stand beside a second factor would allow less.
pub const LEAST_CHARS: usize = 15;

/// The token leaves the address before any page is shown, and whether or not it opens something: it stays in no history and no link.
pub fn link(visit: &Visit<'_>, token: &str) -> Answered {
    let mut answer = visit.lead("/enrol");
    if guard::is_proof(token) {
        guard::give_entry(&mut answer, &Hidden(token.to_owned()));
    } else {
        guard::take(&mut answer, guard::ENTRY);
    }
    Ok(answer)
}

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    match visit.desk.stage(&visit.asker).await? {
        Stage::Invited(invited) => Ok(person_page(visit, &invited, &Form::default()).answer()),
        Stage::Factor { .. } => Ok(visit.lead("/enrol/factor")),
        Stage::Second(_) => Ok(visit.lead("/sign-in/second")),
    }
}

fn person_page(visit: &Visit<'_>, invited: &Invited, form: &Form) -> FormPage {
    let words = visit.words();
    let name = Field::new(words, form, "name", Kind::Text, "name");
    let email = Field::new(words, form, "email", Kind::Email, "username").hint(visit.say("hint-email-enrol"));
    let password = Field::new(words, form, "new-password", Kind::Password, "new-password");
    let password = password.hint(visit.say("hint-new-password")).least(LEAST_CHARS);
    let first = invited.email.is_none();
    let fields = if first { vec![name, email, password] } else { vec![name, password] };
    let mut page = FormPage::new(&visit.base, "enrol", "/enrol", form, fields);
    page.step = Some(visit.say("step-enrol-1"));
    page.lead = Some(visit.say(if first { "enrol-lead-first" } else { "enrol-lead-invited" }));
    let fact = |key: &str, value: Option<String>| value.map(|value| (visit.say(key), value));
    let role = words.of("role", invited.role.name());
    let until = format!("{} {}", clock::moment(invited.expires), visit.say("journey-utc"));
    let facts = [
        fact("fact-email", invited.email.clone()),
        fact("fact-role", Some(role)),
        fact("fact-account", invited.account.clone()),
        fact("fact-by", invited.by.clone()),
        fact("fact-expires", Some(until)),
    ];
    page.facts = facts.into_iter().flatten().collect();
    page
}

pub async fn person(visit: &mut Visit<'_>) -> Answered {
    let Stage::Invited(invited) = visit.desk.stage(&visit.asker).await? else { return Ok(visit.lead("/enrol")) };
    let mut form = visit.form();
    form.required("name", "fault-name-missing");
    if invited.email.is_none() {
        form.required("email", "fault-email-missing");
    }
    if form.raw("new-password").chars().count() < LEAST_CHARS {
        form.wrong("new-password", "fault-password-short");
    }
    if !form.is_sound() {
        return Ok(person_page(visit, &invited, &form).answer());
    }
    let email = invited.email.is_none().then(|| form.text("email"));
    let act = Act::Enrol { email, name: form.text("name"), password: Hidden(form.raw("new-password").to_owned()) };
    match visit.act(act).await {
        Ok(done) => {
            let mut answer = visit.lead("/enrol/factor");
            if let Done::Entry(proof) = &done {
                guard::give_entry(&mut answer, proof);
            }
            Ok(answer)
        }
        Err(why) => Ok(person_page(visit, &invited, &visit.told(form, why)?).answer()),
    }
}

/// The e-mail address of an enrolment that has its password.
async fn waiting(visit: &Visit<'_>) -> Result<Option<String>, Refused> {
    match visit.desk.stage(&visit.asker).await? {
        Stage::Factor { email, done: false } => Ok(Some(email)),
        Stage::Factor { done: true, .. } => Err(Refused::Used),
        Stage::Invited(_) | Stage::Second(_) => Ok(None),
    }
}

pub async fn factor(visit: &mut Visit<'_>) -> Answered {
    if waiting(visit).await?.is_none() {
        return Ok(visit.lead("/enrol"));
    }
    Ok(factor_page(visit, &Form::default()).answer())
}

fn factor_page(visit: &Visit<'_>, form: &Form) -> FormPage {
    let mut page = FormPage::new(&visit.base, "enrol-factor", "/enrol/factor", form, vec![]);
    page.step = Some(visit.say("step-enrol-2"));
    page.lead = Some(visit.say("enrol-factor-lead"));
    page.submit = None;
    page.passkey = Some(PasskeyPart {
        purpose: Purpose::Enrol,
        action: "/enrol/factor".to_owned(),
        button: visit.say("passkey-make"),
        hint: Some(visit.say("enrol-factor-passkey")),
        fields: vec![label_field(visit, form)],
        hidden: vec![],
    });
    page.more = vec![("/enrol/totp".to_owned(), visit.say("enrol-factor-totp"))];
    page
}

pub fn label_field(visit: &Visit<'_>, form: &Form) -> Field {
    Field::new(visit.words(), form, "label", Kind::Text, "off").hint(visit.say("hint-label")).optional()
}

pub async fn passkey(visit: &mut Visit<'_>) -> Answered {
    let form = visit.form();
    let credential = Hidden(form.raw("credential").to_owned());
    let act = Act::EnrolFactor(NewFactor::Passkey { label: form.text("label"), credential });
    match visit.act(act).await {
        Ok(done) => enrolled(visit, done),
        Err(Refused::Used) if visit.signed().await.is_ok() => Ok(visit.lead("/")),
        Err(why) => Ok(factor_page(visit, &visit.told(form, why)?).answer()),
    }
}

pub async fn totp(visit: &mut Visit<'_>) -> Answered {
    if waiting(visit).await?.is_none() {
        return Ok(visit.lead("/enrol"));
    }
    totp_page(visit, &Form::default()).await
}

async fn totp_page(visit: &Visit<'_>, form: &Form) -> Answered {
    // Of the person who enrols, also in a browser where somebody else is signed in.
    let new = visit.desk.new_totp(&Asker { session: None, ..visit.asker.clone() }).await?;
    let code = Field::new(visit.words(), form, "code", Kind::Code, "one-time-code").hint(visit.say("hint-code-new"));
    let mut page = FormPage::new(&visit.base, "totp", "/enrol/totp", form, vec![code]).lead(visit.say("totp-lead"));
    page.step = Some(visit.say("step-enrol-2"));
    page.totp = Some(new);
    Ok(page.back("/enrol/factor").answer())
}

pub async fn code(visit: &mut Visit<'_>) -> Answered {
    let mut form = visit.form();
    form.required("code", "fault-code-missing");
    if !form.is_sound() {
        return totp_page(visit, &form).await;
    }
    let code = Hidden(form.text("code").chars().filter(|c| !c.is_whitespace()).collect());
    match visit.act(Act::EnrolFactor(NewFactor::Totp { code })).await {
        Ok(done) => enrolled(visit, done),
        Err(Refused::Used) if visit.signed().await.is_ok() => Ok(visit.lead("/")),
        Err(why) => {
            let form = visit.told(form, why)?;
            totp_page(visit, &form).await
        }
    }
}

/// The codes are on this answer and on no other: loading it again sends the form again, which was used.
fn enrolled(visit: &mut Visit<'_>, done: Done) -> Answered {
    let Done::Codes { session, codes } = done else { return Ok(visit.lead("/")) };
    visit.base.shell = None;
    let mut answer = codes_page(visit, &codes, Some(visit.say("step-enrol-3")));
    if let Some(opened) = &session {
        guard::give_session(&mut answer, opened);
        guard::take(&mut answer, guard::ENTRY);
    }
    Ok(answer)
}

//! Somebody's own ways to get in: passkeys, authenticator app, phone, recovery codes, password. Knows nobody else.

use super::enrol::{LEAST_CHARS, label_field};
use super::form::{Field, Form, Kind};
use super::guard;
use super::start::codes_page;
use super::view::{Answered, FormPage, PasskeyPart};
use super::visit::Visit;
use crate::desk::{Act, Done, Hidden, NewFactor, Passkey, Purpose, Refused, Security};
use crate::journey::clock::moment;
use crate::pages::{Base, render};
use askama::Template;
use florin_core::time::Time;

const HOME: &str = "/security";

struct Row {
    id: String,
    label: String,
    says: String,
    blocked: bool,
}

#[derive(Template)]
#[template(path = "people/security.html")]
struct SecurityPage {
    base: Base,
    passkeys: Vec<Row>,
    /// It may be removed: something else is left.
    spare: bool,
    s: Security,
    totp: Option<String>,
    password: Option<String>,
    codes: String,
    few: bool,
}

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let s = visit.desk.security(&visit.asker).await?;
    let words = visit.words();
    let row = |key: &Passkey| {
        let used = key.used.map(|at| words.with("passkey-used", "at", &day(at)));
        let added = words.with("passkey-added", "at", &day(key.added));
        let says = used.into_iter().fold(added, |says, used| format!("{says} · {used}"));
        Row { id: key.id.clone(), label: named(visit, key), says, blocked: key.blocked }
    };
    let page = SecurityPage {
        base: visit.base.clone(),
        passkeys: s.passkeys.iter().map(row).collect(),
        spare: s.passkeys.len() > 1 || s.totp.is_some(),
        totp: s.totp.map(|at| words.with("totp-since", "at", &day(at))),
        password: s.password_changed.map(|at| words.with("password-since", "at", &day(at))),
        codes: words.count("codes-left", usize::from(s.codes_left)),
        few: s.codes_left < 4,
        s,
    };
    Ok(render(200, &page))
}

fn day(at: Time) -> String {
    moment(at).get(..10).unwrap_or_default().to_owned()
}

fn named(visit: &Visit<'_>, key: &Passkey) -> String {
    if key.label.is_empty() { visit.say("passkey-unnamed") } else { key.label.clone() }
}

/// Factors are changed with a fresh factor alone, asked for before the form is filled in.
async fn fresh(visit: &mut Visit<'_>) -> Result<(), Refused> {
    let person = visit.signed().await?;
    let fresh = person.fresh_until.is_some_and(|until| visit.desk.now() < until);
    if fresh { Ok(()) } else { Err(Refused::StepUp) }
}

pub async fn passkey(visit: &mut Visit<'_>) -> Answered {
    fresh(visit).await?;
    Ok(passkey_page(visit, &Form::default()).answer())
}

fn passkey_page(visit: &Visit<'_>, form: &Form) -> FormPage {
    let mut page =
        FormPage::new(&visit.base, "passkey", "/security/passkey", form, vec![]).lead(visit.say("passkey-lead"));
    page.submit = None;
    page.passkey = Some(PasskeyPart {
        purpose: Purpose::Add,
        action: "/security/passkey".to_owned(),
        button: visit.say("passkey-make"),
        hint: None,
        fields: vec![label_field(visit, form)],
        hidden: vec![],
    });
    page.back(HOME)
}

pub async fn add_passkey(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let form = visit.form();
    let credential = Hidden(form.raw("credential").to_owned());
    let act = Act::AddFactor(NewFactor::Passkey { label: form.text("label"), credential });
    match visit.act(act).await {
        Ok(done) => Ok(visit.after(&done, HOME, "passkey-added")),
        Err(why) => Ok(passkey_page(visit, &visit.told(form, why)?).answer()),
    }
}

async fn one(visit: &mut Visit<'_>, id: &str) -> Result<Passkey, Refused> {
    fresh(visit).await?;
    let all = visit.desk.security(&visit.asker).await?.passkeys;
    all.into_iter().find(|key| key.id == id).ok_or(Refused::Missing)
}

pub async fn rename(visit: &mut Visit<'_>, id: &str) -> Answered {
    let key = one(visit, id).await?;
    Ok(rename_page(visit, id, &Form::default().with("label", &key.label)).answer())
}

fn rename_page(visit: &Visit<'_>, id: &str, form: &Form) -> FormPage {
    let action = format!("/security/passkeys/{id}/rename");
    let label = Field::new(visit.words(), form, "label", Kind::Text, "off").hint(visit.say("hint-label"));
    FormPage::new(&visit.base, "rename", &action, form, vec![label]).back(HOME)
}

pub async fn do_rename(visit: &mut Visit<'_>, id: &str) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    form.required("label", "fault-label-missing");
    if !form.is_sound() {
        return Ok(rename_page(visit, id, &form).answer());
    }
    match visit.act(Act::RenamePasskey { id: id.to_owned(), label: form.text("label") }).await {
        Ok(done) => Ok(visit.after(&done, HOME, "passkey-renamed")),
        Err(why) => Ok(rename_page(visit, id, &visit.told(form, why)?).answer()),
    }
}

pub async fn remove(visit: &mut Visit<'_>, id: &str) -> Answered {
    let key = one(visit, id).await?;
    let action = format!("/security/passkeys/{id}/remove");
    let mut page =
        FormPage::new(&visit.base, "remove", &action, &Form::default(), vec![]).lead(visit.say("remove-lead"));
    page.facts = vec![(visit.say("fact-passkey"), named(visit, &key)), (visit.say("fact-added"), day(key.added))];
    Ok(page.danger().back(HOME).answer())
}

pub async fn do_remove(visit: &mut Visit<'_>, id: &str) -> Answered {
    visit.signed().await?;
    let done = visit.act(Act::RemovePasskey { id: id.to_owned() }).await?;
    Ok(visit.after(&done, HOME, "passkey-removed"))
}

pub async fn totp(visit: &mut Visit<'_>) -> Answered {
    fresh(visit).await?;
    totp_page(visit, &Form::default()).await
}

async fn totp_page(visit: &Visit<'_>, form: &Form) -> Answered {
    let new = visit.desk.new_totp(&visit.asker).await?;
    let code = Field::new(visit.words(), form, "code", Kind::Code, "one-time-code").hint(visit.say("hint-code-new"));
    let mut page = FormPage::new(&visit.base, "totp", "/security/totp", form, vec![code]).lead(visit.say("totp-lead"));
    page.totp = Some(new);
    Ok(page.back(HOME).answer())
}

pub async fn set_totp(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    form.required("code", "fault-code-missing");
    if !form.is_sound() {
        return totp_page(visit, &form).await;
    }
    let code = Hidden(form.text("code").chars().filter(|c| !c.is_whitespace()).collect());
    match visit.act(Act::AddFactor(NewFactor::Totp { code })).await {
        Ok(done) => Ok(visit.after(&done, HOME, "totp-set")),
        Err(why) => {
            let form = visit.told(form, why)?;
            totp_page(visit, &form).await
        }
    }
}

/// The number; once a code is under way, the code.
pub async fn phone(visit: &mut Visit<'_>) -> Answered {
    fresh(visit).await?;
    let sent = visit.query().raw("sent") == "1";
    phone_page(visit, &Form::default(), sent).await
}

async fn phone_page(visit: &Visit<'_>, form: &Form, sent: bool) -> Answered {
    let s = visit.desk.security(&visit.asker).await?;
    if !s.may_phone {
        return Err(Refused::Rule { why: "refused-no-phone" });
    }
    let page = if sent {
        let code =
            Field::new(visit.words(), form, "code", Kind::Code, "one-time-code").hint(visit.say("hint-code-phone"));
        FormPage::new(&visit.base, "phone-code", "/security/phone/code", form, vec![code])
    } else {
        let number = Field::new(visit.words(), form, "phone", Kind::Phone, "tel").hint(visit.say("hint-phone"));
        FormPage::new(&visit.base, "phone", "/security/phone", form, vec![number]).lead(visit.say("phone-lead"))
    };
    Ok(page.back(HOME).answer())
}

pub async fn set_phone(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    form.required("phone", "fault-phone");
    if !form.is_sound() {
        return phone_page(visit, &form, false).await;
    }
    match visit.act(Act::SetPhone { phone: form.text("phone") }).await {
        Ok(done) => Ok(visit.after(&done, "/security/phone?sent=1", "phone-sent")),
        Err(why) => {
            let form = visit.told(form, why)?;
            phone_page(visit, &form, false).await
        }
    }
}

pub async fn check_phone(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    form.required("code", "fault-code-missing");
    if !form.is_sound() {
        return phone_page(visit, &form, true).await;
    }
    match visit.act(Act::CheckPhone { code: Hidden(form.text("code")) }).await {
        Ok(done) => Ok(visit.after(&done, HOME, "phone-set")),
        Err(why) => {
            let form = visit.told(form, why)?;
            phone_page(visit, &form, true).await
        }
    }
}

pub async fn remove_phone(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let done = visit.act(Act::RemovePhone).await?;
    Ok(visit.after(&done, HOME, "phone-removed"))
}

pub async fn codes(visit: &mut Visit<'_>) -> Answered {
    fresh(visit).await?;
    let page = FormPage::new(&visit.base, "codes-new", "/security/codes", &Form::default(), vec![]);
    Ok(page.lead(visit.say("codes-new-lead")).back(HOME).answer())
}

pub async fn new_codes(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    match visit.act(Act::NewCodes).await? {
        Done::Codes { session, codes } => {
            let mut answer = codes_page(visit, &codes, None);
            if let Some(opened) = &session {
                guard::give_session(&mut answer, opened);
            }
            Ok(answer)
        }
        done @ (Done::Plain | Done::Entry(_) | Done::Session(_) | Done::Waits(_) | Done::Invited { .. }) => {
            Ok(visit.after(&done, HOME, "codes-kept"))
        }
    }
}

pub async fn password(visit: &mut Visit<'_>) -> Answered {
    fresh(visit).await?;
    Ok(password_page(visit, &Form::default()).answer())
}

fn password_page(visit: &Visit<'_>, form: &Form) -> FormPage {
    let words = visit.words();
    let fields = vec![
        Field::new(words, form, "old-password", Kind::Password, "current-password"),
        Field::new(words, form, "new-password", Kind::Password, "new-password")
            .hint(visit.say("hint-new-password"))
            .least(LEAST_CHARS),
    ];
    FormPage::new(&visit.base, "password", "/security/password", form, fields)
        .lead(visit.say("password-lead"))
        .back(HOME)
}

pub async fn change_password(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    form.required("old-password", "fault-password-missing");
    if form.raw("new-password").chars().count() < LEAST_CHARS {
        form.wrong("new-password", "fault-password-short");
    }
    if !form.is_sound() {
        return Ok(password_page(visit, &form).answer());
    }
    let (old, new) = (Hidden(form.raw("old-password").to_owned()), Hidden(form.raw("new-password").to_owned()));
    match visit.act(Act::ChangePassword { old, new }).await {
        Ok(done) => Ok(visit.after(&done, HOME, "password-changed")),
        Err(Refused::Wrong) => {
            form.wrong("old-password", "fault-password-old");
            Ok(password_page(visit, &form).answer())
        }
        Err(why) => Ok(password_page(visit, &visit.told(form, why)?).answer()),
    }
}

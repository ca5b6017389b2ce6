//! The team: who may do what, invitations, roles, and people who are shut out. Knows no rule of who may; the desk refuses.

use super::form::{Field, Form, Kind, Pick};
use super::view::{Answered, FormPage};
use super::visit::Visit;
use crate::desk::{Act, Done, Member, MemberState, Refused, Right, Role, Team};
use crate::journey::clock::moment;
use crate::pages::{Base, render};
use askama::Template;
use florin_core::money::{Currency, Money};

const HOME: &str = "/team";
const DEFAULT_CURRENCY: &str = "eur";

struct Row {
    m: Member,
    role: String,
    limit: Option<String>,
    state: String,
    tone: &'static str,
    seen: Option<String>,
    act: Option<String>,
}

#[derive(Template)]
#[template(path = "people/team.html")]
struct TeamPage {
    base: Base,
    rows: Vec<Row>,
    /// Each role in its words, with what it is for.
    roles: Vec<(String, String)>,
    changes: bool,
}

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    let person = visit.signed().await?;
    let team = visit.desk.team(&visit.asker).await?;
    let words = visit.words();
    let row = |m: Member| {
        let (state, tone, act) = match m.state {
            MemberState::Active => ("active", "good", "disable"),
            MemberState::Invited => ("invited", "wait", "withdraw"),
            MemberState::Disabled => ("disabled", "bad", "enable"),
        };
        Row {
            role: words.of("role", m.role.name()),
            limit: m.limit.map(|money| words.with("team-limit", "amount", &money.to_string())),
            state: words.of("member", state),
            tone,
            seen: m.seen.map(moment),
            act: (!m.you).then(|| act.to_owned()),
            m,
        }
    };
    let rows = team.members.into_iter().map(row).collect();
    let roles = Role::ALL.map(|role| (words.of("role", role.name()), words.of("role-says", role.name()))).to_vec();
    let changes = person.may.contains(&Right::ChangeTeam);
    Ok(render(200, &TeamPage { base: visit.base.clone(), rows, roles, changes }))
}

/// A fresh factor before the form is filled in, not after.
async fn team(visit: &mut Visit<'_>) -> Result<Team, Refused> {
    let person = visit.signed().await?;
    if !person.may.contains(&Right::ChangeTeam) {
        return Err(Refused::Role { can: vec![Role::Owner, Role::Admin] });
    }
    let fresh = person.fresh_until.is_some_and(|until| visit.desk.now() < until);
    if fresh { visit.desk.team(&visit.asker).await } else { Err(Refused::StepUp) }
}

fn role_fields(visit: &Visit<'_>, form: &Form, gives: &[Role]) -> [Field; 3] {
    let words = visit.words();
    let pick = |role: &Role| Pick {
        value: role.name().to_owned(),
        label: words.of("role", role.name()),
        hint: words.of("role-says", role.name()),
        chosen: form.raw("role") == role.name(),
    };
    let chosen = Some(form.raw("currency")).filter(|code| !code.is_empty()).unwrap_or(DEFAULT_CURRENCY);
    let currency = |c: Currency| Pick {
        value: c.code().to_owned(),
        label: c.code().to_ascii_uppercase(),
        hint: String::new(),
        chosen: c.code() == chosen,
    };
    [
        Field::new(words, form, "role", Kind::Choice, "off").picks(gives.iter().map(pick).collect()),
        Field::new(words, form, "limit", Kind::Text, "off").hint(visit.say("hint-limit")).optional(),
        Field::new(words, form, "currency", Kind::Select, "off").picks(Currency::all().map(currency).collect()),
    ]
}

/// The role with its limit, or what is wrong with them in the form.
fn given(form: &mut Form) -> Option<(Role, Option<Money>)> {
    let Some(role) = Role::parse(form.raw("role")) else {
        form.wrong("role", "fault-role");
        return None;
    };
    if role != Role::Support {
        return Some((role, None));
    }
    let currency = Currency::parse(form.raw("currency"));
    match currency.and_then(|currency| Money::parse(form.text("limit").as_str(), currency).ok()) {
        Some(money) if money.minor >= 0 => Some((role, Some(money))),
        Some(_) | None => {
            form.wrong("limit", "fault-limit");
            None
        }
    }
}

pub async fn invite(visit: &mut Visit<'_>) -> Answered {
    let team = team(visit).await?;
    Ok(invite_page(visit, &team, &Form::default()).answer())
}

fn invite_page(visit: &Visit<'_>, team: &Team, form: &Form) -> FormPage {
    let email = Field::new(visit.words(), form, "email", Kind::Email, "off").hint(visit.say("hint-email-invite"));
    let fields = [email].into_iter().chain(role_fields(visit, form, &team.gives)).collect();
    FormPage::new(&visit.base, "invite", "/team/invite", form, fields).lead(visit.say("invite-lead")).back(HOME)
}

pub async fn do_invite(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    form.required("email", "fault-email-missing");
    let given = given(&mut form);
    let why = match given.filter(|_| form.is_sound()) {
        None => None,
        Some((role, limit)) => match visit.act(Act::Invite { email: form.text("email"), role, limit }).await {
            Ok(Done::Invited { link: Some(link) }) => return Ok(link_page(visit, &form.text("email"), &link.0)),
            Ok(done) => return Ok(visit.after(&done, HOME, "invited")),
            Err(why) => Some(why),
        },
    };
    let form = why.map_or(Ok(form.clone()), |why| visit.told(form, why))?;
    let team = visit.desk.team(&visit.asker).await?;
    Ok(invite_page(visit, &team, &form).answer())
}

#[derive(Template)]
#[template(path = "people/link.html")]
struct LinkPage {
    base: Base,
    says: String,
    link: String,
}

/// No mail can be sent from here: the link is handed over by whoever invites.
fn link_page(visit: &Visit<'_>, email: &str, link: &str) -> florin_core::edge::EdgeResponse {
    let says = visit.words().with("link-says", "email", email);
    render(200, &LinkPage { base: visit.base.clone(), says, link: link.to_owned() })
}

fn member(team: &Team, id: &str) -> Result<Member, Refused> {
    team.members.iter().find(|m| m.id == id).cloned().ok_or(Refused::Missing)
}

pub async fn role(visit: &mut Visit<'_>, id: &str) -> Answered {
    let team = team(visit).await?;
    let m = member(&team, id)?;
    let form = Form::default().with("role", m.role.name());
    let form = m.limit.into_iter().fold(form, |form, money| {
        let text = money.to_string();
        let (amount, currency) = text.rsplit_once(' ').unwrap_or((text.as_str(), ""));
        form.with("limit", amount).with("currency", &currency.to_ascii_lowercase())
    });
    Ok(role_page(visit, &team, &m, &form).answer())
}

fn role_page(visit: &Visit<'_>, team: &Team, m: &Member, form: &Form) -> FormPage {
    let action = format!("/team/members/{}/role", m.id);
    let fields = role_fields(visit, form, &team.gives).into();
    let mut page = FormPage::new(&visit.base, "role", &action, form, fields).back(HOME);
    page.facts = facts(visit, m);
    page
}

fn facts(visit: &Visit<'_>, m: &Member) -> Vec<(String, String)> {
    let name = (!m.name.is_empty()).then(|| (visit.say("fact-name"), m.name.clone()));
    name.into_iter().chain([(visit.say("fact-email"), m.email.clone())]).collect()
}

pub async fn set_role(visit: &mut Visit<'_>, id: &str) -> Answered {
    visit.signed().await?;
    let mut form = visit.form();
    let given = given(&mut form);
    let why = match given.filter(|_| form.is_sound()) {
        None => None,
        Some((role, limit)) => match visit.act(Act::SetRole { member: id.to_owned(), role, limit }).await {
            Ok(done) => return Ok(visit.after(&done, HOME, "role-changed")),
            Err(why) => Some(why),
        },
    };
    let form = why.map_or(Ok(form.clone()), |why| visit.told(form, why))?;
    let team = visit.desk.team(&visit.asker).await?;
    let m = member(&team, id)?;
    Ok(role_page(visit, &team, &m, &form).answer())
}

/// A question before somebody is shut out, let in again, or an invitation is taken back.
pub async fn sure(visit: &mut Visit<'_>, id: &str, act: &str) -> Answered {
    let team = team(visit).await?;
    let m = member(&team, id)?;
    let action = format!("/team/members/{id}/{act}");
    let mut page = FormPage::new(&visit.base, act, &action, &Form::default(), vec![]).back(HOME);
    page.lead = Some(visit.say(&format!("{act}-lead")));
    page.facts = facts(visit, &m);
    Ok(if act == "enable" { page } else { page.danger() }.answer())
}

pub async fn do_sure(visit: &mut Visit<'_>, id: &str, act: &str) -> Answered {
    visit.signed().await?;
    let id = id.to_owned();
    let (act, word) = match act {
        "disable" => (Act::Disable { member: id }, "disabled"),
        "enable" => (Act::Enable { member: id }, "enabled"),
        _ => (Act::Withdraw { id }, "withdrawn"),
    };
    let done = visit.act(act).await?;
    Ok(visit.after(&done, HOME, word))
}

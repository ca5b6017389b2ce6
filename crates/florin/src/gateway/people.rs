//! Users through the gateway's door: for the terminal of the machine's owner. Knows no factor and no page.

use super::ops::{Answer, Desk};
use super::ports::Real;
use crate::fail::Fail;
use florin_core::customer::Forget;
use florin_core::id::{Key, Kind};
use florin_core::money::{Currency, Money};
use florin_core::people::{
    Action, ApprovalState, Asked, Issued, Member, No, People, Permit, Purpose, Role, Rules, Seat, UserState, Waiting,
    Wish,
};
use florin_core::seal::Secret;
use florin_core::time::Time;
use florin_identity::{Identity, Place};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use url::Url;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "people", rename_all = "snake_case")]
pub enum PeopleAsk {
    /// A link for the first owner; null when there is one.
    FirstLink,
    List,
    Invite {
        email: String,
        role: String,
        /// On one account; none: on all.
        account: Option<String>,
        /// `50.00 eur`, for support.
        refund_limit: Option<String>,
    },
    /// Asks that somebody may make other factors.
    AskReset {
        user: String,
    },
    /// The link for it, once a second person approved.
    Reset {
        approval: String,
    },
    Disable {
        user: String,
    },
    Enable {
        user: String,
    },
    Erase {
        user: String,
    },
}

/// What settings say of signing in.
pub struct Signing {
    /// Where browsers reach the dashboard, if one is served.
    pub origin: Option<String>,
    /// Whom passkeys are made for, if not for its host.
    pub relying_party: Option<String>,
    pub sms_for_owners: bool,
    /// Mail can be sent, and codes to phones.
    pub mail: bool,
    pub sms: bool,
}

/// People of this installation. Without a dashboard nobody signs in, and the terminal's questions are answered all the same.
pub fn open(
    ports: Arc<Real>,
    root: &Secret,
    Signing { origin, relying_party, sms_for_owners, mail, sms }: Signing,
) -> Result<Arc<People>, Fail> {
    let at = origin.clone().unwrap_or_else(|| "https://localhost".to_owned());
    let host = || Url::parse(&at).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let relying_party = relying_party.filter(|_| origin.is_some()).unwrap_or_else(host);
    let place = Place { relying_party, origins: vec![at.clone()], product: "Florin".to_owned() };
    let identity = Identity::new(root, &place);
    let identity = identity.map_err(|why| Fail::usage("invalid_setting", "people.relying_party", why))?;
    let rules = Rules { sms, sms_for_owners, mail, origin: origin.unwrap_or_default() };
    Ok(Arc::new(People::new(ports, Arc::new(identity), root, rules)))
}

impl PeopleAsk {
    pub const fn changes(&self) -> bool {
        match self {
            PeopleAsk::List => false,
            PeopleAsk::FirstLink
            | PeopleAsk::Invite { .. }
            | PeopleAsk::AskReset { .. }
            | PeopleAsk::Reset { .. }
            | PeopleAsk::Disable { .. }
            | PeopleAsk::Enable { .. }
            | PeopleAsk::Erase { .. } => true,
        }
    }
}

/// Why it was not done, for a terminal.
struct Refused {
    code: &'static str,
    message: String,
    param: Option<&'static str>,
}

fn refused(code: &'static str, message: &str, param: Option<&'static str>) -> Refused {
    Refused { code, message: message.to_owned(), param }
}

impl From<No> for Refused {
    fn from(no: No) -> Refused {
        match no {
            No::NoSuch => refused("resource_missing", "There is no such user or approval.", Some("id")),
            No::Field(field) => {
                let message = format!("That cannot be taken: {field:?}.").to_lowercase();
                Refused { code: "parameter_invalid", message, param: None }
            }
            No::EmailTaken => refused("email_taken", "Somebody with that address is there already.", Some("email")),
            No::SecondPerson(_) => {
                refused("approval_needed", "A second person has to approve first, at the dashboard.", None)
            }
            No::LastOwner => refused("last_owner", "One owner has to stay. Make another one first.", Some("user")),
            No::Expired => refused("expired", "The approval holds no more. Ask anew.", Some("approval")),
            No::Used => refused("used", "That was used already, or was refused.", Some("approval")),
            No::TooMany => refused("too_many", "There are as many as there may be.", None),
            No::Denied { .. }
            | No::Wrong
            | No::Wait(_)
            | No::SignedOut
            | No::NoLink
            | No::Password(_)
            | No::Passkey(_)
            | No::Cloned
            | No::StepUp(_)
            | No::Oneself
            | No::LastFactor
            | No::NoSms => refused("not_allowed", "That is not allowed.", None),
            No::Busy | No::Contended => refused("contended", "Others changed the same just now. Try again.", None),
            No::Trouble(_) => refused("api_error", "The store has trouble.", None),
        }
    }
}

pub async fn answer(desk: &Desk, asked: PeopleAsk) -> Answer {
    match perform(desk, asked).await {
        Ok(value) => Answer::Ok(value),
        Err(Refused { code, message, param }) => {
            let status = if matches!(code, "api_error" | "contended") { 500 } else { 400 };
            Answer::Error { code: code.to_owned(), message, param: param.map(str::to_owned), status }
        }
    }
}

async fn perform(desk: &Desk, asked: PeopleAsk) -> Result<Value, Refused> {
    let people: &People = &desk.people;
    let edit = Permit::local(Action::EditTeam);
    match asked {
        PeopleAsk::FirstLink => {
            let reached = has_dashboard(people).is_ok();
            let issued = if reached { people.first_link().await? } else { None };
            Ok(json!({ "link": issued.map(|issued| people.link(&issued.token)) }))
        }
        PeopleAsk::List => {
            let read = Permit::local(Action::ReadTeam);
            let members = people.team(&read).await?;
            let waiting = people.invitations(&read).await?;
            let members: Vec<Value> = members.iter().map(|member| shape(desk, member)).collect();
            let waiting: Vec<Value> = waiting.iter().map(|waiting| invitation(desk, waiting)).collect();
            Ok(json!({ "object": "list", "data": members, "invitations": waiting }))
        }
        PeopleAsk::Invite { email, role, account, refund_limit } => {
            has_dashboard(people)?;
            let seat = seat(desk, &role, account.as_deref(), refund_limit.as_deref())?;
            Ok(link(desk, &people.invite(&edit, &email, vec![seat], "en").await?))
        }
        PeopleAsk::AskReset { user } => {
            let user = key(desk, Kind::User, &user)?;
            people.team(&Permit::local(Action::ReadTeam)).await?.iter().find(|m| m.user == user).ok_or(No::NoSuch)?;
            Ok(approval(desk, &people.wish(&edit, Wish::ResetFactors { user }).await?))
        }
        PeopleAsk::Reset { approval } => {
            has_dashboard(people)?;
            Ok(link(desk, &people.reset(&edit, key(desk, Kind::Approval, &approval)?).await?))
        }
        PeopleAsk::Disable { user } => Ok(shape(desk, &people.disable(&edit, key(desk, Kind::User, &user)?).await?)),
        PeopleAsk::Enable { user } => Ok(shape(desk, &people.enable(&edit, key(desk, Kind::User, &user)?).await?)),
        PeopleAsk::Erase { user } => {
            let key = key(desk, Kind::User, &user)?;
            people.erase(&edit, key).await?;
            let gone = desk.ports.store.forget(&[key]).await;
            gone.map_err(|_| refused("api_error", "The keys could not be destroyed. Ask again.", None))?;
            Ok(json!({ "id": user, "object": "florin.user", "deleted": true }))
        }
    }
}

fn has_dashboard(people: &People) -> Result<(), Refused> {
    let message =
        "No dashboard runs on this data folder. Start one: florin demo (or set dashboard.address for florin serve).";
    if people.rules.origin.is_empty() { Err(refused("no_dashboard", message, None)) } else { Ok(()) }
}

fn key(desk: &Desk, kind: Kind, id: &str) -> Result<Key, Refused> {
    Ok(desk.ports.ids.decode(kind, id).ok_or(No::NoSuch)?)
}

/// `50.00 eur`
fn money(text: &str) -> Option<Money> {
    let (amount, currency) = text.trim().split_once(' ')?;
    Money::parse(amount, Currency::parse(currency.trim())?).ok()
}

fn seat(desk: &Desk, role: &str, account: Option<&str>, refund_limit: Option<&str>) -> Result<Seat, Refused> {
    let limit = refund_limit.map(|text| {
        money(text).ok_or_else(|| refused("parameter_invalid", "Write the limit as 50.00 eur.", Some("refund_limit")))
    });
    let limit = limit.transpose()?;
    let role = Role::parse(role, limit).ok_or_else(|| {
        let known = Role::NAMES.join(", ");
        let message = format!("Roles: {known}. Support needs --refund-limit, as \"50.00 eur\".");
        Refused { code: "parameter_invalid", message, param: Some("role") }
    })?;
    let account = account.map(|id| {
        desk.ports.ids.decode(Kind::Account, id).ok_or_else(|| {
            refused("resource_missing", "There is no such account. `florin accounts list` shows them.", Some("account"))
        })
    });
    Ok(Seat { account: account.transpose()?, role })
}

fn link(desk: &Desk, issued: &Issued) -> Value {
    json!({
        "object": "florin.enrol_link", "link": desk.people.link(&issued.token), "ends": issued.until.seconds(),
        "id": desk.ports.ids.encode(Kind::Invitation, issued.invitation),
    })
}

fn seats(desk: &Desk, seats: &[Seat]) -> Vec<Value> {
    let one = |seat: &Seat| {
        let limit = match seat.role {
            Role::Support { refund_limit } => Some(refund_limit.to_string()),
            Role::Owner | Role::Admin | Role::Developer | Role::Analyst | Role::Auditor => None,
        };
        let account = seat.account.map(|key| desk.ports.ids.encode(Kind::Account, key));
        json!({ "role": seat.role.name(), "account": account, "refund_limit": limit })
    };
    seats.iter().map(one).collect()
}

fn shape(desk: &Desk, member: &Member) -> Value {
    let state = match member.state {
        UserState::Active => "active",
        UserState::Disabled { .. } => "disabled",
        UserState::Erased { .. } => "erased",
    };
    json!({
        "id": desk.ports.ids.encode(Kind::User, member.user), "object": "florin.user", "name": member.name,
        "email": member.email, "seats": seats(desk, &member.seats), "state": state, "passkeys": member.passkeys,
        "totp": member.totp, "phone": member.phone, "recovery_codes_left": member.recovery_left,
        "last_in": member.last_in.map(Time::seconds),
    })
}

fn invitation(desk: &Desk, waiting: &Waiting) -> Value {
    let (purpose, seats) = match &waiting.purpose {
        Purpose::FirstOwner => ("first_owner", vec![]),
        Purpose::Join { seats } => ("join", self::seats(desk, seats)),
        Purpose::Reset => ("reset", vec![]),
    };
    json!({
        "id": desk.ports.ids.encode(Kind::Invitation, waiting.invitation), "purpose": purpose, "seats": seats,
        "email": waiting.email, "ends": waiting.until.seconds(),
    })
}

fn approval(desk: &Desk, asked: &Asked) -> Value {
    let state = match asked.state {
        ApprovalState::Waiting => "waiting",
        ApprovalState::Approved { .. } => "approved",
        ApprovalState::Refused { .. } => "refused",
        ApprovalState::Done { .. } => "done",
    };
    json!({
        "id": desk.ports.ids.encode(Kind::Approval, asked.approval), "object": "florin.approval", "state": state,
        "action": asked.wish.action().name(), "ends": asked.until.seconds(),
    })
}

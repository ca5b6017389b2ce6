//! The house's people as tests see them, and a desk that answers as it is told and writes down what was asked of it.

use crate::desk::*;
use crate::sample::{NOW, eur};
use florin_core::store::Wait;
use florin_core::time::Time;
use std::future::ready;
use std::sync::Mutex;

pub struct Sample {
    pub person: Option<Person>,
    pub stage: Result<Stage, Refused>,
    pub ways: Ways,
    pub outcome: Result<Done, Refused>,
    pub acts: Mutex<Vec<(Asker, Act)>>,
}

impl Sample {
    /// Ada, an owner with a fresh factor.
    pub fn signed() -> Sample {
        Sample { person: Some(ada()), ..Sample::stranger() }
    }
    pub fn stranger() -> Sample {
        Sample {
            person: None,
            stage: Err(Refused::Unknown),
            ways: Ways { passkey: true, totp: true, recovery: true, sms: Some("···· 89".to_owned()) },
            outcome: Ok(Done::Plain),
            acts: Mutex::default(),
        }
    }
    pub fn at(stage: Stage) -> Sample {
        Sample { stage: Ok(stage), ..Sample::stranger() }
    }
    pub fn answers(self, outcome: Result<Done, Refused>) -> Sample {
        Sample { outcome, ..self }
    }
    pub fn acts(&self) -> Vec<Act> {
        self.acts.lock().unwrap().iter().map(|(_, act)| act.clone()).collect()
    }
    fn known<T: Send + 'static>(&self, told: T) -> Wait<'_, Result<T, Refused>> {
        Box::pin(ready(if self.person.is_some() { Ok(told) } else { Err(Refused::SignedOut) }))
    }
}

pub fn opened(text: &str) -> Opened {
    Opened { session: hidden(text), device: None }
}

pub fn hidden(text: &str) -> Hidden {
    Hidden(text.to_owned())
}

pub fn ada() -> Person {
    let account = Account { id: "acct_1".to_owned(), name: "Teashop".to_owned() };
    Person {
        name: "Ada Sample".to_owned(),
        email: "ada@shop.example".to_owned(),
        role: Role::Owner,
        accounts: vec![account.clone(), Account { id: "acct_2".to_owned(), name: "Coffee & Co.".to_owned() }],
        account,
        may: vec![Right::SeeTeam, Right::ChangeTeam, Right::Approve, Right::SeeAudit],
        fresh_until: Some(NOW.plus_ms(120_000)),
        waiting: 1,
        tasks: vec![(Task::Passkey, true), (Task::Codes, true), (Task::SecondPerson, false), (Task::Payment, false)],
    }
}

pub fn invited() -> Stage {
    let [email, account, by] = ["lin@shop.example", "Teashop", "Ada Sample"].map(|t| Some(t.to_owned()));
    Stage::Invited(Invited { email, role: Role::Support, account, by, expires: NOW.plus_ms(86_400_000) })
}

pub fn first() -> Stage {
    Stage::Invited(Invited {
        email: None,
        role: Role::Owner,
        account: None,
        by: None,
        expires: NOW.plus_ms(86_400_000),
    })
}

pub fn codes() -> Vec<Hidden> {
    (0..10).map(|n| hidden(&format!("K7QF-2M{n}X-9RTA-BE{n}D"))).collect()
}

fn member(id: &str, name: &str, email: &str, role: Role, state: MemberState) -> Member {
    let limit = (role == Role::Support).then(|| eur(10_000));
    let seen = (state == MemberState::Active).then(|| NOW.plus_ms(-3_600_000));
    let text = |t: &str| t.to_owned();
    Member { id: text(id), name: text(name), email: text(email), role, limit, state, seen, you: id == "usr_1" }
}

fn entry(number: u64) -> AuditEntry {
    let what = ["sign_in", "api_key.make", "user.invite"][usize::try_from(number % 3).unwrap()];
    AuditEntry {
        number,
        at: NOW.plus_ms(i64::try_from(number).unwrap() * 60_000),
        what: what.to_owned(),
        actor: "Ada Sample".to_owned(),
        subject: number.is_multiple_of(2).then(|| "sk_live_…8f2c".to_owned()),
        address: Some("192.0.2.7".to_owned()),
        outcome: if number == 7 { State::Refused } else { State::Done },
        leaf: "3b9c".repeat(16),
        link: "a01f".repeat(16),
    }
}

/// A picture that looks like a code; readers of codes find nothing in it.
fn qr() -> Qr {
    let mut path = String::new();
    for y in 0..29 {
        for x in (0..29).filter(|x| (x * x + y * 7 + x * y) % 3 == 0) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + 4, y + 4));
        }
    }
    Qr { side: 37, path: Hidden(path) }
}

impl Desk for Sample {
    fn now(&self) -> Time {
        NOW
    }
    fn who<'a>(&'a self, _: &'a Asker) -> Answer<'a, Person> {
        Box::pin(ready(self.person.clone().ok_or(Refused::SignedOut)))
    }
    fn stage<'a>(&'a self, _: &'a Asker) -> Answer<'a, Stage> {
        Box::pin(ready(self.stage.clone()))
    }
    fn act<'a>(&'a self, asker: &'a Asker, act: Act) -> Answer<'a, Done> {
        self.acts.lock().unwrap().push((asker.clone(), act));
        Box::pin(ready(self.outcome.clone()))
    }
    fn options<'a>(&'a self, _: &'a Asker, purpose: Purpose) -> Answer<'a, Options> {
        let entry = (purpose == Purpose::SignIn).then(|| hidden("challenge-1"));
        Box::pin(ready(Ok(Options { entry, json: "{\"publicKey\":{}}".to_owned() })))
    }
    fn new_totp<'a>(&'a self, _: &'a Asker) -> Answer<'a, NewTotp> {
        let (key, uri) =
            (hidden("JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"), hidden("otpauth://totp/Florin:ada?secret=JBSW"));
        Box::pin(ready(Ok(NewTotp { key, uri, qr: qr() })))
    }
    fn ways<'a>(&'a self, _: &'a Asker) -> Answer<'a, Ways> {
        self.known(self.ways.clone())
    }
    fn security<'a>(&'a self, _: &'a Asker) -> Answer<'a, Security> {
        let passkey = |id: &str, label: &str, used| Passkey {
            id: id.to_owned(),
            label: label.to_owned(),
            added: NOW,
            blocked: id == "pk_2",
            used,
        };
        self.known(Security {
            passkeys: vec![passkey("pk_1", "Work laptop", Some(NOW)), passkey("pk_2", "", None)],
            totp: Some(NOW),
            phone: Some("+49 ··· ··· 89".to_owned()),
            may_phone: true,
            codes_left: 3,
            password_changed: Some(NOW),
        })
    }
    fn sessions<'a>(&'a self, _: &'a Asker) -> Answer<'a, Vec<SessionRow>> {
        let row = |id: &str, device: &str, here| SessionRow {
            id: id.to_owned(),
            device: device.to_owned(),
            address: "192.0.2.7".to_owned(),
            began: NOW.plus_ms(-7_200_000),
            seen: NOW.plus_ms(-120_000),
            here,
        };
        self.known(vec![row("ses_1", "Firefox on Linux", true), row("ses_2", "Safari on iPhone", false)])
    }
    fn team<'a>(&'a self, _: &'a Asker) -> Answer<'a, Team> {
        let members = vec![
            member("usr_1", "Ada Sample", "ada@shop.example", Role::Owner, MemberState::Active),
            member("usr_2", "Lin Sample", "lin@shop.example", Role::Support, MemberState::Active),
            member("inv_3", "", "new@shop.example", Role::Developer, MemberState::Invited),
            member("usr_4", "Old Sample", "old@shop.example", Role::Analyst, MemberState::Disabled),
        ];
        self.known(Team { members, gives: Role::ALL.to_vec() })
    }
    fn approvals<'a>(&'a self, _: &'a Asker) -> Answer<'a, Vec<Approval>> {
        let one = |id: &str, what, state, yours| Approval {
            id: id.to_owned(),
            what,
            details: vec![("fact-amount", "1200.00 EUR".to_owned())],
            by: "Lin Sample".to_owned(),
            asked: NOW.plus_ms(-3_600_000),
            expires: NOW.plus_ms(82_800_000),
            state,
            yours,
        };
        self.known(vec![
            one("apr_1", "approve-refund", ApprovalState::Waiting, false),
            one("apr_2", "approve-payout", ApprovalState::Waiting, true),
            one("apr_3", "approve-kek", ApprovalState::Approved, false),
            one("apr_4", "approve-key", ApprovalState::Expired, true),
        ])
    }
    fn audit<'a>(&'a self, _: &'a Asker, query: AuditQuery) -> Answer<'a, AuditList> {
        let newest = query.before.unwrap_or(21) - 1;
        self.known(AuditList {
            entries: (newest.saturating_sub(19)..=newest).rev().map(entry).collect(),
            more: newest > 20 || query.before.is_none(),
            groups: vec!["entering", "keys", "team"],
            verified: Verified::Sound { entries: 1_204, at: NOW, checkpoint: Some(NOW) },
        })
    }
    fn audit_entry<'a>(&'a self, _: &'a Asker, number: u64) -> Answer<'a, AuditEntry> {
        self.known(entry(number))
    }
    fn audit_proof<'a>(&'a self, _: &'a Asker, number: u64) -> Answer<'a, String> {
        self.known(format!("proof of {number}\n"))
    }
}

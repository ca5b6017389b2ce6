//! What the desk tells: people, factors, sessions, teams, approvals, entries of the audit log. Plain data; ids are text that only the desk reads.

use super::Hidden;
use florin_core::money::Money;
use florin_core::time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Owner,
    Admin,
    Developer,
    Support,
    Analyst,
    Auditor,
}

impl Role {
    pub const ALL: [Role; 6] = [Role::Owner, Role::Admin, Role::Developer, Role::Support, Role::Analyst, Role::Auditor];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Developer => "developer",
            Role::Support => "support",
            Role::Analyst => "analyst",
            Role::Auditor => "auditor",
        }
    }
    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What decides which pages are offered. The desk refuses what a role may not, whatever a page offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    SeeTeam,
    ChangeTeam,
    Approve,
    SeeAudit,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: String,
    pub name: String,
}

/// Whoever is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub email: String,
    pub role: Role,
    /// The one that they look at.
    pub account: Account,
    /// All that they may look at, this one among them.
    pub accounts: Vec<Account>,
    pub may: Vec<Right>,
    /// Until when no other factor is asked for dangerous acts.
    pub fresh_until: Option<Time>,
    /// Approvals that wait for them.
    pub waiting: usize,
    /// What is left to set up, done or not, in the order it is advised.
    pub tasks: Vec<(Task, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A passkey, so that no password is needed.
    Passkey,
    /// Recovery codes that are enough and were made by them.
    Codes,
    /// A second owner or admin: alone, nobody can approve.
    SecondPerson,
    /// A first payment with a test card.
    Payment,
}

/// The second factors that somebody has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    pub passkey: bool,
    pub totp: bool,
    pub recovery: bool,
    /// The phone as it may be shown: its last two digits.
    pub sms: Option<String>,
}

/// Where a sign-in or an enrolment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The password was right (or might have been: strangers see the same); a second factor decides.
    Second(Ways),
    /// A good link: name and password come next.
    Invited(Invited),
    /// They have a password: the second factor comes next.
    Factor { email: String, done: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// None for the installation's first owner.
    pub email: Option<String>,
    pub role: Role,
    pub account: Option<String>,
    pub by: Option<String>,
    pub expires: Time,
}

/// A proof that somebody is who they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Factor {
    Passkey { credential: Hidden },
    Totp { code: Hidden },
    Recovery { code: Hidden },
    Sms { code: Hidden },
}

/// A second factor to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewFactor {
    Passkey {
        label: String,
        credential: Hidden,
    },
    /// A code of the secret that `new_totp` gave.
    Totp {
        code: Hidden,
    },
}

/// What a passkey is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Without a password, by whoever has one.
    SignIn,
    /// As second factor of the entry.
    Prove,
    /// Made at enrolment.
    Enrol,
    /// Another one for whoever is signed in.
    Add,
    /// That it is them.
    Confirm,
}

impl Purpose {
    pub const ALL: [Purpose; 5] = [Purpose::SignIn, Purpose::Prove, Purpose::Enrol, Purpose::Add, Purpose::Confirm];

    pub const fn name(self) -> &'static str {
        match self {
            Purpose::SignIn => "sign-in",
            Purpose::Prove => "prove",
            Purpose::Enrol => "enrol",
            Purpose::Add => "add",
            Purpose::Confirm => "confirm",
        }
    }
    pub const fn makes(self) -> bool {
        match self {
            Purpose::Enrol | Purpose::Add => true,
            Purpose::SignIn | Purpose::Prove | Purpose::Confirm => false,
        }
    }
}

pub struct Options {
    /// A new entry that the challenge belongs to, if there was none.
    pub entry: Option<Hidden>,
    /// `{"publicKey": …}`.
    pub json: String,
}

/// A QR code with its quiet zone, as an SVG image's square side and the path of its dark modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    pub side: u32,
    pub path: Hidden,
}

/// A secret for an authenticator app (RFC 6238).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTotp {
    /// Base32 in groups of four, to be typed.
    pub key: Hidden,
    /// `otpauth://…`, for a tap on the phone itself.
    pub uri: Hidden,
    /// The same as a QR code.
    pub qr: Qr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    pub id: String,
    pub label: String,
    pub added: Time,
    pub used: Option<Time>,
    /// Its counter went back: it opens nothing any more.
    pub blocked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    pub passkeys: Vec<Passkey>,
    /// Since when an authenticator app is there.
    pub totp: Option<Time>,
    /// The phone as it may be shown.
    pub phone: Option<String>,
    /// This house sends codes to phones, and their role may use them.
    pub may_phone: bool,
    pub codes_left: u8,
    /// None: it is not told.
    pub password_changed: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub id: String,
    pub device: String,
    pub address: String,
    pub began: Time,
    pub seen: Time,
    /// The one that asks.
    pub here: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    Active,
    Invited,
    Disabled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    /// Empty until they enrolled.
    pub name: String,
    pub email: String,
    pub role: Role,
    /// Largest refund of a support member without a second person.
    pub limit: Option<Money>,
    pub state: MemberState,
    pub seen: Option<Time>,
    pub you: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub members: Vec<Member>,
    /// Roles that the asker may give.
    pub gives: Vec<Role>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    Waiting,
    Approved,
    Refused,
    Expired,
}

/// A name and a value; the name is the key of words (`fact-…`).
pub type Fact = (&'static str, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub id: String,
    /// The key of the words for what is asked (`approve-…`).
    pub what: &'static str,
    pub details: Vec<Fact>,
    pub by: String,
    pub asked: Time,
    pub expires: Time,
    pub state: ApprovalState,
    /// They asked for it themselves, so somebody else decides.
    pub yours: bool,
}

/// Which entries, as the address of the page says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// A group of actions (`audit-group-…`), of those in `AuditList::groups`.
    pub group: Option<String>,
    /// Part of a name or an address of whoever did it.
    pub actor: Option<String>,
    /// The first moment of a day, and of the day after the last.
    pub from: Option<Time>,
    pub until: Option<Time>,
    /// Entries older than this number.
    pub before: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Done,
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub number: u64,
    pub at: Time,
    /// The key of the words for what was done (`audit-…`).
    pub what: String,
    pub actor: String,
    pub subject: Option<String>,
    pub address: Option<String>,
    pub outcome: State,
    /// Hash of the entry's leaf and of the chain up to it, in hexadecimal digits.
    pub leaf: String,
    pub link: String,
}

/// What the log's last check said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// This many entries fit chain, tree and the last checkpoint.
    Sound {
        entries: u64,
        at: Time,
        checkpoint: Option<Time>,
    },
    /// The first entry that does not fit.
    Broken {
        number: u64,
    },
    NotYet,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditList {
    pub entries: Vec<AuditEntry>,
    /// There are older ones that fit.
    pub more: bool,
    pub groups: Vec<&'static str>,
    pub verified: Verified,
}

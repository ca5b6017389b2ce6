//! The desk at which people get in and run the house: what pages ask of it and what it answers. Knows no page, no store and no cryptography.

mod told;

pub use told::{
    Account, Approval, ApprovalState, AuditEntry, AuditList, AuditQuery, Fact, Factor, Invited, Member, MemberState,
    NewFactor, NewTotp, Options, Passkey, Person, Purpose, Qr, Right, Role, Security, SessionRow, Stage, State, Task,
    Team, Verified, Ways,
};

use florin_core::money::Money;
use florin_core::store::Wait;
use florin_core::time::Time;
use std::fmt;
use std::net::IpAddr;

/// What is never shown again: a password, a code, the value of a cookie or a link. Debug says nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// Who asks: what their browser brought, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The value of the session's cookie.
    pub session: Option<Hidden>,
    /// The value of the cookie of a sign-in or an enrolment that is under way; for an enrolment this is the link's own token.
    pub entry: Option<Hidden>,
    /// What this browser was given to be known again.
    pub device: Option<Hidden>,
    /// The account that they chose to look at.
    pub account: Option<String>,
    pub client: IpAddr,
    /// The browser as people call it: `Firefox · Linux`.
    pub agent: String,
    /// The code of the page's language.
    pub language: &'static str,
}

/// They are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub session: Hidden,
    /// For a browser that is not known yet.
    pub device: Option<Hidden>,
}

/// What people do. Each is done whole or not at all, by one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    // Getting in. `Done::Entry` says that a second factor is asked for, `Done::Session` that they are in.
    SignIn {
        email: String,
        password: Hidden,
    },
    /// A discoverable passkey: the answer to `Purpose::SignIn`.
    SignInPasskey {
        credential: Hidden,
    },
    /// The second factor of the entry.
    Prove(Factor),
    /// A code to the phone of whoever the entry is of.
    SendCode,
    // Enrolling, by the link in the entry. The first owner has no e-mail address yet; others have the one that was invited.
    Enrol {
        email: Option<String>,
        name: String,
        password: Hidden,
    },
    /// The mandatory second factor: answered by `Done::Codes` with a session.
    EnrolFactor(NewFactor),
    // Somebody's own affairs.
    SignOut,
    /// A fresh factor: answered by `Done::Session`, because sessions are given a new name then.
    Confirm(Factor),
    AddFactor(NewFactor),
    RenamePasskey {
        id: String,
        label: String,
    },
    RemovePasskey {
        id: String,
    },
    SetPhone {
        phone: String,
    },
    CheckPhone {
        code: Hidden,
    },
    RemovePhone,
    NewCodes,
    ChangePassword {
        old: Hidden,
        new: Hidden,
    },
    EndSession {
        id: String,
    },
    EndOthers,
    // The team's.
    Invite {
        email: String,
        role: Role,
        limit: Option<Money>,
    },
    Withdraw {
        id: String,
    },
    SetRole {
        member: String,
        role: Role,
        limit: Option<Money>,
    },
    Disable {
        member: String,
    },
    Enable {
        member: String,
    },
    Decide {
        approval: String,
        approve: bool,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Plain,
    /// A sign-in or enrolment goes on under this cookie.
    Entry(Hidden),
    /// They are in, under this cookie.
    Session(Opened),
    /// Recovery codes, shown this once; with the session if this ended an enrolment.
    Codes {
        session: Option<Opened>,
        codes: Vec<Hidden>,
    },
    /// A second person has to approve first: the approval's id.
    Waits(String),
    /// An invitation: mailed, or if no mail can be sent the link to hand over.
    Invited {
        link: Option<Hidden>,
    },
}

/// Why nothing was done. Nothing of it tells a stranger whether somebody is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No session, or it has ended.
    SignedOut,
    /// What was given proves nothing: e-mail with password, code, passkey.
    Wrong,
    /// Too many tries: none counts before.
    Locked {
        until: Time,
    },
    /// A link, a code or a sign-in that was good once.
    Expired,
    /// It was used already. Nothing happened again.
    Used,
    /// Not made by this installation, or altered.
    Unknown,
    /// A field of the form cannot be taken: its name, and the key of the words that say what to change (`fault-…`).
    Field {
        name: &'static str,
        why: &'static str,
    },
    /// A fresh factor is asked for first.
    StepUp,
    /// Their role may not; these may.
    Role {
        can: Vec<Role>,
    },
    /// Somebody changed it meanwhile, or it is not there any more.
    Stale,
    Missing,
    /// What the rules of the house forbid: the key of the words that say why (`refused-…`).
    Rule {
        why: &'static str,
    },
    /// The store does not answer, or what is done cannot be written to the audit log.
    Trouble,
}

pub type Answer<'a, T> = Wait<'a, Result<T, Refused>>;

/// Where pages for people get what they show and do what was asked.
pub trait Desk: Send + Sync {
    fn now(&self) -> Time;
    /// Whose session it is; `SignedOut` if it is nobody's.
    fn who<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Person>;
    /// How far a sign-in or an enrolment is.
    fn stage<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Stage>;
    fn act<'a>(&'a self, asker: &'a Asker, act: Act) -> Answer<'a, Done>;
    /// What a browser's authenticator is asked (WebAuthn level 3, §5.4 and §5.5), as JSON.
    fn options<'a>(&'a self, asker: &'a Asker, purpose: Purpose) -> Answer<'a, Options>;
    /// A new secret for an authenticator app; asked again before it is confirmed, the same.
    fn new_totp<'a>(&'a self, asker: &'a Asker) -> Answer<'a, NewTotp>;
    /// The ways to confirm that it is them.
    fn ways<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Ways>;
    fn security<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Security>;
    fn sessions<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Vec<SessionRow>>;
    fn team<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Team>;
    fn approvals<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Vec<Approval>>;
    fn audit<'a>(&'a self, asker: &'a Asker, query: AuditQuery) -> Answer<'a, AuditList>;
    fn audit_entry<'a>(&'a self, asker: &'a Asker, number: u64) -> Answer<'a, AuditEntry>;
    /// An inclusion proof that `florin audit check-proof` verifies: a text file.
    fn audit_proof<'a>(&'a self, asker: &'a Asker, number: u64) -> Answer<'a, String>;
}

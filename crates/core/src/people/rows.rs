//! What is stored about sign-ins, sessions, invitations and approvals. Stages are enums with that stage's data. Decides nothing.

use super::approve::Wish;
use super::role::Seat;
use crate::codec::Body;
use crate::id::{Key, Kind};
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Whose an address of mail is: the row's key is a keyed hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserName {
    pub hash: [u8; 32],
    /// None: free again.
    pub user: Option<Key>,
}

/// One row for the installation: who expects it knows that no owner came or went meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    pub owners: Vec<Key>,
    pub people: u32,
}

/// A challenge or link that was used: its key is a hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub hash: [u8; 32],
}

/// What somebody proved who they are with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// A passkey that verified its person: two factors in one.
    Passkey,
    Totp,
    Recovery,
    /// The weakest: never for a step-up.
    Sms,
    /// The link of an enrolment, and the factor that was made there.
    Enrolment,
}

impl Method {
    pub const fn name(self) -> &'static str {
        match self {
            Method::Passkey => "passkey",
            Method::Totp => "totp",
            Method::Recovery => "recovery",
            Method::Sms => "sms",
            Method::Enrolment => "enrolment",
        }
    }
}

/// A code on its way to a phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsCode {
    pub hash: [u8; 32],
    pub until: Time,
    pub tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignInState {
    /// The password was right: the second factor is waited for.
    Second { tries: u32 },
    /// It became this session.
    Done { session: Key },
    /// Too many wrong second factors.
    Closed,
}

/// A sign-in between its first factor and its second: no rights at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    pub user: Key,
    /// Of what the browser holds.
    pub hash: [u8; 32],
    pub until: Time,
    pub state: SignInState,
}

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInPersonal {
    /// Of a passkey, in the checker's words, and until when.
    pub challenge: Option<(String, Time)>,
    pub sms: Option<SmsCode>,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    SignedOut,
    /// By its own person, from another session.
    Revoked,
    /// By a change of factors or of the team.
    Swept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    Open,
    Ended { at: Time, why: Ended },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub user: Key,
    /// Of what the browser holds now: another after each step-up.
    pub hash: [u8; 32],
    pub began: Time,
    pub seen: Time,
    /// When a factor was shown last that opens what is dangerous.
    pub fresh: Option<Time>,
    pub method: Method,
    pub state: SessionState,
}

/// What was begun in a session and waits for its second half.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pending {
    Totp { secret: Vec<u8>, until: Time },
    Passkey { challenge: String, until: Time },
    Phone { number: String, code: SmsCode },
    StepUp { challenge: String, until: Time },
}

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPersonal {
    pub address: String,
    /// `Firefox on Linux`
    pub label: String,
    pub pending: Option<Pending>,
}

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// The first owner of an installation that has none.
    FirstOwner,
    Join {
        seats: Vec<Seat>,
    },
    /// A new password and new factors for somebody who lost theirs.
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvitationState {
    Open,
    /// Name and password are given; the second factor is missing.
    Named,
    Used {
        at: Time,
    },
    Withdrawn {
        at: Time,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub purpose: Purpose,
    /// The user that comes of it.
    pub user: Key,
    /// Of the link.
    pub hash: [u8; 32],
    pub until: Time,
    /// None: the command line.
    pub by: Option<Key>,
    pub state: InvitationState,
}

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationPersonal {
    pub name: String,
    pub email: String,
    pub password: Option<String>,
    pub totp: Option<Vec<u8>>,
    /// Of a passkey, in the checker's words, and until when.
    pub challenge: Option<(String, Time)>,
    pub language: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalState {
    Waiting,
    /// `by` none: a second administrator at the command line.
    Approved {
        by: Option<Key>,
        at: Time,
    },
    Refused {
        by: Option<Key>,
        at: Time,
    },
    /// What was wished is done, in the commit that says so here.
    Done {
        at: Time,
    },
}

/// What one person wishes and another has to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub wish: Wish,
    /// None: the command line.
    pub by: Option<Key>,
    pub until: Time,
    pub state: ApprovalState,
}

macro_rules! rows {
    ($($body:ident: $kind:ident),+ $(,)?) => {$(
        impl Body for $body {
            const FORMAT: u8 = 1;
        }
        impl Record for $body {
            const KIND: Kind = Kind::$kind;
        }
    )+};
}

rows!(
    UserName: UserName,
    Roster: Roster,
    Spent: Spent,
    SignIn: SignIn,
    Session: Session,
    Invitation: Invitation,
    Approval: Approval,
);

macro_rules! personal {
    ($($body:ident),+ $(,)?) => {$(
        impl Body for $body {
            const FORMAT: u8 = 1;
        }
        impl std::fmt::Debug for $body {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($body), "(…)"))
            }
        }
    )+};
}

personal!(SignInPersonal, SessionPersonal, InvitationPersonal);

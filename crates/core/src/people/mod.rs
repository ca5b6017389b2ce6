//! The people who run payments: users, what proves them, sessions, teams, approvals. They belong to the installation, not to a merchant's
//! account; a seat gives a user a role on an account. Knows no cryptography beyond keyed hashes (`Checker` brings it), and no page.

mod approve;
mod checker;
mod draft;
mod enrol;
#[cfg(test)]
mod golden;
mod no;
mod passkey;
mod proof;
mod role;
mod rows;
mod security;
mod session;
mod sign_in;
mod step_up;
mod team;
mod token;
mod tries;
mod user;

pub use approve::{Asked, Wish};
pub use checker::{BadPasskey, BadPassword, Busy, Challenge, Checker, NamedPasskey, TotpOffer};
pub use enrol::{Enrolled, Issued, Opening};
pub use no::{Field, No};
pub use passkey::PasskeyAsk;
pub use proof::{Offers, Proof};
pub use role::{Action, Need, Permit, Role, Seat};
pub use rows::{
    Approval, ApprovalState, Ended, Invitation, InvitationPersonal, InvitationState, Method, Pending, Purpose, Roster,
    Session, SessionPersonal, SessionState, SignIn, SignInPersonal, SignInState, SmsCode, Spent, UserName,
};
pub use security::Factors;
pub use session::{SessionInfo, Signed, SignedIn};
pub use sign_in::Begun;
pub use team::{Member, Waiting};
pub use token::Token;
pub use tries::Tries;
pub use user::{Device, Passkey, RecoveryCode, Totp, User, UserPersonal, UserState};

use crate::id::{self, Key};
use crate::ports::Ports;
use crate::seal::{SealKey, Secret};
use std::net::IpAddr;
use std::sync::Arc;

/// Users of one installation. More is a design of its own.
pub const MOST_USERS: u32 = 1_000;
/// Characters of a name, of an address of mail, of a passkey's name.
pub const LONGEST_NAME: usize = 100;
pub const LONGEST_EMAIL: usize = 254;
/// Passkeys of one user, and devices that are remembered of one.
pub const MOST_PASSKEYS: usize = 20;
pub const MOST_DEVICES: usize = 20;
pub const RECOVERY_CODES: usize = 10;
/// How long a link to enrol opens: a day.
pub const LINK_OPENS_MS: i64 = 86_400_000;
/// How long the second factor may take after the first.
pub const SIGN_IN_MS: i64 = 600_000;
/// Wrong second factors of one sign-in.
pub const SECOND_TRIES: u32 = 5;
/// How long a challenge to a passkey holds.
pub const CHALLENGE_MS: i64 = 300_000;
/// How long a code that was sent to a phone holds, and how many wrong ones it bears.
pub const SMS_MS: i64 = 300_000;
pub const SMS_TRIES: u32 = 5;
/// PCI DSS 8.2.8: after a quarter of an hour without a request a session is over.
pub const IDLE_MS: i64 = 900_000;
/// However busy it is, a session ends after twelve hours.
pub const SESSION_MS: i64 = 43_200_000;
/// When a session was last seen is written down at most this often.
pub const SEEN_EVERY_MS: i64 = 60_000;
/// How long a fresh factor opens what is dangerous.
pub const FRESH_MS: i64 = 300_000;
/// How long a second person may take to approve: a day.
pub const APPROVAL_MS: i64 = 86_400_000;

/// What may differ from one installation to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Codes can be sent to phones.
    pub sms: bool,
    /// Also to those of owners. Never for a step-up.
    pub sms_for_owners: bool,
    /// Mail can be sent.
    pub mail: bool,
    /// Where the dashboard is, as `https://pay.example.com`: links in mail lead there.
    pub origin: String,
}

/// From where and with what somebody asks. Personal: kept sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    pub address: IpAddr,
    /// The browser, as people call it: `Firefox on Linux`. At most 100 characters are kept.
    pub agent: String,
    /// What `SignedIn::device` gave the browser before.
    pub device: Option<String>,
}

/// Every flow about people. One for a process.
pub struct People {
    pub(crate) ports: Arc<dyn Ports>,
    pub(crate) checker: Arc<dyn Checker>,
    pub rules: Rules,
    secret: Secret,
    tickets: SealKey,
}

impl People {
    /// `root` stays the same as long as the installation: what is kept is found by hashes under a key derived from it.
    pub fn new(ports: Arc<dyn Ports>, checker: Arc<dyn Checker>, root: &Secret, rules: Rules) -> People {
        let secret = root.derive(b"florin people, v1");
        let tickets = SealKey::new(&secret.derive(b"tickets of challenges, v1"), 1);
        People { ports, checker, rules, secret, tickets }
    }

    /// Stands for a value without telling it.
    pub(crate) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut whole = vec![purpose.as_bytes(), b"\0"];
        whole.extend_from_slice(parts);
        self.secret.mac(&whole)
    }

    /// The address of a link to enrol.
    pub fn link(&self, token: &Token) -> String {
        format!("{}/enrol/{}", self.rules.origin, token.expose())
    }

    /// Where the row that stands for a value lies.
    pub(crate) fn place(&self, purpose: &str, value: &[u8]) -> Key {
        id::place(&self.mac(purpose, &[value]))
    }
}

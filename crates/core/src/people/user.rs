//! A user and what proves one. Everything that tells who it is lies under a key of the user's own. Decides nothing.

use super::role::{Role, Seat};
use crate::codec::Body;
use crate::id::Kind;
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserState {
    Active,
    /// Gets in no more. An owner may turn it back.
    Disabled {
        at: Time,
    },
    /// Who it was is unreadable for good.
    Erased {
        at: Time,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub state: UserState,
    pub seats: Vec<Seat>,
    /// Sessions that began before are over.
    pub sessions_from: Time,
}

impl User {
    pub fn is_active(&self) -> bool {
        self.state == UserState::Active
    }
    pub fn is_owner(&self) -> bool {
        self.seats.iter().any(|seat| seat.role == Role::Owner && seat.account.is_none())
    }
}

impl Body for User {
    const FORMAT: u8 = 1;
}

impl Record for User {
    const KIND: Kind = Kind::User;
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    /// 20 random bytes.
    pub secret: Vec<u8>,
    /// The step of the last code that was taken: a code works once.
    pub last_step: i64,
    pub added: Time,
}

/// What is kept of a passkey.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// The credential's id, at most 1,023 bytes (WebAuthn §4).
    pub id: Vec<u8>,
    /// Public key, counter and flags, in the checker's own words.
    pub data: String,
    /// What its owner calls it.
    pub name: String,
    /// Kept by a service and on several devices.
    pub synced: bool,
    pub added: Time,
    pub used: Option<Time>,
    /// Its counter went back: it opens nothing.
    pub blocked: bool,
}

/// A keyed hash: 80 random bits need no slow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCode(pub [u8; 32]);

/// A browser that somebody signed in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Keyed hash of what the browser holds.
    pub mark: [u8; 32],
    pub label: String,
    pub first: Time,
    pub last: Time,
}

/// Never printed whole.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPersonal {
    pub name: String,
    pub email: String,
    /// E.164, once a code that was sent there came back.
    pub phone: Option<String>,
    /// Argon2id over a keyed hash (PHC string).
    pub password: Option<String>,
    pub totp: Option<Totp>,
    pub passkeys: Vec<Passkey>,
    pub recovery: Vec<RecoveryCode>,
    pub devices: Vec<Device>,
    /// `en`, `ko`, `zh`: what messages are written in.
    pub language: String,
}

impl UserPersonal {
    /// Passkeys that still open something.
    pub fn good_passkeys(&self) -> Vec<Passkey> {
        self.passkeys.iter().filter(|key| !key.blocked).cloned().collect()
    }
}

impl std::fmt::Debug for UserPersonal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserPersonal(…)")
    }
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Totp(…)")
    }
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passkey(…)")
    }
}

impl Body for UserPersonal {
    const FORMAT: u8 = 1;
}

/// What a user is found under.
pub(super) fn normal_email(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    let (local, domain) = email.rsplit_once('@')?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"' | '@');
    let fits = email.len() <= super::LONGEST_EMAIL && !local.is_empty() && domain.len() > 2 && domain.contains('.');
    (fits && local.chars().all(plain) && domain.chars().all(plain)).then_some(email)
}

/// A name as people write it.
pub(super) fn normal_name(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= super::LONGEST_NAME && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

/// `+` and 8 to 15 digits (E.164); spaces, dots, dashes and brackets are dropped.
pub(super) fn normal_phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let number = digits.strip_prefix('+')?;
    let fits =
        (8..=15).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    fits.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type() {
        let email = |text: &str, expected: Option<&str>| assert_eq!(normal_email(text).as_deref(), expected, "{text}");
        email(" Kim@Example.COM ", Some("kim@example.com"));
        email("김@example.kr", Some("김@example.kr"));
        email("kim", None);
        email("kim@", None);
        email("@example.com", None);
        email("a b@example.com", None);
        email("kim@localhost", None);
        email("kim@example.com\r\nBcc: x@example.com", None);
        let phone = |text: &str, expected: Option<&str>| assert_eq!(normal_phone(text).as_deref(), expected, "{text}");
        phone("+31 (6) 1234-5678", Some("+31612345678"));
        phone("0612345678", None);
        phone("+0612345678", None);
        phone("+31", None);
        phone("+3161234567812345", None);
        assert_eq!(normal_name("  김 "), Some("김".to_owned()));
        assert_eq!(normal_name(" "), None);
        assert_eq!(normal_name(&"x".repeat(101)), None);
    }
}

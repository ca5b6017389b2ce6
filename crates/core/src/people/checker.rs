//! What checks passwords, codes and passkeys: a port. The crate `identity` brings the cryptography; tests bring their own.

use super::user::Passkey;
use crate::id::Key;
use crate::store::Wait;
use crate::time::Time;

/// Too many passwords wait to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Why a password is not taken. There is no rule about which letters it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPassword {
    /// Fewer than 15 characters.
    TooShort,
    /// More than 256.
    TooLong,
    /// On the list of common ones, or a run such as 123456789012345.
    Common,
    /// Made of the product's name, the person's name or address, or the shop's name.
    Context,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPasskey {
    /// What the browser sent is no answer to a challenge.
    Unfit,
    /// No passkey of this person.
    Unknown,
    /// Another origin, another challenge, a wrong signature, or the person was not verified.
    Refused,
    /// The counter went back.
    Cloned,
}

/// Whom an answer names; a passkey that was asked for by its id may leave the user out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPasskey {
    pub user: Option<Key>,
    pub id: Vec<u8>,
}

/// A question to a passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// For the browser: the argument of `navigator.credentials`, as JSON (`PublicKeyCredential.parse…OptionsFromJSON`).
    pub options: String,
    /// For whoever checks the answer. Not for the browser.
    pub state: String,
}

/// How an authenticator app learns its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotpOffer {
    /// Base 32, in groups of four.
    pub text: String,
    /// `otpauth://totp/…`
    pub uri: String,
    /// The same as an SVG picture, black on white.
    pub qr_svg: String,
}

pub trait Checker: Send + Sync {
    /// Fit for keys.
    fn random(&self) -> [u8; 32];
    /// Whether a new password may be taken. `context`: what must not be most of it.
    fn judge(&self, password: &str, context: &[&str]) -> Result<(), BadPassword>;
    /// What is kept of a password.
    fn hash<'a>(&'a self, password: &'a str) -> Wait<'a, Result<String, Busy>>;
    /// The same work for people that do not exist; for those it is never true.
    fn fits<'a>(&'a self, password: &'a str, kept: Option<&'a str>) -> Wait<'a, Result<bool, Busy>>;
    /// The step (RFC 6238: 30 seconds) that a code belongs to, which is this one, the one before or the one after.
    fn totp_step(&self, secret: &[u8], code: &str, now: Time) -> Option<i64>;
    fn totp_offer(&self, secret: &[u8], email: &str) -> TotpOffer;
    /// Asks for a new passkey, that finds its user itself and verifies who holds it.
    fn passkey_make(&self, user: Key, email: &str, name: &str, known: &[Passkey]) -> Result<Challenge, BadPasskey>;
    /// Reads the answer. The passkey has no name yet.
    fn passkey_made(&self, state: &str, answer: &str, now: Time) -> Result<Passkey, BadPasskey>;
    /// Asks any passkey of this installation (none), or one of these.
    fn passkey_ask(&self, known: Option<&[Passkey]>) -> Result<Challenge, BadPasskey>;
    /// Whom and what the answer names. Nothing is proved by it.
    fn passkey_named(&self, answer: &str) -> Option<NamedPasskey>;
    /// The passkey that answered, as it is to be kept from now on.
    fn passkey_used(&self, state: &str, answer: &str, known: &[Passkey], now: Time) -> Result<Passkey, BadPasskey>;
}

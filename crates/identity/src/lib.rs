//! What checks passwords, codes and passkeys, behind core's port: kept libraries, the thread that hashes, and the list of common
//! passwords. Knows no store, no socket and no page.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(clippy::float_arithmetic)]

mod hashing;
mod passkeys;
mod policy;
#[cfg(test)]
mod tests;
mod totp;

use aws_lc_rs::rand;
use florin_core::id::Key;
use florin_core::people::{BadPasskey, BadPassword, Busy, Challenge, Checker, NamedPasskey, Passkey, TotpOffer};
use florin_core::seal::Secret;
use florin_core::store::Wait;
use florin_core::time::Time;
use hashing::Gate;
use passkeys::Passkeys;

/// Where people sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The relying party's id (WebAuthn §5.1.2): the host of the dashboard, or a domain above it. Passkeys are bound to it for good.
    pub relying_party: String,
    /// Origins of the dashboard's pages, as `https://pay.example.com`. At least one.
    pub origins: Vec<String>,
    /// What people read in their authenticators.
    pub product: String,
}

/// One for a process.
pub struct Identity {
    gate: Gate,
    passkeys: Passkeys,
    product: String,
}

impl Identity {
    /// `root` stays the same as long as the installation: passwords are hashed under a key derived from it. Err: the id is not that of
    /// the origins' host, said in words.
    pub fn new(root: &Secret, place: &Place) -> Result<Identity, String> {
        let passkeys = Passkeys::new(root.derive(b"florin passkeys, v1"), place)?;
        let gate = Gate::new(root.derive(b"florin passwords, v1"));
        Ok(Identity { gate, passkeys, product: place.product.clone() })
    }
}

/// Keys must not be guessable: no randomness, no process.
fn random() -> [u8; 32] {
    let mut bytes = [0u8; 32];
    if rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

impl Checker for Identity {
    fn random(&self) -> [u8; 32] {
        random()
    }
    fn judge(&self, password: &str, context: &[&str]) -> Result<(), BadPassword> {
        policy::judge(password, context, &self.product)
    }
    fn hash<'a>(&'a self, password: &'a str) -> Wait<'a, Result<String, Busy>> {
        Box::pin(self.gate.hash(password))
    }
    fn fits<'a>(&'a self, password: &'a str, kept: Option<&'a str>) -> Wait<'a, Result<bool, Busy>> {
        Box::pin(self.gate.fits(password, kept))
    }
    fn totp_step(&self, secret: &[u8], code: &str, now: Time) -> Option<i64> {
        totp::step(secret, code, now)
    }
    fn totp_offer(&self, secret: &[u8], email: &str) -> TotpOffer {
        totp::offer(secret, email, &self.product)
    }
    fn passkey_make(&self, user: Key, email: &str, name: &str, known: &[Passkey]) -> Result<Challenge, BadPasskey> {
        self.passkeys.make(user, email, name, known)
    }
    fn passkey_made(&self, state: &str, answer: &str, now: Time) -> Result<Passkey, BadPasskey> {
        self.passkeys.made(state, answer, now)
    }
    fn passkey_ask(&self, known: Option<&[Passkey]>) -> Result<Challenge, BadPasskey> {
        self.passkeys.ask(known)
    }
    fn passkey_named(&self, answer: &str) -> Option<NamedPasskey> {
        self.passkeys.named(answer)
    }
    fn passkey_used(&self, state: &str, answer: &str, known: &[Passkey], now: Time) -> Result<Passkey, BadPasskey> {
        self.passkeys.used(state, answer, known, now)
    }
}

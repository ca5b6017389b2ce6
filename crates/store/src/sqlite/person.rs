//! The key of one person: wrapped under the account's key, and what it sealed. Knows no rows.

use super::keys::{Keys, Use, random};
use florin_core::id::Key;
use florin_core::seal::{SealKey, Secret, key_version};
use florin_core::store::StoreTrouble;
use zeroize::Zeroizing;

/// The key of a person, and while keys rotate the one before: bodies name which of the two sealed them, by version.
pub struct Person {
    /// Of what it seals; the same as of the data key that wraps it.
    pub version: u16,
    pub secret: Secret,
    pub before: Option<Secret>,
}

impl Person {
    pub fn unwrap(keys: &Keys, account: Key, subject: Key, wrapped: &[u8]) -> Result<Person, StoreTrouble> {
        let damaged = || StoreTrouble::Sealed(subject);
        let version = key_version(wrapped).ok_or_else(damaged)?;
        let key = keys.of(version, account, subject, Use::Wraps)?;
        let opened = key.open(&wrap_aad(account, subject), wrapped).map(Zeroizing::new).map_err(|_| damaged())?;
        let (secret, rest) = opened.split_first_chunk::<32>().ok_or_else(damaged)?;
        let before = rest.first_chunk::<32>().map(|before| Secret::new(*before));
        Ok(Person { version, secret: Secret::new(*secret), before })
    }

    pub fn wrap(&self, keys: &Keys, account: Key, subject: Key) -> Result<Vec<u8>, StoreTrouble> {
        let before = self.before.as_ref().map_or(&[][..], |before| before.expose());
        let plain = Zeroizing::new([self.secret.expose().as_slice(), before].concat());
        let key = keys.of(self.version, account, subject, Use::Wraps)?;
        Ok(key.seal(random()?, &wrap_aad(account, subject), &plain))
    }

    /// The key that sealed this body.
    pub fn that_sealed(&self, keys: &Keys, subject: Key, sealed: &[u8]) -> Result<SealKey, StoreTrouble> {
        let version = key_version(sealed).ok_or(StoreTrouble::Sealed(subject))?;
        let secret = if version == self.version { &self.secret } else { self.before.as_ref().unwrap_or(&self.secret) };
        keys.of_person(version, subject, secret)
    }
}

fn wrap_aad(account: Key, subject: Key) -> Vec<u8> {
    [b"w".as_slice(), &account.0.to_be_bytes(), &subject.0.to_be_bytes()].concat()
}

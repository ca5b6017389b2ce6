//! Keys: the key-encryption key (KEK), the places that it can be kept in, and the keys that it wraps.
//! Knows no card and no database.

pub mod describe;
mod error;
mod file;
mod hsm;
pub mod passphrase;
pub mod shares;
mod unlock;

pub use error::KekError;
pub use file::{create_file, create_raw};
pub use hsm::{HsmKek, HsmKey};
pub use unlock::{Locked, Offered, OpenedKek, Seen, current, look, module, next_of, open, wanted};

use crate::core::seal::{NotOpened, SealKey, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub const KEK_BYTES: usize = 32;
/// What wraps under a software KEK is sealed under this version: KEKs are told apart by their check values, not by it.
const KEK_VERSION: u16 = 1;

/// Where a KEK is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KekKind {
    /// A file of 32 bytes that its owner alone may read.
    File,
    /// A file that a passphrase opens (argon2id, RFC 9106).
    Passphrase,
    /// With custodians, some of whom must come together at each start (split knowledge, PCI DSS 3.7.6).
    Shares,
    /// In a hardware security module that never gives it out (PKCS#11).
    Pkcs11,
}

/// Wraps and unwraps other keys. The key itself need not be in this process: a hardware module can stand behind it.
pub trait KekProvider: Send + Sync {
    /// `name` says what the key is for and is bound to the result.
    fn wrap(&self, name: &str, secret: &Secret) -> Result<Vec<u8>, NoChance>;
    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Secret, NotOpened>;
    /// Tells two KEKs apart without revealing either: kept in the database, so that a wrong KEK is named as such.
    fn check_value(&self) -> [u8; 8];
    fn kind(&self) -> KekKind;
    /// The KEK that is to follow this one, from what `florin keys rotate` hands over.
    fn next(&self, next: &NextKek) -> Result<Box<dyn KekProvider>, KekError>;
}

/// The KEK that follows in a rotation. Bytes are wiped with it; it has no text form.
pub enum NextKek {
    /// Of the kinds that this process holds in its memory, with what `proof` makes of it: whoever has not the KEK that wraps now cannot
    /// have everything wrapped under one of their own.
    Secret { secret: Secret, proof: [u8; 32] },
    /// A key of the same token, by its label.
    Labelled(String),
}

/// The system gives no random bytes, or a hardware module does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoChance;

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], NoChance> {
    let mut bytes = [0u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoChance)?;
    Ok(bytes)
}

/// A fresh random key.
pub fn fresh_secret() -> Result<Secret, NoChance> {
    random().map(Secret::new)
}

/// What tells KEKs apart.
pub fn check_value(secret: &Secret) -> [u8; 8] {
    let mut check = [0u8; 8];
    let mac = secret.derive(b"kek check value").mac(&[b"check"]);
    for (to, from) in check.iter_mut().zip(mac) {
        *to = from;
    }
    check
}

/// Shows that whoever names the KEK that follows has the one that wraps now.
pub fn proof(current: &Secret, next: &Secret) -> [u8; 32] {
    current.derive(b"kek rotation").mac(&[next.expose()])
}

/// A KEK in this process's memory, from whatever place it came.
pub struct SoftKek {
    key: SealKey,
    /// Proofs of rotations are made under it.
    rotation: Secret,
    check: [u8; 8],
    kind: KekKind,
}

impl SoftKek {
    pub fn new(secret: &Secret, kind: KekKind) -> SoftKek {
        let (key, rotation) =
            (SealKey::new(&secret.derive(b"kek wrapping"), KEK_VERSION), secret.derive(b"kek rotation"));
        SoftKek { key, rotation, check: check_value(secret), kind }
    }
}

impl KekProvider for SoftKek {
    fn wrap(&self, name: &str, secret: &Secret) -> Result<Vec<u8>, NoChance> {
        Ok(self.key.seal(random()?, name.as_bytes(), secret.expose()))
    }

    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Secret, NotOpened> {
        let plain = Zeroizing::new(self.key.open(name.as_bytes(), wrapped)?);
        <[u8; 32]>::try_from(plain.as_slice()).map(Secret::new).map_err(|_| NotOpened)
    }

    fn check_value(&self) -> [u8; 8] {
        self.check
    }

    fn kind(&self) -> KekKind {
        self.kind
    }

    fn next(&self, next: &NextKek) -> Result<Box<dyn KekProvider>, KekError> {
        match next {
            NextKek::Secret { secret, proof } => {
                let expected = self.rotation.mac(&[secret.expose()]);
                let proven = aws_lc_rs::constant_time::verify_slices_are_equal(&expected, proof);
                proven.map_err(|_| KekError::NotProven)?;
                Ok(Box::new(SoftKek::new(secret, self.kind)))
            }
            NextKek::Labelled(_) => Err(KekError::OtherKind(self.kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_keys_open_under_their_name_and_kek_alone() {
        let [a, b] = [1, 2].map(|n| SoftKek::new(&Secret::new([n; 32]), KekKind::File));
        let wrapped = a.wrap("dek 1", &Secret::new([9; 32])).unwrap();
        assert!(!wrapped.windows(32).any(|w| w == [9; 32]));
        assert_eq!(a.unwrap("dek 1", &wrapped).map(|s| *s.expose()), Ok([9; 32]));
        assert!(a.unwrap("dek 2", &wrapped).is_err());
        assert!(b.unwrap("dek 1", &wrapped).is_err());
        assert_ne!(a.check_value(), b.check_value());
        let following = |of: u8| NextKek::Secret {
            secret: Secret::new([2; 32]),
            proof: proof(&Secret::new([of; 32]), &Secret::new([2; 32])),
        };
        assert_eq!(a.next(&following(1)).unwrap().check_value(), b.check_value());
        assert!(matches!(a.next(&following(2)), Err(KekError::NotProven)), "by somebody who has not the first");
        assert!(matches!(a.next(&NextKek::Labelled("x".into())), Err(KekError::OtherKind(KekKind::File))));
    }
}

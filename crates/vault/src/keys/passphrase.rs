//! A KEK in a file that a passphrase opens: argon2id (RFC 9106) makes a key of the passphrase, and that key seals the KEK.

use super::{KekError, check_value, random};
use crate::core::seal::{SealKey, Secret};
use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// RFC 9106 §4, second recommendation: 64 MiB and three passes; four lanes are done one after the other here.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// More would be an attack on this machine's memory.
const MEMORY_LIMIT_KIB: u32 = 4 * 1024 * 1024;
const PASSES_LIMIT: u32 = 64;
const LANES_LIMIT: u32 = 64;
/// No dictionary gets far with this many; ones that are made by chance are longer.
pub const SHORTEST_CHARACTERS: usize = 15;
const NAME: &[u8] = b"florin kek 1";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    /// 16 bytes in hexadecimal digits.
    pub salt: String,
    /// The KEK, sealed with AES-256-GCM; hexadecimal.
    pub sealed: String,
    /// Check value of the KEK, hexadecimal.
    pub check: String,
}

impl Envelope {
    /// Seals this KEK. Takes about half a second by design.
    pub fn seal(secret: &Secret, passphrase: &str) -> Result<Envelope, KekError> {
        let salt: [u8; 16] = random()?;
        let mut envelope = Envelope {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: HEXLOWER.encode(&salt),
            sealed: String::new(),
            check: HEXLOWER.encode(&check_value(secret)),
        };
        let key = envelope.key(passphrase)?;
        envelope.sealed = HEXLOWER.encode(&key.seal(random()?, NAME, secret.expose()));
        Ok(envelope)
    }

    pub fn open(&self, passphrase: &str) -> Result<Secret, KekError> {
        let sealed = HEXLOWER.decode(self.sealed.as_bytes()).map_err(|_| KekError::WrongPassphrase)?;
        let plain = Zeroizing::new(self.key(passphrase)?.open(NAME, &sealed).map_err(|_| KekError::WrongPassphrase)?);
        <[u8; 32]>::try_from(plain.as_slice()).map(Secret::new).map_err(|_| KekError::WrongPassphrase)
    }

    fn key(&self, passphrase: &str) -> Result<SealKey, KekError> {
        let salt = HEXLOWER.decode(self.salt.as_bytes()).map_err(|_| KekError::WrongPassphrase)?;
        let sane = self.memory_kib <= MEMORY_LIMIT_KIB && self.passes <= PASSES_LIMIT && self.lanes <= LANES_LIMIT;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok().filter(|_| sane);
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.ok_or(KekError::WrongPassphrase)?);
        let mut key = Zeroizing::new([0u8; 32]);
        let made = hasher.hash_password_into(passphrase.as_bytes(), &salt, key.as_mut_slice());
        made.map_err(|_| KekError::WrongPassphrase)?;
        Ok(SealKey::new(&Secret::new(*key), 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passphrase_alone_opens_it() {
        let envelope = Envelope::seal(&Secret::new([7; 32]), "correct horse battery staple").unwrap();
        assert_eq!(envelope.open("correct horse battery staple").unwrap().expose(), &[7; 32]);
        assert!(matches!(envelope.open("correct horse battery stapler"), Err(KekError::WrongPassphrase)));
        let mut other = envelope.clone();
        other.sealed.replace_range(40..41, if &other.sealed[40..41] == "0" { "1" } else { "0" });
        assert!(matches!(other.open("correct horse battery staple"), Err(KekError::WrongPassphrase)));
        let greedy = Envelope { memory_kib: u32::MAX, ..envelope };
        assert!(matches!(greedy.open("correct horse battery staple"), Err(KekError::WrongPassphrase)));
    }
}

//! Passwords: argon2id (RFC 9106) over a keyed hash, off the request's thread, one at a time, few behind it. Knows nobody's.

use super::random;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64;
use florin_core::people::Busy;
use florin_core::seal::Secret;
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// OWASP's first choice for argon2id: 46 MiB, one pass, one lane.
const MEMORY_KIB: u32 = 47_104;
const PASSES: u32 = 1;
const LANES: u32 = 1;
/// Passwords that are looked at or wait for it; more are told to come back. At 50 ms each, nobody waits for more than a second.
const WAITING_LIMIT: usize = 16;

pub struct Gate {
    pepper: Secret,
    room: Semaphore,
    turn: Arc<Semaphore>,
    /// What is compared for people that do not exist: the hash of chance.
    nobody: Arc<OnceLock<String>>,
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hashed(peppered: &str) -> Option<String> {
    let salt = SaltString::encode_b64(random().get(..16)?).ok()?;
    hasher().hash_password(peppered.as_bytes(), &salt).ok().map(|hash| hash.to_string())
}

fn matches(peppered: &str, kept: &str) -> bool {
    PasswordHash::new(kept).is_ok_and(|kept| hasher().verify_password(peppered.as_bytes(), &kept).is_ok())
}

impl Gate {
    pub fn new(pepper: Secret) -> Gate {
        let (room, turn) = (Semaphore::new(WAITING_LIMIT), Arc::new(Semaphore::new(1)));
        Gate { pepper, room, turn, nobody: Arc::default() }
    }

    /// One spelling of what was typed (NFC), under a key that is not in the database.
    fn peppered(&self, password: &str) -> Zeroizing<String> {
        let normal: Zeroizing<String> = Zeroizing::new(password.nfc().collect());
        Zeroizing::new(BASE64.encode(&self.pepper.mac(&[normal.as_bytes()])))
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _room = self.room.try_acquire().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| Busy)
    }

    pub async fn hash(&self, password: &str) -> Result<String, Busy> {
        let peppered = self.peppered(password);
        self.work(move || hashed(&peppered)).await?.ok_or(Busy)
    }

    pub async fn fits(&self, password: &str, kept: Option<&str>) -> Result<bool, Busy> {
        let (peppered, kept) = (self.peppered(password), kept.map(str::to_owned));
        let nobody = Arc::clone(&self.nobody);
        self.work(move || match kept {
            Some(kept) => matches(&peppered, &kept),
            None => {
                let none = nobody.get_or_init(|| hashed(&BASE64.encode(&random())).unwrap_or_default());
                // The same work; chance fits nobody's password.
                matches(&peppered, none);
                false
            }
        })
        .await
    }
}

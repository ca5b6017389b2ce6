//! Passwords: argon2id (RFC 9106), looked at one at a time. Knows nobody's, and no page.

use crate::Fail;
use crate::seal;
use crate::web::page::word;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// NIST SP 800-63B-4: at least 15 characters when a password is the only factor.
pub const SHORTEST: usize = 15;
pub const LONGEST: usize = 256;
/// 19 MiB, two rounds, one lane (OWASP's second choice for argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;
/// Passwords that may wait for their turn; more are told to come back.
pub const WAITING_LIMIT: usize = 16;
/// Wrong passwords in a row, and how long nobody is let in then (PCI DSS 8.3.4).
pub const MOST_FAILURES: i64 = 10;
pub const LOCKED_SECONDS: i64 = 30 * 60;

/// Wrong passwords since the last right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: i64,
    /// Seconds since 1970.
    pub last: i64,
}

impl Failures {
    pub const fn locked(self, now: i64) -> bool {
        self.count >= MOST_FAILURES && now - self.last < LOCKED_SECONDS
    }
    pub const fn after(self, right: bool, now: i64) -> Failures {
        let over = now - self.last >= LOCKED_SECONDS;
        let count = if right { 0 } else { 1 + if over { 0 } else { self.count } };
        Failures { count, last: now }
    }
}

/// What came of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    Wrong,
    /// Too many were wrong: this one was not looked at.
    Locked,
    /// Too many wait.
    Busy,
}

/// One at a time, and few behind it. Customers and the people of the shop have each their own: nobody's guesses keep the others out.
pub struct Gate {
    room: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate { room: Arc::new(Semaphore::new(WAITING_LIMIT)), turn: Arc::new(Semaphore::new(1)) }
    }
}

/// Whoever has it is the only one who looks at a password: failures are read and counted under it, so that no two tries count as one.
pub struct Turn {
    _room: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Gate {
    /// Those who have a turn or wait for one.
    #[cfg(test)]
    pub fn inside(&self) -> usize {
        WAITING_LIMIT - self.room.available_permits()
    }

    /// Nothing when too many wait.
    pub async fn turn(&self) -> Option<Turn> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        Some(Turn { _room: room, _turn: turn })
    }
}

impl Turn {
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, Fail> {
        aside(move || hash(&password)).await
    }

    /// Whether it is the password of this hash. Without one as much is reckoned, so that this step's time does not tell which it was; what a
    /// page says or writes afterwards may.
    pub async fn fits(&self, password: Zeroizing<String>, known: Option<String>) -> Result<bool, Fail> {
        if password.chars().count() > LONGEST {
            return Ok(false);
        }
        aside(move || {
            let Some(known) = known else { return hash(&password).map(|_| false) };
            let Ok(known) = PasswordHash::new(&known) else { return Ok(false) };
            Ok(argon()?.verify_password(password.as_bytes(), &known).is_ok())
        })
        .await
    }
}

/// What is wrong with a new password that was typed twice.
pub fn fault(password: &str, again: &str) -> Option<&'static str> {
    if !(SHORTEST..=LONGEST).contains(&password.chars().count()) {
        return Some(word("password-short"));
    }
    (password != again).then_some(word("password-differs"))
}

fn argon() -> Result<Argon2<'static>, Fail> {
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, None);
    let params = params.map_err(|_| Fail::new("shop_password", "passwords cannot be hashed"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, Fail> {
    let failed = |_| Fail::new("shop_password", "a password cannot be hashed");
    let mut salt = [0u8; 16];
    seal::fill(&mut salt)?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    argon()?.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(failed)
}

/// Beside the event loop.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fail> + Send + 'static) -> Result<T, Fail> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fail::new("shop_password", "a password could not be checked"))?
}

/// Sees work with a turn through to its end, also for a browser that went away: its failure counts, and its turn is not over before.
pub async fn see_through<T: Send + 'static>(
    work: impl Future<Output = Result<T, Fail>> + Send + 'static,
) -> Result<T, Fail> {
    tokio::spawn(work).await.map_err(|_| Fail::new("shop_password", "a password could not be checked"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_passwords_lock_the_door() {
        let mut failures = Failures::default();
        for n in 0..MOST_FAILURES {
            assert!(!failures.locked(1_000_000), "{n}");
            failures = failures.after(false, 1_000_000);
        }
        assert!(failures.locked(1_000_000 + LOCKED_SECONDS - 1));
        assert!(!failures.locked(1_000_000 + LOCKED_SECONDS));
        failures = failures.after(false, 1_000_000 + LOCKED_SECONDS);
        assert!(!failures.locked(1_000_000 + LOCKED_SECONDS), "counted anew");
        assert_eq!(failures.after(true, 1_000_000 + LOCKED_SECONDS).count, 0);
    }

    #[test]
    fn new_passwords() {
        #[track_caller]
        fn check(password: &str, again: &str, expected: Option<&str>) {
            assert_eq!(fault(password, again), expected);
        }
        check("fifteen letters", "fifteen letters", None);
        check("열다섯 글자보다 긴 우리의 암호", "열다섯 글자보다 긴 우리의 암호", None);
        check("fourteen chars", "fourteen chars", Some("password-short"));
        check(&"x".repeat(257), "", Some("password-short"));
        check("fifteen letters", "fifteen lettres", Some("password-differs"));
    }
}

//! Keys that were asked for lately, so that a request costs no look into the store. Knows no store.

use super::Caller;
use florin_core::rare::{Site, rare};
use florin_core::time::Time;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Changes in this process empty the cache at once. Another process on the same store can only be waited for: a key that it revoked opens
/// doors here for at most this long.
const LIVES_MS: i64 = 5_000;
const MOST_KEYS: usize = 10_000;

#[derive(Clone)]
struct Known {
    caller: Caller,
    /// When the key ends.
    ends: Option<Time>,
    /// Until when it is believed.
    until: Time,
}

#[derive(Default)]
struct State {
    known: HashMap<[u8; 32], Known>,
    /// Grows with each change: what was read from the store before a change is not kept after it.
    generation: u64,
}

#[derive(Default)]
pub struct Cache {
    state: Mutex<State>,
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller behind the hash of a key, unless it must be looked up; then the generation that `put` wants.
    pub fn get(&self, hash: &[u8; 32], now: Time) -> Result<Caller, u64> {
        let state = self.lock();
        match state.known.get(hash) {
            // A clock that went back makes nothing live longer.
            Some(_) if rare(Site::KeyForgotten) => Err(state.generation),
            Some(k) if now < k.until && now >= k.until.plus_ms(-LIVES_MS) && k.ends.is_none_or(|ends| now < ends) => {
                Ok(k.caller.clone())
            }
            Some(_) | None => Err(state.generation),
        }
    }

    pub fn put(&self, hash: [u8; 32], caller: Caller, ends: Option<Time>, now: Time, generation: u64) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        if state.known.len() >= MOST_KEYS {
            state.known.retain(|_, k| now < k.until);
        }
        if state.known.len() >= MOST_KEYS {
            state.known.clear();
        }
        state.known.insert(hash, Known { caller, ends, until: now.plus_ms(LIVES_MS) });
    }

    /// A key was changed.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyClass;
    use florin_core::id::Key;
    use std::sync::Arc;

    fn caller() -> Caller {
        let (account, key) = (Key(7), Key(8));
        Caller {
            account,
            class: KeyClass::Secret,
            live: false,
            key,
            tail: "abcd".into(),
            grants: [].into(),
            allowed: [].into(),
            rules: Arc::default(),
        }
    }

    #[test]
    fn what_is_remembered_and_for_how_long() {
        #[track_caller]
        fn check(ends: Option<i64>, asked_at: i64, known: bool) {
            let cache = Cache::default();
            let generation = cache.get(&[1; 32], Time(100)).unwrap_err();
            cache.put([1; 32], caller(), ends.map(Time), Time(100), generation);
            assert_eq!(cache.get(&[1; 32], Time(asked_at)).is_ok(), known);
            assert!(cache.get(&[2; 32], Time(asked_at)).is_err());
        }
        check(None, 100, true);
        check(None, 5_099, true);
        check(None, 5_100, false);
        check(None, 99, false);
        check(Some(200), 199, true);
        check(Some(200), 200, false);
    }

    #[test]
    fn a_change_forgets_what_was_known_and_what_is_being_read() {
        let cache = Cache::default();
        let before = cache.get(&[1; 32], Time(0)).unwrap_err();
        cache.forget();
        cache.put([1; 32], caller(), None, Time(0), before);
        assert!(cache.get(&[1; 32], Time(0)).is_err());
        let after = cache.get(&[1; 32], Time(0)).unwrap_err();
        cache.put([1; 32], caller(), None, Time(0), after);
        assert!(cache.get(&[1; 32], Time(0)).is_ok());
        cache.forget();
        assert!(cache.get(&[1; 32], Time(0)).is_err());
    }
}

//! Origins of pages that may show an account's frames, kept for a moment so that a frame costs no look into the store. Knows no frame.

use florin_core::domain;
use florin_core::flow::Failure;
use florin_core::id::Key;
use florin_core::store::Store;
use florin_core::time::Time;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Changes in this process count at once. Those of another process on the same store count after at most this long.
const LIVES_MS: i64 = 5_000;
const MOST_ACCOUNTS: usize = 1_000;

#[derive(Default)]
struct State {
    known: HashMap<Key, (Arc<[String]>, Time)>,
    /// Grows with each change: what was read before a change is not kept after it.
    generation: u64,
}

#[derive(Default)]
pub struct Origins {
    state: Mutex<State>,
}

impl Origins {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The origins of an account's enabled domains in this mode, the newest first.
    pub async fn of(&self, store: &dyn Store, account: Key, live: bool, now: Time) -> Result<Arc<[String]>, Failure> {
        let generation = {
            let state = self.lock();
            match state.known.get(&account) {
                // A clock that went back makes nothing live longer.
                Some((origins, until)) if now < *until && now >= until.plus_ms(-LIVES_MS) => {
                    return Ok(Arc::clone(origins));
                }
                Some(_) | None => state.generation,
            }
        };
        let domains = domain::of(store, account).await?;
        let shown = domains.iter().filter(|view| view.body.enabled && view.body.live == live);
        let origins: Arc<[String]> = shown.map(|view| view.body.name.origin()).collect();
        let mut state = self.lock();
        if state.generation == generation {
            if state.known.len() >= MOST_ACCOUNTS {
                state.known.clear();
            }
            state.known.insert(account, (Arc::clone(&origins), now.plus_ms(LIVES_MS)));
        }
        Ok(origins)
    }

    /// A domain of this account was changed.
    pub fn forget(&self, account: Key) {
        let mut state = self.lock();
        state.generation += 1;
        state.known.remove(&account);
    }
}

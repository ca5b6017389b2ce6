//! The store in memory: ordered maps behind one lock, deterministic, for simulation and tests.
//! Knows neither disk, keys nor chance; it refuses exactly what the SQLite engine refuses.

mod claims;
mod find;
mod state;

use crate::limits::{JOBS_PER_LEASE, assert_well_formed};
use florin_core::commit::{Commit, Job, JobKind, Row};
use florin_core::customer::Forget;
use florin_core::id::Key;
use florin_core::rare::{Site, or_short};
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::time::Time;
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle: clones share one store, as gateways share one database. Every future does its work when it is first polled
/// and is ready at once, so dropping one before that leaves nothing behind.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Another store with all that is in this one now: a backup.
    pub fn snapshot(&self) -> MemoryStore {
        MemoryStore { state: Arc::new(Mutex::new(self.lock().clone())) }
    }

    /// Drops the personal bodies of a subject for good: those that are there and those that are still to be put.
    pub fn erase(&self, subject: Key) {
        self.lock().erase(subject);
    }

    /// A state is changed only after all checks, by steps that cannot fail: a panic elsewhere leaves it whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forget for MemoryStore {
    fn forget<'a>(&'a self, subjects: &'a [Key]) -> Wait<'a, Result<(), StoreTrouble>> {
        Box::pin(async move {
            subjects.iter().for_each(|subject| self.erase(*subject));
            Ok(())
        })
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        Box::pin(async move {
            let state = self.lock();
            Ok(keys.iter().map(|key| state.current(*key).cloned()).collect())
        })
    }

    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        Box::pin(async move { Ok(self.lock().find(&query)) })
    }

    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        Box::pin(async move {
            assert_well_formed(&commit);
            self.lock().commit(commit).map_err(CommitError::Refused)
        })
    }

    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        let n = or_short(Site::ShortLease, n, 1).min(JOBS_PER_LEASE);
        Box::pin(async move { Ok(self.lock().lease(kind, now, n, until)) })
    }

    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        Box::pin(async move { Ok(self.lock().sums(report)) })
    }
}

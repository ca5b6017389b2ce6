//! The log of requests in this process: kept on disk, and told to whoever listens. Knows no endpoint.

use super::ports::Real;
use florin_core::abuse_log::{self, AbuseLog};
use florin_core::id::Key;
use florin_core::request_log::{Entry, Find, Placed, RequestLog};
use florin_core::store::{StoreTrouble, Wait};
use florin_core::time::Time;
use florin_store::SqliteRequestLog;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Entries that a slow listener may be behind; then it misses the oldest and is told so.
const BEHIND_LIMIT: usize = 1_024;

pub struct Requests {
    log: SqliteRequestLog,
    told: broadcast::Sender<Arc<Entry>>,
    ports: Arc<Real>,
}

impl Requests {
    pub fn new(log: SqliteRequestLog, ports: Arc<Real>) -> Requests {
        Requests { log, told: broadcast::channel(BEHIND_LIMIT).0, ports }
    }

    /// Entries of all accounts from now on: a listener looks for its own.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.told.subscribe()
    }
}

impl RequestLog for Requests {
    fn note(&self, entry: Entry) {
        self.ports.counted.answered(entry.status);
        if self.told.receiver_count() > 0 {
            // Nobody listens any more: then nobody is told.
            let _ = self.told.send(Arc::new(entry.clone()));
        }
        RequestLog::note(&self.log, entry);
    }
    fn find<'a>(&'a self, find: Find) -> Wait<'a, Result<Vec<Placed>, StoreTrouble>> {
        RequestLog::find(&self.log, find)
    }
    fn used<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Time>>, StoreTrouble>> {
        self.log.used(keys)
    }
}

impl AbuseLog for Requests {
    fn note(&self, entry: abuse_log::Entry) {
        AbuseLog::note(&self.log, entry);
    }
    fn find<'a>(
        &'a self,
        account: Key,
        before: Option<i64>,
        limit: u32,
    ) -> Wait<'a, Result<Vec<(i64, abuse_log::Entry)>, StoreTrouble>> {
        AbuseLog::find(&self.log, account, before, limit)
    }
}

//! The log of requests in this process: kept on disk, and told to whoever listens. Knows no endpoint.

use super::feed::{Feed, Heard, HeardError};
use florin_core::id::Key;
use florin_core::request_log::{Entry, Find, Placed, RequestLog};
use florin_core::store::{StoreTrouble, Wait};
use florin_core::time::Time;
use florin_store::SqliteRequestLog;
use std::sync::Arc;
use tokio::sync::broadcast;

pub struct Requests {
    log: SqliteRequestLog,
    feed: Feed,
}

impl Requests {
    pub fn new(log: SqliteRequestLog, feed: Feed) -> Requests {
        Requests { log, feed }
    }

    /// Requests of all accounts from now on: a listener looks for its own.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Heard>> {
        self.feed.subscribe()
    }
}

fn heard(entry: &Entry) -> Heard {
    let (code, param) = (entry.error_code.clone(), entry.error_param.clone());
    let error = |kind: &String| HeardError { kind: kind.clone(), code, param, ..HeardError::default() };
    Heard {
        id: entry.id.clone(),
        account: entry.account,
        live: entry.live,
        at: entry.at,
        method: entry.method.clone(),
        path: entry.path.clone(),
        status: entry.status,
        error: entry.error_type.as_ref().map(error),
    }
}

impl RequestLog for Requests {
    fn note(&self, entry: Entry) {
        self.feed.tell(|| heard(&entry));
        self.log.note(entry);
    }
    fn find<'a>(&'a self, find: Find) -> Wait<'a, Result<Vec<Placed>, StoreTrouble>> {
        self.log.find(find)
    }
    fn used<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Time>>, StoreTrouble>> {
        self.log.used(keys)
    }
}

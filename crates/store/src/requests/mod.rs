//! The log of requests: an SQLite file of its own, written in batches by a thread of its own, so that no payment waits for it. Power
//! loss may cost its last seconds. Knows no request but its entry.

mod abuse;
mod table;
#[cfg(test)]
mod tests;

use florin_core::id::Key;
use florin_core::request_log::{Entry, Find, Placed, RequestLog};
use florin_core::store::{StoreTrouble, Wait};
use florin_core::time::Time;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Entries that wait to be written; more are dropped and counted.
const WAITING_LIMIT: usize = 16_384;
/// Entries gather this long, so that a transaction is shared by many.
const GATHER: Duration = Duration::from_millis(200);

/// How long entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub days: u32,
    pub entries: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { days: 30, entries: 1_000_000 }
    }
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    dropped: u64,
    closed: bool,
}

struct Shared {
    waiting: Mutex<Waiting>,
    came: Condvar,
    connection: Mutex<Connection>,
    retention: Retention,
}

pub struct SqliteRequestLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn trouble(error: &rusqlite::Error) -> StoreTrouble {
    StoreTrouble::Io(format!("request log: {error}"))
}

impl SqliteRequestLog {
    pub fn open(path: &Path, retention: Retention) -> Result<SqliteRequestLog, StoreTrouble> {
        SqliteRequestLog::start(table::open(path).map_err(|e| trouble(&e))?, retention)
    }

    /// Gone with the process.
    pub fn in_memory(retention: Retention) -> Result<SqliteRequestLog, StoreTrouble> {
        let connection = Connection::open_in_memory().and_then(|c| table::prepare(&c).map(|()| c));
        SqliteRequestLog::start(connection.map_err(|e| trouble(&e))?, retention)
    }

    fn start(connection: Connection, retention: Retention) -> Result<SqliteRequestLog, StoreTrouble> {
        let (waiting, connection) = (Mutex::new(Waiting::default()), Mutex::new(connection));
        let shared = Arc::new(Shared { waiting, came: Condvar::new(), connection, retention });
        let writes = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("request-log".into()).spawn(move || writes.write_until_closed());
        let writer = writer.map_err(|e| StoreTrouble::Io(format!("request log: no thread: {e}")))?;
        Ok(SqliteRequestLog { shared, writer: Some(writer) })
    }

    /// Entries that nobody wrote down, because too many came at once or the disk was full.
    pub fn dropped(&self) -> u64 {
        lock(&self.shared.waiting).dropped
    }
}

impl Shared {
    fn write_until_closed(&self) {
        loop {
            let mut waiting = lock(&self.waiting);
            while waiting.entries.is_empty() && !waiting.closed {
                waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if !waiting.closed {
                let gathered = self.came.wait_timeout_while(waiting, GATHER, |w| !w.closed);
                waiting = gathered.map_or_else(|p| p.into_inner().0, |(guard, _)| guard);
            }
            let closed = waiting.closed;
            drop(waiting);
            // What cannot be written is dropped: a log must not stop what it tells of.
            let _ = self.flush();
            if closed {
                return;
            }
        }
    }

    /// Writes what waits. Holds the connection, so what is read next holds all that was noted before.
    fn flush(&self) -> Result<(), StoreTrouble> {
        let mut connection = lock(&self.connection);
        let entries = std::mem::take(&mut lock(&self.waiting).entries);
        if entries.is_empty() {
            return Ok(());
        }
        table::write(&mut connection, &entries, self.retention).map_err(|e| {
            lock(&self.waiting).dropped += entries.len() as u64;
            trouble(&e)
        })
    }
}

impl RequestLog for SqliteRequestLog {
    fn note(&self, entry: Entry) {
        let mut waiting = lock(&self.shared.waiting);
        if waiting.entries.len() >= WAITING_LIMIT {
            waiting.dropped += 1;
            return;
        }
        waiting.entries.push(entry);
        if waiting.entries.len() == 1 {
            self.shared.came.notify_one();
        }
    }

    fn find<'a>(&'a self, find: Find) -> Wait<'a, Result<Vec<Placed>, StoreTrouble>> {
        Box::pin(async move {
            self.shared.flush()?;
            table::find(&lock(&self.shared.connection), &find).map_err(|e| trouble(&e))
        })
    }

    fn used<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Time>>, StoreTrouble>> {
        Box::pin(async move {
            self.shared.flush()?;
            table::used(&lock(&self.shared.connection), keys).map_err(|e| trouble(&e))
        })
    }
}

impl Drop for SqliteRequestLog {
    fn drop(&mut self) {
        lock(&self.shared.waiting).closed = true;
        self.shared.came.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

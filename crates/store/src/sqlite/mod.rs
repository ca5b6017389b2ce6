//! The store in one SQLite file: one writer thread commits in groups, reads run on the caller's thread.
//! Does not know what a row means, and no secret but the root from which it derives its keys.

mod anew;
mod apply;
mod audit;
mod balances;
mod chain;
mod changes;
mod claims;
mod error;
mod find;
mod keyring;
mod keys;
mod migrate;
mod open;
mod person;
mod queue;
mod readers;
mod reply;
mod rotation;
mod rows;
mod schema;
mod seal;
mod statements;
#[cfg(test)]
pub(crate) mod tests;
mod versions;
mod writer;

use crate::limits::{JOBS_PER_LEASE, assert_well_formed};
use error::Fault;
use florin_core::commit::{Commit, Job, JobKind, Row};
use florin_core::customer::Forget;
use florin_core::id::{Key, Kind};
use florin_core::seal::Secret;
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::time::Time;
use keys::{Keys, Root};
use queue::{Outcome, Queue, Request};
use readers::Readers;
use reply::{Answer as Answered, Reply, reply};
use seal::{Sealer, Wrap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use audit::{Audit, Bad, What};
pub use error::OpenError;
pub use open::Options;
pub use rotation::{DataKeyAbout, KeysAbout, Rotation, belongs_to, keys_of};
pub use schema::SCHEMA_VERSION;

/// The version of the linked SQLite.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// What SQLite itself finds wrong with a database that nobody uses: None is good. Errors: it cannot be read.
pub fn integrity(database: &Path) -> Result<Option<String>, String> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = rusqlite::Connection::open_with_flags(database, flags);
    let found = opened.and_then(|c| c.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0)));
    found.map(|says| (says != "ok").then_some(says)).map_err(|e| e.to_string())
}

/// How often a commit is sealed anew when another one has just made a key for the same person.
const SEALINGS_PER_COMMIT: usize = 4;

/// One process has a database open at a time. Dropping the store applies what still waits, closes the file cleanly and
/// gives the lock back.
pub struct SqliteStore {
    keys: Keys,
    readers: Readers,
    queue: Arc<Queue>,
    /// How far a rotation of the data keys has come, while one is under way.
    rotation: Mutex<Option<Rotation>>,
    writer: Option<JoinHandle<()>>,
    /// Held, not read: the lock ends with it, after the writer has closed the database.
    _lock: std::fs::File,
}

impl SqliteStore {
    /// Opens the database at `path`, or makes one if there is none. Everything in it is sealed under keys that `root` wraps; another root
    /// is `OpenError::WrongKey`.
    pub fn open(path: &Path, options: Options, root: Secret) -> Result<SqliteStore, OpenError> {
        let opened = open::open(path, options, Root::new(root))?;
        let queue = Arc::new(Queue::new());
        let (keys, path, thread) = (opened.keys, opened.path.clone(), Arc::clone(&queue));
        let head_key = keys.head();
        let spawned = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(&opened.writer, &thread, head_key, &opened.log));
        let writer = spawned.map_err(|e| OpenError::Io { path: path.clone(), detail: e.to_string() })?;
        let readers = Readers::new(path.clone(), options.readers);
        let rotation = rotation::under_way(&readers).map_err(|t| OpenError::Io { path, detail: format!("{t:?}") })?;
        Ok(SqliteStore {
            keys,
            readers,
            queue,
            rotation: Mutex::new(rotation),
            writer: Some(writer),
            _lock: opened.lock,
        })
    }

    /// Why nothing is written any more, once the writer has stopped after a failure: the process must end.
    pub fn why_stopped(&self) -> Option<String> {
        self.queue.why_stopped()
    }

    /// Opens every row and adds up its commitment anew, with the transfers that stand under it; walks the ledger's chain; adds up every
    /// balance. For a store that nobody writes to. `reads` knows kinds of rows, which the store does not; `progress` is told rows done and
    /// rows there are.
    pub fn audit(
        &self,
        reads: &dyn Fn(Kind, &[u8]) -> bool,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Audit, StoreTrouble> {
        audit::run(&self.readers, &self.keys, reads, progress)
    }

    /// Destroys the key of a subject's personal bodies, in the database and in its log, and leaves a tombstone: personal
    /// bodies put later for the subject are dropped. May be repeated. Nothing else of the rows is lost.
    pub fn erase<'a>(&'a self, subject: Key) -> Wait<'a, Result<(), StoreTrouble>> {
        Box::pin(self.ask(move |reply| Request::Erase { subjects: vec![subject], reply }))
    }

    /// Queues a request and waits for the writer's answer. A future that is dropped meanwhile does not take it back.
    async fn ask<T>(&self, request: impl FnOnce(Reply<Result<T, StoreTrouble>>) -> Request) -> Result<T, StoreTrouble> {
        let (sender, answer) = reply();
        self.queue.push(request(sender))?;
        match answer.await {
            Some(answered) => answered,
            None => Err(self.queue.stopped()),
        }
    }

    /// Sealed and in the queue before another data key can be.
    fn seal_and_push(
        &self,
        commit: Commit,
        wraps: Vec<Wrap>,
    ) -> Result<Answered<Result<Outcome, StoreTrouble>>, StoreTrouble> {
        let version = self.keys.sealing();
        let sealed = seal::commit(Sealer { keys: &self.keys, version: *version }, commit, wraps)?;
        let (reply, answer) = reply();
        self.queue.push(Request::Commit { commit: Box::new(sealed), reply })?;
        Ok(answer)
    }

    async fn commit_sealed(&self, mut commit: Commit) -> Result<(), CommitError> {
        assert_well_formed(&commit);
        for _ in 0..SEALINGS_PER_COMMIT {
            let spare = commit.put.iter().any(|row| row.personal.is_some()).then(|| commit.clone());
            let wraps = self.readers.wraps(&commit.put).map_err(CommitError::Trouble)?;
            let asked = self.seal_and_push(commit, wraps).map_err(CommitError::Trouble)?;
            let outcome = asked.await.unwrap_or_else(|| Err(self.queue.stopped()));
            match outcome.map_err(CommitError::Trouble)? {
                Outcome::Applied => return Ok(()),
                Outcome::Refused(refused) => return Err(CommitError::Refused(refused)),
                Outcome::Claimed(claimed) => {
                    return Err(match seal::open_claim(&self.keys, &claimed) {
                        Ok(claimed) => CommitError::Refused(florin_core::commit::Refused::Claimed(Box::new(claimed))),
                        Err(trouble) => CommitError::Trouble(trouble),
                    });
                }
                Outcome::KeyMoved => match spare {
                    Some(spare) => commit = spare,
                    None => break,
                },
            }
        }
        Err(CommitError::Trouble(StoreTrouble::Io("a personal key kept changing; nothing was applied".to_owned())))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Readers first: the last connection to close must be the writer's, which can fold the log into the database.
        self.readers.close();
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was already reported to everyone who waited.
            let _ = writer.join();
        }
    }
}

impl Forget for SqliteStore {
    fn forget<'a>(&'a self, subjects: &'a [Key]) -> Wait<'a, Result<(), StoreTrouble>> {
        Box::pin(async move {
            match subjects {
                [] => Ok(()),
                _ => self.ask(|reply| Request::Erase { subjects: subjects.to_vec(), reply }).await,
            }
        })
    }
}

impl Store for SqliteStore {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        Box::pin(async move { self.readers.get(&self.keys, keys) })
    }

    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        Box::pin(async move { self.readers.find(&self.keys, &query) })
    }

    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        Box::pin(self.commit_sealed(commit))
    }

    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        let n = n.min(JOBS_PER_LEASE);
        Box::pin(self.ask(move |reply| Request::Lease { kind, now, n, until, reply }))
    }

    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        Box::pin(async move { self.readers.sums(report) })
    }
}

impl From<Fault> for StoreTrouble {
    fn from(fault: Fault) -> StoreTrouble {
        StoreTrouble::Io(fault.to_string())
    }
}

//! A small pool of read-only connections, used on the caller's thread. Knows no queries.

use super::error::Fault;
use florin_core::store::StoreTrouble;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Page cache of one reader, in KiB (SQLite takes it as a negative number).
const READER_CACHE_KIB: i64 = 2_048;
const CACHED_STATEMENTS: usize = 32;
/// Only while the log is recovered or emptied does a reader wait for anybody.
pub const BUSY_LIMIT: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Connections there are, idle ones included.
    open: usize,
}

pub struct Readers {
    path: PathBuf,
    limit: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

impl Readers {
    pub fn new(path: PathBuf, limit: usize) -> Readers {
        Readers { path, limit: limit.max(1), pool: Mutex::new(Pool::default()), returned: Condvar::new() }
    }

    /// Runs a read in one transaction: all it sees is of one moment.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreTrouble> {
        let borrowed = self.borrow()?;
        let connection = borrowed.connection.as_ref().ok_or(Fault::Damaged("pool of readers"))?;
        let in_transaction = || {
            connection.prepare_cached("BEGIN")?.execute(())?;
            let found = read(connection)?;
            connection.prepare_cached("COMMIT")?.execute(())?;
            Ok(found)
        };
        in_transaction().map_err(|fault: Fault| fault.into())
    }

    /// Closes what is idle, which is everything once nobody reads.
    pub fn close(&self) {
        let mut pool = self.lock();
        pool.open -= pool.idle.len();
        pool.idle.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn borrow(&self) -> Result<Borrowed<'_>, StoreTrouble> {
        let mut pool = self.lock();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(Borrowed { readers: self, connection: Some(connection) });
            }
            if pool.open < self.limit {
                pool.open += 1;
                break;
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
        drop(pool);
        let mut borrowed = Borrowed { readers: self, connection: None };
        borrowed.connection = Some(self.connect().map_err(Fault::from)?);
        Ok(borrowed)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_LIMIT)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        one_plan(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        Ok(connection)
    }
}

/// A statement's plan does not depend on what is bound to it. Otherwise SQLite plans anew whenever a value changes that it looked at,
/// which is at almost every read: a fifth of the time of a payment.
pub fn one_plan(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// Goes back to the pool, unless something went wrong with it.
struct Borrowed<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        match self.connection.take() {
            Some(connection) if connection.is_autocommit() => pool.idle.push(connection),
            Some(_) | None => pool.open -= 1,
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}

//! The shop's own SQLite database: every change is one transaction, on disk before anybody hears of it. Personal data and keys in it are
//! sealed by who writes them.

pub mod accounts;
pub mod admin;
pub mod bookings;
pub mod meta;
pub mod notices;
pub mod orders;
pub mod products;
pub mod refunds;
pub mod slots;
#[cfg(test)]
mod tests;
pub mod wishes;

use crate::Fail;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

pub struct Db {
    connection: Arc<Mutex<Connection>>,
    /// One transaction at a time is beside the event loop: the others wait without a thread.
    turn: Arc<Semaphore>,
}

/// What each version changed, from an empty database on.
const SCHEMA: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];
/// Waited for another process at most: a shop that is being replaced.
const BUSY_MS: u64 = 10_000;

impl Db {
    pub fn open(path: &Path) -> Result<Db, Fail> {
        // Its log beside it gets the same rights from SQLite.
        let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|e| Fail::new("shop_database", format!("{}: {e}", path.display())))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2000;",
        )?;
        prepare(&mut connection)?;
        Ok(Db::of(connection))
    }

    pub fn in_memory() -> Result<Db, Fail> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&mut connection)?;
        Ok(Db::of(connection))
    }

    fn of(connection: Connection) -> Db {
        Db { connection: Arc::new(Mutex::new(connection)), turn: Arc::new(Semaphore::new(1)) }
    }

    /// Runs one transaction beside the event loop: done whole, or not at all.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let connection = Arc::clone(&self.connection);
        let broken = || Fail::new("shop_database", "a change of the shop's database broke off");
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| broken())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = transaction(&connection, work);
            drop(turn);
            done
        });
        done.await.map_err(|_| broken())?
    }

    /// The same, waiting for it: at the start, and in tests.
    pub fn now<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fail>) -> Result<T, Fail> {
        transaction(&self.connection, work)
    }
}

fn transaction<T>(
    connection: &Mutex<Connection>,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fail>,
) -> Result<T, Fail> {
    // A panic in a transaction rolled it back: the connection is as good as before.
    let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// Two shops that start at a time do it one after the other: the version is read when nobody else can change it.
fn prepare(connection: &mut Connection) -> Result<(), Fail> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u16 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = usize::from(version);
    if version > SCHEMA.len() {
        let what = format!("the shop's database has format {version}; this version knows {}", SCHEMA.len());
        return Err(Fail::new("shop_database", what));
    }
    for change in SCHEMA.iter().skip(version) {
        tx.execute_batch(change)?;
    }
    if version < SCHEMA.len() {
        tx.execute_batch(&format!("PRAGMA user_version = {};", SCHEMA.len()))?;
    }
    Ok(tx.commit()?)
}

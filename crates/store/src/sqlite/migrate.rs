//! A file of an earlier format becomes one of ours, in one transaction and in little memory. Knows no row: `core` says what it needs.

use super::chain::{Head, HeadKey};
use super::error::Fault;
use super::find::transfers_of_step;
use super::keyring;
use super::keys::{DataKey, Keys, Root};
use super::rows;
use super::schema::{DATA_KEYS, LEDGER_CHAIN, SCHEMA_VERSION, TRANSFERS_PER_ROW};
use super::statements::META_HEAD;
use crate::commitment::of_transfers;
use florin_core::commit::{Clock, Job};
use florin_core::id::Key;
use florin_core::seal::Algorithm;
use florin_core::upgrade;
use rusqlite::Connection;

/// In the order of the rows' numbers.
const MOVED: &str = "SELECT id FROM transfer ORDER BY id";
/// Every thing once.
const THINGS: &str = "SELECT key FROM step WHERE version = 1 ORDER BY key";

/// The oldest format that can be opened.
pub const OLDEST: u32 = 1;

pub fn from(version: u32, connection: &Connection, root: &Root) -> Result<(), Fault> {
    let transaction = connection.unchecked_transaction()?;
    if version < 4 {
        transaction.execute_batch(DATA_KEYS)?;
        own_keys(&transaction, root)?;
    }
    let keys = &keyring::read(&transaction, Root::new(root.itself()))?;
    if version < 2 {
        chain(&transaction, &keys.head())?;
    }
    if version < 3 {
        jobs(&transaction, keys)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

/// Before format 4 everything rested on the root itself: it becomes the first data key, and the seed, until these are rotated.
fn own_keys(connection: &Connection, root: &Root) -> Result<(), Fault> {
    let there: bool = connection.query_row("SELECT EXISTS (SELECT 1 FROM data_key)", [], |row| row.get(0))?;
    match there {
        true => Ok(()),
        false => {
            let first = DataKey::new(Algorithm::Aes256Gcm, root.itself());
            keyring::put_first(connection, root, &root.itself(), &first)
        }
    }
}

/// Format 1 had no chain of the ledger, and nothing refused what changes it.
fn chain(connection: &Connection, key: &HeadKey) -> Result<(), Fault> {
    connection.execute_batch(LEDGER_CHAIN)?;
    let rows: Option<i64> = connection.query_row("SELECT max(n) FROM row", [], |row| row.get(0))?;
    let mut head = Head { rows: rows.unwrap_or(0), ..Head::NONE };
    let mut moved = connection.prepare(MOVED)?;
    let mut put = connection.prepare("INSERT INTO ledger_link VALUES (?1, ?2)")?;
    let mut each = moved.query(())?;
    while let Some(transfer) = each.next()? {
        let n = transfer.get::<_, i64>(0)? / TRANSFERS_PER_ROW;
        // The transfers of a row lie together, and are taken at the first of them.
        if n != head.n {
            head.follow(n, &of_transfers(&transfers_of_step(connection, n)?));
            put.execute((n, head.hash))?;
        }
    }
    connection.execute("INSERT INTO meta VALUES (?1, ?2)", (META_HEAD, key.seal(&head)))?;
    Ok(())
}

/// Before format 3 there may be holds that nothing ends and cardholders whom nobody looks for.
fn jobs(connection: &Connection, keys: &Keys) -> Result<(), Fault> {
    let mut things = connection.prepare(THINGS)?;
    let mut each = things.query(())?;
    while let Some(thing) = each.next()? {
        let found = rows::current(connection, Key(thing.get(0)?))?.filter(|step| upgrade::KINDS.contains(&step.kind()));
        // What cannot be opened is for an audit to find; everything else is opened all the same.
        let Some(row) = found.and_then(|step| step.open(keys).ok()) else { continue };
        if let Some(job) = upgrade::job(&row) {
            put_job(connection, &job)?;
        }
    }
    Ok(())
}

/// Leaves a job that is there already as it is.
fn put_job(connection: &Connection, job: &Job) -> Result<(), Fault> {
    let clock = match job.clock {
        Clock::Real => None,
        Clock::Test(clock) => Some(clock.0),
    };
    let (kind, account, subject, attempt) = (job.kind as u8, job.account.0, job.subject.0, job.attempt.0);
    let mut put =
        connection.prepare_cached("INSERT INTO job VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0) ON CONFLICT DO NOTHING")?;
    put.execute((job.id.0, kind, account, subject, attempt, job.due.0, clock))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::TABLES;

    /// A walk that sorts, or remembers what it saw, needs memory for the whole table.
    #[test]
    fn walks_keep_nothing() {
        let connection = Connection::open_in_memory().expect("SQLite opens");
        connection.execute_batch(TABLES).expect("tables are made");
        let plan = |sql: &str| {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
            let lines = plan.query_map((), |row| row.get::<_, String>(3)).expect("explained");
            lines.map(|line| line.expect("a line")).collect::<Vec<String>>()
        };
        for sql in [MOVED, THINGS] {
            let lines = plan(sql);
            assert!(lines.len() == 1 && lines[0].starts_with("SCAN"), "{sql}: {lines:?}");
        }
    }
}

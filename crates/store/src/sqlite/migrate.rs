//! A file of an earlier format becomes one of ours, in one transaction. Knows no keys but the one that it is handed.

use super::chain::{Head, HeadKey};
use super::error::Fault;
use super::find::transfers_of_step;
use super::schema::{LEDGER_CHAIN, SCHEMA_VERSION, TRANSFERS_PER_ROW};
use super::statements::META_HEAD;
use rusqlite::Connection;

/// Format 1 had no chain of the ledger, and nothing refused what changes it.
pub fn from_1(connection: &Connection, key: &HeadKey) -> Result<(), Fault> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(LEDGER_CHAIN)?;
    let rows: Option<i64> = transaction.query_row("SELECT max(n) FROM row", [], |row| row.get(0))?;
    let mut head = Head { rows: rows.unwrap_or(0), ..Head::NONE };
    {
        let mut moved = transaction.prepare("SELECT DISTINCT id / ?1 FROM transfer ORDER BY 1")?;
        let mut put = transaction.prepare("INSERT INTO ledger_link VALUES (?1, ?2)")?;
        let mut each = moved.query([TRANSFERS_PER_ROW])?;
        while let Some(row) = each.next()? {
            let n = row.get(0)?;
            head.follow(n, &transfers_of_step(&transaction, n)?);
            put.execute((n, head.hash))?;
        }
    }
    transaction.execute("INSERT INTO meta VALUES (?1, ?2)", (META_HEAD, key.seal(&head)))?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

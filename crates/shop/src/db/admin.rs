//! The back office's one password and its sessions. Tokens lie here as hashes.

use crate::Fail;
use rusqlite::{OptionalExtension, Transaction};

/// Seconds without a click, and in all.
const IDLE_LIMIT_SECONDS: i64 = 15 * 60;
const WHOLE_LIMIT_SECONDS: i64 = 12 * 3_600;

pub fn hash(tx: &Transaction<'_>) -> Result<Option<String>, Fail> {
    Ok(tx.query_row("SELECT hash FROM admin WHERE id = 1", [], |row| row.get(0)).optional()?)
}

/// Sets the first password: false when there is one.
pub fn begin(tx: &Transaction<'_>, hash: &str) -> Result<bool, Fail> {
    Ok(tx.execute("INSERT OR IGNORE INTO admin VALUES (1, ?1)", [hash])? == 1)
}

pub fn open(tx: &Transaction<'_>, token: &[u8], now: i64) -> Result<(), Fail> {
    tx.execute(
        "DELETE FROM session WHERE began <= ?1 OR seen <= ?2",
        (now - WHOLE_LIMIT_SECONDS, now - IDLE_LIMIT_SECONDS),
    )?;
    tx.execute("INSERT INTO session VALUES (?1, ?2, ?2)", (token, now))?;
    Ok(())
}

/// Whether a session stands; it was seen now.
pub fn seen(tx: &Transaction<'_>, token: &[u8], now: i64) -> Result<bool, Fail> {
    let sql = "UPDATE session SET seen = ?2 WHERE hash = ?1 AND began > ?3 AND seen > ?4";
    Ok(tx.execute(sql, (token, now, now - WHOLE_LIMIT_SECONDS, now - IDLE_LIMIT_SECONDS))? == 1)
}

pub fn close(tx: &Transaction<'_>, token: &[u8]) -> Result<(), Fail> {
    tx.execute("DELETE FROM session WHERE hash = ?1", [token])?;
    Ok(())
}

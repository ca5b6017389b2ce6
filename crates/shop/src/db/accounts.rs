//! Customers' accounts and their sessions. Who they are lies here sealed; tokens and e-mail addresses as codes.

use super::orders;
use crate::Fail;
use crate::order::Order;
pub use crate::web::Failures;
use rusqlite::{OptionalExtension, Row, Transaction};

/// Seconds without a click, and in all.
const IDLE_LIMIT_SECONDS: i64 = 14 * 86_400;
const WHOLE_LIMIT_SECONDS: i64 = 30 * 86_400;
/// Browsers that are signed in to one account; one more ends the session that was longest idle.
pub const SESSIONS_LIMIT: i64 = 20;
/// Orders that are read at a time: those that an account shows, and a page of all.
pub const ORDERS_LIMIT: i64 = 200;

pub struct Account {
    pub id: String,
    /// argon2id.
    pub hash: String,
    /// Sealed.
    pub person: Vec<u8>,
    pub made: i64,
    pub failures: Failures,
}

const COLUMNS: &str = "id, hash, person, made, failures, failed";

fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    let failures = Failures { count: row.get(4)?, last: row.get(5)? };
    Ok(Account { id: row.get(0)?, hash: row.get(1)?, person: row.get(2)?, made: row.get(3)?, failures })
}

/// False when the e-mail address has an account.
pub fn make(tx: &Transaction<'_>, id: &str, name: &str, hash: &str, person: &[u8], now: i64) -> Result<bool, Fail> {
    let sql = "INSERT OR IGNORE INTO account (id, name, hash, person, made) VALUES (?1, ?2, ?3, ?4, ?5)";
    Ok(tx.execute(sql, (id, name, hash, person, now))? == 1)
}

pub fn named(tx: &Transaction<'_>, name: &str) -> Result<Option<Account>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM account WHERE name = ?1"))?;
    Ok(statement.query_row([name], read).optional()?)
}

pub fn one(tx: &Transaction<'_>, id: &str) -> Result<Option<Account>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM account WHERE id = ?1"))?;
    Ok(statement.query_row([id], read).optional()?)
}

pub fn note(tx: &Transaction<'_>, id: &str, failures: Failures) -> Result<(), Fail> {
    let sql = "UPDATE account SET failures = ?2, failed = ?3 WHERE id = ?1";
    tx.execute(sql, (id, failures.count, failures.last))?;
    Ok(())
}

pub fn set_person(tx: &Transaction<'_>, id: &str, person: &[u8]) -> Result<(), Fail> {
    tx.execute("UPDATE account SET person = ?2 WHERE id = ?1", (id, person))?;
    Ok(())
}

/// Another e-mail address, and another password. False when the address has another account. Sessions but this one end.
pub fn set_access(tx: &Transaction<'_>, id: &str, name: &str, hash: Option<&str>, keep: &[u8]) -> Result<bool, Fail> {
    let sql = "UPDATE OR IGNORE account SET name = ?2, hash = COALESCE(?3, hash) WHERE id = ?1";
    if tx.execute(sql, (id, name, hash))? == 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM visit WHERE account = ?1 AND hash <> ?2", (id, keep))?;
    Ok(true)
}

/// Begins a session. One of an account that is gone meanwhile is none.
pub fn enter(tx: &Transaction<'_>, id: &str, token: &[u8], now: i64) -> Result<(), Fail> {
    let sql = "DELETE FROM visit WHERE began <= ?1 OR seen <= ?2";
    tx.execute(sql, (now - WHOLE_LIMIT_SECONDS, now - IDLE_LIMIT_SECONDS))?;
    let newest = "SELECT hash FROM visit WHERE account = ?1 ORDER BY seen DESC, began DESC LIMIT ?2";
    tx.execute(&format!("DELETE FROM visit WHERE account = ?1 AND hash NOT IN ({newest})"), (id, SESSIONS_LIMIT - 1))?;
    let sql = "INSERT INTO visit (hash, account, began, seen) SELECT ?1, id, ?3, ?3 FROM account WHERE id = ?2";
    tx.execute(sql, (token, id, now))?;
    Ok(())
}

/// (began, last seen) of its sessions, newest first.
pub fn sessions(tx: &Transaction<'_>, id: &str) -> Result<Vec<(i64, i64)>, Fail> {
    let sql = "SELECT began, seen FROM visit WHERE account = ?1 ORDER BY began DESC, seen DESC";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whose session this is; it was seen now.
pub fn of_session(tx: &Transaction<'_>, token: &[u8], now: i64) -> Result<Option<Account>, Fail> {
    let sql = "UPDATE visit SET seen = ?2 WHERE hash = ?1 AND began > ?3 AND seen > ?4 RETURNING account";
    let limits = (now - WHOLE_LIMIT_SECONDS, now - IDLE_LIMIT_SECONDS);
    let found: Option<String> = tx.query_row(sql, (token, now, limits.0, limits.1), |row| row.get(0)).optional()?;
    found.map_or(Ok(None), |id| one(tx, &id))
}

pub fn leave(tx: &Transaction<'_>, token: &[u8]) -> Result<(), Fail> {
    tx.execute("DELETE FROM visit WHERE hash = ?1", [token])?;
    Ok(())
}

/// An order that was placed without an account becomes this one's.
pub fn adopt(tx: &Transaction<'_>, id: &str, order: &str) -> Result<(), Fail> {
    let sql = "UPDATE orders SET account = (SELECT id FROM account WHERE id = ?1) WHERE id = ?2 AND account IS NULL AND forget = 0";
    tx.execute(sql, (id, order))?;
    Ok(())
}

/// Its orders with a number below `before`, newest first, at most `ORDERS_LIMIT`.
pub fn orders_of(tx: &Transaction<'_>, id: &str, before: i64) -> Result<Vec<Order>, Fail> {
    let rest = "account = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3";
    orders::list_where(tx, rest, (id, before, ORDERS_LIMIT))
}

/// The account goes at once; who ordered is forgotten with each order that is over, and with the others when they are.
pub fn delete(tx: &Transaction<'_>, id: &str) -> Result<(), Fail> {
    tx.execute("UPDATE orders SET forget = 1, account = NULL WHERE account = ?1", [id])?;
    tx.execute("DELETE FROM account WHERE id = ?1", [id])?;
    forget(tx)
}

/// What a customer wrote in orders that are over; amounts and stages stay, for the books.
pub fn forget(tx: &Transaction<'_>) -> Result<(), Fail> {
    let over = "forget = 1 AND stage IN ('fulfilled', 'cancelled', 'refunded')";
    let of = format!("SELECT id FROM orders WHERE {over}");
    tx.execute(&format!("UPDATE wish SET reason = x'' WHERE order_id IN ({of})"), [])?;
    tx.execute(&format!("UPDATE orders SET person = x'', forget = 2 WHERE {over}"), [])?;
    Ok(())
}

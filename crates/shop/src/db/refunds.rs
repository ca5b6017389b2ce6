//! Refunds that the shop asked for, and customers' wishes for one.

use super::orders;
use crate::Fail;
use rusqlite::{OptionalExtension, Transaction};

/// `asked`: the gateway may or may not have it. `done`, `failed`: it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub order: String,
    pub n: i64,
    pub amount: i64,
    pub state: String,
    pub at: i64,
}

const COLUMNS: &str = "order_id, n, amount, state, at";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Refund> {
    Ok(Refund { order: row.get(0)?, n: row.get(1)?, amount: row.get(2)?, state: row.get(3)?, at: row.get(4)? })
}

/// Writes down that so much shall go back, before the gateway is asked. Nothing when it is more than is left: what is under way counts.
pub fn ask(tx: &Transaction<'_>, id: &str, amount: i64, now: i64) -> Result<Option<Refund>, Fail> {
    let Some(order) = orders::one(tx, id)? else { return Ok(None) };
    let under_way: i64 = tx.query_row(
        "SELECT COALESCE(SUM(amount), 0) FROM refund WHERE order_id = ?1 AND state = 'asked'",
        [id],
        |row| row.get(0),
    )?;
    if amount <= 0 || amount > order.refundable() - under_way {
        return Ok(None);
    }
    let n: i64 =
        tx.query_row("SELECT COALESCE(MAX(n), 0) + 1 FROM refund WHERE order_id = ?1", [id], |row| row.get(0))?;
    tx.execute("INSERT INTO refund VALUES (?1, ?2, ?3, 'asked', NULL, ?4)", (id, n, amount, now))?;
    orders::step(tx, id, "refund-asked", "shop", now)?;
    Ok(Some(Refund { order: id.to_owned(), n, amount, state: "asked".to_owned(), at: now }))
}

/// The gateway's answer.
pub fn answered(tx: &Transaction<'_>, of: &Refund, state: &str, refund: Option<&str>, now: i64) -> Result<(), Fail> {
    let sql = "UPDATE refund SET state = ?3, refund = ?4, at = ?5 WHERE order_id = ?1 AND n = ?2 AND state = 'asked'";
    let changed = tx.execute(sql, (&of.order, of.n, state, refund, now))?;
    if changed == 1 && state == "failed" {
        orders::step(tx, &of.order, "refund-failed", "answer", now)?;
    }
    Ok(())
}

/// Those without an answer since `before`.
pub fn open(tx: &Transaction<'_>, before: i64) -> Result<Vec<Refund>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM refund WHERE state = 'asked' AND at <= ?1 ORDER BY at LIMIT 50");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map([before], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn of_order(tx: &Transaction<'_>, id: &str) -> Result<Vec<Refund>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM refund WHERE order_id = ?1 ORDER BY n"))?;
    let rows = statement.query_map([id], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What a customer wants, in sealed words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub order: String,
    pub at: i64,
    pub reason: Vec<u8>,
    /// `open`, `granted` or `refused`.
    pub state: String,
}

fn read_wish(row: &rusqlite::Row<'_>) -> rusqlite::Result<Wish> {
    Ok(Wish { order: row.get(0)?, at: row.get(1)?, reason: row.get(2)?, state: row.get(3)? })
}

/// One wish an order; asked again, it stays as it is.
pub fn wish(tx: &Transaction<'_>, id: &str, reason: &[u8], now: i64) -> Result<(), Fail> {
    if tx.execute("INSERT OR IGNORE INTO wish VALUES (?1, ?2, ?3, 'open')", (id, now, reason))? == 1 {
        orders::step(tx, id, "refund-wished", "customer", now)?;
    }
    Ok(())
}

pub fn wish_of(tx: &Transaction<'_>, id: &str) -> Result<Option<Wish>, Fail> {
    let sql = "SELECT order_id, at, reason, state FROM wish WHERE order_id = ?1";
    Ok(tx.query_row(sql, [id], read_wish).optional()?)
}

pub fn wishes(tx: &Transaction<'_>) -> Result<Vec<Wish>, Fail> {
    let sql = "SELECT order_id, at, reason, state FROM wish ORDER BY state = 'open' DESC, at DESC LIMIT 200";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([], read_wish)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn answer_wish(tx: &Transaction<'_>, id: &str, state: &str, now: i64) -> Result<(), Fail> {
    if tx.execute("UPDATE wish SET state = ?2 WHERE order_id = ?1 AND state = 'open'", (id, state))? == 1 {
        orders::step(tx, id, &format!("wish-{state}"), "shop", now)?;
    }
    Ok(())
}

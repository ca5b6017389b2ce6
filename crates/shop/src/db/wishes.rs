//! Customers' wishes to have their money back: one an order, in sealed words, granted or refused by the people of the shop.

use super::orders;
use super::refunds::{self, Refund};
use crate::Fail;
use crate::order::Stage;
use crate::seal::Keys;
use rusqlite::{OptionalExtension, Transaction};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub order: String,
    pub at: i64,
    pub reason: Vec<u8>,
    /// `open`, `granted` or `refused`.
    pub state: String,
    /// The number of the refund that it was granted with.
    pub refund: Option<i64>,
}

const COLUMNS: &str = "order_id, at, reason, state, refund";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Wish> {
    Ok(Wish { order: row.get(0)?, at: row.get(1)?, reason: row.get(2)?, state: row.get(3)?, refund: row.get(4)? })
}

/// Where its words lie sealed; none are left of a customer who was forgotten.
fn place(order: &str) -> String {
    format!("wish of {order}")
}

pub fn seal(keys: &Keys, order: &str, reason: &str) -> Result<Vec<u8>, Fail> {
    keys.seal(&place(order), reason.as_bytes())
}

impl Wish {
    pub fn words(&self, keys: &Keys) -> Result<String, Fail> {
        if self.reason.is_empty() {
            return Ok(String::new());
        }
        let reason = keys.unseal(&place(&self.order), &self.reason)?;
        Ok(String::from_utf8_lossy(&reason).into_owned())
    }
}

/// False when the order is not at a stage that has money to give back. Asked again, it stays as it is; and nothing that a customer says is
/// kept of one who was forgotten.
pub fn make(tx: &Transaction<'_>, id: &str, reason: &[u8], now: i64) -> Result<bool, Fail> {
    if !orders::one(tx, id)?.is_some_and(|order| matches!(order.stage, Stage::Paid | Stage::Fulfilled)) {
        return Ok(false);
    }
    let sql = "INSERT OR IGNORE INTO wish (order_id, at, reason, state)
               SELECT id, ?2, iif(forget = 0, ?3, x''), 'open' FROM orders WHERE id = ?1";
    if tx.execute(sql, (id, now, reason))? == 1 {
        orders::step(tx, id, "refund-wished", "customer", now)?;
    }
    Ok(true)
}

pub fn of(tx: &Transaction<'_>, id: &str) -> Result<Option<Wish>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM wish WHERE order_id = ?1");
    Ok(tx.query_row(&sql, [id], read).optional()?)
}

pub fn all(tx: &Transaction<'_>) -> Result<Vec<Wish>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM wish ORDER BY state = 'open' DESC, at DESC LIMIT 200");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What came of granting a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// All that is left shall go back: the gateway is to be asked.
    Asked(Refund),
    /// The money is back already.
    Already,
    /// Nothing can be given back now: the wish stays.
    Not,
}

/// Grants an open wish and writes the refund down, in one transaction.
pub fn grant(tx: &Transaction<'_>, id: &str, now: i64) -> Result<Granted, Fail> {
    let open = of(tx, id)?.is_some_and(|wish| wish.state == "open");
    let Some(order) = orders::one(tx, id)?.filter(|_| open) else { return Ok(Granted::Not) };
    let granted = match refunds::ask(tx, id, refunds::left(tx, id)?, None, "shop", now)? {
        Some(refund) => Granted::Asked(refund),
        None if order.stage == Stage::Refunded => Granted::Already,
        None => return Ok(Granted::Not),
    };
    answer(tx, id, "granted", now)?;
    if let Granted::Asked(refund) = &granted {
        tx.execute("UPDATE wish SET refund = ?2 WHERE order_id = ?1", (id, refund.n))?;
    }
    Ok(granted)
}

pub fn answer(tx: &Transaction<'_>, id: &str, state: &str, now: i64) -> Result<(), Fail> {
    if tx.execute("UPDATE wish SET state = ?2 WHERE order_id = ?1 AND state = 'open'", (id, state))? == 1 {
        orders::step(tx, id, &format!("wish-{state}"), "shop", now)?;
    }
    Ok(())
}

/// The refund of this number came to nothing: a wish that was granted with it is for a person to decide again.
pub fn open_again(tx: &Transaction<'_>, id: &str, refund: i64) -> Result<(), Fail> {
    let sql = "UPDATE wish SET state = 'open', refund = NULL WHERE order_id = ?1 AND state = 'granted' AND refund = ?2";
    tx.execute(sql, (id, refund))?;
    Ok(())
}

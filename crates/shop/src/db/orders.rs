//! Orders and their lines. Who ordered lies in them sealed; this file never opens it.

use super::slots;
use crate::Fail;
use crate::money::Currency;
use crate::order::{Change, Order, Stage};
use rusqlite::{OptionalExtension, Row, Transaction};

/// The first order's number, less one.
const NUMBERS_FROM: i64 = 1_000;

/// One line of an order, with the price that held when it was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub slug: String,
    pub quantity: i64,
    /// Minor units for one.
    pub unit: i64,
    pub slot: Option<i64>,
}

pub struct New<'a> {
    pub id: &'a str,
    /// From the checkout page: the same page sent twice is one order.
    pub once: &'a str,
    pub visit: &'a str,
    /// Of whom signed in; an account that is gone meanwhile owns nothing.
    pub account: Option<&'a str>,
    pub currency: Currency,
    pub lines: &'a [Line],
    pub person: &'a [u8],
    pub now: i64,
}

/// What came of placing an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    Done(String),
    /// Too few of this are left.
    SoldOut(String),
}

const COLUMNS: &str = "id, number, stage, currency, total, refunded, attempt, intent, received, placed, changed, code";

fn read(row: &Row<'_>) -> rusqlite::Result<Order> {
    let bad = |at: usize| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, "an unknown word".into())
    };
    Ok(Order {
        id: row.get(0)?,
        number: row.get(1)?,
        stage: Stage::parse(&row.get::<_, String>(2)?).ok_or_else(|| bad(2))?,
        currency: Currency::parse(&row.get::<_, String>(3)?).ok_or_else(|| bad(3))?,
        total: row.get(4)?,
        refunded: row.get(5)?,
        attempt: row.get(6)?,
        intent: row.get(7)?,
        received: row.get(8)?,
        placed: row.get(9)?,
        changed: row.get(10)?,
        code: row.get(11)?,
    })
}

/// The order that a checkout page made already.
pub fn placed(tx: &Transaction<'_>, once: &str) -> Result<Option<Placed>, Fail> {
    let sql = "SELECT id FROM orders WHERE once = ?1";
    Ok(tx.query_row(sql, [once], |row| row.get(0)).optional()?.map(Placed::Done))
}

/// Takes stock and places, and writes the order: all of it or nothing.
pub fn place(tx: &Transaction<'_>, new: &New<'_>) -> Result<Placed, Fail> {
    if let Some(done) = placed(tx, new.once)? {
        return Ok(done);
    }
    let mut total: i64 = 0;
    for (before, line) in new.lines.iter().enumerate() {
        let there = match line.slot {
            Some(slot) => slots::take(tx, slot, new.visit, line.quantity, new.now)?,
            None => {
                let sql = "UPDATE product SET stock = stock - ?2 WHERE slug = ?1 AND active = 1 AND stock >= ?2";
                tx.execute(sql, (&line.slug, line.quantity))? == 1
            }
        };
        if !there {
            give_back(tx, new.lines.iter().take(before))?;
            return Ok(Placed::SoldOut(line.slug.clone()));
        }
        let sum = line.unit.checked_mul(line.quantity).and_then(|sum| total.checked_add(sum));
        total = sum.ok_or_else(|| Fail::new("shop_amount", "the order is too large"))?;
    }
    let number: i64 =
        tx.query_row("SELECT COALESCE(MAX(number), ?1) + 1 FROM orders", [NUMBERS_FROM], |row| row.get(0))?;
    tx.execute(
        "INSERT INTO orders (id, number, once, stage, currency, total, placed, changed, person, account)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, (SELECT id FROM account WHERE id = ?9))",
        (new.id, number, new.once, Stage::Placed.name(), new.currency.code(), total, new.now, new.person, new.account),
    )?;
    for (at, line) in (0i64..).zip(new.lines) {
        tx.execute(
            "INSERT INTO item (order_id, line, slug, quantity, unit, slot, held) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)",
            (new.id, at, &line.slug, line.quantity, line.unit, line.slot),
        )?;
    }
    step(tx, new.id, "placed", "customer", new.now)?;
    Ok(Placed::Done(new.id.to_owned()))
}

fn give_back<'a>(tx: &Transaction<'_>, lines: impl Iterator<Item = &'a Line>) -> Result<(), Fail> {
    for line in lines {
        match line.slot {
            Some(slot) => slots::give_back(tx, slot, line.quantity)?,
            None => {
                tx.execute("UPDATE product SET stock = stock + ?2 WHERE slug = ?1", (&line.slug, line.quantity))?;
            }
        }
    }
    Ok(())
}

pub fn one(tx: &Transaction<'_>, id: &str) -> Result<Option<Order>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM orders WHERE id = ?1"))?;
    Ok(statement.query_row([id], read).optional()?)
}

/// The order of a payment.
pub fn of_intent(tx: &Transaction<'_>, intent: &str) -> Result<Option<Order>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM orders WHERE intent = ?1"))?;
    Ok(statement.query_row([intent], read).optional()?)
}

/// Newest first, of one stage or of all, with a number below `before`.
pub fn list(tx: &Transaction<'_>, stage: Option<Stage>, before: i64, limit: i64) -> Result<Vec<Order>, Fail> {
    let sql = format!(
        "SELECT {COLUMNS} FROM orders WHERE number < ?1 AND (?2 IS NULL OR stage = ?2) ORDER BY number DESC LIMIT ?3"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map((before, stage.map(Stage::name), limit), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those that a condition of the code names.
pub fn list_where(tx: &Transaction<'_>, rest: &str, values: impl rusqlite::Params) -> Result<Vec<Order>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM orders WHERE {rest}"))?;
    let rows = statement.query_map(values, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Orders whose money may still come and that nothing was heard of since `before`, longest first.
pub fn waiting(tx: &Transaction<'_>, before: i64, limit: i64) -> Result<Vec<Order>, Fail> {
    let sql = format!(
        "SELECT {COLUMNS} FROM orders WHERE stage IN ('placed', 'paying', 'confirming') AND changed <= ?1 ORDER BY changed LIMIT ?2"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map((before, limit), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn counts(tx: &Transaction<'_>) -> Result<Vec<(Stage, i64)>, Fail> {
    let mut statement = tx.prepare_cached("SELECT stage, COUNT(*) FROM orders GROUP BY stage")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let rows: Vec<(String, i64)> = rows.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().filter_map(|(name, n)| Some((Stage::parse(&name)?, n))).collect())
}

pub fn lines(tx: &Transaction<'_>, id: &str) -> Result<Vec<Line>, Fail> {
    lines_where(tx, id, "")
}

fn lines_where(tx: &Transaction<'_>, id: &str, which: &str) -> Result<Vec<Line>, Fail> {
    let sql = format!("SELECT slug, quantity, unit, slot FROM item WHERE order_id = ?1 {which} ORDER BY line");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map([id], |row| {
        Ok(Line { slug: row.get(0)?, quantity: row.get(1)?, unit: row.get(2)?, slot: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sealed.
pub fn person(tx: &Transaction<'_>, id: &str) -> Result<Vec<u8>, Fail> {
    Ok(tx.query_row("SELECT person FROM orders WHERE id = ?1", [id], |row| row.get(0))?)
}

pub fn set_person(tx: &Transaction<'_>, id: &str, sealed: &[u8]) -> Result<(), Fail> {
    tx.execute("UPDATE orders SET person = ?2 WHERE id = ?1", (id, sealed))?;
    Ok(())
}

/// Writes a decision, with a line for the order's history when its stage changed. What is set aside for an order goes back when it ends.
pub fn apply(tx: &Transaction<'_>, order: &Order, change: &Change, by: &str, now: i64) -> Result<(), Fail> {
    tx.execute(
        "UPDATE orders SET stage = ?2, attempt = ?3, intent = ?4, received = ?5, refunded = ?6, changed = ?7 WHERE id = ?1",
        (&order.id, change.stage.name(), change.attempt, &change.intent, change.received, change.refunded, now),
    )?;
    if change.stage != order.stage {
        let declined = change.stage == Stage::Placed;
        step(tx, &order.id, if declined { "declined" } else { change.stage.name() }, by, now)?;
        match change.stage {
            Stage::Cancelled | Stage::Refunded => let_go(tx, &order.id)?,
            Stage::Fulfilled => sent(tx, &order.id, now)?,
            Stage::Placed | Stage::Paying | Stage::Confirming | Stage::Paid | Stage::Disputed | Stage::Review => {}
        }
    } else if change.refunded != order.refunded {
        step(tx, &order.id, "refunded-part", by, now)?;
    }
    Ok(())
}

/// Goods and places that are set aside are for others again: once, whatever becomes of the order later.
fn let_go(tx: &Transaction<'_>, id: &str) -> Result<(), Fail> {
    give_back(tx, lines_where(tx, id, "AND held = 1")?.iter())?;
    tx.execute("UPDATE item SET held = 0 WHERE order_id = ?1", [id])?;
    Ok(())
}

/// Goods that were sent are not ours to give back; a place whose time is to come is.
fn sent(tx: &Transaction<'_>, id: &str, now: i64) -> Result<(), Fail> {
    let ahead = "EXISTS (SELECT 1 FROM slot WHERE slot.id = item.slot AND starts > ?2)";
    tx.execute(&format!("UPDATE item SET held = 0 WHERE order_id = ?1 AND NOT {ahead}"), (id, now))?;
    Ok(())
}

/// Marks that the order's refunds have to be read at the gateway.
pub fn stir(tx: &Transaction<'_>, id: &str) -> Result<(), Fail> {
    tx.execute("UPDATE orders SET stirred = stirred + 1 WHERE id = ?1", [id])?;
    Ok(())
}

/// Orders whose refunds have to be read: how often that was heard goes with them, so that what is heard meanwhile is not lost.
pub fn stirred(tx: &Transaction<'_>, limit: i64) -> Result<Vec<(Order, i64)>, Fail> {
    let sql = format!("SELECT {COLUMNS}, stirred FROM orders WHERE stirred > 0 ORDER BY changed LIMIT ?1");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map([limit], |row| Ok((read(row)?, row.get("stirred")?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// They were read, as of then.
pub fn calm(tx: &Transaction<'_>, id: &str, heard: i64) -> Result<(), Fail> {
    tx.execute("UPDATE orders SET stirred = stirred - ?2 WHERE id = ?1 AND stirred >= ?2", (id, heard))?;
    Ok(())
}

/// The code that it is signed with for its present try: before the gateway is asked. False when the order has gone on meanwhile, to another
/// try or to a payment, whose code stays.
pub fn signed(tx: &Transaction<'_>, order: &Order, code: &str) -> Result<bool, Fail> {
    let set = "UPDATE orders SET code = ?3 WHERE id = ?1 AND attempt = ?2 AND intent IS NULL";
    Ok(tx.execute(set, (&order.id, order.attempt, code))? == 1)
}

/// Looked at just now: waits its turn again.
pub fn touch(tx: &Transaction<'_>, id: &str, now: i64) -> Result<(), Fail> {
    tx.execute("UPDATE orders SET changed = ?2 WHERE id = ?1", (id, now))?;
    Ok(())
}

pub fn step(tx: &Transaction<'_>, id: &str, what: &str, by: &str, now: i64) -> Result<(), Fail> {
    tx.execute("INSERT INTO step VALUES (?1, ?2, ?3, ?4)", (id, now, what, by))?;
    Ok(())
}

/// (when, what, by whom), oldest first.
pub fn steps(tx: &Transaction<'_>, id: &str) -> Result<Vec<(i64, String, String)>, Fail> {
    let mut statement = tx.prepare_cached("SELECT at, what, by FROM step WHERE order_id = ?1 ORDER BY rowid")?;
    let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

//! Times of services: places are kept for a cart for ten minutes, and taken by an order.

use crate::Fail;
use crate::catalogue::HOLD_SECONDS;
use rusqlite::{OptionalExtension, Transaction};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub id: i64,
    pub slug: String,
    pub starts: i64,
    /// Neither taken nor held by others.
    pub free: i64,
}

/// Places that a visitor holds do not count against that visitor.
const SELECT: &str = "SELECT s.id, s.slug, s.starts, s.places - s.taken -
    (SELECT COALESCE(SUM(h.places), 0) FROM hold h WHERE h.slot = s.id AND h.until > ?1 AND h.visit <> ?2) FROM slot s";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Slot> {
    Ok(Slot { id: row.get(0)?, slug: row.get(1)?, starts: row.get(2)?, free: row.get(3)? })
}

pub fn of(tx: &Transaction<'_>, slug: &str, visit: &str, now: i64) -> Result<Vec<Slot>, Fail> {
    let mut statement =
        tx.prepare_cached(&format!("{SELECT} WHERE s.slug = ?3 AND s.starts > ?1 ORDER BY s.starts LIMIT 60"))?;
    let rows = statement.query_map((now, visit, slug), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn one(tx: &Transaction<'_>, id: i64, visit: &str, now: i64) -> Result<Option<Slot>, Fail> {
    let mut statement = tx.prepare_cached(&format!("{SELECT} WHERE s.id = ?3 AND s.starts > ?1"))?;
    Ok(statement.query_row((now, visit, id), read).optional()?)
}

/// Keeps places for a visitor: false when there are too few.
pub fn hold(tx: &Transaction<'_>, id: i64, visit: &str, places: i64, now: i64) -> Result<bool, Fail> {
    tx.execute("DELETE FROM hold WHERE until <= ?1", [now])?;
    if one(tx, id, visit, now)?.is_none_or(|slot| slot.free < places) {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO hold VALUES (?1, ?2, ?3, ?4) ON CONFLICT (slot, visit) DO UPDATE SET places = ?3, until = ?4",
        (id, visit, places, now + HOLD_SECONDS),
    )?;
    Ok(true)
}

/// When a visitor's hold ends.
pub fn held_until(tx: &Transaction<'_>, id: i64, visit: &str, now: i64) -> Result<Option<i64>, Fail> {
    let sql = "SELECT until FROM hold WHERE slot = ?1 AND visit = ?2 AND until > ?3";
    Ok(tx.query_row(sql, (id, visit, now), |row| row.get(0)).optional()?)
}

pub fn release(tx: &Transaction<'_>, id: i64, visit: &str) -> Result<(), Fail> {
    tx.execute("DELETE FROM hold WHERE slot = ?1 AND visit = ?2", (id, visit))?;
    Ok(())
}

/// For good, by an order. A service that the shop does not offer any more is not there.
pub fn take(tx: &Transaction<'_>, id: i64, visit: &str, places: i64, now: i64) -> Result<bool, Fail> {
    if one(tx, id, visit, now)?.is_none_or(|slot| slot.free < places) {
        return Ok(false);
    }
    let offered = "(SELECT active FROM product WHERE product.slug = slot.slug) = 1";
    let sql = format!("UPDATE slot SET taken = taken + ?2 WHERE id = ?1 AND {offered}");
    if tx.execute(&sql, (id, places))? == 0 {
        return Ok(false);
    }
    release(tx, id, visit)?;
    Ok(true)
}

pub fn give_back(tx: &Transaction<'_>, id: i64, places: i64) -> Result<(), Fail> {
    tx.execute("UPDATE slot SET taken = MAX(taken - ?2, 0) WHERE id = ?1", (id, places))?;
    Ok(())
}

pub fn starts(tx: &Transaction<'_>, id: i64) -> Result<Option<i64>, Fail> {
    Ok(tx.query_row("SELECT starts FROM slot WHERE id = ?1", [id], |row| row.get(0)).optional()?)
}

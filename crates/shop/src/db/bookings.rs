//! Times of services that were ordered: which are to come, and moving one to another time.

use super::{orders, refunds, slots};
use crate::Fail;
use crate::order::{Order, Stage};
use rusqlite::{OptionalExtension, Row, Transaction};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    pub order: String,
    pub line: i64,
    pub slug: String,
    pub quantity: i64,
    pub slot: i64,
    pub starts: i64,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Booking> {
    Ok(Booking {
        order: row.get(0)?,
        line: row.get(1)?,
        slug: row.get(2)?,
        quantity: row.get(3)?,
        slot: row.get(4)?,
        starts: row.get(5)?,
    })
}

const FROM: &str =
    "SELECT i.order_id, i.line, i.slug, i.quantity, i.slot, s.starts FROM item i JOIN slot s ON s.id = i.slot
    WHERE i.held = 1 AND s.starts > ?2";

/// Those of an order whose time is to come, soonest first.
pub fn of_order(tx: &Transaction<'_>, id: &str, now: i64) -> Result<Vec<Booking>, Fail> {
    let mut statement = tx.prepare_cached(&format!("{FROM} AND i.order_id = ?1 ORDER BY s.starts"))?;
    let rows = statement.query_map((id, now), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether times of an order can be changed: not while money of it is on its way back.
pub fn can_move(tx: &Transaction<'_>, order: &Order) -> Result<bool, Fail> {
    let stands = match order.stage {
        Stage::Placed | Stage::Confirming | Stage::Paid | Stage::Fulfilled => true,
        Stage::Paying | Stage::Cancelled | Stage::Refunded | Stage::Disputed | Stage::Review => false,
    };
    Ok(stands && refunds::under_way(tx, &order.id)? == 0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    Done,
    /// Somebody was faster.
    Full,
    /// The order, the time or the page is not as it was.
    Late,
}

/// Moves a line of an order from one time of its service to another: the new place is taken and the old one given back, or nothing is done.
pub fn change(tx: &Transaction<'_>, id: &str, line: i64, from: i64, to: i64, now: i64) -> Result<Moved, Fail> {
    let Some(order) = orders::one(tx, id)? else { return Ok(Moved::Late) };
    let mut statement = tx.prepare_cached(&format!("{FROM} AND i.order_id = ?1 AND i.line = ?3"))?;
    let booking = statement.query_row((id, now, line), read).optional()?.filter(|b| b.slot == from && from != to);
    let (Some(booking), true) = (booking, can_move(tx, &order)?) else { return Ok(Moved::Late) };
    if slots::one(tx, to, "", now)?.is_none_or(|slot| slot.slug != booking.slug) {
        return Ok(Moved::Late);
    }
    if !slots::take(tx, to, "", booking.quantity, now)? {
        return Ok(Moved::Full);
    }
    slots::give_back(tx, from, booking.quantity)?;
    tx.execute("UPDATE item SET slot = ?3 WHERE order_id = ?1 AND line = ?2", (id, line, to))?;
    orders::step(tx, id, "moved", "customer", now)?;
    Ok(Moved::Done)
}

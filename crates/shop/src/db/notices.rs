//! What the gateway told: each event is taken once, whichever way it came, in the transaction that changes its order.

use super::{meta, orders};
use crate::Fail;
use crate::facts::{Fact, of_event};
use crate::order::{Order, Said, decide};
use rusqlite::Transaction;
use serde_json::Value;

/// How it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Webhook,
    CatchUp,
    /// An answer to a question of ours.
    Answer,
}

impl By {
    pub const fn name(self) -> &'static str {
        match self {
            By::Webhook => "webhook",
            By::CatchUp => "catch-up",
            By::Answer => "answer",
        }
    }
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Nothing,
    /// This order changed.
    Changed(String),
    /// Refunds of an order have to be read at the gateway.
    Stirred,
}

pub fn take(tx: &Transaction<'_>, event: &Value, by: By, now: i64) -> Result<Taken, Fail> {
    let Some(id) = event["id"].as_str() else { return Ok(Taken::Nothing) };
    let sequence = event["sequence"].as_i64().unwrap_or(0);
    if by == By::CatchUp {
        meta::advance(tx, sequence)?;
    }
    let (kind, fact) = (event["type"].as_str().unwrap_or_default(), of_event(event));
    let order = match &fact {
        Some(fact) => order_of(tx, fact)?,
        None => None,
    };
    // Other things of the same account: not ours to keep.
    let (Some(fact), Some(order)) = (fact, order) else { return Ok(Taken::Nothing) };
    let fresh = tx.execute(
        "INSERT OR IGNORE INTO notice VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (id, sequence, kind, &order.id, now, by.name()),
    )?;
    if fresh == 0 {
        return Ok(Taken::Nothing);
    }
    if fact.said == Said::Stirred {
        orders::stir(tx, &order.id)?;
        return Ok(Taken::Stirred);
    }
    Ok(settle(tx, &order, &fact, by, now)?.map_or(Taken::Nothing, Taken::Changed))
}

/// What is known by other ways, for example from an answer. Gives the order that it changed.
pub fn learn(tx: &Transaction<'_>, fact: &Fact, by: By, now: i64) -> Result<Option<String>, Fail> {
    match order_of(tx, fact)? {
        Some(order) => settle(tx, &order, fact, by, now),
        None => Ok(None),
    }
}

fn settle(tx: &Transaction<'_>, order: &Order, fact: &Fact, by: By, now: i64) -> Result<Option<String>, Fail> {
    let Some(change) = decide(order, &fact.intent, &fact.said) else { return Ok(None) };
    orders::apply(tx, order, &change, by.name(), now)?;
    Ok(Some(order.id.clone()))
}

fn order_of(tx: &Transaction<'_>, fact: &Fact) -> Result<Option<Order>, Fail> {
    match orders::of_intent(tx, &fact.intent)? {
        Some(order) => Ok(Some(order)),
        None => fact.order.as_deref().map_or(Ok(None), |id| orders::one(tx, id)),
    }
}

/// (when, type, how it came), oldest first.
pub fn of_order(tx: &Transaction<'_>, id: &str) -> Result<Vec<(i64, String, String, String)>, Fail> {
    let sql = "SELECT at, kind, by, event FROM notice WHERE order_id = ?1 ORDER BY sequence";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

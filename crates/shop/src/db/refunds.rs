//! Money that goes back: what the shop asked for, and what the gateway says of all refunds of an order's payment.

use super::{orders, wishes};
use crate::Fail;
use crate::facts::Given;
use crate::order::{Said, Stage, decide};
use rusqlite::{OptionalExtension, Transaction};

/// In this order: what is further on is never undone by older news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Written down; the gateway may have it or not, and may not be through with it.
    Asked,
    Done,
    /// The gateway or the bank said no. What seemed done may still come to this.
    Failed,
}

impl Progress {
    pub const ALL: &[Progress] = &[Progress::Asked, Progress::Done, Progress::Failed];
    pub const fn name(self) -> &'static str {
        match self {
            Progress::Asked => "asked",
            Progress::Done => "done",
            Progress::Failed => "failed",
        }
    }
    fn parse(text: &str) -> Option<Progress> {
        Progress::ALL.iter().copied().find(|s| s.name() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub order: String,
    pub n: i64,
    pub amount: i64,
    pub state: Progress,
    /// `re_…`, once the gateway told it.
    pub refund: Option<String>,
    pub at: i64,
}

const COLUMNS: &str = "order_id, n, amount, state, refund, at";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Refund> {
    let bad = || rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, "an unknown word".into());
    Ok(Refund {
        order: row.get(0)?,
        n: row.get(1)?,
        amount: row.get(2)?,
        state: Progress::parse(&row.get::<_, String>(3)?).ok_or_else(bad)?,
        refund: row.get(4)?,
        at: row.get(5)?,
    })
}

fn list(tx: &Transaction<'_>, rest: &str, values: impl rusqlite::Params) -> Result<Vec<Refund>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM refund {rest}"))?;
    let rows = statement.query_map(values, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Minor units that were asked for and are neither back nor refused.
pub fn under_way(tx: &Transaction<'_>, id: &str) -> Result<i64, Fail> {
    let sql = "SELECT COALESCE(SUM(amount), 0) FROM refund WHERE order_id = ?1 AND state = 'asked'";
    Ok(tx.query_row(sql, [id], |row| row.get(0))?)
}

/// What may still be asked for, minor units: what is under way counts as gone.
pub fn left(tx: &Transaction<'_>, id: &str) -> Result<i64, Fail> {
    let Some(order) = orders::one(tx, id)? else { return Ok(0) };
    Ok((order.refundable() - under_way(tx, id)?).max(0))
}

/// Writes down that so much shall go back, before the gateway is asked. Nothing when it is more than is left, or when the order is not at
/// the stage that whoever asks saw it at: what was sent in between is not given back unseen.
pub fn ask(
    tx: &Transaction<'_>,
    id: &str,
    amount: i64,
    only: Option<Stage>,
    by: &str,
    now: i64,
) -> Result<Option<Refund>, Fail> {
    let fits = orders::one(tx, id)?.is_some_and(|order| only.is_none_or(|stage| stage == order.stage));
    if !fits || amount <= 0 || amount > left(tx, id)? {
        return Ok(None);
    }
    let refund =
        Refund { order: id.to_owned(), n: next(tx, id)?, amount, state: Progress::Asked, refund: None, at: now };
    insert(tx, &refund)?;
    orders::step(tx, id, "refund-asked", by, now)?;
    Ok(Some(refund))
}

fn next(tx: &Transaction<'_>, id: &str) -> Result<i64, Fail> {
    Ok(tx.query_row("SELECT COALESCE(MAX(n), 0) + 1 FROM refund WHERE order_id = ?1", [id], |row| row.get(0))?)
}

fn insert(tx: &Transaction<'_>, r: &Refund) -> Result<(), Fail> {
    tx.execute(
        "INSERT INTO refund (order_id, n, amount, state, refund, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&r.order, r.n, r.amount, r.state.name(), &r.refund, r.at),
    )?;
    Ok(())
}

/// The gateway's answer to one that was asked for, or nothing where it refused. Gives the order if it changed.
pub fn answered(tx: &Transaction<'_>, of: &Refund, given: Option<&Given>, now: i64) -> Result<Option<String>, Fail> {
    let Some(row) = numbered(tx, &of.order, of.n)?.filter(|row| row.state == Progress::Asked) else { return Ok(None) };
    set(tx, &row, given.map(|g| g.id.as_str()), given.map_or(Progress::Failed, |g| g.state), now)?;
    settle(tx, &of.order, now)
}

/// All refunds of an order's payment as the gateway has them, whoever asked for them. Gives the order if it changed.
pub fn take(tx: &Transaction<'_>, id: &str, all: &[Given], now: i64) -> Result<Option<String>, Fail> {
    for given in all {
        // One whose answer was lost is known by what it was asked with.
        let ours = |row: &Refund| row.refund.is_none() && row.amount == given.amount;
        let named = given.n.filter(|_| given.order.as_deref() == Some(id));
        let row = match list(tx, "WHERE refund = ?1 AND order_id = ?2", (&given.id, id))?.pop() {
            Some(row) => Some(row),
            None => named.map_or(Ok(None), |n| numbered(tx, id, n))?.filter(ours),
        };
        match row {
            Some(row) if row.refund.is_none() || given.state > row.state => {
                set(tx, &row, Some(&given.id), given.state, now)?;
            }
            Some(_) => {}
            None => {
                let (n, refund) = (next(tx, id)?, Some(given.id.clone()));
                let fresh =
                    Refund { order: id.to_owned(), n, amount: given.amount, state: given.state, refund, at: now };
                insert(tx, &fresh)?;
            }
        }
    }
    settle(tx, id, now)
}

fn set(tx: &Transaction<'_>, row: &Refund, refund: Option<&str>, state: Progress, now: i64) -> Result<(), Fail> {
    let sql = "UPDATE refund SET state = ?3, refund = ?4, at = ?5 WHERE order_id = ?1 AND n = ?2";
    tx.execute(sql, (&row.order, row.n, state.name(), refund, now))?;
    if state == Progress::Failed && row.state != Progress::Failed {
        orders::step(tx, &row.order, "refund-failed", "answer", now)?;
        wishes::open_again(tx, &row.order, row.n)?;
    }
    Ok(())
}

fn settle(tx: &Transaction<'_>, id: &str, now: i64) -> Result<Option<String>, Fail> {
    let Some(order) = orders::one(tx, id)? else { return Ok(None) };
    let sql = "SELECT COALESCE(SUM(amount), 0) FROM refund WHERE order_id = ?1 AND state = 'done'";
    let done = tx.query_row(sql, [id], |row| row.get(0))?;
    if let (Some(intent), said) = (order.intent.as_deref(), Said::Refunded { done })
        && let Some(change) = decide(&order, intent, &said)
    {
        orders::apply(tx, &order, &change, "answer", now)?;
    }
    Ok(Some(id.to_owned()))
}

fn numbered(tx: &Transaction<'_>, id: &str, n: i64) -> Result<Option<Refund>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM refund WHERE order_id = ?1 AND n = ?2"))?;
    Ok(statement.query_row((id, n), read).optional()?)
}

/// Those that are not over: without the gateway's answer since `lost`, or with one since `known`.
pub fn open(tx: &Transaction<'_>, lost: i64, known: i64) -> Result<Vec<Refund>, Fail> {
    let rest = "WHERE state = 'asked' AND at <= CASE WHEN refund IS NULL THEN ?1 ELSE ?2 END ORDER BY at LIMIT 50";
    list(tx, rest, (lost, known))
}

/// Looked at just now: waits its turn again.
pub fn touch(tx: &Transaction<'_>, of: &Refund, now: i64) -> Result<(), Fail> {
    tx.execute("UPDATE refund SET at = ?3 WHERE order_id = ?1 AND n = ?2 AND state = 'asked'", (&of.order, of.n, now))?;
    Ok(())
}

pub fn of_order(tx: &Transaction<'_>, id: &str) -> Result<Vec<Refund>, Fail> {
    list(tx, "WHERE order_id = ?1 ORDER BY n", [id])
}

/// How one of them stands.
pub fn state(tx: &Transaction<'_>, of: &Refund) -> Result<Option<Progress>, Fail> {
    Ok(numbered(tx, &of.order, of.n)?.map(|row| row.state))
}

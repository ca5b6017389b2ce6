//! What keeps orders and payments in step whatever was missed: reads the gateway's events by their numbers, looks after payments nobody
//! heard of, follows refunds that are not over, ends orders that nobody pays, forgets
//! customers who asked for it.

use crate::Fail;
use crate::catalogue::DAY;
use crate::db::notices::{By, Taken};
use crate::db::{accounts, meta, notices, orders, products, refunds};
use crate::order::Order;
use crate::pay::{Till, now};
use rusqlite::Transaction;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const ROUND: Duration = Duration::from_secs(2);
/// After a round that failed: the gateway may be away.
const PAUSE: Duration = Duration::from_secs(5);
/// Without news of a payment for so long, it is looked at.
const QUIET_SECONDS: i64 = 20;
const ORDERS_AT_ONCE: i64 = 20;
/// An order that is not paid within this is given up, and its goods go back.
const UNPAID_LIMIT_SECONDS: i64 = DAY;
/// A refund without an answer is looked for, and asked for again.
const REFUND_LOST_SECONDS: i64 = 30;
/// One that takes its time is looked at, should its event have been missed.
const REFUND_LOOK_SECONDS: i64 = 600;
/// Times of services are made once in so many rounds.
const STOCK_EVERY_ROUNDS: u32 = 600;

/// Works for as long as the shop does.
pub async fn run(till: Arc<Till>) {
    let mut round = 0u32;
    loop {
        let done = one(&till, round).await;
        if let Err(fail) = &done {
            till.note(fail);
        }
        round = round.wrapping_add(1);
        let pause = if matches!(done, Ok(true)) { ROUND } else { PAUSE };
        tokio::select! {
            () = sleep(pause) => {}
            () = till.wake.notified() => {}
        }
    }
}

/// True when the gateway answered.
pub async fn one(till: &Till, round: u32) -> Result<bool, Fail> {
    if round.is_multiple_of(STOCK_EVERY_ROUNDS) {
        till.db.run(|tx| products::stock_up(tx, now())).await?;
    }
    till.db.run(accounts::forget).await?;
    let reached = events(till).await?;
    let waiting = till.db.run(|tx| orders::waiting(tx, now() - QUIET_SECONDS, ORDERS_AT_ONCE)).await?;
    for order in waiting {
        look_after(till, &order).await?;
    }
    for (order, heard) in till.db.run(|tx| orders::stirred(tx, ORDERS_AT_ONCE)).await? {
        let read = till.read_refunds(&order).await?;
        // One that cannot be read waits its turn again, behind the others.
        let note = move |tx: &Transaction<'_>| match read {
            true => orders::calm(tx, &order.id, heard),
            false => orders::touch(tx, &order.id, now()),
        };
        till.db.run(note).await?;
    }
    let (lost, known) = (now() - REFUND_LOST_SECONDS, now() - REFUND_LOOK_SECONDS);
    for refund in till.db.run(move |tx| refunds::open(tx, lost, known)).await? {
        till.follow(&refund).await?;
    }
    Ok(reached)
}

/// Takes every event since the last one. False when the gateway did not answer.
async fn events(till: &Till) -> Result<bool, Fail> {
    let Some(mut after) = till.db.run(meta::cursor).await? else { return first(till).await };
    loop {
        let Ok(page) = till.florin.get(&format!("/v1/events?limit=100&after_sequence={after}")).await else {
            return Ok(false);
        };
        let (list, more) = (page["data"].as_array().cloned().unwrap_or_default(), page["has_more"] == true);
        let Some(last) = list.iter().filter_map(|e| e["sequence"].as_i64()).max().filter(|last| *last > after) else {
            return Ok(true);
        };
        take(till, list).await?;
        after = last;
        if !more {
            return Ok(true);
        }
    }
}

async fn take(till: &Till, list: Vec<Value>) -> Result<(), Fail> {
    let changed: Vec<String> = till
        .db
        .run(move |tx| {
            let mut changed = vec![];
            for event in &list {
                if let Taken::Changed(order) = notices::take(tx, event, By::CatchUp, now())? {
                    changed.push(order);
                }
            }
            Ok(changed)
        })
        .await?;
    changed.into_iter().for_each(|id| till.tell(Some(id)));
    Ok(())
}

/// A shop that is new begins with what happens from now on.
async fn first(till: &Till) -> Result<bool, Fail> {
    let Ok(page) = till.florin.get("/v1/events?limit=1").await else { return Ok(false) };
    let newest = page["data"][0]["sequence"].as_i64().unwrap_or(0);
    till.db.run(move |tx| meta::advance(tx, newest)).await?;
    Ok(true)
}

async fn look_after(till: &Till, order: &Order) -> Result<(), Fail> {
    let old = now() - order.placed > UNPAID_LIMIT_SECONDS;
    if old && order.stage.is_open() {
        till.cancel(order, "shop").await?;
    } else {
        till.refresh(order).await?;
    }
    // Whatever came of it, others have their turn first.
    let id = order.id.clone();
    till.db.run(move |tx| orders::touch(tx, &id, now())).await
}

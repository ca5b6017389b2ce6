//! The gateway's part of a payment's journey: its durable steps, attempts, ledger entries and events. Derived from what is stored.

use super::ops::{Desk, payment_key};
use super::ports::Real;
use super::shape;
use florin_core::attempt::{Attempt, State};
use florin_core::commit::{Row, shard};
use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::payment::{Doing, Payment, Stage};
use florin_core::ports::Ports;
use florin_core::refund::Refund;
use florin_core::sequencer;
use florin_core::store::{Query, SequencedEvent};
use serde_json::{Value, json};

/// Refunds told of one payment at most.
const MOST_REFUNDS: u32 = 100;
/// Events looked through at a time, and how often: an older payment's events are left out.
const PAGE: u64 = 1_000;
const MOST_PAGES: usize = 50;
/// Versions told of one thing at most, the newest.
const MOST_VERSIONS: u32 = 1_000;

pub async fn of(desk: &Desk, id: &str) -> Result<Value, Failure> {
    let ports: &Real = &desk.ports;
    let key = match ports.ids.decode(Kind::Refund, id) {
        Some(refund) => {
            let view: View<Refund> = flow::load(ports.store(), desk.account, Kind::Refund, refund).await?;
            view.body.payment
        }
        None => payment_key(ports, id)?,
    };
    let payment: View<Payment> = flow::load(ports.store(), desk.account, Kind::Payment, key).await?;
    let mut steps = Vec::new();
    let mut transfers = Vec::new();
    let mut rrns = Vec::new();
    for row in history(ports, key).await? {
        let view: View<Payment> = flow::read(&row)?;
        let card = match (&view.body.stage, &view.body.card) {
            (Stage::Processing { doing: Doing::Confirm, .. }, Some(card)) => {
                format!(", card {} ····{} as a token of the vault", card.network.name(), card.last4_text())
            }
            _ => String::new(),
        };
        let says = format!("payment is {}{card}", view.body.stage.status());
        steps.push(step(ports, Kind::Payment, &row, &says, view.body.attempts.last()));
    }
    rrns.extend(payment.body.attempts.iter().map(|a| a.wire.rrn.text()));
    entries(ports, key, &mut transfers).await?;
    let query = Query::List { under: key, kind: Kind::Refund, before: None, limit: MOST_REFUNDS };
    let mut refunds = Vec::new();
    for row in ports.store().find(query).await?.rows().into_iter().rev() {
        for row in history(ports, row.key).await? {
            let view: View<Refund> = flow::read(&row)?;
            let says = format!("refund is {}", view.body.stage.status());
            steps.push(step(ports, Kind::Refund, &row, &says, Some(&view.body.attempt)));
        }
        let view: View<Refund> = flow::read(&row)?;
        rrns.push(view.body.attempt.wire.rrn.text());
        entries(ports, row.key, &mut transfers).await?;
        refunds.push(shape::refund(&ports.ids, &view));
    }
    rrns.sort();
    rrns.dedup();
    Ok(json!({
        "payment": shape::payment(&ports.ids, &payment),
        "refunds": refunds,
        "steps": steps,
        "transfers": transfers,
        "events": events(desk, key).await?,
        "rrns": rrns,
    }))
}

async fn history(ports: &Real, key: Key) -> Result<Vec<Row>, Failure> {
    Ok(ports.store().find(Query::History { key, limit: MOST_VERSIONS }).await?.rows())
}

fn step(ports: &Real, kind: Kind, row: &Row, says: &str, last: Option<&Attempt>) -> Value {
    let before_wire = last.is_none_or(|a| a.is_open());
    let attempt = last.map(|a| {
        let wire = match a.state {
            State::Reversing { wire, .. } => wire,
            _ => a.wire,
        };
        format!(
            "{} {} · STAN {:06} · terminal {} · RRN {}",
            shape::what(a),
            shape::state(&a.state),
            wire.stan,
            wire.terminal.text(),
            wire.rrn.text()
        )
    });
    json!({
        "at_ms": row.at.0, "id": ports.ids.encode(kind, row.key), "version": row.version.0,
        "says": says, "attempt": attempt, "before_wire": before_wire,
    })
}

async fn entries(ports: &Real, cause: Key, out: &mut Vec<Value>) -> Result<(), Failure> {
    for (version, t) in ports.store().find(Query::Transfers { cause }).await?.transfers() {
        out.push(json!({
            "reason": t.reason.as_str(), "debit": t.debit.1.as_str(), "credit": t.credit.1.as_str(),
            "amount": t.money.minor, "currency": t.money.currency.code(), "shown": t.money.to_string(),
            "version": version.0,
        }));
    }
    Ok(())
}

/// Events of the account since the payment was created that tell of it, with their numbers where they have one.
async fn events(desk: &Desk, payment: Key) -> Result<Vec<Value>, Failure> {
    let ports: &Real = &desk.ports;
    let of_shard = shard(desk.account);
    // What happened a moment ago may not have its number yet.
    sequencer::sequence(ports.store(), of_shard).await?;
    let head = ports.store().find(Query::ChainHead { shard: of_shard }).await?.head();
    let mut before = head.map_or(0, |h| h.sequence);
    let mut pages = Vec::new();
    // Events are looked for from the newest back to the time at which the payment was made.
    for _ in 0..MOST_PAGES {
        let after = before.saturating_sub(PAGE);
        let limit = u32::try_from(before - after).unwrap_or(0);
        let query = Query::Sequenced { shard: of_shard, after, limit };
        let found = ports.store().find(query).await?.sequenced();
        let ours = found.iter().filter(|e| e.stored.event.cause == payment).map(told);
        pages.push(ours.collect::<Vec<Value>>());
        before = after;
        if before == 0 || found.first().is_none_or(|e| e.stored.event.id < payment) {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

fn told(e: &SequencedEvent) -> Value {
    let event = &e.stored.event;
    json!({ "type": event.kind.as_str(), "sequence": e.link.sequence, "version": event.version.0 })
}

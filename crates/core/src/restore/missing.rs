//! What we say was approved in the time that is compared, and the acquirer's journal does not name. Changes nothing.

use super::journal::{Entry, What};
use super::perform::{Known, ROWS_AT_ONCE};
use super::{Break, Done, Finding};
use crate::attempt::{Attempt, Move, State};
use crate::flow::{self, Failure, View};
use crate::id::{Key, Kind};
use crate::movement::{Movement, Source};
use crate::payment::Payment;
use crate::ports::Ports;
use crate::store::Query;
use crate::time::Time;
use crate::wire::WireId;
use std::collections::BTreeSet;

/// The journal's messages by what names them on the wire.
pub(super) struct Named(BTreeSet<(u32, u32, i64)>);

const fn name(wire: &WireId) -> (u32, u32, i64) {
    (wire.terminal.0, wire.stan, wire.at.seconds())
}

impl Named {
    pub fn of(entries: &[Entry]) -> Named {
        Named(entries.iter().map(|e| name(&e.wire)).collect())
    }
    fn has(&self, wire: &WireId) -> bool {
        self.0.contains(&name(wire))
    }
}

/// Approved attempts sent at or after `from` that the journal does not name.
pub(super) async fn missing(
    ports: &dyn Ports,
    known: &Known,
    named: &Named,
    from: Time,
) -> Result<Vec<Finding>, Failure> {
    let mut found = vec![];
    for (account, _) in &known.accounts {
        charges(ports, *account, named, from, &mut found).await?;
        movements(ports, *account, named, from, &mut found).await?;
    }
    Ok(found)
}

async fn charges(
    ports: &dyn Ports,
    account: Key,
    named: &Named,
    from: Time,
    found: &mut Vec<Finding>,
) -> Result<(), Failure> {
    let mut after = Key::first_at(from);
    let mut seen = BTreeSet::new();
    loop {
        let query = Query::Newer { under: account, kind: Kind::Charge, after, limit: ROWS_AT_ONCE };
        let rows = ports.store().find(query).await?.rows();
        for row in &rows {
            let view: View<Payment> = flow::read(row)?;
            // Entries come by key, so this row stands here for its first charge behind the one before.
            let charge = |a: &&Attempt| matches!(a.what, Move::Sale(_) | Move::Authorization(_)) && a.key > after;
            after = view.body.attempts.iter().filter(charge).map(|a| a.key).min().unwrap_or(after);
            for a in view.body.attempts.iter().filter(|a| is_ours_alone(a, named, from)) {
                if seen.insert(a.key) {
                    found.push(finding(a));
                }
            }
        }
        if rows.len() < ROWS_AT_ONCE as usize {
            return Ok(());
        }
    }
}

fn is_ours_alone(attempt: &Attempt, named: &Named, from: Time) -> bool {
    let counted = match attempt.what {
        Move::Sale(_) | Move::Authorization(_) | Move::Increment(_) => true,
        // Captures and refunds are found by their movements; a void moved nothing, nor did a verification.
        Move::Completion(_) | Move::Refund(_) | Move::Void(_) | Move::Verification(_) => false,
    };
    counted && attempt.wire.at >= from && matches!(attempt.state, State::Approved { .. }) && !named.has(&attempt.wire)
}

const fn what(attempt: &Attempt) -> What {
    match attempt.what {
        Move::Sale(_) => What::Sale,
        Move::Authorization(_) | Move::Increment(_) => What::Hold,
        Move::Completion(_) => What::Completion,
        Move::Refund(_) => What::Refund,
        Move::Void(_) => What::Reversal,
        Move::Verification(_) => What::Verification,
    }
}

const fn finding(a: &Attempt) -> Finding {
    Finding {
        rrn: a.wire.rrn,
        stan: a.wire.stan,
        what: what(a),
        money: a.money,
        at: a.wire.at,
        done: Done::Break(Break::UnknownThere),
    }
}

async fn movements(
    ports: &dyn Ports,
    account: Key,
    named: &Named,
    from: Time,
    found: &mut Vec<Finding>,
) -> Result<(), Failure> {
    let mut after = Key::first_at(from);
    loop {
        let query = Query::Newer { under: account, kind: Kind::Movement, after, limit: ROWS_AT_ONCE };
        let rows = ports.store().find(query).await?.rows();
        for row in &rows {
            after = row.key;
            let m = flow::read::<Movement>(row)?.body;
            let what = match m.source {
                // Found as a charge.
                Source::Charge { capture: false, .. } => continue,
                Source::Charge { capture: true, .. } => What::Completion,
                Source::Refund { .. } => What::Refund,
            };
            if m.wire.at >= from && !named.has(&m.wire) {
                let money = m.money.with_minor(m.money.minor.saturating_abs());
                let done = Done::Break(Break::UnknownThere);
                found.push(Finding { rrn: m.wire.rrn, stan: m.wire.stan, what, money, at: m.wire.at, done });
            }
        }
        if rows.len() < ROWS_AT_ONCE as usize {
            return Ok(());
        }
    }
}

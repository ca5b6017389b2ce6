//! Refund a payment: the guard on what is refundable is checked in the commit that begins it, so no race gives back too much.

use super::{Refund, RefundStage, RefundView};
use crate::attempt::{Attempt, Begun, Move, conclude, take};
use crate::codec::Body;
use crate::commit::{Commit, Event, EventKind, IndexEntry, Row, Version};
use crate::flow::{self, Claiming, Done, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ledger::{self, Book, LedgerAccount};
use crate::money::{Currency, Money};
use crate::mutants::{Mutant, planted};
use crate::payment::{Payment, Stage};
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::store::Query;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundReason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
    /// None was given.
    Unspecified,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRefund {
    pub account: Key,
    pub payment: Key,
    /// Minor units; what is left when absent.
    pub amount: Option<i64>,
    /// Refused when it is not the payment's.
    pub currency: Option<Currency>,
    pub reason: RefundReason,
    pub claim: Option<Claiming>,
}

pub async fn create(ports: &dyn Ports, command: &CreateRefund) -> Result<Done<RefundView>, Failure> {
    let claiming = command.claim.as_ref();
    if let Some(answer) = flow::replay(ports.store(), claiming).await? {
        return Ok(Done::Replayed(answer));
    }
    for _ in 0..flow::TRIES {
        let payment: View<Payment> = flow::load(ports.store(), command.account, Kind::Payment, command.payment).await?;
        let left = refundable(ports, &payment).await?;
        let begun = Begun::fresh(ports).await?;
        let refund = begin(&payment, left, command, begun)?;
        let view =
            View { key: ports.fresh_key(), account: command.account, version: Version(1), at: begun.now, body: refund };
        let mut commit = draft(&view, ports.fresh_key());
        if !planted(Mutant::NoClaim) {
            commit.claim = claiming.map(|c| take(ports, c, true, &view));
        }
        match flow::commit(ports.store(), commit, claiming).await? {
            Met::Applied => {}
            // Another refund was faster: what is left is read anew.
            Met::Conflict | Met::Guard => continue,
            Met::Replay(answer) => return Ok(Done::Replayed(answer)),
        }
        let attempt = &view.body.attempt;
        let verdict = ports.submit(attempt.order(view.account, view.key, view.body.live, false, attempt.send_by)).await;
        return conclude(ports, view.account, view.key, attempt.key, verdict, 1).await.map(Done::Fresh);
    }
    Err(Refusal::Contended.into())
}

/// What was captured and not yet given back, minor units.
async fn refundable(ports: &dyn Ports, payment: &View<Payment>) -> Result<i64, Failure> {
    let currency = payment.body.money.currency;
    let account = LedgerAccount { owner: payment.key, book: Book::Refundable, currency };
    let found = ports.store().find(Query::Balances { accounts: vec![account] }).await?.balances();
    Ok(found.first().map_or(0, |b| b.credits.saturating_sub(b.debits)))
}

fn begin(payment: &View<Payment>, left: i64, command: &CreateRefund, begun: Begun) -> Result<Refund, Refusal> {
    let Stage::Succeeded { charge, .. } = payment.body.stage else { return Err(Refusal::NothingToRefund) };
    let currency = payment.body.money.currency;
    if command.currency.is_some_and(|c| c != currency) {
        return Err(Refusal::CurrencyDiffers);
    }
    let money = match command.amount {
        Some(amount) => Money::chargeable(amount, currency).map_err(Refusal::Amount)?,
        None => Money::new(left, currency),
    };
    if left <= 0 {
        return Err(Refusal::AlreadyRefunded);
    }
    if money.minor > left && !planted(Mutant::UnguardedRefund) {
        return Err(Refusal::RefundTooLarge { left });
    }
    let charged = payment.body.attempt(charge).ok_or(Refusal::NothingToRefund)?;
    let mut original = charged.as_original(charged.approval());
    original.money = Money::new(payment.body.received(), currency);
    let mut attempt =
        Attempt::begin(begun.key, begun.job, Move::Refund(original), money, charged.card, begun.slot, begun.now);
    attempt.claim = command.claim.as_ref().map(Claiming::open);
    let (live, reason) = (payment.body.live, command.reason);
    Ok(Refund { payment: payment.key, charge, money, live, reason, stage: RefundStage::Pending, attempt })
}

fn draft(view: &RefundView, event: Key) -> Commit {
    let refund = &view.body;
    let row = Row {
        key: view.key,
        version: view.version,
        kind: Kind::Refund,
        account: view.account,
        at: view.at,
        body: refund.encode(),
        personal: None,
        index: vec![IndexEntry { under: refund.payment, kind: Kind::Refund, key: view.key }],
    };
    let created = Event {
        id: event,
        kind: EventKind::RefundCreated,
        account: view.account,
        cause: view.key,
        version: view.version,
    };
    let mut transfers = ledger::begin_refund(view.account, refund.payment, refund.money).to_vec();
    if planted(Mutant::UnguardedRefund) {
        transfers.clear();
    }
    Commit {
        expect: vec![(view.key, Version::NONE)],
        put: vec![row],
        transfers,
        events: vec![created],
        jobs: vec![refund.attempt.watch(view.account, view.key)],
        ..Commit::default()
    }
}

//! The audit after the storm: our state equals the issuers' books, the ledger equals both, the events are one unbroken chain.

use crate::faults::Fault;
use crate::world::World;
use florin_connect::amount::to_wire;
use florin_core::attempt::{Attempt, Move, State};
use florin_core::commit::SHARDS;
use florin_core::id::Key;
use florin_core::money::{Currency, Money};
use florin_core::payment::{Payment, Stage};
use florin_core::refund::RefundStage;
use florin_core::sequencer;
use florin_core::store::{Query, Store};
use florin_sandbox::{Kind, Standing};
use florin_store::block_on;
use std::collections::BTreeMap;

/// What stands at the issuer of one hold, sale or refund: held, captured, given back.
type Stands = (i64, i64, i64);

impl World {
    /// Run once, when the world has come to rest.
    pub fn audit_end(&mut self) {
        let books = self.standings();
        let payments: Vec<Key> = self.audit.payments.keys().copied().collect();
        for key in payments {
            self.payment_agrees(key, &books);
        }
        self.nothing_unknown(&books);
        self.cards_agree(&books);
        self.audit.check_heard();
        self.audit.check_waits(self.aged);
        self.chain_holds();
        self.lists_agree();
        self.settlement_agrees();
        self.ledger_agrees();
        let jumped =
            [Fault::ClockForward, Fault::ClockBack, Fault::ClockStopped].iter().any(|f| self.faults.contains_key(f));
        self.told_in_order(jumped);
    }

    /// The issuers' books by RRN. One RRN has one hold, sale or refund.
    fn standings(&mut self) -> BTreeMap<String, Standing> {
        let mut books = BTreeMap::new();
        let mut twice = None;
        for standing in self.host.books().standings() {
            let rrn = standing.rrn.as_str().to_owned();
            if books.insert(rrn.clone(), *standing).is_some() {
                twice = Some(rrn);
            }
        }
        if let Some(rrn) = twice {
            let about = self.audit.rrns.get(&rrn).and_then(|a| self.audit.owners.get(a)).copied();
            self.audit.broken("one live hold or capture a payment", about, || format!("RRN {rrn} stands twice"));
        }
        books
    }

    fn payment_agrees(&mut self, key: Key, books: &BTreeMap<String, Standing>) {
        let Some(payment) = self.audit.payment(key).cloned() else { return };
        let refunded = self.refunds_agree(key, &payment, books);
        for attempt in payment.attempts.iter().filter(|a| a.wire.rrn.0 == a.key) {
            let expected = match payment.stage {
                Stage::Succeeded { charge, captured } if charge == attempt.key => (0, captured, refunded),
                Stage::RequiresCapture { hold } if holds(attempt, hold) => (attempt.money.minor, 0, 0),
                Stage::RequiresPaymentMethod { .. }
                | Stage::RequiresConfirmation
                | Stage::Processing { .. }
                | Stage::RequiresCapture { .. }
                | Stage::Succeeded { .. }
                | Stage::RequiresAction { .. }
                | Stage::Canceled { .. } => (0, 0, 0),
            };
            self.attempt_agrees(key, attempt, expected, payment.money.currency, books);
        }
        let named = match payment.stage {
            Stage::Succeeded { charge, .. } => Some(charge),
            Stage::RequiresCapture { hold } => Some(hold),
            Stage::RequiresPaymentMethod { .. }
            | Stage::RequiresConfirmation
            | Stage::Processing { .. }
            | Stage::RequiresAction { .. }
            | Stage::Canceled { .. } => None,
        };
        if named.is_some_and(|charge| payment.attempt(charge).is_none()) {
            self.audit.broken("our state equals the issuer's books", Some(key), || "its charge is no attempt".into());
        }
    }

    /// Sum of the refunds that succeeded.
    fn refunds_agree(&mut self, payment: Key, of: &Payment, books: &BTreeMap<String, Standing>) -> i64 {
        let refunds: Vec<(Key, Attempt, RefundStage)> = self
            .audit
            .refunds
            .iter()
            .filter(|(_, r)| r.payment == payment)
            .map(|(key, r)| (*key, r.attempt.clone(), r.stage))
            .collect();
        let mut sum = 0;
        for (key, attempt, stage) in refunds {
            let given_back = match stage {
                RefundStage::Succeeded { .. } => attempt.money.minor,
                RefundStage::Pending | RefundStage::Failed { .. } => 0,
            };
            if stage == RefundStage::Pending {
                self.audit.broken("every attempt ends", Some(key), || "the refund is pending".into());
            }
            self.attempt_agrees(key, &attempt, (0, 0, given_back), of.money.currency, books);
            sum += given_back;
        }
        sum
    }

    pub(super) fn attempt_agrees(
        &mut self,
        owner: Key,
        attempt: &Attempt,
        expected: Stands,
        currency: Currency,
        books: &BTreeMap<String, Standing>,
    ) {
        let rrn = attempt.wire.rrn.text();
        let found = books.get(&rrn);
        let wire = |minor| on_wire(minor, currency);
        let expected = (wire(expected.0), wire(expected.1), wire(expected.2));
        let stands = found.map_or((0, 0, 0), |s| (s.held, s.captured, s.refunded));
        if stands != expected {
            self.audit.broken("our state equals the issuer's books", Some(owner), || {
                format!("RRN {rrn}: held, captured, refunded at the issuer {stands:?}, by our state {expected:?}")
            });
        }
        let (Some(standing), true) = (found, matches!(attempt.state, State::Approved { .. })) else { return };
        let same = standing.trace.stan == attempt.wire.stan
            && standing.trace.terminal.as_str() == attempt.wire.terminal.text()
            && standing.trace.de7 == transmission(attempt)
            && standing.currency == currency.numeric();
        if !same {
            self.audit.broken("our state equals the issuer's books", Some(owner), || {
                format!("RRN {rrn} has another STAN, DE 7, terminal or currency at the issuer")
            });
        }
    }

    /// Nothing stands at the issuer that we do not know of.
    fn nothing_unknown(&mut self, books: &BTreeMap<String, Standing>) {
        for (rrn, standing) in books {
            let live = standing.held != 0 || standing.captured != 0 || standing.refunded != 0;
            if live && !self.audit.rrns.contains_key(rrn) {
                let kind = if standing.kind == Kind::Refund { "a refund" } else { "a hold or sale" };
                self.audit.broken("our state equals the issuer's books", None, || {
                    format!("{kind} with RRN {rrn} stands at the issuer and is not ours")
                });
            }
        }
    }

    /// Events have numbers without gaps, and each shard's chain verifies.
    fn chain_holds(&mut self) {
        let mut numbered = 0;
        for shard in 0..SHARDS {
            if !self.audit.uses_shard(shard) {
                continue;
            }
            while block_on(sequencer::sequence(&self.store, shard)).is_ok_and(|count| count > 0) {}
            let left = block_on(self.store.find(Query::Unsequenced { shard, limit: 1 })).map(|found| found.events());
            match block_on(sequencer::verify(&self.store, shard)) {
                Ok(Ok(links)) if left.as_ref().is_ok_and(Vec::is_empty) => numbered += links,
                broken => self.audit.broken("events are one unbroken chain", None, || format!("{broken:?}, {left:?}")),
            }
        }
        let events = self.audit.events;
        if numbered != events {
            self.audit.broken("events are one unbroken chain", None, || {
                format!("{numbered} of {events} events have numbers")
            });
        }
    }
}

/// Minor units of ISO 4217, as the issuers count.
fn on_wire(minor: i64, currency: Currency) -> i64 {
    let digits = to_wire(Money::new(minor, currency)).ok();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(if minor == 0 { 0 } else { i64::MIN })
}

/// DE 7 as a number: MMDDhhmmss.
fn transmission(attempt: &Attempt) -> u64 {
    let c = attempt.wire.at.civil();
    let parts = [c.month, c.day, c.hour, c.minute, c.second];
    parts.into_iter().fold(0, |number, part| number * 100 + u64::from(part))
}

/// Whether an attempt's money stands under this hold: the hold itself, or an increment that was approved.
fn holds(attempt: &Attempt, hold: Key) -> bool {
    let adds = matches!(attempt.what, Move::Increment(of) if of.wire.rrn.0 == hold);
    attempt.key == hold || (adds && attempt.approval().is_some())
}

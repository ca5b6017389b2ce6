//! Looks at every commit that was applied: what is durable now, and whether each step was a legal one.

use super::Audit;
use crate::words;
use crate::world::World;
use florin_core::attempt::{Attempt, Because, State};
use florin_core::codec::Body;
use florin_core::commit::{Commit, Row, shard};
use florin_core::id::{Key, Kind};
use florin_core::method::PaymentMethod;
use florin_core::money::{Currency, Money};
use florin_core::movement::Movement;
use florin_core::payment::Payment;
use florin_core::refund::Refund;
use florin_core::setup::Setup;

impl World {
    /// Called with every commit that the store has just applied.
    pub fn committed(&mut self, commit: &Commit) {
        for job in commit.jobs.iter().filter(|job| Audit::watched(job.kind)) {
            self.audit.jobs.insert(job.id, (job.kind, job.due));
        }
        for id in &commit.done {
            self.audit.jobs.remove(id);
        }
        for event in &commit.events {
            self.audit.events += 1;
            self.audit.shards |= 1 << shard(event.account);
        }
        for row in &commit.put {
            self.trace.mix(row.key.0);
            self.trace.mix_bytes(&row.body);
            self.stored(row);
        }
        self.steps_of_commit(commit);
        self.listed_by_commit(commit);
        self.told_committed(commit);
    }

    fn stored(&mut self, row: &Row) {
        match row.kind {
            Kind::Payment => match Payment::decode(&row.body) {
                Ok(payment) => self.stored_payment(row, payment),
                Err(_) => self.unreadable(row.key),
            },
            Kind::Refund => match Refund::decode(&row.body) {
                Ok(refund) => self.stored_refund(row, refund),
                Err(_) => self.unreadable(row.key),
            },
            Kind::Movement => match Movement::decode(&row.body) {
                Ok(movement) => self.stored_movement(row, movement),
                Err(_) => self.unreadable(row.key),
            },
            Kind::Setup => match Setup::decode(&row.body) {
                Ok(setup) => self.stored_setup(row, setup),
                Err(_) => self.unreadable(row.key),
            },
            Kind::Method => match PaymentMethod::decode(&row.body) {
                Ok(method) => self.stored_method(row, method),
                Err(_) => self.unreadable(row.key),
            },
            Kind::Account
            | Kind::Charge
            | Kind::Event
            | Kind::Customer
            | Kind::Terminal
            | Kind::Job
            | Kind::Chain
            | Kind::ApiKey
            | Kind::Endpoint
            | Kind::Product
            | Kind::Price
            | Kind::CardToken
            | Kind::Card
            | Kind::Attempt
            | Kind::Delivery
            | Kind::Outbox
            | Kind::Report
            | Kind::Break
            | Kind::Settlement
            | Kind::Cursor
            | Kind::Lookup
            | Kind::Confirmation
            | Kind::CodeToken
            | Kind::Domain
            | Kind::DomainName
            | Kind::Orphan
            | Kind::Restore
            | Kind::Tombstone
            | Kind::OrderKey
            | Kind::OrderUse
            | Kind::KeyRules
            | Kind::Consent
            | Kind::User
            | Kind::UserName
            | Kind::Session
            | Kind::SignIn
            | Kind::Invitation
            | Kind::Approval
            | Kind::Tries
            | Kind::Spent
            | Kind::Roster
            | Kind::AuditEntry
            | Kind::AuditHead
            | Kind::Notice => {}
        }
    }

    fn unreadable(&mut self, key: Key) {
        self.audit.broken("what is stored can be read", Some(key), || "a body does not decode".into());
    }

    fn stored_payment(&mut self, row: &Row, payment: Payment) {
        let before = self.audit.payments.get(&row.key).cloned();
        let was = before.as_ref().map_or(&[][..], |p| &p.attempts);
        for attempt in &payment.attempts {
            self.stepped(row.key, was.iter().find(|a| a.key == attempt.key), attempt);
        }
        let (status, received) = (payment.stage.status(), Money::new(payment.received(), payment.money.currency));
        if before.is_none_or(|b| b.stage.status() != status) {
            self.tell(Some(row.key), || format!("payment {} is {status}, {received} received", row.key.0));
        }
        let unsettled = payment.attempts.iter().filter(|a| a.is_open() && !undoing_late(a)).count();
        if unsettled > 1 {
            self.audit.broken("one open attempt a payment", Some(row.key), || format!("{unsettled} attempts are open"));
        }
        self.audit.ordered(row.key, &payment);
        let wall = self.wall();
        self.audit.payment_waits(row.key, &payment, wall);
        self.audit.payments.insert(row.key, payment);
    }

    fn stored_refund(&mut self, row: &Row, refund: Refund) {
        let before = self.audit.refunds.get(&row.key).map(|known| known.attempt.clone());
        self.stepped(row.key, before.as_ref(), &refund.attempt);
        let status = refund.stage.status();
        self.tell(Some(row.key), || format!("refund {} of payment {} is {status}", row.key.0, refund.payment.0));
        self.audit.refunds.insert(row.key, refund);
    }

    /// A movement is settled once; nothing else of it ever changes.
    fn stored_movement(&mut self, row: &Row, movement: Movement) {
        if let Some(before) = self.audit.movements.get(&row.key) {
            let same = Movement { settled: before.settled, ..movement.clone() } == *before;
            if !same || !before.is_pending() || movement.is_pending() {
                self.audit.broken("a movement is settled once", Some(movement.payment), || format!("{movement:?}"));
            }
        }
        self.tell(Some(movement.payment), || format!("{} moves, {:?}", movement.money, movement.settled));
        self.audit.movements.insert(row.key, movement);
    }

    /// One attempt, before and after a commit.
    pub(super) fn stepped(&mut self, owner: Key, before: Option<&Attempt>, after: &Attempt) {
        if before.is_some_and(|b| b.state == after.state) {
            return;
        }
        self.tell(Some(owner), || words::attempt(after));
        let faults = self.audit.seen_faults;
        let legal = self.audit.coverage.step(&after.what, before.map(|b| &b.state), &after.state, faults);
        if !legal {
            let from = before.map_or("nothing", |b| words::state_name(&b.state));
            self.audit.broken("attempts take legal steps only", Some(owner), || {
                format!("from {from} to {}", words::attempt(after))
            });
        }
        if before.is_none() {
            self.audit.owners.insert(after.key, owner);
            if after.wire.rrn.0 == after.key {
                let other = self.audit.rrns.insert(after.wire.rrn.text(), after.key);
                if other.is_some() {
                    self.audit.broken("an RRN is used once", Some(owner), || after.wire.rrn.text());
                }
            }
            self.audit.durable(owner, after.key, &after.wire);
        }
        if let State::Reversing { wire, .. } = &after.state {
            self.audit.durable(owner, after.key, wire);
        }
    }
}

/// What was settled and is now taken back after a late approval stands beside newer attempts.
fn undoing_late(attempt: &Attempt) -> bool {
    matches!(attempt.state, State::Reversing { because: Because::LateApproval, .. })
}

impl Audit {
    pub fn payment(&self, key: Key) -> Option<&Payment> {
        self.payments.get(&key)
    }
    pub fn refund(&self, key: Key) -> Option<&Refund> {
        self.refunds.get(&key)
    }
    /// The currency of a payment or refund.
    pub fn currency(&self, key: Key) -> Option<Currency> {
        let of_refund = self.refund(key).map(|r| r.money.currency);
        self.payment(key).map(|p| p.money.currency).or(of_refund)
    }
    /// An attempt as it is durable now.
    pub fn attempt(&self, key: Key) -> Option<&Attempt> {
        let owner = self.owners.get(&key)?;
        let of_payment = self.payments.get(owner).and_then(|p| p.attempt(key));
        let of_refund = || self.refunds.get(owner).map(|r| &r.attempt).filter(|a| a.key == key);
        of_payment.or_else(of_refund).or_else(|| self.setups.get(owner).and_then(|s| s.attempt(key)))
    }
}

//! The load: payments of a fixed shape, created and carried through by two commits each.

use super::BenchError;
use super::lanes;
use crate::sqlite::SqliteStore;
use florin_core::commit::{Claim, ClaimId, Clock, Commit, Event, EventKind, IndexEntry, Job, JobKind, Row, Version};
use florin_core::id::{Key, KeyGen, Kind};
use florin_core::ledger::{self, Transfer};
use florin_core::money::{Currency, Money};
use florin_core::store::Store;
use florin_core::time::Time;
use std::cell::{Cell, RefCell};

/// Half of what the two commits of a payment hold: bodies, answer, seals, commitments, keys.
pub const BYTES_PER_COMMIT: usize = 900;
const ACCOUNTS: i64 = 16;
const CREATED_BODY_BYTES: usize = 120;
const SENT_BODY_BYTES: usize = 150;
const SETTLED_BODY_BYTES: usize = 250;
const ANSWER_BYTES: usize = 500;
/// The bench's clock goes this many payments a millisecond.
const PAYMENTS_PER_MS: u32 = 12;
const MIDNIGHT: i64 = 20_780 * 86_400_000;

#[derive(Clone, Copy)]
pub struct Payment {
    key: Key,
    account: Key,
    slot: i64,
}

#[derive(Clone, Copy)]
enum Phase {
    Create,
    CarryThrough,
}

pub struct Load {
    keys: KeyGen,
    now: Time,
    made: u32,
    slots: u64,
    /// Payments carried through.
    pub stored: u32,
}

impl Load {
    pub fn new() -> Load {
        Load { keys: KeyGen::new(1, None), now: Time(MIDNIGHT), made: 0, slots: 1, stored: 0 }
    }

    fn key(&mut self) -> Key {
        self.keys.next(self.now)
    }

    fn payment(&mut self) -> Payment {
        self.made += 1;
        if self.made.is_multiple_of(PAYMENTS_PER_MS) {
            self.now = self.now.plus_ms(1);
        }
        // A keyed hash lands anywhere, and so must the slot.
        self.slots = self.slots.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let slot = (self.slots ^ (self.slots >> 29)).cast_signed();
        Payment { key: self.key(), account: Key(1 + i64::from(self.made) % ACCOUNTS), slot }
    }

    /// Creates payments, `in_flight` at a time.
    pub fn create(&mut self, store: &SqliteStore, n: u32, in_flight: u32) -> Result<Vec<Payment>, BenchError> {
        let payments: Vec<Payment> = (0..n).map(|_| self.payment()).collect();
        self.in_lanes(store, &payments, in_flight, Phase::Create)?;
        Ok(payments)
    }

    /// Two commits for each payment, the second after the first, `in_flight` payments at a time.
    pub fn carry_through(
        &mut self,
        store: &SqliteStore,
        payments: &[Payment],
        in_flight: u32,
    ) -> Result<(), BenchError> {
        self.in_lanes(store, payments, in_flight, Phase::CarryThrough)?;
        self.stored += u32::try_from(payments.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    fn in_lanes(
        &mut self,
        store: &SqliteStore,
        payments: &[Payment],
        in_flight: u32,
        phase: Phase,
    ) -> Result<(), BenchError> {
        let (load, next) = (RefCell::new(self), Cell::new(0usize));
        let lane = || async {
            while let Some(payment) = payments.get(next.get()).copied() {
                next.set(next.get() + 1);
                match phase {
                    Phase::Create => {
                        let commit = load.borrow_mut().created(payment);
                        commit_one(store, commit).await?;
                    }
                    Phase::CarryThrough => {
                        let (commit, job) = load.borrow_mut().sent(payment);
                        commit_one(store, commit).await?;
                        let commit = load.borrow_mut().settled(payment, job);
                        commit_one(store, commit).await?;
                    }
                }
            }
            Ok(())
        };
        lanes::run((0..in_flight).map(|_| Box::pin(lane()) as lanes::Local<'_, _>).collect())
    }

    fn step(&mut self, payment: Payment, version: u32, body_bytes: usize, told: &[EventKind]) -> Commit {
        let (key, account) = (payment.key, payment.account);
        let version = Version(version);
        let event = |kind| Event { id: self.keys.next(self.now), kind, account, cause: key, version };
        let events = told.iter().copied().map(event).collect();
        let (kind, body) = (Kind::Payment, vec![0x42; body_bytes]);
        let row = Row { key, version, kind, account, at: self.now, body, personal: None, index: Vec::new() };
        Commit { expect: vec![(key, Version(version.0 - 1))], put: vec![row], events, ..Commit::default() }
    }

    fn created(&mut self, payment: Payment) -> Commit {
        self.step(payment, 1, CREATED_BODY_BYTES, &[EventKind::PaymentCreated])
    }

    fn sent(&mut self, payment: Payment) -> (Commit, Key) {
        let mut commit = self.step(payment, 2, SENT_BODY_BYTES, &[EventKind::PaymentProcessing]);
        let (charge, job) = (self.key(), self.key());
        for row in &mut commit.put {
            row.index = vec![IndexEntry { under: payment.account, kind: Kind::Charge, key: charge }];
        }
        let (kind, account, subject) = (JobKind::Resolve, payment.account, payment.key);
        let due = self.now.plus_ms(35_000);
        commit.jobs = vec![Job { id: job, kind, account, subject, attempt: charge, due, clock: Clock::Real, tries: 0 }];
        let (id, request) = (claim_id(payment), [3; 32]);
        commit.claim = Some(Claim::Begin { id, request, subject: payment.key, at: self.now });
        (commit, job)
    }

    fn settled(&mut self, payment: Payment, job: Key) -> Commit {
        let told = [EventKind::PaymentSucceeded, EventKind::ChargeSucceeded];
        let money = Money::new(1_999, Currency::EUR);
        let transfers: [Transfer; 2] = ledger::capture(payment.account, payment.key, money);
        let answer = vec![0x7b; ANSWER_BYTES];
        Commit {
            transfers: transfers.to_vec(),
            done: vec![job],
            claim: Some(Claim::Finish { id: claim_id(payment), answer }),
            ..self.step(payment, 3, SETTLED_BODY_BYTES, &told)
        }
    }
}

fn claim_id(payment: Payment) -> ClaimId {
    let mut digest = [9; 32];
    digest[..8].copy_from_slice(&payment.slot.to_be_bytes());
    ClaimId { slot: payment.slot, digest }
}

async fn commit_one(store: &SqliteStore, commit: Commit) -> Result<(), BenchError> {
    store.commit(commit).await.map_err(|error| BenchError::Commit(format!("{error:?}")))
}

//! The auditor: what every promise says about what is durable, what is on the wire, what clients heard and what the issuers' books say.
//! Knows the books and the store; nothing in the world acts on what it finds, except to stop.

mod answers;
mod cards;
mod commits;
mod end;
mod ledger;
mod lists;
mod orders;
mod settlement;
mod steps;
mod told;
mod waits;
mod witness;

use crate::coverage::Coverage;
use florin_core::commit::{JobId, JobKind};
use florin_core::id::{Key, Kind};
use florin_core::method::PaymentMethod;
use florin_core::movement::Movement;
use florin_core::payment::Payment;
use florin_core::refund::Refund;
use florin_core::setup::Setup;
use florin_core::threeds::Settled;
use florin_core::time::Time;
use florin_sandbox::EntryId;
use std::collections::{BTreeMap, BTreeSet};

pub use answers::{Heard, Of};

use answers::Answers;
use orders::Used;

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub promise: &'static str,
    /// The payment or refund that it was seen at.
    pub about: Option<Key>,
    pub detail: String,
}

#[derive(Default)]
pub struct Audit {
    /// The host forgets early reversals: an approval may stand for a while beside another attempt, until its late answer undoes it.
    forgetful: bool,
    pub violation: Option<Violation>,
    payments: BTreeMap<Key, Payment>,
    refunds: BTreeMap<Key, Refund>,
    movements: BTreeMap<Key, Movement>,
    setups: BTreeMap<Key, Setup>,
    methods: BTreeMap<Key, PaymentMethod>,
    /// Whose each thing is that stands in a list.
    accounts: BTreeMap<Key, (Key, Kind)>,
    /// The state of everything whose steps are counted.
    states: BTreeMap<(&'static str, i64), &'static str>,
    job_kinds: BTreeMap<JobId, JobKind>,
    /// Events that merchants are told of, by account.
    public: BTreeMap<Key, BTreeSet<Key>>,
    /// Attempt to the payment or refund that it is of.
    owners: BTreeMap<Key, Key>,
    /// RRN as it stands on the wire to the attempt whose key it is.
    rrns: BTreeMap<String, Key>,
    /// Terminal and STAN to every message that was ever given them.
    used: BTreeMap<(u32, u32), Vec<Used>>,
    jobs: BTreeMap<JobId, (JobKind, Time)>,
    /// What issuers' pages were told by their cardholders, by authentication.
    pub cardholders: BTreeMap<Key, Settled>,
    pub told: told::Told,
    /// The payment of each order code, by the key that made it and its nonce.
    codes: BTreeMap<(Key, String), Key>,
    events: u64,
    shards: u32,
    answers: Answers,
    pub coverage: Coverage,
    /// Bits of the kinds of faults that this world has seen.
    pub seen_faults: u64,
    /// Entries of the issuers' books that were looked at.
    read: usize,
    /// Payment to the issuers' entries of its holds and sales.
    originals: BTreeMap<Key, Vec<EntryId>>,
}

impl Audit {
    pub fn new(forgetful: bool) -> Audit {
        Audit { forgetful, ..Audit::default() }
    }

    /// The first violation counts: what follows may follow from it.
    pub fn broken(&mut self, promise: &'static str, about: Option<Key>, detail: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { promise, about, detail: detail() });
        }
    }

    pub fn payments(&self) -> u64 {
        self.payments.len() as u64
    }
    pub fn refunds(&self) -> u64 {
        self.refunds.len() as u64
    }
    pub fn attempts(&self) -> u64 {
        self.owners.len() as u64
    }
    pub fn events(&self) -> u64 {
        self.events
    }
    pub fn uses_shard(&self, shard: u8) -> bool {
        self.shards & (1 << shard) != 0
    }
    /// As the store sees it: what lies too far ahead was put while the clock was wrong.
    pub fn job_is_due(&self, now: Time) -> bool {
        let due = |(kind, due): &(JobKind, Time)| *due <= now || *due > now.plus_ms(kind.longest_wait_ms());
        self.jobs.values().any(due)
    }
    pub fn job_leased(&mut self, job: JobId, until: Time) {
        if let Some((_, due)) = self.jobs.get_mut(&job) {
            *due = until;
        }
        self.job_took_step(job, None, "leased");
        self.told.job_leased(job, until);
    }

    /// No attempt is open and no job is left.
    pub fn at_rest(&self) -> bool {
        !self.jobs.values().any(|(kind, _)| *kind == JobKind::Resolve) && self.open_things().is_empty()
    }

    /// Payments, refunds and setups with an attempt that has no end.
    pub fn open_things(&self) -> Vec<Key> {
        let payments = self.payments.iter().filter(|(_, p)| p.attempts.iter().any(|a| a.is_open()));
        let refunds = self.refunds.iter().filter(|(_, r)| r.attempt.is_open());
        let setups = self.setups.iter().filter(|(_, s)| s.attempts.iter().any(|a| a.is_open()));
        let keys = payments.map(|(key, _)| *key).chain(refunds.map(|(key, _)| *key));
        keys.chain(setups.map(|(key, _)| *key)).collect()
    }

    /// The payment that a payment or refund belongs to, and everything else that belongs to it.
    pub fn family(&self, about: Key) -> Vec<Key> {
        let payment = self.refunds.get(&about).map_or(about, |refund| refund.payment);
        let refunds = self.refunds.iter().filter(|(_, r)| r.payment == payment).map(|(key, _)| *key);
        [payment].into_iter().chain(refunds).collect()
    }
}

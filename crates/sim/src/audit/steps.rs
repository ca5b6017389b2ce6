//! Which steps payments, refunds, setups, idempotency keys, jobs and deliveries take: each is counted, and must be a legal one.
//! Knows states by their names alone.

use super::Audit;
use crate::coverage::NOTHING;
use crate::world::World;
use florin_core::codec::Body;
use florin_core::commit::{Claim, Commit, JobId, JobKind, Row};
use florin_core::deliver::Delivery;
use florin_core::id::{Key, Kind};
use florin_core::payment::Payment;
use florin_core::refund::Refund;
use florin_core::setup::Setup;

impl World {
    /// Called with every commit that the store has just applied.
    pub(super) fn steps_of_commit(&mut self, commit: &Commit) {
        for row in &commit.put {
            if let Some((what, state)) = state_of(row) {
                self.audit.took_step(what, row.key.0, state, Some(row.key));
            }
        }
        match &commit.claim {
            Some(Claim::Begin { id, .. }) => self.audit.took_step("idempotency key", id.slot, "under_way", None),
            Some(Claim::Answer { id, .. }) => self.audit.took_step("idempotency key", id.slot, "answered", None),
            // Without effect when an answer is there already.
            Some(Claim::Finish { id, .. }) if self.audit.state("idempotency key", id.slot) != "answered" => {
                self.audit.took_step("idempotency key", id.slot, "answered", None);
            }
            Some(Claim::Finish { .. } | Claim::Amend { .. }) | None => {}
        }
        for job in &commit.jobs {
            self.audit.job_took_step(job.id, Some(job.kind), "put");
        }
        for id in &commit.done {
            self.audit.job_took_step(*id, None, "done");
        }
    }
}

/// What a row is, and the name of its state.
fn state_of(row: &Row) -> Option<(&'static str, &'static str)> {
    #[allow(clippy::wildcard_enum_match_arm)]
    match row.kind {
        Kind::Payment => Some(("payment stage", Payment::decode(&row.body).ok()?.stage.status())),
        Kind::Refund => Some(("refund stage", Refund::decode(&row.body).ok()?.stage.status())),
        Kind::Setup => Some(("setup stage", Setup::decode(&row.body).ok()?.stage.status())),
        Kind::Delivery => Some(("delivery", Delivery::decode(&row.body).ok()?.stage.as_str())),
        _ => None,
    }
}

const fn job_name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Resolve => "resolve job",
        JobKind::Deliver => "deliver job",
        JobKind::Erase => "erase job",
        JobKind::Expire => "expire job",
        JobKind::Chase => "chase job",
        JobKind::Notify => "notify job",
    }
}

impl Audit {
    fn state(&self, what: &'static str, key: i64) -> &'static str {
        self.states.get(&(what, key)).copied().unwrap_or(NOTHING)
    }

    fn took_step(&mut self, what: &'static str, key: i64, to: &'static str, about: Option<Key>) {
        let from = self.states.insert((what, key), to).unwrap_or(NOTHING);
        // A thing that stays as it is took no step; work that is taken up again did.
        if from == to && to != "leased" {
            return;
        }
        if !self.coverage.count((what, from, to), self.seen_faults) {
            self.broken("things take legal steps only", about, || format!("{what} {key}: from {from} to {to}"));
        }
    }

    /// A job's step; without its kind, that of a job that is known.
    pub(super) fn job_took_step(&mut self, job: JobId, kind: Option<JobKind>, to: &'static str) {
        let known = self.job_kinds.get(&job).copied();
        let Some(kind) = kind.or(known) else { return };
        self.job_kinds.insert(job, kind);
        self.took_step(job_name(kind), job.0, to, None);
        if to == "done" {
            // Its name may be given to a job again.
            self.job_kinds.remove(&job);
            self.states.remove(&(job_name(kind), job.0));
        }
    }
}

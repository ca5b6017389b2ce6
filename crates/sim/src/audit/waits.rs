//! What may not wait for ever: holds have an end and not before their time, cardholders are asked and the wait for them ends, and no
//! message says that a cardholder was authenticated who was not.

use super::Audit;
use florin_core::attempt::Attempt;
use florin_core::commit::JobKind;
use florin_core::id::Key;
use florin_core::payment::{CancelReason, Doing, Payment, Stage, capture_before};
use florin_core::setup::{Setup, SetupStage};
use florin_core::time::Time;

/// Clocks are off by a day at most.
const CLOCKS_MS: i64 = 86_400_000;

impl Audit {
    /// Jobs that are put for what is under way or should be.
    pub(super) fn watched(kind: JobKind) -> bool {
        match kind {
            JobKind::Resolve | JobKind::Expire | JobKind::Chase => true,
            JobKind::Deliver | JobKind::Erase | JobKind::Notify => false,
        }
    }
    fn has_jobs(&self, wanted: JobKind) -> bool {
        self.jobs.values().any(|(kind, _)| *kind == wanted)
    }
    pub fn holds_are_left(&self) -> bool {
        self.has_jobs(JobKind::Expire)
    }
    pub fn cardholders_are_waited_for(&self) -> bool {
        self.has_jobs(JobKind::Chase)
    }
    pub fn setup(&self, key: Key) -> Option<&Setup> {
        self.setups.get(&key)
    }

    /// A payment as it is durable now, at this wall time.
    pub(super) fn payment_waits(&mut self, key: Key, payment: &Payment, wall: Time) {
        if let Stage::Processing { doing: Doing::Cancel { reason: CancelReason::Automatic }, .. } = payment.stage {
            let holds = payment.attempts.iter().filter(|a| payment.is_charge(a) && a.approval().is_some());
            if let Some(early) = holds.map(capture_before).find(|ends| *ends > wall.plus_ms(CLOCKS_MS)) {
                self.broken("a hold is not given up before its time", Some(key), || format!("{early:?} at {wall:?}"));
            }
        }
        self.proofs(key, &payment.attempts);
    }

    /// What a message says of the cardholder is what the issuer's own page said.
    pub(super) fn proofs(&mut self, owner: Key, attempts: &[Attempt]) {
        let proven = |a: &&Attempt| a.proof.is_some();
        let unknown = attempts.iter().filter(proven).find(|a| {
            let said = a.proof.and_then(|p| self.cardholders.get(&p.authentication));
            said.is_none_or(|said| !said.status.is_proven())
        });
        if let Some(attempt) = unknown.map(|a| a.key) {
            self.broken("nobody is called authenticated who was not", Some(owner), || format!("attempt {}", attempt.0));
        }
    }

    /// After everything, `aged` when a week has passed: nothing waits for what will not come.
    pub fn check_waits(&mut self, aged: bool) {
        let asked = |p: &Payment| matches!(p.stage, Stage::RequiresAction { .. });
        let of_payments = self.payments.iter().find(|(_, p)| asked(p)).map(|(key, _)| *key);
        let of_setups = || {
            let mut setups = self.setups.iter();
            setups.find(|(_, s)| matches!(s.stage, SetupStage::RequiresAction { .. })).map(|(key, _)| *key)
        };
        if let Some(key) = of_payments.or_else(of_setups) {
            self.broken("the wait for a cardholder ends", Some(key), || "nobody asks for them any more".into());
        }
        let held = |p: &Payment| matches!(p.stage, Stage::RequiresCapture { .. });
        if let Some(key) = self.payments.iter().find(|(_, p)| held(p)).map(|(key, _)| *key) {
            let why = if aged { "it stands after its time" } else { "nobody will end it" };
            self.broken("a hold that nobody captures is given up", Some(key), || why.into());
        }
    }
}

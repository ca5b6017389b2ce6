//! Which steps attempts took, and in which weather. Knows which steps are legal at all.

use crate::faults::Fault;
use crate::words;
use florin_core::attempt::{Move, State};
use std::collections::BTreeMap;

/// One step: what the attempt is, from which state, to which.
pub type Step = (&'static str, &'static str, &'static str);

/// How often a step was taken, and how often in a world that had seen each kind of fault before.
#[derive(Clone, Debug)]
pub struct Taken {
    pub times: u64,
    pub after: [u64; Fault::ALL.len()],
}

#[derive(Clone, Debug, Default)]
pub struct Coverage(pub BTreeMap<Step, Taken>);

/// The state before the first commit.
pub const NOTHING: &str = "nothing";

/// Steps of messages that can be reversed: each must have been taken in a long run.
const REVERSIBLE: [(&str, &str); 8] = [
    (NOTHING, "sent"),
    ("sent", "approved"),
    ("sent", "declined"),
    ("sent", "not_sent"),
    ("sent", "reversing"),
    ("reversing", "reversed"),
    ("reversed", "reversing"),
    ("reversing", "reversing"),
];
/// Steps of a completion.
const COMPLETION: [(&str, &str); 6] = [
    (NOTHING, "sent"),
    ("sent", "approved"),
    ("sent", "declined"),
    ("sent", "repeating"),
    ("repeating", "approved"),
    ("repeating", "declined"),
];
const VOID: [(&str, &str); 4] =
    [(NOTHING, "sent"), ("sent", "approved"), ("sent", "repeating"), ("repeating", "approved")];
/// Steps of a verification: it is never taken back and never repeated.
const VERIFICATION: [(&str, &str); 5] =
    [(NOTHING, "sent"), ("sent", "approved"), ("sent", "declined"), ("sent", "not_sent"), ("sent", "unanswered")];
/// Legal, and only taken when a host contradicts itself or a vault loses a card, which no world does.
const NEVER_HERE: [Step; 26] = [
    ("sale", "declined", "reversing"),
    ("sale", "not_sent", "reversing"),
    ("authorization", "declined", "reversing"),
    ("authorization", "not_sent", "reversing"),
    ("increment", "declined", "reversing"),
    ("increment", "not_sent", "reversing"),
    ("refund", "declined", "reversing"),
    ("refund", "not_sent", "reversing"),
    ("completion", "sent", "not_sent"),
    ("completion", "repeating", "not_sent"),
    ("void", "sent", "reversed"),
    ("void", "repeating", "reversed"),
    ("void", "sent", "not_sent"),
    ("void", "repeating", "not_sent"),
    // A card that is given by an update, or none.
    ("payment stage", "requires_payment_method", "requires_confirmation"),
    ("setup stage", NOTHING, "requires_payment_method"),
    ("setup stage", "requires_payment_method", "requires_confirmation"),
    // Confirmed as it is made, with a challenge first; a soft refusal of a verification.
    ("payment stage", NOTHING, "requires_action"),
    ("setup stage", "processing", "requires_action"),
    // A key is forgotten after a day.
    ("idempotency key", "answered", "under_way"),
    // Days of failures end a delivery; a world lasts hours.
    ("delivery", NOTHING, "given_up"),
    ("delivery", "waiting", "given_up"),
    ("delivery", "retrying", "given_up"),
    // A hold that is being captured when its time comes.
    ("expire job", "leased", "put"),
    ("payment stage", "requires_action", "requires_confirmation"),
    ("payment stage", "requires_confirmation", "requires_payment_method"),
];

/// Steps of an idempotency key: taken by a request that sends a message, or answered at once.
const KEY: [(&str, &str); 3] = [(NOTHING, "under_way"), (NOTHING, "answered"), ("under_way", "answered")];
/// Steps of a job: put, leased by a worker, put off or done.
const JOB: [(&str, &str); 6] =
    [(NOTHING, "put"), ("put", "leased"), ("put", "done"), ("leased", "leased"), ("leased", "put"), ("leased", "done")];
const EXPIRE_JOB: [(&str, &str); 5] =
    [(NOTHING, "put"), ("put", "leased"), ("put", "done"), ("leased", "leased"), ("leased", "done")];
const DELIVERY: [(&str, &str); 6] = [
    (NOTHING, "succeeded"),
    (NOTHING, "retrying"),
    (NOTHING, "waiting"),
    ("waiting", "retrying"),
    ("waiting", "succeeded"),
    ("retrying", "succeeded"),
];
const PAYMENT: [(&str, &str); 17] = [
    (NOTHING, "requires_payment_method"),
    (NOTHING, "requires_confirmation"),
    (NOTHING, "processing"),
    ("requires_payment_method", "processing"),
    ("requires_payment_method", "requires_action"),
    ("requires_payment_method", "canceled"),
    ("requires_confirmation", "processing"),
    ("requires_confirmation", "requires_action"),
    ("requires_confirmation", "canceled"),
    ("requires_action", "processing"),
    ("requires_action", "requires_payment_method"),
    ("requires_action", "canceled"),
    ("processing", "requires_action"),
    ("processing", "requires_payment_method"),
    ("processing", "requires_capture"),
    ("processing", "succeeded"),
    ("processing", "canceled"),
];
const REFUND: [(&str, &str); 3] = [(NOTHING, "pending"), ("pending", "succeeded"), ("pending", "failed")];
const SETUP: [(&str, &str); 14] = [
    (NOTHING, "requires_confirmation"),
    (NOTHING, "requires_action"),
    (NOTHING, "processing"),
    ("requires_payment_method", "processing"),
    ("requires_payment_method", "requires_action"),
    ("requires_payment_method", "canceled"),
    ("requires_confirmation", "processing"),
    ("requires_confirmation", "requires_action"),
    ("requires_confirmation", "canceled"),
    ("requires_action", "processing"),
    ("requires_action", "requires_payment_method"),
    ("requires_action", "canceled"),
    ("processing", "succeeded"),
    ("processing", "requires_payment_method"),
];

/// What takes steps, with the steps that a long run must have seen.
const TABLES: [(&str, &[(&str, &str)]); 17] = [
    ("sale", &REVERSIBLE),
    ("authorization", &REVERSIBLE),
    ("increment", &REVERSIBLE),
    ("refund", &REVERSIBLE),
    ("completion", &COMPLETION),
    ("verification", &VERIFICATION),
    ("void", &VOID),
    ("payment stage", &PAYMENT),
    ("payment stage", &[("requires_capture", "processing")]),
    ("refund stage", &REFUND),
    ("setup stage", &SETUP),
    ("idempotency key", &KEY),
    ("delivery", &DELIVERY),
    ("resolve job", &JOB),
    ("deliver job", &JOB),
    ("chase job", &JOB),
    ("expire job", &EXPIRE_JOB),
];

/// Steps that want more seeds than the others before their absence says anything.
const SELDOM: [Step; 7] = [
    ("completion", "repeating", "declined"),
    ("completion", "sent", "declined"),
    ("increment", "reversed", "reversing"),
    ("increment", "reversing", "reversing"),
    ("increment", "sent", "declined"),
    ("setup stage", "requires_action", "canceled"),
    ("expire job", "leased", "leased"),
];

fn table() -> impl Iterator<Item = Step> {
    TABLES.into_iter().flat_map(|(what, steps)| steps.iter().map(move |(from, to)| (what, *from, *to)))
}

/// Every step that a run must have seen: a long one all, a shorter one those that are taken often.
pub fn expected(long: bool) -> Vec<Step> {
    table().filter(|step| long || !SELDOM.contains(step)).collect()
}

impl Coverage {
    /// Counts a step of an attempt. False when it is not a legal one.
    pub fn step(&mut self, what: &Move, from: Option<&State>, to: &State, faults: u64) -> bool {
        let what = words::move_name(what);
        self.count((what, from.map_or(NOTHING, words::state_name), words::state_name(to)), faults)
    }

    /// Counts a step of anything. False when it is not a legal one.
    pub fn count(&mut self, step: Step, faults: u64) -> bool {
        let taken = self.0.entry(step).or_insert_with(|| Taken { times: 0, after: [0; Fault::ALL.len()] });
        taken.times += 1;
        for (bit, count) in taken.after.iter_mut().enumerate() {
            *count += faults >> bit & 1;
        }
        is_legal(step)
    }

    pub fn add(&mut self, other: &Coverage) {
        for (step, more) in &other.0 {
            let taken = self.0.entry(*step).or_insert_with(|| Taken { times: 0, after: [0; Fault::ALL.len()] });
            taken.times += more.times;
            for (sum, count) in taken.after.iter_mut().zip(&more.after) {
                *sum += count;
            }
        }
    }
}

fn is_legal(step: Step) -> bool {
    table().any(|known| known == step) || NEVER_HERE.contains(&step)
}

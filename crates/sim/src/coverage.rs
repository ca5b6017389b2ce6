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
const NOTHING: &str = "nothing";

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
const NEVER_HERE: [Step; 14] = [
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
];

/// Every step that a long run must have seen.
pub fn expected() -> Vec<Step> {
    let reversible = ["sale", "authorization", "increment", "refund"];
    let mut steps: Vec<Step> = Vec::new();
    for what in reversible {
        steps.extend(REVERSIBLE.iter().map(|(from, to)| (what, *from, *to)));
    }
    steps.extend(COMPLETION.iter().map(|(from, to)| ("completion", *from, *to)));
    steps.extend(VERIFICATION.iter().map(|(from, to)| ("verification", *from, *to)));
    steps.extend(VOID.iter().map(|(from, to)| ("void", *from, *to)));
    steps
}

impl Coverage {
    /// Counts a step. False when it is not a legal one.
    pub fn step(&mut self, what: &Move, from: Option<&State>, to: &State, faults: u64) -> bool {
        let what = words::move_name(what);
        let step = (what, from.map_or(NOTHING, words::state_name), words::state_name(to));
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
    let (what, from, to) = step;
    let listed = |steps: &[(&str, &str)]| steps.contains(&(from, to));
    let known = match what {
        "completion" => listed(&COMPLETION),
        "void" => listed(&VOID),
        "verification" => listed(&VERIFICATION),
        _ => listed(&REVERSIBLE),
    };
    known || NEVER_HERE.contains(&step)
}

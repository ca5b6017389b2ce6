//! Every bug that can be planted is caught. A plant counts for the whole process, so one test tries them one after another.
#![cfg(feature = "mutants")]

use florin_core::mutants::Mutant;
use florin_sim::{Prove, prove};

/// Seeds that each planted bug may take.
const SEEDS_LIMIT: u64 = 1_000;

#[test]
fn every_planted_bug_is_caught() {
    let sound = prove(Prove::new(200, 0), &|_| {});
    assert!(sound.failures.is_empty(), "without a planted bug: {:?}", sound.failures);
    let mut missed = Vec::new();
    for mutant in Mutant::ALL.iter().copied() {
        let report = prove(Prove { mutant: Some(mutant), ..Prove::new(SEEDS_LIMIT, 0) }, &|_| {});
        match report.failures.first() {
            Some(failure) => println!("{}: seed {}, {}", mutant.name(), failure.seed, failure.promise),
            None => missed.push(mutant.name()),
        }
    }
    assert!(missed.is_empty(), "not caught within {SEEDS_LIMIT} seeds: {missed:?}");
}

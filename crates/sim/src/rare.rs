//! Which rare branches of the production code one seed takes, and how often it took them. Knows their names, not what they do.

use crate::rng::Rng;
use florin_core::rare::{Armed, Site, arm};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A seed takes each branch at all with this chance, per mille: a branch that is always taken hides what lies behind it.
const TAKEN_AT_ALL: u32 = 400;
/// Chances of each occasion, per mille, between which a seed draws.
const ODDS: (i64, i64) = (10, 500);
/// The stream of chance of rare branches is apart from the world's: a branch that is asked more often changes no other fate.
const STREAM: u64 = 0x7261_7265;

/// What was taken so far, and whether the storm is on.
#[derive(Clone, Default)]
pub struct Rare {
    storm: Arc<AtomicBool>,
    taken: Arc<Mutex<BTreeMap<Site, u64>>>,
}

impl Rare {
    /// Arms this thread with the branches that the seed draws.
    pub fn arm(&self, seed: u64) -> Armed {
        let mut rng = Rng::new(seed ^ STREAM);
        let mut odds = BTreeMap::new();
        for site in Site::ALL {
            let drawn = u32::try_from(rng.spread(ODDS.0, ODDS.1)).unwrap_or(0);
            if rng.chance(TAKEN_AT_ALL) {
                odds.insert(*site, drawn);
            }
        }
        let Rare { storm, taken } = self.clone();
        arm(Box::new(move |site| {
            let odds = odds.get(&site).copied().unwrap_or(0);
            let takes = storm.load(Ordering::Relaxed) && rng.chance(odds);
            if takes {
                *taken.lock().unwrap_or_else(PoisonError::into_inner).entry(site).or_insert(0) += 1;
            }
            takes
        }))
    }

    /// In the calm after the storm everything goes its usual way.
    pub fn storm(&self, on: bool) {
        self.storm.store(on, Ordering::Relaxed);
    }

    pub fn taken(&self) -> BTreeMap<Site, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_core::rare::rare;

    #[test]
    fn a_seed_takes_the_same_branches_each_time_and_none_in_the_calm() {
        let asked = |seed| {
            let rare_branches = Rare::default();
            let _armed = rare_branches.arm(seed);
            rare_branches.storm(true);
            let taken: Vec<bool> = (0..200).flat_map(|_| Site::ALL.iter().map(|site| rare(*site))).collect();
            rare_branches.storm(false);
            assert!(Site::ALL.iter().all(|site| !rare(*site)));
            let counted: u64 = rare_branches.taken().values().sum();
            assert_eq!(counted, taken.iter().filter(|t| **t).count() as u64);
            taken
        };
        assert_eq!(asked(7), asked(7));
        assert_ne!(asked(7), asked(8));
    }
}

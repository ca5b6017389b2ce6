//! Counters of what was lately: bounded in memory and forgotten by time. Knows no card and no address but as a key.

use florin_core::time::Time;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Cards of one key that are told apart; a card that comes back after so many others counts again.
const CARDS_TOLD_APART: usize = 8;

/// What happened under one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub tries: u32,
    /// A decline over a small amount counts twice where that is said.
    pub declines: u32,
    pub approvals: u32,
    /// Tries that were refused here.
    pub refused: u32,
    /// Different cards.
    pub cards: u32,
    pub(super) seen: [u32; CARDS_TOLD_APART],
}

impl Tally {
    /// One more card, unless it was there lately. The hash is of a secret fingerprint: 32 bits of it do.
    pub fn card(&mut self, hash: u32) {
        if self.seen.contains(&hash) {
            return;
        }
        self.seen.rotate_right(1);
        self.seen[0] = hash;
        self.cards = self.cards.saturating_add(1);
    }

    fn plus(mut self, other: &Tally) -> Tally {
        self.tries = self.tries.saturating_add(other.tries);
        self.declines = self.declines.saturating_add(other.declines);
        self.approvals = self.approvals.saturating_add(other.approvals);
        self.refused = self.refused.saturating_add(other.refused);
        let again = other.seen.iter().filter(|hash| **hash != 0 && self.seen.contains(hash)).count();
        let again = u32::try_from(again).unwrap_or(0);
        self.cards = self.cards.saturating_add(other.cards.saturating_sub(again));
        self
    }
}

struct Halves<K> {
    present: HashMap<K, Tally>,
    past: HashMap<K, Tally>,
    turned: Time,
}

/// Sums over the last half to whole of a window. Each half holds so many keys; one more turns the halves early, so that whoever comes from
/// ever new addresses makes us forget sooner and never grows us.
pub struct Window<K> {
    halves: Mutex<Halves<K>>,
    half_ms: i64,
    most_keys: usize,
}

impl<K: Hash + Eq> Window<K> {
    pub fn new(half_ms: i64, most_keys: usize) -> Window<K> {
        let halves = Halves { present: HashMap::new(), past: HashMap::new(), turned: Time(0) };
        Window { halves: Mutex::new(halves), half_ms, most_keys }
    }

    fn at(&self, now: Time) -> MutexGuard<'_, Halves<K>> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.since(halves.turned);
        // A clock that went back by more than a half begins anew.
        if age >= 2 * self.half_ms || age < -self.half_ms {
            (halves.present, halves.past) = (HashMap::new(), HashMap::new());
            halves.turned = now;
        } else if age >= self.half_ms {
            halves.past = std::mem::take(&mut halves.present);
            halves.turned = now;
        }
        halves
    }

    pub fn sum(&self, key: &K, now: Time) -> Tally {
        let halves = self.at(now);
        let present = halves.present.get(key).copied().unwrap_or_default();
        halves.past.get(key).map_or(present, |past| present.plus(past))
    }

    pub fn change(&self, key: K, now: Time, change: impl FnOnce(&mut Tally)) {
        let mut halves = self.at(now);
        if halves.present.len() >= self.most_keys && !halves.present.contains_key(&key) {
            halves.past = std::mem::take(&mut halves.present);
            halves.turned = now;
        }
        change(halves.present.entry(key).or_default());
    }

    #[cfg(test)]
    fn keys(&self) -> usize {
        let halves = self.halves.lock().unwrap();
        halves.present.len() + halves.past.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_and_how_long() {
        /// Declines at these times are this many at the last time.
        #[track_caller]
        fn check(at: &[i64], asked: i64, expected: u32) {
            let window = Window::new(1_000, 10);
            at.iter().for_each(|at| window.change(7, Time(*at), |t| t.declines += 1));
            assert_eq!(window.sum(&7, Time(asked)).declines, expected, "{at:?}");
            assert_eq!(window.sum(&8, Time(asked)), Tally::default());
        }
        check(&[10_000, 10_001, 10_999], 10_999, 3);
        check(&[10_000, 11_000], 11_000, 2);
        check(&[10_000, 11_000], 12_000, 1);
        check(&[10_000], 12_000, 0);
        // A clock that went back a little forgets nothing; by hours, all.
        check(&[10_000], 9_500, 1);
        check(&[10_000_000], 9_000, 0);
    }

    #[test]
    fn cards_are_told_apart() {
        let window = Window::new(1_000, 10);
        let give = |at: i64, card: u32| window.change((), Time(at), |t| t.card(card));
        for (at, card) in [(10_000, 1), (10_000, 2), (10_000, 1), (11_000, 2), (11_000, 3)] {
            give(at, card);
        }
        assert_eq!(window.sum(&(), Time(11_000)).cards, 3);
    }

    #[test]
    fn memory_is_bounded() {
        let window = Window::new(1_000, 100);
        (0..10_000).for_each(|key| window.change(key, Time(5_000), |t| t.tries += 1));
        assert!(window.keys() <= 200);
        assert_eq!(window.sum(&9_999, Time(5_000)).tries, 1);
    }
}

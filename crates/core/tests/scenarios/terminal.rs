//! Terminal leases: no two processes have one trace number, and a restart begins a fresh block.

use crate::gate::{Call, Gate, GatedStore, Point, run};
use crate::world::START;
use florin_core::id::Key;
use florin_core::ports::Slot;
use florin_core::store::Store;
use florin_core::terminal::{BLOCK, Block, LEASE_MS, RANGE, lease};
use florin_store::{MemoryStore, block_on};
use std::collections::BTreeSet;

struct Leases {
    store: MemoryStore,
    events: i64,
}

impl Leases {
    fn new() -> Leases {
        Leases { store: MemoryStore::new(), events: 1 << 40 }
    }
    fn lease(&mut self, after_ms: i64, holder: u64, alone: bool) -> Block {
        let store = self.store.clone();
        self.lease_of(&store, after_ms, holder, alone)
    }
    fn lease_of(&mut self, store: &dyn Store, after_ms: i64, holder: u64, alone: bool) -> Block {
        self.events += 1;
        block_on(lease(store, START.plus_ms(after_ms), Key(self.events), holder, alone)).unwrap()
    }
}

fn all(mut block: Block) -> Vec<Slot> {
    std::iter::from_fn(|| block.take(START)).collect()
}

/// Each lease: milliseconds after the start, the holder, whether it is alone; the terminal and first number it gets.
#[track_caller]
fn check(asked: &[(i64, u64, bool)], expected: &[(u32, u32)]) {
    let mut leases = Leases::new();
    let mut taken = BTreeSet::new();
    let mut firsts = vec![];
    for (after_ms, holder, alone) in asked {
        let slots = all(leases.lease(*after_ms, *holder, *alone));
        assert_eq!(slots.len(), BLOCK as usize);
        assert!(slots.iter().all(|s| (1..=999_999).contains(&s.stan)));
        assert!(slots.iter().all(|s| taken.insert(s.stan)), "a number was given twice");
        firsts.push((slots[0].terminal.0, slots[0].stan));
    }
    assert_eq!(firsts, expected);
}

#[test]
fn blocks() {
    check(&[(0, 1, false)], &[(0, 1)]);
    // Two processes at once.
    check(&[(0, 1, false), (0, 2, false)], &[(0, 1), (1, RANGE + 1)]);
    // One process uses up its block.
    check(&[(0, 1, false), (1, 1, false)], &[(0, 1), (0, BLOCK + 1)]);
    // A restart while others may live: the dead lease is not touched.
    check(&[(0, 1, false), (1, 2, false)], &[(0, 1), (1, RANGE + 1)]);
    // A restart that is alone takes over, with a fresh block.
    check(&[(0, 1, true), (1, 2, true), (2, 3, true)], &[(0, 1), (0, BLOCK + 1), (0, 2 * BLOCK + 1)]);
    // A lease that ran out is taken over, with a fresh block.
    check(&[(0, 1, false), (LEASE_MS - 1, 2, false), (LEASE_MS, 3, false)], &[(0, 1), (1, RANGE + 1), (0, BLOCK + 1)]);
}

#[test]
fn two_that_lease_at_once_get_different_terminals() {
    let mut leases = Leases::new();
    let gate = Gate::stopping(&[Point::Before(Call::Commit, 1)]);
    let gated = GatedStore { inner: leases.store.clone(), gate };
    let mut faster = None;
    let slower = run(lease(&gated, START, Key(9 << 40), 1, false), || {
        faster = Some(leases.lease(0, 2, false));
        true
    });
    let terminals: Vec<u32> = [faster.unwrap(), slower.unwrap().unwrap()].map(|b| all(b)[0].terminal.0).to_vec();
    assert_eq!(terminals, [0, 1]);
}

#[test]
fn a_lease_that_dies_with_its_process_wastes_a_block_and_repeats_nothing() {
    let mut leases = Leases::new();
    for (died_at, first) in [(Point::Before(Call::Commit, 1), 1), (Point::After(Call::Commit, 1), 2 * BLOCK + 1)] {
        let gated = GatedStore { inner: leases.store.clone(), gate: Gate::stopping(&[died_at]) };
        assert!(run(lease(&gated, START, Key(9 << 40), 1, true), || false).is_none());
        assert_eq!(all(leases.lease(0, 2, true))[0].stan, first);
    }
}

/// However much one process sends, it gets no number twice a day, and the terminals it used up serve again the day after.
#[test]
fn more_than_a_terminal_has_in_a_day() {
    let mut leases = Leases::new();
    let mut taken = BTreeSet::new();
    let blocks = 3 * i64::from(RANGE / BLOCK) / 2;
    let mut terminals = BTreeSet::new();
    for n in 0..blocks {
        let slots = all(leases.lease(n, 1, true));
        terminals.extend(slots.iter().map(|s| s.terminal.0));
        assert!(slots.iter().all(|s| taken.insert((s.terminal.0, s.stan))), "a number was given twice");
    }
    assert_eq!(terminals, BTreeSet::from([0, 1]));
    // A day after the first half was left, it serves again.
    let half_a_day_later = leases.lease(LEASE_MS + 43_200_000, 1, true);
    let next_day = leases.lease(LEASE_MS + 86_400_000 + blocks, 1, true);
    let firsts = [half_a_day_later, next_day].map(|block| all(block).first().map(|s| (s.terminal.0, s.stan)));
    let half = RANGE / 2;
    assert_eq!(firsts, [Some((1, RANGE + half + 1)), Some((0, 1))]);
}

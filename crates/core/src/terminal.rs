//! Trace numbers: a gateway process leases a terminal and a block of STANs by a commit, and starts a fresh block after a crash.

use crate::codec::Body;
use crate::commit::{Commit, Event, EventKind, Row, Version};
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::mutants::{Mutant, planted};
use crate::ports::Slot;
use crate::refusal::Refusal;
use crate::store::Store;
use crate::time::Time;
use crate::wire::Terminal;
use serde::{Deserialize, Serialize};

/// Terminals `FL000000` to `FL999999`.
pub const TERMINALS: u32 = 1_000_000;
/// Trace numbers a lease gives.
pub const BLOCK: u32 = 2_000;
/// DE 11 has six digits; 0 is not used.
pub const LARGEST_STAN: u32 = 999_999;
/// A block is not used after this, so that numbers come round no sooner than their day is over.
pub const LEASE_MS: i64 = 3_600_000;
/// Rows of terminals belong to no merchant.
pub const HOUSE: Key = Key(0);

const LOOKED_AT: u32 = 64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    terminal: Terminal,
    /// First trace number of the next block.
    next: u32,
    holder: u64,
    until: Time,
}

impl Body for Stored {
    const FORMAT: u8 = 1;
}

/// Trace numbers that no other process has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    terminal: Terminal,
    next: u32,
    left: u32,
    until: Time,
}

impl Block {
    /// The next number, or nothing when the block is used up or too old.
    pub fn take(&mut self, now: Time) -> Option<Slot> {
        if self.left == 0 || now >= self.until {
            return None;
        }
        let slot = Slot { terminal: self.terminal, stan: self.next };
        self.left -= 1;
        self.next = following(self.next, 1);
        Some(slot)
    }
}

fn following(stan: u32, by: u32) -> u32 {
    (stan - 1 + by) % LARGEST_STAN + 1
}

fn key(number: u32) -> Key {
    Key(1 + i64::from(number))
}

/// Leases a block. `holder` is this start of this process; `alone` says that no other process can be alive on this store, so that
/// leases of the dead are taken over. `event` is a fresh key.
pub async fn lease(store: &dyn Store, now: Time, event: Key, holder: u64, alone: bool) -> Result<Block, Failure> {
    for round in 0..flow::TRIES {
        let first = round * LOOKED_AT;
        let keys: Vec<Key> = (first..first + LOOKED_AT).map(key).collect();
        let rows = store.get(&keys).await?;
        for (number, row) in (first..).zip(rows) {
            let view: Option<View<Stored>> = row.as_ref().map(flow::read).transpose()?;
            let Some((commit, block)) = decide(view.as_ref(), number, now, event, holder, alone) else { continue };
            match flow::commit(store, commit, None).await? {
                Met::Applied => return Ok(block),
                Met::Conflict | Met::Guard | Met::Replay(_) => {}
            }
        }
    }
    Err(Refusal::Contended.into())
}

fn decide(
    view: Option<&View<Stored>>,
    number: u32,
    now: Time,
    event: Key,
    holder: u64,
    alone: bool,
) -> Option<(Commit, Block)> {
    let (version, start) = match view {
        None => (Version::NONE, 1),
        Some(v) if alone || v.body.holder == holder || v.body.until <= now => (v.version, v.body.next),
        Some(_) => return None,
    };
    let start = if planted(Mutant::TraceNumbersAgain) { 1 } else { start };
    let (terminal, until) = (Terminal(number), now.plus_ms(LEASE_MS));
    let stored = Stored { terminal, next: following(start, BLOCK), holder, until };
    let (key, version_next) = (key(number), version.next());
    let row = Row {
        key,
        version: version_next,
        kind: Kind::Terminal,
        account: HOUSE,
        at: now,
        body: stored.encode(),
        personal: None,
        index: vec![],
    };
    let leased =
        Event { id: event, kind: EventKind::TerminalLeased, account: HOUSE, cause: key, version: version_next };
    let commit = Commit { expect: vec![(key, version)], put: vec![row], events: vec![leased], ..Commit::default() };
    Some((commit, Block { terminal, next: start, left: BLOCK, until }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_round_without_zero() {
        assert_eq!(following(999_999, 1), 1);
        assert_eq!(following(999_000, 2_000), 1_001);
        let mut block = Block { terminal: Terminal(0), next: 999_999, left: 3, until: Time(10) };
        let stans: Vec<u32> = std::iter::from_fn(|| block.take(Time(0))).map(|s| s.stan).collect();
        assert_eq!(stans, [999_999, 1, 2]);
    }

    #[test]
    fn an_old_block_gives_nothing() {
        let mut block = Block { terminal: Terminal(0), next: 1, left: 3, until: Time(10) };
        assert_eq!(block.take(Time(10)), None);
    }
}

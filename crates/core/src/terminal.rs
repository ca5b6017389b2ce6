//! Trace numbers: a gateway process leases a terminal and a block of STANs by a commit, and starts a fresh block after a crash.

use crate::codec::{BadBody, Body, whole};
use crate::commit::{Commit, Event, EventKind, Row, Version};
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::mutants::{Mutant, planted};
use crate::ports::Slot;
use crate::rare::{Site, or_short, rare};
use crate::refusal::Refusal;
use crate::store::Store;
use crate::time::Time;
use crate::wire::Terminal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Terminals `FL000000` to `FL999999`.
pub const TERMINALS: u32 = 1_000_000;
/// Trace numbers a lease gives.
pub const BLOCK: u32 = 1_000;
/// Terminals share the trace numbers in this many ranges. A reversal carries the terminal of its original (DE 41) and a trace number of
/// the process that sends it, so processes that live at the same time must not have the same numbers: sixteen of them never do.
pub const RANGES: u32 = 16;
/// Trace numbers of one range (DE 11 has six digits; 0 is not used). A range is used half by half: a half that was used up rests for a
/// day, and whoever needs numbers meanwhile takes another terminal. So a terminal gives no number twice a day, however much is paid. From
/// the seventeenth terminal of a day on (a million messages), a reversal for another one of the same sixteenth may repeat a number of its
/// original's terminal; the time of transmission (DE 7) and the RRN (DE 37) tell them apart.
pub const RANGE: u32 = 62_000;
/// Numbers that rest together.
const HALF: u32 = RANGE / 2;
/// A block is not used after this.
pub const LEASE_MS: i64 = 3_600_000;
/// How long a half rests from the end of its last lease on.
const REST_MS: i64 = 86_400_000;
/// Rows of terminals belong to no merchant.
pub const HOUSE: Key = Key(0);

/// Terminals are leased from the first on, without gaps, and looked at so many at a time.
const LOOKED_AT: u32 = 64;
/// Terminals that others were faster with, in one lease.
const MOST_LOST: u32 = 64;
/// Terminals that may have sent for the first time in the time that a restore lost, where no journal names them.
pub const UNSEEN: u32 = 64;
/// Nobody takes over a terminal of this holder before its time is over.
const ASIDE: u64 = u64::MAX;
/// Trace numbers are unique for a day: a terminal whose numbers are not known rests so long.
const ASIDE_MS: i64 = 90_000_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    terminal: Terminal,
    /// First trace number of the next block.
    next: u32,
    holder: u64,
    until: Time,
    /// The other half of its range rests until then.
    rest: Time,
}

/// Format 1, which knew no rest: a terminal gave its numbers round and round.
#[derive(Deserialize)]
struct Restless {
    terminal: Terminal,
    next: u32,
    holder: u64,
    until: Time,
}

impl Body for Stored {
    const FORMAT: u8 = 2;

    fn decode_format(format: u8, rest: &[u8]) -> Result<Stored, BadBody> {
        if format == 1 {
            let Restless { terminal, next, holder, until } = whole(rest)?;
            return Ok(Stored { terminal, next, holder, until, rest: until.plus_ms(REST_MS) });
        }
        whole(rest)
    }
}

pub(crate) fn is_read(body: &[u8]) -> bool {
    Stored::decode(body).is_ok()
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
        if self.left == 0 || now >= self.until || rare(Site::BlockOver) {
            return None;
        }
        let slot = Slot { terminal: self.terminal, stan: self.next };
        self.left -= 1;
        self.next = following(self.terminal, self.next, 1);
        Some(slot)
    }
}

/// The first trace number of a terminal.
const fn first(terminal: Terminal) -> u32 {
    (terminal.0 % RANGES) * RANGE + 1
}

/// The trace number `by` after this one, within the terminal's range.
const fn following(terminal: Terminal, stan: u32, by: u32) -> u32 {
    let first = first(terminal);
    (stan - first + by) % RANGE + first
}

fn key(number: u32) -> Key {
    Key(1 + i64::from(number))
}

/// Leases a block. `holder` is this start of this process; `alone` says that no other process can be alive on this store, so that
/// leases of the dead are taken over. `event` is a fresh key.
pub async fn lease(store: &dyn Store, now: Time, event: Key, holder: u64, alone: bool) -> Result<Block, Failure> {
    if rare(Site::LeaseRefused) {
        return Err(Refusal::Contended.into());
    }
    let mut lost = 0;
    for first in (0..TERMINALS).step_by(LOOKED_AT as usize) {
        let numbers = first..TERMINALS.min(first + LOOKED_AT);
        let keys: Vec<Key> = numbers.clone().map(key).collect();
        let rows = store.get(&keys).await?;
        for (number, row) in numbers.zip(rows) {
            let view: Option<View<Stored>> = row.as_ref().map(flow::read).transpose()?;
            let Some((commit, block)) = decide(view.as_ref(), number, now, event, holder, alone) else { continue };
            match flow::commit(store, commit, None).await? {
                Met::Applied => return Ok(block),
                Met::Conflict | Met::Guard | Met::Replay(_) => lost += 1,
            }
            if lost >= MOST_LOST {
                return Err(Refusal::Contended.into());
            }
        }
    }
    Err(Refusal::Contended.into())
}

/// The part of a commit that sets aside every terminal that was leased on this store, those in `used`, and `unseen` more that were
/// never leased here: after a restore nobody knows which of their numbers were given out.
pub async fn set_aside(
    store: &dyn Store,
    used: &BTreeSet<u32>,
    unseen: u32,
    now: Time,
    fresh: &(dyn Fn() -> Key + Sync),
) -> Result<Commit, Failure> {
    let mut known = leased(store).await?;
    let beyond = (0..TERMINALS).filter(|n| !known.contains_key(n) && !used.contains(n)).take(unseen as usize);
    let named = used.iter().copied().filter(|n| *n < TERMINALS);
    let numbers: BTreeSet<u32> = known.keys().copied().chain(beyond).chain(named).collect();
    let mut commit = Commit::default();
    for number in numbers {
        let (terminal, view) = (Terminal(number), known.remove(&number));
        let next = view.as_ref().map_or(first(terminal), |v| v.body.next);
        let until = now.plus_ms(ASIDE_MS);
        let rest = view.as_ref().map_or(until, |v| v.body.rest);
        let stored = Stored { terminal, next, holder: ASIDE, until, rest };
        let before = view.map_or(Version::NONE, |v| v.version);
        put(&mut commit, &stored, before, now, fresh());
    }
    Ok(commit)
}

/// The terminals that were ever leased on this store. Those that a restore set aside may lie far behind the others: a gap of one look is
/// the end, since nothing was given out behind it on this store.
async fn leased(store: &dyn Store) -> Result<BTreeMap<u32, View<Stored>>, Failure> {
    let mut known = BTreeMap::new();
    for first in (0..TERMINALS).step_by(LOOKED_AT as usize) {
        let numbers = first..TERMINALS.min(first + LOOKED_AT);
        let keys: Vec<Key> = numbers.clone().map(key).collect();
        let before = known.len();
        for (number, row) in numbers.zip(store.get(&keys).await?) {
            if let Some(row) = row.filter(|row| row.kind == Kind::Terminal) {
                known.insert(number, flow::read(&row)?);
            }
        }
        if known.len() == before {
            break;
        }
    }
    Ok(known)
}

/// Adds the next version of a terminal's row, with its event.
fn put(commit: &mut Commit, stored: &Stored, before: Version, at: Time, event: Key) {
    let (key, version) = (key(stored.terminal.0), before.next());
    commit.expect.push((key, before));
    commit.put.push(Row {
        key,
        version,
        kind: Kind::Terminal,
        account: HOUSE,
        at,
        body: stored.encode(),
        personal: None,
        index: vec![],
    });
    commit.events.push(Event { id: event, kind: EventKind::TerminalLeased, account: HOUSE, cause: key, version });
}

fn decide(
    view: Option<&View<Stored>>,
    number: u32,
    now: Time,
    event: Key,
    holder: u64,
    alone: bool,
) -> Option<(Commit, Block)> {
    let (terminal, until) = (Terminal(number), now.plus_ms(LEASE_MS));
    let (version, start, rest) = match view {
        None => (Version::NONE, first(terminal), Time(0)),
        Some(v) if v.body.holder == ASIDE && v.body.until > now => return None,
        Some(v) if alone || v.body.holder == holder || v.body.until <= now => {
            let enters = (v.body.next - first(terminal)).is_multiple_of(HALF);
            match enters {
                true if v.body.rest > now => return None,
                // The half that it leaves was used until its last lease ended.
                true => (v.version, v.body.next, v.body.until.max(now).plus_ms(REST_MS)),
                false => (v.version, v.body.next, v.body.rest),
            }
        }
        Some(_) => return None,
    };
    let start = if planted(Mutant::TraceNumbersAgain) { first(terminal) } else { start };
    let left = HALF - (start - first(terminal)) % HALF;
    let block = or_short(Site::ShortBlock, BLOCK, 2).min(left);
    let stored = Stored { terminal, next: following(terminal, start, block), holder, until, rest };
    let mut commit = Commit::default();
    put(&mut commit, &stored, version, now, event);
    Some((commit, Block { terminal, next: start, left: block, until }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_round_in_their_range() {
        let last = Terminal(15);
        assert_eq!((first(Terminal(0)), first(last), first(Terminal(16))), (1, 930_001, 1));
        assert_eq!(following(last, 992_000, 1), 930_001);
        assert_eq!(following(Terminal(0), 61_500, BLOCK), 500);
        let mut block = Block { terminal: Terminal(0), next: 62_000, left: 3, until: Time(10) };
        let stans: Vec<u32> = std::iter::from_fn(|| block.take(Time(0))).map(|s| s.stan).collect();
        assert_eq!(stans, [62_000, 1, 2]);
    }

    #[test]
    fn an_old_block_gives_nothing() {
        let mut block = Block { terminal: Terminal(0), next: 1, left: 3, until: Time(10) };
        assert_eq!(block.take(Time(10)), None);
    }

    /// The format of a stored lease, kept for ever like those in `codec`.
    #[test]
    fn golden_bytes() {
        let until = Time(1_795_299_300_000);
        let rest = until.plus_ms(REST_MS);
        let stored = Stored { terminal: Terminal(4), next: 2_001, holder: u64::MAX, until, rest };
        let hex: String = stored.encode().iter().map(|b| format!("{b:02x}")).collect();
        let (first, second) = include_str!("../tests/golden/terminal.hex").trim().split_once('\n').unwrap();
        assert_eq!(hex, second);
        for written in [first, second] {
            let digits = |n: usize| u8::from_str_radix(&written[n..n + 2], 16).unwrap();
            let bytes: Vec<u8> = (0..written.len()).step_by(2).map(digits).collect();
            assert_eq!(Stored::decode(&bytes).as_ref(), Ok(&stored), "{written}");
        }
    }

    #[test]
    fn which_leases_are_taken_over() {
        #[track_caller]
        fn check(held: Option<(u64, i64)>, holder: u64, alone: bool, expected: Option<(u32, u32)>) {
            let now = Time(1_000_000);
            let stored = |(holder, until)| Stored {
                terminal: Terminal(7),
                next: 485_001,
                holder,
                until: Time(until),
                rest: Time(2_000_000),
            };
            let view = held.map(|h| View {
                key: key(7),
                account: HOUSE,
                version: Version(3),
                at: now,
                body: stored(h),
                personal: None,
            });
            let leased = decide(view.as_ref(), 7, now, Key(9), holder, alone);
            assert_eq!(leased.as_ref().map(|(c, b)| (c.put[0].version.0, b.next)), expected);
            let Some((commit, block)) = leased else { return };
            let next = Stored {
                terminal: Terminal(7),
                next: following(Terminal(7), block.next, BLOCK),
                holder,
                until: now.plus_ms(LEASE_MS),
                rest: held.map_or(Time(0), |_| Time(2_000_000)),
            };
            assert_eq!((commit.check(), Stored::decode(&commit.put[0].body)), (Ok(()), Ok(next)));
            assert_eq!((block.left, block.until), (BLOCK, now.plus_ms(LEASE_MS)));
        }
        // Nobody had it.
        check(None, 1, false, Some((1, 434_001)));
        // Another has it: one that may be alive, one whose lease ran out, one that must be dead.
        check(Some((2, 1_000_001)), 1, false, None);
        check(Some((2, 1_000_000)), 1, false, Some((4, 485_001)));
        check(Some((2, 1_000_001)), 1, true, Some((4, 485_001)));
        // It was set aside: by nobody, whoever is alone; later by anybody.
        check(Some((ASIDE, 1_000_001)), 1, true, None);
        check(Some((ASIDE, 1_000_000)), 1, false, Some((4, 485_001)));
        // It is ours.
        check(Some((1, 1_000_001)), 1, false, Some((4, 485_001)));
    }

    /// The next number of terminal 7, when its last lease ends, how long its other half rests; the numbers it gives and the next rest.
    #[test]
    fn a_half_that_was_used_rests_for_a_day() {
        #[track_caller]
        fn check(next: u32, until: i64, rest: i64, expected: Option<(u32, u32, u32, i64)>) {
            let now = Time(1_000_000_000);
            let body = Stored { terminal: Terminal(7), next, holder: 1, until: Time(until), rest: Time(rest) };
            let view = View { key: key(7), account: HOUSE, version: Version(1), at: now, body, personal: None };
            let leased = decide(Some(&view), 7, now, Key(9), 1, true).map(|(commit, block)| {
                let stored = Stored::decode(&commit.put[0].body).unwrap();
                (block.next, block.left, stored.next, stored.rest.0)
            });
            assert_eq!(leased, expected);
        }
        let (first, day) = (434_001, REST_MS);
        // Within a half nothing is waited for, and a block ends with it.
        check(first + 1_000, 0, 2_000_000_000, Some((first + 1_000, BLOCK, first + 2_000, 2_000_000_000)));
        check(first + HALF - 10, 0, 0, Some((first + HALF - 10, 10, first + HALF, 0)));
        check(first + RANGE - 10, 0, 0, Some((first + RANGE - 10, 10, first, 0)));
        // The other half is entered once it has rested; from then on the one that was left rests.
        check(first + HALF, 1_003_000_000, 1_000_000_001, None);
        check(first, 1_003_000_000, 1_000_000_001, None);
        check(
            first + HALF,
            1_003_000_000,
            1_000_000_000,
            Some((first + HALF, BLOCK, first + HALF + BLOCK, 1_003_000_000 + day)),
        );
        check(first, 5, 6, Some((first, BLOCK, first + BLOCK, 1_000_000_000 + day)));
    }
}

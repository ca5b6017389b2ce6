//! Cells for security codes and authentication values: in memory only, sealed under a key of this start, for a while, taken once.
//! Knows no card number and no disk.

use crate::core::id::Key;
use crate::core::seal::SealKey;
use crate::core::time::Time;
use crate::keys::{NoChance, fresh_secret, random};
use florin_connect::card::Cvc;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

pub const CELL_LIMIT_MS: i64 = 900_000;
/// Above this the oldest is dropped: its payment goes without a code, which is no error.
pub const CELLS_LIMIT: usize = 100_000;

struct Cell {
    sealed: Vec<u8>,
    /// Steady time.
    until: Time,
}

/// The codes of cards that this instance of the vault took. Times are of the steady clock.
pub struct Cells {
    key: SealKey,
    limit_ms: i64,
    cells: BTreeMap<Key, Cell>,
    by_deadline: BTreeSet<(Time, Key)>,
}

impl Cells {
    /// Cells for security codes.
    pub fn new() -> Result<Cells, NoChance> {
        Cells::lasting(CELL_LIMIT_MS)
    }

    /// Cells that are kept for so long.
    pub fn lasting(limit_ms: i64) -> Result<Cells, NoChance> {
        let key = SealKey::new(&fresh_secret()?, 1);
        Ok(Cells { key, limit_ms, cells: BTreeMap::new(), by_deadline: BTreeSet::new() })
    }

    /// Keeps the code of a card until `CELL_LIMIT_MS` from now.
    pub fn put(&mut self, now: Time, card: Key, cvc: &Cvc) -> Result<(), NoChance> {
        self.keep(now, card, &card.0.to_be_bytes(), cvc.reveal().as_bytes())
    }

    /// Keeps a secret under a name; only who gives `bound` again gets it.
    pub fn keep(&mut self, now: Time, card: Key, bound: &[u8], secret: &[u8]) -> Result<(), NoChance> {
        let sealed = self.key.seal(random()?, bound, secret);
        self.expire(now);
        self.remove(card);
        if self.cells.len() >= CELLS_LIMIT
            && let Some((_, oldest)) = self.by_deadline.first().copied()
        {
            self.remove(oldest);
        }
        let until = now.plus_ms(self.limit_ms);
        self.cells.insert(card, Cell { sealed, until });
        self.by_deadline.insert((until, card));
        Ok(())
    }

    /// The code, once. Nothing if there was none, it was taken, or its time is over.
    pub fn take(&mut self, now: Time, card: Key) -> Option<Cvc> {
        let plain = self.take_kept(now, card, &card.0.to_be_bytes())?;
        // Its length was checked against the network when it came.
        Cvc::parse(std::str::from_utf8(&plain).ok()?, None).ok()
    }

    /// A secret, once. Nothing if there was none, it was taken, its time is over, or it is bound to something else.
    pub fn take_kept(&mut self, now: Time, name: Key, bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let cell = self.remove(name).filter(|cell| now <= cell.until)?;
        self.key.open(bound, &cell.sealed).ok().map(Zeroizing::new)
    }

    /// Forgets what is too old. To be called now and then, so that a code does not outlive its time in an idle vault.
    pub fn expire(&mut self, now: Time) {
        while let Some((until, card)) = self.by_deadline.first().copied()
            && until < now
        {
            self.remove(card);
        }
    }

    /// Forgets the code of a card that was not kept after all.
    pub fn forget(&mut self, card: Key) {
        self.remove(card);
    }

    fn remove(&mut self, card: Key) -> Option<Cell> {
        let cell = self.cells.remove(&card)?;
        self.by_deadline.remove(&(cell.until, card));
        Some(cell)
    }

    pub fn len(&self) -> usize {
        self.cells.len()
    }
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_there_once_and_for_its_time() {
        let code = || Cvc::parse("973", None).unwrap_or_else(|_| unreachable!());
        let check = |what: &str, put: Option<i64>, take: &[i64], expected: &[bool]| {
            let mut cells = Cells::new().unwrap();
            if let Some(at) = put {
                cells.put(Time(at), Key(5), &code()).unwrap();
            }
            let got: Vec<bool> =
                take.iter().map(|at| cells.take(Time(*at), Key(5)).is_some_and(|c| c.reveal() == "973")).collect();
            assert_eq!(got, expected, "{what}");
        };
        check("never put", None, &[0], &[false]);
        check("taken once", Some(0), &[1, 2], &[true, false]);
        check("at its deadline", Some(0), &[CELL_LIMIT_MS], &[true]);
        check("after it", Some(0), &[CELL_LIMIT_MS + 1], &[false]);
    }

    #[test]
    fn codes_are_forgotten_without_being_taken_and_are_bounded() {
        let mut cells = Cells::new().unwrap();
        let code = Cvc::parse("973", None).unwrap_or_else(|_| unreachable!());
        for n in 0..10 {
            cells.put(Time(n), Key(n), &code).unwrap();
        }
        cells.put(Time(10), Key(3), &code).unwrap();
        cells.expire(Time(CELL_LIMIT_MS + 10));
        assert_eq!(cells.len(), 1, "only the one that was put again");
        assert!(!cells.cells[&Key(3)].sealed.windows(3).any(|w| w == b"973"));
        for n in 100..(100 + CELLS_LIMIT as i64 + 5) {
            cells.put(Time(11), Key(n), &code).unwrap();
        }
        assert_eq!(cells.len(), CELLS_LIMIT);
    }
}

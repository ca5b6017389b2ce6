//! Idempotency claims in two alternating day tables. Knows no request and no answer, only sealed bytes.

use super::error::Fault;
use super::seal::{SealedClaim, SealedClaimed};
use super::statements::{META_CLAIM_DAYS, Statements};
use crate::days;
use florin_core::commit::ClaimId;
use florin_core::time::Time;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// A claim and where it lies.
pub struct Lying {
    pub table: usize,
    pub n: i64,
    pub claimed: SealedClaimed,
}

pub fn read(slot: i64, row: &rusqlite::Row<'_>) -> rusqlite::Result<Lying> {
    let (id, at) = (ClaimId { slot, digest: row.get(2)? }, Time(row.get(3)?));
    let claimed = SealedClaimed { id, at, begun: row.get(4)?, answer: row.get(5)? };
    Ok(Lying { table: usize::from(row.get::<_, bool>(0)?), n: row.get(1)?, claimed })
}

/// Claims under way that the writer remembers, so that finishing them needs no lookup.
const KEPT_CLAIMS: usize = 20_000;

pub struct Days {
    /// The day of the newest claim in each table.
    used: [Option<i64>; 2],
    /// Claims without an answer: digest, table, number.
    under_way: BTreeMap<i64, ([u8; 32], usize, i64)>,
}

impl Days {
    pub fn load(connection: &Connection) -> Result<Days, Fault> {
        let day = |name| connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0));
        let used = [day(META_CLAIM_DAYS[0])?, day(META_CLAIM_DAYS[1])?];
        Ok(Days { used, under_way: BTreeMap::new() })
    }

    /// What stands in the way of a claim: nothing of a table that this very claim is about to empty.
    pub fn in_the_way(&self, s: &mut Statements<'_>, claim: &SealedClaim) -> Result<Option<SealedClaimed>, Fault> {
        let SealedClaim::Take { id, at, .. } = claim else { return Ok(None) };
        let mut found = s.claim.query_map([id.slot], |row| read(id.slot, row))?;
        while let Some(lying) = found.next().transpose()? {
            if !days::is_stale(self.used[lying.table], at.day_number()) {
                return Ok(Some(lying.claimed));
            }
        }
        Ok(None)
    }

    pub fn apply(&mut self, s: &mut Statements<'_>, claim: SealedClaim) -> Result<(), Fault> {
        match claim {
            SealedClaim::Take { id, at, begun, answer } => {
                let table = self.turn_to(s, at.day_number())?;
                let n = s.put_claim[table].insert((id.slot, id.digest, at.0, begun))?;
                match answer {
                    Some(answer) => {
                        s.put_answer[table].execute((n, answer))?;
                    }
                    None => self.remember(id, table, n),
                }
            }
            SealedClaim::Finish { id, answer } => {
                if let Some((digest, table, n)) = self.under_way.get(&id.slot).copied() {
                    if digest == id.digest {
                        self.under_way.remove(&id.slot);
                        s.put_answer[table].execute((n, answer))?;
                    }
                    return Ok(());
                }
                let begun = s.claim.query_row([id.slot], |row| read(id.slot, row)).optional()?;
                if let Some(lying) = begun
                    && lying.claimed.id.digest == id.digest
                    && lying.claimed.answer.is_none()
                {
                    s.put_answer[lying.table].execute((lying.n, answer))?;
                }
            }
            SealedClaim::Amend { id, answer } => {
                let there = s.claim.query_row([id.slot], |row| read(id.slot, row)).optional()?;
                if let Some(lying) = there
                    && lying.claimed.id.digest == id.digest
                    && lying.claimed.answer.is_some()
                {
                    s.amend_answer[lying.table].execute((lying.n, answer))?;
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, id: ClaimId, table: usize, n: i64) {
        if self.under_way.len() >= KEPT_CLAIMS {
            self.under_way.clear();
        }
        self.under_way.insert(id.slot, (id.digest, table, n));
    }

    /// Empties what is two days old and gives the table of this day.
    fn turn_to(&mut self, s: &mut Statements<'_>, day: i64) -> Result<usize, Fault> {
        for table in 0..2 {
            if days::is_stale(self.used[table], day) {
                s.empty_claims[table].execute(())?;
                s.empty_answers[table].execute(())?;
                self.under_way.retain(|_, (_, begun_in, _)| *begun_in != table);
                self.set(s, table, None)?;
            }
        }
        let table = days::table_of(day);
        if self.used[table] < Some(day) {
            self.set(s, table, Some(day))?;
        }
        Ok(table)
    }

    fn set(&mut self, s: &mut Statements<'_>, table: usize, day: Option<i64>) -> Result<(), Fault> {
        self.used[table] = day;
        s.put_meta.execute((META_CLAIM_DAYS[table], day))?;
        Ok(())
    }
}

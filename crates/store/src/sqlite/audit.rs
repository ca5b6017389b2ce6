//! Every row against its commitment: a body, a personal digest or a transfer that was changed later shows here.
//! Knows no queries but a walk through the journal.

use super::error::Fault;
use super::find;
use super::keys::Keys;
use super::readers::Readers;
use super::rows;
use super::seal;
use crate::commitment::{self, Also};
use florin_core::commit::Version;
use florin_core::id::Key;
use florin_core::store::StoreTrouble;

/// Rows read in one transaction.
const ROWS_PER_PAGE: u32 = 1_000;
/// Rows that are named; more are counted.
const NAMED_ROWS: usize = 100;

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub rows: u64,
    pub wrong: u64,
    /// The first of them.
    pub named: Vec<(Key, Version)>,
}

pub fn run(readers: &Readers, keys: &Keys) -> Result<Audit, StoreTrouble> {
    let mut audit = Audit::default();
    let mut after = 0i64;
    loop {
        let page = readers.read(|c| {
            let journal = rows::journal(c, after, ROWS_PER_PAGE)?;
            let with_moves = journal.into_iter().map(|entry| Ok((find::transfers_of_step(c, entry.n)?, entry)));
            with_moves.collect::<Result<Vec<_>, Fault>>()
        })?;
        let Some((_, last)) = page.last() else { return Ok(audit) };
        after = last.n;
        for (transfers, entry) in page {
            audit.rows += 1;
            let holds = seal::open_body(keys, &entry.place, &entry.sealed).is_ok_and(|opened| {
                let also = Also { personal: opened.personal.as_ref(), transfers: &transfers };
                commitment::of_row(&opened.salt, &opened.body, also).as_slice() == entry.commitment
            });
            if !holds {
                audit.wrong += 1;
                if audit.named.len() < NAMED_ROWS {
                    audit.named.push((entry.place.key, entry.place.version));
                }
            }
        }
    }
}

//! Every row against its commitment, every link of the ledger's chain, every balance against its transfers: what was changed later shows
//! here. Knows no queries but a walk through the journal.

use super::chain::{self, BEGINNING, Head, HeadKey};
use super::error::Fault;
use super::find;
use super::keys::Keys;
use super::readers::Readers;
use super::rows::{self, JournalEntry};
use super::seal;
use super::statements::META_HEAD;
use crate::commitment::{self, Also, Digest};
use florin_core::commit::Version;
use florin_core::id::{Key, Kind};
use florin_core::ledger::Transfer;
use florin_core::store::StoreTrouble;
use rusqlite::{Connection, OptionalExtension};

/// Rows read in one transaction.
const ROWS_PER_PAGE: u32 = 1_000;
/// Rows that are named; more are counted.
const NAMED_ROWS: usize = 100;

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub rows: u64,
    /// Links of the ledger's chain.
    pub links: u64,
    pub wrong: u64,
    /// The first of them.
    pub named: Vec<Bad>,
}

/// A row that is not as it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Its number in the journal: 1, 2, 3… in order of commit.
    pub n: i64,
    /// None where the row itself is gone.
    pub step: Option<(Key, Version)>,
    pub what: What,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Body, personal digest or transfers differ from the commitment.
    Changed,
    /// Rows before this one are missing from the journal.
    Gap,
    /// Its transfers, or what came before them, differ from the link.
    Chain,
    /// It moved money and has no link, or has a link and moved none.
    Unlinked,
    /// Rows or transfers that were committed last are missing, or the mark of the end was changed.
    End,
    /// A balance is not the sum of its transfers.
    Balance,
    /// Its body is whole, and in a format that this program does not read.
    Format,
}

impl What {
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Changed => "is not what was committed",
            What::Gap => "follows rows that are missing",
            What::Chain => "breaks the ledger's chain",
            What::Unlinked => "has transfers or a link of the ledger's chain, and not both",
            What::End => "is not where the ledger ended",
            What::Format => "has a body that this program does not read",
            What::Balance => "is the last row: a balance is not the sum of its transfers",
        }
    }
}

impl Audit {
    fn bad(&mut self, n: i64, step: Option<(Key, Version)>, what: What) {
        self.wrong += 1;
        if self.named.len() < NAMED_ROWS {
            self.named.push(Bad { n, step, what });
        }
    }
}

/// One journal row with what else is stored of it.
struct Page {
    entry: JournalEntry,
    transfers: Vec<Transfer>,
    link: Option<Vec<u8>>,
}

/// Whether a row's body can be read by whoever knows its kind.
pub type Reads<'a> = &'a dyn Fn(Kind, &[u8]) -> bool;

/// `progress` is told rows done and rows there are.
pub fn run(
    readers: &Readers,
    keys: &Keys,
    reads: Reads<'_>,
    progress: &dyn Fn(u64, u64),
) -> Result<Audit, StoreTrouble> {
    let (head, total, strays) = readers.read(|c| ends(c, &keys.head()))?;
    let mut audit = Audit::default();
    let (mut at, mut before) = (Head::NONE, BEGINNING);
    loop {
        let page = readers.read(|c| read_page(c, at.rows))?;
        if page.is_empty() {
            break;
        }
        for Page { entry, transfers, link } in page {
            let step = Some((entry.place.key, entry.place.version));
            audit.rows += 1;
            if entry.n != at.rows + 1 {
                audit.bad(entry.n, step, What::Gap);
            }
            at.rows = entry.n;
            let moved = commitment::moved(&transfers);
            match committed(keys, &entry, moved.as_ref(), reads) {
                Ok(()) => {}
                Err(what) => audit.bad(entry.n, step, what),
            }
            let stored = link.map(|hash| Digest::try_from(hash).unwrap_or(BEGINNING));
            match (stored, &moved) {
                (Some(hash), Some(moved)) => {
                    if chain::link(&before, entry.n, moved) != hash {
                        audit.bad(entry.n, step, What::Chain);
                    }
                    (at.links, at.n, at.hash, before) = (at.links + 1, entry.n, hash, hash);
                }
                (None, None) => {}
                (Some(_), None) | (None, Some(_)) => audit.bad(entry.n, step, What::Unlinked),
            }
        }
        progress(audit.rows, total);
    }
    audit.links = u64::try_from(at.links).unwrap_or(0);
    if head != Some(at) {
        audit.bad(at.rows, None, What::End);
    }
    if let Some(n) = strays {
        audit.bad(n, None, What::Unlinked);
    }
    if readers.read(unbalanced)? {
        audit.bad(at.rows, None, What::Balance);
    }
    Ok(audit)
}

fn committed(keys: &Keys, entry: &JournalEntry, moved: Option<&Digest>, reads: Reads<'_>) -> Result<(), What> {
    let opened = seal::open_body(keys, &entry.place, &entry.sealed).map_err(|_| What::Changed)?;
    let also = Also { personal: opened.personal.as_ref(), moved };
    if commitment::of_row(&opened.salt, &opened.body, also).as_slice() != entry.commitment {
        return Err(What::Changed);
    }
    if reads(entry.place.kind, &opened.body) { Ok(()) } else { Err(What::Format) }
}

fn read_page(c: &Connection, after: i64) -> Result<Vec<Page>, Fault> {
    let mut link = c.prepare_cached("SELECT hash FROM ledger_link WHERE n = ?1")?;
    let mut page = Vec::new();
    for entry in rows::journal(c, after, ROWS_PER_PAGE)? {
        let (transfers, link) =
            (find::transfers_of_step(c, entry.n)?, link.query_row([entry.n], |row| row.get(0)).optional()?);
        page.push(Page { entry, transfers, link });
    }
    Ok(page)
}

/// The end as it was written, the rows there are, and the number of a row that has transfers or a link and is not there.
fn ends(c: &Connection, key: &HeadKey) -> Result<(Option<Head>, u64, Option<i64>), Fault> {
    let sealed: Option<Vec<u8>> =
        c.query_row("SELECT value FROM meta WHERE name = ?1", [META_HEAD], |row| row.get(0)).optional()?;
    let total: i64 = c.query_row("SELECT count(*) FROM row", [], |row| row.get(0))?;
    let stray = c.query_row(
        "SELECT n FROM (SELECT n FROM ledger_link UNION ALL SELECT id / ?1 FROM transfer)
         WHERE n NOT IN (SELECT n FROM row) LIMIT 1",
        [super::schema::TRANSFERS_PER_ROW],
        |row| row.get(0),
    );
    let total = u64::try_from(total).unwrap_or(0);
    Ok((sealed.and_then(|sealed| key.open(&sealed)), total, stray.optional()?))
}

const SUMS: &str = "
    SELECT owner, book, currency, sum(debit), sum(credit) FROM (
        SELECT debit_owner AS owner, debit_book AS book, currency, minor AS debit, 0 AS credit FROM transfer
        UNION ALL SELECT credit_owner, credit_book, currency, 0, minor FROM transfer)
    GROUP BY owner, book, currency";
const BALANCES: &str = "SELECT owner, book, currency, debits, credits FROM balance WHERE debits <> 0 OR credits <> 0";

/// Account by account, in both directions.
fn unbalanced(c: &Connection) -> Result<bool, Fault> {
    for (these, those) in [(SUMS, BALANCES), (BALANCES, SUMS)] {
        let sql = format!("SELECT EXISTS (SELECT * FROM ({these}) EXCEPT SELECT * FROM ({those}))");
        if c.query_row(&sql, [], |row| row.get::<_, bool>(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

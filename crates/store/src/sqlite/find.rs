//! Queries and sums of the SQLite engine. Changes nothing.

use super::apply::read_job;
use super::claims;
use super::error::Fault;
use super::keys::Keys;
use super::readers::Readers;
use super::rows::{self, SealedStep};
use super::seal::{self, Wrap};
use super::statements::{CLAIM, META_NEWEST};
use crate::limits::{EVENTS_PER_QUERY, ROWS_PER_QUERY};
use florin_core::commit::{Claimed, Event, EventKind, Job, JobKind, Link, Row, Version, shard};
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Balance, Book, LedgerAccount, Reason, Transfer};
use florin_core::money::{Currency, Money};
use florin_core::store::{Found, Query, Report, SequencedEvent, StoreTrouble, StoredEvent, Sum};
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use std::collections::BTreeMap;

impl Readers {
    pub fn get(&self, keys: &Keys, wanted: &[Key]) -> Result<Vec<Option<Row>>, StoreTrouble> {
        let steps = self.read(|c| wanted.iter().map(|key| rows::current(c, *key)).collect::<Result<Vec<_>, _>>())?;
        steps.into_iter().map(|step| step.map(|step| step.open(keys)).transpose()).collect()
    }

    /// The keys of the persons of `rows`, as they are now; one for each row. Without persons nothing is read.
    pub fn wraps(&self, rows: &[Row]) -> Result<Vec<Wrap>, StoreTrouble> {
        match rows.iter().any(|row| row.personal.is_some()) {
            true => self.read(|c| rows::wraps(c, rows)),
            false => Ok(Vec::new()),
        }
    }

    pub fn find(&self, keys: &Keys, query: &Query) -> Result<Found, StoreTrouble> {
        Ok(match query {
            Query::List { under: account, kind, before, limit } => {
                let limit = (*limit).min(ROWS_PER_QUERY);
                Found::Rows(open(keys, self.read(|c| list(c, *account, *kind, *before, limit))?)?)
            }
            Query::Newer { under, kind, after, limit } => {
                let limit = (*limit).min(ROWS_PER_QUERY);
                Found::Rows(open(keys, self.read(|c| newer(c, *under, *kind, *after, limit))?)?)
            }
            Query::Holder { under: account, kind, key } => {
                Found::Rows(open(keys, self.read(|c| holder(c, *account, *kind, *key))?)?)
            }
            Query::History { key, limit } => {
                let limit = (*limit).min(ROWS_PER_QUERY);
                Found::Rows(open(keys, self.read(|c| rows::history(c, *key, limit))?)?)
            }
            Query::Step { key, version } => {
                let step = self.read(|c| rows::step(c, *key, *version))?;
                Found::Step(step.map(|step| step.open_step(keys)).transpose()?)
            }
            Query::Numbered { id } => Found::Sequenced(self.read(|c| numbered(c, *id))?),
            Query::Unsequenced { shard, limit } => {
                Found::Events(self.read(|c| unsequenced(c, *shard, (*limit).min(EVENTS_PER_QUERY)))?)
            }
            Query::Sequenced { shard, after, limit } => {
                Found::Sequenced(self.read(|c| sequenced(c, *shard, *after, (*limit).min(EVENTS_PER_QUERY)))?)
            }
            Query::OfAccount { account, after, before, backwards, limit } => {
                let limit = (*limit).min(EVENTS_PER_QUERY);
                let between = (bound(*after), bound(*before));
                Found::Sequenced(self.read(|c| of_account(c, *account, between, *backwards, limit))?)
            }
            Query::ChainHead { shard } => Found::Head(self.read(|c| head(c, *shard))?),
            Query::Transfers { cause } => Found::Transfers(self.read(|c| transfers(c, *cause))?),
            Query::Balances { accounts } => Found::Balances(self.read(|c| balances(c, accounts))?),
            Query::Claim { slot } => Found::Claim(self.claim(keys, *slot)?),
            Query::NewestKey => Found::Key(self.read(newest)?),
            Query::Jobs { kind, limit } => Found::Jobs(self.read(|c| jobs(c, *kind, (*limit).min(EVENTS_PER_QUERY)))?),
        })
    }

    fn claim(&self, keys: &Keys, slot: i64) -> Result<Option<Claimed>, StoreTrouble> {
        let lying = self.read(|c| {
            let mut statement = c.prepare_cached(CLAIM)?;
            Ok(statement.query_row([slot], |row| claims::read(slot, row)).optional()?)
        })?;
        lying.map(|lying| seal::open_claim(keys, &lying.claimed)).transpose()
    }

    pub fn sums(&self, report: Report) -> Result<Vec<Sum>, StoreTrouble> {
        let sums = match report {
            Report::Balances => self.read(sum_balances)?,
            Report::Transfers => self.read(sum_transfers)?,
        };
        let sum = |((book, currency), (debits, credits))| Sum { book, currency, debits, credits };
        Ok(sums.into_iter().map(sum).collect())
    }
}

fn open(keys: &Keys, steps: Vec<SealedStep>) -> Result<Vec<Row>, StoreTrouble> {
    steps.into_iter().map(|step| step.open(keys)).collect()
}

fn list(c: &Connection, under: Key, kind: Kind, before: Option<Key>, limit: u32) -> Result<Vec<SealedStep>, Fault> {
    // Up to and including the largest key when there is no `before`.
    let up_to = before.map_or(Some(i64::MAX), |before| before.0.checked_sub(1));
    let Some(up_to) = up_to else { return Ok(Vec::new()) };
    let statement = c.prepare_cached(
        "SELECT holder FROM ix WHERE under = ?1 AND kind = ?2 AND key <= ?3 ORDER BY key DESC LIMIT ?4",
    )?;
    held(c, statement, (under.0, kind as u8, up_to, limit))
}

fn newer(c: &Connection, under: Key, kind: Kind, after: Key, limit: u32) -> Result<Vec<SealedStep>, Fault> {
    let statement =
        c.prepare_cached("SELECT holder FROM ix WHERE under = ?1 AND kind = ?2 AND key > ?3 ORDER BY key LIMIT ?4")?;
    held(c, statement, (under.0, kind as u8, after.0, limit))
}

/// The current rows of index entries, in their order.
fn held(c: &Connection, mut statement: CachedStatement<'_>, of: (i64, u8, i64, u32)) -> Result<Vec<SealedStep>, Fault> {
    let mut entries = statement.query(of)?;
    let mut found = Vec::new();
    while let Some(entry) = entries.next()? {
        found.extend(rows::current(c, Key(entry.get(0)?))?);
    }
    Ok(found)
}

fn holder(c: &Connection, under: Key, kind: Kind, key: Key) -> Result<Vec<SealedStep>, Fault> {
    let mut statement = c.prepare_cached("SELECT holder FROM ix WHERE under = ?1 AND kind = ?2 AND key = ?3")?;
    let holder = statement.query_row((under.0, kind as u8, key.0), |row| row.get(0)).optional()?;
    match holder {
        Some(holder) => Ok(rows::current(c, Key(holder))?.into_iter().collect()),
        None => Ok(Vec::new()),
    }
}

/// Columns: position, id, kind, then the row's account, key, version and commitment.
fn stored_event(row: &rusqlite::Row<'_>) -> Result<StoredEvent, Fault> {
    let event = Event {
        id: Key(row.get(1)?),
        kind: EventKind::from_u8(row.get(2)?).ok_or(Fault::Damaged("kind of event"))?,
        account: Key(row.get(3)?),
        cause: Key(row.get(4)?),
        version: Version(row.get(5)?),
    };
    Ok(StoredEvent { position: row.get(0)?, event, commitment: row.get(6)? })
}

/// Links name a shard's events in order and without gaps, so what comes after the newest link has no number yet.
fn unsequenced(c: &Connection, shard: u8, limit: u32) -> Result<Vec<StoredEvent>, Fault> {
    let mut statement = c.prepare_cached(
        "SELECT e.position, e.id, e.kind, r.account, r.key, r.version, r.commitment
         FROM event e CROSS JOIN row r ON r.n = e.n
         WHERE e.shard = ?1 AND e.position >
            coalesce((SELECT position FROM link WHERE shard = ?1 ORDER BY sequence DESC LIMIT 1), 0)
         ORDER BY e.position LIMIT ?2",
    )?;
    statement.query_map((shard, limit), |row| Ok(stored_event(row)))?.map(|event| event?).collect()
}

/// Event columns as `stored_event` has them, then number and hash.
fn sequenced_event(row: &rusqlite::Row<'_>) -> Result<SequencedEvent, Fault> {
    let stored = stored_event(row)?;
    let link = link(row.get(7)?, stored.position, row.get(8)?)?;
    Ok(SequencedEvent { stored, link })
}

/// A number as the database counts; what lies above its numbers is above all of them.
fn bound(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn of_account(
    c: &Connection,
    account: Key,
    (after, before): (i64, i64),
    backwards: bool,
    limit: u32,
) -> Result<Vec<SequencedEvent>, Fault> {
    const SELECT: [&str; 2] = [
        "SELECT e.position, e.id, e.kind, r.account, r.key, r.version, r.commitment, l.sequence, l.hash
         FROM told t CROSS JOIN link l ON l.shard = ?1 AND l.sequence = t.sequence
         CROSS JOIN event e ON e.shard = l.shard AND e.position = l.position CROSS JOIN row r ON r.n = e.n
         WHERE t.account = ?2 AND t.sequence > ?3 AND t.sequence < ?4 ORDER BY t.sequence LIMIT ?5",
        "SELECT e.position, e.id, e.kind, r.account, r.key, r.version, r.commitment, l.sequence, l.hash
         FROM told t CROSS JOIN link l ON l.shard = ?1 AND l.sequence = t.sequence
         CROSS JOIN event e ON e.shard = l.shard AND e.position = l.position CROSS JOIN row r ON r.n = e.n
         WHERE t.account = ?2 AND t.sequence > ?3 AND t.sequence < ?4 ORDER BY t.sequence DESC LIMIT ?5",
    ];
    let [forwards, back] = SELECT;
    let mut statement = c.prepare_cached(if backwards { back } else { forwards })?;
    let of = (shard(account), account.0, after, before, limit);
    statement.query_map(of, |row| Ok(sequenced_event(row)))?.map(|event| event?).collect()
}

fn sequenced(c: &Connection, shard: u8, after: u64, limit: u32) -> Result<Vec<SequencedEvent>, Fault> {
    let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
    let mut statement = c.prepare_cached(
        "SELECT e.position, e.id, e.kind, r.account, r.key, r.version, r.commitment, l.sequence, l.hash
         FROM link l CROSS JOIN event e ON e.shard = l.shard AND e.position = l.position CROSS JOIN row r ON r.n = e.n
         WHERE l.shard = ?1 AND l.sequence > ?2 ORDER BY l.sequence LIMIT ?3",
    )?;
    statement.query_map((shard, after, limit), |row| Ok(sequenced_event(row)))?.map(|event| event?).collect()
}

fn numbered(c: &Connection, id: Key) -> Result<Vec<SequencedEvent>, Fault> {
    let mut statement = c.prepare_cached("SELECT shard, sequence FROM numbered WHERE id = ?1")?;
    let place: Option<(u8, i64)> = statement.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((shard, sequence)) = place else { return Ok(Vec::new()) };
    let after = u64::try_from(sequence - 1).map_err(|_| Fault::Damaged("link number"))?;
    sequenced(c, shard, after, 1)
}

fn link(sequence: i64, position: i64, hash: [u8; 32]) -> Result<Link, Fault> {
    let sequence = u64::try_from(sequence).map_err(|_| Fault::Damaged("link number"))?;
    Ok(Link { sequence, position, hash })
}

fn head(c: &Connection, shard: u8) -> Result<Option<Link>, Fault> {
    let mut statement =
        c.prepare_cached("SELECT sequence, position, hash FROM link WHERE shard = ?1 ORDER BY sequence DESC LIMIT 1")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Option<(i64, i64, [u8; 32])> = statement.query_row([shard], read).optional()?;
    found.map(|(sequence, position, hash)| link(sequence, position, hash)).transpose()
}

fn book(number: u8) -> Result<Book, Fault> {
    Book::from_u8(number).ok_or(Fault::Damaged("book"))
}

fn currency(numeric: u16) -> Result<Currency, Fault> {
    Currency::from_numeric(numeric).ok_or(Fault::Damaged("currency"))
}

/// The transfers that stand under one row of the journal.
pub fn transfers_of_step(c: &Connection, n: i64) -> Result<Vec<Transfer>, Fault> {
    let mut statement = c.prepare_cached(
        "SELECT 0, debit_owner, debit_book, credit_owner, credit_book, currency, minor, reason
         FROM transfer WHERE id BETWEEN ?1 * ?2 AND ?1 * ?2 + ?2 - 1 ORDER BY id",
    )?;
    let found = statement.query_map((n, super::schema::TRANSFERS_PER_ROW), |row| Ok(transfer(row)))?;
    found.map(|transfer| transfer?).collect()
}

/// Reads the columns after the first.
fn transfer(row: &rusqlite::Row<'_>) -> Result<Transfer, Fault> {
    Ok(Transfer {
        debit: (Key(row.get(1)?), book(row.get(2)?)?),
        credit: (Key(row.get(3)?), book(row.get(4)?)?),
        money: Money::new(row.get(6)?, currency(row.get(5)?)?),
        reason: Reason::from_u8(row.get(7)?).ok_or(Fault::Damaged("reason"))?,
    })
}

fn transfers(c: &Connection, cause: Key) -> Result<Vec<(Version, Transfer)>, Fault> {
    let mut statement = c.prepare_cached(
        "SELECT s.version, t.debit_owner, t.debit_book, t.credit_owner, t.credit_book, t.currency, t.minor, t.reason
         FROM step s CROSS JOIN transfer t ON t.id BETWEEN s.n * ?2 AND s.n * ?2 + ?2 - 1
         WHERE s.key = ?1 ORDER BY s.version, t.id",
    )?;
    let read = |row: &rusqlite::Row<'_>| Ok((Version(row.get(0)?), transfer(row)?));
    let found = statement.query_map((cause.0, super::schema::TRANSFERS_PER_ROW), |row| Ok(read(row)))?;
    found.map(|transfer| transfer?).collect()
}

fn balances(c: &Connection, accounts: &[LedgerAccount]) -> Result<Vec<Balance>, Fault> {
    let mut statement = c.prepare_cached(super::statements::BALANCE)?;
    let mut balance = |account: &LedgerAccount| {
        let read = |row: &rusqlite::Row<'_>| Ok(Balance { debits: row.get(0)?, credits: row.get(1)? });
        Ok(statement.query_row(super::statements::balance_key(account), read).optional()?.unwrap_or_default())
    };
    accounts.iter().map(&mut balance).collect()
}

fn newest(c: &Connection) -> Result<Option<Key>, Fault> {
    let mut statement = c.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    let newest: Option<i64> = statement.query_row([META_NEWEST], |row| row.get(0))?;
    Ok(newest.map(Key))
}

fn jobs(c: &Connection, kind: Option<JobKind>, limit: u32) -> Result<Vec<Job>, Fault> {
    let mut statement = c.prepare_cached(
        "SELECT id, kind, account, subject, attempt, due, clock, tries FROM job WHERE kind = coalesce(?1, kind)
         ORDER BY due, id LIMIT ?2",
    )?;
    let kind = kind.map(|kind| kind as u16);
    statement.query_map((kind, limit), |row| Ok(read_job(row)))?.map(|job| job?).collect()
}

/// Debits and credits. Summed here and not in SQL, where a sum stops at 64 bits.
type Sums = BTreeMap<(Book, Currency), (i128, i128)>;

fn sum_balances(c: &Connection) -> Result<Sums, Fault> {
    let mut sums = Sums::new();
    let mut statement = c.prepare_cached("SELECT book, currency, debits, credits FROM balance")?;
    let mut balances = statement.query(())?;
    while let Some(row) = balances.next()? {
        let sum = sums.entry((book(row.get(0)?)?, currency(row.get(1)?)?)).or_default();
        sum.0 += i128::from(row.get::<_, i64>(2)?);
        sum.1 += i128::from(row.get::<_, i64>(3)?);
    }
    Ok(sums)
}

fn sum_transfers(c: &Connection) -> Result<Sums, Fault> {
    let mut sums = Sums::new();
    let mut statement = c.prepare_cached("SELECT debit_book, credit_book, currency, minor FROM transfer")?;
    let mut transfers = statement.query(())?;
    while let Some(row) = transfers.next()? {
        let currency = currency(row.get(2)?)?;
        let amount = i128::from(row.get::<_, i64>(3)?);
        sums.entry((book(row.get(0)?)?, currency)).or_default().0 += amount;
        sums.entry((book(row.get(1)?)?, currency)).or_default().1 += amount;
    }
    Ok(sums)
}

//! One commit: checked against what is there, then written. The checks come first, so a refusal leaves no trace in the
//! group's transaction. Knows neither keys nor bodies.

use super::balances::{After, Balances};
use super::chain::{Head, HeadKey};
use super::changes::{self, Change};
use super::claims::Days;
use super::error::Fault;
use super::queue::Outcome;
use super::schema::TRANSFERS_PER_ROW;
use super::seal::{SealedCommit, SealedPersonal, SealedRow};
use super::statements::{META_HEAD, META_NEWEST, Statements, TOMBSTONE_ACCOUNT, wrap};
use super::versions::Versions;
use crate::commitment::Digest;
use florin_core::commit::{Clock, Event, Job, JobKind, Links, Refused, Version, shard};
use florin_core::id::Key;
use florin_core::ledger::Transfer;
use florin_core::time::Time;
use rusqlite::{Connection, OptionalExtension};

/// What the writer knows without asking. One writer alone changes the database, so it stays true.
pub struct Applier<'c> {
    connection: &'c Connection,
    pub statements: Statements<'c>,
    balances: Balances,
    days: Days,
    /// Number of the last row in the journal.
    last_n: i64,
    /// Position of the last event.
    last_position: i64,
    newest: Option<i64>,
    newest_written: Option<i64>,
    head_key: HeadKey,
    head: Head,
    head_written: Head,
    versions: Versions,
}

enum Checked {
    Fit(After),
    Not(Outcome),
}

impl<'c> Applier<'c> {
    pub fn load(connection: &'c Connection, head_key: HeadKey) -> Result<Applier<'c>, Fault> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        let newest = connection.query_row("SELECT value FROM meta WHERE name = ?1", [META_NEWEST], |row| row.get(0))?;
        let mut last_position = 0;
        for shard in 0..florin_core::commit::SHARDS {
            let sql = "SELECT max(position) FROM event WHERE shard = ?1";
            let last: Option<i64> = connection.query_row(sql, [shard], |row| row.get(0))?;
            last_position = last_position.max(last.unwrap_or(0));
        }
        let sealed: Vec<u8> =
            connection.query_row("SELECT value FROM meta WHERE name = ?1", [META_HEAD], |row| row.get(0))?;
        let last_n = number("SELECT max(n) FROM row")?.unwrap_or(0);
        // What follows a changed end could not be told from what came before it.
        let head =
            head_key.open(&sealed).filter(|head| head.rows == last_n).ok_or(Fault::Damaged("end of the ledger"))?;
        Ok(Applier {
            connection,
            head_key,
            head,
            head_written: head,
            statements: Statements::prepare(connection)?,
            balances: Balances::load(connection)?,
            days: Days::load(connection)?,
            last_n,
            last_position,
            newest,
            newest_written: newest,
            versions: Versions::load(connection)?,
        })
    }

    pub fn commit(&mut self, commit: SealedCommit) -> Result<Outcome, Fault> {
        match self.check(&commit)? {
            Checked::Fit(after) => self.apply(commit, after).map(|()| Outcome::Applied),
            Checked::Not(outcome) => Ok(outcome),
        }
    }

    /// Refusals in their order of precedence: version, claim, guard, chain.
    fn check(&mut self, commit: &SealedCommit) -> Result<Checked, Fault> {
        for (key, expected) in &commit.expect {
            let now = self.versions.now(&mut self.statements, *key)?;
            if now != *expected {
                return Ok(Checked::Not(Outcome::Refused(Refused::Conflict { key: *key, now })));
            }
        }
        if let Some(claim) = &commit.claim
            && let Some(claimed) = self.days.in_the_way(&mut self.statements, claim)?
        {
            return Ok(Checked::Not(Outcome::Claimed(claimed)));
        }
        let after = match self.balances.after(&mut self.statements, &commit.transfers)? {
            Ok(after) => after,
            Err(account) => return Ok(Checked::Not(Outcome::Refused(Refused::Guard(account)))),
        };
        if let Some(links) = &commit.links
            && let Some(newest) = self.chain_elsewhere(links)?
        {
            let shard = links.shard;
            return Ok(Checked::Not(Outcome::Refused(Refused::ChainMoved { shard, newest })));
        }
        for row in &commit.rows {
            if let Some(personal) = &row.personal
                && let Held::Another = self.held(row, personal)?
            {
                return Ok(Checked::Not(Outcome::KeyMoved));
            }
        }
        Ok(Checked::Fit(after))
    }

    /// The newest number, if the links do not follow it or do not name exactly the next events of the shard.
    fn chain_elsewhere(&mut self, links: &Links) -> Result<Option<u64>, Fault> {
        let head = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let (newest, position) = self.statements.head.query_row([links.shard], head).optional()?.unwrap_or((0, 0));
        let newest = u64::try_from(newest).map_err(|_| Fault::Damaged("link number"))?;
        let limit = i64::try_from(links.links.len()).map_err(|_| Fault::Damaged("count of links"))?;
        let mut next = self.statements.next_positions.query((links.shard, position, limit))?;
        let mut follows = newest == links.after;
        for link in &links.links {
            let position = next.next()?.map(|row| row.get::<_, i64>(0)).transpose()?;
            follows &= position == Some(link.position);
        }
        Ok((!follows).then_some(newest))
    }

    fn held(&mut self, row: &SealedRow, personal: &SealedPersonal) -> Result<Held, Fault> {
        Ok(match wrap(&mut self.statements.wraps, personal.subject.0, row.place.account.0)? {
            None => Held::Nothing,
            Some(None) => Held::Tombstone,
            Some(Some(wrapped)) if wrapped == personal.wrapped => Held::Same,
            Some(Some(_)) => Held::Another,
        })
    }

    fn apply(&mut self, commit: SealedCommit, after: After) -> Result<(), Fault> {
        let cause = commit.events.first().map(|e| (e.cause, e.version));
        let first_n = self.last_n + 1;
        let places: Vec<(Key, Version)> = commit.rows.iter().map(|row| (row.place.key, row.place.version)).collect();
        // Events and transfers tell of rows of this very commit: core's `Commit::check`.
        let n_of = |step: (Key, Version)| match (first_n..).zip(&places).find(|(_, place)| **place == step) {
            Some((n, _)) => Ok(n),
            None => Err(Fault::Damaged("cause of an event")),
        };
        for row in commit.rows {
            self.put(row)?;
        }
        self.balances.apply(after)?;
        if let (Some(moved), Some(cause)) = (&commit.moved, cause) {
            self.put_transfers(n_of(cause)?, &commit.transfers, moved)?;
        }
        for event in &commit.events {
            self.put_event(event, n_of((event.cause, event.version))?)?;
        }
        for job in &commit.jobs {
            self.put_job(job)?;
        }
        for id in &commit.done {
            self.statements.done.execute([id.0])?;
        }
        if let Some(claim) = commit.claim {
            self.days.apply(&mut self.statements, claim)?;
        }
        if let Some(links) = &commit.links {
            for link in &links.links {
                let sequence = i64::try_from(link.sequence).map_err(|_| Fault::Damaged("link number"))?;
                self.statements.put_link.execute((links.shard, sequence, link.position, link.hash))?;
                self.statements.put_numbered.execute((links.shard, sequence, link.position))?;
                self.statements.put_told.execute((links.shard, sequence, link.position))?;
            }
        }
        Ok(())
    }

    fn put(&mut self, row: SealedRow) -> Result<(), Fault> {
        let place = row.place;
        self.saw(place.key);
        let mut personal = row.personal.as_ref();
        if let Some(p) = personal {
            match self.held(&row, p)? {
                Held::Same => {}
                Held::Nothing => {
                    self.statements.put_wrap.execute((p.subject.0, place.account.0, &p.wrapped))?;
                }
                // Erased since it was sealed.
                Held::Tombstone => personal = None,
                // The check ruled it out; what cannot be opened again must not be stored.
                Held::Another => return Err(Fault::Damaged("key of a person")),
            }
        }
        self.last_n += 1;
        self.statements.put_row.execute((
            self.last_n,
            place.key.0,
            place.version.0,
            place.account.0,
            place.kind as u8,
            row.at.0,
            &row.sealed,
            row.commitment,
            personal.map(|p| p.subject.0),
            personal.map(|p| &p.sealed),
        ))?;
        self.statements.put_step.execute((place.key.0, place.version.0, self.last_n))?;
        self.versions.put(place.key, place.version);
        if place.version == Version(1) {
            self.statements.put_index.execute((place.account.0, place.kind as u8, place.key.0, place.key.0))?;
        }
        for entry in &row.index {
            self.statements.put_index.execute((entry.under.0, entry.kind as u8, entry.key.0, place.key.0))?;
        }
        Ok(())
    }

    fn put_transfers(&mut self, n: i64, transfers: &[Transfer], moved: &Digest) -> Result<(), Fault> {
        for (id, t) in (n * TRANSFERS_PER_ROW..).zip(transfers) {
            self.statements.put_transfer.execute((
                id,
                t.debit.0.0,
                t.debit.1 as u8,
                t.credit.0.0,
                t.credit.1 as u8,
                t.money.currency.numeric(),
                t.money.minor,
                t.reason as u8,
            ))?;
        }
        self.head.follow(n, moved);
        self.statements.put_ledger_link.execute((n, self.head.hash))?;
        Ok(())
    }

    fn put_event(&mut self, event: &Event, n: i64) -> Result<(), Fault> {
        self.saw(event.id);
        self.last_position += 1;
        let shard = shard(event.account);
        self.statements.put_event.execute((shard, self.last_position, event.id.0, event.kind as u8, n))?;
        Ok(())
    }

    fn put_job(&mut self, job: &Job) -> Result<(), Fault> {
        self.saw(job.id);
        let clock = match job.clock {
            Clock::Real => None,
            Clock::Test(clock) => Some(clock.0),
        };
        let (kind, account, subject, attempt) = (job.kind as u8, job.account.0, job.subject.0, job.attempt.0);
        self.statements.put_job.execute((job.id.0, kind, account, subject, attempt, job.due.0, clock))?;
        Ok(())
    }

    fn saw(&mut self, key: Key) {
        self.newest = self.newest.max(Some(key.0));
    }

    pub fn lease(&mut self, kind: JobKind, now: Time, n: u32, until: Time) -> Result<Vec<Job>, Fault> {
        let mut jobs = Vec::new();
        let ahead = now.plus_ms(kind.longest_wait_ms());
        let mut due = self.statements.due.query((kind as u8, now.0, ahead.0, n))?;
        while let Some(row) = due.next()? {
            let job = read_job(row)?;
            jobs.push(Job { tries: job.tries.saturating_add(1), ..job });
        }
        drop(due);
        for job in &jobs {
            self.statements.hide_job.execute((job.id.0, until.0, job.tries))?;
        }
        Ok(jobs)
    }

    pub fn erase(&mut self, subject: Key) -> Result<(), Fault> {
        self.statements.erase_wraps.execute([subject.0])?;
        self.statements.put_wrap.execute((subject.0, TOMBSTONE_ACCOUNT, None::<Vec<u8>>))?;
        Ok(())
    }

    pub fn change(&mut self, change: Change) -> Result<(), Fault> {
        changes::apply(self.connection, change)
    }

    /// Writes what the group changed in memory alone.
    pub fn finish_group(&mut self) -> Result<(), Fault> {
        self.balances.write(&mut self.statements)?;
        if self.newest != self.newest_written {
            self.statements.put_meta.execute((META_NEWEST, self.newest))?;
            self.newest_written = self.newest;
        }
        self.head.rows = self.last_n;
        if self.head != self.head_written {
            self.statements.put_meta.execute((META_HEAD, self.head_key.seal(&self.head)))?;
            self.head_written = self.head;
        }
        Ok(())
    }
}

/// The database's key of a person, beside the one that a body was sealed under.
enum Held {
    Nothing,
    Same,
    Another,
    Tombstone,
}

pub fn read_job(row: &rusqlite::Row<'_>) -> Result<Job, Fault> {
    let clock: Option<i64> = row.get(6)?;
    Ok(Job {
        id: Key(row.get(0)?),
        kind: JobKind::from_u8(row.get(1)?).ok_or(Fault::Damaged("kind of job"))?,
        account: Key(row.get(2)?),
        subject: Key(row.get(3)?),
        attempt: Key(row.get(4)?),
        due: Time(row.get(5)?),
        clock: clock.map_or(Clock::Real, |clock| Clock::Test(Key(clock))),
        tries: row.get(7)?,
    })
}

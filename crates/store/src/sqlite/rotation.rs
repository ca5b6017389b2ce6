//! Other keys for the same records, while the store serves. A new data key seals from the moment it is there; everything that older ones
//! sealed is sealed anew a batch at a time, and then they are destroyed. Each batch says how far it came, so a crash loses none of it.

use super::changes::{Change, Update};
use super::error::Fault;
use super::keyring::meta;
use super::keys::{DataKey, Keys, Root, random};
use super::open::{check_of, fits};
use super::person::Person;
use super::queue::Request;
use super::readers::{BUSY_LIMIT, Readers};
use super::reply::{Answer, reply};
use super::seal::{Place, Sealer};
use super::statements::{META_ROOT_SINCE, META_ROTATION};
use super::{SqliteStore, anew, rows};
use florin_core::commit::ClaimId;
use florin_core::id::Key;
use florin_core::seal::{Algorithm, Secret};
use florin_core::store::StoreTrouble;
use florin_core::time::Time;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};

/// Records sealed anew in one step.
const BATCH_RECORDS: u32 = 256;

/// What is sealed anew, in this order. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Each person gets another key, beside the one before.
    Persons = 0,
    Rows = 1,
    Claims0 = 2,
    Answers0 = 3,
    Claims1 = 4,
    Answers1 = 5,
    /// The persons' keys from before go.
    Settle = 6,
    End = 7,
}

impl Phase {
    const ALL: &[Phase] = &[
        Phase::Persons,
        Phase::Rows,
        Phase::Claims0,
        Phase::Answers0,
        Phase::Claims1,
        Phase::Answers1,
        Phase::Settle,
        Phase::End,
    ];

    fn next(self) -> Phase {
        Phase::ALL.get(self as usize + 1).copied().unwrap_or(Phase::End)
    }
}

/// How far a rotation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The data key that everything goes under.
    pub version: u16,
    phase: Phase,
    /// The last record that was looked at, in the order of its table.
    at: (i64, i64),
    /// Records that do not open: then the keys before are kept.
    pub unreadable: u64,
}

impl Rotation {
    fn of(version: u16) -> Rotation {
        Rotation { version, phase: Phase::Persons, at: BEFORE_ALL, unreadable: 0 }
    }

    /// Number of the last row that is done; 0 while no row is.
    pub fn rows_done(&self) -> i64 {
        match self.phase {
            Phase::Persons => 0,
            Phase::Rows => self.at.0.max(0),
            Phase::Claims0 | Phase::Answers0 | Phase::Claims1 | Phase::Answers1 | Phase::Settle | Phase::End => {
                i64::MAX
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let numbers = [self.at.0.to_be_bytes(), self.at.1.to_be_bytes(), self.unreadable.to_be_bytes()];
        [&self.version.to_be_bytes()[..], &[self.phase as u8], &numbers.concat()].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Rotation> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        let (phase, rest) = rest.split_first()?;
        let (a, rest) = rest.split_first_chunk::<8>()?;
        let (b, rest) = rest.split_first_chunk::<8>()?;
        Some(Rotation {
            version: u16::from_be_bytes(*version),
            phase: Phase::ALL.get(usize::from(*phase)).copied()?,
            at: (i64::from_be_bytes(*a), i64::from_be_bytes(*b)),
            unreadable: u64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

const BEFORE_ALL: (i64, i64) = (i64::MIN, i64::MIN);

/// A data key as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyAbout {
    pub version: u16,
    pub algorithm: Algorithm,
    /// Milliseconds since 1970; 0: not written down.
    pub created: i64,
    /// Sealed bodies, personal ones, persons' keys, claims and answers under it.
    pub records: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysAbout {
    /// Milliseconds since 1970; 0: not written down.
    pub root_since: i64,
    pub data_keys: Vec<DataKeyAbout>,
    pub rotation: Option<Rotation>,
    /// Rows there are.
    pub rows: i64,
}

/// The rotation that a crash broke off, if there is one.
pub fn under_way(readers: &Readers) -> Result<Option<Rotation>, StoreTrouble> {
    readers.read(|c| match meta::<Option<Vec<u8>>>(c, META_ROTATION)?.flatten() {
        None => Ok(None),
        Some(bytes) => Rotation::parse(&bytes).map(Some).ok_or(Fault::Damaged("progress of a rotation")),
    })
}

impl SqliteStore {
    fn rotation(&self) -> MutexGuard<'_, Option<Rotation>> {
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, change: Change) -> Result<Answer<Result<(), StoreTrouble>>, StoreTrouble> {
        let (reply, answer) = reply();
        self.queue.push(Request::Keys { change: Box::new(change), reply })?;
        Ok(answer)
    }

    /// What stays the same when the root does not, for keys outside of the store.
    pub fn seed(&self) -> &Secret {
        self.keys.seed()
    }

    /// Makes another data key, which seals from now on. False if a rotation is under way. `rotate_step` does the rest.
    pub async fn rotate_begin(&self, algorithm: Algorithm, now: Time) -> Result<bool, StoreTrouble> {
        let answer = {
            let mut sealing = self.keys.sealing_stopped();
            let mut rotation = self.rotation();
            if rotation.is_some() {
                return Ok(false);
            }
            let version = sealing.checked_add(1).ok_or_else(|| StoreTrouble::Io("no data key is left".to_owned()))?;
            let (key, next) = (DataKey::fresh(algorithm)?, Rotation::of(version));
            let (wrapped, progress) = (self.keys.root().wrap(version, &key)?, next.bytes());
            let change = Change::DataKey { version, algorithm: algorithm as u8, wrapped, created: now.0, progress };
            let answer = self.push(change)?;
            self.keys.add(version, Arc::new(key));
            (*sealing, *rotation) = (version, Some(next));
            answer
        };
        answer.await.unwrap_or_else(|| Err(self.queue.stopped())).map(|()| true)
    }

    /// Seals the next records anew. False when nothing is left to do. For one caller at a time. Once it is through, `forget_keys` wipes
    /// what nobody needs any more.
    pub async fn rotate_step(&self) -> Result<bool, StoreTrouble> {
        let Some(now) = *self.rotation() else { return Ok(false) };
        if now.phase == Phase::End {
            let below = (now.unreadable == 0).then_some(now.version);
            let answer = self.push(Change::End { below })?;
            let ended = answer.await.unwrap_or_else(|| Err(self.queue.stopped()));
            if self.why_stopped().is_none() {
                *self.rotation() = None;
            }
            // The keys are gone from the database; of the log the next rotation or erasure says it again.
            return ended.map(|()| false);
        }
        let step = self.next_batch(now)?;
        let answer = self.push(Change::Batch { updates: step.updates, progress: step.after.bytes() })?;
        answer.await.unwrap_or_else(|| Err(self.queue.stopped()))?;
        *self.rotation() = Some(step.after);
        Ok(true)
    }

    /// Wipes data keys that the database has no more. To be called a while after a rotation: a read that began before its end may need one.
    pub fn forget_keys(&self) -> Result<(), StoreTrouble> {
        let oldest: u16 =
            self.readers.read(|c| Ok(c.query_row("SELECT min(version) FROM data_key", [], |row| row.get(0))?))?;
        self.keys.forget_below(oldest);
        Ok(())
    }

    /// Wraps everything under another root. Until it returns a crash may leave either; `belongs_to` tells which.
    pub async fn rotate_root(&self, next: Secret, now: Time) -> Result<(), StoreTrouble> {
        let answer = {
            let _sealing = self.keys.sealing_stopped();
            let root = Root::new(next);
            let wrap = |(version, key): &(u16, Arc<DataKey>)| Ok((*version, root.wrap(*version, key)?));
            let wrapped = self.keys.all().iter().map(wrap).collect::<Result<_, StoreTrouble>>()?;
            let (check, seed) = (check_of(&root)?, root.wrap_seed(self.keys.seed())?);
            let answer = self.push(Change::Root { check, seed, wrapped, since: now.0 })?;
            // If the write fails the writer stops, and nothing is wrapped any more.
            self.keys.set_root(root);
            answer
        };
        answer.await.unwrap_or_else(|| Err(self.queue.stopped()))
    }

    /// What keys there are; `counted` says how many records each seals, and reads the whole database for it.
    pub fn keys_about(&self, counted: bool) -> Result<KeysAbout, StoreTrouble> {
        let rotation = *self.rotation();
        self.readers.read(|c| about(c, rotation, counted))
    }

    fn next_batch(&self, now: Rotation) -> Result<Batch, StoreTrouble> {
        let sealer = Sealer { keys: &self.keys, version: now.version };
        let mut batch = Batch { updates: Vec::new(), after: now };
        let read = match now.phase {
            Phase::Persons => batch.persons(&self.readers, &self.keys)?,
            Phase::Rows => batch.rows(&self.readers, sealer)?,
            Phase::Claims0 => batch.claims(&self.readers, sealer, (0, b'c'))?,
            Phase::Answers0 => batch.claims(&self.readers, sealer, (0, b'a'))?,
            Phase::Claims1 => batch.claims(&self.readers, sealer, (1, b'c'))?,
            Phase::Answers1 => batch.claims(&self.readers, sealer, (1, b'a'))?,
            Phase::Settle => batch.settle(&self.readers, &self.keys)?,
            Phase::End => 0,
        };
        if read == 0 {
            batch.after = Rotation { phase: now.phase.next(), at: BEFORE_ALL, ..batch.after };
        }
        Ok(batch)
    }
}

/// Whether the database in this file belongs to this root. False too when it cannot be read.
pub fn belongs_to(database: &Path, root: &Secret) -> bool {
    let root = Root::new(Secret::new(*root.expose()));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(database, flags);
    opened.and_then(|c| c.busy_timeout(BUSY_LIMIT).and_then(|()| fits(&c, &root))).unwrap_or(false)
}

/// The keys of a database that need not be opened: without counts.
pub fn keys_of(database: &Path) -> Option<KeysAbout> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let c = Connection::open_with_flags(database, flags).ok()?;
    c.busy_timeout(BUSY_LIMIT).ok()?;
    about(&c, None, false).ok()
}

const RECORDS: &str = "SELECT head, count(*) FROM (
    SELECT substr(sealed, 2, 2) AS head FROM row
    UNION ALL SELECT substr(personal, 2, 2) FROM row WHERE personal IS NOT NULL
    UNION ALL SELECT substr(wrapped, 2, 2) FROM customer_key WHERE wrapped IS NOT NULL
    UNION ALL SELECT substr(sealed, 2, 2) FROM claim_0 UNION ALL SELECT substr(sealed, 2, 2) FROM claim_1
    UNION ALL SELECT substr(sealed, 2, 2) FROM answer_0 UNION ALL SELECT substr(sealed, 2, 2) FROM answer_1)
    GROUP BY head";

fn about(c: &Connection, rotation: Option<Rotation>, counted: bool) -> Result<KeysAbout, Fault> {
    let mut records: Vec<([u8; 2], i64)> = Vec::new();
    if counted {
        let mut statement = c.prepare(RECORDS)?;
        let found = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        records = found.collect::<Result<_, _>>()?;
    }
    let mut statement = c.prepare("SELECT version, algorithm, created FROM data_key ORDER BY version")?;
    let mut found = statement.query(())?;
    let mut data_keys = Vec::new();
    while let Some(row) = found.next()? {
        let version: u16 = row.get(0)?;
        let algorithm = Algorithm::from_u8(row.get(1)?).ok_or(Fault::Damaged("algorithm of a data key"))?;
        let held = records.iter().find(|(head, _)| *head == version.to_be_bytes()).map_or(0, |(_, n)| *n);
        data_keys.push(DataKeyAbout { version, algorithm, created: row.get(2)?, records: held.unsigned_abs() });
    }
    let root_since = meta::<Option<i64>>(c, META_ROOT_SINCE)?.flatten().unwrap_or(0);
    let rows: Option<i64> = c.query_row("SELECT max(n) FROM row", [], |row| row.get(0)).optional()?.flatten();
    Ok(KeysAbout { root_since, data_keys, rotation, rows: rows.unwrap_or(0) })
}

struct Batch {
    updates: Vec<Update>,
    after: Rotation,
}

/// A person's key as it is stored: subject, account, wrapped.
type StoredPerson = (i64, i64, Vec<u8>);

impl Batch {
    /// What opens is sealed anew; what does not is counted, and stays as it is for an audit to name.
    fn note<T>(
        &mut self,
        made: Result<Option<T>, StoreTrouble>,
        update: impl FnOnce(T) -> Update,
    ) -> Result<(), StoreTrouble> {
        match made {
            Ok(Some(new)) => self.updates.push(update(new)),
            Ok(None) => {}
            Err(StoreTrouble::Sealed(_)) => self.after.unreadable += 1,
            Err(trouble) => return Err(trouble),
        }
        Ok(())
    }

    fn stored_persons(&self, readers: &Readers) -> Result<Vec<StoredPerson>, StoreTrouble> {
        const NEXT: &str = "SELECT subject, account, wrapped FROM customer_key
            WHERE (subject, account) > (?1, ?2) AND wrapped IS NOT NULL ORDER BY subject, account LIMIT ?3";
        let at = self.after.at;
        readers.read(|c| {
            let mut statement = c.prepare_cached(NEXT)?;
            let found = statement.query_map((at.0, at.1, BATCH_RECORDS), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    fn persons(&mut self, readers: &Readers, keys: &Keys) -> Result<usize, StoreTrouble> {
        let (all, version) = (self.stored_persons(readers)?, self.after.version);
        let read = all.len();
        for (subject, account, old) in all {
            self.after.at = (subject, account);
            let made = || {
                let held = Person::unwrap(keys, Key(account), Key(subject), &old)?;
                if held.version == version {
                    return Ok(None);
                }
                let next = Person { version, secret: Secret::new(random()?), before: Some(held.secret) };
                next.wrap(keys, Key(account), Key(subject)).map(Some)
            };
            self.note(made(), |new| Update::Person { subject, account, old: old.clone(), new })?;
        }
        Ok(read)
    }

    fn settle(&mut self, readers: &Readers, keys: &Keys) -> Result<usize, StoreTrouble> {
        let all = self.stored_persons(readers)?;
        let read = all.len();
        for (subject, account, old) in all {
            self.after.at = (subject, account);
            let keep = self.after.unreadable > 0;
            let made = || {
                let held = Person::unwrap(keys, Key(account), Key(subject), &old)?;
                if held.before.is_none() || keep {
                    return Ok(None);
                }
                Person { before: None, ..held }.wrap(keys, Key(account), Key(subject)).map(Some)
            };
            self.note(made(), |new| Update::Person { subject, account, old: old.clone(), new })?;
        }
        Ok(read)
    }

    fn rows(&mut self, readers: &Readers, sealer: Sealer<'_>) -> Result<usize, StoreTrouble> {
        let after = self.after.at.0;
        let all = readers.read(|c| rows::sealed_after(c, after, BATCH_RECORDS))?;
        let read = all.len();
        for (n, row) in all {
            self.after.at = (n, 0);
            let place: &Place = &row.place;
            self.note(anew::body(sealer, place, &row.sealed), |sealed| Update::Row { n, sealed })?;
            let Some(personal) = &row.personal else { continue };
            match &personal.wrapped {
                None => self.updates.push(Update::Personal { n, sealed: None }),
                Some(wrapped) => {
                    let made = anew::personal(sealer.keys, place, personal.subject, wrapped, &personal.sealed);
                    self.note(made, |sealed| Update::Personal { n, sealed: Some(sealed) })?;
                }
            }
        }
        Ok(read)
    }

    fn claims(&mut self, readers: &Readers, sealer: Sealer<'_>, of: (usize, u8)) -> Result<usize, StoreTrouble> {
        let (table, record) = of;
        let sql = match of {
            (0, b'c') => "SELECT n, slot, digest, sealed FROM claim_0 WHERE n > ?1 ORDER BY n LIMIT ?2",
            (_, b'c') => "SELECT n, slot, digest, sealed FROM claim_1 WHERE n > ?1 ORDER BY n LIMIT ?2",
            (0, _) => {
                "SELECT a.n, c.slot, c.digest, a.sealed FROM answer_0 a CROSS JOIN claim_0 c ON c.n = a.n
                 WHERE a.n > ?1 ORDER BY a.n LIMIT ?2"
            }
            (_, _) => {
                "SELECT a.n, c.slot, c.digest, a.sealed FROM answer_1 a CROSS JOIN claim_1 c ON c.n = a.n
                 WHERE a.n > ?1 ORDER BY a.n LIMIT ?2"
            }
        };
        let after = self.after.at.0;
        let all: Vec<(i64, ClaimId, Vec<u8>)> = readers.read(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let read =
                |r: &rusqlite::Row<'_>| Ok((r.get(0)?, ClaimId { slot: r.get(1)?, digest: r.get(2)? }, r.get(3)?));
            let found = statement.query_map((after, BATCH_RECORDS), read)?;
            Ok(found.collect::<Result<_, _>>()?)
        })?;
        let read = all.len();
        for (n, id, old) in all {
            self.after.at = (n, 0);
            self.note(anew::claim(sealer, record, &id, &old), |new| match record {
                b'c' => Update::Claim { table, n, old: old.clone(), new },
                _ => Update::Answer { table, n, old: old.clone(), new },
            })?;
        }
        Ok(read)
    }
}

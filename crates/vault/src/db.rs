//! The vault's own database: sealed cards, wrapped keys, answers that the gateway has not acknowledged. One writer thread, group commit.
//! Sees sealed values only: it knows no card number and holds no key.

use crate::core::id::Key;
use crate::core::seal::Algorithm;
use crate::core::time::Time;
use crate::keys::NoChance;
pub use error::DbError;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

mod error;
#[cfg(test)]
mod tests;

/// "FLVA": says that a SQLite file is a Florin vault.
const APPLICATION_ID: i64 = 0x464C_5641;
/// The schema that this version writes. Lower ones are migrated, higher ones refused.
const SCHEMA: i64 = 2;
/// SQLite before this can lose a WAL that is reset while another connection reads.
const OLDEST_SQLITE: i32 = 3_051_003;
const QUEUE_LIMIT_WRITES: usize = 8_192;
const GROUP_LIMIT_WRITES: usize = 1_024;
/// Larger files are not searched for damage at start; their rows are sealed, so damage shows when a row is read.
const CHECK_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

const TABLES: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE dek(version INTEGER PRIMARY KEY, wrapped BLOB NOT NULL, created INTEGER NOT NULL,
    algorithm INTEGER NOT NULL DEFAULT 1) STRICT;
CREATE TABLE card(key INTEGER PRIMARY KEY, account INTEGER NOT NULL, dek INTEGER NOT NULL, sealed BLOB NOT NULL,
    fingerprint BLOB NOT NULL, created INTEGER NOT NULL, last_used INTEGER NOT NULL) STRICT;
CREATE TABLE late(id INTEGER PRIMARY KEY, late BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
";

/// The database cannot answer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DbTrouble {
    /// Too many writes wait. Nothing was written.
    Busy,
    /// The writer stopped after an error; whether the last group was written is not known. The process must end.
    Stopped,
    /// A row cannot be read.
    Unreadable,
}

/// One card as it rests on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRow {
    pub key: Key,
    pub account: Key,
    /// Version of the data key that sealed it.
    pub dek: u16,
    pub sealed: Vec<u8>,
    /// The keyed hash that equal numbers of one account share.
    pub fingerprint: [u8; 16],
    pub created: Time,
    pub last_used: Time,
}

pub enum Write {
    Dek {
        version: u16,
        wrapped: Vec<u8>,
        created: Time,
        algorithm: Algorithm,
    },
    Card(CardRow),
    /// The card was used: it is kept for a time after its last use.
    Used {
        key: Key,
        at: Time,
    },
    /// An answer for the gateway, kept until it is acknowledged. Writing it again changes nothing.
    Late {
        id: i64,
        late: Vec<u8>,
        at: Time,
    },
    LateDone {
        id: i64,
    },
    /// The same keys under another KEK, all at once: named values, and data keys by their version.
    Rewrap {
        meta: Vec<(&'static str, Vec<u8>)>,
        deks: Vec<(u16, Vec<u8>)>,
    },
    /// The same card under another data key; nothing if it is not under `old` any more.
    Reseal {
        key: Key,
        old: u16,
        dek: u16,
        sealed: Vec<u8>,
    },
    /// A named value; without one it is removed.
    Meta {
        name: &'static str,
        value: Option<Vec<u8>>,
    },
    /// Data keys below this version that seal nothing any more.
    DropDeks {
        below: u16,
    },
}

/// Called on the writer's thread once the write is durable, or is not going to be.
pub type Done = Box<dyn FnOnce(Result<(), DbTrouble>) + Send>;

/// A wrapped data key.
pub struct DekRow {
    pub version: u16,
    pub wrapped: Vec<u8>,
    pub created: Time,
    /// The number of what it seals with, as headers have it.
    pub algorithm: u8,
}

const CARD_COLUMNS: &str = "SELECT key, account, dek, sealed, fingerprint, created, last_used FROM card";

fn card_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<CardRow> {
    Ok(CardRow {
        key: Key(row.get(0)?),
        account: Key(row.get(1)?),
        dek: row.get(2)?,
        sealed: row.get(3)?,
        fingerprint: row.get(4)?,
        created: Time(row.get(5)?),
        last_used: Time(row.get(6)?),
    })
}

pub struct Db {
    path: PathBuf,
    reader: Mutex<Connection>,
    queue: Option<SyncSender<(Write, Done)>>,
    writer: Option<JoinHandle<()>>,
    /// The writer met an error.
    stopped: Arc<AtomicBool>,
    /// Held for as long as the database is open.
    _lock: File,
}

impl Db {
    /// Opens `vault.db` in this folder, or makes it with what `seed` gives for the table of named values.
    pub fn open(
        folder: &Path,
        seed: impl FnOnce() -> Result<Vec<(&'static str, Vec<u8>)>, NoChance>,
    ) -> Result<Db, DbError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(DbError::SqliteTooOld(rusqlite::version()));
        }
        let lock = prepare_folder(folder)?;
        let path = folder.join("vault.db");
        let io = |error: rusqlite::Error| DbError::Io { path: path.clone(), detail: error.to_string() };
        let size = private_file(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(io)?;
        identify(&connection, &path, size)?;
        settings(&connection).map_err(|e| damaged_or_io(&path, &e))?;
        create_if_empty(&mut connection, &path, seed)?;
        let reader = Connection::open_with_flags(&path, flags).map_err(io)?;
        settings(&reader).and_then(|()| reader.pragma_update(None, "query_only", true)).map_err(io)?;
        let (queue, incoming) = sync_channel(QUEUE_LIMIT_WRITES);
        let stopped = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stopped);
        let spawned = std::thread::Builder::new()
            .name("vault-writer".into())
            .spawn(move || write_groups(connection, &incoming, &ended));
        let writer = spawned.map_err(|e| DbError::Io { path: path.clone(), detail: e.to_string() })?;
        Ok(Db { path, reader: Mutex::new(reader), queue: Some(queue), writer: Some(writer), stopped, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The writer ended after an error; every later write is refused.
    pub fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Queues a write; `done` is called exactly once.
    pub fn write(&self, write: Write, done: Done) {
        let Some(queue) = &self.queue else { return done(Err(DbTrouble::Stopped)) };
        match queue.try_send((write, done)) {
            Ok(()) => {}
            Err(TrySendError::Full((_, done))) => done(Err(DbTrouble::Busy)),
            Err(TrySendError::Disconnected((_, done))) => done(Err(DbTrouble::Stopped)),
        }
    }

    /// Queues a write, or says that it is not queued: then `done` is dropped.
    pub fn queue(&self, write: Write, done: Done) -> Result<(), DbTrouble> {
        let queue = self.queue.as_ref().ok_or(DbTrouble::Stopped)?;
        queue.try_send((write, done)).map_err(|refused| match refused {
            TrySendError::Full(_) => DbTrouble::Busy,
            TrySendError::Disconnected(_) => DbTrouble::Stopped,
        })
    }

    /// Queues a new data key. Once it is queued, no later write succeeds unless this one did.
    pub fn queue_dek(
        &self,
        version: u16,
        wrapped: Vec<u8>,
        (created, algorithm): (Time, Algorithm),
    ) -> Result<(), DbTrouble> {
        let queue = self.queue.as_ref().ok_or(DbTrouble::Stopped)?;
        let write = Write::Dek { version, wrapped, created, algorithm };
        queue.try_send((write, Box::new(|_| {}))).map_err(|_| DbTrouble::Busy)
    }

    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, DbTrouble> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
            statement.query_row([name], |row| row.get(0)).optional()
        })
    }

    pub fn deks(&self) -> Result<Vec<DekRow>, DbTrouble> {
        self.read(|c| {
            let mut statement = c.prepare("SELECT version, wrapped, created, algorithm FROM dek ORDER BY version")?;
            let row = |row: &rusqlite::Row<'_>| {
                let created = Time(row.get(2)?);
                Ok(DekRow { version: row.get(0)?, wrapped: row.get(1)?, created, algorithm: row.get(3)? })
            };
            let rows = statement.query_map([], row)?;
            rows.collect()
        })
    }

    /// Cards under data keys older than this one, in the order of their keys.
    pub fn cards_under_older(&self, dek: u16, after: Key, limit: u32) -> Result<Vec<CardRow>, DbTrouble> {
        self.read(|c| {
            let sql = format!("{CARD_COLUMNS} WHERE key > ?1 AND dek < ?2 ORDER BY key LIMIT ?3");
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(params![after.0, dek, limit], card_row)?;
            rows.collect()
        })
    }

    /// A named value of a database in this folder that nobody needs to have opened; nothing when there is none.
    pub fn peek(folder: &Path, name: &str) -> Option<Vec<u8>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let c = Connection::open_with_flags(folder.join("vault.db"), flags).ok()?;
        c.busy_timeout(std::time::Duration::from_secs(5)).ok()?;
        c.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional().ok()?
    }

    /// When the KEK began to wrap and the newest data key to seal, of a vault in this folder that nobody needs to have opened: in
    /// milliseconds since 1970, None where it is not written down.
    pub fn ages(folder: &Path) -> Option<(Option<i64>, Option<i64>)> {
        let since = Db::peek(folder, "kek since").and_then(|v| <[u8; 8]>::try_from(v).ok()).map(i64::from_be_bytes);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let c = Connection::open_with_flags(folder.join("vault.db"), flags).ok()?;
        c.busy_timeout(std::time::Duration::from_secs(5)).ok()?;
        let sql = "SELECT created FROM dek ORDER BY version DESC LIMIT 1";
        Some((since, c.query_row(sql, [], |row| row.get(0)).optional().ok()?))
    }

    /// How many cards each data key seals: (version, cards). Reads the whole table, over a connection of its own.
    pub fn tally(path: &Path) -> rusqlite::Result<Vec<(u16, u64)>> {
        let c = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        c.busy_timeout(std::time::Duration::from_secs(5))?;
        let mut statement = c.prepare("SELECT dek, count(*) FROM card GROUP BY dek ORDER BY dek")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
        rows.collect()
    }

    /// How many cards the data key of this version sealed.
    pub fn cards_under(&self, dek: u16) -> Result<u64, DbTrouble> {
        // Data keys follow each other in time, and so do card keys: the cards of the newest are the tail of the table.
        self.read(|c| {
            let sql = "SELECT count(*) FROM card WHERE key > coalesce((SELECT max(key) FROM card WHERE dek < ?1), 0)";
            c.query_row(sql, [dek], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
        })
    }

    pub fn newest_card(&self) -> Result<Option<Key>, DbTrouble> {
        self.read(|c| {
            c.query_row("SELECT max(key) FROM card", [], |row| row.get::<_, Option<i64>>(0)).map(|k| k.map(Key))
        })
    }

    pub fn card(&self, key: Key) -> Result<Option<CardRow>, DbTrouble> {
        self.read(|c| {
            c.prepare_cached(&format!("{CARD_COLUMNS} WHERE key = ?1"))?.query_row([key.0], card_row).optional()
        })
    }

    /// Tokens' keys behind this one, in order.
    pub fn cards_behind(&self, after: Key, limit: u32) -> Result<Vec<Key>, DbTrouble> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT key FROM card WHERE key > ?1 ORDER BY key LIMIT ?2")?;
            let rows = statement.query_map([after.0, i64::from(limit)], |row| row.get(0).map(Key))?;
            rows.collect()
        })
    }

    /// Answers that wait for the gateway, oldest first: (id, answer).
    pub fn late(&self, limit: u32) -> Result<Vec<(i64, Vec<u8>)>, DbTrouble> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT id, late FROM late ORDER BY at, id LIMIT ?1")?;
            let rows = statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DbTrouble> {
        query(&self.reader.lock().unwrap_or_else(PoisonError::into_inner)).map_err(|_| DbTrouble::Unreadable)
    }
}

/// Writes what is queued, then ends the thread.
impl Drop for Db {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Makes the folder, refuses network file systems and takes the lock.
fn prepare_folder(folder: &Path) -> Result<File, DbError> {
    let io = |e: std::io::Error| DbError::Io { path: folder.to_owned(), detail: e.to_string() };
    std::fs::create_dir_all(folder).map_err(io)?;
    if let Ok(about) = rustix::fs::statfs(folder) {
        // NFS, SMB, CIFS, SMB2, 9P, AFS, Ceph.
        const REMOTE: [u32; 7] = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x5346_414F, 0x00C3_6400];
        if REMOTE.iter().any(|kind| i128::from(about.f_type) & 0xFFFF_FFFF == i128::from(*kind)) {
            return Err(DbError::NetworkFileSystem(folder.to_owned()));
        }
    }
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join("vault.lock"));
    let lock = lock.map_err(io)?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| DbError::InUse(folder.to_owned()))?;
    Ok(lock)
}

/// Makes the file if it is missing and takes it from everybody but its owner; SQLite gives its side files the same mode.
pub(crate) fn private_file(path: &Path) -> Result<u64, DbError> {
    let io = |e: std::io::Error| DbError::Io { path: path.to_owned(), detail: e.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(io)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    file.metadata().map(|about| about.len()).map_err(io)
}

fn damaged_or_io(path: &Path, error: &rusqlite::Error) -> DbError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => DbError::Damaged { path: path.to_owned(), detail: error.to_string() },
        _ => DbError::Io { path: path.to_owned(), detail: error.to_string() },
    }
}

/// Looks before anything is changed: is it ours, is it whole, can we read it?
fn identify(c: &Connection, path: &Path, size: u64) -> Result<(), DbError> {
    let number = |pragma: &str| c.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let failed = |e: rusqlite::Error| damaged_or_io(path, &e);
    let (id, schema) = (number("application_id").map_err(failed)?, number("user_version").map_err(failed)?);
    let objects: i64 = c.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    match (id, schema) {
        (0, 0) if objects == 0 => return Ok(()),
        (APPLICATION_ID, 1..=SCHEMA) => {}
        (APPLICATION_ID, found) if found > SCHEMA => return Err(DbError::Newer { path: path.to_owned(), found }),
        _ => return Err(DbError::NotOurs(path.to_owned())),
    }
    if size <= CHECK_LIMIT_BYTES {
        let verdict: String = c.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
        if verdict != "ok" {
            return Err(DbError::Damaged { path: path.to_owned(), detail: verdict });
        }
    }
    Ok(())
}

fn settings(c: &Connection) -> rusqlite::Result<()> {
    c.busy_timeout(std::time::Duration::from_secs(5))?;
    c.pragma_update(None, "journal_mode", "WAL")?;
    c.pragma_update(None, "synchronous", "FULL")?;
    c.pragma_update(None, "secure_delete", true)?;
    c.pragma_update(None, "temp_store", "MEMORY")?;
    c.pragma_update(None, "trusted_schema", false)?;
    c.pragma_update(None, "cell_size_check", true)?;
    c.pragma_update(None, "cache_size", -16_384)
}

fn create_if_empty(
    c: &mut Connection,
    path: &Path,
    seed: impl FnOnce() -> Result<Vec<(&'static str, Vec<u8>)>, NoChance>,
) -> Result<(), DbError> {
    let io = |e: rusqlite::Error| DbError::Io { path: path.to_owned(), detail: e.to_string() };
    let id: i64 = c.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(io)?;
    if id == APPLICATION_ID {
        return migrate(c).map_err(io);
    }
    let seed = seed()?;
    let whole = c.transaction().map_err(io)?;
    whole.execute_batch(TABLES).map_err(io)?;
    for (name, value) in seed {
        whole.execute("INSERT INTO meta(name, value) VALUES(?1, ?2)", params![name, value]).map_err(io)?;
    }
    whole.pragma_update(None, "application_id", APPLICATION_ID).map_err(io)?;
    whole.pragma_update(None, "user_version", SCHEMA).map_err(io)?;
    whole.commit().map_err(io)
}

/// Before schema 2 every data key was of algorithm 1.
fn migrate(c: &mut Connection) -> rusqlite::Result<()> {
    let schema: i64 = c.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if schema >= SCHEMA {
        return Ok(());
    }
    let whole = c.transaction()?;
    whole.execute_batch("ALTER TABLE dek ADD COLUMN algorithm INTEGER NOT NULL DEFAULT 1")?;
    whole.pragma_update(None, "user_version", SCHEMA)?;
    whole.commit()
}

/// Takes whatever waits, writes it in one transaction, then answers all. Ends when the queue is closed; after an error everything
/// that comes is refused, so that each `Done` is called.
fn write_groups(mut c: Connection, incoming: &Receiver<(Write, Done)>, stopped: &AtomicBool) {
    while let Ok((first, done)) = incoming.recv() {
        let mut group = vec![done];
        let written = (|| {
            let whole = c.transaction()?;
            apply(&whole, first)?;
            while group.len() < GROUP_LIMIT_WRITES {
                let Ok((write, done)) = incoming.try_recv() else { break };
                group.push(done);
                apply(&whole, write)?;
            }
            whole.commit()
        })();
        let outcome = written.map_err(|_: rusqlite::Error| DbTrouble::Stopped);
        stopped.store(outcome.is_err(), Ordering::Relaxed);
        for done in group {
            done(outcome);
        }
        if outcome.is_err() {
            break;
        }
    }
    for (_, done) in incoming {
        done(Err(DbTrouble::Stopped));
    }
}

fn set_meta(c: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2";
    c.execute(sql, params![name, value]).map(|_| ())
}

fn apply(c: &Connection, write: Write) -> rusqlite::Result<()> {
    match write {
        Write::Dek { version, wrapped, created, algorithm } => {
            let sql = "INSERT INTO dek(version, wrapped, created, algorithm) VALUES(?1, ?2, ?3, ?4)";
            c.prepare_cached(sql)?.execute(params![version, wrapped, created.0, algorithm as u8])?;
        }
        Write::Card(card) => {
            let sql = "INSERT INTO card(key, account, dek, sealed, fingerprint, created, last_used) VALUES(?1,?2,?3,?4,?5,?6,?7)";
            let CardRow { key, account, dek, sealed, fingerprint, created, last_used } = card;
            let values = params![key.0, account.0, dek, sealed, fingerprint, created.0, last_used.0];
            c.prepare_cached(sql)?.execute(values)?;
        }
        Write::Used { key, at } => {
            let sql = "UPDATE card SET last_used = max(last_used, ?2) WHERE key = ?1";
            c.prepare_cached(sql)?.execute(params![key.0, at.0])?;
        }
        Write::Late { id, late, at } => {
            let sql = "INSERT OR IGNORE INTO late(id, late, at) VALUES(?1, ?2, ?3)";
            c.prepare_cached(sql)?.execute(params![id, late, at.0])?;
        }
        Write::LateDone { id } => {
            c.prepare_cached("DELETE FROM late WHERE id = ?1")?.execute([id])?;
        }
        Write::Rewrap { meta, deks } => {
            for (name, value) in meta {
                set_meta(c, name, &value)?;
            }
            for (version, wrapped) in deks {
                c.execute("UPDATE dek SET wrapped = ?2 WHERE version = ?1", params![version, wrapped])?;
            }
        }
        Write::Reseal { key, old, dek, sealed } => {
            let sql = "UPDATE card SET dek = ?3, sealed = ?4 WHERE key = ?1 AND dek = ?2";
            c.prepare_cached(sql)?.execute(params![key.0, old, dek, sealed])?;
        }
        Write::Meta { name, value: Some(value) } => set_meta(c, name, &value)?,
        Write::Meta { name, value: None } => {
            c.execute("DELETE FROM meta WHERE name = ?1", [name])?;
        }
        Write::DropDeks { below } => {
            // The guard stands beside the deed: a key that seals a card is never dropped.
            let sql = "DELETE FROM dek WHERE version < ?1 AND NOT EXISTS (SELECT 1 FROM card WHERE card.dek < ?1)";
            c.execute(sql, [below])?;
        }
    }
    Ok(())
}

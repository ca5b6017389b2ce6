//! Opening the file: what it lies on, whose it is, whether it is whole, and how SQLite is to treat it.

use super::chain::{Head, HeadKey};
use super::error::{Fault, OpenError};
use super::keyring;
use super::keys::{DataKey, Keys, Root, random};
use super::migrate;
use super::readers::{BUSY_LIMIT, one_plan};
use super::schema::{APPLICATION_ID, DATA_KEYS, LEDGER_CHAIN, SCHEMA_VERSION, TABLES};
use super::statements::{META_CHECK, META_CLAIM_DAYS, META_HEAD, META_NEWEST};
use super::writer::Log;
use florin_core::seal::{Algorithm, Secret};
use florin_core::store::StoreTrouble;
use florin_core::time::Time;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Page cache of the writer.
    pub cache_bytes: u32,
    /// Read-only connections at most; more readers wait for one.
    pub readers: usize,
    /// Pages in the log before they are folded into the database.
    pub checkpoint_pages: u32,
    /// After an unclean stop a database up to this size is checked whole; a larger one only in what opening reads.
    pub quick_check_bytes: u64,
    /// What seals new records: where the newest data key is of another algorithm, one of this is made. None leaves it as it is.
    pub algorithm: Option<Algorithm>,
    /// When keys that are made at the opening were made; 0 for tools that keep no time.
    pub now: Time,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 16 << 20,
            readers: 4,
            checkpoint_pages: 20_000,
            quick_check_bytes: 256 << 20,
            algorithm: None,
            now: Time(0),
        }
    }
}

pub struct Opened {
    pub keys: Keys,
    pub writer: Connection,
    pub log: Log,
    pub lock: File,
    /// Absolute.
    pub path: PathBuf,
}

/// 3.51.3 repairs a race between a reset of the log and a write that could lose a commit.
const OLDEST_SQLITE: i32 = 3_051_003;
const OWNER_ONLY: u32 = 0o600;
const PAGE_BYTES: u32 = 4_096;
const CHECK_TEXT: &[u8] = b"this database belongs to this key";

pub fn open(path: &Path, options: Options, root: Root) -> Result<Opened, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(OpenError::SqliteTooOld { found: rusqlite::version().to_owned() });
    }
    let io = |e: std::io::Error| OpenError::Io { path: path.to_owned(), detail: e.to_string() };
    let path = std::path::absolute(path).map_err(io)?;
    refuse_network_file_system(&path)?;
    let lock = lock(&path)?;
    let unclean = fs::metadata(beside(&path, "-wal")).is_ok_and(|m| m.len() > 0);
    let file = owner_only_file(&path).map_err(|e| file_error(&path, &e))?;
    if unclean && file.metadata().is_ok_and(|m| m.len() == 0) {
        // SQLite would throw the log away.
        return Err(OpenError::Damaged { path, detail: "its log is there, but it is empty".to_owned() });
    }
    drop(file);
    let (mut writer, keys) = prepare(&path, options, root, unclean).map_err(|cause| cause.named(&path))?;
    let log = Log { pages: Arc::default(), checkpoint_pages: options.checkpoint_pages.max(1) };
    let pages = Arc::clone(&log.pages);
    let hook = move |_: &mut Wal, n: i32| {
        pages.store(n, Ordering::Relaxed);
        Ok(())
    };
    writer.wal_hook(Some(hook)).map_err(|e| Cause::from(e).named(&path))?;
    Ok(Opened { keys, writer, log, lock, path })
}

/// What went wrong while preparing, before the file's name is put to it.
enum Cause {
    Fault(Fault),
    NotFlorin,
    Newer(u32),
    Damaged(String),
    WrongKey,
    NoChance,
    /// SQLite does not run as it was told to: which setting, and what it is.
    Setting(&'static str, String),
}

impl<E: Into<Fault>> From<E> for Cause {
    fn from(error: E) -> Cause {
        Cause::Fault(error.into())
    }
}

impl Cause {
    fn named(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Cause::NotFlorin => OpenError::NotFlorin(path),
            Cause::Newer(found) => OpenError::Newer { path, found, known: SCHEMA_VERSION },
            Cause::Damaged(detail) => OpenError::Damaged { path, detail },
            Cause::WrongKey => OpenError::WrongKey(path),
            Cause::Setting(name, found) => {
                OpenError::Io { path, detail: format!("SQLite keeps {name} at {found}, which Florin cannot rely on") }
            }
            Cause::NoChance => OpenError::Io { path, detail: "the system gives no random bytes".to_owned() },
            Cause::Fault(Fault::Damaged(column)) => OpenError::Damaged { path, detail: format!("impossible {column}") },
            Cause::Fault(Fault::Sql(error)) => {
                let detail = error.to_string();
                match error.sqlite_error_code() {
                    Some(ErrorCode::NotADatabase) => OpenError::NotFlorin(path),
                    Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, detail },
                    Some(ErrorCode::DiskFull) => OpenError::DiskFull(path),
                    Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::NotWritable { path, detail },
                    Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse(path),
                    _ => OpenError::Io { path, detail },
                }
            }
        }
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> OpenError {
    let (path, detail) = (path.to_owned(), error.to_string());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => OpenError::NotWritable { path, detail },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::DiskFull(path),
        _ => OpenError::Io { path, detail },
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The file, made for its owner alone if it is not there. SQLite gives its log and shared memory the same mode.
fn owner_only_file(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(file)
}

/// One process has the database: a lock on a file beside it, which the system gives back however the process ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock = owner_only_file(&beside(path, ".lock")).map_err(|e| file_error(path, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(e)) => Err(file_error(path, &e)),
    }
}

/// File systems by the magic number of statfs(2).
const NETWORK_FILE_SYSTEMS: &[(u32, &str)] = &[
    (0x6969, "nfs"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x517b, "smb"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x0102_1997, "9p"),
    (0x7375_7245, "coda"),
    (0x564c, "ncp"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x2003_0528, "orangefs"),
    (0xaad7_aaea, "panfs"),
    (0x4750_4653, "gpfs"),
];

pub fn network_file_system(magic: u32) -> Option<&'static str> {
    NETWORK_FILE_SYSTEMS.iter().find(|(known, _)| *known == magic).map(|(_, kind)| *kind)
}

fn refuse_network_file_system(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().unwrap_or(path);
    let statfs = rustix::fs::statfs(folder).map_err(|e| file_error(path, &e.into()))?;
    // The kernel's word is wider than the magic numbers, and sign-extends some of them.
    let magic = (statfs.f_type as i64 & 0xffff_ffff) as u32;
    match network_file_system(magic) {
        Some(kind) => Err(OpenError::NetworkFileSystem { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}

fn prepare(path: &Path, options: Options, root: Root, unclean: bool) -> Result<(Connection, Keys), Cause> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    one_plan(&connection)?;
    settle(&connection, options)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (0, 0) => create(&connection, &root, options)?,
        (APPLICATION_ID, _) if version > SCHEMA_VERSION => return Err(Cause::Newer(version)),
        (APPLICATION_ID, _) if version == SCHEMA_VERSION => {}
        (APPLICATION_ID, _) if version >= migrate::OLDEST => {
            check_key(&connection, &root)?;
            migrate::from(version, &connection, &root)?;
        }
        (APPLICATION_ID, _) => return Err(Cause::Damaged(format!("impossible format {version}"))),
        _ => return Err(Cause::NotFlorin),
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Cause::Damaged(format!("journal mode {mode}")));
    }
    check_key(&connection, &root)?;
    as_told(&connection)?;
    if unclean && fs::metadata(path).is_ok_and(|m| m.len() <= options.quick_check_bytes) {
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(Cause::Damaged(found));
        }
    }
    let keys = keyring::load(&connection, root, options)?;
    Ok((connection, keys))
}

fn settle(connection: &Connection, options: Options) -> rusqlite::Result<()> {
    let set = |name: &str, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value);
    // Only a new file takes its page size.
    set("page_size", &PAGE_BYTES)?;
    set("synchronous", &"FULL")?;
    set("foreign_keys", &true)?;
    set("trusted_schema", &false)?;
    set("cell_size_check", &true)?;
    set("mmap_size", &0)?;
    set("temp_store", &"MEMORY")?;
    set("cache_size", &-i64::from(options.cache_bytes / 1_024))?;
    // The writer does it, and hears of its errors.
    set("wal_autocheckpoint", &0)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // FAST overwrites what is deleted wherever the page is written anyway, and keeps the emptying of a day's claims short.
    set("secure_delete", &"FAST")
}

/// The settings that durability rests on, read back. `synchronous` 2 is FULL.
const RELIED_ON: [(&str, &str); 4] =
    [("journal_mode", "wal"), ("synchronous", "2"), ("mmap_size", "0"), ("wal_autocheckpoint", "0")];

fn as_told(connection: &Connection) -> Result<(), Cause> {
    for (name, expected) in RELIED_ON {
        let found = connection.pragma_query_value(None, name, |row| match row.get_ref(0)? {
            ValueRef::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Integer(n) => Ok(n.to_string()),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Ok("nothing".to_owned()),
        });
        // Without memory mapping built in, SQLite answers nothing.
        let found = found.optional()?.unwrap_or_else(|| "0".to_owned());
        if found != expected {
            return Err(Cause::Setting(name, found));
        }
    }
    Ok(())
}

/// In one transaction: a crash leaves an empty file, which is made anew.
fn create(connection: &Connection, root: &Root, options: Options) -> Result<(), Cause> {
    let check = check_of(root).map_err(|_| Cause::NoChance)?;
    let seed = Secret::new(random().map_err(|_| Cause::NoChance)?);
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(LEDGER_CHAIN)?;
    transaction.execute_batch(DATA_KEYS)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    let put = "INSERT INTO meta VALUES (?1, ?2)";
    transaction.execute(put, (META_CHECK, check))?;
    transaction.execute(put, (META_HEAD, HeadKey::new(&seed).seal(&Head::NONE)))?;
    for name in [META_NEWEST, META_CLAIM_DAYS[0], META_CLAIM_DAYS[1]] {
        transaction.execute(put, (name, None::<i64>))?;
    }
    let first = DataKey::fresh(options.algorithm.unwrap_or_default()).map_err(|_| Cause::NoChance)?;
    keyring::put_first(&transaction, root, &seed, &first)?;
    Ok(transaction.commit()?)
}

fn check_key(connection: &Connection, root: &Root) -> Result<(), Cause> {
    if fits(connection, root)? { Ok(()) } else { Err(Cause::WrongKey) }
}

/// What marks a database as this root's.
pub fn check_of(root: &Root) -> Result<Vec<u8>, StoreTrouble> {
    Ok(root.check().seal(random()?, META_CHECK.as_bytes(), CHECK_TEXT))
}

/// Whether the database belongs to this root.
pub fn fits(connection: &Connection, root: &Root) -> rusqlite::Result<bool> {
    let sealed: Vec<u8> = connection.query_row("SELECT value FROM meta WHERE name = ?1", [META_CHECK], |r| r.get(0))?;
    Ok(root.check().open(META_CHECK.as_bytes(), &sealed).is_ok_and(|text| text == CHECK_TEXT))
}

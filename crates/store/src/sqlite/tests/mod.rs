//! The SQLite engine's own promises: its file, its keys, its errors, its end.

mod faults;
mod opening;
mod rotation;
mod sealed;
mod stopping;
mod tampering;
mod vfs;

use crate::{Options, SqliteStore};
use florin_core::seal::Secret;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub const ROOT: [u8; 32] = [9; 32];

/// A folder of its own, removed at the end.
pub struct Folder(PathBuf);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Folder {
    pub fn new() -> Folder {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("florin-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for tests");
        Folder(path)
    }

    pub fn open_named(&self, name: &str) -> SqliteStore {
        SqliteStore::open(&self.file(name), Options::default(), Secret::new(ROOT)).expect("it opens")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names and contents of all files.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.0).expect("the folder is read") {
            let entry = entry.expect("the folder is read");
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, std::fs::read(entry.path()).expect("a file is read")));
        }
        files
    }

    /// What a crash would leave: the files of `from` as they are now, under the name `to`.
    pub fn copy(&self, from: &str, to: &str) {
        for suffix in ["", "-wal"] {
            let (from, to) = (self.file(&format!("{from}{suffix}")), self.file(&format!("{to}{suffix}")));
            std::fs::copy(from, to).expect("a file is copied");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Another program's hands on the file.
fn meddle(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).expect("SQLite opens it");
    connection.execute_batch(sql).expect("the statement runs");
}

/// Hands that first take away what refuses changes.
fn tamper(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).expect("SQLite opens it");
    let mut triggers = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").expect("prepared");
    let names: Vec<String> =
        triggers.query_map((), |row| row.get(0)).expect("read").map(|n| n.expect("read")).collect();
    drop(triggers);
    let drops: String = names.iter().map(|name| format!("DROP TRIGGER {name};")).collect();
    connection.execute_batch(&format!("{drops} {sql}")).expect("the statements run");
}

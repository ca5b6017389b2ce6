//! A database's pages as they are at one moment, taken while others write to it.

use crate::error::BackupError;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The first sixteen bytes of a page's SHA-256.
pub type Digest = [u8; 16];

/// A copy that stands still. Its file is removed with it.
pub struct Still {
    path: PathBuf,
    file: File,
    pub page_bytes: u32,
    pub pages: u64,
}

impl Drop for Still {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Where the page size stands in the header of a database file (SQLite file format, 1.3): big-endian, 1 means 65,536.
const PAGE_SIZE_AT: u64 = 16;

impl Still {
    /// All of `database` in one step, which sees one moment; `scratch` is a path that nothing lies at.
    pub fn take(database: &Path, scratch: &Path) -> Result<Still, BackupError> {
        let failed = |detail: String| BackupError::Database { path: database.to_owned(), detail };
        let _ = std::fs::remove_file(scratch);
        let sql = |e: rusqlite::Error| failed(e.to_string());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Connection::open_with_flags(database, flags).map_err(sql)?;
        source.busy_timeout(std::time::Duration::from_secs(10)).map_err(sql)?;
        source.pragma_update(None, "query_only", true).map_err(sql)?;
        let private = File::options().write(true).create_new(true).mode(0o600).open(scratch);
        private.map_err(|e| BackupError::io("make", scratch, &e))?;
        let mut copy = Connection::open(scratch).map_err(sql)?;
        // The copy is thrown away if anything goes wrong: nothing of it need be durable.
        copy.pragma_update(None, "synchronous", "OFF").map_err(sql)?;
        let result = Backup::new(&source, &mut copy).and_then(|backup| backup.step(-1)).map_err(sql)?;
        if !matches!(result, StepResult::Done) {
            return Err(failed("it is busy; try again".to_owned()));
        }
        copy.close().map_err(|(_, e)| sql(e))?;
        let io = |e: std::io::Error| BackupError::io("read", scratch, &e);
        let file = File::open(scratch).map_err(io)?;
        let mut size = [0u8; 2];
        file.read_exact_at(&mut size, PAGE_SIZE_AT).map_err(io)?;
        let page_bytes = match u16::from_be_bytes(size) {
            1 => 65_536,
            bytes => u32::from(bytes),
        };
        let bytes = file.metadata().map_err(io)?.len();
        if page_bytes < 512 || bytes % u64::from(page_bytes) != 0 {
            return Err(failed(format!("{bytes} bytes are not pages of {page_bytes}")));
        }
        Ok(Still { path: scratch.to_owned(), file, page_bytes, pages: bytes / u64::from(page_bytes) })
    }

    /// Page `n`, the first is 0, into a buffer of a page's size.
    pub fn page(&self, n: u64, into: &mut [u8]) -> Result<(), BackupError> {
        let read = self.file.read_exact_at(into, n * u64::from(self.page_bytes));
        read.map_err(|e| BackupError::io("read", &self.path, &e))
    }
}

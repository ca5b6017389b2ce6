//! What can go wrong with the file: named errors at opening, and faults while it is in use. Texts hold no stored data.

use std::fmt;
use std::path::PathBuf;

/// Why a database was not opened. Nothing was changed. The text says what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// The linked SQLite is older than 3.51.3, whose log can lose a commit when a reset races a write.
    SqliteTooOld {
        found: String,
    },
    /// SQLite's locks and shared memory do not work there.
    NetworkFileSystem {
        path: PathBuf,
        kind: &'static str,
    },
    NotFlorin(PathBuf),
    /// A newer Florin wrote it.
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    Damaged {
        path: PathBuf,
        detail: String,
    },
    /// The root secret is not the one that the database was made with.
    WrongKey(PathBuf),
    /// Another process has it open.
    InUse(PathBuf),
    NotWritable {
        path: PathBuf,
        detail: String,
    },
    DiskFull(PathBuf),
    Io {
        path: PathBuf,
        detail: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::SqliteTooOld { found } => {
                write!(f, "SQLite {found} is too old: 3.51.3 or newer is needed. Build with the bundled SQLite.")
            }
            OpenError::NetworkFileSystem { path, kind } => write!(
                f,
                "{} lies on a network file system ({kind}), where SQLite cannot keep its promises. Use a local disk.",
                path.display()
            ),
            OpenError::NotFlorin(path) => write!(
                f,
                "{} is not a Florin database, or its first page is destroyed. Name another file, or restore a backup.",
                path.display()
            ),
            OpenError::Newer { path, found, known } => write!(
                f,
                "{} was written by a newer Florin (format {found}, this one knows {known}). Use the newer Florin.",
                path.display()
            ),
            OpenError::Damaged { path, detail } => write!(
                f,
                "{} is damaged ({detail}). Keep the file and its -wal for inspection, and restore the newest backup.",
                path.display()
            ),
            OpenError::WrongKey(path) => write!(
                f,
                "{} was made with another key. Put back the key file that belongs to it; without it nothing can be read.",
                path.display()
            ),
            OpenError::InUse(path) => {
                write!(f, "{} is in use by another process. Stop that one, or name another file.", path.display())
            }
            OpenError::NotWritable { path, detail } => {
                write!(f, "{} cannot be written ({detail}). Check owner and permissions.", path.display())
            }
            OpenError::DiskFull(path) => {
                write!(f, "the disk that holds {} is full. Free some space and start again.", path.display())
            }
            OpenError::Io { path, detail } => write!(f, "{} cannot be opened: {detail}.", path.display()),
        }
    }
}

impl std::error::Error for OpenError {}

/// A failure of a statement, or a value that no Florin writes.
#[derive(Debug)]
pub enum Fault {
    Sql(rusqlite::Error),
    /// Names the column.
    Damaged(&'static str),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Sql(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Sql(error) => write!(f, "{error}"),
            Fault::Damaged(column) => write!(f, "the database holds an impossible {column}"),
        }
    }
}

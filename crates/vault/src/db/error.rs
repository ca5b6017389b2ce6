//! Why the vault's database cannot be opened, in words that say what to do.

use super::SCHEMA;
use crate::keys::NoChance;
use std::fmt;
use std::path::PathBuf;

/// Why the database cannot be opened. Nothing was changed. The text says what to do.
#[derive(Debug)]
pub enum DbError {
    /// Another vault uses this folder.
    InUse(PathBuf),
    /// Not SQLite, or a SQLite file with broken pages.
    Damaged {
        path: PathBuf,
        detail: String,
    },
    /// A SQLite file of another program.
    NotOurs(PathBuf),
    Newer {
        path: PathBuf,
        found: i64,
    },
    WrongKek(PathBuf),
    /// Test cards in a vault that is to be live, or the reverse.
    OtherMode {
        path: PathBuf,
        live: bool,
    },
    /// A wrapped key does not open although the KEK is the right one.
    KeyDamaged {
        path: PathBuf,
        name: String,
    },
    NetworkFileSystem(PathBuf),
    SqliteTooOld(&'static str),
    NoChance,
    Io {
        path: PathBuf,
        detail: String,
    },
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DbError::InUse(p) => {
                write!(f, "another vault is using {}; stop it, or give this one its own data folder", p.display())
            }
            DbError::Damaged { path, detail } => {
                write!(f, "the vault's database {} is damaged ({detail}); restore it from a backup", path.display())
            }
            DbError::NotOurs(p) => write!(f, "{} is not a Florin vault; choose another data folder", p.display()),
            DbError::Newer { path, found } => write!(
                f,
                "the vault's database {} was written by a newer Florin (schema {found}, this one knows {SCHEMA}); use that version",
                path.display()
            ),
            DbError::WrongKek(p) => write!(
                f,
                "the key file does not belong to the vault's database {}; give the key that this vault was made with",
                p.display()
            ),
            DbError::OtherMode { path, live } => {
                let (is, wanted) = if *live { ("test", "live") } else { ("live", "test") };
                write!(
                    f,
                    "the vault's database {} holds {is} cards and cannot serve {wanted} mode; use another data folder",
                    path.display()
                )
            }
            DbError::KeyDamaged { path, name } => write!(
                f,
                "the key `{name}` in the vault's database {} is damaged; restore the database from a backup",
                path.display()
            ),
            DbError::NetworkFileSystem(p) => write!(
                f,
                "{} is on a network file system, where a database can be lost; choose a folder on a local disk",
                p.display()
            ),
            DbError::SqliteTooOld(found) => {
                write!(
                    f,
                    "this Florin was built with SQLite {found}, which can lose data; build it with 3.51.3 or later"
                )
            }
            DbError::NoChance => f.write_str("the system gives no random bytes"),
            DbError::Io { path, detail } => write!(f, "{} cannot be used: {detail}", path.display()),
        }
    }
}

impl std::error::Error for DbError {}

impl From<NoChance> for DbError {
    fn from(_: NoChance) -> DbError {
        DbError::NoChance
    }
}

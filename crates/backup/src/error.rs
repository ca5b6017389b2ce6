//! What can go wrong, in words that say what to do.

use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub enum BackupError {
    /// A file or the place of backups cannot be read or written.
    Io { what: String, detail: String },
    /// The place of backups does not take or give them: a stable code, and what to do.
    Place { code: &'static str, detail: String },
    /// A database cannot be copied.
    Database { path: PathBuf, detail: String },
    /// A backup is not what was written: a byte changed, a part is missing.
    Damaged { id: String, detail: String },
    /// The manifest was not made by the installation whose keys are given.
    NotOurs { id: String },
    /// None of the given identities opens it.
    NoKey { id: String },
    /// A recipient, an identity or a passphrase that cannot be one.
    BadKey { detail: String },
    /// There is no such backup.
    NotFound { what: String },
    /// The folder to restore into holds something.
    NotEmpty(PathBuf),
}

impl BackupError {
    pub fn io(what: &str, path: &Path, error: &std::io::Error) -> BackupError {
        BackupError::Io { what: format!("{what} {}", path.display()), detail: error.to_string() }
    }

    pub fn damaged(id: &str, detail: impl Into<String>) -> BackupError {
        BackupError::Damaged { id: id.to_owned(), detail: detail.into() }
    }

    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            BackupError::Io { .. } => "backup_io",
            BackupError::Place { code, .. } => code,
            BackupError::Database { .. } => "backup_database",
            BackupError::Damaged { .. } => "backup_damaged",
            BackupError::NotOurs { .. } => "backup_not_ours",
            BackupError::NoKey { .. } => "backup_no_key",
            BackupError::BadKey { .. } => "backup_bad_key",
            BackupError::NotFound { .. } => "backup_not_found",
            BackupError::NotEmpty(_) => "folder_not_empty",
        }
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::Io { what, detail } => write!(f, "cannot {what}: {detail}"),
            BackupError::Place { detail, .. } => f.write_str(detail),
            BackupError::Database { path, detail } => write!(f, "cannot copy {}: {detail}", path.display()),
            BackupError::Damaged { id, detail } => {
                write!(f, "backup {id} is damaged: {detail}. Use another one: florin backup list")
            }
            BackupError::NotOurs { id } => {
                write!(
                    f,
                    "the manifest of backup {id} was not made with these keys. Give the keys of the installation it came from."
                )
            }
            BackupError::NoKey { id } => {
                write!(f, "backup {id} does not open with what was given. Give --identity or --passphrase-file.")
            }
            BackupError::BadKey { detail } => f.write_str(detail),
            BackupError::NotFound { what } => write!(f, "{what}"),
            BackupError::NotEmpty(path) => {
                write!(f, "{} holds something already: a restore never overwrites. Name a new folder.", path.display())
            }
        }
    }
}

impl std::error::Error for BackupError {}

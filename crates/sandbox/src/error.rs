//! Why the sandbox cannot start, each with what to do about it. Knows no card.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Nothing was changed when one of these is given, but for folders and files that were missing.
#[derive(Debug)]
pub enum StartError {
    /// The folder or a file in it cannot be made, read or written.
    Folder {
        path: PathBuf,
        why: std::io::Error,
    },
    /// Another sandbox works in this folder.
    InUse {
        path: PathBuf,
    },
    /// Group or others may read the key file.
    KeyFileOpen {
        path: PathBuf,
    },
    /// Not 32 bytes.
    KeyFileLength {
        path: PathBuf,
    },
    /// The books exist and their key file does not.
    KeyFileMissing {
        path: PathBuf,
    },
    /// The books were written under another key.
    WrongKey {
        path: PathBuf,
    },
    /// A database, and not the sandbox's.
    NotOurs {
        path: PathBuf,
    },
    /// Written by a newer Florin.
    Newer {
        path: PathBuf,
        found: i64,
    },
    /// The file is no database, or rows do not read.
    Damaged {
        path: PathBuf,
        why: String,
    },
    /// Another program listens there.
    PortInUse {
        address: SocketAddr,
    },
    Listen {
        address: SocketAddr,
        why: std::io::Error,
    },
    /// A certificate or key file that cannot be used.
    Certificate {
        path: PathBuf,
        why: String,
    },
    CertificateExpired {
        path: PathBuf,
    },
    /// The books could not be written while running: the sandbox stopped rather than answer without them.
    Stopped {
        why: String,
    },
}

impl StartError {
    /// A name for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            StartError::Folder { .. } => "data_folder",
            StartError::InUse { .. } => "data_folder_in_use",
            StartError::KeyFileOpen { .. } => "key_file_open",
            StartError::KeyFileLength { .. } => "key_file_length",
            StartError::KeyFileMissing { .. } => "key_file_missing",
            StartError::WrongKey { .. } => "wrong_key",
            StartError::NotOurs { .. } => "not_our_database",
            StartError::Newer { .. } => "newer_database",
            StartError::Damaged { .. } => "damaged_database",
            StartError::PortInUse { .. } => "port_in_use",
            StartError::Listen { .. } => "cannot_listen",
            StartError::Certificate { .. } => "certificate",
            StartError::CertificateExpired { .. } => "certificate_expired",
            StartError::Stopped { .. } => "books_not_writable",
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Folder { path, why } => {
                write!(f, "{}: {why}. Check that the folder exists, has space and belongs to you.", path.display())
            }
            StartError::InUse { path } => {
                write!(f, "{} is in use by another sandbox. Stop it, or choose another data folder.", path.display())
            }
            StartError::KeyFileOpen { path } => {
                write!(f, "{} can be read by others. Run: chmod 600 {}", path.display(), path.display())
            }
            StartError::KeyFileLength { path } => {
                write!(
                    f,
                    "{} is not a key of 32 bytes. Restore it, or start with an empty data folder.",
                    path.display()
                )
            }
            StartError::KeyFileMissing { path } => write!(
                f,
                "{} is missing, and the books beside it need it. Restore it, or start with an empty data folder.",
                path.display()
            ),
            StartError::WrongKey { path } => write!(
                f,
                "{} is not the key of the books beside it. Restore the right one, or start with an empty data folder.",
                path.display()
            ),
            StartError::NotOurs { path } => {
                write!(f, "{} is not a sandbox's database. Choose another data folder.", path.display())
            }
            StartError::Newer { path, found } => write!(
                f,
                "{} has format {found}, written by a newer Florin. Use that version, or another data folder.",
                path.display()
            ),
            StartError::Damaged { path, why } => write!(
                f,
                "{} is damaged ({why}). Restore a copy, or move it away to start with empty books.",
                path.display()
            ),
            StartError::PortInUse { address } => {
                write!(
                    f,
                    "another program listens at {address}. Stop it, or choose another port (0 takes any free one)."
                )
            }
            StartError::Listen { address, why } => write!(f, "cannot listen at {address}: {why}. Choose another port."),
            StartError::Certificate { path, why } => {
                write!(f, "{}: {why}. Give a PEM file of a certificate, its key and the CA.", path.display())
            }
            StartError::CertificateExpired { path } => {
                write!(f, "the certificate {} has expired or is not valid yet. Issue a new one.", path.display())
            }
            StartError::Stopped { why } => {
                write!(
                    f,
                    "the books could not be written ({why}): stopped, nothing was answered without them. Free space and start again."
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

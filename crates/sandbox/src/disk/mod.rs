//! The data folder: one sandbox at a time, the key of card hashes, the books, the journal. No card number is ever written.

pub(crate) mod books;
pub(crate) mod journal;

use crate::error::StartError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) const KEY_FILE: &str = "card-hash.key";
const LOCK_FILE: &str = "sandbox.lock";
pub(crate) const BOOKS_FILE: &str = "books.db";
pub(crate) const JOURNAL_FILE: &str = "journal.db";

/// A data folder that this process alone works in, until dropped.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing.
    pub fn open(path: &Path) -> Result<Folder, StartError> {
        let trouble = |why| StartError::Folder { path: path.to_owned(), why };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(trouble)?;
        let lock = private_file(&path.join(LOCK_FILE)).map_err(trouble)?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(why)) => Err(trouble(why)),
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The key under which card numbers are hashed; made at the first start.
    pub fn hash_key(&self) -> Result<[u8; 32], StartError> {
        let path = self.file(KEY_FILE);
        let trouble = |why| StartError::Folder { path: path.clone(), why };
        let mut key = [0u8; 32];
        match File::open(&path) {
            Ok(mut file) => {
                let facts = file.metadata().map_err(trouble)?;
                if facts.permissions().mode() & 0o077 != 0 {
                    return Err(StartError::KeyFileOpen { path });
                }
                if facts.len() != 32 {
                    return Err(StartError::KeyFileLength { path });
                }
                file.read_exact(&mut key).map_err(trouble)?;
            }
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                if self.file(BOOKS_FILE).exists() {
                    return Err(StartError::KeyFileMissing { path });
                }
                random(&mut key).map_err(trouble)?;
                write_private(&path, &key).map_err(trouble)?;
            }
            Err(why) => return Err(trouble(why)),
        }
        Ok(key)
    }
}

/// Fills `bytes` from the operating system.
pub(crate) fn random(bytes: &mut [u8]) -> std::io::Result<()> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| std::io::Error::other("no random bytes"))
}

/// Opens or makes a file that only its owner may read.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Replaces a file's content, whole or not at all; only its owner may read it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    // A file left by a crash is made anew: its mode may be another.
    if let Err(why) = fs::remove_file(&beside)
        && why.kind() != std::io::ErrorKind::NotFound
    {
        return Err(why);
    }
    let mut file = private_file(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

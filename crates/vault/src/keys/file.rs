//! Key files: who may have them, and how they are made. Knows no format of what stands in them.

use super::{KEK_BYTES, KekError, fresh_secret};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// A description of a key is short.
const FILE_LIMIT_BYTES: u64 = 64 * 1024;

/// Reads a regular file that its owner, this user, alone may use.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KekError> {
    let failed = |error| KekError::unreadable(path, error);
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(KekError::NotAFile(path.to_owned()));
    }
    if about.mode() & 0o077 != 0 {
        return Err(KekError::TooOpen { path: path.to_owned(), mode: about.mode() & 0o7777 });
    }
    // Root looks at the key of a vault that is a user of its own.
    let own = rustix::process::geteuid();
    if about.uid() != own.as_raw() && !own.is_root() {
        return Err(KekError::NotOurs { path: path.to_owned(), owner: about.uid() });
    }
    if about.len() > FILE_LIMIT_BYTES {
        return Err(KekError::Malformed { path: path.to_owned(), detail: format!("it has {} bytes", about.len()) });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0) + 1));
    file.take(FILE_LIMIT_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Makes a key file, on disk when this returns. Never replaces one: that would lose every card sealed under it.
pub fn create_file(path: &Path, bytes: &[u8]) -> Result<(), KekError> {
    let failed = |error| KekError::unreadable(path, error);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Makes a file of a fresh key.
pub fn create_raw(path: &Path) -> Result<(), KekError> {
    let key = fresh_secret()?;
    debug_assert_eq!(key.expose().len(), KEK_BYTES);
    create_file(path, key.expose())
}

//! Key files: who may have them, and how they are made. Knows no format of what stands in them.

use super::{KEK_BYTES, KekError, fresh_secret};
use crate::private;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Reads a regular file that its owner, this user, alone may use.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KekError> {
    Ok(private::read(path)?)
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

//! Files that hold secrets: read only if their owner, this user, alone may use them. Knows no format of what stands in them.

use rustix::process::geteuid;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Keys, descriptions of keys, passphrases, credentials: all are short.
pub const FILE_LIMIT_BYTES: u64 = 64 * 1024;

/// Why such a file is not read, in words that say what to do.
#[derive(Debug)]
pub enum PrivateError {
    Missing(PathBuf),
    NotAFile(PathBuf),
    /// Others than the owner may read or write it.
    TooOpen {
        path: PathBuf,
        mode: u32,
    },
    /// Another user owns it.
    NotOurs {
        path: PathBuf,
        owner: u32,
    },
    /// It has more than `FILE_LIMIT_BYTES`.
    TooLong(PathBuf),
    Unreadable {
        path: PathBuf,
        error: io::Error,
    },
}

impl PrivateError {
    /// For scripts: one word that does not change.
    pub fn code(&self) -> &'static str {
        match self {
            PrivateError::Missing(_) => "key_missing",
            PrivateError::NotAFile(_) | PrivateError::TooLong(_) => "key_damaged",
            PrivateError::TooOpen { .. } => "key_too_open",
            PrivateError::NotOurs { .. } => "key_of_another_user",
            PrivateError::Unreadable { .. } => "key_unreadable",
        }
    }
}

impl fmt::Display for PrivateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivateError::Missing(path) => write!(f, "there is no file {}", path.display()),
            PrivateError::NotAFile(path) => write!(f, "{} is not a regular file", path.display()),
            PrivateError::TooOpen { path, mode } => {
                write!(f, "{p} can be used by others (mode {mode:04o}); run `chmod 600 {p}`", p = path.display())
            }
            PrivateError::NotOurs { path, owner } => write!(
                f,
                "{} belongs to user {owner}, not to the user that runs this command; change its owner",
                path.display()
            ),
            PrivateError::TooLong(path) => write!(f, "{} is longer than {FILE_LIMIT_BYTES} bytes", path.display()),
            PrivateError::Unreadable { path, error } => write!(f, "{} cannot be read: {error}", path.display()),
        }
    }
}

impl std::error::Error for PrivateError {}

/// Reads a regular file that its owner, this user, alone may use.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateError> {
    opened(path, false)
}

/// The same, or a pipe, whose bytes are there once: what another program gives out, for example `--identity <(pass show backups)`.
pub fn read_once(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateError> {
    opened(path, true)
}

/// Whether a file may be read as a secret, without reading it.
pub fn check(path: &Path) -> Result<(), PrivateError> {
    looked_at(path, false).map(|_| ())
}

fn unreadable(path: &Path, error: io::Error) -> PrivateError {
    match error.kind() {
        io::ErrorKind::NotFound => PrivateError::Missing(path.to_owned()),
        _ => PrivateError::Unreadable { path: path.to_owned(), error },
    }
}

fn looked_at(path: &Path, pipes: bool) -> Result<(File, Metadata), PrivateError> {
    let failed = |error| unreadable(path, error);
    let file = File::open(path).map_err(failed)?;
    // Of what was opened, not of what the name leads to by now.
    let about = file.metadata().map_err(failed)?;
    let readable = about.is_file() || pipes && about.file_type().is_fifo();
    if !readable {
        return Err(PrivateError::NotAFile(path.to_owned()));
    }
    if about.mode() & 0o077 != 0 {
        return Err(PrivateError::TooOpen { path: path.to_owned(), mode: about.mode() & 0o7777 });
    }
    // Root looks at the key of a vault that is a user of its own.
    let own = geteuid();
    if about.uid() != own.as_raw() && !own.is_root() {
        return Err(PrivateError::NotOurs { path: path.to_owned(), owner: about.uid() });
    }
    Ok((file, about))
}

fn opened(path: &Path, pipes: bool) -> Result<Zeroizing<Vec<u8>>, PrivateError> {
    let (file, about) = looked_at(path, pipes)?;
    // As much room as it takes from the beginning: what a vector grows out of is not wiped.
    let room = if about.is_file() { about.len().min(FILE_LIMIT_BYTES) } else { FILE_LIMIT_BYTES };
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0) + 1));
    file.take(FILE_LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    match bytes.len() as u64 > FILE_LIMIT_BYTES {
        true => Err(PrivateError::TooLong(path.to_owned())),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_are_read_from_files_of_their_owner_alone() {
        let folder = std::env::temp_dir().join(format!("florin-private-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("secret");
        let check = |mode: u32, bytes: usize, expected: Result<usize, &str>| {
            std::fs::write(&path, vec![7; bytes]).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            for read in [read, read_once] {
                assert_eq!(read(&path).map(|b| b.len()).map_err(|e| e.code()), expected, "{mode:o} {bytes}");
            }
        };
        check(0o600, 32, Ok(32));
        check(0o400, 0, Ok(0));
        check(0o600, 64 * 1024, Ok(64 * 1024));
        check(0o600, 64 * 1024 + 1, Err("key_damaged"));
        for mode in [0o640, 0o604, 0o620, 0o601, 0o777] {
            check(mode, 32, Err("key_too_open"));
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).map_err(|e| e.code()), Err("key_missing"));
        assert_eq!(read(&folder).map_err(|e| e.code()), Err("key_damaged"));
        std::fs::remove_dir_all(&folder).unwrap();
        // A pipe of our own is read by those who read it once.
        let (end, mut begin) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut begin, b"words").unwrap();
        drop(begin);
        let path = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&end)));
        assert_eq!(read(&path).map_err(|e| e.code()), Err("key_damaged"));
        assert_eq!(read_once(&path).map(|bytes| bytes.to_vec()).map_err(|e| e.code()), Ok(b"words".to_vec()));
    }
}

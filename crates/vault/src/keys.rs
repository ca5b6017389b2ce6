//! Keys: the key-encryption key (KEK) and where it comes from, and the keys that it wraps.
//! Knows no card and no database.

use crate::core::seal::{NotOpened, SealKey, Secret};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub const KEK_BYTES: usize = 32;
/// The version under which wrapped keys are sealed; a second KEK will be version 2.
const KEK_VERSION: u16 = 1;

/// Wraps and unwraps other keys. The key itself need not be in this process: a hardware module can stand behind it.
pub trait KekProvider: Send + Sync {
    /// `name` says what the key is for and is bound to the result.
    fn wrap(&self, name: &str, secret: &Secret) -> Result<Vec<u8>, NoChance>;
    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Secret, NotOpened>;
    /// Tells two KEKs apart without revealing either: kept in the database, so that a wrong KEK is named as such.
    fn check_value(&self) -> [u8; 8];
}

/// The system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoChance;

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], NoChance> {
    let mut bytes = [0u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoChance)?;
    Ok(bytes)
}

/// A fresh random key.
pub fn fresh_secret() -> Result<Secret, NoChance> {
    random().map(Secret::new)
}

/// Why the KEK file cannot be used. The text says what to do.
#[derive(Debug)]
pub enum KekError {
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
    WrongLength {
        path: PathBuf,
        bytes: u64,
    },
    Exists(PathBuf),
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    NoChance,
}

impl fmt::Display for KekError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KekError::Missing(path) => write!(
                f,
                "the key file {} does not exist; put the {KEK_BYTES}-byte key that this vault was made with there, or let Florin make \
                 one for a new vault",
                path.display()
            ),
            KekError::NotAFile(path) => write!(f, "the key file {} is not a regular file", path.display()),
            KekError::TooOpen { path, mode } => write!(
                f,
                "the key file {p} can be used by others (mode {mode:04o}); run `chmod 600 {p}`",
                p = path.display()
            ),
            KekError::NotOurs { path, owner } => write!(
                f,
                "the key file {} belongs to user {owner}, not to the user that runs the vault; change its owner",
                path.display()
            ),
            KekError::WrongLength { path, bytes } => write!(
                f,
                "the key file {} has {bytes} bytes and must have exactly {KEK_BYTES}; it is not a Florin key, or was cut",
                path.display()
            ),
            KekError::Exists(path) => {
                write!(f, "the key file {} exists already; Florin does not replace a key", path.display())
            }
            KekError::Unreadable { path, error } => {
                write!(f, "the key file {} cannot be used: {error}", path.display())
            }
            KekError::NoChance => f.write_str("the system gives no random bytes"),
        }
    }
}

impl std::error::Error for KekError {}

/// A KEK from a file of 32 random bytes that only its owner may read.
pub struct KekFile {
    key: SealKey,
    check: [u8; 8],
}

impl KekFile {
    pub fn open(path: &Path) -> Result<KekFile, KekError> {
        let unreadable = |error| KekError::Unreadable { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => KekError::Missing(path.to_owned()),
            _ => unreadable(error),
        })?;
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(KekError::NotAFile(path.to_owned()));
        }
        if about.mode() & 0o077 != 0 {
            return Err(KekError::TooOpen { path: path.to_owned(), mode: about.mode() & 0o7777 });
        }
        if about.uid() != rustix::process::geteuid().as_raw() {
            return Err(KekError::NotOurs { path: path.to_owned(), owner: about.uid() });
        }
        if about.len() != KEK_BYTES as u64 {
            return Err(KekError::WrongLength { path: path.to_owned(), bytes: about.len() });
        }
        let mut bytes = Zeroizing::new([0u8; KEK_BYTES]);
        file.read_exact(bytes.as_mut_slice()).map_err(unreadable)?;
        Ok(KekFile::new(Secret::new(*bytes)))
    }

    /// Makes the file with a fresh key. Never replaces one: that would lose every card sealed under it.
    pub fn create(path: &Path) -> Result<(), KekError> {
        let unreadable = |error| KekError::Unreadable { path: path.to_owned(), error };
        let key = fresh_secret().map_err(|NoChance| KekError::NoChance)?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = opened.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => KekError::Exists(path.to_owned()),
            _ => unreadable(error),
        })?;
        file.write_all(key.expose()).and_then(|()| file.sync_all()).map_err(unreadable)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unreadable)
    }

    fn new(secret: Secret) -> KekFile {
        let mut check = [0u8; 8];
        let mac = secret.derive(b"kek check value").mac(&[b"check"]);
        for (to, from) in check.iter_mut().zip(mac) {
            *to = from;
        }
        KekFile { key: SealKey::new(&secret.derive(b"kek wrapping"), KEK_VERSION), check }
    }
}

impl KekProvider for KekFile {
    fn wrap(&self, name: &str, secret: &Secret) -> Result<Vec<u8>, NoChance> {
        Ok(self.key.seal(random()?, name.as_bytes(), secret.expose()))
    }

    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Secret, NotOpened> {
        let plain = Zeroizing::new(self.key.open(name.as_bytes(), wrapped)?);
        <[u8; 32]>::try_from(plain.as_slice()).map(Secret::new).map_err(|_| NotOpened)
    }

    fn check_value(&self) -> [u8; 8] {
        self.check
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_file_is_refused_by_name() {
        let folder = Folder::new();
        let check = |name: &str, mode: u32, bytes: usize, expected: &str| {
            let path = folder.path(name);
            std::fs::write(&path, vec![7u8; bytes]).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let got = KekFile::open(&path).err().map_or(String::from("opened"), |e| e.to_string());
            assert!(got.contains(expected), "{name}: {got}");
        };
        check("good", 0o600, 32, "opened");
        check("read-only", 0o400, 32, "opened");
        check("group", 0o640, 32, "chmod 600");
        check("world", 0o604, 32, "mode 0604");
        check("short", 0o600, 31, "31 bytes");
        check("long", 0o600, 33, "33 bytes");
        check("empty", 0o600, 0, "0 bytes");
        assert!(matches!(KekFile::open(&folder.path("none")), Err(KekError::Missing(_))));
        assert!(matches!(KekFile::open(&folder.path("")), Err(KekError::NotAFile(_))));
        assert!(matches!(KekFile::create(&folder.path("good")), Err(KekError::Exists(_))));
    }

    #[test]
    fn wrapped_keys_open_under_their_name_and_kek_alone() {
        let folder = Folder::new();
        let [a, b] = ["a", "b"].map(|name| {
            KekFile::create(&folder.path(name)).unwrap();
            KekFile::open(&folder.path(name)).unwrap()
        });
        let wrapped = a.wrap("dek 1", &Secret::new([9; 32])).unwrap();
        assert!(!wrapped.windows(32).any(|w| w == [9; 32]));
        assert_eq!(a.unwrap("dek 1", &wrapped).map(|s| *s.expose()), Ok([9; 32]));
        assert!(a.unwrap("dek 2", &wrapped).is_err());
        assert!(b.unwrap("dek 1", &wrapped).is_err());
        assert_ne!(a.check_value(), b.check_value());
    }
}

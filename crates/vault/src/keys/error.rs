//! Why a key-encryption key cannot be used, in words that say what to do. No word of it holds a secret.

use super::{KEK_BYTES, KekKind, NoChance};
use crate::private::{FILE_LIMIT_BYTES, PrivateError};
use std::fmt;
use std::path::{Path, PathBuf};

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
    /// Neither 32 bytes nor a description of where the key is.
    Malformed {
        path: PathBuf,
        detail: String,
    },
    Exists(PathBuf),
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    WrongPassphrase,
    /// What was entered is no share at all: mistyped.
    NotAShare,
    /// A share of somebody who is not a custodian of this key, or of an older one.
    WrongShare,
    /// All that were needed are here, and together they are not the key.
    SharesDiffer,
    /// A hardware module: what was tried, and what it said.
    Hsm {
        doing: &'static str,
        detail: String,
    },
    WrongPin(String),
    /// A key of the token has this label already.
    Taken(String),
    /// A KEK that was handed over by somebody who has not the one that wraps now.
    NotProven,
    /// Asked of a KEK of another kind.
    OtherKind(KekKind),
    NoChance,
}

impl KekError {
    /// For scripts: one word that does not change.
    pub fn code(&self) -> &'static str {
        match self {
            KekError::Missing(_) => "key_missing",
            KekError::NotAFile(_) | KekError::Malformed { .. } => "key_damaged",
            KekError::TooOpen { .. } => "key_too_open",
            KekError::NotOurs { .. } => "key_of_another_user",
            KekError::Exists(_) => "key_exists",
            KekError::Unreadable { .. } => "key_unreadable",
            KekError::WrongPassphrase => "wrong_passphrase",
            KekError::NotAShare => "not_a_share",
            KekError::WrongShare => "wrong_share",
            KekError::SharesDiffer => "shares_differ",
            KekError::Hsm { .. } => "hsm_error",
            KekError::WrongPin(_) => "wrong_pin",
            KekError::Taken(_) => "key_exists",
            KekError::NotProven => "not_proven",
            KekError::OtherKind(_) => "other_kind_of_key",
            KekError::NoChance => "no_randomness",
        }
    }

    pub fn unreadable(path: &Path, error: std::io::Error) -> KekError {
        match error.kind() {
            std::io::ErrorKind::NotFound => KekError::Missing(path.to_owned()),
            std::io::ErrorKind::AlreadyExists => KekError::Exists(path.to_owned()),
            _ => KekError::Unreadable { path: path.to_owned(), error },
        }
    }
}

impl From<PrivateError> for KekError {
    fn from(error: PrivateError) -> KekError {
        match error {
            PrivateError::Missing(path) => KekError::Missing(path),
            PrivateError::NotAFile(path) => KekError::NotAFile(path),
            PrivateError::TooOpen { path, mode } => KekError::TooOpen { path, mode },
            PrivateError::NotOurs { path, owner } => KekError::NotOurs { path, owner },
            PrivateError::TooLong(path) => {
                KekError::Malformed { path, detail: format!("it has more than {FILE_LIMIT_BYTES} bytes") }
            }
            PrivateError::Unreadable { path, error } => KekError::Unreadable { path, error },
        }
    }
}

impl fmt::Display for KekError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KekError::Missing(path) => write!(
                f,
                "the key file {} does not exist; put the key that this vault was made with there, or make one for a new vault: \
                 florin keys init",
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
            KekError::Malformed { path, detail } => write!(
                f,
                "the key file {} is neither a key of exactly {KEK_BYTES} bytes nor a description that `florin keys init` makes \
                 ({detail}); it is not a Florin key, or was cut",
                path.display()
            ),
            KekError::Exists(path) => {
                write!(f, "the key file {} exists already; Florin does not replace a key", path.display())
            }
            KekError::Unreadable { path, error } => {
                write!(f, "the key file {} cannot be used: {error}", path.display())
            }
            KekError::WrongPassphrase => {
                f.write_str("the passphrase does not open the key file; enter the one that it was made with")
            }
            KekError::NotAShare => {
                f.write_str("that is not a share: a share begins with FLORIN-SHARE- and has a check sum; type it again")
            }
            KekError::WrongShare => {
                f.write_str("that share is of no custodian of this key; it may be of a key that was rotated out since")
            }
            KekError::SharesDiffer => {
                f.write_str("the shares are each known, and together they are not the key; the key file is not theirs")
            }
            KekError::Hsm { doing, detail } => write!(f, "the hardware module could not {doing}: {detail}"),
            KekError::WrongPin(token) => write!(
                f,
                "the hardware module refuses the PIN for the token {token}; correct the PIN file before the token locks itself"
            ),
            KekError::Taken(label) => write!(f, "the token has a key {label} already; choose another label"),
            KekError::NotProven => f.write_str("the key that wraps now was not given; nothing was changed"),
            KekError::OtherKind(kind) => write!(f, "that cannot be done with a key of the kind {kind:?}"),
            KekError::NoChance => f.write_str("the system gives no random bytes"),
        }
    }
}

impl std::error::Error for KekError {}

impl From<NoChance> for KekError {
    fn from(_: NoChance) -> KekError {
        KekError::NoChance
    }
}

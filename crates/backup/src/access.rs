//! Who can read a backup: age recipients (X25519) or a passphrase. Whoever writes backups needs no secret for the first.

use crate::age::{self, Identity, NotOpened, Opened, Recipient, Sealed};
use crate::error::BackupError;
use std::io::{BufRead, Write};
use zeroize::Zeroizing;

/// Those who shall be able to read.
pub enum Readers {
    /// `age1…`, at least one.
    Recipients(Vec<Recipient>),
    Passphrase(Zeroizing<String>),
}

/// What opens a backup.
pub enum Opener {
    /// `AGE-SECRET-KEY-1…`
    Identities(Vec<Identity>),
    Passphrase(Zeroizing<String>),
}

/// Shorter ones are guessed from a stolen backup.
const PASSPHRASE_CHARS: usize = 15;

fn passphrase(text: &str) -> Result<Zeroizing<String>, BackupError> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text.chars().count() < PASSPHRASE_CHARS {
        let detail = format!("the passphrase has fewer than {PASSPHRASE_CHARS} characters. Choose a longer one.");
        return Err(BackupError::BadKey { detail });
    }
    Ok(Zeroizing::new(text.to_owned()))
}

impl Readers {
    pub fn recipients(texts: &[String]) -> Result<Readers, BackupError> {
        if texts.is_empty() {
            let detail = "nobody could read the backup. Give --recipient age1… (florin backup keygen makes one) or --passphrase-file.";
            return Err(BackupError::BadKey { detail: detail.to_owned() });
        }
        let parse = |text: &String| {
            let detail = "a recipient is not one of age's (age1…). florin backup keygen makes one.".to_owned();
            Recipient::parse(text.trim()).ok_or(BackupError::BadKey { detail })
        };
        Ok(Readers::Recipients(texts.iter().map(parse).collect::<Result<_, _>>()?))
    }

    pub fn passphrase(text: &str) -> Result<Readers, BackupError> {
        Ok(Readers::Passphrase(passphrase(text)?))
    }

    /// Everything written to the result is encrypted; it must be finished.
    pub fn encrypt<W: Write>(&self, to: W) -> std::io::Result<Sealed<W>> {
        match self {
            Readers::Passphrase(text) => age::encrypt_with(text, to),
            Readers::Recipients(all) => age::encrypt(all, to),
        }
    }

    /// Backups that may add to one whole one: each costs a restore the work of its passphrase.
    pub fn chain_limit(&self) -> usize {
        match self {
            Readers::Passphrase(_) => 30,
            Readers::Recipients(_) => crate::make::CHAIN_LIMIT_BACKUPS,
        }
    }
}

impl Opener {
    /// Lines of an identity file; lines that begin with # are remarks.
    pub fn identities(file: &str) -> Result<Opener, BackupError> {
        let lines = file.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let parse = |line: &str| {
            // The line is a secret: it is not told.
            Identity::parse(line).ok_or_else(|| BackupError::BadKey {
                detail: "a line of the identity file is not an age identity (AGE-SECRET-KEY-1…)".to_owned(),
            })
        };
        let all = lines.map(parse).collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() {
            return Err(BackupError::BadKey { detail: "the identity file holds no identity".to_owned() });
        }
        Ok(Opener::Identities(all))
    }

    pub fn passphrase(text: &str) -> Result<Opener, BackupError> {
        Ok(Opener::Passphrase(passphrase(text)?))
    }

    /// `id` names the backup in errors.
    pub fn decrypt<R: BufRead>(&self, id: &str, from: R) -> Result<Opened<R>, BackupError> {
        let opened = match self {
            Opener::Identities(all) => age::decrypt(all, from),
            Opener::Passphrase(text) => age::decrypt_with(text, from),
        };
        opened.map_err(|refused| match refused {
            NotOpened::NoMatch | NotOpened::TooMuchWork => BackupError::NoKey { id: id.to_owned() },
            NotOpened::Damaged(what) => BackupError::damaged(id, what),
            NotOpened::Io(kind) => BackupError::damaged(id, kind.to_string()),
        })
    }
}

/// A fresh pair: the identity file's text, and the recipient.
pub fn keygen() -> Result<(Zeroizing<String>, String), BackupError> {
    let failed = |detail: String| BackupError::BadKey { detail };
    let identity = Identity::generate().map_err(|e| failed(e.to_string()))?;
    let recipient = identity.recipient().map_err(|e| failed(e.to_owned()))?.text();
    let text = format!(
        "# Opens the backups made for {recipient}\n# Keep it away from the machine that makes them.\n{}\n",
        identity.text().as_str()
    );
    Ok((Zeroizing::new(text), recipient))
}

//! Who can read a backup: age recipients (X25519) or a passphrase. Whoever writes backups needs no secret for the first.

use crate::error::BackupError;
use age::DecryptError;
use age::secrecy::{ExposeSecret, SecretString};
use age::stream::{StreamReader, StreamWriter};
use age::x25519::{Identity, Recipient};
use std::io::{BufRead, Write};
use zeroize::Zeroizing;

/// Those who shall be able to read.
pub enum Readers {
    /// `age1…`, at least one.
    Recipients(Vec<Recipient>),
    Passphrase(SecretString),
}

/// What opens a backup.
pub enum Opener {
    /// `AGE-SECRET-KEY-1…`
    Identities(Vec<Identity>),
    Passphrase(SecretString),
}

/// Shorter ones are guessed from a stolen backup.
const PASSPHRASE_CHARS: usize = 15;

fn passphrase(text: &str) -> Result<SecretString, BackupError> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text.chars().count() < PASSPHRASE_CHARS {
        let detail = format!("the passphrase has fewer than {PASSPHRASE_CHARS} characters. Choose a longer one.");
        return Err(BackupError::BadKey { detail });
    }
    Ok(SecretString::from(text.to_owned()))
}

impl Readers {
    pub fn recipients(texts: &[String]) -> Result<Readers, BackupError> {
        if texts.is_empty() {
            let detail = "nobody could read the backup. Give --recipient age1… (florin backup keygen makes one) or --passphrase-file.";
            return Err(BackupError::BadKey { detail: detail.to_owned() });
        }
        let parse = |text: &String| {
            let detail = "a recipient is not one of age's (age1…). florin backup keygen makes one.".to_owned();
            text.trim().parse::<Recipient>().map_err(|_| BackupError::BadKey { detail })
        };
        Ok(Readers::Recipients(texts.iter().map(parse).collect::<Result<_, _>>()?))
    }

    pub fn passphrase(text: &str) -> Result<Readers, BackupError> {
        Ok(Readers::Passphrase(passphrase(text)?))
    }

    /// Everything written to the result is encrypted; it must be finished.
    pub fn encrypt<W: Write>(&self, to: W) -> std::io::Result<StreamWriter<W>> {
        let encryptor = match self {
            Readers::Passphrase(text) => age::Encryptor::with_user_passphrase(text.clone()),
            Readers::Recipients(all) => {
                let all = all.iter().map(|one| one as &dyn age::Recipient);
                age::Encryptor::with_recipients(all).map_err(std::io::Error::other)?
            }
        };
        encryptor.wrap_output(to)
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
            line.parse::<Identity>().map_err(|_| BackupError::BadKey {
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
    pub fn decrypt<R: BufRead>(&self, id: &str, from: R) -> Result<StreamReader<R>, BackupError> {
        let refused = |error: DecryptError| match error {
            DecryptError::NoMatchingKeys
            | DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::ExcessiveWork { .. } => BackupError::NoKey { id: id.to_owned() },
            other => BackupError::damaged(id, other.to_string()),
        };
        let decryptor = age::Decryptor::new_buffered(from).map_err(refused)?;
        let opened = match self {
            Opener::Identities(all) => decryptor.decrypt(all.iter().map(|one| one as &dyn age::Identity)),
            Opener::Passphrase(text) => {
                let identity = age::scrypt::Identity::new(text.clone());
                decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
            }
        };
        opened.map_err(refused)
    }
}

/// A fresh pair: the identity file's text, and the recipient.
pub fn keygen() -> (Zeroizing<String>, String) {
    let identity = Identity::generate();
    let recipient = identity.to_public().to_string();
    let text = format!(
        "# Opens the backups made for {recipient}\n# Keep it away from the machine that makes them.\n{}\n",
        identity.to_string().expose_secret()
    );
    (Zeroizing::new(text), recipient)
}

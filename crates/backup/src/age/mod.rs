//! The age file format, version 1 (C2SP age.md), so that the `age` program opens backups too: X25519 recipients or one passphrase.
//! Cryptography is aws-lc's. Knows bytes and keys, no backup.

mod base64;
mod header;
mod key;
mod passphrase;
mod stream;
#[cfg(test)]
mod tests;

pub use base64::{decode as base64_decode, encode as base64_encode};
pub use key::{Identity, Recipient};
pub use stream::{Opened, Sealed};

use aws_lc_rs::hkdf;
use aws_lc_rs::rand::fill;
use header::{Header, Stanza};
use std::io::{BufRead, Write};
use zeroize::Zeroizing;

/// Why a file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// None of the keys is one of its recipients.
    NoMatch,
    /// Its header or its bytes are not what was written.
    Damaged(&'static str),
    /// It asks for more work than any file of ours would.
    TooMuchWork,
    /// It could not be read.
    Io(std::io::ErrorKind),
}

type FileKey = Zeroizing<[u8; 16]>;

/// Everything written to the result is encrypted for all of `to`; it must be finished.
pub fn encrypt<W: Write>(to: &[Recipient], out: W) -> std::io::Result<Sealed<W>> {
    let key = file_key()?;
    let stanzas = to.iter().map(|one| one.wrap(&key)).collect::<std::io::Result<Vec<_>>>()?;
    begin(&key, stanzas, out)
}

/// The same for whoever knows the passphrase. Takes about a second, and so does each guess.
pub fn encrypt_with<W: Write>(passphrase: &str, out: W) -> std::io::Result<Sealed<W>> {
    let key = file_key()?;
    let stanza = passphrase::wrap(passphrase, &key)?;
    begin(&key, vec![stanza], out)
}

pub fn decrypt<R: BufRead>(with: &[Identity], mut from: R) -> Result<Opened<R>, NotOpened> {
    let header = Header::read(&mut from)?;
    for identity in with {
        for stanza in &header.stanzas {
            if let Some(key) = identity.unwrap(stanza)? {
                return payload(&header, &key, from);
            }
        }
    }
    Err(NotOpened::NoMatch)
}

pub fn decrypt_with<R: BufRead>(passphrase: &str, mut from: R) -> Result<Opened<R>, NotOpened> {
    let header = Header::read(&mut from)?;
    // A passphrase stands alone (age.md, "scrypt recipient stanza").
    let [stanza] = header.stanzas.as_slice() else { return Err(NotOpened::NoMatch) };
    let key = passphrase::unwrap(passphrase, stanza)?.ok_or(NotOpened::NoMatch)?;
    payload(&header, &key, from)
}

fn file_key() -> std::io::Result<FileKey> {
    let mut key = Zeroizing::new([0; 16]);
    fill(key.as_mut_slice()).map_err(no_chance)?;
    Ok(key)
}

fn no_chance(_: aws_lc_rs::error::Unspecified) -> std::io::Error {
    std::io::Error::other("the system gives no random bytes")
}

fn begin<W: Write>(key: &FileKey, stanzas: Vec<Stanza>, mut out: W) -> std::io::Result<Sealed<W>> {
    out.write_all(&Header::new(stanzas, key).text())?;
    let mut nonce = [0; 16];
    fill(&mut nonce).map_err(no_chance)?;
    out.write_all(&nonce)?;
    Ok(Sealed::new(out, &derive(key.as_slice(), &nonce, b"payload")))
}

fn payload<R: BufRead>(header: &Header, key: &FileKey, mut from: R) -> Result<Opened<R>, NotOpened> {
    if !header.is_under(key) {
        return Err(NotOpened::Damaged("its header was changed"));
    }
    let mut nonce = [0; 16];
    from.read_exact(&mut nonce).map_err(|_| NotOpened::Damaged("it ends after its header"))?;
    Ok(Opened::new(from, &derive(key.as_slice(), &nonce, b"payload")))
}

/// HKDF-SHA256 (RFC 5869).
fn derive(from: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(from);
    let filled = prk.expand(&[info], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(out.as_mut_slice()));
    assert!(filled.is_ok(), "HKDF-SHA256 gives 32 bytes");
    out
}

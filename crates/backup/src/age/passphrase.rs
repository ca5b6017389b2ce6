//! A file's key under a passphrase (age.md, "scrypt recipient stanza"; RFC 7914). The one place that calls aws-lc's scrypt, which its
//! Rust interface does not have.

use super::header::Stanza;
use super::key::{unwrap as open, wrap as seal};
use super::{FileKey, NotOpened, base64_decode, base64_encode, no_chance};
use aws_lc_rs::rand::fill;
use zeroize::Zeroizing;

const KIND: &str = "scrypt";
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// Base-2 logarithm of the work of what we write: about half a second, 256 MiB.
const WORK: u8 = 18;
/// What we are ready to do for a file: eight times as much.
const WORK_LIMIT: u8 = 21;
const MEMORY_LIMIT_BYTES: usize = 3 << 30;

pub fn wrap(passphrase: &str, key: &FileKey) -> std::io::Result<Stanza> {
    let mut salt = [0; 16];
    fill(&mut salt).map_err(no_chance)?;
    let under =
        scrypt(passphrase, &salt, WORK).ok_or_else(|| std::io::Error::other("there is no memory for scrypt"))?;
    let args = vec![KIND.to_owned(), base64_encode(&salt, false), WORK.to_string()];
    Ok(Stanza { args, body: seal(&under, key) })
}

pub fn unwrap(passphrase: &str, stanza: &Stanza) -> Result<Option<FileKey>, NotOpened> {
    let odd = NotOpened::Damaged("the passphrase's part of the header is impossible");
    let [kind, salt, work] = stanza.args.as_slice() else { return Ok(None) };
    if kind != KIND {
        return Ok(None);
    }
    let salt = base64_decode(salt).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).ok_or(odd)?;
    let digits = !work.starts_with('0') && work.bytes().all(|b| b.is_ascii_digit());
    let work = work.parse::<u8>().ok().filter(|_| digits).ok_or(odd)?;
    if work > WORK_LIMIT {
        return Err(NotOpened::TooMuchWork);
    }
    let under = scrypt(passphrase, &salt, work).ok_or(odd)?;
    open(&under, &stanza.body).map_err(|()| odd)
}

#[allow(unsafe_code)]
fn scrypt(passphrase: &str, salt: &[u8; 16], work: u8) -> Option<Zeroizing<[u8; 32]>> {
    let salt = [LABEL, salt].concat();
    let mut key = Zeroizing::new([0u8; 32]);
    // SAFETY: every pointer stands with the length of the slice it comes from, all outlive the call, and `key` is ours alone.
    let done = unsafe {
        aws_lc_sys::EVP_PBE_scrypt(
            passphrase.as_ptr().cast(),
            passphrase.len(),
            salt.as_ptr(),
            salt.len(),
            1 << work,
            8,
            1,
            MEMORY_LIMIT_BYTES,
            key.as_mut_ptr(),
            key.len(),
        )
    };
    (done == 1).then_some(key)
}

//! The payload of an age file: chunks of 64 KiB under ChaCha20-Poly1305, each with its number and whether it is the last (age.md,
//! "Payload"; STREAM of Hoang, Reyhanitabar, Rogaway and Vizár). Nothing is given out before its chunk is checked.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;

struct Chunks {
    key: LessSafeKey,
    n: u64,
}

impl Chunks {
    fn new(key: &[u8; 32]) -> Chunks {
        match UnboundKey::new(&CHACHA20_POLY1305, key) {
            Ok(key) => Chunks { key: LessSafeKey::new(key), n: 0 },
            Err(_) => unreachable!("ChaCha20-Poly1305 takes every key of 32 bytes"),
        }
    }

    /// Eleven bytes of number, one that says whether it is the last.
    fn nonce(&mut self, last: bool) -> Nonce {
        let mut bytes = [0; 12];
        bytes[3..11].copy_from_slice(&self.n.to_be_bytes());
        bytes[11] = u8::from(last);
        self.n += 1;
        Nonce::assume_unique_for_key(bytes)
    }
}

/// Encrypts what is written to it. Without `finish` the file is broken, and read as such.
pub struct Sealed<W: Write> {
    out: W,
    chunks: Chunks,
    held: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealed<W> {
    pub(super) fn new(out: W, key: &[u8; 32]) -> Sealed<W> {
        let held = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + TAG_BYTES));
        Sealed { out, chunks: Chunks::new(key), held }
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = self.chunks.nonce(last);
        let sealed = self.chunks.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut *self.held);
        sealed.map_err(|_| io::Error::other("a chunk could not be encrypted"))?;
        self.out.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for more, because the last one says that it is.
        if self.held.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Decrypts what is read from it. The end is the end only if the file says so.
pub struct Opened<R: Read> {
    from: R,
    chunks: Chunks,
    /// Encrypted bytes read ahead, then the plain ones of one chunk.
    ahead: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    given: usize,
    done: bool,
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<R: Read> Opened<R> {
    pub(super) fn new(from: R, key: &[u8; 32]) -> Opened<R> {
        let plain = Zeroizing::new(Vec::new());
        Opened { from, chunks: Chunks::new(key), ahead: vec![], plain, given: 0, done: false }
    }

    fn next(&mut self) -> io::Result<()> {
        // One byte more than a chunk tells whether it is the last.
        let wanted = CHUNK_BYTES + TAG_BYTES + 1;
        let missing = (wanted - self.ahead.len()) as u64;
        (&mut self.from).take(missing).read_to_end(&mut self.ahead)?;
        let last = self.ahead.len() < wanted;
        let rest = if last { vec![] } else { self.ahead.split_off(wanted - 1) };
        let first = self.chunks.n == 0;
        let nonce = self.chunks.nonce(last);
        self.plain = Zeroizing::new(std::mem::replace(&mut self.ahead, rest));
        let opened = self.chunks.key.open_in_place(nonce, Aad::empty(), &mut self.plain);
        let length = opened.map_err(|_| damaged("a part of it was changed or cut off"))?.len();
        if length == 0 && !first {
            return Err(damaged("its last part is empty"));
        }
        self.plain.truncate(length);
        (self.given, self.done) = (0, last);
        Ok(())
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.plain.len() {
            if self.done {
                return Ok(0);
            }
            self.next()?;
        }
        let n = into.len().min(self.plain.len() - self.given);
        into[..n].copy_from_slice(&self.plain[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

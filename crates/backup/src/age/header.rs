//! The header of an age file: one stanza a recipient, and a code under the file's key. Text within limits, or damaged.

use super::{FileKey, NotOpened, base64_decode, base64_encode, derive};
use aws_lc_rs::hmac;
use std::io::BufRead;

const VERSION: &str = "age-encryption.org/v1";
/// More recipients than any installation has.
const STANZAS_LIMIT: usize = 100;
const LINE_LIMIT_BYTES: u64 = 4_096;
/// A stanza's body in lines of this width; a shorter one is its last.
const COLUMNS: usize = 64;

/// The file's key, wrapped for one recipient.
pub struct Stanza {
    /// The first is its kind.
    pub args: Vec<String>,
    pub body: Vec<u8>,
}

pub struct Header {
    pub stanzas: Vec<Stanza>,
    /// What the code is over.
    signed: Vec<u8>,
    code: Vec<u8>,
}

fn code_key(key: &FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, derive(key.as_slice(), &[], b"header").as_slice())
}

impl Header {
    pub fn new(stanzas: Vec<Stanza>, key: &FileKey) -> Header {
        let mut text = format!("{VERSION}\n");
        for Stanza { args, body } in &stanzas {
            text += &format!("-> {}\n", args.join(" "));
            let body = base64_encode(body, false);
            let mut rest = body.as_str();
            while rest.len() >= COLUMNS {
                let (line, after) = rest.split_at(COLUMNS);
                text += &format!("{line}\n");
                rest = after;
            }
            text += &format!("{rest}\n");
        }
        text += "---";
        let signed = text.into_bytes();
        let code = hmac::sign(&code_key(key), &signed).as_ref().to_vec();
        Header { stanzas, signed, code }
    }

    pub fn text(&self) -> Vec<u8> {
        let mut text = self.signed.clone();
        text.extend_from_slice(format!(" {}\n", base64_encode(&self.code, false)).as_bytes());
        text
    }

    /// It was made by whoever chose the file's key.
    pub fn is_under(&self, key: &FileKey) -> bool {
        hmac::verify(&code_key(key), &self.signed, &self.code).is_ok()
    }

    pub fn read(from: &mut impl BufRead) -> Result<Header, NotOpened> {
        const ODD: NotOpened = NotOpened::Damaged("its header is not that of an age file");
        let mut signed = Vec::new();
        let mut line = |signed: &mut Vec<u8>| -> Result<String, NotOpened> {
            let mut bytes = Vec::new();
            let mut limited = std::io::Read::take(&mut *from, LINE_LIMIT_BYTES);
            limited.read_until(b'\n', &mut bytes).map_err(|e| NotOpened::Io(e.kind()))?;
            signed.extend_from_slice(&bytes);
            let text = String::from_utf8(bytes).map_err(|_| ODD)?;
            text.strip_suffix('\n').map(str::to_owned).ok_or(ODD)
        };
        if line(&mut signed)? != VERSION {
            return Err(ODD);
        }
        let mut stanzas = Vec::new();
        loop {
            let first = line(&mut signed)?;
            if let Some(code) = first.strip_prefix("--- ") {
                let code = base64_decode(code).filter(|code| code.len() == 32).ok_or(ODD)?;
                let kept = signed.len() - (first.len() + 1) + "---".len();
                signed.truncate(kept);
                return if stanzas.is_empty() { Err(ODD) } else { Ok(Header { stanzas, signed, code }) };
            }
            let args = first.strip_prefix("-> ").ok_or(ODD)?;
            let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
            if args.iter().any(|arg| arg.is_empty() || !arg.bytes().all(|b| b.is_ascii_graphic())) {
                return Err(ODD);
            }
            let mut body = String::new();
            loop {
                let part = line(&mut signed)?;
                body += &part;
                match part.len() {
                    COLUMNS if body.len() < LINE_LIMIT_BYTES as usize => {}
                    short if short < COLUMNS => break,
                    _ => return Err(ODD),
                }
            }
            let body = base64_decode(&body).ok_or(ODD)?;
            stanzas.push(Stanza { args, body });
            if stanzas.len() > STANZAS_LIMIT {
                return Err(ODD);
            }
        }
    }
}

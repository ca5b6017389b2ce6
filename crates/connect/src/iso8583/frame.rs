//! Bodies in a stream of bytes: the length header before each message. Knows no message, and keeps no body that it handed out.

use super::error::BadDialect;
use crate::Wiped;
use serde::Deserialize;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ByteOrder {
    Big,
    Little,
}

/// How the length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    #[default]
    Binary,
    /// Decimal digits; the byte order means nothing then.
    Ascii,
}

/// Transport header of five bytes between the length and the body: id, destination, source. Written as ten hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Tpdu([u8; TPDU_BYTES]);

const TPDU_BYTES: usize = 5;

impl TryFrom<String> for Tpdu {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Tpdu, &'static str> {
        let mut out = [0u8; TPDU_BYTES];
        if text.len() != TPDU_BYTES * 2 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("a TPDU has ten hexadecimal digits");
        }
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or("");
            *byte = u8::from_str_radix(pair, 16).map_err(|_| "a TPDU has ten hexadecimal digits")?;
        }
        Ok(Tpdu(out))
    }
}

/// How frames are written on one link.
#[derive(Clone, Debug, Deserialize)]
pub struct Framing {
    /// 2 or 4.
    pub header_bytes: usize,
    #[serde(default)]
    pub header: Header,
    pub byte_order: ByteOrder,
    /// The length counts the header too.
    pub length_includes_header: bool,
    /// The largest body, in bytes. Checked before anything is kept for it.
    #[serde(rename = "max_body")]
    pub max_body_bytes: usize,
    /// A frame without a body is no error.
    pub zero_length_is_keepalive: bool,
    /// Written before every body; one that arrives is dropped unread.
    #[serde(default)]
    pub tpdu: Option<Tpdu>,
}

/// Why a stream cannot be read on: nothing after this point can be trusted, the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The length is above the limit of the link.
    TooLong { bytes: usize },
    /// The length is not all digits, smaller than what it must count, or zero where that is no keep-alive.
    BadLength,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong { bytes } => write!(f, "a frame of {bytes} bytes is above the limit of the link"),
            FrameError::BadLength => f.write_str("a frame has a length that cannot be"),
        }
    }
}

impl std::error::Error for FrameError {}

impl Framing {
    pub(super) fn check(&self) -> Result<(), BadDialect> {
        if !matches!(self.header_bytes, 2 | 4) {
            return Err(BadDialect("framing: header_bytes is 2 or 4".into()));
        }
        if !(1..=65_000).contains(&self.max_body_bytes) || self.largest_length() > self.largest_writable() {
            return Err(BadDialect("framing: max_body does not fit its header".into()));
        }
        Ok(())
    }

    fn largest_length(&self) -> usize {
        self.max_body_bytes + self.overhead() + self.tpdu_bytes()
    }

    fn largest_writable(&self) -> usize {
        match (self.header, self.header_bytes) {
            (Header::Ascii, 2) => 99,
            (Header::Ascii, _) => 9_999,
            (Header::Binary, 2) => usize::from(u16::MAX),
            (Header::Binary, _) => usize::MAX,
        }
    }

    /// What the length counts beyond the body and the TPDU.
    fn overhead(&self) -> usize {
        if self.length_includes_header { self.header_bytes } else { 0 }
    }

    fn tpdu_bytes(&self) -> usize {
        if self.tpdu.is_some() { TPDU_BYTES } else { 0 }
    }

    /// The body with its header, in memory that is wiped when dropped.
    pub fn frame(&self, body: &[u8]) -> Result<Wiped, FrameError> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.header_bytes + TPDU_BYTES + body.len()));
        self.frame_into(body, &mut out)?;
        Ok(out)
    }

    /// Appends the body with its header. Growing `out` leaves its old memory to the allocator: reserve first, or wipe on free.
    pub fn frame_into(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        if body.len() > self.max_body_bytes {
            return Err(FrameError::TooLong { bytes: body.len() });
        }
        self.write_length(body.len() + self.tpdu_bytes() + self.overhead(), out);
        if let Some(tpdu) = &self.tpdu {
            out.extend_from_slice(&tpdu.0);
        }
        out.extend_from_slice(body);
        Ok(())
    }

    /// A frame without a body, which the other side ignores.
    pub fn keep_alive(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.header_bytes);
        self.write_length(self.overhead(), &mut out);
        out
    }

    fn write_length(&self, length: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let mut rest = length;
        for _ in 0..self.header_bytes {
            match self.header {
                Header::Binary => out.push(rest.to_le_bytes()[0]),
                Header::Ascii => out.push(b'0' + (rest % 10).to_le_bytes()[0]),
            }
            rest /= if self.header == Header::Ascii { 10 } else { 256 };
        }
        if (self.header, self.byte_order) != (Header::Binary, ByteOrder::Little) {
            out[start..].reverse();
        }
    }

    fn read_length(&self, header: &[u8]) -> Result<usize, FrameError> {
        let add = |n: usize, byte: &u8| match self.header {
            Header::Binary => Ok(n << 8 | usize::from(*byte)),
            Header::Ascii if byte.is_ascii_digit() => Ok(n * 10 + usize::from(byte - b'0')),
            Header::Ascii => Err(FrameError::BadLength),
        };
        match (self.header, self.byte_order) {
            (Header::Binary, ByteOrder::Little) => header.iter().rev().try_fold(0, add),
            _ => header.iter().try_fold(0, add),
        }
    }
}

/// Cuts a stream of bytes into bodies, however the bytes arrive. Holds at most one unfinished frame beyond what was pushed and not
/// yet taken, and wipes what it handed out.
pub struct Framer {
    framing: Framing,
    buffer: Zeroizing<Vec<u8>>,
    /// Where the next frame begins; all before it is wiped.
    start: usize,
    broken: Option<FrameError>,
}

impl Framer {
    pub fn new(framing: &Framing) -> Framer {
        Framer { framing: framing.clone(), buffer: Zeroizing::new(Vec::new()), start: 0, broken: None }
    }

    /// Takes bytes as they came from the stream. Call `next_frame` until it gives nothing before the next push: then the buffer
    /// stays as small as one frame and one read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.close_gap();
        let needed = self.buffer.len() + bytes.len();
        if needed > self.buffer.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
            larger.extend_from_slice(&self.buffer);
            // The smaller buffer is wiped as it is dropped.
            self.buffer = larger;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole body, or nothing until more bytes come. Keep-alives are passed over. After an error the stream is lost: every
    /// later call gives the same error.
    pub fn next_frame(&mut self) -> Result<Option<Wiped>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let next = self.cut();
        if let Err(error) = next {
            self.broken = Some(error);
            self.forget();
        }
        next
    }

    /// Bytes that are waiting for the rest of their frame.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }

    fn cut(&mut self) -> Result<Option<Wiped>, FrameError> {
        loop {
            let waiting = self.buffer.get(self.start..).unwrap_or(&[]);
            let Some((header, rest)) = waiting.split_at_checked(self.framing.header_bytes) else { return Ok(None) };
            let length = self.framing.read_length(header)?.checked_sub(self.framing.overhead());
            let length = length.ok_or(FrameError::BadLength)?;
            let tpdu = self.framing.tpdu_bytes();
            if length > self.framing.max_body_bytes + tpdu {
                return Err(FrameError::TooLong { bytes: length });
            }
            if length == 0 && self.framing.zero_length_is_keepalive {
                self.advance(self.framing.header_bytes);
                continue;
            }
            if length <= tpdu {
                return Err(FrameError::BadLength);
            }
            let Some(body) = rest.get(tpdu..length) else { return Ok(None) };
            let body = Zeroizing::new(body.to_vec());
            self.advance(self.framing.header_bytes + length);
            return Ok(Some(body));
        }
    }

    /// Wipes what was handed out.
    fn advance(&mut self, bytes: usize) {
        let end = self.start + bytes;
        if let Some(used) = self.buffer.get_mut(self.start..end) {
            used.zeroize();
        }
        self.start = end;
        if self.start == self.buffer.len() {
            self.forget();
        }
    }

    /// Moves an unfinished frame to the front and wipes where it stood.
    fn close_gap(&mut self) {
        if self.start == 0 {
            return;
        }
        let waiting = self.buffer.len() - self.start;
        self.buffer.copy_within(self.start.., 0);
        if let Some(tail) = self.buffer.get_mut(waiting..) {
            tail.zeroize();
        }
        self.buffer.truncate(waiting);
        self.start = 0;
    }

    fn forget(&mut self) {
        self.buffer.zeroize();
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(json: &str) -> Framing {
        let framing: Framing = serde_json::from_str(json).unwrap();
        framing.check().unwrap();
        framing
    }

    const LINK: &str = r#"{"header_bytes": 2, "byte_order": "big", "length_includes_header": false, "max_body": 4096,
        "zero_length_is_keepalive": true}"#;
    const LITTLE: &str = r#"{"header_bytes": 4, "byte_order": "little", "length_includes_header": true, "max_body": 4096,
        "zero_length_is_keepalive": true}"#;
    const ASCII: &str = r#"{"header_bytes": 4, "header": "ascii", "byte_order": "big", "length_includes_header": true,
        "max_body": 9990, "zero_length_is_keepalive": false}"#;
    const TPDU: &str = r#"{"header_bytes": 2, "byte_order": "big", "length_includes_header": false, "max_body": 4096,
        "zero_length_is_keepalive": true, "tpdu": "6000010002"}"#;

    #[test]
    fn frames_as_they_stand_on_the_wire() {
        let check = |json: &str, expected: &[u8]| {
            let framing = framing(json);
            assert_eq!(framing.frame(b"0800").unwrap().as_slice(), expected, "{json}");
        };
        check(LINK, b"\x00\x040800");
        check(LITTLE, b"\x08\x00\x00\x000800");
        check(ASCII, b"00080800");
        check(TPDU, b"\x00\x09\x60\x00\x01\x00\x020800");
        assert_eq!(framing(LINK).keep_alive(), [0, 0]);
        assert_eq!(framing(LITTLE).keep_alive(), [4, 0, 0, 0]);
    }

    #[test]
    fn bodies_come_back_however_the_stream_is_cut() {
        for json in [LINK, LITTLE, ASCII, TPDU] {
            let framing = framing(json);
            let bodies: [&[u8]; 4] = [b"a", b"bb", &[7; 4096], b"dddd"];
            let mut stream = Vec::new();
            for body in bodies {
                if framing.zero_length_is_keepalive {
                    stream.extend(framing.keep_alive());
                }
                framing.frame_into(body, &mut stream).unwrap();
            }
            for step in [1, 2, 3, 7, 1000, stream.len()] {
                let mut framer = Framer::new(&framing);
                let mut got = Vec::new();
                for piece in stream.chunks(step) {
                    framer.push(piece);
                    while let Some(body) = framer.next_frame().unwrap() {
                        got.push(body.to_vec());
                    }
                }
                assert_eq!(got, bodies, "{json} in steps of {step}");
                assert_eq!(framer.pending_bytes(), 0);
            }
        }
    }

    #[test]
    fn lengths_that_cannot_be_break_the_stream_for_good() {
        let check = |json: &str, bytes: &[u8], expected: FrameError| {
            let mut framer = Framer::new(&framing(json));
            framer.push(bytes);
            assert_eq!(framer.next_frame().err(), Some(expected), "{json}");
            framer.push(b"\x00\x040800");
            assert_eq!(framer.next_frame().err(), Some(expected), "{json}");
            assert_eq!(framer.pending_bytes(), 0);
        };
        check(LINK, &[0x10, 0x01], FrameError::TooLong { bytes: 4097 });
        check(LINK, &[0xff, 0xff, 1, 2, 3], FrameError::TooLong { bytes: 65535 });
        check(LITTLE, &[3, 0, 0, 0], FrameError::BadLength);
        check(LITTLE, &[0xff, 0xff, 0xff, 0xff], FrameError::TooLong { bytes: 4_294_967_291 });
        check(ASCII, b"00x8", FrameError::BadLength);
        check(ASCII, b"0003", FrameError::BadLength);
        check(ASCII, b"0004", FrameError::BadLength);
        check(TPDU, &[0, 5, 1, 2, 3, 4, 5], FrameError::BadLength);
        let too_long = framing(LINK).frame(&[0; 4097]).map(|_| ());
        assert_eq!(too_long, Err(FrameError::TooLong { bytes: 4097 }));
    }

    #[test]
    fn nothing_that_was_handed_out_stays() {
        let framing = framing(LINK);
        let mut framer = Framer::new(&framing);
        let mut stream = Vec::new();
        for body in [b"SECRET-1".as_slice(), b"SECRET-2", b"SECRET-3"] {
            framing.frame_into(body, &mut stream).unwrap();
        }
        let (early, late) = stream.split_at(stream.len() - 1);
        framer.push(early);
        let holds = |framer: &Framer, what: &[u8]| framer.buffer.windows(what.len()).any(|w| w == what);
        assert!(framer.next_frame().unwrap().is_some());
        assert!(!holds(&framer, b"SECRET-1") && holds(&framer, b"SECRET-2"));
        assert!(framer.next_frame().unwrap().is_some());
        assert!(framer.next_frame().unwrap().is_none());
        assert!(!holds(&framer, b"SECRET-2"));
        framer.push(late);
        assert_eq!(framer.next_frame().unwrap().as_deref().map(Vec::as_slice), Some(b"SECRET-3".as_slice()));
        assert!(framer.buffer.is_empty());
    }

    #[test]
    fn framings_that_cannot_work_are_refused() {
        let check = |json: &str| {
            let framing: Framing = serde_json::from_str(json).unwrap();
            assert!(framing.check().is_err(), "{json}");
        };
        check(&LINK.replace("\"header_bytes\": 2", "\"header_bytes\": 3"));
        check(&LINK.replace("4096", "0"));
        check(&LINK.replace("4096", "70000"));
        check(&ASCII.replace("9990", "9996"));
        assert!(serde_json::from_str::<Framing>(&TPDU.replace("6000010002", "60000100")).is_err());
        assert!(serde_json::from_str::<Framing>(&TPDU.replace("6000010002", "60000100é")).is_err());
    }
}

//! Messages to bytes and back, for any dialect. Total and exact: what decodes encodes to the same bytes, but for bitmaps in lower
//! case and empty second bitmaps. Knows no meaning of any element.

use super::MAX_FIELD;
use super::dialect::{Bitmap, Dialect, FieldSpec, Kind};
use super::error::{DecodeError, EncodeError, Problem};
use super::message::Message;
use super::mti::Mti;
use crate::Wiped;
use zeroize::Zeroizing;

const MTI_BYTES: usize = 4;
/// One bitmap covers 64 elements.
const BITMAP_BYTES: usize = 8;
const THIRD_BITMAP: u8 = 65;

pub(super) fn encode(dialect: &Dialect, message: &Message) -> Result<Wiped, EncodeError> {
    let bitmaps = if message.needs_second_bitmap() { 2 } else { 1 };
    let mut bits = [0u8; BITMAP_BYTES * 2];
    if bitmaps == 2 {
        set_bit(&mut bits, 1);
    }
    let mut length = MTI_BYTES + bitmaps * bitmap_width(dialect.bitmap);
    for (de, value) in message.iter() {
        let fault = |problem| EncodeError { field: Some(de), problem };
        let spec = dialect.field(de).ok_or(fault(Problem::Undefined))?;
        length += spec.length_digits + wire_length(spec, value).map_err(fault)?;
        set_bit(&mut bits, de);
    }
    if length > dialect.framing.max_body_bytes {
        return Err(EncodeError { field: None, problem: Problem::TooLong });
    }
    // Reserved whole, so that growing leaves no copy of a card number behind.
    let mut out = Zeroizing::new(Vec::with_capacity(length));
    out.extend_from_slice(message.mti.as_str().as_bytes());
    for byte in bits.iter().take(bitmaps * BITMAP_BYTES) {
        match dialect.bitmap {
            Bitmap::Hex => out.extend([hex_digit(byte >> 4), hex_digit(byte & 15)]),
            Bitmap::Binary => out.push(*byte),
        }
    }
    for (de, value) in message.iter() {
        if let Some(spec) = dialect.field(de) {
            write_field(&mut out, spec, value);
        }
    }
    debug_assert_eq!(out.len(), length);
    Ok(out)
}

/// Checks a value against its element and says how many characters it takes, without the prefix.
fn wire_length(spec: &FieldSpec, value: &str) -> Result<usize, Problem> {
    if !value.bytes().all(|b| spec.kind.allows(b)) {
        return Err(Problem::BadCharacter);
    }
    let full = spec.length * spec.kind.width();
    match spec.length_digits {
        0 if value.len() == full => Ok(full),
        0 if value.len() < full && spec.kind == Kind::Printable => Ok(full),
        0 => Err(Problem::WrongLength),
        _ if value.len() > full => Err(Problem::AboveMaximum),
        _ if !value.len().is_multiple_of(spec.kind.width()) => Err(Problem::WrongLength),
        _ => Ok(value.len()),
    }
}

fn write_field(out: &mut Vec<u8>, spec: &FieldSpec, value: &str) {
    let units = value.len() / spec.kind.width();
    match spec.length_digits {
        0 => {
            out.extend_from_slice(value.as_bytes());
            let filling = (spec.length * spec.kind.width()).saturating_sub(value.len());
            out.extend(std::iter::repeat_n(b' ', filling));
            return;
        }
        2 => out.extend([decimal(units / 10), decimal(units)]),
        _ => out.extend([decimal(units / 100), decimal(units / 10), decimal(units)]),
    }
    out.extend_from_slice(value.as_bytes());
}

pub(super) fn decode(dialect: &Dialect, body: &[u8]) -> Result<Message, DecodeError> {
    if body.len() > dialect.framing.max_body_bytes {
        return Err(DecodeError { field: None, offset: dialect.framing.max_body_bytes, problem: Problem::TooLong });
    }
    let mut cursor = Cursor { body, at: 0 };
    let head = cursor.take(None, MTI_BYTES)?;
    let mti = Mti::from_bytes(head).ok_or(DecodeError { field: None, offset: 0, problem: Problem::BadMti })?;
    let mut message = Message::new(mti);
    let first = cursor.bitmap(dialect.bitmap)?;
    let second = if first >> 63 == 1 { cursor.bitmap(dialect.bitmap)? } else { 0 };
    // Bit 1 of the first bitmap announces the second and is no element; bit 1 of the second is element 65.
    let present = (u128::from(first) << 64 | u128::from(second)) & !(1 << 127);
    for de in 2..=MAX_FIELD {
        if present >> (MAX_FIELD - de) & 1 == 1 {
            let value = cursor.field(dialect, de)?;
            message.put(de, value);
        }
    }
    if cursor.at != body.len() {
        return Err(DecodeError { field: None, offset: cursor.at, problem: Problem::LeftOver });
    }
    Ok(message)
}

struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, field: Option<u8>, count: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.at.checked_add(count).and_then(|end| self.body.get(self.at..end));
        let taken = taken.ok_or(DecodeError { field, offset: self.at, problem: Problem::Truncated })?;
        self.at += count;
        Ok(taken)
    }

    fn bitmap(&mut self, written: Bitmap) -> Result<u64, DecodeError> {
        let offset = self.at;
        let bytes = self.take(None, bitmap_width(written))?;
        match written {
            Bitmap::Binary => Ok(bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))),
            Bitmap::Hex => bytes
                .iter()
                .try_fold(0u64, |bits, byte| Some(bits << 4 | u64::from(char::from(*byte).to_digit(16)?)))
                .ok_or(DecodeError { field: None, offset, problem: Problem::BadBitmap }),
        }
    }

    fn field(&mut self, dialect: &Dialect, de: u8) -> Result<Zeroizing<String>, DecodeError> {
        let fault = |offset, problem| DecodeError { field: Some(de), offset, problem };
        let start = self.at;
        let spec = dialect.field(de).filter(|_| de != THIRD_BITMAP).ok_or(fault(start, Problem::Undefined))?;
        let units = match spec.length_digits {
            0 => spec.length,
            digits => {
                let prefix = self.take(Some(de), digits)?;
                let units = prefix
                    .iter()
                    .try_fold(0usize, |n, b| b.is_ascii_digit().then(|| n * 10 + usize::from(*b - b'0')))
                    .ok_or(fault(start, Problem::BadLength))?;
                if units > spec.length {
                    return Err(fault(start, Problem::AboveMaximum));
                }
                units
            }
        };
        let offset = self.at;
        let bytes = self.take(Some(de), units * spec.kind.width())?;
        if let Some(wrong) = bytes.iter().position(|b| !spec.kind.allows(*b)) {
            return Err(fault(offset + wrong, Problem::BadCharacter));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Zeroizing::new(text.to_string())),
            Err(_) => Err(fault(offset, Problem::BadCharacter)),
        }
    }
}

const fn bitmap_width(written: Bitmap) -> usize {
    match written {
        Bitmap::Hex => BITMAP_BYTES * 2,
        Bitmap::Binary => BITMAP_BYTES,
    }
}

/// Sets bit `de`, counted from 1 at the top of the first byte.
fn set_bit(bits: &mut [u8; BITMAP_BYTES * 2], de: u8) {
    let place = usize::from(de.saturating_sub(1));
    if let Some(byte) = bits.get_mut(place / 8) {
        *byte |= 0x80 >> (place % 8);
    }
}

/// The last decimal digit of `n`.
fn decimal(n: usize) -> u8 {
    b"0123456789"[n % 10]
}

fn hex_digit(nibble: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(nibble & 15)]
}

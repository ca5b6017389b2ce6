//! A dialect of ISO 8583 as data: which elements exist, how they are written, what each message must carry. Knows no message.

use super::codec;
use super::error::{BadDialect, DecodeError, EncodeError, MissingField};
use super::frame::Framing;
use super::message::Message;
use super::mti::Mti;
use super::{MAX_FIELD, mask};
use crate::Wiped;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The dialect of Florin's acquirer link, as text: the sandbox reads its own parts (amounts, cards) from it.
pub const LINK_JSON: &str = include_str!("../iso8583-link.json");

/// What an element may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Kind {
    /// Digits.
    #[serde(rename = "n")]
    Digits,
    /// Letters, digits and spaces.
    #[serde(rename = "an")]
    Alphanumeric,
    /// Printable ASCII.
    #[serde(rename = "ans")]
    Printable,
    /// Bytes, written as two hexadecimal digits each; lengths count bytes.
    #[serde(rename = "b")]
    Binary,
}

impl Kind {
    pub(super) const fn allows(self, byte: u8) -> bool {
        match self {
            Kind::Digits => byte.is_ascii_digit(),
            Kind::Alphanumeric => byte.is_ascii_alphanumeric() || byte == b' ',
            Kind::Printable => matches!(byte, 0x20..=0x7e),
            Kind::Binary => byte.is_ascii_hexdigit(),
        }
    }
    /// Characters on the wire for one unit of length.
    pub(super) const fn width(self) -> usize {
        match self {
            Kind::Digits | Kind::Alphanumeric | Kind::Printable => 1,
            Kind::Binary => 2,
        }
    }
}

/// How one data element is written.
#[derive(Clone, Debug, Deserialize)]
pub struct FieldSpec {
    pub name: String,
    pub kind: Kind,
    /// Digits of the length prefix: 0 for a fixed length, 2 (LLVAR) or 3 (LLLVAR).
    #[serde(rename = "ll")]
    pub length_digits: usize,
    /// The exact length when there is no prefix, the maximum otherwise. Characters, or bytes for `Kind::Binary`.
    #[serde(rename = "len")]
    pub length: usize,
}

/// How a bitmap is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bitmap {
    /// Sixteen hexadecimal digits. Written in upper case; lower case is read too.
    Hex,
    /// Eight bytes.
    Binary,
}

/// Who we are to the acquirer, unless the configuration says otherwise.
#[derive(Clone, Debug, Deserialize)]
pub struct Identity {
    /// DE 32.
    pub acquirer: String,
    /// DE 42.
    pub merchant: String,
    /// DE 49 of examples.
    pub currency: String,
    /// DE 18.
    pub mcc: String,
    /// DE 19, ISO 3166 numeric.
    pub country: String,
    /// DE 43: name 25, place 13, country 2.
    pub name_place: String,
}

#[derive(Deserialize)]
struct File {
    dialect: String,
    framing: Framing,
    bitmap: Bitmap,
    fields: BTreeMap<String, FieldSpec>,
    echo_in_reply: Vec<String>,
    mandatory: BTreeMap<String, Vec<String>>,
    identity: Identity,
}

/// A dialect, checked and ready for use.
pub struct Dialect {
    pub name: String,
    pub framing: Framing,
    pub bitmap: Bitmap,
    pub identity: Identity,
    fields: Vec<Option<FieldSpec>>,
    echo: Vec<u8>,
    mandatory: BTreeMap<Mti, Vec<u8>>,
}

impl Dialect {
    /// The dialect of Florin's acquirer link: ISO 8583:1987 in ASCII.
    pub fn link() -> &'static Dialect {
        static LINK: OnceLock<Dialect> = OnceLock::new();
        LINK.get_or_init(|| match Dialect::from_json(LINK_JSON) {
            Ok(dialect) => dialect,
            Err(e) => unreachable!("iso8583-link.json is part of the program and is tested: {e}"),
        })
    }

    /// Reads and checks a dialect file: element numbers 2 to 128 but 65, lengths that their prefixes can say, known message types.
    pub fn from_json(text: &str) -> Result<Dialect, BadDialect> {
        let file: File = serde_json::from_str(text).map_err(|e| BadDialect(e.to_string()))?;
        file.framing.check()?;
        let mut fields: Vec<Option<FieldSpec>> = vec![None; usize::from(MAX_FIELD) + 1];
        for (de, spec) in file.fields {
            let number = element(&de)?;
            check_spec(number, &spec)?;
            if let Some(slot) = fields.get_mut(usize::from(number)) {
                *slot = Some(spec);
            }
        }
        let defined = |list: &[String]| -> Result<Vec<u8>, BadDialect> {
            let numbers = list.iter().map(|de| element(de)).collect::<Result<Vec<u8>, BadDialect>>()?;
            match numbers.iter().find(|de| fields.get(usize::from(**de)).is_none_or(Option::is_none)) {
                Some(de) => Err(BadDialect(format!("DE {de} is listed but not defined"))),
                None => Ok(numbers),
            }
        };
        let echo = defined(&file.echo_in_reply)?;
        let mut mandatory = BTreeMap::new();
        for (mti, list) in &file.mandatory {
            let parsed = Mti::parse(mti).ok_or_else(|| BadDialect(format!("{mti} is not a message type")))?;
            mandatory.insert(parsed, defined(list)?);
        }
        let File { dialect: name, framing, bitmap, identity, .. } = file;
        Ok(Dialect { name, framing, bitmap, identity, fields, echo, mandatory })
    }

    /// How data element `de` is written; nothing if the dialect does not have it.
    pub fn field(&self, de: u8) -> Option<&FieldSpec> {
        self.fields.get(usize::from(de)).and_then(Option::as_ref)
    }

    /// The body of a frame, without its length header. Printable elements of fixed length are filled up with spaces on the right;
    /// all others must have their exact length.
    pub fn encode(&self, message: &Message) -> Result<Wiped, EncodeError> {
        codec::encode(self, message)
    }

    /// Reads the body of a frame. Total: any bytes give a message or an error. Values keep their filling spaces.
    pub fn decode(&self, body: &[u8]) -> Result<Message, DecodeError> {
        codec::decode(self, body)
    }

    /// Names the first element that a message of this type must have and this one lacks. Repeats need what first tries need;
    /// types that the dialect says nothing about need nothing.
    pub fn check_mandatory(&self, message: &Message) -> Result<(), MissingField> {
        let needed = self.mandatory.get(&message.mti.first_try()).map_or(&[][..], Vec::as_slice);
        match needed.iter().find(|de| !message.has(**de)) {
            Some(de) => Err(MissingField { de: *de }),
            None => Ok(()),
        }
    }

    /// The answer to `request` with the elements that every answer repeats; the caller adds DE 39 and the rest. Nothing for
    /// messages that nobody answers.
    pub fn reply(&self, request: &Message) -> Option<Message> {
        let mut answer = Message::new(request.mti.response()?);
        for de in &self.echo {
            if let Some(value) = request.get(*de) {
                answer.set(*de, value);
            }
        }
        Some(answer)
    }

    /// What may be shown of a message: see `mask`.
    pub fn masked(&self, message: &Message) -> Vec<mask::Decoded> {
        mask::masked_in(self, message)
    }
}

fn element(text: &str) -> Result<u8, BadDialect> {
    match text.parse::<u8>() {
        Ok(65) => Err(BadDialect("DE 65 announces a third bitmap, which ISO 8583:1987 does not have".into())),
        Ok(de @ 2..=MAX_FIELD) => Ok(de),
        _ => Err(BadDialect(format!("{text} is not a data element from 2 to 128"))),
    }
}

fn check_spec(de: u8, spec: &FieldSpec) -> Result<(), BadDialect> {
    let largest = match spec.length_digits {
        0 | 3 => 999,
        2 => 99,
        _ => return Err(BadDialect(format!("DE {de}: a length prefix has 0, 2 or 3 digits"))),
    };
    if !(1..=largest).contains(&spec.length) {
        return Err(BadDialect(format!("DE {de}: a length of {} cannot be written", spec.length)));
    }
    Ok(())
}

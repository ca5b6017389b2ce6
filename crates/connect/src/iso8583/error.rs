//! Why bytes are no message, or a message no bytes. Errors name the element and the place, never the value.

use std::fmt;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The body ends before the element does.
    Truncated,
    /// More bytes than the largest body of the dialect.
    TooLong,
    /// Bytes are left over after the last element.
    LeftOver,
    /// Not four digits of the 1987 edition.
    BadMti,
    /// A bitmap with something else than hexadecimal digits.
    BadBitmap,
    /// The element has no definition, so its length cannot be known. Element 65 would announce a third bitmap.
    Undefined,
    /// A length prefix that is not all digits.
    BadLength,
    /// Longer than the element may be.
    AboveMaximum,
    /// Not exactly as long as the element must be.
    WrongLength,
    /// A character that the element's kind does not have.
    BadCharacter,
}

impl Problem {
    const fn words(self) -> &'static str {
        match self {
            Problem::Truncated => "ends too early",
            Problem::TooLong => "is longer than a body may be",
            Problem::LeftOver => "has bytes left over",
            Problem::BadMti => "is not a message type of ISO 8583:1987",
            Problem::BadBitmap => "is not a hexadecimal bitmap",
            Problem::Undefined => "is not defined in this dialect",
            Problem::BadLength => "has a length that is not a number",
            Problem::AboveMaximum => "is longer than its maximum",
            Problem::WrongLength => "does not have its exact length",
            Problem::BadCharacter => "has a character that its kind does not allow",
        }
    }
}

/// Bytes that are no message of the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The data element, or nothing for the message type, the bitmap and the body as a whole.
    pub field: Option<u8>,
    /// Bytes from the start of the body to where the trouble begins.
    pub offset: usize,
    pub problem: Problem,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(de) => write!(f, "DE {de} at byte {} {}", self.offset, self.problem.words()),
            None => write!(f, "the message at byte {} {}", self.offset, self.problem.words()),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A message that has no bytes in the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// The data element, or nothing for the body as a whole.
    pub field: Option<u8>,
    pub problem: Problem,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(de) => write!(f, "DE {de} {}", self.problem.words()),
            None => write!(f, "the message {}", self.problem.words()),
        }
    }
}

impl std::error::Error for EncodeError {}

/// A data element that this type of message must have and this message does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingField {
    pub de: u8,
}

impl fmt::Display for MissingField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DE {} is missing", self.de)
    }
}

impl std::error::Error for MissingField {}

/// A dialect file that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDialect(pub String);

impl fmt::Display for BadDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the dialect cannot be used: {}", self.0)
    }
}

impl std::error::Error for BadDialect {}

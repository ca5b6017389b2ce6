//! How bodies become bytes: a leading format version, then postcard. Formats are kept by golden files.

use serde::{Serialize, de::DeserializeOwned};

/// Bytes that are no body of this kind: a newer format, or damage that the seal did not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBody {
    Empty,
    /// The format version found; a newer Florin wrote it.
    Newer(u8),
    Damaged,
}

/// A stored body with a format version of its own.
pub trait Body: Serialize + DeserializeOwned {
    const FORMAT: u8;

    fn encode(&self) -> Vec<u8> {
        match postcard::to_extend(self, vec![Self::FORMAT]) {
            Ok(bytes) => bytes,
            Err(_) => unreachable!("plain data always serializes"),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, BadBody> {
        match bytes.split_first() {
            None => Err(BadBody::Empty),
            Some((format, _)) if *format > Self::FORMAT => Err(BadBody::Newer(*format)),
            Some((format, rest)) => Self::decode_format(*format, rest),
        }
    }

    /// Older formats are read here; the default knows only the present one.
    fn decode_format(format: u8, rest: &[u8]) -> Result<Self, BadBody> {
        if format != Self::FORMAT {
            return Err(BadBody::Damaged);
        }
        match postcard::take_from_bytes(rest) {
            Ok((body, [])) => Ok(body),
            _ => Err(BadBody::Damaged),
        }
    }
}

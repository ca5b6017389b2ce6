//! ISO 8583:1987: messages, their bytes, frames, matching keys, masked views. The dialect is data; nothing here knows an order.

mod codec;
mod dialect;
mod error;
mod frame;
mod mask;
mod matching;
mod message;
mod mti;
#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
pub(crate) mod tests;
pub mod tlv;

pub use dialect::{Bitmap, Dialect, FieldSpec, Identity, Kind, LINK_JSON};
pub use error::{BadDialect, DecodeError, EncodeError, MissingField, Problem};
pub use frame::{ByteOrder, FrameError, Framer, Framing, Header};
pub use mask::{Decoded, masked, masked_pan, title};
pub use matching::MatchKey;
pub use message::Message;
pub use mti::{Class, Function, Mti};

/// The highest data element: two bitmaps of 64 bits.
pub const MAX_FIELD: u8 = 128;

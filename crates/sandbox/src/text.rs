//! Short fixed-length texts of the wire, kept without an allocation. Knows nothing of their meaning.

use serde::{Serialize, Serializer};
use std::fmt;

/// `N` printable ASCII characters, as they stood in a field of fixed length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// Sorts before every text that can be on the wire.
    pub const LOWEST: Text<N> = Text([0; N]);
    /// Sorts after every text that can be on the wire.
    pub const HIGHEST: Text<N> = Text([0x7f; N]);

    /// `None` unless `text` is exactly `N` printable ASCII characters.
    pub fn parse(text: &str) -> Option<Text<N>> {
        let bytes: [u8; N] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| (0x20..0x7f).contains(b)).then_some(Text(bytes))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    pub const fn bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Base 36, left-padded with 0; digits that do not fit are cut off at the left.
    pub fn base36(mut n: u64) -> Text<N> {
        let mut out = [b'0'; N];
        for place in out.iter_mut().rev() {
            let digit = u8::try_from(n % 36).unwrap_or(0);
            *place = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
            n /= 36;
        }
        Text(out)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_printable_texts() {
        assert_eq!(Text::<2>::parse("1A").map(|t| t.to_string()).as_deref(), Some("1A"));
        for bad in ["", "1", "1AB", "1\n", "1é"] {
            assert_eq!(Text::<2>::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn base36_pads_and_counts() {
        assert_eq!(Text::<6>::base36(0).as_str(), "000000");
        assert_eq!(Text::<6>::base36(35).as_str(), "00000Z");
        assert_eq!(Text::<6>::base36(36).as_str(), "000010");
    }
}

//! What an issuer is asked to compare of the cardholder's address (AVS). Personal data: has no text form but on the wire.

use crate::payment::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Characters of an address line that networks compare.
const LINE1: usize = 20;
/// Characters of a postal code.
const POSTAL_CODE: usize = 10;

/// The start of the first address line and the postal code, in printable ASCII, filled with spaces. At least one of them is there.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressCheck {
    line1: [u8; LINE1],
    postal_code: [u8; POSTAL_CODE],
}

impl AddressCheck {
    /// None when nothing of it can be compared.
    pub fn of(address: &Address) -> Option<AddressCheck> {
        let line1 = filled(address.line1.as_deref(), |c| c.is_ascii_alphanumeric() || " -./#".contains(c));
        let postal_code = filled(address.postal_code.as_deref(), |c| c.is_ascii_alphanumeric() || " -".contains(c));
        let check = AddressCheck { line1, postal_code };
        (check.line1().is_some() || check.postal_code().is_some()).then_some(check)
    }
    pub fn line1(&self) -> Option<&str> {
        text(&self.line1)
    }
    pub fn postal_code(&self) -> Option<&str> {
        text(&self.postal_code)
    }
}

impl fmt::Debug for AddressCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressCheck")
    }
}

/// The characters that count, as many as fit.
fn filled<const N: usize>(text: Option<&str>, counts: impl Fn(char) -> bool) -> [u8; N] {
    let mut out = [b' '; N];
    let given = text.unwrap_or("").trim().chars().filter(|c| c.is_ascii() && counts(*c));
    for (to, from) in out.iter_mut().zip(given) {
        *to = u8::try_from(from).unwrap_or(b' ');
    }
    out
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().map(str::trim).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared() {
        #[track_caller]
        fn check(line1: Option<&str>, postal: Option<&str>, expected: Option<(Option<&str>, Option<&str>)>) {
            let given = |text: Option<&str>| text.map(str::to_owned);
            let address = Address { line1: given(line1), postal_code: given(postal), ..Address::default() };
            let got = AddressCheck::of(&address);
            assert_eq!(got.as_ref().map(|c| (c.line1(), c.postal_code())), expected);
            assert!(got.is_none_or(|c| format!("{c:?}") == "AddressCheck"), "personal data has no text form");
        }
        check(None, None, None);
        check(Some(""), Some("  "), None);
        check(Some("Straße"), None, Some((Some("Strae"), None)));
        check(Some("東京"), Some("〒"), None);
        check(Some("1 Main St."), Some("94103-1234"), Some((Some("1 Main St."), Some("94103-1234"))));
        check(None, Some(" 2611 AB "), Some((None, Some("2611 AB"))));
        check(
            Some("12345678901234567890123"),
            Some("12345678901"),
            Some((Some("12345678901234567890"), Some("1234567890"))),
        );
    }
}

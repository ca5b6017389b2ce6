//! Subfields of the private elements (DE 48, 60, 63, 123, 126): two-digit tag, three-digit length, value. Knows no tag's meaning.

use zeroize::Zeroizing;

/// A private element that is no list of subfields. Says nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTlv {
    /// A tag or a length is not all digits.
    NotDigits,
    /// A length is larger than what is left.
    Truncated,
    /// A tag comes twice.
    Twice,
    /// Only from `write`: a tag above 99 or a value above 999 characters.
    TooLong,
}

/// The subfields in the order in which they stand. Total: any text gives a list or an error.
pub fn read(text: &str) -> Result<Vec<(u8, &str)>, BadTlv> {
    let mut out: Vec<(u8, &str)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let tag = number(rest.get(..2))?;
        let length = number(rest.get(2..5))?;
        let after = rest.get(5..).ok_or(BadTlv::Truncated)?;
        let (value, left) = after.split_at_checked(length).ok_or(BadTlv::Truncated)?;
        let tag = u8::try_from(tag).map_err(|_| BadTlv::NotDigits)?;
        if out.iter().any(|(seen, _)| *seen == tag) {
            return Err(BadTlv::Twice);
        }
        out.push((tag, value));
        rest = left;
    }
    Ok(out)
}

/// The value of one subfield. Nothing if it is absent or the text is no list of subfields.
pub fn get(text: &str, tag: u8) -> Option<&str> {
    read(text).ok()?.into_iter().find(|(t, _)| *t == tag).map(|(_, value)| value)
}

/// Writes subfields in the order given. Wiped when dropped: DE 126 may carry a security code.
pub fn write(subfields: &[(u8, &str)]) -> Result<Zeroizing<String>, BadTlv> {
    let length = subfields.iter().map(|(_, value)| value.len() + 5).sum();
    let mut out = Zeroizing::new(String::with_capacity(length));
    for (place, (tag, value)) in subfields.iter().enumerate() {
        if *tag > 99 || value.len() > 999 {
            return Err(BadTlv::TooLong);
        }
        if subfields.iter().take(place).any(|(seen, _)| seen == tag) {
            return Err(BadTlv::Twice);
        }
        out.push_str(&format!("{tag:02}{:03}", value.len()));
        out.push_str(value);
    }
    Ok(out)
}

fn number(digits: Option<&str>) -> Result<usize, BadTlv> {
    let digits = digits.ok_or(BadTlv::Truncated)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadTlv::NotDigits);
    }
    digits.parse().map_err(|_| BadTlv::NotDigits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subfields_come_back() {
        let written = write(&[(1, "C"), (2, "FU"), (10, "")]).unwrap();
        assert_eq!(written.as_str(), "01001C02002FU10000");
        assert_eq!(read(&written), Ok(vec![(1, "C"), (2, "FU"), (10, "")]));
        assert_eq!(get(&written, 2), Some("FU"));
        assert_eq!(get(&written, 3), None);
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn other_text_is_refused() {
        let check = |text: &str, expected: BadTlv| assert_eq!(read(text), Err(expected), "{text}");
        check("0", BadTlv::Truncated);
        check("01", BadTlv::Truncated);
        check("0100", BadTlv::Truncated);
        check("01001", BadTlv::Truncated);
        check("01002C", BadTlv::Truncated);
        check("01001C0", BadTlv::Truncated);
        check("0100xC", BadTlv::NotDigits);
        check("A1001C", BadTlv::NotDigits);
        check("+1001C", BadTlv::NotDigits);
        check("01001C01001M", BadTlv::Twice);
        check("01001é", BadTlv::Truncated);
        check("é01", BadTlv::NotDigits);
        assert_eq!(get("01001C0", 1), None);
        assert_eq!(write(&[(100, "")]).err(), Some(BadTlv::TooLong));
        assert_eq!(write(&[(1, &"x".repeat(1000))]).err(), Some(BadTlv::TooLong));
        assert_eq!(write(&[(1, "a"), (1, "b")]).err(), Some(BadTlv::Twice));
    }
}

//! What the values of data elements mean (ISO 8583), where a value says less than a word. Knows masked values only.

use crate::told::Field;
use crate::words::Words;
use florin_core::money::Currency;

/// The meaning of one field among the others of its message; nothing when its value speaks for itself.
pub fn of(field: &Field, all: &[Field], words: Words) -> Option<String> {
    let value = field.value.as_str();
    match field.de {
        3 => words.known("processing", value.get(..2)?),
        4 => amount(value, all),
        7 => transmitted(value),
        12 => clock(value),
        22 => words.known("entry", value.get(..2)?),
        25 => words.known("condition", value),
        39 => Some(words.of("rc", value)),
        44 => checks(value, words),
        49 => currency(value).map(|c| c.code().to_uppercase()),
        _ => None,
    }
}

fn currency(numeric: &str) -> Option<Currency> {
    Currency::from_numeric(numeric.parse().ok()?)
}

/// DE 4 counts the smallest unit of DE 49's currency by ISO 4217.
fn amount(value: &str, all: &[Field]) -> Option<String> {
    let currency = all.iter().find(|f| f.de == 49).and_then(|f| currency(&f.value))?;
    let digits = value.trim_start_matches('0');
    if !value.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let places = usize::from(currency.iso_exponent());
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at_checked(digits.len() - places)?;
    let point = if places == 0 { "" } else { "." };
    Some(format!("{whole}{point}{part} {}", currency.code().to_uppercase()))
}

/// MMDDhhmmss in UTC.
fn transmitted(value: &str) -> Option<String> {
    let (date, time) = value.split_at_checked(4)?;
    let (month, day) = date.split_at_checked(2)?;
    Some(format!("{month}-{day} {} UTC", clock(time)?))
}

/// hhmmss.
fn clock(value: &str) -> Option<String> {
    let part = |at: usize| value.get(at..at + 2).filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
    (value.len() == 6).then_some(())?;
    Some(format!("{}:{}:{}", part(0)?, part(2)?, part(4)?))
}

/// DE 44 position 10: what the issuer says of the security code.
fn checks(value: &str, words: Words) -> Option<String> {
    words.known("cvc", value.get(9..10)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn meanings() {
        #[track_caller]
        fn check(de: u8, value: &str, numeric: &str, expected: Option<&str>) {
            let field = |de, value: &str| Field { de, name: String::new(), value: value.to_owned() };
            let all = [field(de, value), field(49, numeric)];
            assert_eq!(of(&all[0], &all, Words(Language::English)).as_deref(), expected, "DE {de} {value}");
        }
        check(3, "000000", "978", Some("purchase"));
        check(3, "200000", "978", Some("refund"));
        check(3, "990000", "978", None);
        check(4, "000000001999", "978", Some("19.99 EUR"));
        check(4, "000000000005", "978", Some("0.05 EUR"));
        check(4, "000000001999", "410", Some("1999 KRW"));
        check(4, "000000000000", "978", Some("0.00 EUR"));
        check(4, "hidden", "978", None);
        check(4, "000000001999", "000", None);
        check(7, "1122064052", "978", Some("11-22 06:40:52 UTC"));
        check(7, "é", "978", None);
        check(39, "51", "978", Some("insufficient funds"));
        check(39, "Z9", "978", Some("Z9"));
        check(44, "5        M", "978", Some("the security code matches"));
        check(44, "", "978", None);
        check(2, "424242…4242", "978", None);
    }
}

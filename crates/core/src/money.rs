//! Money: integer minor units as the API counts them, always with its currency. Checked, never a float.

use serde::{Deserialize, Serialize};
use std::fmt;

/// (code, ISO 4217 numeric, exponent as the API counts, exponent of ISO 4217). The two exponents differ for ISK, UGX and MGA;
/// only `connect` converts between them.
#[rustfmt::skip]
const CURRENCIES: &[(&str, u16, u8, u8)] = &[
    ("aed", 784, 2, 2),
    ("afn", 971, 2, 2),
    ("all", 8, 2, 2),
    ("amd", 51, 2, 2),
    ("ang", 532, 2, 2),
    ("aoa", 973, 2, 2),
    ("ars", 32, 2, 2),
    ("aud", 36, 2, 2),
    ("awg", 533, 2, 2),
    ("azn", 944, 2, 2),
    ("bam", 977, 2, 2),
    ("bbd", 52, 2, 2),
    ("bdt", 50, 2, 2),
    ("bhd", 48, 3, 3),
    ("bif", 108, 0, 0),
    ("bmd", 60, 2, 2),
    ("bnd", 96, 2, 2),
    ("bob", 68, 2, 2),
    ("brl", 986, 2, 2),
    ("bsd", 44, 2, 2),
    ("bwp", 72, 2, 2),
    ("byn", 933, 2, 2),
    ("bzd", 84, 2, 2),
    ("cad", 124, 2, 2),
    ("cdf", 976, 2, 2),
    ("chf", 756, 2, 2),
    ("clp", 152, 0, 0),
    ("cny", 156, 2, 2),
    ("cop", 170, 2, 2),
    ("crc", 188, 2, 2),
    ("cve", 132, 2, 2),
    ("czk", 203, 2, 2),
    ("djf", 262, 0, 0),
    ("dkk", 208, 2, 2),
    ("dop", 214, 2, 2),
    ("dzd", 12, 2, 2),
    ("egp", 818, 2, 2),
    ("etb", 230, 2, 2),
    ("eur", 978, 2, 2),
    ("fjd", 242, 2, 2),
    ("fkp", 238, 2, 2),
    ("gbp", 826, 2, 2),
    ("gel", 981, 2, 2),
    ("gip", 292, 2, 2),
    ("gmd", 270, 2, 2),
    ("gnf", 324, 0, 0),
    ("gtq", 320, 2, 2),
    ("gyd", 328, 2, 2),
    ("hkd", 344, 2, 2),
    ("hnl", 340, 2, 2),
    ("htg", 332, 2, 2),
    ("huf", 348, 2, 2),
    ("idr", 360, 2, 2),
    ("ils", 376, 2, 2),
    ("inr", 356, 2, 2),
    ("isk", 352, 2, 0),
    ("jmd", 388, 2, 2),
    ("jod", 400, 3, 3),
    ("jpy", 392, 0, 0),
    ("kes", 404, 2, 2),
    ("kgs", 417, 2, 2),
    ("khr", 116, 2, 2),
    ("kmf", 174, 0, 0),
    ("krw", 410, 0, 0),
    ("kwd", 414, 3, 3),
    ("kyd", 136, 2, 2),
    ("kzt", 398, 2, 2),
    ("lak", 418, 2, 2),
    ("lbp", 422, 2, 2),
    ("lkr", 144, 2, 2),
    ("lrd", 430, 2, 2),
    ("lsl", 426, 2, 2),
    ("mad", 504, 2, 2),
    ("mdl", 498, 2, 2),
    ("mga", 969, 0, 2),
    ("mkd", 807, 2, 2),
    ("mmk", 104, 2, 2),
    ("mnt", 496, 2, 2),
    ("mop", 446, 2, 2),
    ("mur", 480, 2, 2),
    ("mvr", 462, 2, 2),
    ("mwk", 454, 2, 2),
    ("mxn", 484, 2, 2),
    ("myr", 458, 2, 2),
    ("mzn", 943, 2, 2),
    ("nad", 516, 2, 2),
    ("ngn", 566, 2, 2),
    ("nio", 558, 2, 2),
    ("nok", 578, 2, 2),
    ("npr", 524, 2, 2),
    ("nzd", 554, 2, 2),
    ("omr", 512, 3, 3),
    ("pab", 590, 2, 2),
    ("pen", 604, 2, 2),
    ("pgk", 598, 2, 2),
    ("php", 608, 2, 2),
    ("pkr", 586, 2, 2),
    ("pln", 985, 2, 2),
    ("pyg", 600, 0, 0),
    ("qar", 634, 2, 2),
    ("ron", 946, 2, 2),
    ("rsd", 941, 2, 2),
    ("rub", 643, 2, 2),
    ("rwf", 646, 0, 0),
    ("sar", 682, 2, 2),
    ("sbd", 90, 2, 2),
    ("scr", 690, 2, 2),
    ("sek", 752, 2, 2),
    ("sgd", 702, 2, 2),
    ("shp", 654, 2, 2),
    ("sle", 925, 2, 2),
    ("sos", 706, 2, 2),
    ("srd", 968, 2, 2),
    ("std", 678, 2, 2),
    ("szl", 748, 2, 2),
    ("thb", 764, 2, 2),
    ("tjs", 972, 2, 2),
    ("tnd", 788, 3, 3),
    ("top", 776, 2, 2),
    ("try", 949, 2, 2),
    ("ttd", 780, 2, 2),
    ("twd", 901, 2, 2),
    ("tzs", 834, 2, 2),
    ("uah", 980, 2, 2),
    ("ugx", 800, 2, 0),
    ("usd", 840, 2, 2),
    ("uyu", 858, 2, 2),
    ("uzs", 860, 2, 2),
    ("vnd", 704, 0, 0),
    ("vuv", 548, 0, 0),
    ("wst", 882, 2, 2),
    ("xaf", 950, 0, 0),
    ("xcd", 951, 2, 2),
    ("xof", 952, 0, 0),
    ("xpf", 953, 0, 0),
    ("yer", 886, 2, 2),
    ("zar", 710, 2, 2),
    ("zmw", 967, 2, 2),
];

/// A known currency, stored as its ISO 4217 numeric code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Currency(u16);

impl From<Currency> for u16 {
    fn from(c: Currency) -> u16 {
        c.0
    }
}

impl TryFrom<u16> for Currency {
    type Error = &'static str;
    fn try_from(numeric: u16) -> Result<Currency, &'static str> {
        Currency::from_numeric(numeric).ok_or("no such currency")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Currency {
    pub const USD: Currency = Currency(840);
    pub const EUR: Currency = Currency(978);
    pub const JPY: Currency = Currency(392);
    pub const KWD: Currency = Currency(414);

    /// Takes a three-letter code in either case.
    pub fn parse(code: &str) -> Option<Currency> {
        let lower = code.to_ascii_lowercase();
        let at = CURRENCIES.binary_search_by(|row| row.0.cmp(lower.as_str())).ok()?;
        CURRENCIES.get(at).map(|row| Currency(row.1))
    }
    pub fn from_numeric(numeric: u16) -> Option<Currency> {
        CURRENCIES.iter().find(|row| row.1 == numeric).map(|row| Currency(row.1))
    }
    fn row(self) -> (&'static str, u16, u8, u8) {
        match CURRENCIES.iter().find(|row| row.1 == self.0) {
            Some(row) => *row,
            None => unreachable!("a Currency is only made from the table"),
        }
    }
    /// Lower case, as the API writes it.
    pub fn code(self) -> &'static str {
        self.row().0
    }
    /// ISO 4217 numeric, for ISO 8583 DE 49.
    pub const fn numeric(self) -> u16 {
        self.0
    }
    /// Decimal places as the API counts.
    pub fn exponent(self) -> u8 {
        self.row().2
    }
    /// Decimal places of ISO 4217, as they stand on the wire.
    pub fn iso_exponent(self) -> u8 {
        self.row().3
    }
    pub fn all() -> impl Iterator<Item = Currency> {
        CURRENCIES.iter().map(|row| Currency(row.1))
    }
}

/// An amount in minor units of its currency, as the API counts them (for example 1999 eur = 19.99 EUR). May be negative in sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// The largest amount of one payment, in minor units: eight digits.
pub const LARGEST: i64 = 99_999_999;

/// Why an amount cannot be charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAmount {
    Zero,
    Negative,
    /// Above `LARGEST`.
    TooLarge,
    /// Three-decimal currencies take amounts whose last digit is 0.
    LastDigitNotZero,
    /// More decimals than the currency has, or not a number: only from text.
    NotAnAmount,
    /// The API counts finer than the card networks do: the amount has a part that cannot be sent.
    NotSendable,
}

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    /// An amount that a card can be charged.
    pub fn chargeable(minor: i64, currency: Currency) -> Result<Money, BadAmount> {
        match minor {
            0 => return Err(BadAmount::Zero),
            i64::MIN..0 => return Err(BadAmount::Negative),
            1..=LARGEST => {}
            _ => return Err(BadAmount::TooLarge),
        }
        let finer = currency.exponent().saturating_sub(currency.iso_exponent());
        if finer > 0 && minor % 10i64.pow(u32::from(finer)) != 0 {
            return Err(BadAmount::NotSendable);
        }
        if currency.exponent() == 3 && minor % 10 != 0 {
            return Err(BadAmount::LastDigitNotZero);
        }
        Ok(Money { minor, currency })
    }

    /// Reads a decimal as people write it: `19.99` in eur is 1999. No rounding: more decimals than the currency has are refused.
    pub fn parse(text: &str, currency: Currency) -> Result<Money, BadAmount> {
        let exponent = usize::from(currency.exponent());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let dangling = digits.contains('.') && fraction.is_empty();
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || dangling || !all_digits(whole) || !all_digits(fraction) || fraction.len() > exponent {
            return Err(BadAmount::NotAnAmount);
        }
        let padded = format!("{whole}{fraction:0<exponent$}");
        let minor: i64 = padded.parse().map_err(|_| BadAmount::TooLarge)?;
        Money::chargeable(if negative { -minor } else { minor }, currency)
    }

    pub fn checked_add(self, other: Money) -> Option<Money> {
        if self.currency != other.currency {
            return None;
        }
        self.minor.checked_add(other.minor).map(|minor| Money { minor, ..self })
    }
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        if self.currency != other.currency {
            return None;
        }
        self.minor.checked_sub(other.minor).map(|minor| Money { minor, ..self })
    }
    /// The same currency, another amount.
    pub const fn with_minor(self, minor: i64) -> Money {
        Money { minor, currency: self.currency }
    }
}

/// `19.99 EUR`, `500 JPY`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = usize::from(self.currency.exponent());
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let dot = if exponent > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{dot}{fraction} {}", self.currency.code().to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_without_doubles() {
        assert!(CURRENCIES.windows(2).all(|w| w[0].0 < w[1].0));
        let mut numbers: Vec<u16> = CURRENCIES.iter().map(|r| r.1).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn amounts_from_text() {
        let check = |text: &str, code: &str, expected: Result<i64, BadAmount>| {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(Money::parse(text, currency).map(|m| m.minor), expected, "{text} {code}");
        };
        check("19.99", "eur", Ok(1999));
        check("19.9", "EUR", Ok(1990));
        check("19", "eur", Ok(1900));
        check("500", "jpy", Ok(500));
        check("1.230", "kwd", Ok(1230));
        check("1.234", "kwd", Err(BadAmount::LastDigitNotZero));
        check("500.5", "jpy", Err(BadAmount::NotAnAmount));
        check("19.999", "eur", Err(BadAmount::NotAnAmount));
        check("0", "eur", Err(BadAmount::Zero));
        check("-5", "eur", Err(BadAmount::Negative));
        check("999999.99", "eur", Ok(99_999_999));
        check("1000000.00", "eur", Err(BadAmount::TooLarge));
        check("99999999999999999999", "eur", Err(BadAmount::TooLarge));
        check("10.00", "isk", Ok(1000));
        check("10.50", "isk", Err(BadAmount::NotSendable));
        check("10", "mga", Ok(10));
        for bad in ["", ".", "1.", ".5", "1e3", "1,5", "١", " 1", "+1", "--1"] {
            check(bad, "eur", Err(BadAmount::NotAnAmount));
        }
    }

    #[test]
    fn shown_with_its_decimals() {
        let show = |minor, code| Money::new(minor, Currency::parse(code).unwrap()).to_string();
        assert_eq!(show(1999, "eur"), "19.99 EUR");
        assert_eq!(show(5, "usd"), "0.05 USD");
        assert_eq!(show(-500, "jpy"), "-500 JPY");
        assert_eq!(show(1230, "kwd"), "1.230 KWD");
    }
}

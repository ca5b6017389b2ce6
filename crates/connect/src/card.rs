//! Card data as types that wipe themselves and cannot be printed, copied or serialized. Knows nothing of storage or messages.
//!
//! `Pan`, `Cvc` and `Card` have no `Debug`, `Display`, `Serialize` or `Clone` on purpose; `reveal` is the only way out.

use crate::bins;
use florin_core::time::Time;
use florin_core::wire::Network;
use std::fmt;
use zeroize::Zeroizing;

/// ISO/IEC 7812: the longest card number.
pub const MAX_PAN_DIGITS: usize = 19;
/// The shortest card number that any network issued.
pub const MIN_PAN_DIGITS: usize = 12;

/// Why card details cannot be used. `code` is the word of the API, `message` is for people; neither holds card data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCard {
    /// Not 12 to 19 digits (spaces and dashes may stand between them).
    InvalidNumber,
    /// The check digit is wrong, or the network has no numbers of this length.
    IncorrectNumber,
    /// A good number of a network that Florin does not speak.
    UnsupportedBrand,
    /// Not 1 to 12.
    InvalidExpiryMonth,
    /// Not a year of this century.
    InvalidExpiryYear,
    /// Not three digits (four on American Express).
    InvalidCvc,
    /// The last day of the card's last month has passed.
    Expired,
}

impl BadCard {
    /// The error code as the API writes it.
    pub const fn code(self) -> &'static str {
        match self {
            BadCard::InvalidNumber => "invalid_number",
            BadCard::IncorrectNumber => "incorrect_number",
            BadCard::UnsupportedBrand => "card_not_supported",
            BadCard::InvalidExpiryMonth => "invalid_expiry_month",
            BadCard::InvalidExpiryYear => "invalid_expiry_year",
            BadCard::InvalidCvc => "invalid_cvc",
            BadCard::Expired => "expired_card",
        }
    }
    /// The card field that is at fault, as the API names it.
    pub const fn param(self) -> &'static str {
        match self {
            BadCard::InvalidNumber | BadCard::IncorrectNumber | BadCard::UnsupportedBrand => "number",
            BadCard::InvalidExpiryMonth => "exp_month",
            BadCard::InvalidExpiryYear | BadCard::Expired => "exp_year",
            BadCard::InvalidCvc => "cvc",
        }
    }
    /// What happened and what to do, for the person who typed the card.
    pub const fn message(self) -> &'static str {
        match self {
            BadCard::InvalidNumber => "The card number is not a number of 12 to 19 digits. Check it and try again.",
            BadCard::IncorrectNumber => "The card number is incorrect. Check its digits and try again.",
            BadCard::UnsupportedBrand => "This kind of card is not accepted. Use another card.",
            BadCard::InvalidExpiryMonth => "The expiry month must be 1 to 12.",
            BadCard::InvalidExpiryYear => "The expiry year is not a year that a card can have.",
            BadCard::InvalidCvc => "The security code must have 3 digits, or 4 on American Express.",
            BadCard::Expired => "The card has expired. Use another card.",
        }
    }
}

impl fmt::Display for BadCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for BadCard {}

/// Primary account number: 12 to 19 digits with a right check digit. Kept on the heap, so that moving it leaves no copy behind.
pub struct Pan(Zeroizing<String>);

impl Pan {
    /// Takes digits with spaces and dashes between them. Checks the length, the check digit (ISO/IEC 7812-1 annex B) and, where
    /// the network is known, that it issues numbers of this length.
    pub fn parse(text: &str) -> Result<Pan, BadCard> {
        let mut digits = Zeroizing::new(String::with_capacity(MAX_PAN_DIGITS));
        for c in text.chars() {
            match c {
                '0'..='9' if digits.len() < MAX_PAN_DIGITS => digits.push(c),
                ' ' | '-' => {}
                _ => return Err(BadCard::InvalidNumber),
            }
        }
        if digits.len() < MIN_PAN_DIGITS {
            return Err(BadCard::InvalidNumber);
        }
        if !luhn(digits.as_bytes()) {
            return Err(BadCard::IncorrectNumber);
        }
        match bins::lookup(&digits) {
            Some(range) if !range.lengths.contains(&digits.len()) => Err(BadCard::IncorrectNumber),
            _ => Ok(Pan(digits)),
        }
    }
    /// All digits: the only way out. Every caller is a place where a card number leaves its type.
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// The network by the longest matching range of issuer numbers; nothing for networks that Florin does not speak.
    pub fn network(&self) -> Option<Network> {
        bins::lookup(&self.0).map(|range| range.network)
    }
    pub fn last4(&self) -> Last4 {
        let mut out = [b'0'; 4];
        for (to, from) in out.iter_mut().rev().zip(self.0.bytes().rev()) {
            *to = from;
        }
        Last4(out)
    }
    /// The first six digits: part of the issuer number, allowed to be kept beside the last four (PCI DSS 3.5.1).
    pub fn first6(&self) -> First6 {
        let mut out = [b'0'; 6];
        for (to, from) in out.iter_mut().zip(self.0.bytes()) {
            *to = from;
        }
        First6(out)
    }
    /// Number of digits.
    pub fn digits(&self) -> usize {
        self.0.len()
    }
}

/// True when the last digit is the check digit of those before it. Anything but digits is false.
pub fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0u32;
    for (place, digit) in digits.iter().rev().enumerate() {
        if !digit.is_ascii_digit() {
            return false;
        }
        let value = u32::from(digit - b'0');
        sum += match place % 2 {
            0 => value,
            _ if value > 4 => value * 2 - 9,
            _ => value * 2,
        };
    }
    !digits.is_empty() && sum.is_multiple_of(10)
}

macro_rules! shown_digits {
    ($(#[$doc:meta])* $name:ident, $n:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $n]);

        impl $name {
            /// Takes exactly that many digits.
            pub fn parse(text: &str) -> Option<$name> {
                let digits = <[u8; $n]>::try_from(text.as_bytes()).ok()?;
                digits.iter().all(u8::is_ascii_digit).then_some($name(digits))
            }
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or("")
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                let text = String::deserialize(d)?;
                $name::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("not ", $n, " digits")))
            }
        }
    };
}

shown_digits!(
    /// The last four digits of a card number: what people may see.
    Last4,
    4
);
shown_digits!(
    /// The first six digits of a card number: what may be stored beside the last four.
    First6,
    6
);

/// Card verification value: three digits, four on American Express. Lives in memory for one message.
pub struct Cvc(Zeroizing<String>);

impl Cvc {
    /// Three or four digits; when the network is known, as many as it prints.
    pub fn parse(text: &str, network: Option<Network>) -> Result<Cvc, BadCard> {
        let right_length = match network {
            Some(network) => text.len() == bins::cvc_digits(network),
            None => matches!(text.len(), 3 | 4),
        };
        if !right_length || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadCard::InvalidCvc);
        }
        Ok(Cvc(Zeroizing::new(text.to_string())))
    }
    /// The digits: the only way out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Cardholder authentication verification value: 20 bytes as 28 characters of base64. In memory for a day at most, sent once.
pub struct Cavv(Zeroizing<String>);

impl Cavv {
    /// None for a text that is not 20 bytes in base64.
    pub fn parse(text: &str) -> Option<Cavv> {
        let body = text.strip_suffix('=')?;
        let good = body.len() == 27 && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
        good.then(|| Cavv(Zeroizing::new(text.to_string())))
    }
    /// The characters: the only way out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The last month in which a card is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Expiry {
    /// Four digits: 2000 to 2099.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

impl Expiry {
    /// Takes a year of four digits, or of two for this century.
    pub fn new(year: u16, month: u8) -> Result<Expiry, BadCard> {
        if !(1..=12).contains(&month) {
            return Err(BadCard::InvalidExpiryMonth);
        }
        match year {
            0..=99 => Ok(Expiry { year: 2000 + year, month }),
            2000..=2099 => Ok(Expiry { year, month }),
            _ => Err(BadCard::InvalidExpiryYear),
        }
    }
    /// Reads ISO 8583 DE 14.
    pub fn from_yymm(text: &str) -> Result<Expiry, BadCard> {
        let bytes = <[u8; 4]>::try_from(text.as_bytes()).map_err(|_| BadCard::InvalidExpiryYear)?;
        if !bytes.iter().all(u8::is_ascii_digit) {
            return Err(BadCard::InvalidExpiryYear);
        }
        let [y1, y2, m1, m2] = bytes.map(|b| b - b'0');
        Expiry::new(u16::from(y1) * 10 + u16::from(y2), m1 * 10 + m2)
    }
    /// As ISO 8583 DE 14 has it: year first.
    pub fn yymm(self) -> String {
        format!("{:02}{:02}", self.year % 100, self.month)
    }
    /// A card is valid to the end of its month, in UTC.
    pub fn is_past(self, now: Time) -> bool {
        let today = now.civil();
        (i32::from(self.year), self.month) < (today.year, today.month)
    }
}

/// What an authorization needs of a card.
pub struct Card {
    pub pan: Pan,
    pub expiry: Expiry,
    pub cvc: Option<Cvc>,
    /// What proves that the cardholder was authenticated.
    pub cavv: Option<Cavv>,
}

impl Card {
    /// What may be remembered of the card while its message is under way.
    pub fn facts(&self) -> CardFacts {
        CardFacts::of(&self.pan)
    }
}

/// The part of a card that is not secret: enough to read an answer, too little to pay with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CardFacts {
    pub network: Option<Network>,
    pub first6: First6,
    pub last4: Last4,
}

impl CardFacts {
    /// Nothing is known of the card: for the answer to a message that named none.
    pub const NONE: CardFacts = CardFacts { network: None, first6: First6(*b"000000"), last4: Last4(*b"0000") };

    pub fn of(pan: &Pan) -> CardFacts {
        CardFacts { network: pan.network(), first6: pan.first6(), last4: pan.last4() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let check = |text: &str, expected: Result<(&str, Option<Network>), BadCard>| {
            let parsed = Pan::parse(text);
            let seen = parsed.as_ref().map(|pan| (pan.reveal(), pan.network())).map_err(|e| *e);
            assert!(seen == expected, "{} characters, {:?}", text.len(), expected.map(|(_, network)| network));
        };
        check("4242424242424242", Ok(("4242424242424242", Some(Network::Visa))));
        check("4242 4242-4242 4242", Ok(("4242424242424242", Some(Network::Visa))));
        check("378282246310005", Ok(("378282246310005", Some(Network::Amex))));
        check("6205500000000000004", Ok(("6205500000000000004", Some(Network::UnionPay))));
        check("36227206271667", Ok(("36227206271667", Some(Network::Diners))));
        check("4222222222222", Ok(("4222222222222", Some(Network::Visa))));
        // A Maestro number: good, and of no network that Florin speaks.
        check("6799990100000000019", Ok(("6799990100000000019", None)));
        check("4242424242424241", Err(BadCard::IncorrectNumber));
        check("42424242424242", Err(BadCard::IncorrectNumber));
        check("3782822463100050", Err(BadCard::IncorrectNumber));
        check("42424242424", Err(BadCard::InvalidNumber));
        check("42424242424242424242", Err(BadCard::InvalidNumber));
        check("", Err(BadCard::InvalidNumber));
        check("4242.4242.4242.4242", Err(BadCard::InvalidNumber));
        check("4242\u{a0}424242424242", Err(BadCard::InvalidNumber));
        check("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", Err(BadCard::InvalidNumber));
        check("visa", Err(BadCard::InvalidNumber));
    }

    #[test]
    fn what_may_be_shown_of_a_number() {
        let pan = Pan::parse("5555 5555 5555 4444").unwrap();
        assert_eq!((pan.first6().as_str(), pan.last4().as_str(), pan.digits()), ("555555", "4444", 16));
        assert_eq!(Last4::parse("4444"), Some(pan.last4()));
        assert_eq!(First6::parse("555555"), Some(pan.first6()));
        for bad in ["", "444", "44444", "44 4", "444٤"] {
            assert_eq!(Last4::parse(bad), None, "{bad}");
        }
        let json = serde_json::to_string(&CardFacts::of(&pan)).unwrap();
        assert_eq!(json, r#"{"network":"Mastercard","first6":"555555","last4":"4444"}"#);
        assert_eq!(serde_json::from_str::<CardFacts>(&json).unwrap(), CardFacts::of(&pan));
        assert!(serde_json::from_str::<Last4>("\"44x4\"").is_err());
    }

    #[test]
    fn security_codes() {
        let check = |text: &str, network: Option<Network>, good: bool| {
            assert_eq!(Cvc::parse(text, network).is_ok(), good, "{} characters, {network:?}", text.len());
        };
        check("123", Some(Network::Visa), true);
        check("1234", Some(Network::Visa), false);
        check("1234", Some(Network::Amex), true);
        check("123", Some(Network::Amex), false);
        check("123", None, true);
        check("1234", None, true);
        check("12", None, false);
        check("12a", None, false);
        check("١٢", None, false);
        check("", None, false);
    }

    #[test]
    fn expiry_dates() {
        let check = |year: u16, month: u8, expected: Result<&str, BadCard>| {
            assert_eq!(Expiry::new(year, month).map(Expiry::yymm).as_deref().map_err(|e| *e), expected);
        };
        check(2031, 12, Ok("3112"));
        check(31, 1, Ok("3101"));
        check(2031, 0, Err(BadCard::InvalidExpiryMonth));
        check(2031, 13, Err(BadCard::InvalidExpiryMonth));
        check(1999, 12, Err(BadCard::InvalidExpiryYear));
        check(2100, 12, Err(BadCard::InvalidExpiryYear));
        check(131, 12, Err(BadCard::InvalidExpiryYear));
        assert_eq!(Expiry::from_yymm("3112"), Ok(Expiry { year: 2031, month: 12 }));
        assert_eq!(Expiry::from_yymm("3113"), Err(BadCard::InvalidExpiryMonth));
        for bad in ["", "311", "31122", "3x12", "٣1"] {
            assert_eq!(Expiry::from_yymm(bad), Err(BadCard::InvalidExpiryYear), "{bad}");
        }
    }

    #[test]
    fn a_card_is_valid_to_the_end_of_its_month() {
        // 2026-11-21, and the two sides of the turn of the month.
        let (today, last_ms, next_month) = (Time(1_795_299_300_123), Time(1_796_083_199_999), Time(1_796_083_200_000));
        let check = |year: u16, month: u8, now: Time, past: bool| {
            assert_eq!(Expiry { year, month }.is_past(now), past, "{year}-{month} at {now:?}");
        };
        check(2026, 11, today, false);
        check(2026, 11, last_ms, false);
        check(2026, 11, next_month, true);
        check(2026, 10, today, true);
        check(2025, 12, today, true);
        check(2027, 1, today, false);
    }

    #[test]
    fn the_apis_words_for_bad_cards() {
        let check = |bad: BadCard, code: &str, param: &str| assert_eq!((bad.code(), bad.param()), (code, param));
        check(BadCard::InvalidNumber, "invalid_number", "number");
        check(BadCard::IncorrectNumber, "incorrect_number", "number");
        check(BadCard::UnsupportedBrand, "card_not_supported", "number");
        check(BadCard::InvalidExpiryMonth, "invalid_expiry_month", "exp_month");
        check(BadCard::InvalidExpiryYear, "invalid_expiry_year", "exp_year");
        check(BadCard::Expired, "expired_card", "exp_year");
        check(BadCard::InvalidCvc, "invalid_cvc", "cvc");
    }
}

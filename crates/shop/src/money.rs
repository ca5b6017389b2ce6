//! Amounts in whole minor units with their currency, and how people read them. No floats.

/// What the shop sells in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Currency {
    Eur,
    Usd,
    Krw,
}

impl Currency {
    pub const ALL: &[Currency] = &[Currency::Eur, Currency::Usd, Currency::Krw];

    /// ISO 4217, in lower case as the API has it.
    pub const fn code(self) -> &'static str {
        match self {
            Currency::Eur => "eur",
            Currency::Usd => "usd",
            Currency::Krw => "krw",
        }
    }
    pub const fn label(self) -> &'static str {
        match self {
            Currency::Eur => "EUR €",
            Currency::Usd => "USD $",
            Currency::Krw => "KRW ₩",
        }
    }
    const fn sign(self) -> &'static str {
        match self {
            Currency::Eur => "€",
            Currency::Usd => "$",
            Currency::Krw => "₩",
        }
    }
    /// Digits behind the point.
    const fn digits(self) -> u32 {
        match self {
            Currency::Eur | Currency::Usd => 2,
            Currency::Krw => 0,
        }
    }
    pub fn parse(text: &str) -> Option<Currency> {
        Currency::ALL.iter().copied().find(|c| c.code() == text)
    }
}

/// For people: `€1,234.50`, `₩45,000`.
pub fn shown(minor: i64, currency: Currency) -> String {
    let scale = 10i64.pow(currency.digits());
    let (whole, part) = (minor.unsigned_abs() / scale.unsigned_abs(), minor.unsigned_abs() % scale.unsigned_abs());
    let minus = if minor < 0 { "−" } else { "" };
    let mut text = format!("{minus}{}{}", currency.sign(), grouped(whole));
    if currency.digits() > 0 {
        text.push_str(&format!(".{part:0width$}", width = currency.digits() as usize));
    }
    text
}

/// For a form's field: `1234.50`.
pub fn plain(minor: i64, currency: Currency) -> String {
    let scale = 10i64.pow(currency.digits());
    match currency.digits() {
        0 => minor.to_string(),
        digits => format!("{}.{:0width$}", minor / scale, (minor % scale).abs(), width = digits as usize),
    }
}

/// Reads what `plain` writes; nothing for signs, exponents, too many digits or more than nine places.
pub fn parse(text: &str, currency: Currency) -> Option<i64> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = currency.digits() as usize;
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > digits || !number(whole) || !number(part) {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_for_people() {
        #[track_caller]
        fn check(minor: i64, currency: Currency, people: &str, field: &str) {
            assert_eq!((shown(minor, currency).as_str(), plain(minor, currency).as_str()), (people, field));
            assert_eq!(parse(field, currency), (minor >= 0).then_some(minor));
        }
        check(0, Currency::Eur, "€0.00", "0.00");
        check(5, Currency::Eur, "€0.05", "0.05");
        check(123_456, Currency::Usd, "$1,234.56", "1234.56");
        check(45_000, Currency::Krw, "₩45,000", "45000");
        check(100_000_000, Currency::Eur, "€1,000,000.00", "1000000.00");
    }

    #[test]
    fn amounts_that_are_none() {
        for text in ["", ".", "-1", "+1", "1e3", "1.234", "1,00", "1 000", "12345678901", "１"] {
            assert_eq!(parse(text, Currency::Eur), None, "{text}");
        }
        assert_eq!(parse("1.5", Currency::Krw), None);
        assert_eq!(parse("1.5", Currency::Eur), Some(150));
        assert_eq!(parse("12", Currency::Usd), Some(1200));
    }
}

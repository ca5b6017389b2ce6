//! Amounts between the API's counting and the wire's (ISO 4217). No rounding: what does not fit is refused.

use florin_core::money::{Currency, Money};

/// DE 4 has twelve digits.
pub const MAX_WIRE_AMOUNT: i64 = 999_999_999_999;

/// Why an amount cannot be carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadWireAmount {
    Negative,
    /// More than twelve digits on the wire.
    TooLarge,
    /// One side counts finer than the other and there is a remainder.
    Remainder,
    /// Not twelve digits.
    NotDigits,
}

fn power_of_ten(exponent: u8) -> i64 {
    10i64.saturating_pow(u32::from(exponent))
}

/// Twelve digits for DE 4, in minor units of ISO 4217: 1000 isk (10.00 as the API counts) is `000000000010`.
pub fn to_wire(money: Money) -> Result<String, BadWireAmount> {
    let (api, iso) = (money.currency.exponent(), money.currency.iso_exponent());
    let wire = if iso >= api {
        money.minor.checked_mul(power_of_ten(iso - api)).ok_or(BadWireAmount::TooLarge)?
    } else {
        divided(money.minor, power_of_ten(api - iso))?
    };
    match wire {
        i64::MIN..0 => Err(BadWireAmount::Negative),
        0..=MAX_WIRE_AMOUNT => Ok(format!("{wire:012}")),
        _ => Err(BadWireAmount::TooLarge),
    }
}

/// Money from the twelve digits of DE 4.
pub fn from_wire(digits: &str, currency: Currency) -> Result<Money, BadWireAmount> {
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadWireAmount::NotDigits);
    }
    let wire: i64 = digits.parse().map_err(|_| BadWireAmount::NotDigits)?;
    let (api, iso) = (currency.exponent(), currency.iso_exponent());
    let minor = if api >= iso {
        wire.checked_mul(power_of_ten(api - iso)).ok_or(BadWireAmount::TooLarge)?
    } else {
        divided(wire, power_of_ten(iso - api))?
    };
    Ok(Money::new(minor, currency))
}

fn divided(value: i64, by: i64) -> Result<i64, BadWireAmount> {
    if value % by != 0 {
        return Err(BadWireAmount::Remainder);
    }
    Ok(value / by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn the_two_ways_of_counting() {
        let check = |minor: i64, code: &str, expected: Result<&str, BadWireAmount>| {
            let money = Money::new(minor, currency(code));
            assert_eq!(to_wire(money).as_deref().map_err(|e| *e), expected, "{minor} {code}");
            if let Ok(digits) = expected {
                assert_eq!(from_wire(digits, currency(code)), Ok(money), "{digits} {code}");
            }
        };
        check(1000, "usd", Ok("000000001000"));
        check(0, "usd", Ok("000000000000"));
        check(500, "jpy", Ok("000000000500"));
        check(1230, "kwd", Ok("000000001230"));
        check(1000, "isk", Ok("000000000010"));
        check(1050, "isk", Err(BadWireAmount::Remainder));
        check(100, "ugx", Ok("000000000001"));
        check(7, "mga", Ok("000000000700"));
        check(-1, "usd", Err(BadWireAmount::Negative));
        check(-100, "isk", Err(BadWireAmount::Negative));
        check(MAX_WIRE_AMOUNT, "usd", Ok("999999999999"));
        check(MAX_WIRE_AMOUNT + 1, "usd", Err(BadWireAmount::TooLarge));
        check(i64::MAX, "mga", Err(BadWireAmount::TooLarge));
        check(i64::MIN, "usd", Err(BadWireAmount::Negative));
    }

    #[test]
    fn amounts_from_the_wire_are_checked() {
        let check = |digits: &str, code: &str, expected: BadWireAmount| {
            assert_eq!(from_wire(digits, currency(code)), Err(expected), "{digits} {code}");
        };
        check("00000000100", "usd", BadWireAmount::NotDigits);
        check("0000000001000", "usd", BadWireAmount::NotDigits);
        check("00000000100C", "usd", BadWireAmount::NotDigits);
        check("-00000001000", "usd", BadWireAmount::NotDigits);
        check("", "usd", BadWireAmount::NotDigits);
        check("000000000701", "mga", BadWireAmount::Remainder);
    }

    #[test]
    fn every_currency_comes_back() {
        for currency in Currency::all() {
            for wire in ["000000000000", "000000001000", "000099999900"] {
                let money = from_wire(wire, currency).unwrap();
                assert_eq!(to_wire(money).as_deref(), Ok(wire), "{currency:?}");
            }
        }
    }
}

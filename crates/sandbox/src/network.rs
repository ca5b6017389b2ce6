//! What differs between card networks: transaction ids, response codes, advice codes, address-check letters, stand-in.
//! Knows no account and no card number.

use crate::entry::EntryId;
use crate::text::Text;
use florin_connect::core::money::Currency;
use florin_connect::core::time::Time;
use florin_connect::core::wire::Network;
use std::collections::BTreeMap;

/// Network transaction ids end in the number of the entry, below this.
pub const IDS_PER_DAY: u64 = 1_000_000_000;
/// The network stands in up to this many whole units of the currency.
pub const STAND_IN_FLOOR_UNITS: i64 = 50;
/// A stand-in decision is told to the issuer (0120) after this, if it answers again.
pub const STAND_IN_ADVICE_AFTER_MS: i64 = 30_000;

/// Why an issuer or network says no where networks use different codes for the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    InsufficientFunds,
    OverCountLimit,
    IssuerUnavailable,
}

/// 15 digits: the network's number, five digits of the day, nine of the entry. Unique as long as the books are.
pub fn transaction_id(network: Network, now: Time, entry: EntryId) -> u64 {
    let day = u64::try_from(now.day_number().rem_euclid(100_000)).unwrap_or(0);
    (u64::from(network as u8) * 100_000 + day) * IDS_PER_DAY + entry % IDS_PER_DAY
}

/// DE 39 in the network's own dialect.
pub fn response(network: Option<Network>, reason: Reason) -> Text<2> {
    let code = match (reason, network) {
        (Reason::InsufficientFunds, _) => "51",
        (Reason::OverCountLimit, Some(Network::Mastercard)) => "61",
        (Reason::OverCountLimit, _) => "65",
        (Reason::IssuerUnavailable, _) => "91",
    };
    code_text(code)
}

/// Merchant advice codes (DE 48.84) that Mastercard adds to a decline when the issuer named none.
const MASTERCARD_ADVICE: &[(&str, &str)] = &[
    ("04", "03"),
    ("05", "02"),
    ("07", "03"),
    ("14", "03"),
    ("41", "03"),
    ("43", "03"),
    ("46", "03"),
    ("51", "02"),
    ("54", "01"),
    ("57", "03"),
    ("61", "02"),
    ("62", "03"),
    ("91", "24"),
];

pub fn advice(network: Option<Network>, response: Text<2>) -> Option<Text<2>> {
    if network != Some(Network::Mastercard) {
        return None;
    }
    let row = MASTERCARD_ADVICE.iter().find(|row| row.0 == response.as_str())?;
    Text::parse(row.1)
}

/// DE 44 position 2 when what was sent matches; a space when nothing was sent. Discover and Diners write A where others write Y.
pub fn avs(network: Option<Network>, street_given: bool, postal_given: bool) -> u8 {
    match (street_given, postal_given, network) {
        (true, true, Some(Network::Discover | Network::Diners)) => b'A',
        (true, true, Some(Network::Mastercard)) => b'X',
        (true, true, _) => b'Y',
        (true, false, _) => b'B',
        (false, true, _) => b'P',
        (false, false, _) => b' ',
    }
}

/// Which issuers do not answer, by script.
#[derive(Default)]
pub struct Outages {
    until: BTreeMap<Network, Time>,
}

impl Outages {
    pub fn begin(&mut self, network: Network, until: Time) {
        self.until.insert(network, until);
    }
    pub fn end_all(&mut self) {
        self.until.clear();
    }
    pub fn down(&self, network: Network, now: Time) -> bool {
        self.until.get(&network).is_some_and(|until| now < *until)
    }
}

/// Whether the network approves in the issuer's place.
pub fn stands_in(amount: i64, currency: u16) -> bool {
    let Some(currency) = Currency::from_numeric(currency) else { return false };
    amount <= STAND_IN_FLOOR_UNITS * 10i64.pow(u32::from(currency.iso_exponent()))
}

pub(crate) fn code_text(code: &str) -> Text<2> {
    Text::parse(code).unwrap_or(Text::LOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_by_network() {
        let check = |network, street, postal, expected: u8| {
            assert_eq!(avs(Some(network), street, postal), expected, "{network:?} {street} {postal}");
        };
        check(Network::Visa, true, true, b'Y');
        check(Network::Visa, true, false, b'B');
        check(Network::Visa, false, true, b'P');
        check(Network::Visa, false, false, b' ');
        check(Network::Discover, true, true, b'A');
        check(Network::Mastercard, true, true, b'X');
    }

    #[test]
    fn ids_have_fifteen_digits_and_end_in_the_entry() {
        for network in Network::ALL {
            let id = transaction_id(network, Time(1_795_299_300_000), 42);
            assert_eq!(id.to_string().len(), 15);
            assert_eq!(id % IDS_PER_DAY, 42);
        }
    }

    #[test]
    fn floors_follow_the_currency() {
        assert!(stands_in(5_000, 840) && !stands_in(5_001, 840));
        assert!(stands_in(50, 392) && !stands_in(51, 392));
        assert!(stands_in(50_000, 414) && !stands_in(50_001, 414));
        assert!(!stands_in(1, 999));
    }
}

//! Which network a card number belongs to: ranges of issuer numbers as data. Knows no single card.

use florin_core::wire::Network;
use serde::Deserialize;
use std::sync::OnceLock;

/// One range of issuer numbers. `from` and `to` have the same number of digits, 1 to 11, and both belong to it.
#[derive(Deserialize)]
pub struct Range {
    pub from: String,
    pub to: String,
    #[serde(deserialize_with = "network")]
    pub network: Network,
    /// The second network of a shared range.
    #[serde(default, deserialize_with = "second_network")]
    pub also: Option<Network>,
    /// How many digits whole numbers of this range may have.
    pub lengths: Vec<usize>,
    /// Digits of the security code.
    pub cvc: usize,
}

#[derive(Deserialize)]
struct File {
    ranges: Vec<Range>,
}

/// The network that the API calls by this name.
pub fn network_by_name(name: &str) -> Option<Network> {
    Network::ALL.into_iter().find(|n| n.as_str() == name)
}

pub(crate) fn network<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Network, D::Error> {
    let name = String::deserialize(d)?;
    network_by_name(&name).ok_or_else(|| serde::de::Error::custom(format!("no network is called {name}")))
}

fn second_network<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Network>, D::Error> {
    network(d).map(Some)
}

/// All ranges, as the file has them.
pub fn ranges() -> &'static [Range] {
    static RANGES: OnceLock<Vec<Range>> = OnceLock::new();
    RANGES.get_or_init(|| match serde_json::from_str::<File>(include_str!("bins.json")) {
        Ok(file) => file.ranges,
        Err(e) => unreachable!("bins.json is part of the program and is tested: {e}"),
    })
}

/// The longest range that holds this number. Takes a whole number or its first digits.
pub fn lookup(digits: &str) -> Option<&'static Range> {
    let holds = |range: &&Range| {
        digits.get(..range.from.len()).is_some_and(|head| range.from.as_str() <= head && head <= range.to.as_str())
    };
    ranges().iter().filter(holds).max_by_key(|range| range.from.len())
}

/// How many digits the network prints as security code.
pub fn cvc_digits(network: Network) -> usize {
    ranges().iter().find(|range| range.network == network).map_or(3, |range| range.cvc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_sound() {
        for range in ranges() {
            let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
            assert!(digits(&range.from) && digits(&range.to), "{}", range.from);
            assert_eq!(range.from.len(), range.to.len(), "{}", range.from);
            assert!((1..=11).contains(&range.from.len()) && range.from <= range.to, "{}", range.from);
            assert!(!range.lengths.is_empty() && matches!(range.cvc, 3 | 4), "{}", range.from);
        }
        for a in ranges() {
            let same_width = ranges().iter().filter(|b| b.from.len() == a.from.len());
            let overlapping = same_width.filter(|b| b.from <= a.to && a.from <= b.to).count();
            assert_eq!(overlapping, 1, "only the range itself: {}", a.from);
        }
        for network in Network::ALL {
            assert!(ranges().iter().any(|r| r.network == network), "{}", network.as_str());
        }
    }

    #[test]
    fn the_longest_range_wins() {
        let check = |digits: &str, expected: Option<&str>| {
            assert_eq!(lookup(digits).map(|r| r.network.as_str()), expected, "{digits}");
        };
        check("4242424242424242", Some("visa"));
        check("2220999999999999", None);
        check("2221000000000000", Some("mastercard"));
        check("2720999999999999", Some("mastercard"));
        check("2721000000000000", None);
        check("50", None);
        check("51", Some("mastercard"));
        check("56", None);
        check("34", Some("amex"));
        check("35", None);
        check("3527", None);
        check("3528", Some("jcb"));
        check("3589", Some("jcb"));
        check("3590", None);
        check("306", None);
        check("3095", Some("diners"));
        check("36", Some("diners"));
        check("643", None);
        check("644", Some("discover"));
        check("6011", Some("discover"));
        check("6012", None);
        check("62", Some("unionpay"));
        check("622126", Some("unionpay"));
        check("81", Some("unionpay"));
        check("", None);
        check("é", None);
        assert!(lookup("622126").is_some_and(|r| r.also == Some(Network::Discover)));
    }
}

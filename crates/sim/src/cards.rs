//! The cards of the simulated cardholders: canary numbers, which the issuers approve. The numbers leave this file only as `Card`.

use florin_connect::card::{Card, Cvc, Expiry, Pan, luhn};
use florin_core::id::Key;
use florin_core::payment::{CardFacts, Funding};
use florin_core::wire::{CardToken, Network};

/// The reserved ranges that leak tests search for.
pub const CANARIES: [(&str, Network, usize); 3] =
    [("4929123456", Network::Visa, 16), ("5457623898", Network::Mastercard, 16), ("3742454554", Network::Amex, 15)];

/// Cards that each vault holds.
const CARDS: u32 = 12;

/// A card in the vault and what the gateway knows of it.
pub struct Stored {
    pub card: Card,
    pub facts: CardFacts,
}

/// The same cards in every world.
pub fn all() -> Vec<Stored> {
    (0..CARDS).filter_map(stored).collect()
}

fn stored(n: u32) -> Option<Stored> {
    let (prefix, network, digits) = CANARIES[n as usize % CANARIES.len()];
    let body = digits - prefix.len() - 1;
    let number = (0..10).map(|check| format!("{prefix}{n:0body$}{check}")).find(|text| luhn(text.as_bytes()))?;
    let pan = Pan::parse(&number).ok()?;
    let expiry = Expiry::new(2031, 12).ok()?;
    let cvc = Cvc::parse(if network == Network::Amex { "1234" } else { "123" }, Some(network)).ok()?;
    let facts = CardFacts {
        token: CardToken { key: Key(i64::from(n) + 1), vault: 1 },
        network,
        first6: bytes(pan.first6().as_str()),
        last4: bytes(pan.last4().as_str()),
        exp_year: 2031,
        exp_month: 12,
        fingerprint: [0; 16],
        funding: Funding::Credit,
        country: None,
    };
    Some(Stored { card: Card { pan, expiry, cvc: Some(cvc), cavv: None }, facts })
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    text.as_bytes().try_into().unwrap_or([b'0'; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_has_its_cards() {
        let cards = all();
        assert_eq!(cards.len(), CARDS as usize);
        assert!(cards.iter().all(|c| c.card.pan.network() == Some(c.facts.network)));
    }
}

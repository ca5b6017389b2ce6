//! What is written down of the defence against card testing: each try that it asked more of or refused, and each alarm. Knows no storage,
//! no address and no card: both are keyed hashes.

use crate::id::Key;
use crate::store::{StoreTrouble, Wait};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// What was decided. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Measure {
    /// The cardholder was to be authenticated first.
    Challenged = 1,
    /// The issuer was not asked.
    Refused = 2,
    /// The account's browsers are watched more closely for a while.
    Alarmed = 3,
    /// An address that was refused too often is told to wait, whatever it asks with a card.
    Shut = 4,
}

impl Measure {
    pub const ALL: &[Measure] = &[
        Measure::Challenged, //
        Measure::Refused,
        Measure::Alarmed,
        Measure::Shut,
    ];
    pub const fn as_str(self) -> &'static str {
        match self {
            Measure::Challenged => "challenged",
            Measure::Refused => "refused",
            Measure::Alarmed => "alarmed",
            Measure::Shut => "shut",
        }
    }
    pub fn from_u8(n: u8) -> Option<Measure> {
        Measure::ALL.iter().copied().find(|m| *m as u8 == n)
    }
}

/// Why. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Reason {
    /// The card was declined too often, wherever it came from.
    CardDeclines = 1,
    /// The payment or setup was declined too often.
    IntentDeclines = 2,
    /// Too many cards for one payment or setup.
    IntentCards = 3,
    /// The address had too many declines.
    AddressDeclines = 4,
    /// Too many cards from one address.
    AddressCards = 5,
    /// Too large a share of what the account's browsers try is declined.
    AccountDeclines = 6,
}

impl Reason {
    pub const ALL: &[Reason] = &[
        Reason::CardDeclines,
        Reason::IntentDeclines,
        Reason::IntentCards,
        Reason::AddressDeclines,
        Reason::AddressCards,
        Reason::AccountDeclines,
    ];
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::CardDeclines => "card_declines",
            Reason::IntentDeclines => "intent_declines",
            Reason::IntentCards => "intent_cards",
            Reason::AddressDeclines => "address_declines",
            Reason::AddressCards => "address_cards",
            Reason::AccountDeclines => "account_declines",
        }
    }
    pub fn from_u8(n: u8) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|r| *r as u8 == n)
    }
}

/// One decision against a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Time,
    pub account: Key,
    pub live: bool,
    pub measure: Measure,
    pub reason: Reason,
    /// The request, as its client got its id.
    pub request: String,
    /// The payment or setup, where there is one.
    pub intent: Option<Key>,
    /// It is a setup.
    pub setup: bool,
    /// Keyed hash of the buyer's network; none for the merchant's own server.
    pub address: Option<[u8; 8]>,
    /// Keyed hash of the card.
    pub card: Option<[u8; 8]>,
    /// What was counted when it was decided: declines of the address, the card and the intent.
    pub declines: [u32; 3],
}

/// Keeps decisions for a while. Losing some is no harm to money.
pub trait AbuseLog: Send + Sync {
    /// Never fails: what cannot be written is lost.
    fn note(&self, entry: Entry);
    /// Newest first, older than the place `before`, each with its place.
    fn find<'a>(
        &'a self,
        account: Key,
        before: Option<i64>,
        limit: u32,
    ) -> Wait<'a, Result<Vec<(i64, Entry)>, StoreTrouble>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_and_names_are_their_own() {
        assert!(Measure::ALL.iter().all(|m| Measure::from_u8(*m as u8) == Some(*m)));
        assert!(Reason::ALL.iter().all(|r| Reason::from_u8(*r as u8) == Some(*r)));
        assert_eq!((Measure::from_u8(0), Reason::from_u8(0)), (None, None));
        let mut names: Vec<&str> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        names.extend(Measure::ALL.iter().map(|m| m.as_str()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len() + Measure::ALL.len());
    }
}

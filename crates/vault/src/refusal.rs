//! Why a card is not taken: closed, named, in the API's words. Holds no card data.

use florin_connect::card::BadCard;
use std::fmt;

/// In order of precedence: the first that applies is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardRefusal {
    /// The vault serves the other mode (test or live).
    OtherMode,
    /// A name such as `pm_card_visa` that no test card has, or any name in live mode.
    NoSuchName,
    Bad(BadCard),
    /// Test mode takes published test numbers and the reserved ranges only.
    TestModeLiveCard,
    /// Live mode takes no test number.
    LiveModeTestCard,
    /// The vault cannot keep the card now. Nothing was kept.
    Trouble,
}

impl CardRefusal {
    /// Each with the number that stands for it between vault and gateway.
    const NUMBERED: [(u8, CardRefusal); 12] = [
        (1, CardRefusal::OtherMode),
        (2, CardRefusal::NoSuchName),
        (3, CardRefusal::Bad(BadCard::InvalidNumber)),
        (4, CardRefusal::Bad(BadCard::IncorrectNumber)),
        (5, CardRefusal::Bad(BadCard::UnsupportedBrand)),
        (6, CardRefusal::Bad(BadCard::InvalidExpiryMonth)),
        (7, CardRefusal::Bad(BadCard::InvalidExpiryYear)),
        (8, CardRefusal::Bad(BadCard::InvalidCvc)),
        (9, CardRefusal::Bad(BadCard::Expired)),
        (10, CardRefusal::TestModeLiveCard),
        (11, CardRefusal::LiveModeTestCard),
        (12, CardRefusal::Trouble),
    ];

    pub(crate) fn number(self) -> u8 {
        Self::NUMBERED.iter().find(|(_, refusal)| *refusal == self).map_or(12, |(number, _)| *number)
    }

    /// A number that no refusal has is a trouble too.
    pub(crate) fn from_number(number: u8) -> CardRefusal {
        Self::NUMBERED.iter().find(|(n, _)| *n == number).map_or(CardRefusal::Trouble, |(_, refusal)| *refusal)
    }

    /// The error code as the API writes it.
    pub const fn code(self) -> &'static str {
        match self {
            CardRefusal::OtherMode => "livemode_mismatch",
            CardRefusal::NoSuchName => "resource_missing",
            CardRefusal::Bad(bad) => bad.code(),
            CardRefusal::TestModeLiveCard => "test_mode_live_card",
            CardRefusal::LiveModeTestCard => "live_mode_test_card",
            CardRefusal::Trouble => "processing_error",
        }
    }

    /// The card field that is at fault, if one is.
    pub const fn param(self) -> Option<&'static str> {
        match self {
            CardRefusal::Bad(bad) => Some(bad.param()),
            CardRefusal::NoSuchName | CardRefusal::TestModeLiveCard | CardRefusal::LiveModeTestCard => Some("number"),
            CardRefusal::OtherMode | CardRefusal::Trouble => None,
        }
    }

    /// What happened and what to do.
    pub const fn message(self) -> &'static str {
        match self {
            CardRefusal::OtherMode => {
                "This vault serves the other mode: use a key of the mode that it was started for."
            }
            CardRefusal::NoSuchName => "No test card has this name. Names of test cards work in test mode only.",
            CardRefusal::Bad(bad) => bad.message(),
            CardRefusal::TestModeLiveCard => {
                "Your request was in test mode, but used a card number that is not a test number. Use one of the published test cards."
            }
            CardRefusal::LiveModeTestCard => {
                "Your request was in live mode, but used a known test card. Use a real card, or a test mode key."
            }
            CardRefusal::Trouble => "The card could not be kept now. Nothing was charged; try again.",
        }
    }
}

impl fmt::Display for CardRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for CardRefusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_one_refusal_each() {
        for (number, refusal) in CardRefusal::NUMBERED {
            assert_eq!(CardRefusal::from_number(number), refusal);
            assert_eq!(refusal.number(), number);
        }
        assert_eq!(CardRefusal::from_number(0), CardRefusal::Trouble);
        assert_eq!(CardRefusal::from_number(255), CardRefusal::Trouble);
    }
}

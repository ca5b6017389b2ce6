//! Why an issuer refused, in the words merchants know, and what to do about it.

use serde::{Deserialize, Serialize};

/// Stripe's public `decline_code` values. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum DeclineCode {
    AuthenticationRequired = 1,
    CallIssuer = 2,
    CardVelocityExceeded = 3,
    DoNotHonor = 4,
    DuplicateTransaction = 5,
    ExpiredCard = 6,
    Fraudulent = 7,
    GenericDecline = 8,
    IncorrectCvc = 9,
    IncorrectNumber = 10,
    IncorrectPin = 11,
    InsufficientFunds = 12,
    InvalidAccount = 13,
    InvalidAmount = 14,
    IssuerNotAvailable = 15,
    LostCard = 16,
    PickupCard = 17,
    PinTryExceeded = 18,
    ProcessingError = 19,
    ReenterTransaction = 20,
    RestrictedCard = 21,
    RevocationOfAllAuthorizations = 22,
    RevocationOfAuthorization = 23,
    SecurityViolation = 24,
    ServiceNotAllowed = 25,
    StolenCard = 26,
    StopPaymentOrder = 27,
    TransactionNotAllowed = 28,
    TryAgainLater = 29,
    WithdrawalCountLimitExceeded = 30,
}

impl DeclineCode {
    pub const ALL: [DeclineCode; 30] = [
        DeclineCode::AuthenticationRequired,
        DeclineCode::CallIssuer,
        DeclineCode::CardVelocityExceeded,
        DeclineCode::DoNotHonor,
        DeclineCode::DuplicateTransaction,
        DeclineCode::ExpiredCard,
        DeclineCode::Fraudulent,
        DeclineCode::GenericDecline,
        DeclineCode::IncorrectCvc,
        DeclineCode::IncorrectNumber,
        DeclineCode::IncorrectPin,
        DeclineCode::InsufficientFunds,
        DeclineCode::InvalidAccount,
        DeclineCode::InvalidAmount,
        DeclineCode::IssuerNotAvailable,
        DeclineCode::LostCard,
        DeclineCode::PickupCard,
        DeclineCode::PinTryExceeded,
        DeclineCode::ProcessingError,
        DeclineCode::ReenterTransaction,
        DeclineCode::RestrictedCard,
        DeclineCode::RevocationOfAllAuthorizations,
        DeclineCode::RevocationOfAuthorization,
        DeclineCode::SecurityViolation,
        DeclineCode::ServiceNotAllowed,
        DeclineCode::StolenCard,
        DeclineCode::StopPaymentOrder,
        DeclineCode::TransactionNotAllowed,
        DeclineCode::TryAgainLater,
        DeclineCode::WithdrawalCountLimitExceeded,
    ];
    pub const fn as_str(self) -> &'static str {
        match self {
            DeclineCode::AuthenticationRequired => "authentication_required",
            DeclineCode::CallIssuer => "call_issuer",
            DeclineCode::CardVelocityExceeded => "card_velocity_exceeded",
            DeclineCode::DoNotHonor => "do_not_honor",
            DeclineCode::DuplicateTransaction => "duplicate_transaction",
            DeclineCode::ExpiredCard => "expired_card",
            DeclineCode::Fraudulent => "fraudulent",
            DeclineCode::GenericDecline => "generic_decline",
            DeclineCode::IncorrectCvc => "incorrect_cvc",
            DeclineCode::IncorrectNumber => "incorrect_number",
            DeclineCode::IncorrectPin => "incorrect_pin",
            DeclineCode::InsufficientFunds => "insufficient_funds",
            DeclineCode::InvalidAccount => "invalid_account",
            DeclineCode::InvalidAmount => "invalid_amount",
            DeclineCode::IssuerNotAvailable => "issuer_not_available",
            DeclineCode::LostCard => "lost_card",
            DeclineCode::PickupCard => "pickup_card",
            DeclineCode::PinTryExceeded => "pin_try_exceeded",
            DeclineCode::ProcessingError => "processing_error",
            DeclineCode::ReenterTransaction => "reenter_transaction",
            DeclineCode::RestrictedCard => "restricted_card",
            DeclineCode::RevocationOfAllAuthorizations => "revocation_of_all_authorizations",
            DeclineCode::RevocationOfAuthorization => "revocation_of_authorization",
            DeclineCode::SecurityViolation => "security_violation",
            DeclineCode::ServiceNotAllowed => "service_not_allowed",
            DeclineCode::StolenCard => "stolen_card",
            DeclineCode::StopPaymentOrder => "stop_payment_order",
            DeclineCode::TransactionNotAllowed => "transaction_not_allowed",
            DeclineCode::TryAgainLater => "try_again_later",
            DeclineCode::WithdrawalCountLimitExceeded => "withdrawal_count_limit_exceeded",
        }
    }
    pub fn named(name: &str) -> Option<DeclineCode> {
        DeclineCode::ALL.into_iter().find(|code| code.as_str() == name)
    }
    /// What a shopper may be told: a thief must not learn that the card is known to be lost or stolen.
    #[allow(clippy::wildcard_enum_match_arm)]
    pub const fn for_shopper(self) -> DeclineCode {
        match self {
            DeclineCode::LostCard | DeclineCode::StolenCard | DeclineCode::PickupCard | DeclineCode::Fraudulent => {
                DeclineCode::GenericDecline
            }
            other => other,
        }
    }
}

/// Whether the same card may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Retry {
    /// Never with the same card data.
    No,
    /// Another day or another time.
    Later,
    /// After the data was corrected.
    Fix,
    /// A technical refusal: safe to try again once this attempt is known to be dead.
    Now,
    /// With 3-D Secure.
    WithAuthentication,
}

impl Retry {
    pub const fn as_str(self) -> &'static str {
        match self {
            Retry::No => "no",
            Retry::Later => "later",
            Retry::Fix => "fix",
            Retry::Now => "now",
            Retry::WithAuthentication => "with_authentication",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_their_own_and_numbers_stay() {
        let names: BTreeSet<&str> = DeclineCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), DeclineCode::ALL.len());
        for (number, code) in (1u8..).zip(DeclineCode::ALL) {
            assert_eq!(code as u8, number, "{code:?}");
            assert_eq!(DeclineCode::named(code.as_str()), Some(code));
        }
    }

    /// A thief is told no more than that the card was refused; everybody else is told why.
    #[test]
    fn what_a_shopper_is_told() {
        let hidden = [DeclineCode::Fraudulent, DeclineCode::LostCard, DeclineCode::PickupCard, DeclineCode::StolenCard];
        for code in DeclineCode::ALL {
            let expected = if hidden.contains(&code) { DeclineCode::GenericDecline } else { code };
            assert_eq!(code.for_shopper(), expected);
        }
    }

    #[test]
    fn advice_on_trying_again() {
        let all = [Retry::No, Retry::Later, Retry::Fix, Retry::Now, Retry::WithAuthentication];
        assert_eq!(all.map(Retry::as_str), ["no", "later", "fix", "now", "with_authentication"]);
    }
}

//! What can be wrong with a request: closed, named, and in one table to HTTP.

use crate::id::Kind;
use crate::money::BadAmount;

/// The caller's affair. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSuch(Kind),
    Amount(BadAmount),
    /// The currency of a capture or refund is not the payment's.
    CurrencyDiffers,
    /// A confirm without a card.
    NoCard,
    /// The payment's status forbids the operation.
    UnexpectedState {
        operation: Operation,
        status: &'static str,
    },
    /// More than is held.
    CaptureTooLarge {
        held: i64,
    },
    /// More than is left of what was captured.
    RefundTooLarge {
        left: i64,
    },
    AlreadyRefunded,
    /// The payment has no captured money.
    NothingToRefund,
    TooManyAttempts,
    /// The key was used for another request.
    IdempotencyMismatch,
    /// The first request under the key is still under way.
    IdempotencyInUse,
    /// Others changed the same thing too often in the meantime.
    Contended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Confirm,
    Capture,
    Cancel,
    Refund,
}

impl Operation {
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Confirm => "confirm",
            Operation::Capture => "capture",
            Operation::Cancel => "cancel",
            Operation::Refund => "refund",
        }
    }
}

/// How a refusal looks to an HTTP client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub status: u16,
    pub kind: &'static str,
    pub code: &'static str,
    pub param: Option<&'static str>,
    pub message: String,
}

impl Refusal {
    /// The one table.
    pub fn told(&self) -> Told {
        const INVALID: &str = "invalid_request_error";
        let told = |status, kind, code, param: Option<&'static str>, message: String| Told {
            status,
            kind,
            code,
            param,
            message,
        };
        match self {
            Refusal::NoSuch(kind) => {
                told(404, INVALID, "resource_missing", Some("id"), format!("There is no such {}.", noun(*kind)))
            }
            Refusal::Amount(bad) => amount(*bad),
            Refusal::CurrencyDiffers => told(
                400,
                INVALID,
                "currency_mismatch",
                Some("currency"),
                "The currency is not the payment's. Give the amount in the payment's currency.".into(),
            ),
            Refusal::NoCard => told(
                400,
                INVALID,
                "parameter_missing",
                Some("payment_method"),
                "The payment has no card. Give one with the confirmation.".into(),
            ),
            Refusal::UnexpectedState { operation, status } => told(
                400,
                INVALID,
                "payment_intent_unexpected_state",
                None,
                format!("A payment with the status {status} cannot be used for: {}.", operation.as_str()),
            ),
            Refusal::CaptureTooLarge { held } => told(
                400,
                INVALID,
                "amount_too_large",
                Some("amount_to_capture"),
                format!("Only {held} (in minor units) is held. Capture that or less."),
            ),
            Refusal::RefundTooLarge { left } => told(
                400,
                INVALID,
                "amount_too_large",
                Some("amount"),
                format!("Only {left} (in minor units) is left to refund."),
            ),
            Refusal::AlreadyRefunded => {
                told(400, INVALID, "charge_already_refunded", None, "The payment is refunded in full already.".into())
            }
            Refusal::NothingToRefund => told(
                400,
                INVALID,
                "payment_intent_unexpected_state",
                None,
                "The payment took no money. Only a succeeded payment can be refunded.".into(),
            ),
            Refusal::TooManyAttempts => told(
                400,
                INVALID,
                "payment_intent_too_many_attempts",
                None,
                "The payment was tried too often. Create a new one.".into(),
            ),
            Refusal::IdempotencyMismatch => told(
                400,
                "idempotency_error",
                "idempotency_key_reused",
                None,
                "The idempotency key was used for another request. Use a new key for a new request.".into(),
            ),
            Refusal::IdempotencyInUse => told(
                409,
                "idempotency_error",
                "idempotency_key_in_use",
                None,
                "A request with this idempotency key is under way. Ask again in a moment.".into(),
            ),
            Refusal::Contended => told(
                409,
                INVALID,
                "lock_timeout",
                None,
                "Other requests change the same object. Ask again in a moment.".into(),
            ),
        }
    }
}

fn amount(bad: BadAmount) -> Told {
    let (code, message) = match bad {
        BadAmount::Zero => ("parameter_invalid_integer", "The amount must be above zero."),
        BadAmount::Negative => ("parameter_invalid_integer", "The amount must not be negative."),
        BadAmount::TooLarge => ("amount_too_large", "The amount must be at most 99999999 minor units."),
        BadAmount::LastDigitNotZero => {
            ("parameter_invalid_integer", "Amounts of a three-decimal currency must end in 0: round to ten.")
        }
        BadAmount::NotAnAmount => {
            ("parameter_invalid_integer", "Write the amount with a point and no more decimals than the currency has.")
        }
        BadAmount::NotSendable => {
            ("parameter_invalid_integer", "Card networks take no decimals in this currency: use whole units.")
        }
    };
    Told { status: 400, kind: "invalid_request_error", code, param: Some("amount"), message: message.into() }
}

const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => "account",
        Kind::Payment => "payment_intent",
        Kind::Charge => "charge",
        Kind::Refund => "refund",
        Kind::Event => "event",
        Kind::Customer => "customer",
        Kind::Terminal => "terminal",
        Kind::Job => "job",
        Kind::Chain => "chain",
        Kind::Token => "payment_method",
    }
}

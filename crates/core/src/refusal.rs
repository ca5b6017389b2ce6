//! What can be wrong with a request: closed, named, and in one table to HTTP.

use crate::id::Kind;
use crate::money::BadAmount;

/// The caller's affair. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSuch(Kind),
    Amount(BadAmount),
    UnknownCurrency,
    /// The currency of a capture or refund is not the payment's.
    CurrencyDiffers,
    /// A confirm without a card.
    NoCard,
    /// The payment's status forbids the operation.
    UnexpectedState {
        operation: Operation,
        status: &'static str,
    },
    /// The setup's status forbids the operation.
    SetupState {
        operation: Operation,
        status: &'static str,
    },
    /// More than is held.
    CaptureTooLarge {
        held: i64,
    },
    /// An increment to no more than is held.
    IncrementTooSmall {
        held: i64,
    },
    /// An increment that was not asked for when the payment was made.
    NotIncremental,
    /// More than is left of what was captured.
    RefundTooLarge {
        left: i64,
    },
    AlreadyRefunded,
    /// The payment has no captured money.
    NothingToRefund,
    TooManyAttempts,
    /// A signed order says otherwise.
    OrderMismatch {
        param: &'static str,
    },
    /// The order's code holds no more.
    OrderExpired,
    /// The order's code was given to another payment.
    OrderReused,
    /// The account, or the key, takes no payment without a signed order.
    OrderRequired,
    /// There are as many of them as there may be.
    TooMany {
        kind: Kind,
        most: u32,
    },
    /// The key was used for another request.
    IdempotencyMismatch,
    /// Empty, or above 255 characters.
    IdempotencyKeyLength,
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
    Update,
    Authenticate,
    Increment,
}

impl Operation {
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Confirm => "confirm",
            Operation::Capture => "capture",
            Operation::Cancel => "cancel",
            Operation::Refund => "refund",
            Operation::Update => "update",
            Operation::Authenticate => "authenticate",
            Operation::Increment => "increment_authorization",
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
            Refusal::UnknownCurrency => told(
                400,
                INVALID,
                "invalid_currency",
                Some("currency"),
                "There is no such currency. Give a three-letter ISO 4217 code, for example eur.".into(),
            ),
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
            Refusal::SetupState { operation, status } => told(
                400,
                INVALID,
                "setup_intent_unexpected_state",
                None,
                format!("A setup with the status {status} cannot be used for: {}.", operation.as_str()),
            ),
            Refusal::CaptureTooLarge { held } => told(
                400,
                INVALID,
                "amount_too_large",
                Some("amount_to_capture"),
                format!("Only {held} (in minor units) is held. Capture that or less."),
            ),
            Refusal::IncrementTooSmall { held } => told(
                400,
                INVALID,
                "amount_too_small",
                Some("amount"),
                format!("{held} (in minor units) is held already. Give the whole amount, above that."),
            ),
            Refusal::NotIncremental => told(
                400,
                INVALID,
                "payment_intent_invalid_parameter",
                None,
                "The payment was not made with payment_method_options[card][request_incremental_authorization]=if_available."
                    .into(),
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
            Refusal::OrderMismatch { param } => told(
                400,
                INVALID,
                "order_code_mismatch",
                Some(param),
                format!("The {param} is not what was signed with the order. Sign the order as it is now, and give the new order_code."),
            ),
            Refusal::OrderExpired => told(
                400,
                INVALID,
                "order_code_expired",
                Some("order_code"),
                "The order code holds no more. Sign the order again.".into(),
            ),
            Refusal::OrderReused => told(
                400,
                INVALID,
                "order_code_reused",
                Some("order_code"),
                "The order code was given to another payment: one code pays once. Sign the order again, with a fresh nonce.".into(),
            ),
            Refusal::OrderRequired => told(
                400,
                INVALID,
                "order_code_required",
                Some("order_code"),
                "Payments need a signed order here: give order_code and order.".into(),
            ),
            Refusal::IdempotencyMismatch => told(
                400,
                "idempotency_error",
                "idempotency_key_reused",
                None,
                "The idempotency key was used for another request. Use a new key for a new request.".into(),
            ),
            Refusal::IdempotencyKeyLength => told(
                400,
                "idempotency_error",
                "idempotency_key_invalid",
                None,
                "The idempotency key must have 1 to 255 characters.".into(),
            ),
            Refusal::IdempotencyInUse => told(
                409,
                "idempotency_error",
                "idempotency_key_in_use",
                None,
                "A request with this idempotency key is under way. Ask again in a moment.".into(),
            ),
            Refusal::TooMany { kind, most } => told(
                400,
                INVALID,
                "limit_exceeded",
                None,
                format!("There are {most} of kind {} already, which is the limit.", noun(*kind)),
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
        Kind::Method => "payment_method",
        Kind::ApiKey => "api_key",
        Kind::Setup => "setup_intent",
        Kind::Endpoint => "webhook_endpoint",
        Kind::Product => "product",
        Kind::Price => "price",
        Kind::Movement => "balance_transaction",
        Kind::CardToken => "token",
        Kind::Card => "card",
        Kind::Attempt => "setup_attempt",
        Kind::Delivery => "webhook_delivery",
        Kind::Outbox => "webhook_outbox",
        Kind::Report => "acquirer's report",
        Kind::Settlement => "settlement report",
        Kind::Break => "settlement break",
        Kind::Cursor => "cursor",
        Kind::Lookup => "lookup_key",
        Kind::Confirmation => "confirmation_token",
        Kind::CodeToken => "cvc_token",
        Kind::Domain => "payment_method_domain",
        Kind::DomainName => "name of a payment_method_domain",
        Kind::Orphan => "orphaned payment",
        Kind::Restore => "restored database",
        Kind::Tombstone => "tombstone",
        Kind::OrderKey => "order_key",
        Kind::OrderUse => "order code",
        Kind::KeyRules => "rules of an api_key",
        Kind::Consent => "consent",
        Kind::AuditEntry => "audit entry",
        Kind::AuditHead => "end of the audit log",
        Kind::Notice => "message",
        Kind::User => "user",
        Kind::UserName => "name of a user",
        Kind::Session => "session",
        Kind::SignIn => "sign-in",
        Kind::Invitation => "invitation",
        Kind::Approval => "approval",
        Kind::Tries => "count of tries",
        Kind::Spent => "spent challenge",
        Kind::Roster => "roster",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const INVALID: &str = "invalid_request_error";
    const IDEMPOTENCY: &str = "idempotency_error";

    #[test]
    fn the_table() {
        let mut messages = BTreeSet::new();
        let mut check = |refusal: Refusal, status, kind, code, param: Option<&str>, part: &str| {
            let told = refusal.told();
            assert_eq!((told.status, told.kind, told.code, told.param), (status, kind, code, param), "{refusal:?}");
            assert!(told.message.contains(part), "{}", told.message);
            assert!(told.message.ends_with('.'), "{}", told.message);
            assert!(messages.insert(told.message), "{refusal:?} sounds like another");
        };
        let missing = "resource_missing";
        check(Refusal::NoSuch(Kind::Payment), 404, INVALID, missing, Some("id"), "payment_intent");
        check(Refusal::NoSuch(Kind::Refund), 404, INVALID, missing, Some("id"), "refund");
        check(Refusal::NoSuch(Kind::Charge), 404, INVALID, missing, Some("id"), "charge");
        let amount = Some("amount");
        let integer = "parameter_invalid_integer";
        check(Refusal::Amount(BadAmount::Zero), 400, INVALID, integer, amount, "above zero");
        check(Refusal::Amount(BadAmount::Negative), 400, INVALID, integer, amount, "negative");
        check(Refusal::Amount(BadAmount::TooLarge), 400, INVALID, "amount_too_large", amount, "99999999");
        check(Refusal::Amount(BadAmount::LastDigitNotZero), 400, INVALID, integer, amount, "end in 0");
        check(Refusal::Amount(BadAmount::NotAnAmount), 400, INVALID, integer, amount, "decimals");
        check(Refusal::Amount(BadAmount::NotSendable), 400, INVALID, integer, amount, "whole units");
        let currency = Some("currency");
        check(Refusal::UnknownCurrency, 400, INVALID, "invalid_currency", currency, "ISO 4217");
        check(Refusal::CurrencyDiffers, 400, INVALID, "currency_mismatch", currency, "payment's currency");
        check(Refusal::NoCard, 400, INVALID, "parameter_missing", Some("payment_method"), "no card");
        let state = "payment_intent_unexpected_state";
        let unexpected = |operation, status| Refusal::UnexpectedState { operation, status };
        check(unexpected(Operation::Confirm, "succeeded"), 400, INVALID, state, None, "status succeeded");
        check(unexpected(Operation::Capture, "succeeded"), 400, INVALID, state, None, "capture");
        check(unexpected(Operation::Cancel, "succeeded"), 400, INVALID, state, None, "cancel");
        check(unexpected(Operation::Cancel, "processing"), 400, INVALID, state, None, "status processing");
        let setup = Refusal::SetupState { operation: Operation::Confirm, status: "succeeded" };
        check(setup, 400, INVALID, "setup_intent_unexpected_state", None, "A setup with the status succeeded");
        check(Refusal::NothingToRefund, 400, INVALID, state, None, "took no money");
        let large = "amount_too_large";
        check(Refusal::CaptureTooLarge { held: 600 }, 400, INVALID, large, Some("amount_to_capture"), "600");
        check(Refusal::IncrementTooSmall { held: 600 }, 400, INVALID, "amount_too_small", amount, "600");
        check(Refusal::NotIncremental, 400, INVALID, "payment_intent_invalid_parameter", None, "if_available");
        check(Refusal::RefundTooLarge { left: 600 }, 400, INVALID, large, amount, "600");
        check(Refusal::AlreadyRefunded, 400, INVALID, "charge_already_refunded", None, "refunded in full");
        check(Refusal::TooManyAttempts, 400, INVALID, "payment_intent_too_many_attempts", None, "too often");
        let differs = Refusal::OrderMismatch { param: "amount" };
        check(differs, 400, INVALID, "order_code_mismatch", amount, "not what was signed");
        let code = Some("order_code");
        check(Refusal::OrderExpired, 400, INVALID, "order_code_expired", code, "Sign the order again");
        check(Refusal::OrderReused, 400, INVALID, "order_code_reused", code, "one code pays once");
        check(Refusal::OrderRequired, 400, INVALID, "order_code_required", code, "signed order");
        check(Refusal::IdempotencyMismatch, 400, IDEMPOTENCY, "idempotency_key_reused", None, "another request");
        check(Refusal::IdempotencyKeyLength, 400, IDEMPOTENCY, "idempotency_key_invalid", None, "255");
        check(Refusal::IdempotencyInUse, 409, IDEMPOTENCY, "idempotency_key_in_use", None, "under way");
        let domains = Refusal::TooMany { kind: Kind::Domain, most: 1_000 };
        check(domains, 400, INVALID, "limit_exceeded", None, "1000 of kind payment_method_domain");
        check(Refusal::Contended, 409, INVALID, "lock_timeout", None, "Ask again");
    }

    #[test]
    fn every_kind_has_a_noun_of_its_own() {
        let nouns: BTreeSet<&str> = Kind::ALL.iter().copied().map(noun).collect();
        assert_eq!(nouns.len(), Kind::ALL.len());
    }
}

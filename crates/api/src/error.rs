//! Errors as clients see them: the one table from refusals and failures to Stripe's error object.

use crate::limits::Limited;
use florin_core::flow::{Failure, Trouble};
use florin_core::id::Kind;
use florin_core::money::BadAmount;
use florin_core::refusal::Refusal;
use florin_core::store::StoreTrouble;
use serde_json::{Map, Value, json};

/// `type` of an error: SDKs make their exception class of it and of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    Api,
    Card,
    Idempotency,
    InvalidRequest,
}

impl ErrorType {
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorType::Api => "api_error",
            ErrorType::Card => "card_error",
            ErrorType::Idempotency => "idempotency_error",
            ErrorType::InvalidRequest => "invalid_request_error",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    pub status: u16,
    pub kind: ErrorType,
    pub code: Option<String>,
    pub param: Option<String>,
    pub message: String,
    /// `decline_code`, `charge`, `payment_intent` and the like.
    pub more: Map<String, Value>,
    pub retry_after_seconds: Option<u32>,
    /// A limit of requests was passed (`Stripe-Rate-Limited-Reason`).
    pub rate_limited: Option<Limited>,
    /// What went wrong on our side: for our own log, never shown.
    pub trouble: Option<Box<Trouble>>,
}

impl ApiError {
    pub fn new(status: u16, kind: ErrorType, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
            more: Map::new(),
            retry_after_seconds: None,
            rate_limited: None,
            trouble: None,
        }
    }
    /// 400, without a code.
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(400, ErrorType::InvalidRequest, message)
    }
    pub fn code(mut self, code: &str) -> ApiError {
        self.code = Some(code.to_owned());
        self
    }
    pub fn param(mut self, param: &str) -> ApiError {
        self.param = Some(param.to_owned());
        self
    }
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> ApiError {
        self.more.insert(name.to_owned(), value.into());
        self
    }
    /// 404: there is nothing under this id, or it is another account's.
    pub fn missing(noun: &str, id: &str, param: &str) -> ApiError {
        let shown: String = id.chars().take(100).collect();
        ApiError::new(404, ErrorType::InvalidRequest, format!("No such {noun}: '{shown}'"))
            .code("resource_missing")
            .param(param)
    }
    /// The same for an id in a parameter: 400.
    pub fn missing_value(noun: &str, id: &str, param: &str) -> ApiError {
        ApiError { status: 400, ..ApiError::missing(noun, id, param) }
    }
    /// What looking for a parameter's value came to: 404 would speak of the path.
    pub fn of_a_parameter(self) -> ApiError {
        if self.status == 404 { ApiError { status: 400, ..self } } else { self }
    }

    pub fn body(&self) -> Value {
        let mut error = self.more.clone();
        if let Some(code) = &self.code {
            error.insert("code".into(), json!(code));
        }
        if let Some(param) = &self.param {
            error.insert("param".into(), json!(param));
        }
        error.insert("message".into(), json!(self.message));
        error.insert("type".into(), json!(self.kind.as_str()));
        json!({ "error": error })
    }
}

/// What core refuses. Parameters are named as the endpoints of payments and refunds name them.
impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        let told = refusal.told();
        let kind = match told.kind {
            "idempotency_error" => ErrorType::Idempotency,
            _ => ErrorType::InvalidRequest,
        };
        let error = ApiError { code: Some(told.code.to_owned()), ..ApiError::new(told.status, kind, told.message) };
        let error = match told.param {
            Some(param) => error.param(param),
            None => error,
        };
        match refusal {
            // The code would say more than what Stripe says here.
            Refusal::Amount(BadAmount::TooLarge) => error.code("amount_too_large"),
            Refusal::IdempotencyMismatch | Refusal::IdempotencyKeyLength => ApiError { code: None, ..error },
            Refusal::Contended => ApiError { status: 429, retry_after_seconds: Some(1), ..error },
            Refusal::NoSuch(_)
            | Refusal::Amount(_)
            | Refusal::UnknownCurrency
            | Refusal::CurrencyDiffers
            | Refusal::NoCard
            | Refusal::UnexpectedState { .. }
            | Refusal::SetupState { .. }
            | Refusal::CaptureTooLarge { .. }
            | Refusal::IncrementTooSmall { .. }
            | Refusal::NotIncremental
            | Refusal::RefundTooLarge { .. }
            | Refusal::AlreadyRefunded
            | Refusal::NothingToRefund
            | Refusal::TooManyAttempts
            | Refusal::OrderMismatch { .. }
            | Refusal::OrderExpired
            | Refusal::OrderReused
            | Refusal::OrderRequired
            | Refusal::TooMany { .. }
            | Refusal::IdempotencyInUse => error,
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> ApiError {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Trouble(trouble) => ApiError { trouble: Some(Box::new(trouble)), ..ApiError::trouble() },
        }
    }
}

impl From<StoreTrouble> for ApiError {
    fn from(trouble: StoreTrouble) -> ApiError {
        Failure::from(trouble).into()
    }
}

impl ApiError {
    /// 500: our affair. Whether something was done is not known to the caller.
    pub fn trouble() -> ApiError {
        ApiError::new(
            500,
            ErrorType::Api,
            "Something went wrong on our side. Ask again with the same idempotency key: nothing is done twice.",
        )
    }
}

/// The name of a thing in messages.
pub const fn noun(kind: Kind) -> &'static str {
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
        Kind::Method => "PaymentMethod",
        Kind::ApiKey => "api_key",
        Kind::Setup => "setupintent",
        Kind::Endpoint => "webhook endpoint",
        Kind::Product => "product",
        Kind::Price => "price",
        Kind::Movement => "balance transaction",
        Kind::CardToken => "token",
        Kind::Card => "card",
        Kind::Attempt => "setup_attempt",
        Kind::Delivery => "webhook_delivery",
        Kind::Outbox => "webhook_outbox",
        Kind::Report => "acquirer's report",
        Kind::Settlement => "settlement report",
        Kind::Break => "settlement break",
        Kind::Cursor => "cursor",
        Kind::Lookup => "lookup key",
        Kind::Confirmation => "confirmation_token",
        Kind::CodeToken => "token",
        Kind::Domain => "payment method domain",
        Kind::DomainName => "domain name",
        Kind::Orphan => "orphan",
        Kind::Restore => "restore",
        Kind::Tombstone => "tombstone",
        Kind::OrderKey => "order key",
        Kind::OrderUse => "order code",
        Kind::KeyRules => "key rules",
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

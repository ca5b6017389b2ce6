//! What the edge itself refuses, and how it is told: one table from refusal to Stripe-shaped error. Holds no card data and nothing of a
//! request but the name of a parameter.

use super::chunked::BadChunk;
use super::head::{BadHead, HEADERS_LIMIT};
use crate::core::edge::EdgeResponse;
use crate::refusal::CardRefusal;
use florin_connect::card::BadCard;
use serde::Serialize;

/// A parameter's name comes from outside: more than this of it is not repeated.
const PARAM_LIMIT_CHARS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Head(BadHead),
    HeadTooLarge,
    HeadTooSlow,
    Method,
    BodyTooLarge,
    BodyTooSlow,
    Chunks,
    ContentType,
    ContentEncoding,
    Json,
    /// Content-Digest (RFC 9530) cannot be read.
    DigestUnreadable,
    /// The body that came is not the one that Content-Digest tells of.
    DigestDiffers,
    /// A signed request (RFC 9421) with a card in it: nobody behind the edge could check the signature.
    SignedCard,
    /// A card number where none belongs. The parameter, if it can be named without repeating the number.
    CardNumber(Option<String>),
    Unknown(String),
    Twice(String),
    Missing(String),
    Empty(String),
    NotText(String),
    NotInteger(String),
    Card(CardRefusal),
    /// The card's last month has passed, in this year or in an earlier one.
    Expired {
        this_year: bool,
    },
    /// The route speaks WebSocket alone (RFC 6455 §4.2.1).
    NotWebSocket,
    /// The API is for clients with a certificate of the authority that its operator named.
    NoClientCertificate,
    /// The request is for a host that this site is not.
    OtherHost,
    /// A page of another origin asks what only our frames may ask.
    OtherOrigin,
    /// The path is served at the card form's address.
    AtCardSite,
    /// The card form's address serves nothing else.
    OnlyCardSite,
    /// Nothing was handed to the gateway.
    Overloaded,
    GatewayGone,
    /// The gateway may have done what was asked.
    OutcomeUnknown,
    /// The gateway's answer cannot be passed on.
    BadAnswer,
}

impl From<BadChunk> for Refusal {
    fn from(bad: BadChunk) -> Refusal {
        match bad {
            BadChunk::TooLarge => Refusal::BodyTooLarge,
            BadChunk::Malformed => Refusal::Chunks,
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<&'static str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip)]
    status: u16,
}

const INVALID: &str = "invalid_request_error";
const CARD: &str = "card_error";
const OURS: &str = "api_error";

impl Refusal {
    /// The whole answer, without what every answer has.
    pub fn response(&self) -> EdgeResponse {
        let (message, param) = (self.message(), self.param());
        let (status, kind, code, decline_code) = self.numbers();
        let told = Told { code, decline_code, message: &message, param: param.as_deref(), kind, status };
        let status = told.status;
        let body = serde_json::to_vec(&Envelope { error: told }).unwrap_or_default();
        let again = match self {
            Refusal::Overloaded => {
                vec![("retry-after".into(), "1".into()), ("stripe-should-retry".into(), "true".into())]
            }
            Refusal::GatewayGone | Refusal::OutcomeUnknown => vec![("stripe-should-retry".into(), "true".into())],
            _ => Vec::new(),
        };
        EdgeResponse { status, headers: again, body }
    }

    /// HTTP status, type, code and decline code.
    fn numbers(&self) -> (u16, &'static str, Option<&'static str>, Option<&'static str>) {
        let invalid = |code: &'static str| (400, INVALID, Some(code), None);
        match self {
            Refusal::Head(BadHead::TooManyHeaders) | Refusal::HeadTooLarge => (431, INVALID, None, None),
            Refusal::Head(BadHead::Version) => (505, INVALID, None, None),
            Refusal::Head(_) | Refusal::Chunks => (400, INVALID, None, None),
            Refusal::ContentType | Refusal::ContentEncoding | Refusal::Json => (400, INVALID, None, None),
            Refusal::HeadTooSlow | Refusal::BodyTooSlow => (408, INVALID, None, None),
            Refusal::Method => (405, INVALID, None, None),
            Refusal::BodyTooLarge => (413, INVALID, None, None),
            Refusal::NotWebSocket => (426, INVALID, None, None),
            Refusal::NoClientCertificate => (403, INVALID, Some("client_certificate_required"), None),
            Refusal::OtherHost => (421, INVALID, None, None),
            Refusal::OtherOrigin => (403, INVALID, Some("cross_origin"), None),
            Refusal::AtCardSite | Refusal::OnlyCardSite => (404, INVALID, Some("url_unknown"), None),
            Refusal::DigestUnreadable => invalid("content_digest_invalid"),
            Refusal::DigestDiffers => invalid("content_digest_mismatch"),
            Refusal::SignedCard => invalid("card_in_signed_request"),
            Refusal::CardNumber(_) => invalid("card_number_in_field"),
            Refusal::Unknown(_) => invalid("parameter_unknown"),
            Refusal::Twice(_) | Refusal::NotText(_) => (400, INVALID, None, None),
            Refusal::Missing(_) => invalid("parameter_missing"),
            Refusal::Empty(_) => invalid("parameter_invalid_empty"),
            Refusal::NotInteger(_) => invalid("parameter_invalid_integer"),
            Refusal::Card(CardRefusal::OtherMode) => invalid("livemode_mismatch"),
            Refusal::Card(CardRefusal::Trouble) => (503, OURS, Some("processing_error"), None),
            Refusal::Card(refusal @ (CardRefusal::TestModeLiveCard | CardRefusal::LiveModeTestCard)) => {
                (402, CARD, Some("card_declined"), Some(refusal.code()))
            }
            Refusal::Card(refusal @ (CardRefusal::NoSuchName | CardRefusal::Bad(_))) => {
                (402, CARD, Some(refusal.code()), None)
            }
            Refusal::Expired { this_year: true } => (402, CARD, Some(BadCard::InvalidExpiryMonth.code()), None),
            Refusal::Expired { this_year: false } => (402, CARD, Some(BadCard::InvalidExpiryYear.code()), None),
            Refusal::Overloaded => (503, OURS, None, None),
            Refusal::GatewayGone | Refusal::BadAnswer => (502, OURS, None, None),
            Refusal::OutcomeUnknown => (504, OURS, None, None),
        }
    }

    fn param(&self) -> Option<String> {
        match self {
            Refusal::CardNumber(param) => param.as_ref().map(|name| short(name)),
            Refusal::DigestUnreadable | Refusal::DigestDiffers => Some("content-digest".to_owned()),
            Refusal::Unknown(name)
            | Refusal::Twice(name)
            | Refusal::Missing(name)
            | Refusal::Empty(name)
            | Refusal::NotText(name)
            | Refusal::NotInteger(name) => Some(short(name)),
            Refusal::Card(refusal) => refusal.param().map(str::to_owned),
            Refusal::Expired { this_year: true } => Some(BadCard::InvalidExpiryMonth.param().to_owned()),
            Refusal::Expired { this_year: false } => Some(BadCard::InvalidExpiryYear.param().to_owned()),
            _ => None,
        }
    }

    fn message(&self) -> String {
        let fixed = match self {
            Refusal::Head(BadHead::TooManyHeaders) => return format!("At most {HEADERS_LIMIT} headers are read."),
            Refusal::Head(BadHead::Version) => "Speak HTTP/1.1.",
            Refusal::Head(BadHead::Host) => "Give one Host header, that of the address you ask.",
            Refusal::Head(BadHead::ContentLength) => {
                "Give one Content-Length, as a decimal number, or one Transfer-Encoding: chunked, and not both."
            }
            Refusal::Head(BadHead::TransferEncoding) => "The only transfer encoding that is read is chunked.",
            Refusal::Head(BadHead::Target) => "The path must begin with / and hold printable ASCII only.",
            Refusal::Head(BadHead::Line | BadHead::RequestLine | BadHead::Method | BadHead::HeaderName) => {
                "The head of the request is not HTTP/1.1."
            }
            Refusal::HeadTooLarge => "The head of the request is too large: 16 KiB are read.",
            Refusal::HeadTooSlow => "The head of the request did not arrive in time.",
            Refusal::Method => "This method is not offered.",
            Refusal::BodyTooLarge => {
                "The body of the request is too large: 64 KiB are read, and of a file that is uploaded 16 MiB."
            }
            Refusal::BodyTooSlow => "The body of the request did not arrive in time. Nothing was done.",
            Refusal::Chunks => "The chunks of the body are not as HTTP/1.1 has them.",
            Refusal::ContentType => {
                "Send the body as application/x-www-form-urlencoded (or as application/json) and say so in Content-Type."
            }
            Refusal::NotWebSocket => "This address speaks WebSocket, version 13.",
            Refusal::NoClientCertificate => {
                "This API takes clients with a certificate of its operator's authority alone. Connect with yours."
            }
            Refusal::OtherHost => "This address is not that host. Ask for it by its own name.",
            Refusal::OtherOrigin => {
                "Pages ask the API through the frames of florin.js, which are at this address, and not by themselves."
            }
            Refusal::AtCardSite => {
                "florin.js and the frames of the card form have an address of their own: `florin demo` prints it (card, http_card), \
                 `florin serve` has it in its settings (card.name)."
            }
            Refusal::OnlyCardSite => {
                "This address serves florin.js, the frames of the card form, and what those ask. The API has another one."
            }
            Refusal::ContentEncoding => "Send the body without a Content-Encoding.",
            Refusal::DigestUnreadable => "Content-Digest is no dictionary of byte sequences (RFC 9530 §2).",
            Refusal::DigestDiffers => {
                "The body is not the one that Content-Digest tells of. Take the digest of the bytes as they are sent. Nothing was done."
            }
            Refusal::SignedCard => {
                "Signed requests carry no card: make a token or a payment method with a publishable key first, and sign the request that names it."
            }
            Refusal::Json => "The body is not JSON, or an object in it has a key twice.",
            Refusal::CardNumber(Some(name)) => {
                return format!("{} holds a card number. Give cards in the fields for cards only.", short(name));
            }
            Refusal::CardNumber(None) => {
                "The request holds a card number where none belongs. Give cards in the fields for cards only."
            }
            Refusal::Unknown(name) => return format!("Received unknown parameter: {}.", short(name)),
            Refusal::Twice(name) => return format!("{} is given twice.", short(name)),
            Refusal::Missing(name) => return format!("{} is missing.", short(name)),
            Refusal::Empty(name) => return format!("{} is empty. Leave it out or give a value.", short(name)),
            Refusal::NotText(name) => return format!("{} must be text.", short(name)),
            Refusal::NotInteger(name) => return format!("{} must be a whole number.", short(name)),
            Refusal::Card(refusal) => refusal.message(),
            Refusal::Expired { .. } => BadCard::Expired.message(),
            Refusal::Overloaded => "Too much is asked of Florin at this moment. Nothing was done; try again.",
            Refusal::GatewayGone => "The gateway cannot be reached. Nothing was done; try again.",
            Refusal::OutcomeUnknown => {
                "The gateway did not answer in time. What was asked may have been done: retry with the same idempotency key."
            }
            Refusal::BadAnswer => "The gateway's answer could not be read. Retry with the same idempotency key.",
        };
        fixed.to_owned()
    }
}

fn short(name: &str) -> String {
    name.chars().take(PARAM_LIMIT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_stripes_shape() {
        let check = |refusal: Refusal, status: u16, expected: &str| {
            let response = refusal.response();
            let body = String::from_utf8(response.body).unwrap();
            assert_eq!(response.status, status, "{refusal:?}");
            assert!(body.starts_with("{\"error\":{") && body.contains("\"message\":\""), "{body}");
            assert!(body.contains(expected), "{body}");
        };
        let name = || "metadata[a]".to_string();
        check(Refusal::CardNumber(Some(name())), 400, r#""param":"metadata[a]","type":"invalid_request_error""#);
        check(Refusal::CardNumber(None), 400, r#""code":"card_number_in_field""#);
        check(Refusal::DigestDiffers, 400, r#"{"error":{"code":"content_digest_mismatch","message":"#);
        check(Refusal::DigestUnreadable, 400, r#""param":"content-digest""#);
        check(Refusal::SignedCard, 400, r#""code":"card_in_signed_request""#);
        check(Refusal::Unknown(name()), 400, r#""code":"parameter_unknown""#);
        check(Refusal::Missing(name()), 400, r#""code":"parameter_missing""#);
        check(Refusal::BodyTooLarge, 413, r#""type":"invalid_request_error""#);
        check(Refusal::Head(BadHead::TooManyHeaders), 431, "64 headers");
        check(Refusal::Overloaded, 503, r#""type":"api_error""#);
        check(Refusal::OutcomeUnknown, 504, "retry with the same idempotency key");
        let card = |bad: BadCard| Refusal::Card(CardRefusal::Bad(bad));
        check(card(BadCard::IncorrectNumber), 402, r#"{"error":{"code":"incorrect_number","message":"#);
        check(card(BadCard::IncorrectNumber), 402, r#""param":"number","type":"card_error"}}"#);
        check(card(BadCard::InvalidExpiryMonth), 402, r#""code":"invalid_expiry_month""#);
        check(card(BadCard::InvalidCvc), 402, r#""param":"cvc""#);
        check(Refusal::Expired { this_year: false }, 402, r#""code":"invalid_expiry_year""#);
        check(Refusal::Expired { this_year: true }, 402, r#""param":"exp_month""#);
        check(Refusal::Card(CardRefusal::TestModeLiveCard), 402, r#""decline_code":"test_mode_live_card""#);
        check(Refusal::Unknown("x".repeat(5_000)), 400, &format!("\"{}\"", "x".repeat(PARAM_LIMIT_CHARS)));
    }
}

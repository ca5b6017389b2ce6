//! The access control server: the page on which the issuer asks its cardholder. Works without scripts.

use super::transactions::State;
use super::{ThreeDs, page};
use crate::engine::now;
use axum::extract::{self, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use florin_connect::core::threeds::TransId;
use florin_connect::threeds::read_challenge_request;
use std::sync::Arc;

pub const PATH: &str = "/challenge";

type Shared = extract::State<Arc<ThreeDs>>;

/// `GET ?creq=…`: asks the cardholder.
pub async fn challenge(extract::State(threeds): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let creq = field(query.as_deref().unwrap_or(""), "creq");
    let found = creq.and_then(|creq| read_challenge_request(creq).ok());
    let found = found.and_then(|acs| threeds.transactions().by_acs(acs).cloned());
    let words = words(found.as_ref().map_or("", |of| &of.language), &headers);
    match found {
        None => (StatusCode::NOT_FOUND, page::headers(), page::unknown(words)).into_response(),
        Some(of) => match of.state(now()) {
            State::Open => (page::headers(), page::question(words, &of)).into_response(),
            State::Decided { .. } => back(&of.notification_url),
        },
    }
}

/// `POST`: `creq` as EMV 3DS has it, or the cardholder's answer.
pub async fn answer(threeds: Shared, headers: HeaderMap, body: String) -> Response {
    if field(&body, "creq").is_some() {
        return challenge(threeds, RawQuery(Some(body)), headers).await;
    }
    let acs = field(&body, "acs").and_then(TransId::parse);
    let yes = match field(&body, "answer") {
        Some("complete") => Some(true),
        Some("fail") => Some(false),
        _ => None,
    };
    let unknown = || (StatusCode::NOT_FOUND, page::headers(), page::unknown(words("", &headers))).into_response();
    let (Some(acs), Some(yes)) = (acs, yes) else { return unknown() };
    let url = threeds.0.transactions().answer(now(), acs, yes).map(|of| of.notification_url.clone());
    url.map_or_else(unknown, |url| back(&url))
}

fn words(payment: &str, headers: &HeaderMap) -> &'static page::Words {
    page::words(payment, headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()))
}

/// To whoever sent the browser here. The result itself goes from server to server.
fn back(url: &str) -> Response {
    (StatusCode::SEE_OTHER, page::headers(), [(header::LOCATION, url.to_owned())]).into_response()
}

/// A field of a form. What is looked for here needs no escapes.
fn field<'a>(form: &'a str, name: &str) -> Option<&'a str> {
    form.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name).map(|(_, value)| value))
}

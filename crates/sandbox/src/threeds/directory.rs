//! The directory server's calls: card ranges, an authentication's beginning, its result. JSON of EMV 3DS; errors are `Erro`.

use super::ThreeDs;
use super::transactions::{State, Transaction, first_word, takes_part};
use super::value::{Purchase, authentication_value};
use crate::disk::random;
use crate::engine::now;
use axum::body::Bytes;
use axum::extract;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use florin_connect::bins;
use florin_connect::core::threeds::TransId;
use florin_connect::testcards;
use florin_connect::threeds::{self as messages, BadMessage, Range, Request, Said};
use std::sync::Arc;

type Shared = extract::State<Arc<ThreeDs>>;

fn json(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], text.to_owned()).into_response()
}

/// EMV 3DS tells errors with status 200, as a message.
fn refused(bad: BadMessage) -> Response {
    json(&messages::error("203", bad.0))
}

/// The test cards whose issuers take part, each a range of one number.
pub async fn ranges() -> Response {
    let part = testcards::all().iter().filter(|card| takes_part(card.three_ds));
    let one = |number: &str| Range { start: number.to_owned(), end: number.to_owned() };
    json(&messages::ranges_answer(&part.map(|card| one(card.number())).collect::<Vec<Range>>()))
}

pub async fn authenticate(extract::State(threeds): Shared, body: Bytes) -> Response {
    let request = match Request::read(&body) {
        Ok(request) => request,
        Err(bad) => return refused(bad),
    };
    let (Ok(directory), Ok(acs)) = (fresh(), fresh()) else { return json(&messages::error("405", "no chance")) };
    let part = testcards::find(&request.number).map(|card| card.three_ds).unwrap_or_default();
    let network = bins::lookup(&request.number).map(|range| range.network);
    let (card, now) = threeds.engine.with(|host, now| (host.card_hash(&request.number), now)).0;
    let state = first_word(part, request.mandated, network);
    let new = Transaction {
        server: request.server,
        directory,
        acs,
        card,
        network,
        last4: request.number.chars().skip(request.number.len().saturating_sub(4)).collect(),
        merchant: request.merchant_name,
        amount: request.amount,
        currency: request.currency,
        exponent: request.exponent,
        notification_url: request.notification_url,
        language: request.language,
        begun: now,
        state,
        challenged: state == State::Open,
    };
    let begun = threeds.transactions().begin(new).clone();
    json(&said(&threeds, &begun, now).write("ARes"))
}

pub async fn result(extract::State(threeds): Shared, body: Bytes) -> Response {
    let server = match messages::read_result_request(&body) {
        Ok(server) => server,
        Err(bad) => return refused(bad),
    };
    let Some(found) = threeds.transactions().get(server).cloned() else {
        return json(&messages::error("301", "threeDSServerTransID"));
    };
    json(&said(&threeds, &found, now()).write("RReq"))
}

fn said(threeds: &ThreeDs, of: &Transaction, now: florin_connect::core::time::Time) -> Said {
    let (status, eci) = match of.state(now) {
        State::Open => ('C', None),
        State::Decided { status, eci } => (status, eci),
    };
    let value = eci.and_then(|eci| {
        let purchase =
            Purchase { card: of.card, amount: of.amount, currency: of.currency, directory: of.directory, eci };
        authentication_value(&threeds.engine.with(|host, _| *host.value_key()).0, &purchase)
    });
    Said {
        server: of.server,
        directory: of.directory,
        acs: of.acs,
        status: status.to_string(),
        eci,
        value,
        acs_url: (status == 'C').then(|| threeds.acs_url.clone()),
    }
}

/// RFC 9562 §5.4: version 4.
fn fresh() -> std::io::Result<TransId> {
    let mut id = [0u8; 16];
    random(&mut id)?;
    id[6] = (id[6] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    Ok(TransId(id))
}

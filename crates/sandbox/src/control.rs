//! The control calls: JSON over HTTPS on loopback, with a bearer token. They read the books and script misbehaviour; money never
//! moves by them. A refused call answers 400 and names the field.

use crate::acquirer::Host;
use crate::books::Query;
use crate::engine::Engine;
use crate::issuer::Account;
use crate::misbehave::{BadRule, Fault, Rule};
use crate::shell;
use crate::text::Text;
use crate::views::{self, AccountView, BooksAnswer, Health, Refused};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use florin_connect::testcards;
use std::sync::Arc;

/// Entries in one answer.
const ENTRIES_LIMIT: usize = 1_000;
const BODY_LIMIT_BYTES: usize = 16 * 1024;

struct Control {
    engine: Arc<Engine>,
    token: String,
}

type Shared = State<Arc<Control>>;

/// A refused call: always names what is wrong with it.
struct Bad(StatusCode, Refused);

impl IntoResponse for Bad {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

fn bad(field: &str, error: &str) -> Bad {
    Bad(StatusCode::BAD_REQUEST, Refused { field: field.to_owned(), error: error.to_owned() })
}

impl From<BadRule> for Bad {
    fn from(rule: BadRule) -> Bad {
        bad(rule.field, rule.why)
    }
}

pub(crate) fn router(engine: Arc<Engine>, token: String) -> Router {
    let control = Arc::new(Control { engine, token });
    Router::new()
        .route("/health", get(health))
        .route("/books", get(books))
        .route("/books/summary", get(summary))
        .route("/journal", get(journal))
        .route("/misbehave", get(rules).post(misbehave).delete(behave))
        .route("/close-day", post(close_day))
        .route("/accounts/{card}", get(accounts))
        .layer(middleware::from_fn_with_state(control.clone(), authorized))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(control)
}

async fn authorized(State(control): Shared, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = given.and_then(|v| v.strip_prefix("Bearer ")).unwrap_or("");
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), control.token.as_bytes()).is_ok();
    if same {
        return next.run(request).await;
    }
    let error = "send `Authorization: Bearer` with the token of the token file".to_owned();
    Bad(StatusCode::UNAUTHORIZED, Refused { field: "authorization".to_owned(), error }).into_response()
}

async fn health(State(control): Shared) -> Json<Health> {
    let (health, _) = control.engine.with(|host, now| Health {
        status: "ok".to_owned(),
        entries: host.books().len() as u64,
        down: host.is_down(now),
        rules: host.rules().count(),
        counts: host.counts(),
    });
    Json(health)
}

async fn books(State(control): Shared, RawQuery(query): RawQuery) -> Result<Json<BooksAnswer>, Bad> {
    let query = books_query(query.as_deref().unwrap_or(""))?;
    let (answer, _) = control.engine.with(|host, _| {
        let found = host.books().find(&query, ENTRIES_LIMIT + 1);
        let entries = found.iter().take(ENTRIES_LIMIT).map(|e| views::entry(host.books(), e)).collect();
        BooksAnswer { entries, more: found.len() > ENTRIES_LIMIT }
    });
    Ok(Json(answer))
}

fn books_query(query: &str) -> Result<Query, Bad> {
    let mut out = Query::default();
    for (name, value) in pairs(query)? {
        let number = || if value.bytes().all(|b| b.is_ascii_digit()) { value.parse::<u64>().ok() } else { None };
        match name {
            "rrn" => out.rrn = Some(Text::parse(value).ok_or(bad("rrn", "give the twelve characters of DE 37"))?),
            "stan" => {
                let stan = number().and_then(|n| u32::try_from(n).ok());
                out.stan = Some(stan.ok_or(bad("stan", "give the digits of DE 11"))?);
            }
            "de7" => out.de7 = Some(number().ok_or(bad("de7", "give MMDDhhmmss"))?),
            "terminal" => {
                out.terminal = Some(Text::parse(value).ok_or(bad("terminal", "give the eight characters of DE 41"))?);
            }
            "after" => out.after = number().ok_or(bad("after", "give the id of an entry"))?,
            other => return Err(bad(other, "not a filter: use rrn, stan, de7, terminal and after")),
        }
    }
    Ok(out)
}

/// `name=value` pairs. Values are letters and digits here: nothing needs an escape.
fn pairs(query: &str) -> Result<Vec<(&str, &str)>, Bad> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').ok_or_else(|| bad(pair, "write name=value")))
        .collect()
}

async fn summary(State(control): Shared) -> Json<views::Summary> {
    Json(control.engine.with(|host, _| views::summary(host.books())).0)
}

async fn journal(State(control): Shared, RawQuery(query): RawQuery) -> Result<Response, Bad> {
    match pairs(query.as_deref().unwrap_or(""))?.as_slice() {
        [("rrn", rrn)] if rrn.len() == 12 => Ok(Json(control.engine.journal((*rrn).to_owned()).await).into_response()),
        _ => Err(bad("rrn", "give the twelve characters of DE 37, and nothing else")),
    }
}

async fn rules(State(control): Shared) -> Json<Vec<Rule>> {
    Json(control.engine.with(|host, _| host.rules().cloned().collect()).0)
}

async fn misbehave(State(control): Shared, body: String) -> Result<StatusCode, Bad> {
    let rule = Rule::from_json(&body).map_err(|(field, why)| bad(&field, &why))?;
    let fault = rule.fault;
    control.engine.with(|host: &mut Host, now| host.misbehave(now, rule)).0?;
    if matches!(fault, Fault::Down { .. }) {
        shell::hang_up(&control.engine);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn behave(State(control): Shared) -> StatusCode {
    control.engine.with(|host, _| host.behave());
    StatusCode::NO_CONTENT
}

async fn close_day(State(control): Shared) -> Result<Json<views::ClosedDay>, Bad> {
    let (day, written) = control.engine.with(|host, now| {
        let (totals, report) = host.close_day(now);
        views::ClosedDay { report, totals: views::totals(&totals) }
    });
    if let Some(written) = written
        && written.await.is_err()
    {
        let error = "the books cannot be written".to_owned();
        return Err(Bad(StatusCode::INTERNAL_SERVER_ERROR, Refused { field: "books".to_owned(), error }));
    }
    Ok(Json(day))
}

/// By a test card's name: a card number has no place in an address.
async fn accounts(State(control): Shared, Path(card): Path<String>) -> Result<Json<Vec<AccountView>>, Bad> {
    let card = testcards::by_name(&card).ok_or(bad("card", "give the name of a test card, for example visa"))?;
    let (accounts, _) = control.engine.with(|host, _| {
        let hash = host.card_hash(card.number());
        let issuers = host.issuers();
        let view = |(currency, account): (u16, Account)| AccountView {
            currency: views::currency_code(currency),
            credit_line: issuers.credit_line_minor(),
            held: account.held,
            owed: account.owed,
            available: issuers.available(&account),
        };
        issuers.accounts(hash).map(view).collect::<Vec<_>>()
    });
    Ok(Json(accounts))
}

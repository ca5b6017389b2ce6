//! Paying an order: a page with the gateway's card form, and what becomes of what the form gave. No card comes here: the form is the card
//! origin's, and gives a token.

use super::At;
use super::guard::{ShowsCardForm, card_origin};
use super::order::{Shown, link, ordered, shown, whole_link};
use super::page::{Form, Page, failed, render, see, word};
use crate::db::orders;
use crate::order::{Order, Stage};
use crate::pay::Tried;
use crate::person::Person;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

/// A token is shorter.
const LONGEST_TOKEN: usize = 255;

#[derive(Template)]
#[template(path = "pay.html")]
struct Pay {
    page: Page,
    order: Order,
    lines: Vec<Shown>,
    card: String,
    publishable: String,
    code: String,
    /// Most cards are billed to where the order goes.
    person: Person,
    /// Where the customer comes back to from a bank's page.
    back: String,
}

pub async fn show(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    let order = ordered!(at, id, page);
    match order.stage {
        Stage::Placed | Stage::Confirming => {}
        // Something is under way, perhaps in another window: look how it stands before a second try is offered.
        Stage::Paying => {
            if let Err(fail) = at.till.refresh(&order).await {
                return failed(&page, &fail);
            }
            match at.till.order(&id).await {
                Ok(Some(now)) if now.stage.takes_card() => {}
                Ok(_) => return see(&link(&at, &id, "")),
                Err(fail) => return failed(&page, &fail),
            }
        }
        Stage::Paid | Stage::Fulfilled | Stage::Cancelled | Stage::Refunded | Stage::Disputed | Stage::Review => {
            return see(&link(&at, &id, ""));
        }
    }
    let (of, keys) = (id.clone(), std::sync::Arc::clone(&at.keys));
    let read = at.till.db.run(move |tx| Ok((shown(tx, &of)?, Person::open(&keys, &of, &orders::person(tx, &of)?)?)));
    let (lines, person) = match read.await {
        Ok(read) => read,
        Err(fail) => return failed(&page, &fail),
    };
    let (card, publishable) = (card_origin(&at), at.till.florin.publishable.clone());
    let (code, back) = (at.keys.code("order", &id), whole_link(&at, &page.headers, &id, "/back"));
    let mut page = page;
    page.script = Some("pay.js");
    let html = render(&Pay { page, order, lines, card, publishable, code, person, back });
    (Extension(ShowsCardForm), html).into_response()
}

/// Takes what the card form gave: `confirmation_token`. Answers what the page's script does next.
pub async fn pay(State(at): State<At>, Path(id): Path<String>, page: Page, body: String) -> Response {
    let order = ordered!(at, id, page);
    let form = Form::read(&body);
    let token = form.get("confirmation_token");
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if token.is_empty() || token.len() > LONGEST_TOKEN || !token.bytes().all(fits) {
        return told(&at, &id, "refused", &page.t("pay-no-token"));
    }
    let back = whole_link(&at, &page.headers, &id, "/back");
    match at.till.pay(&order, token, &back).await {
        Ok(Tried::Settled) => told(&at, &id, "settled", ""),
        Ok(Tried::Unknown) => told(&at, &id, "unknown", &page.t("pay-unknown")),
        Ok(Tried::Declined { code, message }) => {
            let own = said_no(&code).map(|key| page.t(key));
            told(&at, &id, "declined", &own.unwrap_or(message))
        }
        Ok(Tried::Refused(message)) => told(&at, &id, "refused", &message),
        Ok(Tried::Act(secret)) => {
            let next = link(&at, &id, "/back");
            Json(json!({ "state": "act", "client_secret": secret, "next": next })).into_response()
        }
        Err(fail) => failed(&page, &fail),
    }
}

/// What the customer is told of a bank's no, in their language: no more than helps them. What is wrong with what was typed the gateway says.
fn said_no(code: &str) -> Option<&'static str> {
    match code {
        "insufficient_funds" => Some(word("pay-funds")),
        "expired_card" => Some(word("pay-expired")),
        "incorrect_cvc" => Some(word("pay-code")),
        "incorrect_number"
        | "invalid_number"
        | "invalid_expiry_month"
        | "invalid_expiry_year"
        | "invalid_cvc"
        | "incorrect_zip"
        | "authentication_required"
        | "payment_intent_authentication_failure" => None,
        "processing_error" | "try_again_later" | "issuer_not_available" | "reenter_transaction" => {
            Some(word("pay-later"))
        }
        _ => Some(word("pay-declined")),
    }
}

fn told(at: &At, id: &str, state: &str, message: &str) -> Response {
    let answer: Value = json!({ "state": state, "message": message, "next": link(at, id, "") });
    Json(answer).into_response()
}

/// Back from a bank's page, or from its window: what came of it is asked of the gateway, never believed from the browser.
pub async fn back(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    let order = ordered!(at, id, page);
    if let Err(fail) = at.till.refresh(&order).await {
        return failed(&page, &fail);
    }
    match at.till.order(&id).await {
        Ok(Some(now)) if now.stage.takes_card() => see(&format!("{}&again=1", link(&at, &id, "/pay"))),
        Ok(_) => see(&link(&at, &id, "")),
        Err(fail) => failed(&page, &fail),
    }
}

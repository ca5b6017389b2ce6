//! Where an order goes, changed by whom it is of until it is sent.

use super::order::{link, ordered};
use super::page::{Form, Page, failed, message, see, word};
use super::{At, checkout};
use crate::db::orders;
use crate::order::{Order, Stage};
use crate::pay::now;
use crate::person::Person;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

/// Whether it can be changed still. What is paid otherwise than ordered waits for a person; nothing is changed under their hands.
pub const fn is_open(order: &Order) -> bool {
    match order.stage {
        Stage::Placed | Stage::Paying | Stage::Confirming | Stage::Paid => true,
        Stage::Fulfilled | Stage::Cancelled | Stage::Refunded | Stage::Disputed | Stage::Review => false,
    }
}

pub async fn change(State(at): State<At>, Path(id): Path<String>, page: Page, body: String) -> Response {
    let order = ordered!(at, id, page);
    let typed = checkout::typed(&Form::read(&body), &page);
    let (of, keys) = (order.id, std::sync::Arc::clone(&at.keys));
    let done = at.till.db.run(move |tx| {
        let sends = orders::lines(tx, &of)?.iter().any(|line| line.slot.is_none());
        let before = orders::person(tx, &of)?;
        // The stage is that of this moment, not of the page.
        if !orders::one(tx, &of)?.is_some_and(|now| is_open(&now)) || !sends || before.is_empty() {
            return Ok(Some("late"));
        }
        let person = Person { email: Person::open(&keys, &of, &before)?.email, ..typed };
        if !checkout::faults(&person, true).is_empty() {
            return Ok(None);
        }
        orders::set_person(tx, &of, &person.seal(&keys, &of)?)?;
        orders::step(tx, &of, "address", "customer", now())?;
        Ok(Some("address"))
    });
    match done.await {
        Ok(Some(said)) => see(&format!("{}&said={said}", link(&at, &id, ""))),
        Ok(None) => {
            message(&page, StatusCode::UNPROCESSABLE_ENTITY, word("address-bad-title"), word("checkout-faults"))
        }
        Err(fail) => failed(&page, &fail),
    }
}

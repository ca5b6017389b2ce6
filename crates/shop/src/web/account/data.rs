//! What the shop keeps of a customer, in the customer's hands: seen, changed, taken along, deleted. What lets in or ends an account asks for
//! the password again.

use super::{name, place, sign, signed_in};
use crate::Fail;
use crate::db::accounts::{self, Account};
use crate::db::orders;
use crate::pay::now;
use crate::person::{Person, is_email};
use crate::web::page::{Form, Page, failed, message, query, render, see, word};
use crate::web::password::{Verdict, fault, see_through};
use crate::web::{At, checkout};
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use zeroize::Zeroizing;

#[derive(Template)]
#[template(path = "account/data.html")]
struct Data {
    page: Page,
    person: Person,
    said: Option<&'static str>,
    fault: Option<&'static str>,
}

impl Data {
    fn countries(&self) -> &'static [&'static str] {
        checkout::COUNTRIES
    }
}

fn shown(page: Page, person: Person, fault: Option<&'static str>) -> Response {
    let said = (query(&page.path, "said") == "saved").then_some(word("data-saved"));
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, render(&Data { page, person, said, fault })).into_response()
}

pub async fn show(State(at): State<At>, page: Page) -> Response {
    let (_, person) = signed_in!(at, page);
    shown(page, person, None)
}

/// Name and address; none has to be there.
pub async fn change(State(at): State<At>, page: Page, body: String) -> Response {
    let (account, before) = signed_in!(at, page);
    let person = Person { email: before.email, ..checkout::typed(&Form::read(&body), &page) };
    if !checkout::COUNTRIES.contains(&person.country.as_str()) {
        return shown(page, person, Some(word("checkout-faults")));
    }
    let saved = match person.seal(&at.keys, &place(&account.id)) {
        Ok(sealed) => at.till.db.run(move |tx| accounts::set_person(tx, &account.id, &sealed)).await,
        Err(fail) => Err(fail),
    };
    match saved {
        Ok(()) => see("/account/data?said=saved"),
        Err(fail) => failed(&page, &fail),
    }
}

/// Whether the password that was given is the account's; else what is wrong with it.
async fn proved(at: &At, person: &Person, form: &Form) -> Result<Option<&'static str>, Fail> {
    let password = Zeroizing::new(form.get("password").to_owned());
    let judged = see_through(sign::judge(at.clone(), name(&at.keys, &person.email), password)).await?;
    Ok(match judged.0 {
        Verdict::Right => None,
        Verdict::Busy => Some(word("password-busy")),
        Verdict::Wrong | Verdict::Locked => Some(word("account-wrong")),
    })
}

/// Another e-mail address, another password, or both. Other browsers are signed out.
pub async fn access(State(at): State<At>, page: Page, body: String) -> Response {
    let (account, person) = signed_in!(at, page);
    let form = Form::read(&body);
    let email: String = form.get("email").chars().take(checkout::LONGEST).collect();
    let new = Zeroizing::new(form.get("new").to_owned());
    let wrong = match (is_email(&email), new.is_empty()) {
        (false, _) => Some(word("fault-email")),
        (true, true) => None,
        (true, false) => fault(&new, form.get("again")),
    };
    if wrong.is_some() {
        return shown(page, person, wrong);
    }
    match proved(&at, &person, &form).await {
        Ok(None) => {}
        Ok(wrong) => return shown(page, person, wrong),
        Err(fail) => return failed(&page, &fail),
    }
    let keep = super::token(&page.headers, at.secure).unwrap_or_default();
    let changed = Person { email, ..person.clone() };
    match see_through(set_access(at.clone(), account, changed, new, keep)).await {
        Ok(None) => see("/account/data?said=saved"),
        Ok(wrong) => shown(page, person, wrong),
        Err(fail) => failed(&page, &fail),
    }
}

async fn set_access(
    at: At,
    account: Account,
    person: Person,
    new: Zeroizing<String>,
    keep: Vec<u8>,
) -> Result<Option<&'static str>, Fail> {
    let hash = if new.is_empty() {
        None
    } else {
        let Some(turn) = at.gate.turn().await else { return Ok(Some(word("password-busy"))) };
        Some(turn.hash(new).await?)
    };
    let (name, sealed) = (name(&at.keys, &person.email), person.seal(&at.keys, &place(&account.id))?);
    let work = move |tx: &rusqlite::Transaction<'_>| {
        let done = accounts::set_access(tx, &account.id, &name, hash.as_deref(), &keep)?;
        if done {
            accounts::set_person(tx, &account.id, &sealed)?;
        }
        Ok((!done).then_some(word("account-taken")))
    };
    at.till.db.run(work).await
}

fn told(person: &Person) -> Value {
    json!({
        "name": person.name, "email": person.email, "line1": person.line1, "line2": person.line2,
        "postal": person.postal, "city": person.city, "country": person.country, "language": person.lang,
    })
}

/// All that the shop keeps of the account, in JSON: amounts in minor units, times in seconds since 1970.
pub async fn download(State(at): State<At>, page: Page) -> Response {
    let (account, person) = signed_in!(at, page);
    let keys = Arc::clone(&at.keys);
    let (id, made) = (account.id, account.made);
    let read = at.till.db.run(move |tx| {
        let mut all = vec![];
        for order in accounts::orders_of(tx, &id)? {
            let mut lines = vec![];
            for line in crate::web::order::shown(tx, &order.id)? {
                let (item, starts) = (line.line, line.starts);
                lines.push(json!({ "item": item.slug, "quantity": item.quantity, "unit_amount": item.unit, "time": starts }));
            }
            let who = Person::open(&keys, &order.id, &orders::person(tx, &order.id)?)?;
            let steps = orders::steps(tx, &order.id)?;
            let steps: Vec<Value> = steps.iter().map(|(at, what, _)| json!({ "time": at, "what": what })).collect();
            all.push(json!({
                "number": order.number, "placed": order.placed, "stage": order.stage.name(), "currency": order.currency.code(),
                "total": order.total, "paid": order.received, "refunded": order.refunded, "payment": order.intent,
                "lines": lines, "history": steps, "for": told(&who),
            }));
        }
        Ok(all)
    });
    match read.await {
        Ok(orders) => {
            let all = json!({ "account": told(&person), "made": made, "taken": now(), "orders": orders });
            let headers = AppendHeaders([
                (header::CONTENT_TYPE, "application/json"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"lily-and-clay.json\""),
            ]);
            (headers, format!("{all:#}\n")).into_response()
        }
        Err(fail) => failed(&page, &fail),
    }
}

pub async fn delete(State(at): State<At>, page: Page, body: String) -> Response {
    let (account, person) = signed_in!(at, page);
    match proved(&at, &person, &Form::read(&body)).await {
        Ok(None) => {}
        Ok(wrong) => return shown(page, person, wrong),
        Err(fail) => return failed(&page, &fail),
    }
    match at.till.db.run(move |tx| accounts::delete(tx, &account.id)).await {
        Ok(()) => {
            let said = message(&page, StatusCode::OK, word("account-gone-title"), word("account-gone-text"));
            (AppendHeaders(sign::gone(&at)), said).into_response()
        }
        Err(fail) => failed(&page, &fail),
    }
}

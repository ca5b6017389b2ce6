//! What the shop keeps of a customer, in the customer's hands: seen, changed, taken along, deleted. What lets in or ends an account asks for
//! the password again.

use super::sign::{self, Whose};
use super::{edit, name, signed_in};
use crate::Fail;
use crate::db::accounts::{self, Account};
use crate::db::{orders, refunds, wishes};
use crate::order::Order;
use crate::pay::now;
use crate::person::{Person, is_email};
use crate::seal::Keys;
use crate::web::page::{Form, Page, failed, message, query, render, see, word};
use crate::web::password::{Verdict, fault, see_through};
use crate::web::{At, checkout};
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use rusqlite::Transaction;
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
    let typed = checkout::typed(&Form::read(&body), &page);
    if !checkout::COUNTRIES.contains(&typed.country.as_str()) {
        return shown(page, Person { email: before.email, ..typed }, Some(word("checkout-faults")));
    }
    let keys = Arc::clone(&at.keys);
    let saved =
        at.till.db.run(move |tx| edit(tx, &keys, &account.id, |now| Some(Person { email: now.email, ..typed })));
    match saved.await {
        Ok(()) => see("/account/data?said=saved"),
        Err(fail) => failed(&page, &fail),
    }
}

/// Whether the password that was given is this account's, whatever its address is by now; else what is wrong with it.
async fn proved(at: &At, account: &Account, form: &Form) -> Result<Option<&'static str>, Fail> {
    let password = Zeroizing::new(form.get("password").to_owned());
    let judged = see_through(sign::judge(at.clone(), Whose::Id(account.id.clone()), password)).await?;
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
    match proved(&at, &account, &form).await {
        Ok(None) => {}
        Ok(wrong) => return shown(page, person, wrong),
        Err(fail) => return failed(&page, &fail),
    }
    let keep = super::token(&page.headers, at.secure).unwrap_or_default();
    match see_through(set_access(at.clone(), account.id, email, new, keep)).await {
        Ok(None) => see("/account/data?said=saved"),
        Ok(wrong) => shown(page, person, wrong),
        Err(fail) => failed(&page, &fail),
    }
}

async fn set_access(
    at: At,
    id: String,
    email: String,
    new: Zeroizing<String>,
    keep: Vec<u8>,
) -> Result<Option<&'static str>, Fail> {
    let hash = if new.is_empty() {
        None
    } else {
        let Some(turn) = at.gate.turn().await else { return Ok(Some(word("password-busy"))) };
        Some(turn.hash(new).await?)
    };
    let (name, keys) = (name(&at.keys, &email), Arc::clone(&at.keys));
    let work = move |tx: &Transaction<'_>| {
        let done = accounts::set_access(tx, &id, &name, hash.as_deref(), &keep)?;
        if done {
            edit(tx, &keys, &id, |now| Some(Person { email, ..now }))?;
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

/// One order, with all that was said and done about it.
fn told_order(tx: &Transaction<'_>, keys: &Keys, order: &Order) -> Result<Value, Fail> {
    let line = |shown: crate::web::order::Shown| {
        let (item, starts) = (shown.line, shown.starts);
        json!({ "item": item.slug, "quantity": item.quantity, "unit_amount": item.unit, "time": starts })
    };
    let lines: Vec<Value> = crate::web::order::shown(tx, &order.id)?.into_iter().map(line).collect();
    let who = Person::open(keys, &order.id, &orders::person(tx, &order.id)?)?;
    let steps = orders::steps(tx, &order.id)?;
    let steps: Vec<Value> = steps.iter().map(|(at, what, _)| json!({ "time": at, "what": what })).collect();
    let wish = match wishes::of(tx, &order.id)? {
        Some(wish) => json!({ "time": wish.at, "reason": wish.words(keys)?, "state": wish.state }),
        None => Value::Null,
    };
    let back = refunds::of_order(tx, &order.id)?.into_iter();
    let back = back.map(|r| json!({ "time": r.at, "amount": r.amount, "state": r.state.name(), "refund": r.refund }));
    Ok(json!({
        "number": order.number, "placed": order.placed, "stage": order.stage.name(), "currency": order.currency.code(),
        "total": order.total, "paid": order.received, "refunded": order.refunded, "payment": order.intent, "lines": lines,
        "history": steps, "refund_request": wish, "refunds": back.collect::<Vec<Value>>(), "for": told(&who),
    }))
}

/// All orders of an account, a page at a time: others have their turn at the database in between.
async fn told_orders(at: &At, id: &str) -> Result<Vec<Value>, Fail> {
    let (mut all, mut before) = (vec![], i64::MAX);
    loop {
        let (id, keys) = (id.to_owned(), Arc::clone(&at.keys));
        let page = move |tx: &Transaction<'_>| {
            let orders = accounts::orders_of(tx, &id, before)?;
            let told = orders.iter().map(|order| told_order(tx, &keys, order)).collect::<Result<Vec<Value>, Fail>>()?;
            Ok((told, orders.last().map(|order| order.number)))
        };
        let (told, last) = at.till.db.run(page).await?;
        all.extend(told);
        match last {
            Some(number) => before = number,
            None => return Ok(all),
        }
    }
}

/// All that the shop keeps of the account, in JSON: amounts in minor units, times in seconds since 1970.
pub async fn download(State(at): State<At>, page: Page) -> Response {
    let (account, person) = signed_in!(at, page);
    let id = account.id.clone();
    let read = match at.till.db.run(move |tx| accounts::sessions(tx, &id)).await {
        Ok(sessions) => told_orders(&at, &account.id).await.map(|orders| (sessions, orders)),
        Err(fail) => Err(fail),
    };
    match read {
        Ok((sessions, orders)) => {
            let sessions: Vec<Value> =
                sessions.into_iter().map(|(began, seen)| json!({ "began": began, "seen": seen })).collect();
            let all = json!({
                "account": told(&person), "made": account.made, "sessions": sessions, "taken": now(), "orders": orders,
            });
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
    match proved(&at, &account, &Form::read(&body)).await {
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

//! Making an account, signing in and out. Signing in does not say which was wrong, address or password. Making one does say that an address
//! has an account: a shop that sends no letters cannot say it in one.

use super::{COOKIE, name, place};
use crate::Fail;
use crate::db::{accounts, orders};
use crate::pay::now;
use crate::person::{Person, is_email};
use crate::seal::{self, hash, hex, random_id};
use crate::web::page::{Form, Page, failed, query, render, see, word};
use crate::web::password::{Verdict, fault, see_through};
use crate::web::{At, checkout, cookies, order};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where the checkout sends people from, and gets them back.
const CHECKOUT: &str = "checkout";

#[derive(Template)]
#[template(path = "account/sign.html")]
struct Door {
    page: Page,
    /// For somebody new.
    fresh: bool,
    email: String,
    next: String,
    fault: Option<&'static str>,
}

fn door(page: Page, fresh: bool, email: String, next: &str, fault: Option<&'static str>) -> Response {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let next = if next == CHECKOUT { CHECKOUT } else { "" }.to_owned();
    (status, render(&Door { page, fresh, email, next, fault })).into_response()
}

pub async fn new(State(_): State<At>, page: Page) -> Response {
    let next = query(&page.path, "next");
    door(page, true, String::new(), &next, None)
}

pub async fn form(State(_): State<At>, page: Page) -> Response {
    let next = query(&page.path, "next");
    door(page, false, String::new(), &next, None)
}

/// What was typed: the address as it was, and the password.
struct Typed {
    email: String,
    password: Zeroizing<String>,
    next: String,
}

fn typed(form: &Form) -> Typed {
    let email = form.get("email").chars().take(checkout::LONGEST).collect();
    Typed { email, password: Zeroizing::new(form.get("password").to_owned()), next: form.get("next").to_owned() }
}

pub async fn make(State(at): State<At>, page: Page, body: String) -> Response {
    let form = Form::read(&body);
    let Typed { email, password, next } = typed(&form);
    let wrong = if is_email(&email) { fault(&password, form.get("again")) } else { Some(word("fault-email")) };
    if wrong.is_some() {
        return door(page, true, email, &next, wrong);
    }
    let person = Person { email: email.clone(), ..checkout::nobody(&page) };
    match see_through(begin(at.clone(), person, password)).await {
        Ok(Begun::Done(id)) => open(&at, &page, id, &email, &next).await,
        Ok(Begun::Taken) => door(page, true, email, &next, Some(word("account-taken"))),
        Ok(Begun::Busy) => door(page, true, email, &next, Some(word("password-busy"))),
        Err(fail) => failed(&page, &fail),
    }
}

enum Begun {
    Done(String),
    Taken,
    Busy,
}

async fn begin(at: At, person: Person, password: Zeroizing<String>) -> Result<Begun, Fail> {
    let Some(turn) = at.gate.turn().await else { return Ok(Begun::Busy) };
    let id = random_id()?;
    let (name, hash) = (name(&at.keys, &person.email), turn.hash(password).await?);
    let (sealed, of) = (person.seal(&at.keys, &place(&id))?, id.clone());
    let made = at.till.db.run(move |tx| accounts::make(tx, &of, &name, &hash, &sealed, now())).await?;
    Ok(if made { Begun::Done(id) } else { Begun::Taken })
}

pub async fn enter(State(at): State<At>, page: Page, body: String) -> Response {
    let Typed { email, password, next } = typed(&Form::read(&body));
    match see_through(judge(at.clone(), Whose::Name(name(&at.keys, &email)), password)).await {
        Ok((Verdict::Right, Some(id))) => open(&at, &page, id, &email, &next).await,
        Ok((Verdict::Busy, _)) => door(page, false, email, &next, Some(word("password-busy"))),
        Ok((Verdict::Right | Verdict::Wrong | Verdict::Locked, _)) => {
            door(page, false, email, &next, Some(word("account-wrong")))
        }
        Err(fail) => failed(&page, &fail),
    }
}

/// What an account is looked for by: what was typed at the door, or who is in already.
pub enum Whose {
    Name(String),
    Id(String),
}

/// The account, when the password is right. Ten wrong ones in a row close it for half an hour.
pub async fn judge(at: At, whose: Whose, password: Zeroizing<String>) -> Result<(Verdict, Option<String>), Fail> {
    let Some(turn) = at.gate.turn().await else { return Ok((Verdict::Busy, None)) };
    let account = at.till.db.run(move |tx| match whose {
        Whose::Name(name) => accounts::named(tx, &name),
        Whose::Id(id) => accounts::one(tx, &id),
    });
    let account = account.await?;
    let (known, failures) = match &account {
        Some(account) => (Some(account.hash.clone()), account.failures),
        None => (None, accounts::Failures::default()),
    };
    let locked = failures.locked(now());
    let right = turn.fits(password, known).await? && !locked;
    let Some(account) = account.filter(|_| !locked) else {
        return Ok((if locked { Verdict::Locked } else { Verdict::Wrong }, None));
    };
    let id = account.id.clone();
    at.till.db.run(move |tx| accounts::note(tx, &id, failures.after(right, now()))).await?;
    Ok(if right { (Verdict::Right, Some(account.id)) } else { (Verdict::Wrong, None) })
}

/// A session of its own for each time somebody signs in. Orders of this browser under the same address come with it.
async fn open(at: &At, page: &Page, id: String, email: &str, next: &str) -> Response {
    let mut bytes = Zeroizing::new([0u8; 32]);
    let token = match seal::fill(&mut *bytes) {
        Ok(()) => hex(&*bytes),
        Err(fail) => return failed(page, &fail),
    };
    let (kept, here) = (hash(&token), order::remembered(at, &page.headers));
    let (keys, email) = (Arc::clone(&at.keys), email.to_lowercase());
    let entered = at.till.db.run(move |tx| {
        for order in here {
            let Some(known) = orders::one(tx, &order)? else { continue };
            let person = Person::open(&keys, &known.id, &orders::person(tx, &known.id)?)?;
            if person.email.to_lowercase() == email {
                accounts::adopt(tx, &id, &known.id)?;
            }
        }
        accounts::enter(tx, &id, &kept, now())
    });
    let to = if next == CHECKOUT { "/checkout" } else { "/account" };
    match entered.await {
        Ok(()) => (AppendHeaders([cookies::set(COOKIE, &token, at.secure)]), see(to)).into_response(),
        Err(fail) => failed(page, &fail),
    }
}

/// The browser forgets the orders that it remembered, too: somebody else may come after.
pub async fn leave(State(at): State<At>, page: Page) -> Response {
    if let Some(token) = super::token(&page.headers, at.secure)
        && let Err(fail) = at.till.db.run(move |tx| accounts::leave(tx, &token)).await
    {
        return failed(&page, &fail);
    }
    (AppendHeaders(gone(&at)), see("/")).into_response()
}

/// The cookies of somebody who is not signed in any more.
pub fn gone(at: &At) -> [(axum::http::HeaderName, axum::http::HeaderValue); 2] {
    [cookies::forget(COOKIE, at.secure), order::forgotten(at.secure)]
}

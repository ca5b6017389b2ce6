//! Customers' accounts: an offer, never asked for. Who signs in sees their orders and bookings, and what the shop keeps of them.

mod data;
mod own;
mod sign;

use super::At;
use super::page::Page;
use crate::Fail;
use crate::db::accounts::{self, Account};
use crate::pay::now;
use crate::person::Person;
use crate::seal::{Keys, hash};
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use rusqlite::Transaction;

const COOKIE: &str = "who";

pub fn routes() -> Router<At> {
    Router::new()
        .route("/account", get(own::show))
        .route("/account/sign-up", get(sign::new).post(sign::make))
        .route("/account/sign-in", get(sign::form).post(sign::enter))
        .route("/account/sign-out", post(sign::leave))
        .route("/account/data", get(data::show).post(data::change))
        .route("/account/access", post(data::access))
        .route("/account/download", get(data::download))
        .route("/account/delete", post(data::delete))
}

/// What an e-mail address is found by.
fn name(keys: &Keys, email: &str) -> String {
    keys.code("account", &email.to_lowercase())
}

/// Where an account's person lies sealed.
pub fn place(id: &str) -> String {
    format!("account {id}")
}

/// Changes who an account is of, as it stands at this moment: what a page saw of it may be old. An account that is gone stays so.
pub fn edit(
    tx: &Transaction<'_>,
    keys: &Keys,
    id: &str,
    change: impl FnOnce(Person) -> Option<Person>,
) -> Result<(), Fail> {
    let Some(account) = accounts::one(tx, id)? else { return Ok(()) };
    match change(Person::open(keys, &place(id), &account.person)?) {
        Some(person) => accounts::set_person(tx, id, &person.seal(keys, &place(id))?),
        None => Ok(()),
    }
}

pub fn token(headers: &HeaderMap, secure: bool) -> Option<Vec<u8>> {
    super::cookies::get(headers, COOKIE, secure).map(|token| hash(&token))
}

/// Who signed in with this browser.
pub async fn of_browser(at: &At, page: &Page) -> Result<Option<(Account, Person)>, Fail> {
    let Some(token) = token(&page.headers, at.secure) else { return Ok(None) };
    let Some(account) = at.till.db.run(move |tx| accounts::of_session(tx, &token, now())).await? else {
        return Ok(None);
    };
    let person = Person::open(&at.keys, &place(&account.id), &account.person)?;
    Ok(Some((account, person)))
}

/// Goes on for those who signed in; others are led to the door.
macro_rules! signed_in {
    ($at:expr, $page:expr) => {
        match $crate::web::account::of_browser(&$at, &$page).await {
            Ok(Some(known)) => known,
            Ok(None) => return $crate::web::page::see("/account/sign-in"),
            Err(fail) => return $crate::web::page::failed(&$page, &fail),
        }
    };
}
use signed_in;

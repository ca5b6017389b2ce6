//! Getting into the back office: the first password, signing in and out. Sessions are 256 random bits that lie hashed.

use crate::Fail;
use crate::db::admin;
use crate::pay::now;
use crate::seal::{self, hash, hex};
use crate::web::page::{Form, Page, failed, message, query, render, see, word};
use crate::web::password::{Verdict, fault, see_through};
use crate::web::{At, SETUP, cookies};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use zeroize::Zeroizing;

const COOKIE: &str = "desk";

/// Whether this request comes from somebody who signed in.
pub async fn is_in(at: &At, page: &Page) -> Result<bool, Fail> {
    let Some(token) = cookies::get(&page.headers, COOKIE, at.secure) else { return Ok(false) };
    at.till.db.run(move |tx| admin::seen(tx, &hash(&token), now())).await
}

/// Goes on for those who signed in; others are led to the door.
macro_rules! signed_in {
    ($at:expr, $page:expr) => {
        match $crate::web::admin::sign::is_in(&$at, &$page).await {
            Ok(true) => {}
            Ok(false) => return $crate::web::page::see("/admin/sign-in"),
            Err(fail) => return $crate::web::page::failed(&$page, &fail),
        }
    };
}
pub(super) use signed_in;

#[derive(Template)]
#[template(path = "admin/sign.html")]
struct Door {
    page: Page,
    /// Of the link that sets the first password.
    token: Option<String>,
    fault: Option<&'static str>,
}

fn door(page: Page, token: Option<String>, fault: Option<&'static str>) -> Response {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, render(&Door { page, token, fault })).into_response()
}

fn is_setup(at: &At, token: &str) -> bool {
    at.keys.is_code(SETUP, SETUP, token)
}

fn gone(page: &Page) -> Response {
    message(page, StatusCode::GONE, word("setup-gone-title"), word("setup-gone-text"))
}

pub async fn setup(State(at): State<At>, page: Page) -> Response {
    let token = query(&page.path, "token");
    match at.till.db.run(admin::hash).await {
        Ok(None) if is_setup(&at, &token) => door(page, Some(token), None),
        Ok(_) => gone(&page),
        Err(fail) => failed(&page, &fail),
    }
}

pub async fn begin(State(at): State<At>, page: Page, body: String) -> Response {
    let form = Form::read(&body);
    let (token, password) = (form.get("token").to_owned(), Zeroizing::new(form.get("password").to_owned()));
    if !is_setup(&at, &token) {
        return gone(&page);
    }
    if let Some(fault) = fault(&password, form.get("again")) {
        return door(page, Some(token), Some(fault));
    }
    let own = at.clone();
    let set = see_through(async move {
        let Some(turn) = own.desk_gate.turn().await else { return Ok(None) };
        let hash = turn.hash(password).await?;
        own.till.db.run(move |tx| admin::begin(tx, &hash)).await.map(Some)
    });
    match set.await {
        Ok(None) => door(page, Some(token), Some(word("password-busy"))),
        Ok(Some(true)) => open(&at, &page).await,
        Ok(Some(false)) => gone(&page),
        Err(fail) => failed(&page, &fail),
    }
}

pub async fn form(State(_): State<At>, page: Page) -> Response {
    door(page, None, None)
}

pub async fn enter(State(at): State<At>, page: Page, body: String) -> Response {
    let password = Zeroizing::new(Form::read(&body).get("password").to_owned());
    match see_through(judge(at.clone(), password)).await {
        Ok(Verdict::Right) => open(&at, &page).await,
        Ok(Verdict::Wrong) => door(page, None, Some(word("password-wrong"))),
        Ok(Verdict::Locked) => door(page, None, Some(word("password-locked"))),
        Ok(Verdict::Busy) => door(page, None, Some(word("password-busy"))),
        Err(fail) => failed(&page, &fail),
    }
}

async fn judge(at: At, password: Zeroizing<String>) -> Result<Verdict, Fail> {
    let Some(turn) = at.desk_gate.turn().await else { return Ok(Verdict::Busy) };
    let failures = || at.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if failures().locked(now()) {
        return Ok(Verdict::Locked);
    }
    let known = at.till.db.run(admin::hash).await?;
    let right = turn.fits(password, known).await?;
    let mut failures = failures();
    *failures = failures.after(right, now());
    Ok(if right { Verdict::Right } else { Verdict::Wrong })
}

/// A session of its own for each time somebody signs in.
async fn open(at: &At, page: &Page) -> Response {
    let mut bytes = Zeroizing::new([0u8; 32]);
    let token = match seal::fill(&mut *bytes) {
        Ok(()) => hex(&*bytes),
        Err(fail) => return failed(page, &fail),
    };
    let kept = hash(&token);
    match at.till.db.run(move |tx| admin::open(tx, &kept, now())).await {
        Ok(()) => (AppendHeaders([cookies::session(COOKIE, &token, at.secure)]), see("/admin")).into_response(),
        Err(fail) => failed(page, &fail),
    }
}

pub async fn leave(State(at): State<At>, page: Page) -> Response {
    if let Some(token) = cookies::get(&page.headers, COOKIE, at.secure)
        && let Err(fail) = at.till.db.run(move |tx| admin::close(tx, &hash(&token))).await
    {
        return failed(&page, &fail);
    }
    (AppendHeaders([cookies::forget(COOKIE, at.secure)]), see("/admin/sign-in")).into_response()
}

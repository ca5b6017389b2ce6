//! Getting into the back office: the first password, signing in and out. argon2id (RFC 9106), sessions of 256 random bits that lie hashed.

use crate::db::admin;
use crate::pay::now;
use crate::seal::{self, hash, hex};
use crate::web::page::{Form, Page, failed, message, query, render, see};
use crate::web::{At, SETUP, cookies};
use crate::{Fail, web::page::word};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use zeroize::Zeroizing;

const COOKIE: &str = "desk";
/// NIST SP 800-63B-4: at least 15 characters when a password is the only factor.
const SHORTEST: usize = 15;
const LONGEST: usize = 256;
/// 19 MiB, two rounds, one lane (OWASP's second choice for argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;
/// Wrong passwords in a row, and how long nobody is let in then (PCI DSS 8.3.4).
const MOST_FAILURES: u32 = 10;
const LOCKED_SECONDS: i64 = 30 * 60;

/// Wrong passwords since the last right one.
#[derive(Default)]
pub struct Failures {
    count: u32,
    last: i64,
}

impl Failures {
    fn locked(&self, now: i64) -> bool {
        self.count >= MOST_FAILURES && now - self.last < LOCKED_SECONDS
    }
    fn note(&mut self, right: bool, now: i64) {
        let over = now - self.last >= LOCKED_SECONDS;
        self.count = if right {
            0
        } else if over {
            1
        } else {
            self.count.saturating_add(1)
        };
        self.last = now;
    }
}

fn argon() -> Result<Argon2<'static>, Fail> {
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, None);
    let params = params.map_err(|_| Fail::new("shop_password", "passwords cannot be hashed"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Beside the event loop, one at a time.
async fn hashing<T: Send + 'static>(
    at: &At,
    work: impl FnOnce() -> Result<T, Fail> + Send + 'static,
) -> Result<T, Fail> {
    let _turn = at.passwords.acquire().await;
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fail::new("shop_password", "a password could not be checked"))?
}

async fn hashed(at: &At, password: Zeroizing<String>) -> Result<String, Fail> {
    hashing(at, move || {
        let failed = |_| Fail::new("shop_password", "a password cannot be hashed");
        let mut salt = [0u8; 16];
        seal::fill(&mut salt)?;
        let salt = SaltString::encode_b64(&salt).map_err(failed)?;
        argon()?.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(failed)
    })
    .await
}

async fn right(at: &At, password: Zeroizing<String>, known: String) -> Result<bool, Fail> {
    hashing(at, move || {
        let Ok(known) = PasswordHash::new(&known) else { return Ok(false) };
        Ok(argon()?.verify_password(password.as_bytes(), &known).is_ok())
    })
    .await
}

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
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return door(page, Some(token), Some(word("password-short")));
    }
    if password.as_str() != form.get("again") {
        return door(page, Some(token), Some(word("password-differs")));
    }
    let set = match hashed(&at, password).await {
        Ok(hash) => at.till.db.run(move |tx| admin::begin(tx, &hash)).await,
        Err(fail) => Err(fail),
    };
    match set {
        Ok(true) => open(&at, &page).await,
        Ok(false) => gone(&page),
        Err(fail) => failed(&page, &fail),
    }
}

pub async fn form(State(_): State<At>, page: Page) -> Response {
    door(page, None, None)
}

pub async fn enter(State(at): State<At>, page: Page, body: String) -> Response {
    let password = Zeroizing::new(Form::read(&body).get("password").to_owned());
    let failures = || at.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if failures().locked(now()) {
        return door(page, None, Some(word("password-locked")));
    }
    let known = match at.till.db.run(admin::hash).await {
        Ok(known) => known,
        Err(fail) => return failed(&page, &fail),
    };
    let right = match known {
        Some(known) if password.chars().count() <= LONGEST => right(&at, password, known).await,
        Some(_) | None => Ok(false),
    };
    match right {
        Ok(right) => {
            failures().note(right, now());
            if right { open(&at, &page).await } else { door(page, None, Some(word("password-wrong"))) }
        }
        Err(fail) => failed(&page, &fail),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_passwords_lock_the_door() {
        let mut failures = Failures::default();
        for n in 0..MOST_FAILURES {
            assert!(!failures.locked(1_000_000), "{n}");
            failures.note(false, 1_000_000);
        }
        assert!(failures.locked(1_000_000 + LOCKED_SECONDS - 1));
        assert!(!failures.locked(1_000_000 + LOCKED_SECONDS));
        failures.note(false, 1_000_000 + LOCKED_SECONDS);
        assert!(!failures.locked(1_000_000 + LOCKED_SECONDS), "counted anew");
        failures.note(true, 1_000_000 + LOCKED_SECONDS);
        assert_eq!(failures.count, 0);
    }
}

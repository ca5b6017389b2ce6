//! Cookies: what a browser keeps for the shop. All are out of reach of scripts and of other sites; nothing personal is in one.

use axum::http::{HeaderMap, HeaderValue, header};

const YEAR_SECONDS: u32 = 31_536_000;
/// No cookie of ours is longer.
const LONGEST_BYTES: usize = 2_000;

/// Over TLS the name itself keeps other hosts and paths from setting it (RFC 6265bis §4.1.3.2).
fn name_of(name: &str, secure: bool) -> String {
    if secure { format!("__Host-{name}") } else { name.to_owned() }
}

pub fn get(headers: &HeaderMap, name: &str, secure: bool) -> Option<String> {
    let name = name_of(name, secure);
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, value)| *known == name && value.len() <= LONGEST_BYTES).map(|(_, value)| value.to_owned())
}

/// `value` has no character that cookies cannot hold: it is one of ours.
pub fn set(name: &str, value: &str, secure: bool) -> (header::HeaderName, HeaderValue) {
    cookie(name, value, secure, YEAR_SECONDS, "Lax")
}

/// Until the browser is closed, and for requests from our own pages alone.
pub fn session(name: &str, value: &str, secure: bool) -> (header::HeaderName, HeaderValue) {
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{}", name_of(name, secure), flag(secure));
    (header::SET_COOKIE, value_of(&text))
}

pub fn forget(name: &str, secure: bool) -> (header::HeaderName, HeaderValue) {
    cookie(name, "", secure, 0, "Strict")
}

fn cookie(name: &str, value: &str, secure: bool, age: u32, site: &str) -> (header::HeaderName, HeaderValue) {
    let (name, flag) = (name_of(name, secure), flag(secure));
    let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite={site}{flag}");
    (header::SET_COOKIE, value_of(&text))
}

const fn flag(secure: bool) -> &'static str {
    if secure { "; Secure" } else { "" }
}

fn value_of(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

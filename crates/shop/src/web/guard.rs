//! Before and after every page: only our own names are answered to, changes come from our own pages, and each answer says what the browser
//! may do with it.

use super::At;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tokio::time::timeout;

/// A body is there within this.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// A page that shows the card form says so in its answer.
#[derive(Clone)]
pub struct ShowsCardForm;

/// The names that the shop goes by. Another one in `Host` is somebody else's name for this machine.
fn is_ours(at: &At, host: &str) -> bool {
    let port = if at.secure { Some(at.ports.0) } else { at.ports.1 };
    let Some((name, given)) = host.rsplit_once(':') else { return false };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]" | "shop.localhost")
        && given.parse().ok().is_some_and(|given: u16| Some(given) == port)
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `http://shop.localhost:4243`: where this request came to.
pub fn origin(at: &At, headers: &HeaderMap) -> String {
    let scheme = if at.secure { "https" } else { "http" };
    format!("{scheme}://{}", text(headers, header::HOST).unwrap_or_default())
}

/// Whether a change comes from one of our pages. Programs say nothing of it; browsers always do (Fetch §3.2, Fetch Metadata §2.3).
fn from_our_page(at: &At, headers: &HeaderMap) -> bool {
    let same_site = text(headers, "sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    same_site && text(headers, header::ORIGIN).is_none_or(|given| given == origin(at, headers))
}

pub async fn guard(State(at): State<At>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !text(headers, header::HOST).is_some_and(|host| is_ours(&at, host)) {
        return (StatusCode::MISDIRECTED_REQUEST, "This shop has another name.").into_response();
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // A bank's page leads the customer back by a form.
    let from_bank = request.uri().path().ends_with("/back");
    if changes && !from_bank && !from_our_page(&at, headers) {
        return (StatusCode::FORBIDDEN, "This form is not of this shop.").into_response();
    }
    // Whoever signed in did so in a browser: there a change that does not say where it is from is refused too.
    let signed_in = ["/admin", "/account"].iter().any(|begin| request.uri().path().starts_with(begin));
    if changes && signed_in && text(headers, header::ORIGIN).is_none() {
        return (StatusCode::FORBIDDEN, "A form of somebody who signed in says where it is from.").into_response();
    }
    let mut response = next.run(request).await;
    dress(&at, &mut response);
    response
}

/// Takes a body whole, within a size and a time, before anybody works on it.
pub async fn whole(State(limit_bytes): State<usize>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match timeout(BODY_LIMIT, to_bytes(body, limit_bytes)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "This is too much.").into_response(),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "This took too long.").into_response(),
    }
}

fn dress(at: &At, response: &mut Response) {
    let card = response.extensions().get::<ShowsCardForm>().is_some();
    let own = card_origin(at);
    // The library sets sizes of its frames through the CSSOM, which needs no 'unsafe-inline'.
    let (scripts, frames) =
        if card { (format!("'self' {own}"), own) } else { ("'self'".to_owned(), "'none'".to_owned()) };
    let policy = format!(
        "default-src 'none'; script-src {scripts}; frame-src {frames}; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("content-security-policy", &policy);
    put("x-content-type-options", "nosniff");
    // Links of orders hold their code: no other site gets to see them.
    put("referrer-policy", "strict-origin");
    put("cross-origin-opener-policy", "same-origin");
    put("cross-origin-resource-policy", "same-origin");
    put("permissions-policy", "camera=(), microphone=(), geolocation=(), usb=(), display-capture=()");
    put("cache-control", "no-store");
    if at.secure {
        put("strict-transport-security", "max-age=31536000");
    }
}

/// Where the card form of this page comes from.
pub fn card_origin(at: &At) -> String {
    let (secure, plain) = &at.cards;
    match (at.secure, plain) {
        (false, Some(plain)) => plain.clone(),
        (true, _) | (false, None) => secure.clone(),
    }
}

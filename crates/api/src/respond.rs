//! The way out: what every answer carries, and answers that need no endpoint. Knows no parameter.

use crate::ask::Answer;
use crate::error::ApiError;
use crate::openapi;
use florin_core::edge::{EdgeRequest, EdgeResponse};

/// Characters of an idempotency key.
pub const LONGEST_KEY: usize = 255;

pub fn respond(id: &str, version: &str, idempotency: Option<&str>, answer: Result<Answer, ApiError>) -> EdgeResponse {
    let mut headers = vec![
        ("request-id".to_owned(), id.to_owned()),
        ("stripe-version".to_owned(), version.to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-cache, no-store".to_owned()),
    ];
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    let fits = |k: &&str| k.len() <= LONGEST_KEY && k.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if let Some(key) = idempotency.filter(fits) {
        add("idempotency-key", key);
    }
    let (status, body) = match answer {
        Ok(answer) => {
            if answer.replayed {
                add("idempotent-replayed", "true");
            }
            if let Some(first) = &answer.original {
                add("original-request", first);
            }
            (answer.status, answer.body)
        }
        Err(error) => {
            if let Some(seconds) = error.retry_after_seconds {
                add("retry-after", &seconds.to_string());
                // Whoever asks too often must not do so by himself; whoever met a lock may.
                add("stripe-should-retry", if error.rate_limited.is_some() { "false" } else { "true" });
            }
            if let Some(limited) = error.rate_limited {
                add("stripe-rate-limited-reason", limited.as_str());
            }
            if error.status == 401 {
                add("www-authenticate", "Basic realm=\"Florin\"");
            }
            (error.status, error.body())
        }
    };
    EdgeResponse { status, headers, body: body.to_string().into_bytes() }
}

/// The API's description, for everybody: it holds nothing of anybody.
pub fn description(request: &EdgeRequest) -> EdgeResponse {
    let headers = [
        ("request-id", request.id.as_str()),
        ("content-type", "application/json"),
        ("cache-control", "max-age=300"),
        ("access-control-allow-origin", "*"),
    ];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    EdgeResponse { status: 200, headers, body: openapi::text().as_bytes().to_vec() }
}

/// What stripe.js and the SDKs send.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Accept, Idempotency-Key, Stripe-Version, Stripe-Account, \
    Florin-Bot-Check, X-Stripe-Client-User-Agent, X-Stripe-Client-Telemetry, X-Requested-With";

/// Browsers ask before they send a key to another origin (CORS).
pub fn preflight(request: &EdgeRequest) -> EdgeResponse {
    let headers = [
        ("request-id", request.id.as_str()),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, DELETE"),
        ("access-control-allow-headers", ALLOWED_HEADERS),
        ("access-control-max-age", "300"),
    ];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    EdgeResponse { status: 200, headers, body: vec![] }
}

//! Notifications of the gateway: believed when their signature is right, taken once, answered when they are on disk.

use super::At;
use crate::db::notices::{self, By, Taken};
use crate::pay::now;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use florin_merchant::webhook;
use serde_json::Value;
use std::sync::PoisonError;

pub async fn take(State(at): State<At>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let secret = at.secret.read().unwrap_or_else(PoisonError::into_inner).clone();
    // Not ready: the gateway tries again, and the shop reads what it missed.
    let Some(secret) = secret else { return StatusCode::SERVICE_UNAVAILABLE };
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if webhook::check(&secret, header, &body, now()).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    match at.till.db.run(move |tx| notices::take(tx, &event, By::Webhook, now())).await {
        Ok(taken) => {
            match taken {
                Taken::Changed(order) => at.till.tell(Some(order)),
                Taken::Stirred => at.till.wake.notify_one(),
                Taken::Nothing => {}
            }
            StatusCode::OK
        }
        Err(fail) => {
            at.till.note(&fail);
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

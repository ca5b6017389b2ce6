//! News of an order for a page that is open: server-sent events. Tells that something changed, never what.

use super::At;
use super::order::of_link;
use super::page::{Page, failed, missing, query};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// A page hears news on one connection for so long.
const LISTENING_TIME: Duration = Duration::from_secs(600);

/// Server-sent events: one `changed` for each change of this order (HTML §9.2). A page that heard one looks again; a page that there is no
/// place for looks again by itself.
pub async fn hear(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    let order = match of_link(&at, &id, &page).await {
        Ok(Some(order)) => order,
        Ok(None) => return missing(&page),
        Err(fail) => return failed(&page, &fail),
    };
    let Ok(place) = Arc::clone(&at.listening).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let heard = at.till.news.subscribe();
    // What the page showed: if it changed before we listened, it is told at once.
    let behind = query(&page.path, "stage") != order.stage.name();
    let first = behind.then(|| Ok::<_, Infallible>(Event::default().event("changed").data("")));
    let rest = stream::unfold((heard, id, place), |(mut heard, id, place)| async move {
        loop {
            match heard.recv().await {
                Ok(changed) if changed == id => break,
                Ok(_) => {}
                // Some were missed: one of them may have been it.
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return None,
            }
        }
        Some((Ok(Event::default().event("changed").data("")), (heard, id, place)))
    });
    // The browser comes back by itself, and hears what it missed.
    let over = tokio::time::sleep(LISTENING_TIME);
    let stream = stream::iter(first).chain(rest).take_until(Box::pin(over));
    Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
}

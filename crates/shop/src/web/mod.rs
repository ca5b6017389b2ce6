//! The shop's pages. Every page works without scripts but the card form, which is the gateway's own.

mod account;
mod address;
mod admin;
mod assets;
mod booking;
mod cart;
mod checkout;
mod cookies;
mod guard;
mod hook;
mod news;
mod order;
mod page;
mod password;
mod pay;
mod shop;

#[cfg(test)]
pub use account::edit;
#[cfg(test)]
pub use checkout::COUNTRIES;
#[cfg(test)]
pub use page::Form;
#[cfg(test)]
pub use password::WAITING_LIMIT;
pub use password::{Failures, Gate};

use crate::pay::Till;
use crate::seal::Keys;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Forms are small; a notification is not.
const FORM_LIMIT_BYTES: usize = 32 * 1024;
const NOTICE_LIMIT_BYTES: usize = 512 * 1024;

/// Pages that wait for news at a time; others look again by themselves.
pub const LISTENING_LIMIT: usize = 150;

/// The code of the link that sets the first password: good until one is set.
pub const SETUP: &str = "first password";

pub struct App {
    pub till: Arc<Till>,
    pub keys: Arc<Keys>,
    /// What notifications are signed with, once the gateway told it.
    pub secret: RwLock<Option<Zeroizing<String>>>,
    /// Where the card form comes from: over TLS, and plain.
    pub cards: (String, Option<String>),
    /// The shop's own ports: TLS, and plain.
    pub ports: (u16, Option<u16>),
    /// Customers' passwords, and the back office's.
    pub gate: Gate,
    pub desk_gate: Gate,
    /// Pages that are told of changes.
    pub listening: Arc<Semaphore>,
    /// Wrong passwords of the back office.
    pub failures: Mutex<Failures>,
}

/// What a handler knows: the shop, and whether it was asked over TLS.
#[derive(Clone)]
pub struct At {
    pub app: Arc<App>,
    pub secure: bool,
}

impl std::ops::Deref for At {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

pub fn router(app: Arc<App>, secure: bool) -> Router {
    let at = At { app, secure };
    let pages = Router::new()
        .route("/", get(shop::home))
        .route("/products/{slug}", get(shop::product))
        .route("/choices", post(shop::choose))
        .route("/cart", get(cart::show).post(cart::change))
        .route("/checkout", get(checkout::show).post(checkout::place))
        .route("/orders", get(order::list))
        .route("/orders/{id}", get(order::show))
        .route("/orders/{id}/receipt", get(order::receipt))
        .route("/orders/{id}/news", get(news::hear))
        .route("/orders/{id}/cancel", post(order::cancel))
        .route("/orders/{id}/refund", post(order::wish))
        .route("/orders/{id}/move", post(booking::change))
        .route("/orders/{id}/address", post(address::change))
        .route("/orders/{id}/pay", get(pay::show).post(pay::pay))
        .route("/orders/{id}/back", get(pay::back).post(pay::back))
        .merge(account::routes())
        .merge(admin::routes())
        .fallback(page::nowhere)
        .layer(from_fn_with_state(FORM_LIMIT_BYTES, guard::whole))
        .layer(from_fn_with_state(at.clone(), guard::guard));
    Router::new()
        .route("/webhooks/florin", post(hook::take).layer(from_fn_with_state(NOTICE_LIMIT_BYTES, guard::whole)))
        .route("/assets/{*name}", get(assets::give))
        .route("/healthz", get(|| async { "ok" }))
        .merge(pages)
        .with_state(at)
}

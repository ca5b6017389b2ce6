//! 3-D Secure on the banks' side: the networks' directory server, and the issuers' access control server with its page.
//! Knows the cards by their hash, and nothing of the gateway but the address it gave.

mod acs;
mod directory;
mod page;
mod transactions;
mod value;

pub use value::{Purchase, authentication_value};
pub(crate) use value::{Shown, UsedValues, shown};

use crate::engine::Engine;
use crate::https;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use florin_connect::threeds::MESSAGE_LIMIT_BYTES;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use transactions::Transactions;

/// What directory and access control server share.
struct ThreeDs {
    engine: Arc<Engine>,
    transactions: Mutex<Transactions>,
    /// Where browsers find the access control server.
    acs_url: String,
}

impl ThreeDs {
    fn transactions(&self) -> MutexGuard<'_, Transactions> {
        self.transactions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For 3DS Servers, behind mutual TLS.
fn directory_router(threeds: Arc<ThreeDs>) -> Router {
    Router::new()
        .route("/3ds/preq", post(directory::ranges))
        .route("/3ds/areq", post(directory::authenticate))
        .route("/3ds/result", post(directory::result))
        .layer(DefaultBodyLimit::max(MESSAGE_LIMIT_BYTES))
        .with_state(threeds)
}

/// For browsers.
fn acs_router(threeds: Arc<ThreeDs>) -> Router {
    Router::new()
        .route(acs::PATH, get(acs::challenge).post(acs::answer))
        .route("/acs.css", get(page::style))
        .layer(DefaultBodyLimit::max(MESSAGE_LIMIT_BYTES))
        .with_state(threeds)
}

/// Serves both, until `stopping` changes. A listener that fails ends the calls, not the messages.
pub(crate) fn spawn(
    tasks: &mut JoinSet<()>,
    engine: &Arc<Engine>,
    (directory, tls): (TcpListener, TlsAcceptor),
    (acs, acs_at): (TcpListener, SocketAddr),
    stopping: &watch::Receiver<bool>,
) {
    let acs_url = format!("http://{acs_at}{}", acs::PATH);
    let banks = Arc::new(ThreeDs { engine: Arc::clone(engine), transactions: Mutex::default(), acs_url });
    tasks.spawn(https::serve(directory, tls, directory_router(Arc::clone(&banks)), stopping.clone()));
    let mut stopped = stopping.clone();
    // A sender that is gone means the same.
    let stopped = async move { drop(stopped.changed().await) };
    let pages = axum::serve(acs, acs_router(banks)).with_graceful_shutdown(stopped);
    tasks.spawn(async move { drop(pages.await) });
}

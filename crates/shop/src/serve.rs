//! HTTP for the shop's pages, over TLS and plain, on listeners that were opened elsewhere: so many connections, none of them for nothing.
//! Knows no page.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Connections of one listener; more wait in the system's queue.
pub const CONNECTIONS_LIMIT: u32 = 400;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A request's head is there within this, also the next one of a connection that is kept.
const HEAD_LIMIT: Duration = Duration::from_secs(15);
/// Of a request's head, and of what a connection holds at a time.
const BUFFER_LIMIT_BYTES: usize = 32 * 1024;
/// After a failed accept (no file descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Serves until `stop` says so, then finishes what was begun.
pub async fn plain(listener: TcpListener, router: Router, limit: u32, stop: watch::Receiver<bool>) {
    let work = |socket: TcpStream| {
        let (router, stop) = (router.clone(), stop.clone());
        async move { connection(socket, router, stop).await }
    };
    accept(listener, limit, stop.clone(), work).await;
}

/// The same over TLS.
pub async fn tls(listener: TcpListener, tls: TlsAcceptor, router: Router, limit: u32, stop: watch::Receiver<bool>) {
    let work = |socket: TcpStream| {
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        async move {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE_LIMIT, tls.accept(socket)).await {
                connection(stream, router, stop).await;
            }
        }
    };
    accept(listener, limit, stop.clone(), work).await;
}

async fn accept<F>(listener: TcpListener, limit: u32, stop: watch::Receiver<bool>, work: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limit as usize));
    let next = async || {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return None };
        Some((place, listener.accept().await))
    };
    loop {
        let (place, accepted) = tokio::select! {
            Some(next) = next() => next,
            () = stopped(stop.clone()) => break,
        };
        let Ok((socket, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        drop(socket.set_nodelay(true));
        let work = work(socket);
        tokio::spawn(async move {
            work.await;
            drop(place);
        });
    }
    // All places are free when all connections are over.
    drop(places.acquire_many(limit).await);
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(BUFFER_LIMIT_BYTES);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(served);
    // How it ended concerns the browser alone.
    tokio::select! {
        ended = served.as_mut() => drop(ended),
        () = stopped(stop) => {
            served.as_mut().graceful_shutdown();
            drop(served.await);
        }
    }
}

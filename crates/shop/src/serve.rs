//! HTTP for the shop's pages, over TLS and plain, on listeners that were opened elsewhere. Knows no page.

use axum::Router;
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const HANDSHAKES_LIMIT: usize = 64;
/// After a failed accept (no file descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Stream = (TlsStream<TcpStream>, SocketAddr);

/// Connections whose handshake is done.
struct Shaken {
    streams: mpsc::Receiver<Stream>,
    at: SocketAddr,
}

impl Listener for Shaken {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Stream {
        match self.streams.recv().await {
            Some(stream) => stream,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Serves until `stop` says so, then finishes what was begun.
pub async fn plain(listener: TcpListener, router: Router, stop: watch::Receiver<bool>) {
    drop(axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await);
}

/// The same over TLS: handshakes beside each other, limited in number and time.
pub async fn tls(listener: TcpListener, tls: TlsAcceptor, router: Router, stop: watch::Receiver<bool>) {
    let Ok(at) = listener.local_addr() else { return };
    let (out, streams) = mpsc::channel(HANDSHAKES_LIMIT);
    let serving = axum::serve(Shaken { streams, at }, router).with_graceful_shutdown(stopped(stop.clone()));
    let serving = serving.into_future();
    tokio::pin!(serving);
    tokio::select! {
        _ = &mut serving => {}
        () = accept(listener, tls, out) => {}
        () = stopped(stop) => drop(serving.await),
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, out: mpsc::Sender<Stream>) {
    let places = Arc::new(Semaphore::new(HANDSHAKES_LIMIT));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((socket, from)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        drop(socket.set_nodelay(true));
        let (tls, out) = (tls.clone(), out.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE_LIMIT, tls.accept(socket)).await {
                drop(out.send((stream, from)).await);
            }
            drop(place);
        });
    }
}

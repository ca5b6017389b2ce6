//! HTTP over TLS for the sandbox's own doors: handshakes beside each other, with a limit in number and time. Knows no call.

use crate::error::StartError;
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
/// Connections in their handshake at a time.
const HANDSHAKES_LIMIT: usize = 64;
/// After a failed accept (no file descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Stream = (TlsStream<TcpStream>, SocketAddr);

/// Connections whose handshake is done.
struct Ready {
    streams: mpsc::Receiver<Stream>,
    at: SocketAddr,
}

impl Listener for Ready {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Stream {
        match self.streams.recv().await {
            Some(stream) => stream,
            // Nothing comes any more: the server is stopped from elsewhere.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

/// Serves until `stop` changes.
pub(crate) async fn serve(listener: TcpListener, tls: TlsAcceptor, router: Router, mut stop: watch::Receiver<bool>) {
    let Ok(at) = listener.local_addr() else { return };
    let (out, streams) = mpsc::channel(HANDSHAKES_LIMIT);
    let accepting = accept(listener, tls, out);
    let stopped = {
        let mut stop = stop.clone();
        // A sender that is gone means the same.
        async move { drop(stop.changed().await) }
    };
    let serving = axum::serve(Ready { streams, at }, router).with_graceful_shutdown(stopped).into_future();
    tokio::pin!(accepting, serving);
    tokio::select! {
        _ = &mut serving => {}
        () = &mut accepting => {}
        _ = stop.changed() => drop(serving.await),
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
        // Without it, small answers wait for acknowledgements; if it fails, they only wait.
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

/// Listens at a port of `address`; names what is wrong.
pub(crate) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let trouble = |why: io::Error| match why.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { address },
        _ => StartError::Listen { address, why },
    };
    let listener = TcpListener::bind(address).await.map_err(trouble)?;
    let at = listener.local_addr().map_err(trouble)?;
    Ok((listener, at))
}

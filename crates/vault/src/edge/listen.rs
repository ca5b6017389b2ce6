//! The edge's listeners: opened first, served until the edge is told to stop, then everything in flight is finished.
//! Knows no HTTP.

use super::certificate::Certificate;
use super::connection::serve;
use super::request::Asker;
use super::settings::{EdgeSettings, Given};
use super::stream::Stream;
use super::{Edge, count};
use crate::process::StartError;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often the certificate's files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(60);
/// After an error of the system, as when it has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Descriptors beside those of connections.
const OTHER_DESCRIPTORS: u64 = 256;

/// Open listeners. Connections wait in them until `serve_until`.
pub struct Doors {
    tls: TcpListener,
    plain: Option<TcpListener>,
    certificate: Arc<Certificate>,
    pub address: SocketAddr,
    pub plain_address: Option<SocketAddr>,
}

/// Reads the certificate and opens the listeners, if there is to be an edge.
pub async fn open(settings: Option<&EdgeSettings>) -> Result<Option<Doors>, StartError> {
    let Some(settings) = settings else { return Ok(None) };
    let certificate = Arc::new(Certificate::open(settings)?);
    let tls = bind(settings.listen, settings.given.as_ref().map(|given| &given.tls)).await?;
    let plain = match (&settings.given, settings.plain) {
        (Some(Given { plain: None, .. }), _) | (None, None) => None,
        (Some(Given { plain: Some(given), .. }), _) => Some(bind(settings.listen, Some(given)).await?),
        (None, Some(address)) => Some(bind(address, None).await?),
    };
    allow_descriptors(settings.limits.connections);
    let local = |listener: &TcpListener| listener.local_addr().map_err(at(settings.listen));
    let (address, plain_address) = (local(&tls)?, plain.as_ref().map(local).transpose()?);
    if let Some(address) = plain_address.filter(|address| !address.ip().is_loopback()) {
        let error = Error::new(ErrorKind::InvalidInput, "plain HTTP is served on loopback addresses only");
        return Err(at(address)(error));
    }
    Ok(Some(Doors { tls, plain, certificate, address, plain_address }))
}

/// Takes the listener that was given, or opens one.
async fn bind(address: SocketAddr, given: Option<&Arc<std::net::TcpListener>>) -> Result<TcpListener, StartError> {
    let Some(given) = given else { return TcpListener::bind(address).await.map_err(at(address)) };
    let own = given.try_clone().and_then(|own| own.set_nonblocking(true).and_then(|()| TcpListener::from_std(own)));
    own.map_err(at(address))
}

fn at(address: SocketAddr) -> impl FnOnce(Error) -> StartError {
    move |error| StartError::Socket { path: address.to_string().into(), error }
}

/// As many descriptors as there may be connections, if the system lets us.
fn allow_descriptors(connections: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = connections as u64 + OTHER_DESCRIPTORS;
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < allowed) {
        limit.current = Some(allowed);
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

impl Doors {
    /// Serves until `stopping` turns true; then no connection is taken any more, and what is in flight gets its answer.
    pub async fn serve_until(self, edge: Arc<Edge>, mut stopping: watch::Receiver<bool>) {
        let Doors { tls, plain, certificate, .. } = self;
        let gateway = tokio::spawn(Arc::clone(&edge.gateway).run());
        let mut connections = JoinSet::new();
        let mut renewal = tokio::time::interval(CERTIFICATE_EVERY);
        loop {
            let (accepted, over_tls) = tokio::select! {
                accepted = tls.accept() => (accepted, true),
                accepted = accept(plain.as_ref()) => (accepted, false),
                Some(_) = connections.join_next() => continue,
                _ = renewal.tick() => {
                    // Files that are being written now are read the next time.
                    let _ = certificate.refresh();
                    continue;
                }
                _ = stopping.wait_for(|stopping| *stopping) => break,
            };
            let Ok((socket, from)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Some(seat) = edge.seats.take(from.ip(), over_tls) else {
                count(&edge.counts.turned_away, 1);
                continue;
            };
            let _ = socket.set_nodelay(true);
            let stream = if over_tls { Stream::tls(socket, certificate.config()) } else { Ok(Stream::plain(socket)) };
            let asker = Asker { address: from.ip().to_canonical(), tls: over_tls };
            if let Ok(stream) = stream {
                connections.spawn(serve(stream, asker, Arc::clone(&edge), seat));
            }
        }
        drop((tls, plain));
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(edge.limits.stop, all).await;
        gateway.abort();
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

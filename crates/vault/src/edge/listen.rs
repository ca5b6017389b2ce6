//! The edge's listeners: opened first, served until the edge is told to stop, then everything in flight is finished.
//! Knows no HTTP.

use super::certificate::Certificate;
use super::connection::serve;
use super::request::Asker;
use super::settings::{EdgeSettings, Entrance, Given};
use super::stream::Stream;
use super::{Edge, count};
use crate::core::edge::Site;
use crate::process::StartError;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
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
    doors: Vec<Door>,
    /// Where each site is served, with its name: `api` over TLS, `http_api` without.
    pub addresses: BTreeMap<String, SocketAddr>,
}

/// The listeners of one site.
struct Door {
    site: Site,
    tls: TcpListener,
    plain: Option<TcpListener>,
    certificate: Arc<Certificate>,
}

/// Reads the certificates and opens the listeners, if there is to be an edge.
pub async fn open(settings: Option<&EdgeSettings>) -> Result<Option<Doors>, StartError> {
    let Some(settings) = settings else { return Ok(None) };
    let (mut doors, mut addresses) = (Vec::new(), BTreeMap::new());
    for entrance in &settings.entrances {
        let door = Door::open(entrance, settings).await?;
        let local = |listener: &TcpListener| listener.local_addr().map_err(at(entrance.listen));
        let name = entrance.site.name();
        addresses.insert(name.to_owned(), local(&door.tls)?);
        if let Some(address) = door.plain.as_ref().map(local).transpose()? {
            if !address.ip().is_loopback() {
                let error = Error::new(ErrorKind::InvalidInput, "plain HTTP is served on loopback addresses only");
                return Err(at(address)(error));
            }
            addresses.insert(format!("http_{name}"), address);
        }
        doors.push(door);
    }
    allow_descriptors(settings.limits.connections);
    Ok(Some(Doors { doors, addresses }))
}

impl Door {
    async fn open(entrance: &Entrance, settings: &EdgeSettings) -> Result<Door, StartError> {
        // Browsers of buyers have no certificates.
        let client_ca = settings.client_ca.as_deref().filter(|_| entrance.site == Site::Api);
        let certificate = Arc::new(Certificate::open(entrance, settings.tls12, client_ca)?);
        let tls = bind(entrance.listen, entrance.given.as_ref().map(|given| &given.tls)).await?;
        let plain = match (&entrance.given, entrance.plain) {
            (Some(Given { plain: None, .. }), _) | (None, None) => None,
            (Some(Given { plain: Some(given), .. }), _) => Some(bind(entrance.listen, Some(given)).await?),
            (None, Some(address)) => Some(bind(address, None).await?),
        };
        Ok(Door { site: entrance.site, tls, plain, certificate })
    }
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
        let doors = self.doors;
        let gateway = tokio::spawn(Arc::clone(&edge.gateway).run());
        let mut connections = JoinSet::new();
        let mut renewal = tokio::time::interval(CERTIFICATE_EVERY);
        let mut turn = 0;
        loop {
            let came = tokio::select! {
                came = next(&doors, turn) => came,
                Some(_) = connections.join_next() => continue,
                _ = renewal.tick() => {
                    // Files that are being written now are read the next time.
                    doors.iter().for_each(|door| drop(door.certificate.refresh()));
                    continue;
                }
                _ = stopping.wait_for(|stopping| *stopping) => break,
            };
            turn += 1;
            let Ok(Came { socket, from, door, tls }) = came else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Some(seat) = edge.seats.take(from.ip(), tls) else {
                count(&edge.counts.turned_away, 1);
                continue;
            };
            let _ = socket.set_nodelay(true);
            let stream = if tls { Stream::tls(socket, door.certificate.config()) } else { Ok(Stream::plain(socket)) };
            let asker = Asker { address: from.ip().to_canonical(), site: door.site, tls };
            if let Ok(stream) = stream {
                connections.spawn(serve(stream, asker, Arc::clone(&edge), seat));
            }
        }
        drop(doors);
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(edge.limits.stop, all).await;
        gateway.abort();
    }
}

/// A client at a door.
struct Came<'a> {
    socket: TcpStream,
    from: SocketAddr,
    door: &'a Door,
    tls: bool,
}

/// The next client of any door. Each turn begins at another one, so that a crowd at one of them keeps nobody out of the others.
async fn next(doors: &[Door], turn: usize) -> std::io::Result<Came<'_>> {
    poll_fn(|cx| {
        for at in 0..doors.len() {
            let Some(door) = doors.get(turn.wrapping_add(at) % doors.len()) else { continue };
            for (listener, tls) in [(Some(&door.tls), true), (door.plain.as_ref(), false)] {
                if let Some(Poll::Ready(came)) = listener.map(|listener| listener.poll_accept(cx)) {
                    return Poll::Ready(came.map(|(socket, from)| Came { socket, from, door, tls }));
                }
            }
        }
        Poll::Pending
    })
    .await
}

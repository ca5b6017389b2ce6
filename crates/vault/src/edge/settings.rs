//! What the edge is told at start: where to listen, its certificate, its limits, whom to tell of requests.

use super::gateway::GatewayLimits;
use crate::confine::Reach;
use crate::core::edge::Site;
use crate::core::network::Network;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One public address.
#[derive(Clone, Debug)]
pub struct Entrance {
    pub site: Site,
    /// Where TLS is served.
    pub listen: SocketAddr,
    /// Where plain HTTP is served: a loopback address, for tools that cannot be given a certificate.
    pub plain: Option<SocketAddr>,
    /// Listeners that somebody else opened and keeps, so that no connection is refused while this process is started anew: for TLS, and
    /// for plain HTTP. Without them the addresses above are listened at.
    pub given: Option<Given>,
    /// PEM files: the certificate with what leads to its root, and its key. Read again when they change.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// The host, and the port if it is not the usual one, that browsers know the site by; None takes any that the certificate fits.
    pub name: Option<String>,
}

impl Entrance {
    pub fn new(site: Site, listen: SocketAddr, cert: PathBuf, key: PathBuf) -> Entrance {
        Entrance { site, listen, plain: None, given: None, cert, key, name: None }
    }
}

/// The public ports.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// One at least.
    pub entrances: Vec<Entrance>,
    /// The gateway's socket.
    pub gateway: PathBuf,
    /// Take TLS 1.2 too, with its AEAD suites only.
    pub tls12: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
    /// Who signs the certificates without which nobody is served at the API: a PEM file, read again when it changes.
    pub client_ca: Option<PathBuf>,
    pub limits: Limits,
    pub log: LogTo,
}

impl EdgeSettings {
    pub fn of(entrances: Vec<Entrance>, gateway: PathBuf) -> EdgeSettings {
        let (limits, log) = (Limits::default(), LogTo::default());
        EdgeSettings { entrances, gateway, tls12: false, proxies: Vec::new(), client_ca: None, limits, log }
    }
    /// The names of sites that have one.
    pub fn names(&self) -> BTreeMap<String, String> {
        let named = self.entrances.iter().filter_map(|e| Some((e.site.name().to_owned(), e.name.clone()?)));
        named.collect()
    }
    /// What an edge needs of the machine: certificates, and ports of listeners that were not handed over.
    pub fn need(&self, reach: &mut Reach) {
        self.client_ca.iter().for_each(|ca| reach.folder_of(ca));
        for entrance in &self.entrances {
            reach.folder_of(&entrance.cert);
            reach.folder_of(&entrance.key);
            if entrance.given.is_none() {
                reach.listen(entrance.listen);
                entrance.plain.into_iter().for_each(|plain| reach.listen(plain));
            }
        }
    }
    /// With the address of the API alone.
    pub fn new(listen: SocketAddr, cert: PathBuf, key: PathBuf, gateway: PathBuf) -> EdgeSettings {
        EdgeSettings::of(vec![Entrance::new(Site::Api, listen, cert, key)], gateway)
    }
}

/// Listeners that are open already.
#[derive(Clone, Debug)]
pub struct Given {
    pub tls: Arc<TcpListener>,
    pub plain: Option<Arc<TcpListener>>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// An IPv6 network of 64 bits is one address.
    pub connections_per_address: usize,
    pub head_bytes: usize,
    pub handshake: Duration,
    /// From a head's first byte to its last.
    pub head: Duration,
    /// From the head to the body's last byte: how long a card that was sent by half stays in memory.
    pub body: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// How long a client may take to read an answer, or a part of one that is long.
    pub write: Duration,
    /// Connections of their own to the gateway: streams, uploads, WebSockets.
    pub streams: usize,
    /// How long a stream or a WebSocket may be silent both ways. The gateway gives a sign of life more often.
    pub stream_idle: Duration,
    /// From the head to the last byte of a body on a route that takes large ones. Between two reads `body` holds.
    pub large_body: Duration,
    /// TLS handshakes under way, of all clients and of one address.
    pub handshakes: usize,
    pub handshakes_per_address: usize,
    /// How long what is in flight is waited for at the end.
    pub stop: Duration,
    pub gateway: GatewayLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 10_000,
            connections_per_address: 1_024,
            head_bytes: 16 * 1024,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            write: Duration::from_secs(30),
            streams: 256,
            stream_idle: Duration::from_secs(60),
            large_body: Duration::from_secs(120),
            handshakes: 1_024,
            handshakes_per_address: 256,
            stop: Duration::from_secs(30),
            gateway: GatewayLimits {
                in_flight_requests: 1_024,
                connect: Duration::from_secs(10),
                answer: Duration::from_secs(35),
            },
        }
    }
}

/// One request as it may be written down: nothing of its query, its headers or its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    pub id: String,
    pub method: String,
    /// The path with its ids replaced by `{id}`.
    pub route: String,
    pub status: u16,
    pub ms: u64,
    pub tls: bool,
}

/// Told of each request after its answer. Must not wait.
#[derive(Clone)]
pub struct LogTo(pub Arc<dyn Fn(&LogLine) + Send + Sync>);

impl Default for LogTo {
    /// To nobody.
    fn default() -> LogTo {
        LogTo(Arc::new(|_| {}))
    }
}

impl fmt::Debug for LogTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogTo")
    }
}

/// What the edge counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct EdgeCounts {
    pub requests: u64,
    /// Cards and codes that were swapped.
    pub cards: u64,
    /// Requests with a card number where none belongs.
    pub card_number_in_field: u64,
    /// Answers of the gateway that held what could be a card number.
    pub masked: u64,
    /// Requests above a limit: 503.
    pub overloaded: u64,
    /// Connections that found no seat.
    pub turned_away: u64,
    /// Streams, uploads and WebSockets.
    #[serde(default)]
    pub streams: u64,
}

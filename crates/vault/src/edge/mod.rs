//! The edge: the only public port. Takes HTTP/1.1 over TLS, takes cards out of requests, passes the requests on to the gateway as frames.
//! Knows no merchant and no payment.

mod answer;
mod carry;
mod certificate;
mod chunked;
mod connection;
mod form;
mod gateway;
mod head;
mod inbound;
mod json;
mod listen;
mod numbers;
mod own;
mod pages;
mod pipe;
mod places;
mod policy;
mod refusal;
mod request;
mod seats;
mod settings;
mod sites;
mod stream;
mod swap;
mod sweep;
#[cfg(test)]
mod tests;

pub use gateway::GatewayLimits;
pub use listen::{Doors, open};
pub use numbers::masked;
pub use pages::{integrity_of, inventory};
pub use settings::{EdgeCounts, EdgeSettings, Entrance, Given, Limits, LogLine, LogTo};

use crate::cards::Cards;
use crate::clock::Clock;
use crate::core::edge::Site;
use crate::core::network::Network;
use gateway::Gateway;
use seats::Seats;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, watch};

/// What every connection shares.
pub struct Edge {
    /// None where no card is taken.
    cards: Option<Arc<Cards>>,
    gateway: Arc<Gateway>,
    clock: Clock,
    limits: Limits,
    log: LogTo,
    counts: Counts,
    seats: Arc<Seats>,
    /// Connections of their own to the gateway that may yet be made.
    streams: Semaphore,
    /// What each site is called by people, where that is known.
    names: Vec<(Site, String)>,
    /// Proxies whose word on the client's address is taken.
    proxies: Vec<Network>,
    /// The API serves nobody without a certificate of its clients' authority.
    certified: bool,
    /// Every address is served over TLS alone, so browsers may be told to ask for nothing else.
    only_tls: bool,
    /// True once no new request is taken.
    stopping: watch::Receiver<bool>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    cards: AtomicU64,
    card_number_in_field: AtomicU64,
    masked: AtomicU64,
    overloaded: AtomicU64,
    turned_away: AtomicU64,
    streams: AtomicU64,
}

fn count(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Edge {
    pub fn new(settings: &EdgeSettings, cards: Arc<Cards>, clock: Clock, stopping: watch::Receiver<bool>) -> Edge {
        Edge { cards: Some(cards), ..Edge::without_cards(settings, clock, stopping) }
    }

    /// For sites that take none: each is refused by name.
    pub fn without_cards(settings: &EdgeSettings, clock: Clock, stopping: watch::Receiver<bool>) -> Edge {
        let limits = settings.limits;
        Edge {
            cards: None,
            gateway: Arc::new(Gateway::new(settings.gateway.clone(), limits.gateway)),
            clock,
            limits,
            log: settings.log.clone(),
            counts: Counts::default(),
            seats: Seats::new(&limits),
            streams: Semaphore::new(limits.streams),
            names: settings.entrances.iter().filter_map(|e| Some((e.site, e.name.clone()?))).collect(),
            proxies: settings.proxies.clone(),
            certified: settings.client_ca.is_some(),
            only_tls: settings.entrances.iter().all(|e| e.plain.is_none()),
            stopping,
        }
    }

    pub fn counts(&self) -> EdgeCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counts { requests, cards, card_number_in_field, masked, overloaded, turned_away, streams } = &self.counts;
        EdgeCounts {
            requests: read(requests),
            cards: read(cards),
            card_number_in_field: read(card_number_in_field),
            masked: read(masked),
            overloaded: read(overloaded),
            turned_away: read(turned_away),
            streams: read(streams),
        }
    }

    /// What people call a site.
    fn name(&self, site: Site) -> Option<&str> {
        self.names.iter().find(|(of, _)| *of == site).map(|(_, name)| name.as_str())
    }

    fn log(&self, line: LogLine) {
        (self.log.0)(&line);
    }
}

/// `req_` and 22 base-62 characters, random.
fn request_id() -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // Without chance nothing else of the vault works either; an id that repeats is then the least.
    let random: [u8; 16] = crate::keys::random().unwrap_or_default();
    let mut id = String::with_capacity(26);
    id.push_str("req_");
    for half in random.as_chunks::<8>().0 {
        // 62^11 is above 2^64.
        let mut n = u64::from_be_bytes(*half);
        for _ in 0..11 {
            let digit = usize::try_from(n % 62).unwrap_or(0);
            id.push(DIGITS.get(digit).map_or('0', |b| char::from(*b)));
            n /= 62;
        }
    }
    id
}

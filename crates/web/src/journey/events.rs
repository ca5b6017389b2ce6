//! Events with their numbers, and how telling the merchant of them went.

use super::clock;
use crate::told::{Delivered, Told};
use crate::words::Words;

pub struct EventRow {
    pub id: String,
    pub kind: String,
    pub number: String,
    pub public: bool,
    pub deliveries: Vec<DeliveryRow>,
}

pub struct DeliveryRow {
    pub endpoint: String,
    /// Class of its badge.
    pub tone: &'static str,
    pub state: String,
    pub says: String,
}

pub fn rows(told: &Told, words: Words) -> Vec<EventRow> {
    let event = |e: &crate::told::Event| EventRow {
        id: e.id.clone(),
        kind: e.kind.to_owned(),
        number: e.sequence.to_string(),
        public: e.public,
        deliveries: e.deliveries.iter().map(|d| delivery(d, words)).collect(),
    };
    told.events.iter().map(event).collect()
}

fn delivery(d: &crate::told::Delivery, words: Words) -> DeliveryRow {
    let tone = match d.state {
        Delivered::Delivered => "good",
        Delivered::Waiting | Delivered::Retrying => "wait",
        Delivered::GivenUp => "bad",
    };
    let tries = words.count("deliver-tries", usize::try_from(d.tries).unwrap_or(usize::MAX));
    let last = d.last.map(|last| {
        let took = clock::span(i64::from(last.took_ms).saturating_mul(1_000), words);
        match last.status {
            Some(status) => format!("HTTP {status} · {took}"),
            None => format!("{} · {took}", words.of("outcome", last.outcome)),
        }
    });
    let says = last.map_or(tries.clone(), |last| format!("{last} · {tries}"));
    DeliveryRow { endpoint: d.endpoint.clone(), tone, state: words.of("deliver", d.state.as_str()), says }
}

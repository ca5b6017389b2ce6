//! The events of a payment, found around the times of its steps, and how telling endpoints of them went.

use crate::gateway::ports::Real;
use florin_core::commit::shard;
use florin_core::deliver::{Delivery, Outcome, Stage};
use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::ports::Ports;
use florin_core::sequencer;
use florin_core::store::{Query, SequencedEvent};
use florin_core::time::Time;
use florin_web::{Delivered, Event, Try};

/// An event's id is made in the commit of its step, give or take.
const AROUND_MS: i64 = 2_000;
/// Events read at a time, and how often around one time.
const PAGE: u32 = 500;
const MOST_PAGES: u32 = 8;
/// Endpoints told of one event that are shown.
const MOST_DELIVERIES: u32 = 20;

/// An event with the step that it tells of.
pub struct Happened {
    pub shown: Event,
    pub cause: Key,
    pub version: u32,
}

/// Events that tell of `causes`, whose steps were decided at `times`. In order of their numbers.
pub async fn of(ports: &Real, account: Key, causes: &[Key], mut times: Vec<Time>) -> Result<Vec<Happened>, Failure> {
    let of_shard = shard(account);
    // What happened a moment ago may not have its number yet.
    sequencer::sequence(ports.store(), of_shard).await?;
    let head = ports.store().find(Query::ChainHead { shard: of_shard }).await?.head().map_or(0, |h| h.sequence);
    times.sort_unstable();
    let (mut found, mut read) = (Vec::new(), 0);
    for at in times {
        let first = since(ports, of_shard, head, at.plus_ms(-AROUND_MS)).await?;
        let mut after = read.max(first);
        for _ in 0..MOST_PAGES {
            let page = Query::Sequenced { shard: of_shard, after, limit: PAGE };
            let page = ports.store().find(page).await?.sequenced();
            found.extend(page.iter().filter(|e| causes.contains(&e.stored.event.cause)).cloned());
            after = page.last().map_or(after, |e| e.link.sequence);
            let past = page.last().is_none_or(|e| e.stored.event.id.time().since(at) > AROUND_MS);
            if past || page.len() < PAGE as usize {
                break;
            }
        }
        read = read.max(after);
    }
    let mut shown = Vec::new();
    for event in &found {
        shown.push(happened(ports, event).await?);
    }
    Ok(shown)
}

/// The number before the first event that was made at that time or later.
async fn since(ports: &Real, of_shard: u8, head: u64, at: Time) -> Result<u64, Failure> {
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low + (high - low) / 2;
        let query = Query::Sequenced { shard: of_shard, after: middle, limit: 1 };
        let next = ports.store().find(query).await?.sequenced();
        match next.first() {
            Some(event) if event.stored.event.id.time() < at => low = middle + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}

async fn happened(ports: &Real, event: &SequencedEvent) -> Result<Happened, Failure> {
    let told = &event.stored.event;
    let mut deliveries = Vec::new();
    if told.kind.is_public() {
        let query = Query::List { under: told.id, kind: Kind::Delivery, before: None, limit: MOST_DELIVERIES };
        for row in ports.store().find(query).await?.rows() {
            deliveries.push(delivery(ports, &flow::read(&row)?));
        }
    }
    let shown = Event {
        id: ports.ids.encode(Kind::Event, told.id),
        kind: told.kind.as_str(),
        sequence: event.link.sequence,
        public: told.kind.is_public(),
        deliveries,
    };
    Ok(Happened { shown, cause: told.cause, version: told.version.0 })
}

fn delivery(ports: &Real, view: &View<Delivery>) -> florin_web::Delivery {
    let d = &view.body;
    let state = match d.stage {
        Stage::Waiting { .. } => Delivered::Waiting,
        Stage::Retrying { .. } => Delivered::Retrying,
        Stage::Delivered { .. } => Delivered::Delivered,
        Stage::GivenUp { .. } => Delivered::GivenUp,
    };
    let last = d.last.as_ref().map(|last| {
        let status = match last.outcome {
            Outcome::Answered(status) => Some(status),
            Outcome::TimedOut
            | Outcome::NoAddress
            | Outcome::ForbiddenAddress
            | Outcome::NoConnection
            | Outcome::BadTls
            | Outcome::Broken
            | Outcome::BadUrl => None,
        };
        Try { at: last.at, took_ms: last.took_ms, status, outcome: last.outcome.as_str() }
    });
    florin_web::Delivery { endpoint: ports.ids.encode(Kind::Endpoint, d.endpoint), state, tries: d.tries, last }
}

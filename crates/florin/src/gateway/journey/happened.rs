//! The events of a payment, found around the times of its steps, and how telling endpoints of them went.

use crate::gateway::ports::Real;
use florin_core::commit::shard;
use florin_core::deliver::{Delivery, Outcome, Stage};
use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::ports::Ports;
use florin_core::refusal::Refusal;
use florin_core::sequencer;
use florin_core::store::{Query, SequencedEvent};
use florin_core::time::Time;
use florin_web::{Delivered, Event, Try};

/// An event's id is made in the commit of its step, give or take.
const AROUND_MS: i64 = 2_000;
/// Events read at a time, and how often for one journey: on a busy day the oldest steps have no events then.
const PAGE: u32 = 500;
const MOST_PAGES: u32 = 40;
/// Events told of one journey at most, the newest.
const MOST_EVENTS: usize = 500;
/// Endpoints told of one event that are shown.
const MOST_DELIVERIES: u32 = 20;

/// An event with the step that it tells of.
pub struct Happened {
    pub shown: Event,
    pub cause: Key,
    pub version: u32,
}

/// Events that tell of `causes`, whose steps were decided at `times`. In order of their numbers.
pub async fn of(ports: &Real, account: Key, causes: &[Key], times: Vec<Time>) -> Result<Vec<Happened>, Failure> {
    let of_shard = shard(account);
    // What happened a moment ago may not have its number yet.
    match sequencer::sequence(ports.store(), of_shard).await {
        // Another sequencer was faster.
        Ok(_) | Err(Failure::Refused(Refusal::Contended)) => {}
        Err(failure) => return Err(failure),
    }
    let head = ports.store().find(Query::ChainHead { shard: of_shard }).await?.head().map_or(0, |h| h.sequence);
    let (mut found, mut pages_left) = (Vec::new(), MOST_PAGES);
    // What was read twice, because ids are not quite in the order of numbers, is told once.
    let mut first_read = u64::MAX;
    for (from, to) in windows(times).into_iter().rev() {
        if pages_left == 0 {
            break;
        }
        let mut after = since(ports, of_shard, head, from).await?;
        let begun = after;
        while pages_left > 0 && after < first_read {
            pages_left -= 1;
            let page = Query::Sequenced { shard: of_shard, after, limit: PAGE };
            let page = ports.store().find(page).await?.sequenced();
            let fresh = page.iter().filter(|e| e.link.sequence <= first_read);
            found.extend(fresh.filter(|e| causes.contains(&e.stored.event.cause)).cloned());
            after = page.last().map_or(after, |e| e.link.sequence);
            let past = page.last().is_none_or(|e| e.stored.event.id.time() > to);
            if past || page.len() < PAGE as usize {
                break;
            }
        }
        first_read = first_read.min(begun);
    }
    found.sort_by_key(|event| event.link.sequence);
    found.drain(..found.len().saturating_sub(MOST_EVENTS));
    let mut shown = Vec::new();
    for event in &found {
        shown.push(happened(ports, event).await?);
    }
    Ok(shown)
}

/// The times around these, first and last, each moment once.
fn windows(mut times: Vec<Time>) -> Vec<(Time, Time)> {
    times.sort_unstable();
    let mut all: Vec<(Time, Time)> = Vec::new();
    for at in times {
        let (from, to) = (at.plus_ms(-AROUND_MS), at.plus_ms(AROUND_MS));
        match all.last_mut() {
            Some((_, end)) if from <= *end => *end = to,
            Some(_) | None => all.push((from, to)),
        }
    }
    all
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_moment_is_read_once() {
        #[track_caller]
        fn check(times: &[i64], expected: &[(i64, i64)]) {
            let found = windows(times.iter().copied().map(Time).collect());
            let found: Vec<(i64, i64)> = found.into_iter().map(|(from, to)| (from.0, to.0)).collect();
            assert_eq!(found, expected, "{times:?}");
        }
        check(&[], &[]);
        check(&[10_000], &[(8_000, 12_000)]);
        check(&[10_000, 10_000, 10_001], &[(8_000, 12_001)]);
        check(&[14_000, 10_000], &[(8_000, 16_000)]);
        check(&[14_001, 10_000], &[(8_000, 12_000), (12_001, 16_001)]);
        // A thousand steps within two seconds are one look.
        check(&(0..1_000).map(|n| n * 2).collect::<Vec<_>>(), &[(-2_000, 3_998)]);
    }
}

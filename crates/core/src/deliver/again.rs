//! Tell an endpoint of an event once more, because somebody asked for it.

use super::pending::of_event;
use super::record::{Delivery, Stage};
use super::round::{job, objects, places, row};
use crate::commit::{Commit, Version};
use crate::endpoint::Endpoint;
use crate::flow::{self, Failure, Met, View};
use crate::id::Key;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::store::SequencedEvent;

/// The delivery is due at once: a worker makes it. One that is open is brought forward; one that had ended, or never was, is tried
/// once.
pub async fn resend(ports: &dyn Ports, endpoint: &View<Endpoint>, event: &SequencedEvent) -> Result<Key, Failure> {
    let told = &event.stored.event;
    for _ in 0..flow::TRIES {
        let now = ports.now();
        let there = of_event(ports.store(), told.id).await?;
        let there = there.into_iter().find(|d| d.body.endpoint == endpoint.key);
        let (key, from, body, index) = match there {
            Some(view) => {
                let by_hand = view.body.by_hand || !view.body.stage.is_open();
                let body = Delivery { by_hand, stage: Stage::Retrying { next: now }, ..view.body };
                (view.key, view.version, body, vec![])
            }
            None => {
                let object = objects(ports.store(), [told].into_iter()).await?.first().copied().unwrap_or(told.cause);
                let key = ports.fresh_key();
                let body = Delivery {
                    live: endpoint.body.live,
                    endpoint: endpoint.key,
                    event: told.id,
                    kind: told.kind,
                    sequence: event.link.sequence,
                    object,
                    since: now,
                    by_hand: true,
                    tries: 0,
                    last: None,
                    stage: Stage::Retrying { next: now },
                };
                // Nothing waits for what is sent by hand: it is not the newest of its object.
                let mut index = places(endpoint.key, told.id, object, key);
                index.truncate(2);
                (key, Version::NONE, body, index)
            }
        };
        let commit = Commit {
            expect: vec![(key, from)],
            put: vec![row(key, from.next(), endpoint.account, now, &body, index)],
            jobs: vec![job(key, endpoint.key, endpoint.account, now)],
            ..Commit::default()
        };
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => {
                flow::nudge(ports);
                return Ok(key);
            }
            Met::Conflict | Met::Guard | Met::Replay(_) => {}
        }
    }
    Err(Refusal::Contended.into())
}

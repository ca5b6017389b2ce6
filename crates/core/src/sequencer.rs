//! Numbers events after their commit: one sequence and one hash chain a shard, so that no payment waits for another's.

use crate::commit::{Commit, Event, Link, Links};
use crate::flow::{self, Failure, Met};
use crate::rare::{Site, or_short};
use crate::refusal::Refusal;
use crate::store::{Query, SequencedEvent, Store, StoredEvent};
use aws_lc_rs::digest::{Context, SHA256};

/// Events numbered in one commit at most.
pub const BATCH: u32 = 512;
/// The hash before the first link.
pub const GENESIS: [u8; 32] = [0; 32];

/// Numbers what is new in a shard. Returns how many events got a number: after anything but 0 there may be more. Looks again when another
/// sequencer was faster, because that one may have looked before an event that this one was called for.
pub async fn sequence(store: &dyn Store, shard: u8) -> Result<usize, Failure> {
    for _ in 0..flow::TRIES {
        let head = store.find(Query::ChainHead { shard }).await?.head();
        let limit = or_short(Site::ShortNumbering, BATCH, 1);
        let events = store.find(Query::Unsequenced { shard, limit }).await?.events();
        if events.is_empty() {
            return Ok(0);
        }
        let links = chain(head, shard, &events);
        let count = links.links.len();
        match flow::commit(store, Commit { links: Some(links), ..Commit::default() }, None).await? {
            Met::Applied => return Ok(count),
            Met::Conflict | Met::Guard | Met::Replay(_) => {}
        }
    }
    Err(Refusal::Contended.into())
}

fn chain(head: Option<Link>, shard: u8, events: &[StoredEvent]) -> Links {
    let after = head.map_or(0, |h| h.sequence);
    let mut before = head.map_or(GENESIS, |h| h.hash);
    let mut links = Vec::with_capacity(events.len());
    for (sequence, stored) in (after + 1..).zip(events) {
        before = link_hash(&before, sequence, &stored.event, &stored.commitment);
        links.push(Link { sequence, position: stored.position, hash: before });
    }
    Links { shard, after, links }
}

/// SHA-256 over the link before, the number, the event and the commitment of the step that it tells of.
pub fn link_hash(before: &[u8; 32], sequence: u64, event: &Event, commitment: &[u8; 32]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(b"florin chain 1");
    context.update(before);
    context.update(&sequence.to_be_bytes());
    for n in [event.id.0, event.account.0, event.cause.0, i64::from(event.version.0), event.kind as i64] {
        context.update(&n.to_be_bytes());
    }
    context.update(commitment);
    let mut out = [0u8; 32];
    for (o, b) in out.iter_mut().zip(context.finish().as_ref()) {
        *o = *b;
    }
    out
}

/// Where a chain does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    pub shard: u8,
    pub sequence: u64,
}

/// Walks a shard's chain from its beginning. Returns the number of links, or the first that does not hold.
pub async fn verify(store: &dyn Store, shard: u8) -> Result<Result<u64, Broken>, Failure> {
    let (mut after, mut before) = (0u64, GENESIS);
    loop {
        let query = Query::Sequenced { shard, after, limit: BATCH };
        let page = store.find(query).await?.sequenced();
        if page.is_empty() {
            return Ok(Ok(after));
        }
        for SequencedEvent { stored, link } in &page {
            let expected = link_hash(&before, after + 1, &stored.event, &stored.commitment);
            if link.sequence != after + 1 || link.hash != expected {
                return Ok(Err(Broken { shard, sequence: after + 1 }));
            }
            (after, before) = (link.sequence, link.hash);
        }
    }
}

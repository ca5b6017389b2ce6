//! What endpoints were told: every event of theirs at least once, those of one object in order unless one waited a minute.

use crate::world::World;
use florin_core::commit::{Commit, Event, EventKind, JobId, JobKind};
use florin_core::deliver::WAITS_MS;
use florin_core::id::Key;
use florin_core::store::{Query, Store};
use florin_core::time::Time;
use florin_store::block_on;
use std::collections::BTreeMap;

/// A numbered event.
#[derive(Clone, Copy)]
struct Numbered {
    sequence: u64,
    object: Key,
    /// Steady time.
    at: i64,
}

/// (sequence, first arrival, numbered at, event)
type Arrival = (u64, i64, i64, Key);

#[derive(Default)]
pub struct Told {
    endpoints: BTreeMap<Key, Key>,
    /// (endpoint, event) that did not arrive yet.
    owed: BTreeMap<(Key, Key), EventKind>,
    numbered: BTreeMap<Key, Numbered>,
    /// When an event first arrived.
    first: BTreeMap<(Key, Key), i64>,
    jobs: BTreeMap<JobId, Time>,
    news: u64,
}

impl Told {
    pub fn endpoint(&mut self, account: Key, endpoint: Key) {
        self.endpoints.insert(account, endpoint);
        self.news = 1;
    }
    /// (account, endpoint)
    pub fn endpoints(&self) -> Vec<(Key, Key)> {
        self.endpoints.iter().map(|(a, e)| (*a, *e)).collect()
    }
    /// Changes when events got numbers.
    pub fn news(&self) -> u64 {
        self.news
    }
    pub fn heard(&mut self, endpoint: Key, event: Key, now: i64) {
        self.owed.remove(&(endpoint, event));
        self.first.entry((endpoint, event)).or_insert(now);
    }
    /// As the store sees it: what lies too far ahead was put while the clock was wrong.
    pub fn job_is_due(&self, now: Time) -> bool {
        let ahead = now.plus_ms(JobKind::Deliver.longest_wait_ms());
        self.jobs.values().any(|due| *due <= now || *due > ahead)
    }
    pub fn job_leased(&mut self, job: JobId, until: Time) {
        if let Some(due) = self.jobs.get_mut(&job) {
            *due = until;
        }
    }
    pub fn at_rest(&self) -> bool {
        self.owed.is_empty() && self.jobs.is_empty()
    }
    pub fn open(&self) -> String {
        let first = self.owed.first_key_value().map_or("", |(_, kind)| kind.as_str());
        let (owed, jobs) = (self.owed.len(), self.jobs.len());
        format!("{owed} events did not arrive (the first is {first}), {jobs} deliveries are open")
    }
}

impl World {
    /// Called with every commit that the store has just applied.
    pub fn told_committed(&mut self, commit: &Commit) {
        let told = &mut self.audit.told;
        for job in commit.jobs.iter().filter(|job| job.kind == JobKind::Deliver) {
            told.jobs.insert(job.id, job.due);
        }
        for id in &commit.done {
            told.jobs.remove(id);
        }
        for event in commit.events.iter().filter(|e| e.kind.is_public()) {
            if let Some(endpoint) = told.endpoints.get(&event.account) {
                told.owed.insert((*endpoint, event.id), event.kind);
            }
        }
        if let Some(links) = &commit.links {
            told.news += 1;
            let limit = u32::try_from(links.links.len()).unwrap_or(u32::MAX);
            let query = Query::Sequenced { shard: links.shard, after: links.after, limit };
            let events = block_on(self.store.find(query)).map(|found| found.sequenced()).unwrap_or_default();
            for found in events {
                let object = self.object_of(&found.stored.event);
                let numbered = Numbered { sequence: found.link.sequence, object, at: self.now };
                self.audit.told.numbered.insert(found.stored.event.id, numbered);
            }
        }
    }

    fn object_of(&self, event: &Event) -> Key {
        self.audit.refund(event.cause).map_or(event.cause, |refund| refund.payment)
    }

    /// First arrivals of one object's events are in the order of their numbers. Clocks that jump make waiting shorter or longer.
    pub(super) fn told_in_order(&mut self, clocks_jumped: bool) {
        let told = &self.audit.told;
        let mut by_object: BTreeMap<(Key, Key), Vec<Arrival>> = BTreeMap::new();
        for ((endpoint, event), first) in &told.first {
            if let Some(n) = told.numbered.get(event) {
                by_object.entry((*endpoint, n.object)).or_default().push((n.sequence, *first, n.at, *event));
            }
        }
        let mut broken = None;
        for ((_, object), events) in &mut by_object {
            events.sort_unstable();
            for pair in events.windows(2) {
                let ((_, before, ..), (_, after, numbered, event)) = (pair[0], pair[1]);
                if after < before && after - numbered < WAITS_MS && !clocks_jumped {
                    broken = Some((*object, event, before, after));
                }
            }
        }
        if let Some((object, event, before, after)) = broken {
            self.audit.broken("endpoints are told of an object in order", Some(object), || {
                format!("event {} came at {after}, the one before it at {before}", event.0)
            });
        }
    }
}

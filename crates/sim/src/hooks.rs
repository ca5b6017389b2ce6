//! Webhook endpoints of the simulated world, and the gateways' work for them: core's rounds and retries over a post that loses letters.
//! Decides nothing about deliveries.

use crate::exec::{Group, Sim};
use crate::faults::Fault;
use crate::gateway::{Gate, Process};
use crate::world::World;
use florin_api::{Api, Look};
use florin_core::codec::Body;
use florin_core::commit::{Commit, JobKind, Row, Version};
use florin_core::deliver::{self, Composed, LEASE_MS, Lane, Letter, Outcome, Post, Reply, Round};
use florin_core::endpoint::{Endpoint, SigningSecret};
use florin_core::flow::{Failure, Trouble, View};
use florin_core::id::{Key, Kind};
use florin_core::store::{SequencedEvent, Store, StoreTrouble, Wait};
use florin_store::block_on;
use serde_json::Value;
use std::sync::Arc;

const LOOK_EVERY_MS: i64 = 2_000;
const JOBS_AT_ONCE: u32 = 8;
const PAUSE_MS: (i64, i64) = (500, 30_000);
/// The time limit of one letter.
const WHOLE_LIMIT_MS: i64 = 10_000;

/// The endpoint of an account.
pub fn endpoint_of(account: Key) -> Key {
    Key(account.0 + (1_000 << 20))
}

impl World {
    /// Gives each account an endpoint, before anything happens.
    pub fn open_endpoints(&mut self, accounts: &[Key]) {
        for account in accounts {
            let key = endpoint_of(*account);
            let body = Endpoint {
                live: false,
                url: "https://shop.example/hook".into(),
                events: vec!["*".into()],
                api_version: None,
                enabled: true,
                given_up: None,
                deleted: false,
                description: None,
                metadata: vec![],
                secrets: vec![(SigningSecret::new("whsec_sim".into()), None)],
                after: 0,
                since: Key(0),
            };
            let row = Row {
                key,
                version: Version(1),
                kind: Kind::Endpoint,
                account: *account,
                at: self.wall(),
                body: body.encode(),
                personal: None,
                index: vec![],
            };
            let commit = Commit { expect: vec![(key, Version::NONE)], put: vec![row], ..Commit::default() };
            if block_on(self.store.commit(commit)).is_ok() {
                self.audit.told.endpoint(*account, key);
            }
        }
    }

    /// Starts what a gateway does for its endpoints.
    pub fn start_hooks(&mut self, group: Group, process: &Arc<Process>, api: &Arc<Api>) {
        let post = Poster { gate: Gate { process: Arc::clone(process) }, api: Arc::clone(api) };
        for (account, endpoint) in self.audit.told.endpoints() {
            self.spawn(group, Box::pin(lane(post.clone(), Lane::new(account, endpoint))));
        }
        self.spawn(group, Box::pin(retries(post)));
    }
}

/// A process's way to endpoints: the API shows the event, the world carries the letter.
#[derive(Clone)]
struct Poster {
    gate: Gate,
    api: Arc<Api>,
}

async fn lane(post: Poster, mut lane: Lane) {
    let sim = post.gate.process.sim.clone();
    let (mut seen, mut pause) = (0, PAUSE_MS.0);
    loop {
        let news = sim.lock().audit.told.news();
        if news == seen {
            sim.sleep(LOOK_EVERY_MS).await;
            continue;
        }
        match deliver::round(&post.gate, &post, &mut lane).await {
            Ok(Round::Idle) => seen = news,
            Ok(Round::Moved) => pause = PAUSE_MS.0,
            Ok(Round::Failed) => {
                sim.sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MS.1);
            }
            Ok(Round::Off | Round::Over) => return,
            Err(_) => sim.sleep(PAUSE_MS.0).await,
        }
    }
}

async fn retries(post: Poster) {
    let process = post.gate.process.clone();
    let sim = process.sim.clone();
    loop {
        let (due, wall) = {
            let world = sim.lock();
            (world.audit.told.job_is_due(world.wall()), world.wall())
        };
        let mut leased = vec![];
        if due {
            let until = wall.plus_ms(LEASE_MS);
            leased = process.store.lease(JobKind::Deliver, wall, JOBS_AT_ONCE, until).await.unwrap_or_default();
        }
        let more = !leased.is_empty();
        for job in leased {
            let post = post.clone();
            let work = async move {
                // What could not be done now is a job still: its lease runs out.
                let _: Result<(), Failure> = deliver::retry(&post.gate, &post, &job).await;
            };
            sim.lock().work(&sim, process.index, process.start, work);
        }
        if !more {
            sim.sleep(LOOK_EVERY_MS).await;
        }
    }
}

impl Post for Poster {
    fn compose<'a>(
        &'a self,
        event: &'a SequencedEvent,
        _: &'a View<Endpoint>,
    ) -> Wait<'a, Result<Option<Composed>, Failure>> {
        Box::pin(async move {
            let trouble = |_| Failure::Trouble(Trouble::Store(StoreTrouble::Io("an event could not be shown".into())));
            let shown = self.api.event(event, None, 1).await.map_err(trouble)?;
            let id = self.gate.process.look.id(Kind::Event, event.stored.event.id);
            Ok(shown.map(|(_, body)| Composed { id, body: body.to_string().into_bytes() }))
        })
    }

    fn send<'a>(&'a self, letter: Letter) -> Wait<'a, Reply> {
        let (sim, look): (Sim, Arc<Look>) = (self.gate.process.sim.clone(), self.gate.process.look.clone());
        Box::pin(async move {
            let (outcome, arrives, took_ms) = sim.lock().fate_of_letter();
            sim.sleep(took_ms).await;
            if arrives {
                let told: Value = serde_json::from_slice(&letter.body).unwrap_or_default();
                let event = told["id"].as_str().and_then(|id| look.key(Kind::Event, id)).unwrap_or(Key(0));
                let world = &mut *sim.lock();
                let now = world.now;
                world.trace.mix(event.0);
                world.audit.told.heard(letter.endpoint, event, now);
            }
            Reply { outcome, took_ms: u32::try_from(took_ms).unwrap_or(0), body: vec![] }
        })
    }
}

impl World {
    /// What comes of a letter, whether the endpoint got it, and how long it took.
    fn fate_of_letter(&mut self) -> (Outcome, bool, i64) {
        let sick = self.weather.hooks;
        let quick = self.rng.between(1, 300);
        if !self.rng.chance(sick) {
            return (Outcome::Answered(200), true, quick);
        }
        let slow = self.rng.between(1_000, WHOLE_LIMIT_MS - 1);
        let (fault, fate) = match self.rng.below(6) {
            0 => (Fault::EndpointError, (Outcome::Answered(500), false, quick)),
            1 => (Fault::EndpointReset, (Outcome::Broken, self.rng.chance(500), quick)),
            2 => (Fault::EndpointReset, (Outcome::NoConnection, false, 1)),
            3 => (Fault::EndpointHang, (Outcome::TimedOut, false, WHOLE_LIMIT_MS)),
            4 => (Fault::EndpointSlow, (Outcome::Answered(200), true, slow)),
            _ => (Fault::EndpointUnheard, (Outcome::TimedOut, true, WHOLE_LIMIT_MS)),
        };
        self.note(fault);
        fate
    }
}

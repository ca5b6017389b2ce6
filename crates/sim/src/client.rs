//! A merchant's client: it waits, gives up, asks again under the same idempotency key, and now and then asks twice at the same time.
//! Knows gateways only as clients do.

use crate::audit::Heard;
use crate::exec::{Cell, Group, Sim};
use crate::gateway::call;
use crate::request::{Meaning, Reply, Request};
use crate::words;
use crate::world::World;
use florin_api::Look;
use florin_core::id::{Key, Kind};
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;

/// A client waits no longer than this between two tries.
pub const LONGEST_PAUSE_MS: i64 = 15_000;

/// Runs a client to its end; the world does not end before.
pub fn client(world: &mut World, work: impl Future<Output = ()> + Send + 'static, sim: &Sim) {
    world.busy_clients += 1;
    let sim = sim.clone();
    let task = async move {
        work.await;
        sim.lock().busy_clients -= 1;
    };
    world.spawn(Group::Client, Box::pin(task));
}

#[derive(Clone)]
pub(crate) struct Merchant {
    pub sim: Sim,
    pub account: Key,
    pub look: Arc<Look>,
}

impl Merchant {
    pub fn chance(&self, per_mille: u32) -> bool {
        self.sim.lock().rng.chance(per_mille)
    }
    pub fn between(&self, low: i64, high: i64) -> i64 {
        self.sim.lock().rng.between(low, high)
    }
    pub fn id(&self, kind: Kind, key: Key) -> String {
        self.look.id(kind, key)
    }

    /// A customer of this merchant.
    pub fn customer(&self) -> String {
        let world = &mut *self.sim.lock();
        let customers = world.customers.get(&self.account).cloned().unwrap_or_default();
        self.look.id(Kind::Customer, world.rng.pick(&customers))
    }

    /// The place of a card.
    pub fn card(&self) -> usize {
        let world = &mut *self.sim.lock();
        world.rng.below(world.cards.len() as u64) as usize
    }

    fn number(&self) -> u64 {
        let world = &mut *self.sim.lock();
        world.next_request += 1;
        world.next_request
    }

    /// A POST under an idempotency key of its own.
    pub fn post(&self, path: String, text: String) -> Request {
        let world = &mut *self.sim.lock();
        world.next_claim += 1;
        let claim = Some(world.next_claim);
        let wall = world.wall();
        world.audit.key_used(world.next_claim, wall);
        Request { claim, ..Request::post(self.account, path, text) }
    }

    /// One try.
    pub async fn send(&self, request: &Request) -> Reply {
        call(&self.sim, self.number(), request.clone()).await
    }

    /// Asks until there is an answer or a refusal for good.
    async fn insist(&self, request: &Request) -> Option<Heard> {
        let mut pause = 200;
        loop {
            if let Reply::Answer { status, body } = self.send(request).await {
                let world = &mut *self.sim.lock();
                let wall = world.wall();
                match Meaning::of(&self.look, status, &body) {
                    Meaning::Told(heard) => {
                        world.trace.mix_bytes(&body);
                        world.audit.answered(request.claim, wall, &heard, (status, &body));
                        let currency = world.audit.currency(heard.key);
                        world.tell(Some(heard.key), || {
                            format!("a client hears {} ({})", heard.status, words::answered(heard.amount, currency))
                        });
                        return Some(heard);
                    }
                    Meaning::Refused(why) => {
                        world.tell(None, || format!("a client is refused: {} {}: {why}", request.method, request.path));
                        request.claim.into_iter().for_each(|claim| world.audit.refused(claim, wall, &why));
                        return None;
                    }
                    Meaning::Again => {}
                }
            }
            self.sim.sleep(self.between(pause / 2, pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE_MS);
        }
    }

    /// Asks in a task of its own; the cell gets what was heard.
    pub fn ask_beside(&self, request: Request) -> Cell<Option<Heard>> {
        let (answer, merchant) = (Cell::new(), self.clone());
        let put = answer.clone();
        let work = async move {
            let heard = merchant.insist(&request).await;
            put.put(&mut merchant.sim.lock(), heard);
        };
        client(&mut self.sim.lock(), work, &self.sim);
        answer
    }

    /// Asks, now and then more than once under the same key: at the same time, and again when the answer is there.
    pub async fn ask(&self, request: Request) -> Option<Heard> {
        if self.chance(150) {
            self.ask_beside(request.clone());
        }
        let heard = self.insist(&request).await;
        if heard.is_some() && self.chance(150) {
            self.ask_beside(request);
        }
        heard
    }

    /// Reads one thing; nothing when there was no answer.
    pub async fn read(&self, path: String) -> Option<Heard> {
        let request = Request::get(self.account, path, String::new());
        let Reply::Answer { status, body } = self.send(&request).await else { return None };
        let Meaning::Told(heard) = Meaning::of(&self.look, status, &body) else { return None };
        let world = &mut *self.sim.lock();
        let wall = world.wall();
        world.audit.answered(None, wall, &heard, (status, &body));
        Some(heard)
    }

    /// A page of a list; asks until there is one.
    pub async fn page(&self, path: &str, query: String) -> Option<Value> {
        let request = Request::get(self.account, path.to_owned(), query);
        let mut pause = 200;
        loop {
            if let Reply::Answer { status, body } = self.send(&request).await {
                match status {
                    200 => return serde_json::from_slice(&body).ok(),
                    409 | 429 | 500.. => {}
                    _ => return None,
                }
            }
            self.sim.sleep(self.between(pause / 2, pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE_MS);
        }
    }
}

//! A gateway process as the world runs it: its ports, its workers, its requests, its death.
//! Runs core's flows as they are; decides nothing about money.

use crate::calm::api;
use crate::door::{self, Asker};
use crate::exec::{Cell, Group, Sim, TaskId};
use crate::faults::Fault;
use crate::request::{Reply, Request};
use crate::settle::{MISSING_AFTER_DAYS, Service};
use crate::store::SimStore;
use crate::world::{Event, World};
use florin_api::{Api, Look};
use florin_core::attempt::{self, LEASE_MS};
use florin_core::chase::chase;
use florin_core::commit::{JobKind, SHARDS};
use florin_core::fees::Fees;
use florin_core::flow::Failure;
use florin_core::id::{Key, KeyGen};
use florin_core::payment;
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::sequencer;
use florin_core::settlement::pull;
use florin_core::store::{Query, Store, Wait};
use florin_core::terminal::{self, Block};
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{Late, Order, Verdict};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a worker looks for due jobs when nobody woke it.
const LOOK_EVERY_MS: i64 = 2_000;
/// Jobs leased at once.
const JOBS_AT_ONCE: u32 = 4;
const SEQUENCE_EVERY_MS: i64 = 5_000;
pub const FEES: Fees = Fees { basis_points: 140, fixed_minor: 25, settles_after_ms: 60_000 };

/// The part of a gateway that the world sees.
#[derive(Default)]
pub struct Gateway {
    pub up: bool,
    pub start: u32,
    /// Connections to its vault that it has given up.
    pub connection: u32,
    /// Commits that it tried, over all its starts.
    pub commits: u32,
    /// Its store has stopped: the process is about to end.
    pub store_stopped: bool,
    /// Requests that were not answered yet.
    pending: BTreeMap<u64, Cell<Reply>>,
    /// Tasks that are at work on a request.
    asked_by: BTreeMap<TaskId, u64>,
    /// Requests, jobs and late answers that it is at work on, whoever waits for them.
    pub working: u32,
    /// Wakes the worker of jobs.
    nudge: Option<Cell<()>>,
    process: Option<Handle>,
}

/// One start of a gateway.
pub struct Process {
    pub sim: Sim,
    pub index: usize,
    pub start: u32,
    pub store: SimStore,
    pub look: Arc<Look>,
    own: Mutex<Own>,
}

struct Own {
    keys: KeyGen,
    block: Option<Block>,
}

impl Process {
    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ports of one task of a process.
#[derive(Clone)]
pub struct Gate {
    pub process: Arc<Process>,
}

impl Ports for Gate {
    fn now(&self) -> Time {
        self.process.sim.lock().wall()
    }

    fn fresh_key(&self) -> Key {
        let now = self.now();
        self.process.own().keys.next(now)
    }

    fn store(&self) -> &dyn Store {
        &self.process.store
    }

    fn fees(&self) -> Fees {
        FEES
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        Box::pin(async move {
            let p = &self.process;
            for _ in 0..3 {
                let now = self.now();
                if let Some(slot) = p.own().block.as_mut().and_then(|block| block.take(now)) {
                    return Ok(slot);
                }
                let (event, holder) = (self.fresh_key(), holder(p.index, p.start));
                let block = terminal::lease(&p.store, now, event, holder, false).await.map_err(|_| NoSlot)?;
                p.own().block = Some(block);
            }
            Err(NoSlot)
        })
    }

    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        Box::pin(door::submit(&self.process.sim, self.process.index, order))
    }

    fn authenticate<'a>(&'a self, ask: threeds::Ask) -> Wait<'a, threeds::Answer> {
        Box::pin(async move {
            self.process.sim.sleep(20).await;
            self.process.sim.lock().directory_answers(&ask)
        })
    }

    fn render(&self, told: Told<'_>) -> Vec<u8> {
        self.process.look.answer(told)
    }

    fn early(&self, told: Told<'_>) {
        let world = &mut *self.process.sim.lock();
        // All requests of a process share its ports: the one that speaks is the one that runs.
        let request = world.gateways[self.process.index].asked_by.get(&world.current).copied();
        if let (Some(request), Some(answer)) = (request, Reply::of_stored(&self.render(told))) {
            world.answer(self.process.index, request, answer);
        }
    }

    fn nudge(&self) {
        let world = &mut *self.process.sim.lock();
        if let Some(cell) = world.gateways[self.process.index].nudge.clone() {
            cell.put(world, ());
        }
    }
}

/// Each start of each process is a holder of its own.
fn holder(index: usize, start: u32) -> u64 {
    (index as u64) << 32 | u64::from(start)
}

impl World {
    pub fn start_gateway(&mut self, sim: &Sim, index: usize) {
        let gateway = &mut self.gateways[index];
        if gateway.up {
            return;
        }
        gateway.up = true;
        gateway.store_stopped = false;
        gateway.start += 1;
        let start = gateway.start;
        self.tell(None, || format!("gateway {index} starts"));
        let store = SimStore { sim: sim.clone(), inner: self.store.clone(), index, start };
        let newest = florin_store::block_on(self.store.find(Query::NewestKey)).ok().and_then(|found| found.key());
        let keys = KeyGen::new(u8::try_from(index).unwrap_or(0), newest);
        let own = Mutex::new(Own { keys, block: None });
        let process = Arc::new(Process { sim: sim.clone(), index, start, store, look: self.look.clone(), own });
        let gate = Arc::new(Gate { process: process.clone() });
        let api = Arc::new(api(gate, &self.look, self.seed ^ u64::from(start)));
        self.gateways[index].nudge = Some(Cell::new());
        let group = Group::Gateway { index, start };
        self.spawn(group, Box::pin(look_for_jobs(process.clone())));
        self.spawn(group, Box::pin(sequence(process.clone())));
        self.spawn(group, Box::pin(settle(process.clone())));
        self.start_hooks(group, &process, &api);
        self.gateways[index].process = Some(Handle { process, api });
        self.watch_late(sim, index);
    }

    /// Everything that the process was doing ends where it stands; what it had made durable stays.
    pub fn crash_gateway(&mut self, index: usize) {
        let gateway = &mut self.gateways[index];
        if !gateway.up {
            return;
        }
        gateway.up = false;
        gateway.nudge = None;
        gateway.working = 0;
        gateway.process = None;
        gateway.asked_by.clear();
        let (start, connection) = (gateway.start, gateway.connection);
        let pending = std::mem::take(&mut gateway.pending);
        pending.values().for_each(|cell| cell.put(self, Reply::Reset));
        self.killed.push(Group::Gateway { index, start });
        self.connection_ends(Asker { index, start, connection });
        let pause = self.rng.spread(50, 60_000);
        self.tell(None, || format!("gateway {index} crashes, and will be back in {pause} ms"));
        self.after(pause, Event::GatewayStart { index });
    }

    /// A piece of work of a process. The world does not come to rest before it is done, or died with its process.
    pub fn work(
        &mut self,
        sim: &Sim,
        index: usize,
        start: u32,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> TaskId {
        self.gateways[index].working += 1;
        let sim = sim.clone();
        let task = async move {
            work.await;
            let world = &mut *sim.lock();
            let gateway = &mut world.gateways[index];
            gateway.working -= 1;
            gateway.asked_by.remove(&world.current);
        };
        self.spawn(Group::Gateway { index, start }, Box::pin(task))
    }

    fn answer(&mut self, index: usize, request: u64, reply: Reply) {
        if let Some(cell) = self.gateways[index].pending.remove(&request) {
            cell.put(self, reply);
        }
    }

    /// A request reaches a gateway. Its answer, or the breaking of its connection, comes into the cell.
    pub fn request(&mut self, index: usize, number: u64, request: &Request) -> Cell<Reply> {
        let cell = Cell::new();
        let edge = self.edge(number, request);
        let gateway = &mut self.gateways[index];
        let Some(Handle { process, api }) = gateway.process.as_ref().filter(|_| gateway.up) else {
            cell.put(self, Reply::Reset);
            return cell;
        };
        let (sim, world, api, start) = (process.sim.clone(), process.sim.clone(), api.clone(), gateway.start);
        gateway.pending.insert(number, cell.clone());
        let task = async move {
            let reply = Reply::of(api.handle(edge).await);
            world.lock().answer(index, number, reply);
        };
        let task = self.work(&sim, index, start, task);
        self.gateways[index].asked_by.insert(task, number);
        cell
    }
}

/// A running process, for those who hand it work.
pub struct Handle {
    process: Arc<Process>,
    api: Arc<Api>,
}

/// The worker of due jobs: looks now and then, and when nudged.
async fn look_for_jobs(process: Arc<Process>) {
    let sim = process.sim.clone();
    loop {
        let (due, wall) = {
            let world = sim.lock();
            (world.audit.job_is_due(world.wall()), world.wall())
        };
        let mut leased = Vec::new();
        if due {
            let until = wall.plus_ms(LEASE_MS);
            for kind in [JobKind::Resolve, JobKind::Expire, JobKind::Chase] {
                leased.extend(process.store.lease(kind, wall, JOBS_AT_ONCE, until).await.unwrap_or_default());
            }
        }
        let more = !leased.is_empty();
        for job in leased {
            let gate = Gate { process: process.clone() };
            let work = async move {
                // What could not be done now is a job still: its lease runs out.
                let _: Result<(), Failure> = match job.kind {
                    JobKind::Expire => payment::expire(&gate, &job).await,
                    JobKind::Chase => chase(&gate, &job).await,
                    JobKind::Resolve | JobKind::Deliver | JobKind::Erase | JobKind::Notify => {
                        attempt::resolve(&gate, &job).await
                    }
                };
            };
            sim.lock().work(&sim, process.index, process.start, work);
        }
        if !more {
            let nudge = Cell::new();
            sim.lock().gateways[process.index].nudge = Some(nudge.clone());
            let until = sim.now() + LOOK_EVERY_MS;
            let _: Option<()> = sim.wait(&nudge, Some(until)).await;
        }
    }
}

/// Numbers events, when there are new ones.
async fn sequence(process: Arc<Process>) {
    let sim = process.sim.clone();
    let mut seen = 0;
    loop {
        let events = sim.lock().audit.events();
        if events != seen {
            seen = events;
            for shard in 0..SHARDS {
                let used = sim.lock().audit.uses_shard(shard);
                if used && !matches!(sequencer::sequence(&process.store, shard).await, Ok(0)) {
                    seen = 0;
                }
            }
        }
        sim.sleep(SEQUENCE_EVERY_MS).await;
    }
}

/// The worker of settlement: pulls now and then. What fails is done by the next pull.
async fn settle(process: Arc<Process>) {
    let sim = process.sim.clone();
    let (gate, service) = (Gate { process }, Service(sim.clone()));
    let mut after = 0;
    loop {
        let pause = sim.lock().rng.between(5_000, 60_000);
        sim.sleep(pause).await;
        // A world in which nothing is left to pull must come to rest.
        let newest = sim.lock().host.books().days().len() as u64;
        if after < newest
            && let Ok(pulled) = pull(&gate, &service, MISSING_AFTER_DAYS).await
        {
            after = pulled.through;
        }
    }
}

/// The vault pushes a late answer; it is acknowledged when core has taken it.
pub fn deliver_late(world: &mut World, sim: &Sim, index: usize, vault: usize, number: u64, late: Late) {
    let gateway = &world.gateways[index];
    let Some(Handle { process, .. }) = &gateway.process else { return };
    let (process, start, told) = (process.clone(), gateway.start, sim.clone());
    let task = async move {
        let gate = Gate { process };
        if attempt::late(&gate, &late).await.is_ok() {
            told.lock().acknowledge(vault, number);
        }
    };
    world.work(sim, index, start, task);
}

/// Calls a gateway as a client does: it may never hear again.
pub async fn call(sim: &Sim, number: u64, request: Request) -> Reply {
    let (cell, patience) = {
        let world = &mut *sim.lock();
        let index = world.rng.below(world.gateways.len() as u64) as usize;
        let hasty = world.rng.chance(world.weather.impatient);
        let patience = if hasty { world.rng.between(200, 4_000) } else { 60_000 };
        (world.request(index, number, &request), patience)
    };
    let until = sim.now() + patience;
    match sim.wait(&cell, Some(until)).await {
        Some(reply) => reply,
        None => {
            sim.lock().note(Fault::ClientImpatient);
            Reply::Reset
        }
    }
}

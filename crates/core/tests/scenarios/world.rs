//! The test world: a clock that is set, keys that count, an acquirer with a script that checks what it is sent.
//! Knows no operation of core: it is the other side of `Ports`.

use crate::gate::{Call, Gate, GatedStore};
use florin_core::attempt::{Attempt, State};
use florin_core::commit::Row;
use florin_core::fees::Fees;
use florin_core::flow;
use florin_core::id::{Key, KeyGen, Kind};
use florin_core::payment::Payment;
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::refund::Refund;
use florin_core::restore::Orphan;
use florin_core::setup::Setup;
use florin_core::store::{Query, Store, Wait};
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{Act, Order, Terminal, Verdict};
use florin_store::{MemoryStore, block_on};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// 2026-11-21 22:15:00 UTC.
pub const START: Time = Time(1_795_299_300_000);
pub const ACCOUNT: Key = Key(77);

/// What is shared by all processes of a scenario.
pub struct World {
    pub store: MemoryStore,
    state: Mutex<Moving>,
}

pub struct Moving {
    pub now: Time,
    keys: KeyGen,
    stan: u32,
    pub orders: Vec<Order>,
    pub fees: Fees,
    /// What came of the cardholder's authentication.
    pub issuer_says: threeds::Answer,
}

impl World {
    pub fn new() -> Arc<World> {
        let (keys, issuer_says) = (KeyGen::new(1, None), threeds::Answer::Trouble);
        let moving = Moving { now: START, keys, stan: 0, orders: vec![], fees: Fees::NONE, issuer_says };
        Arc::new(World { store: MemoryStore::new(), state: Mutex::new(moving) })
    }
    pub fn lock(&self) -> MutexGuard<'_, Moving> {
        self.state.lock().unwrap()
    }
    pub fn now(&self) -> Time {
        self.lock().now
    }
    pub fn row(&self, key: Key) -> Option<Row> {
        block_on(self.store.get(&[key])).unwrap().remove(0)
    }
    pub fn rows(&self, kind: Kind) -> Vec<Row> {
        let query = Query::List { under: ACCOUNT, kind, before: None, limit: 100 };
        let mut rows = block_on(self.store.find(query)).unwrap().rows();
        rows.reverse();
        rows
    }
    /// The attempts of a payment or refund.
    pub fn attempts(&self, owner: Key) -> Vec<Attempt> {
        match self.row(owner) {
            Some(row) if row.kind == Kind::Payment => flow::read::<Payment>(&row).unwrap().body.attempts,
            Some(row) if row.kind == Kind::Refund => vec![flow::read::<Refund>(&row).unwrap().body.attempt],
            Some(row) if row.kind == Kind::Orphan => vec![flow::read::<Orphan>(&row).unwrap().body.attempt],
            Some(row) if row.kind == Kind::Setup => flow::read::<Setup>(&row).unwrap().body.attempts,
            _ => vec![],
        }
    }

    /// What every acquirer may count on, whatever the scenario.
    fn receive(&self, order: Order) {
        let durable = self.attempts(order.owner).into_iter().find(|a| a.key == order.attempt);
        let wire = durable.as_ref().map(|a| match a.state {
            State::Reversing { wire, .. } => wire,
            State::Sent
            | State::Repeating { .. }
            | State::Approved { .. }
            | State::Declined { .. }
            | State::NotSent { .. }
            | State::Reversed { .. }
            | State::Unanswered { .. } => a.wire,
        });
        assert_eq!(wire, Some(order.wire), "intent before wire: the message is durable before it is sent");
        let jobs = block_on(self.store.find(Query::Jobs { kind: None, limit: 100 })).unwrap().jobs();
        assert!(jobs.iter().any(|j| j.attempt == order.attempt), "a job settles what is sent");
        match order.act {
            Act::Completion { original } | Act::Reversal { original, .. } => {
                let kept = (order.wire.rrn, order.wire.terminal);
                assert_eq!(
                    (original.wire.rrn, original.wire.terminal),
                    kept,
                    "RRN and terminal of the original are kept"
                );
            }
            Act::Sale { .. }
            | Act::Authorization { .. }
            | Act::Increment { .. }
            | Act::Refund { .. }
            | Act::Verification { .. } => {
                assert_eq!(order.wire.rrn.0, order.attempt, "a message of its own has an RRN of its own");
            }
        }
        let mut moving = self.lock();
        for before in moving.orders.iter().filter(|b| b.wire.stan == order.wire.stan) {
            let same = Order { send_by: before.send_by, repeat: before.repeat, ..order };
            assert_eq!(same, *before, "a repeat is the same message");
            assert!(order.repeat, "a message that was sent before says that it is a repeat");
        }
        moving.orders.push(order);
    }
}

/// One process doing one thing: it has a script of verdicts of its own, and can be stopped at any of its port calls.
pub struct Process {
    world: Arc<World>,
    gate: Arc<Gate>,
    store: GatedStore,
    script: Mutex<VecDeque<Verdict>>,
    otherwise: Option<Verdict>,
}

impl Process {
    pub fn new(world: &Arc<World>, gate: Arc<Gate>, script: &[Verdict]) -> Process {
        let store = GatedStore { inner: world.store.clone(), gate: gate.clone() };
        let script = Mutex::new(script.iter().copied().collect());
        Process { world: world.clone(), gate, store, script, otherwise: None }
    }
    /// What is answered when the script is at its end.
    pub fn otherwise(self, otherwise: Option<Verdict>) -> Process {
        Process { otherwise, ..self }
    }
    /// Verdicts that nobody asked for.
    pub fn unused(&self) -> usize {
        self.script.lock().unwrap().len()
    }
}

impl Ports for Process {
    fn now(&self) -> Time {
        self.world.now()
    }
    fn fresh_key(&self) -> Key {
        let mut moving = self.world.lock();
        let now = moving.now;
        moving.keys.next(now)
    }
    fn store(&self) -> &dyn Store {
        &self.store
    }
    fn fees(&self) -> Fees {
        self.world.lock().fees
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        Box::pin(async move {
            let passed = self.gate.before(Call::Slot).await;
            let slot = {
                let mut moving = self.world.lock();
                moving.stan += 1;
                // Never the terminal of the message before: what belongs together must keep its own.
                Slot { terminal: Terminal(4 + moving.stan % 2), stan: moving.stan }
            };
            self.gate.after(Call::Slot, passed).await;
            if self.gate.breaks(Call::Slot, passed) { Err(NoSlot) } else { Ok(slot) }
        })
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        Box::pin(async move {
            let passed = self.gate.before(Call::Submit).await;
            self.world.receive(order);
            let verdict = self.script.lock().unwrap().pop_front().or(self.otherwise);
            self.gate.after(Call::Submit, passed).await;
            verdict.unwrap_or_else(|| panic!("nothing is scripted for {order:?}"))
        })
    }
    fn authenticate<'a>(&'a self, _: threeds::Ask) -> Wait<'a, threeds::Answer> {
        Box::pin(std::future::ready(self.world.lock().issuer_says.clone()))
    }

    fn render(&self, told: Told<'_>) -> Vec<u8> {
        match told {
            Told::Payment(view) => format!("{} v{}", view.body.stage.status(), view.version.0),
            Told::Setup(view) => format!("setup {} v{}", view.body.stage.status(), view.version.0),
            Told::Refund(view) => format!("refund {} v{}", view.body.stage.status(), view.version.0),
        }
        .into_bytes()
    }
    fn nudge(&self) {}
}

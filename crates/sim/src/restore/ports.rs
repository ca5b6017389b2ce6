//! The ports of the disaster's world: one clock, one store that can be backed up, the sandbox's host behind the real codec, and a
//! process that can die at any of its calls. Knows no scenario.

use crate::cards::Stored;
use crate::rng::Rng;
use florin_connect::card::{Card, CardFacts};
use florin_connect::connector::{self, Terms, WireAnswer, WireRequest, judge};
use florin_connect::iso8583::Dialect;
use florin_core::commit::{Commit, Job, JobKind, Row};
use florin_core::fees::Fees;
use florin_core::id::{Key, KeyGen};
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::terminal::{self, Block};
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{NotSent, Order, Unsure, Verdict};
use florin_sandbox::{Host, HostSettings, ReplyKind};
use florin_store::MemoryStore;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything that outlives a process.
pub(super) struct Bank {
    pub cards: Vec<Stored>,
    moving: Mutex<Moving>,
}

pub(super) struct Moving {
    pub now: Time,
    pub store: MemoryStore,
    pub host: Host,
    pub account: Key,
    pub payments: Vec<Key>,
    /// The backup is made at this call from now.
    pub back_up_in: Option<i64>,
    pub backup: Option<(MemoryStore, Time, u64)>,
    /// The process dies at this call from now.
    pub dies_in: Option<i64>,
    /// Answers are lost.
    pub troubled: bool,
    rng: Rng,
}

impl Moving {
    pub fn messages(&self) -> u64 {
        self.host.books().len() as u64
    }
    /// Counts a call: the backup may be made here, and the process may die here.
    fn call(&mut self) -> bool {
        if let Some(left) = &mut self.back_up_in {
            *left -= 1;
            if *left == 0 {
                self.back_up_in = None;
                self.backup = Some((self.store.snapshot(), self.now, self.messages()));
            }
        }
        let Some(left) = &mut self.dies_in else { return false };
        *left -= 1;
        *left == 0
    }
}

impl Bank {
    pub fn new(now: Time, cards: Vec<Stored>, seed: u64) -> Bank {
        let host = Host::new(HostSettings::new([9; 32]));
        let moving = Moving {
            now,
            store: MemoryStore::new(),
            host,
            account: Key(0),
            payments: vec![],
            back_up_in: None,
            backup: None,
            dies_in: None,
            troubled: true,
            rng: Rng::new(seed),
        };
        Bank { cards, moving: Mutex::new(moving) }
    }
    pub fn lock(&self) -> MutexGuard<'_, Moving> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn pass(&self, ms: i64) {
        let now = &mut self.lock().now;
        *now = now.plus_ms(ms);
    }
    pub fn messages(&self) -> u64 {
        self.lock().messages()
    }
    fn store(&self) -> MemoryStore {
        self.lock().store.clone()
    }

    fn card(&self, order: &Order) -> Option<&Card> {
        let place = usize::try_from(order.card.key.0.checked_sub(1)?).ok()?;
        self.cards.get(place).map(|stored| &stored.card)
    }

    /// The order as a message at the host, and what is read in its answer.
    fn send(&self, order: &Order) -> Verdict {
        let (link, terms) = (connector::ALL[0], Terms::of(Dialect::link()));
        let card = self.card(order);
        let message = match link.encode(order, card, &terms) {
            Ok(WireRequest::Iso8583(message)) => message,
            Ok(WireRequest::Http { .. }) => return Verdict::NotSent(NotSent::NotEncodable),
            Err(why) => return Verdict::NotSent(why),
        };
        let Ok(body) = Dialect::link().encode(&message) else { return Verdict::NotSent(NotSent::NotEncodable) };
        let world = &mut *self.lock();
        let replies = world.host.receive(world.now, &body);
        let facts = card.map_or(CardFacts::NONE, Card::facts);
        match replies.first().map(|reply| &reply.kind) {
            Some(ReplyKind::Frame(body)) => match Dialect::link().decode(body) {
                Ok(answer) => judge(link, order, &facts, &terms, WireAnswer::Iso8583(&answer)),
                Err(_) => Verdict::Unknown(Unsure::Unreadable),
            },
            Some(_) | None => Verdict::Unknown(Unsure::NoAnswer),
        }
    }

    /// What comes of an order: it is not sent, is lost on its way, is answered to nobody, or all goes well.
    fn answer(&self, order: &Order) -> Verdict {
        let (draw, troubled) = {
            let world = &mut *self.lock();
            (world.rng.below(1_000), world.troubled)
        };
        match draw {
            0..40 if troubled => Verdict::NotSent(NotSent::LinkDown),
            40..100 if troubled => Verdict::Unknown(Unsure::LinkLost),
            100..220 if troubled => {
                self.send(order);
                Verdict::Unknown(Unsure::NoAnswer)
            }
            _ => self.send(order),
        }
    }
}

/// One start of the gateway.
pub(super) struct Process {
    bank: Arc<Bank>,
    store: Dying,
    keys: Mutex<KeyGen>,
    block: Mutex<Option<Block>>,
    holder: u64,
}

impl Process {
    pub fn new(bank: &Arc<Bank>, holder: u64) -> Process {
        let newest = super::done(bank.store().find(Query::NewestKey)).ok().and_then(Found::key);
        Process {
            bank: Arc::clone(bank),
            store: Dying { bank: Arc::clone(bank) },
            keys: Mutex::new(KeyGen::new(0, newest)),
            block: Mutex::new(None),
            holder,
        }
    }
    /// Never returns when the process dies here.
    async fn call(&self) {
        call(&self.bank).await;
    }
    fn block(&self) -> MutexGuard<'_, Option<Block>> {
        self.block.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn call(bank: &Bank) {
    let dies = bank.lock().call();
    if dies {
        std::future::pending::<()>().await;
    }
}

/// The store, where a process can die before and after each commit.
struct Dying {
    bank: Arc<Bank>,
}

impl Store for Dying {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        let store = self.bank.store();
        Box::pin(async move { store.get(keys).await })
    }
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        let store = self.bank.store();
        Box::pin(async move { store.find(query).await })
    }
    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        let store = self.bank.store();
        Box::pin(async move {
            call(&self.bank).await;
            let done = store.commit(commit).await;
            call(&self.bank).await;
            done
        })
    }
    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        let store = self.bank.store();
        Box::pin(async move { store.lease(kind, now, n, until).await })
    }
    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        let store = self.bank.store();
        Box::pin(async move { store.sums(report).await })
    }
}

impl Ports for Process {
    fn now(&self) -> Time {
        self.bank.lock().now
    }
    fn fresh_key(&self) -> Key {
        let now = self.now();
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }
    fn store(&self) -> &dyn Store {
        &self.store
    }
    fn fees(&self) -> Fees {
        Fees::NONE
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        Box::pin(async move {
            let now = self.now();
            if let Some(slot) = self.block().as_mut().and_then(|block| block.take(now)) {
                return Ok(slot);
            }
            let leased = terminal::lease(&self.store, now, self.fresh_key(), self.holder, true).await;
            let mut block = leased.map_err(|_| NoSlot)?;
            let slot = block.take(now).ok_or(NoSlot)?;
            *self.block() = Some(block);
            Ok(slot)
        })
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        Box::pin(async move {
            self.call().await;
            let verdict = self.bank.answer(&order);
            self.call().await;
            verdict
        })
    }
    fn authenticate<'a>(&'a self, _: threeds::Ask) -> Wait<'a, threeds::Answer> {
        Box::pin(std::future::ready(threeds::Answer::Trouble))
    }
    fn render(&self, _: Told<'_>) -> Vec<u8> {
        vec![]
    }
    fn nudge(&self) {}
}

//! A gateway to which nothing happens: before the storm it makes what is there at the beginning, after it it looks at what is there at the
//! end. Knows no trouble and sends no message.

use crate::exec::Sim;
use crate::gateway::FEES;
use crate::rng::Rng;
use florin_api::{Api, Expires, House, LimitSettings, Look, Named, NotNamed, NotRenewed};
use florin_core::commit::{Commit, Job, JobKind, Row};
use florin_core::fees::Fees;
use florin_core::id::{IdCodec, Key, KeyGen};
use florin_core::payment::CardFacts;
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::request_log::{Entry, Find, Placed, RequestLog};
use florin_core::seal::Secret;
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{CardToken, NotSent, Order, Verdict};
use florin_store::{MemoryStore, block_on};
use std::sync::{Arc, Mutex, PoisonError};

/// What every gateway of a world derives its ids, client secrets and idempotency slots from.
const ROOT: [u8; 32] = [9; 32];
const IDS: [u8; 16] = [3; 16];
/// Where browsers of the simulated world reach the card's pages.
pub const CARD_ORIGIN: &str = "https://card.example";

pub fn look() -> Look {
    Look::new(IdCodec::new(&IDS), &Secret::new(ROOT)).reached_at(Some(CARD_ORIGIN.into()))
}

/// The API over these ports, as a process has one.
pub fn api(ports: Arc<dyn Ports>, look: &Arc<Look>, seed: u64) -> Api {
    let house = Arc::new(Beside { rng: Mutex::new(Rng::new(seed)), log: NoLog });
    Api::new(ports, house, look.clone(), &Secret::new(ROOT), LimitSettings::NONE, false)
}

/// What the API needs besides ports: bytes that nobody in this world guesses, and no log.
struct Beside {
    rng: Mutex<Rng>,
    log: NoLog,
}

impl House for Beside {
    fn named<'a>(&'a self, _: Key, _: &'a str) -> Wait<'a, Result<Named, NotNamed>> {
        // Cards come as cards here, as from a browser.
        Box::pin(std::future::ready(Err(NotNamed::Unknown)))
    }
    fn renewed<'a>(&'a self, _: Key, _: bool, _: CardToken, _: Expires) -> Wait<'a, Result<CardFacts, NotRenewed>> {
        Box::pin(std::future::ready(Err(NotRenewed::NoVault)))
    }
    fn random(&self, bytes: &mut [u8]) {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            let drawn = rng.draw().to_be_bytes();
            chunk.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        }
    }
    fn requests(&self) -> &dyn RequestLog {
        &self.log
    }
}

struct NoLog;

impl RequestLog for NoLog {
    fn note(&self, _: Entry) {}
    fn find<'a>(&'a self, _: Find) -> Wait<'a, Result<Vec<Placed>, StoreTrouble>> {
        Box::pin(std::future::ready(Ok(vec![])))
    }
    fn used<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Time>>, StoreTrouble>> {
        Box::pin(std::future::ready(Ok(vec![None; keys.len()])))
    }
}

/// A store whose commits the auditor sees, as long as there is a world that is not locked.
struct Seen {
    inner: MemoryStore,
    by: Option<Sim>,
}

impl Store for Seen {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        self.inner.get(keys)
    }
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        self.inner.find(query)
    }
    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        Box::pin(async move {
            self.inner.commit(commit.clone()).await?;
            if let Some(sim) = &self.by {
                sim.lock().committed(&commit);
            }
            Ok(())
        })
    }
    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        self.inner.lease(kind, now, n, until)
    }
    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        self.inner.sums(report)
    }
}

pub struct Calm {
    store: Seen,
    now: Time,
    keys: Mutex<KeyGen>,
    look: Arc<Look>,
}

impl Calm {
    /// `by` sees the commits: only where the world is not locked by whoever makes them.
    pub fn new(store: MemoryStore, now: Time, look: Arc<Look>, by: Option<Sim>) -> Calm {
        let newest = block_on(store.find(Query::NewestKey)).ok().and_then(|found| found.key());
        Calm { store: Seen { inner: store, by }, now, keys: Mutex::new(KeyGen::new(30, newest)), look }
    }
}

impl Ports for Calm {
    fn now(&self) -> Time {
        self.now
    }
    fn fresh_key(&self) -> Key {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).next(self.now)
    }
    fn store(&self) -> &dyn Store {
        &self.store
    }
    fn fees(&self) -> Fees {
        FEES
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        Box::pin(std::future::ready(Err(NoSlot)))
    }
    fn submit<'a>(&'a self, _: Order) -> Wait<'a, Verdict> {
        Box::pin(std::future::ready(Verdict::NotSent(NotSent::NoVault)))
    }
    fn authenticate<'a>(&'a self, _: threeds::Ask) -> Wait<'a, threeds::Answer> {
        Box::pin(std::future::ready(threeds::Answer::Trouble))
    }
    fn render(&self, told: Told<'_>) -> Vec<u8> {
        self.look.answer(told)
    }
    fn nudge(&self) {}
}

//! The real world for core's flows: the system's clock, the SQLite store, the vault's socket.

use super::erased::Tombstones;
use super::hooks::News;
use super::metrics::Counted;
use super::shape;
use florin_api::Look;
use florin_core::commit::Commit;
use florin_core::commit::{Job, JobKind, SHARDS, shard};
use florin_core::customer::Forget;
use florin_core::fees::Fees;
use florin_core::id::{IdCodec, Key, KeyGen, Kind};
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::terminal::{self, Block};
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{Order, Verdict};
use florin_store::SqliteStore;
use florin_vault::client::VaultClient;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// The store, remembering which shards have events without a number.
pub struct Watched {
    inner: SqliteStore,
    dirty: AtomicU32,
    news: Arc<News>,
    /// Where erasures are written down outside of the database.
    tombstones: Option<Tombstones>,
}

impl Watched {
    pub fn new(inner: SqliteStore, news: Arc<News>, tombstones: Option<Tombstones>) -> Watched {
        // After a start every shard may have events that nobody numbered.
        Watched { inner, dirty: AtomicU32::new((1 << SHARDS) - 1), news, tombstones }
    }
    /// Why the database takes nothing any more, if so.
    pub fn why_stopped(&self) -> Option<String> {
        self.inner.why_stopped()
    }
    /// For what is no commit and no query: its keys.
    pub fn sqlite(&self) -> &SqliteStore {
        &self.inner
    }
    pub fn tombstones(&self) -> Option<&Tombstones> {
        self.tombstones.as_ref()
    }
    /// Destroys keys whose tombstones stand already.
    pub async fn forget_again(&self, subjects: &[Key]) -> Result<(), StoreTrouble> {
        self.inner.forget(subjects).await
    }
    /// Tombstones outside of the database; whoever is erased has one before anything is destroyed.
    fn bury(&self, subjects: &[Key]) -> Result<(), StoreTrouble> {
        let Some(tombstones) = &self.tombstones else { return Ok(()) };
        tombstones.add(subjects).map_err(|e| StoreTrouble::Io(format!("the file of erasures: {e}")))
    }
    /// Shards with new events since the last call.
    pub fn take_dirty(&self) -> Vec<u8> {
        let bits = self.dirty.swap(0, Ordering::AcqRel);
        (0..SHARDS).filter(|s| bits & (1 << s) != 0).collect()
    }
    pub fn mark(&self, shard: u8) {
        self.dirty.fetch_or(1 << shard, Ordering::AcqRel);
    }
}

impl Store for Watched {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<florin_core::commit::Row>>, StoreTrouble>> {
        self.inner.get(keys)
    }
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        self.inner.find(query)
    }
    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        let shards: Vec<u8> = commit.events.iter().map(|e| shard(e.account)).collect();
        let numbered = commit.links.as_ref().map(|l| l.shard);
        let endpoint = commit.put.iter().any(|row| row.kind == Kind::Endpoint);
        let erased: Vec<Key> = commit.jobs.iter().filter(|j| j.kind == JobKind::Erase).map(|j| j.subject).collect();
        Box::pin(async move {
            let applied = self.inner.commit(commit).await;
            shards.iter().for_each(|s| self.mark(*s));
            numbered.into_iter().for_each(|s| self.news.numbered(s));
            if endpoint {
                self.news.endpoints_changed();
            }
            // A deletion is not acknowledged before it would outlive a restore.
            if applied.is_ok() {
                self.bury(&erased).map_err(CommitError::Trouble)?;
            }
            applied
        })
    }
    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        self.inner.lease(kind, now, n, until)
    }
    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        self.inner.sums(report)
    }
}

impl Forget for Watched {
    fn forget<'a>(&'a self, subjects: &'a [Key]) -> Wait<'a, Result<(), StoreTrouble>> {
        Box::pin(async move {
            self.bury(subjects)?;
            self.inner.forget(subjects).await
        })
    }
}

pub struct Real {
    pub store: Watched,
    pub vault: VaultClient,
    pub ids: IdCodec,
    /// How the API shows things: answers that are finished after a crash are the API's.
    pub look: Arc<Look>,
    fees: Fees,
    keys: Mutex<KeyGen>,
    block: Mutex<Option<Block>>,
    leasing: tokio::sync::Mutex<()>,
    holder: u64,
    pub due: Notify,
    /// A rotation of keys has begun.
    pub rotates: Notify,
    /// Webhooks are due.
    pub deliveries: Notify,
    /// Tells of new events.
    pub news: Arc<News>,
    pub counted: Counted,
    /// Messages to people are due.
    pub messages: Notify,
    pub audit: super::audit::Watched,
}

impl Real {
    pub fn new(
        (store, tombstones): (SqliteStore, Option<Tombstones>),
        newest: Option<Key>,
        vault: VaultClient,
        ids: IdCodec,
        look: Arc<Look>,
        fees: Fees,
        holder: u64,
    ) -> Real {
        let news = Arc::new(News::default());
        Real {
            store: Watched::new(store, Arc::clone(&news), tombstones),
            vault,
            ids,
            look,
            fees,
            keys: Mutex::new(KeyGen::new(0, newest)),
            block: Mutex::new(None),
            leasing: tokio::sync::Mutex::new(()),
            holder,
            due: Notify::new(),
            rotates: Notify::new(),
            deliveries: Notify::new(),
            news,
            counted: Counted::new(),
            messages: Notify::new(),
            audit: super::audit::Watched::default(),
        }
    }

    fn take_slot(&self) -> Option<Slot> {
        let mut block = self.block.lock().unwrap_or_else(|p| p.into_inner());
        block.as_mut().and_then(|b| b.take(now()))
    }

    async fn lease_slot(&self) -> Result<Slot, NoSlot> {
        let _one_at_a_time = self.leasing.lock().await;
        if let Some(slot) = self.take_slot() {
            return Ok(slot);
        }
        // The store's lock file keeps other processes off an SQLite database, so leases of the dead may be taken over.
        let leased = terminal::lease(&self.store, now(), self.fresh_key(), self.holder, true).await;
        let mut fresh = leased.map_err(|_| NoSlot)?;
        let slot = fresh.take(now()).ok_or(NoSlot)?;
        *self.block.lock().unwrap_or_else(|p| p.into_inner()) = Some(fresh);
        Ok(slot)
    }
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Ports for Real {
    fn now(&self) -> Time {
        now()
    }
    fn fresh_key(&self) -> Key {
        self.keys.lock().unwrap_or_else(|p| p.into_inner()).next(now())
    }
    fn store(&self) -> &dyn Store {
        &self.store
    }
    fn fees(&self) -> Fees {
        self.fees
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        match self.take_slot() {
            Some(slot) => Box::pin(std::future::ready(Ok(slot))),
            None => Box::pin(self.lease_slot()),
        }
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        Box::pin(async move {
            let began = Instant::now();
            let verdict = self.vault.submit(&order).await;
            self.counted.sent(&order, &verdict, began.elapsed());
            verdict
        })
    }
    fn authenticate<'a>(&'a self, ask: threeds::Ask) -> Wait<'a, threeds::Answer> {
        Box::pin(async move { self.vault.authenticate(&ask).await })
    }
    fn render(&self, told: Told<'_>) -> Vec<u8> {
        self.look.answer(told)
    }
    fn nudge(&self) {
        self.due.notify_one();
        self.deliveries.notify_one();
        self.messages.notify_one();
    }
}

/// The same world for the terminal's door: what it stores under an idempotency key is the door's answer.
pub struct Door<'a>(pub &'a Real);

impl Ports for Door<'_> {
    fn now(&self) -> Time {
        self.0.now()
    }
    fn fresh_key(&self) -> Key {
        self.0.fresh_key()
    }
    fn store(&self) -> &dyn Store {
        self.0.store()
    }
    fn fees(&self) -> Fees {
        self.0.fees()
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        self.0.slot()
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        self.0.submit(order)
    }
    fn authenticate<'a>(&'a self, ask: threeds::Ask) -> Wait<'a, threeds::Answer> {
        self.0.authenticate(ask)
    }
    fn render(&self, told: Told<'_>) -> Vec<u8> {
        let shown = match told {
            Told::Payment(view) => shape::payment(&self.0.ids, view),
            Told::Refund(view) => shape::refund(&self.0.ids, view),
            // The terminal's door sets up no cards.
            Told::Setup(_) => return self.0.render(told),
        };
        shown.to_string().into_bytes()
    }
    fn nudge(&self) {
        self.0.nudge();
    }
}

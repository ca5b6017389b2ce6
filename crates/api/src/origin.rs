//! Ports of one request: every commit made through them says which request it was made for, so that its events can. Knows no endpoint.

use crate::guard::Watch;
use florin_core::commit::{Commit, Job, JobKind, Origin, Row};
use florin_core::fees::Fees;
use florin_core::id::Key;
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{Order, Verdict};

pub struct Sourced<'a> {
    ports: &'a dyn Ports,
    /// What every card that is tried passes first.
    pub watch: Watch<'a>,
    store: Marking<'a>,
}

struct Marking<'a> {
    inner: &'a dyn Store,
    origin: Origin,
}

impl<'a> Sourced<'a> {
    pub fn new(ports: &'a dyn Ports, origin: Origin, watch: Watch<'a>) -> Sourced<'a> {
        Sourced { ports, watch, store: Marking { inner: ports.store(), origin } }
    }
}

impl Store for Marking<'_> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        self.inner.get(keys)
    }
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        self.inner.find(query)
    }
    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        self.inner.commit(Commit { origin: Some(self.origin.clone()), ..commit })
    }
    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        self.inner.lease(kind, now, n, until)
    }
    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        self.inner.sums(report)
    }
}

impl Ports for Sourced<'_> {
    fn now(&self) -> Time {
        self.ports.now()
    }
    fn fresh_key(&self) -> Key {
        self.ports.fresh_key()
    }
    fn store(&self) -> &dyn Store {
        &self.store
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        self.ports.slot()
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        Box::pin(self.watch.submit(self.ports, order))
    }
    fn authenticate<'a>(&'a self, ask: threeds::Ask) -> Wait<'a, threeds::Answer> {
        self.ports.authenticate(ask)
    }
    fn render(&self, told: Told<'_>) -> Vec<u8> {
        self.ports.render(told)
    }
    fn early(&self, told: Told<'_>) {
        self.ports.early(told);
    }
    fn fees(&self) -> Fees {
        self.ports.fees()
    }
    fn nudge(&self) {
        self.ports.nudge();
    }
}

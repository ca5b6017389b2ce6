//! Stops a flow at one of its port calls, so that it can be dropped there (a crash), overtaken, or met by trouble.
//! Knows nothing of what flows through it.

use florin_core::commit::{Commit, Job, JobKind, Row};
use florin_core::id::Key;
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::time::Time;
use florin_store::MemoryStore;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// The calls that a flow waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Get,
    Find,
    Slot,
    Commit,
    Submit,
}

/// The n-th call of a kind (from 1), before it has any effect or after all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    Before(Call, usize),
    After(Call, usize),
}

#[derive(Default)]
pub struct Gate {
    /// Where the flow waits, once each.
    stops: Vec<Point>,
    /// The call that fails: a store's trouble, or no trace number. `After` has its effect all the same.
    trouble: Option<Point>,
    passed: Mutex<Vec<Call>>,
}

impl Gate {
    pub fn open() -> Arc<Gate> {
        Arc::new(Gate::default())
    }
    pub fn stopping(at: &[Point]) -> Arc<Gate> {
        Arc::new(Gate { stops: at.to_vec(), ..Gate::default() })
    }
    pub fn troubled(at: Point) -> Arc<Gate> {
        Arc::new(Gate { trouble: Some(at), ..Gate::default() })
    }
    /// Every call so far.
    pub fn passed(&self) -> Vec<Call> {
        self.passed.lock().unwrap().clone()
    }
    /// Counts a call and says which of its kind it is.
    pub async fn before(&self, call: Call) -> usize {
        let n = {
            let mut passed = self.passed.lock().unwrap();
            passed.push(call);
            passed.iter().filter(|c| **c == call).count()
        };
        self.stop_at(Point::Before(call, n)).await;
        n
    }
    pub async fn after(&self, call: Call, n: usize) {
        self.stop_at(Point::After(call, n)).await;
    }
    async fn stop_at(&self, point: Point) {
        if self.stops.contains(&point) {
            Stop { met: false }.await;
        }
    }
    pub fn breaks(&self, call: Call, n: usize) -> bool {
        self.breaks_before(call, n) || self.trouble == Some(Point::After(call, n))
    }
    fn breaks_before(&self, call: Call, n: usize) -> bool {
        self.trouble == Some(Point::Before(call, n))
    }
}

/// Pending once.
struct Stop {
    met: bool,
}

impl Future for Stop {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.met {
            return Poll::Ready(());
        }
        self.met = true;
        Poll::Pending
    }
}

/// Runs a flow; where it stops, `meanwhile` says whether it goes on (true) or is dropped there.
pub fn run<T>(flow: impl Future<Output = T>, mut meanwhile: impl FnMut() -> bool) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    let mut flow = pin!(flow);
    loop {
        match flow.as_mut().poll(&mut context) {
            Poll::Ready(output) => return Some(output),
            Poll::Pending if meanwhile() => {}
            Poll::Pending => return None,
        }
    }
}

/// The memory store behind a gate.
pub struct GatedStore {
    pub inner: MemoryStore,
    pub gate: Arc<Gate>,
}

fn trouble() -> StoreTrouble {
    StoreTrouble::Io("as planned".into())
}

impl Store for GatedStore {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        Box::pin(async move {
            let n = self.gate.before(Call::Get).await;
            let rows = self.inner.get(keys).await;
            self.gate.after(Call::Get, n).await;
            if self.gate.breaks(Call::Get, n) { Err(trouble()) } else { rows }
        })
    }
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        Box::pin(async move {
            let n = self.gate.before(Call::Find).await;
            let found = self.inner.find(query).await;
            self.gate.after(Call::Find, n).await;
            if self.gate.breaks(Call::Find, n) { Err(trouble()) } else { found }
        })
    }
    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        Box::pin(async move {
            let n = self.gate.before(Call::Commit).await;
            if self.gate.breaks_before(Call::Commit, n) {
                return Err(CommitError::Trouble(trouble()));
            }
            let done = self.inner.commit(commit).await;
            self.gate.after(Call::Commit, n).await;
            if self.gate.breaks(Call::Commit, n) { Err(CommitError::Trouble(trouble())) } else { done }
        })
    }
    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        self.inner.lease(kind, now, n, until)
    }
    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        self.inner.sums(report)
    }
}

//! One gateway's way to the shared store: it takes time, and a process may die or lose an answer at every step of it.
//! Knows what a commit is, not what its rows mean.

use crate::exec::{Sim, die};
use crate::faults::Fault;
use crate::world::{Event, Incident};
use florin_core::commit::{Commit, Job, JobKind, Row};
use florin_core::id::Key;
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::time::Time;
use florin_store::MemoryStore;

/// A process whose store has stopped ends within this.
const ENDS_WITHIN_MS: i64 = 50;

pub struct SimStore {
    pub sim: Sim,
    pub inner: MemoryStore,
    pub index: usize,
    pub start: u32,
}

/// What becomes of one commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    CrashBefore,
    CrashAfter,
    /// Applied, and the answer is lost.
    Unheard,
    /// Not applied, and nobody says so.
    Lost,
}

impl SimStore {
    /// Any await is a place where the process may die.
    async fn pause(&self) -> Result<(), StoreTrouble> {
        let ms = {
            let mut world = self.sim.lock();
            let longest = world.weather.store_ms;
            if world.rng.chance(400) { world.rng.between(1, longest) } else { 0 }
        };
        self.sim.sleep(ms).await;
        match self.sim.lock().gateways[self.index].store_stopped {
            true => Err(StoreTrouble::Stopped("the writer has stopped".into())),
            false => Ok(()),
        }
    }

    fn fate(&self) -> Fate {
        let world = &mut *self.sim.lock();
        let gateway = &mut world.gateways[self.index];
        gateway.commits += 1;
        if world.weather.disk_fails_each > 0 && gateway.commits.is_multiple_of(world.weather.disk_fails_each) {
            world.note(Fault::DiskError);
            return Fate::Lost;
        }
        let (crash, trouble) = (world.weather.commit_crash, world.weather.commit_trouble);
        let (fate, fault) = match world.rng.below(2) {
            0 if world.rng.chance(crash) => (Fate::CrashBefore, Fault::CrashBeforeCommit),
            0 if world.rng.chance(trouble) => (Fate::Lost, Fault::CommitLost),
            1 if world.rng.chance(crash) => (Fate::CrashAfter, Fault::CrashAfterCommit),
            1 if world.rng.chance(trouble) => (Fate::Unheard, Fault::AnswerOfCommitLost),
            _ => return Fate::Answered,
        };
        world.note(fault);
        fate
    }

    async fn crash(&self) {
        self.sim.lock().crash_gateway(self.index);
        die().await;
    }

    /// A writer that cannot tell what came of a commit stops for good.
    fn stop(&self) -> CommitError {
        let world = &mut *self.sim.lock();
        world.gateways[self.index].store_stopped = true;
        let after = world.rng.between(0, ENDS_WITHIN_MS);
        let (index, start) = (self.index, self.start);
        world.after(after, Event::Incident(Incident::StoreStopped { index, start }));
        world.tell(None, || format!("gateway {index}: the store stops, a commit in flight is unknown"));
        CommitError::Trouble(StoreTrouble::Stopped("the answer of a commit was lost".into()))
    }
}

impl Store for SimStore {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        Box::pin(async move {
            self.pause().await?;
            self.inner.get(keys).await
        })
    }

    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        Box::pin(async move {
            self.pause().await?;
            self.inner.find(query).await
        })
    }

    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        Box::pin(async move {
            self.pause().await.map_err(CommitError::Trouble)?;
            let fate = self.fate();
            match fate {
                Fate::CrashBefore => self.crash().await,
                Fate::Lost => return Err(self.stop()),
                Fate::Answered | Fate::CrashAfter | Fate::Unheard => {}
            }
            let done = self.inner.commit(commit.clone()).await;
            if done.is_ok() {
                self.sim.lock().committed(&commit);
            }
            match fate {
                Fate::CrashAfter => self.crash().await,
                Fate::Unheard => return Err(self.stop()),
                Fate::Answered | Fate::CrashBefore | Fate::Lost => {}
            }
            self.pause().await.map_err(CommitError::Trouble)?;
            done
        })
    }

    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        Box::pin(async move {
            self.pause().await?;
            let leased = self.inner.lease(kind, now, n, until).await?;
            for job in &leased {
                self.sim.lock().audit.job_leased(job.id, until);
            }
            self.pause().await?;
            Ok(leased)
        })
    }

    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        Box::pin(async move {
            self.pause().await?;
            self.inner.sums(report).await
        })
    }
}

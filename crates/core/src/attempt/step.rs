//! One step of a thing with attempts: what a decision returns, and how it becomes a Commit.

use super::{Effects, Owner, State};
use crate::commit::{Beside, Commit, Event, EventKind, IndexEntry, Job, JobId, Personal, Row, Version};
use crate::flow::{OpenClaim, View};
use crate::id::Key;
use crate::ledger::Transfer;
use crate::ports::Ports;
use crate::time::Time;

/// What becomes of the job that watches an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    Leave,
    Put(Job),
    Done(JobId),
}

/// The next version of a thing and everything that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step<T> {
    pub body: T,
    pub effects: Effects,
    pub watch: Watch,
    /// The idempotency key to be answered with the thing as it is after this step.
    pub answer: Option<OpenClaim>,
    pub index: Vec<IndexEntry>,
    /// New personal data; none keeps what there was.
    pub personal: Option<Personal>,
    /// Rows that change with it.
    pub beside: Vec<Beside>,
}

impl<T: Owner> Step<T> {
    pub fn new(body: T) -> Step<T> {
        Step {
            body,
            effects: Effects::default(),
            watch: Watch::Leave,
            answer: None,
            index: vec![],
            personal: None,
            beside: vec![],
        }
    }
    pub fn with(mut self, effects: Effects) -> Step<T> {
        self.effects.transfers.extend(effects.transfers);
        self.effects.events.extend(effects.events);
        self.effects.movement = self.effects.movement.or(effects.movement);
        self.effects.beside.extend(effects.beside);
        self.effects.jobs.extend(effects.jobs);
        self.effects.done.extend(effects.done);
        self
    }
    pub fn events(self, events: &[EventKind]) -> Step<T> {
        self.with(Effects::of(events, &[]))
    }
    pub fn moves(self, transfers: &[Transfer]) -> Step<T> {
        self.with(Effects::of(&[], transfers))
    }
    pub fn job(self, job: Job) -> Step<T> {
        self.with(Effects::default().job(job))
    }
    pub fn done(self, job: JobId) -> Step<T> {
        self.with(Effects::default().done(job))
    }
    pub fn watch(mut self, watch: Watch) -> Step<T> {
        self.watch = watch;
        self
    }
    pub fn state(mut self, attempt: Key, state: State) -> Step<T> {
        for a in self.body.attempts_mut().iter_mut().filter(|a| a.key == attempt) {
            a.state = state.clone();
        }
        self
    }
    /// Takes the open claim out of an attempt, to be answered by this step.
    pub fn answering(mut self, attempt: Key) -> Step<T> {
        for a in self.body.attempts_mut().iter_mut().filter(|a| a.key == attempt) {
            self.answer = a.claim.take();
        }
        self
    }

    /// The commit that makes the step, and the thing after it.
    pub fn draft(self, ports: &dyn Ports, from: &View<T>, now: Time) -> (Commit, View<T>) {
        let (key, account, version) = (from.key, from.account, from.version.next());
        let personal = self.personal.or_else(|| from.personal.clone());
        let event = |kind: &EventKind| Event { id: ports.fresh_key(), kind: *kind, account, cause: key, version };
        let mut commit = Commit {
            expect: vec![(key, from.version)],
            put: vec![Row {
                key,
                version,
                kind: T::KIND,
                account,
                at: now,
                body: self.body.encode(),
                personal: personal.clone(),
                index: self.index,
            }],
            transfers: self.effects.transfers,
            events: self.effects.events.iter().map(event).collect(),
            jobs: self.effects.jobs,
            done: self.effects.done,
            ..Commit::default()
        };
        commit.with(self.beside, &|| ports.fresh_key());
        if let Some(movement) = self.effects.movement {
            let row = movement.row(account, now, ports.fresh_key());
            commit.expect.push((row.key, Version::NONE));
            commit.put.push(row);
        }
        commit.with(self.effects.beside, &|| ports.fresh_key());
        match self.watch {
            Watch::Leave => {}
            Watch::Put(job) => commit.jobs.push(job),
            Watch::Done(id) => commit.done.push(id),
        }
        let view = View { key, account, version, at: now, body: self.body, personal };
        commit.claim = self.answer.map(|claim| claim.finish(ports.render(T::told(&view))));
        (commit, view)
    }
}

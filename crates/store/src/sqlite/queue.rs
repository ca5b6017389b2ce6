//! What waits for the writer thread: a bounded queue that hands over everything at once. Knows no SQL.

use super::changes::Change;
use super::reply::Reply;
use super::seal::{SealedClaimed, SealedCommit};
use florin_core::commit::{Job, JobKind, Refused};
use florin_core::id::Key;
use florin_core::store::StoreTrouble;
use florin_core::time::Time;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Requests that may wait; more are refused before anything was done.
pub const WAITING_LIMIT: usize = 8_192;
/// Requests of one group: one transaction, one fsync.
pub const GROUP_LIMIT: usize = 1_024;

/// What the writer made of a commit.
pub enum Outcome {
    Applied,
    Refused(Refused),
    /// The idempotency key is taken; what it holds is opened by the caller.
    Claimed(SealedClaimed),
    /// Another commit made a key for the same person first: seal again under that one.
    KeyMoved,
}

type Waiter<T> = Reply<Result<T, StoreTrouble>>;

pub enum Request {
    Commit {
        commit: Box<SealedCommit>,
        reply: Waiter<Outcome>,
    },
    Lease {
        kind: JobKind,
        now: Time,
        n: u32,
        until: Time,
        reply: Waiter<Vec<Job>>,
    },
    /// All of them, and the log is emptied once.
    Erase {
        subjects: Vec<Key>,
        reply: Waiter<()>,
    },
    /// Of the keys, and of what is sealed under them.
    Keys {
        change: Box<Change>,
        reply: Waiter<()>,
    },
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    closed: bool,
    /// Why the writer has ended.
    stopped: Option<String>,
}

pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

impl Queue {
    pub fn new() -> Queue {
        Queue { state: Mutex::new(State::default()), filled: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, request: Request) -> Result<(), StoreTrouble> {
        let mut state = self.lock();
        if let Some(reason) = &state.stopped {
            return Err(StoreTrouble::Stopped(reason.clone()));
        }
        if state.waiting.len() >= WAITING_LIMIT {
            return Err(StoreTrouble::Io("too many waiting commits; nothing was applied".to_owned()));
        }
        state.waiting.push_back(request);
        if state.waiting.len() == 1 {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits until there is something, then takes all of it up to a group. None once the queue is closed and empty.
    pub fn take(&self, group: &mut Vec<Request>) -> Option<()> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let n = state.waiting.len().min(GROUP_LIMIT);
        group.extend(state.waiting.drain(..n));
        Some(())
    }

    /// No more requests will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// For good: everybody who waits or asks later is told why. The first reason stays.
    pub fn stop(&self, reason: &str) {
        let abandoned = {
            let mut state = self.lock();
            state.stopped.get_or_insert_with(|| reason.to_owned());
            std::mem::take(&mut state.waiting)
        };
        drop(abandoned);
    }

    /// None while requests are taken.
    pub fn why_stopped(&self) -> Option<String> {
        self.lock().stopped.clone()
    }

    pub fn stopped(&self) -> StoreTrouble {
        let reason = self.lock().stopped.clone();
        StoreTrouble::Stopped(reason.unwrap_or_else(|| "the writer has ended".to_owned()))
    }
}

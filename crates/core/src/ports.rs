//! The world as flows see it: time, chance, storage, the acquirer. The real process and the simulation each bring their own.

use crate::id::Key;
use crate::store::{Store, Wait};
use crate::time::Time;
use crate::wire::{Order, Terminal, Verdict};

/// A terminal and a trace number that no other message of this day has. Comes from a block that was leased by a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub terminal: Terminal,
    /// 1 to 999999.
    pub stan: u32,
}

/// No trace number can be had now: a new block could not be leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSlot;

pub trait Ports: Send + Sync {
    /// Wall clock, UTC. May jump; nothing may rest on it going forwards.
    fn now(&self) -> Time;
    /// Rising, unique on this store.
    fn fresh_key(&self) -> Key;
    fn store(&self) -> &dyn Store;
    /// The next trace number of this process.
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>>;
    /// Hands an order to the vault and waits for what comes of it. Never fails: what is not known is `Verdict::Unknown`.
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict>;
    /// Wakes the worker of due jobs: called after a commit that put one.
    fn nudge(&self);
}

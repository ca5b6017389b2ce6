//! The world as flows see it: time, chance, storage, the acquirer. The real process and the simulation each bring their own.

use crate::fees::Fees;
use crate::id::Key;
use crate::payment::PaymentView;
use crate::refund::RefundView;
use crate::setup::SetupView;
use crate::store::{Store, Wait};
use crate::threeds;
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

/// What an operation tells its caller.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    Payment(&'a PaymentView),
    Refund(&'a RefundView),
    Setup(&'a SetupView),
}

pub trait Ports: Send + Sync {
    /// Wall clock, UTC. May jump; nothing may rest on it going forwards.
    fn now(&self) -> Time;
    /// Rising, unique on this store.
    fn fresh_key(&self) -> Key;
    fn store(&self) -> &dyn Store;
    /// What merchants pay for what is captured now.
    fn fees(&self) -> Fees;
    /// The next trace number of this process.
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>>;
    /// Hands an order to the vault and waits for what comes of it. Never fails: what is not known is `Verdict::Unknown`.
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict>;
    /// Asks the vault about an authentication of the cardholder.
    fn authenticate<'a>(&'a self, ask: threeds::Ask) -> Wait<'a, threeds::Answer>;
    /// The answer as the caller will get it: stored under the idempotency key, given again byte for byte.
    fn render(&self, told: Told<'_>) -> Vec<u8>;
    /// What a planted bug tells its caller before it is durable. Nothing else calls it.
    fn early(&self, _told: Told<'_>) {}
    /// Wakes the worker of due jobs: called after a commit that put one.
    fn nudge(&self);
}

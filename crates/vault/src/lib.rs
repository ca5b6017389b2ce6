//! The cardholder data environment: the public edge, cards at rest, keys, security codes, the way out to the acquirer. A process of its
//! own. Knows no order, no merchant, no ledger; the gateway reaches it through a Unix socket and never sees a card number.

pub use florin_connect::core;

pub mod cards;
pub mod cells;
pub mod client;
pub mod clock;
pub mod confine;
pub mod db;
pub mod door;
pub mod edge;
pub mod egress;
#[cfg(test)]
mod end_to_end;
mod frame;
pub mod front;
pub mod harden;
#[cfg(test)]
#[path = "../../../fuzz/harness.rs"]
mod harness;
pub mod health;
pub mod journey;
pub mod keys;
pub mod line;
pub mod link;
pub mod private;
pub mod process;
pub mod refusal;
pub mod renewal;
#[cfg(test)]
mod testing;
pub mod threeds;
pub mod tls;
pub mod unlock;
pub mod wipe;

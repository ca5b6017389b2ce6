//! The audit log: who did what to the installation, in the same commit as what was done. Entries are numbered from 1, each carries the
//! hash of the one before, and a Merkle tree over all of them (RFC 9162) is signed from time to time and kept elsewhere.
//! Knows no payment: what an API key does with money has its own ledger, chain and events.
//!
//! Everything goes through one head row with a version. People sign in and keys are made a few times a minute at most, so a head that
//! conflicts now and then costs nothing; nothing that every payment writes may go here.

mod action;
mod chain;
mod entry;
pub mod note;
pub mod proof;
mod tree;
mod verify;

pub use action::Action;
pub use chain::{FIRST, Head, HeadView, add, before_read, beside, head, key_of, list, log};
pub use entry::{Actor, By, Entry, Outcome, Recorded, Seen, SeenPersonal, Word, read_entry};
pub use tree::{Hash, Tree, proves};
pub use verify::{Verified, Wrong, verify};

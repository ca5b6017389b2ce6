//! Bytes to meaning and back: card types, ISO 8583, connectors. Pure functions and plain values.
//! Knows no clock, no chance, no socket, no database, no customer.

pub use florin_core as core;

pub mod acquirer;
pub mod amount;
pub mod bins;
pub mod card;
pub mod connector;
#[cfg(test)]
mod fuzzed;
#[cfg(test)]
#[path = "../../../fuzz/harness.rs"]
mod harness;
pub mod iso8583;
pub mod journey;
pub mod testcards;
pub mod threeds;

/// Bytes that are overwritten when they are dropped.
pub type Wiped = zeroize::Zeroizing<Vec<u8>>;

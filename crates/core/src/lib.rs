//! Payment logic: money, ids, stages, decisions and flows over ports.
//! Knows no clock, no randomness, no runtime, no SQL, no HTTP and no floating point: everything of the world comes in through `ports`.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::wildcard_enum_match_arm
)]

pub mod abuse_log;
pub mod access;
pub mod account;
pub mod attempt;
pub mod audit;
pub mod avs;
pub mod bodies;
pub mod catalog;
pub mod chase;
pub mod codec;
pub mod commit;
pub mod confirmation;
pub mod consent;
pub mod customer;
pub mod decline;
pub mod deliver;
pub mod domain;
pub mod edge;
pub mod endpoint;
pub mod fees;
pub mod flow;
pub mod id;
pub mod key_rules;
pub mod ledger;
pub mod method;
pub mod money;
pub mod movement;
pub mod mutants;
pub mod network;
pub mod notice;
pub mod order;
pub mod payment;
pub mod people;
pub mod ports;
pub mod rare;
pub mod record;
pub mod refund;
pub mod refusal;
pub mod request_log;
pub mod restore;
pub mod seal;
pub mod sequencer;
pub mod settlement;
pub mod setup;
pub mod store;
pub mod terminal;
pub mod threeds;
pub mod time;
pub mod upgrade;
pub mod wire;

#[cfg(test)]
mod sample;

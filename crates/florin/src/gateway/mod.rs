//! The gateway process: flows of core over the real store and the real vault. Sees tokens, never a card.

pub mod account;
pub mod api;
pub mod client;
pub mod disk;
pub mod door;
pub mod edge;
pub mod erased;
pub mod fence;
pub mod hooks;
pub mod journal;
pub mod journey;
pub mod keys;
pub mod listeners;
pub mod manage;
pub mod ops;
pub mod ports;
pub mod reports;
pub mod requests;
pub mod restore;
pub mod settlement;
pub mod shape;
pub mod site;
pub mod story;
pub mod streams;
pub mod worker;

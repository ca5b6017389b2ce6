//! The deterministic world: one seed replays one history of crashes, lost answers and races, and the issuers' books are the witness.
//! Knows no real clock, no entropy, no threads inside a seed; runs the real flows, link, codec and host over ports of its own.

mod audit;
mod calm;
mod cards;
mod client;
mod clock;
mod coverage;
mod door;
mod exec;
mod faults;
mod gateway;
mod hooks;
mod later;
mod lists;
mod net;
mod on_file;
mod opening;
mod prove;
mod races;
mod rare;
mod request;
mod restore;
mod rng;
mod seed;
mod settle;
mod signed;
mod store;
mod trace;
mod vault;
mod words;
mod workload;
mod world;

pub use faults::Fault;
pub use prove::{Failure, Progress, Prove, ProveReport, StepCount, prove};
pub use races::{NoRace, Races, RacesReport, races};
pub use restore::{RestoreReport, run_restore};
pub use rng::Rng;
pub use seed::{Options, SeedReport, run_seed};

//! Scenario tables of core's operations: what is done, what the acquirer answers, where a process dies, what is left.
//! Knows core by its public interface alone.

mod at_once;
mod audit;
mod cancel;
mod capture;
mod check;
mod gate;
mod idempotency;
mod increment;
mod late;
mod notice;
mod order;
mod people;
mod refund;
mod report;
mod restore;
mod sale;
mod script;
mod sequencer;
mod settlement;
mod setup;
mod terminal;
mod threeds;
mod world;

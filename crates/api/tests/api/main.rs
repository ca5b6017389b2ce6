//! The API over a memory store and a scripted acquirer: request in, whole answer out. Every answer is held against the shapes.

mod abuse;
mod at_once;
mod balance;
mod catalogue;
mod consents;
mod describe;
mod domains;
mod events;
mod expand;
mod gate;
mod hooks;
mod keys;
mod listen;
mod on_file;
mod orders;
mod payments;
mod people;
mod promises;
mod saved;
mod search;
mod shapes;
mod signed;
mod strangers;
mod threeds;
mod tills;
mod world;

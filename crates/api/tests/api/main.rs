//! The API over a memory store and a scripted acquirer: request in, whole answer out. Every answer is held against the shapes.

mod balance;
mod describe;
mod events;
mod gate;
mod keys;
mod listen;
mod payments;
mod saved;
mod shapes;
mod strangers;
mod threeds;
mod world;

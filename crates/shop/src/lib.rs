//! The reference merchant: catalogue, cart, orders, back office, in a process and a database of its own. Knows Florin by its public API
//! alone, as any merchant would; of Florin's crates it uses the one that is made for merchants.

pub mod catalogue;
mod dates;
pub mod db;
pub mod facts;
mod fail;
mod florin;
mod hooks;
mod keeper;
pub mod money;
pub mod order;
mod pay;
mod payback;
mod person;
pub mod seal;
mod serve;
mod settings;
pub mod sign;
mod start;
#[cfg(test)]
mod tests;
mod tls;
mod web;
pub mod words;

pub use fail::Fail;
pub use settings::{Log, Ready, Settings};
pub use start::run;

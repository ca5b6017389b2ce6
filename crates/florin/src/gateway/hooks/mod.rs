//! Webhooks in this process: who follows new events, and how letters reach endpoints.

mod client;
mod follow;
mod post;
mod worker;

pub use client::{Client, Trust};
// Streams and listeners of this process follow with it.
#[allow(unused_imports)]
pub use follow::Follower;
pub use follow::News;
pub use post::Office;
pub use worker::{lanes, retries};

//! Webhooks in this process: who follows new events, and how letters reach endpoints.

mod client;
mod follow;
mod post;
mod worker;

pub use client::{Client, Trust};
pub use follow::News;
pub use post::Office;
pub use worker::{lanes, retries};

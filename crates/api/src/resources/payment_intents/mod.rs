//! `/v1/payment_intents`: the table of its operations.

mod confirm;
mod create;
mod fields;
mod read;
mod settle;
mod shape;
mod update;

pub use confirm::{confirm, settled};
pub use create::create;
pub use read::{find, list, retrieve, search};
pub use settle::{cancel, capture, claim, increment};
pub use shape::{card_error, declined, outcome, shape};
pub use update::update;

pub(crate) use fields::{customer, is_method_type, method_types, no_platforms};
pub(crate) use read::of_client;

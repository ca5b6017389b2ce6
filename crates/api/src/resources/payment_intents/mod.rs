//! `/v1/payment_intents`: the table of its operations.

mod confirm;
mod create;
mod fields;
mod order;
mod read;
mod settle;
mod shape;
mod update;

pub use confirm::confirm;
pub use create::create;
pub use order::shape as order;
pub use read::{find, list, retrieve, search};
pub use settle::{cancel, capture, claim, increment};
pub use shape::{card_error, declined, outcome, shape, to_issuer};
pub use update::update;

pub(crate) use confirm::settled;
pub(crate) use fields::{
    asked_first, customer, is_method_type, living, named_types, no_other_account, no_platforms, other_methods, url,
};
pub(crate) use read::of_client;

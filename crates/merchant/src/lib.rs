//! What a merchant's server needs besides an HTTP client: codes over orders, signed requests, signatures of webhooks, files of keys.
//! Knows no gateway, no socket, no runtime and no clock: times come in as seconds since 1970.
//!
//! An order is signed where it is made, and the code travels with the payment:
//!
//! ```
//! use florin_merchant::{Item, Order, OrderCode, OrderKey, digest_of};
//!
//! let key = OrderKey::new("ordkey_0000000000000000000001", "ordsec_a-long-random-text-from-the-command-line")?;
//! let items = digest_of(&[Item { sku: "mug-blue", name: "Blue mug", quantity: 2, unit_amount: 1250 }]);
//! let order = Order { id: "1001", items, amount: 2500, currency: "eur", customer: "" };
//! let code = key.sign(&order, 1_800_000_000, "b64url-nonce-0001")?;
//!
//! // The gateway, or the shop before it delivers:
//! let read = OrderCode::parse(&code.to_string())?;
//! assert!(key.is_mine(&read, &order));
//! assert!(!key.is_mine(&read, &Order { amount: 100, ..order }));
//! # Ok::<(), florin_merchant::Bad>(())
//! ```
//!
//! A request is signed by [`request::sign`] (RFC 9421) and a webhook is checked by [`webhook::check`].

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(clippy::float_arithmetic)]

pub mod digest;
mod keyfile;
mod order;
pub mod request;
mod secret;
pub mod webhook;

pub use keyfile::{BadFile, read_private, read_private_to};
pub use order::{Bad, Digest, Item, LONGEST_CODE_BYTES, LONGEST_TEXT_BYTES, Order, OrderCode, OrderKey, digest_of};
pub use secret::Secret;

/// 128 random bits as base64url without padding: what a nonce is made of. None when the system gives no random bytes.
pub fn nonce() -> Option<String> {
    let mut bytes = [0u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(data_encoding::BASE64URL_NOPAD.encode(&bytes))
}

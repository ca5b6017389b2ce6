//! API keys as they are stored: a keyed hash, never the key.

use crate::codec::Body;
use crate::id::{Key, Kind};
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// What a key is for. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyClass {
    /// On the merchant's server: everything.
    Secret,
    /// In browsers: makes tokens and payment methods, and what a client secret opens.
    Publishable,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub class: KeyClass,
    pub live: bool,
    /// HMAC-SHA256 of the key.
    pub hash: [u8; 32],
    /// The key's last four characters, for people.
    pub tail: String,
    /// From then on it opens nothing.
    pub ends: Option<Time>,
}

impl Body for ApiKey {
    const FORMAT: u8 = 1;
}

impl Record for ApiKey {
    const KIND: Kind = Kind::ApiKey;
}

/// Where a key is found by its hash: an index entry under the house.
pub fn place(hash: &[u8; 32]) -> Key {
    let head = hash.first_chunk::<8>().map_or(0, |b| i64::from_be_bytes(*b));
    Key(head & i64::MAX)
}

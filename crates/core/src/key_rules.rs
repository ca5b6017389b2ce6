//! What is asked of the requests of one API key, besides the key: that they are signed, and that payments carry a signed order. Stored
//! beside the key, under a place that is a hash of it. Knows no signature.

use crate::codec::Body;
use crate::flow::{self, Failure};
use crate::id::{self, Key, Kind};
use crate::order::SharedSecret;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::store::Store;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

/// How requests of the key are signed (RFC 9421).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signing {
    /// hmac-sha256 under the secret's own text.
    Hmac(SharedSecret),
    /// ed25519: the public key of 32 bytes (RFC 8032).
    Ed25519([u8; 32]),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRules {
    /// Payments that it confirms carry an order code.
    pub order_code: bool,
    /// A signature that is there is checked against this.
    pub signing: Option<Signing>,
    /// Requests without one are refused.
    pub signature_required: bool,
}

impl Body for KeyRules {
    const FORMAT: u8 = 1;
}

impl Record for KeyRules {
    const KIND: Kind = Kind::KeyRules;
}

/// Where the rules of an API key lie.
pub fn place(api_key: Key) -> Key {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"florin rules of an api key");
    context.update(&api_key.0.to_be_bytes());
    id::place(&context.finish().as_ref().try_into().unwrap_or([0; 32]))
}

/// The rules of an API key; nothing is asked where none were made.
pub async fn of(store: &dyn Store, account: Key, api_key: Key) -> Result<KeyRules, Failure> {
    match flow::load::<KeyRules>(store, account, Kind::KeyRules, place(api_key)).await {
        Ok(view) => Ok(view.body),
        Err(Failure::Refused(Refusal::NoSuch(_))) => Ok(KeyRules::default()),
        Err(failure) => Err(failure),
    }
}

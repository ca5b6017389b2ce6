//! Who ordered: name, e-mail address, where it goes. Kept sealed; never printed.

use crate::Fail;
use crate::seal::Keys;
use serde::{Deserialize, Serialize};

/// No Debug: nothing of it may get into a log.
#[derive(Clone, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    pub email: String,
    pub line1: String,
    pub line2: String,
    pub postal: String,
    pub city: String,
    pub country: String,
    /// The language of the page that it was ordered on.
    pub lang: String,
}

/// Where the order's sealed person lies, so that it opens nowhere else.
fn place(order: &str) -> String {
    format!("person of {order}")
}

impl Person {
    pub fn seal(&self, keys: &Keys, order: &str) -> Result<Vec<u8>, Fail> {
        let bytes = serde_json::to_vec(self).map_err(|_| Fail::new("shop_seal", "a person cannot be written"))?;
        keys.seal(&place(order), &zeroize::Zeroizing::new(bytes))
    }

    pub fn open(keys: &Keys, order: &str, sealed: &[u8]) -> Result<Person, Fail> {
        let bytes = keys.unseal(&place(order), sealed)?;
        serde_json::from_slice(&bytes).map_err(|_| Fail::new("shop_seal", "a person cannot be read"))
    }
}

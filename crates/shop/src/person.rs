//! Who ordered: name, e-mail address, where it goes. Kept sealed; never printed.

use crate::Fail;
use crate::seal::Keys;
use serde::{Deserialize, Serialize};

/// No Debug: nothing of it may get into a log.
#[derive(Clone, Default, Serialize, Deserialize)]
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

/// It could be an e-mail address; whether it is one, only a letter would tell.
pub fn is_email(text: &str) -> bool {
    let parts = text.rsplit_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
    });
    parts && !text.contains(char::is_whitespace)
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

    /// Whoever was forgotten is nobody.
    pub fn open(keys: &Keys, order: &str, sealed: &[u8]) -> Result<Person, Fail> {
        if sealed.is_empty() {
            return Ok(Person::default());
        }
        let bytes = keys.unseal(&place(order), sealed)?;
        serde_json::from_slice(&bytes).map_err(|_| Fail::new("shop_seal", "a person cannot be read"))
    }
}

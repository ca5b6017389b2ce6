//! What a key file can hold instead of the key: a description of where the key is. JSON, made by `florin keys init`, without any secret
//! that opens by itself.

use super::passphrase::Envelope;
use super::shares::Custodians;
use super::{HsmKey, KekError, KekKind};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The only format so far.
pub const FORMAT: u8 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Described {
    pub florin_kek: u8,
    #[serde(flatten)]
    pub place: Place,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    Passphrase(Envelope),
    Shares(Custodians),
    Pkcs11(HsmKey),
}

impl Place {
    /// The check value of the KEK, hexadecimal: known without opening it.
    pub fn check(&self) -> &str {
        match self {
            Place::Passphrase(envelope) => &envelope.check,
            Place::Shares(custodians) => &custodians.check,
            Place::Pkcs11(key) => &key.check,
        }
    }

    pub fn kind(&self) -> KekKind {
        match self {
            Place::Passphrase(_) => KekKind::Passphrase,
            Place::Shares(_) => KekKind::Shares,
            Place::Pkcs11(_) => KekKind::Pkcs11,
        }
    }

    /// As it stands in the file.
    pub fn text(&self) -> Vec<u8> {
        let whole = Described { florin_kek: FORMAT, place: self.clone() };
        let mut text = serde_json::to_vec_pretty(&whole).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// Reads a description.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Place, KekError> {
    let malformed = |detail: String| KekError::Malformed { path: path.to_owned(), detail };
    if !bytes.starts_with(b"{") {
        return Err(malformed(format!("it has {} bytes", bytes.len())));
    }
    let described: Described = serde_json::from_slice(bytes).map_err(|e| malformed(e.to_string()))?;
    match described.florin_kek {
        FORMAT => Ok(described.place),
        other => Err(malformed(format!("format {other} is of a newer Florin"))),
    }
}

//! What a backup is made of, in plain JSON beside it: no data, no names of customers. Its code (HMAC-SHA-256 under a key of the
//! installation) says that nobody wrote it but Florin; the digests in it say the same of the rest.

use crate::error::BackupError;
use florin_core::seal::Secret;
use serde::{Deserialize, Serialize};

/// Format of manifests and objects.
pub const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Sorts by time: `20261122T064512123Z-1f2e3d4c-whole`.
    pub id: String,
    /// Milliseconds since the Unix epoch, read before the first page was copied: all that was committed by then is in it.
    pub made_at: i64,
    /// The backup whose pages this one adds to; none for a whole one.
    pub base: Option<String>,
    /// Version of the program that made it.
    pub by: String,
    /// Bytes of the encrypted object, and its SHA-256 in hexadecimal.
    pub object_bytes: u64,
    pub object_sha256: String,
    /// In the order of copying: what later databases say may only be more.
    pub databases: Vec<Image>,
    /// Small files that are in every backup whole.
    pub files: Vec<Small>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Small {
    /// Path within the data folder.
    pub file: String,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Path within the data folder.
    pub file: String,
    pub page_bytes: u32,
    pub pages: u64,
    /// Pages in this object; the others are the base's.
    pub changed: u64,
    /// SHA-256 of the whole database, in hexadecimal.
    pub sha256: String,
}

impl Image {
    pub fn bytes(&self) -> u64 {
        self.pages * u64::from(self.page_bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct Signed {
    manifest: serde_json::Value,
    /// In hexadecimal.
    code: String,
}

fn code(key: &Secret, text: &[u8]) -> String {
    hex(&key.derive(b"backup manifests").mac(&[text]))
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Manifest {
    /// The file's text.
    pub fn sign(&self, key: &Secret) -> Vec<u8> {
        let manifest = serde_json::to_value(self).unwrap_or_default();
        let code = code(key, manifest.to_string().as_bytes());
        let mut text = serde_json::to_vec_pretty(&Signed { manifest, code }).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Without looking at its code: good for listing alone.
    pub fn read(id: &str, text: &[u8]) -> Result<Manifest, BackupError> {
        Self::parse(id, text).map(|(manifest, ..)| manifest)
    }

    fn parse(id: &str, text: &[u8]) -> Result<(Manifest, Signed), BackupError> {
        let signed: Signed = serde_json::from_slice(text).map_err(|e| BackupError::damaged(id, e.to_string()))?;
        let manifest = Manifest::deserialize(&signed.manifest).map_err(|e| BackupError::damaged(id, e.to_string()))?;
        if manifest.format > FORMAT {
            return Err(BackupError::damaged(id, format!("format {} is newer than this program", manifest.format)));
        }
        if manifest.id != id {
            return Err(BackupError::damaged(id, "its manifest is that of another backup"));
        }
        Ok((manifest, signed))
    }

    pub fn open(id: &str, text: &[u8], key: &Secret) -> Result<Manifest, BackupError> {
        let (manifest, signed) = Self::parse(id, text)?;
        let expected = code(key, signed.manifest.to_string().as_bytes());
        match aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), signed.code.as_bytes()) {
            Ok(()) => Ok(manifest),
            Err(_) => Err(BackupError::NotOurs { id: id.to_owned() }),
        }
    }
}

//! What the audit chain commits to: a digest that says nothing of a body and pins it none the less. Knows no keys.

use aws_lc_rs::digest::{Context, SHA256};
use florin_core::ledger::Transfer;

pub type Digest = [u8; 32];

/// SHA-256 over the parts, in order.
pub fn sha256(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// What a commitment pins besides the body.
#[derive(Clone, Copy, Default)]
pub struct Also<'a> {
    pub personal: Option<&'a Digest>,
    /// Of the money that moved with the step: only the step that a commit's first event tells of has any.
    pub moved: Option<&'a Digest>,
}

/// SHA-256(random | length of body | body | "p" and the personal digest, if any | "t" and the digest of the transfers, if any).
pub fn of_row(random: &[u8; 32], body: &[u8], also: Also<'_>) -> Digest {
    let length = (body.len() as u64).to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![random, &length, body];
    if let Some(digest) = also.personal {
        parts.extend([b"p".as_slice(), digest]);
    }
    if let Some(moved) = also.moved {
        parts.extend([b"t".as_slice(), moved]);
    }
    sha256(&parts)
}

/// None when nothing moved.
pub fn moved(transfers: &[Transfer]) -> Option<Digest> {
    (!transfers.is_empty()).then(|| of_transfers(transfers))
}

/// What moved, in order, as one digest.
pub fn of_transfers(transfers: &[Transfer]) -> Digest {
    let mut bytes = Vec::with_capacity(transfers.len() * 29);
    for t in transfers {
        for (owner, book) in [t.debit, t.credit] {
            bytes.extend_from_slice(&owner.0.to_be_bytes());
            bytes.push(book as u8);
        }
        bytes.extend_from_slice(&t.money.currency.numeric().to_be_bytes());
        bytes.extend_from_slice(&t.money.minor.to_be_bytes());
        bytes.push(t.reason as u8);
    }
    sha256(&[&bytes])
}

/// What a row's commitment holds of its personal body. `random` is kept in the personal body alone, so that after
/// erasure nobody can try out what the body may have been.
pub fn of_personal(random: &[u8; 32], body: &[u8]) -> Digest {
    sha256(&[random, body])
}

//! What the audit chain commits to: a digest that says nothing of a body and pins it none the less. Knows no keys.

use aws_lc_rs::digest::{Context, SHA256};

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

/// SHA-256(random | length of body | body | personal digest, if any). The length keeps the two last parts apart.
pub fn of_row(random: &[u8; 32], body: &[u8], personal: Option<&Digest>) -> Digest {
    let length = (body.len() as u64).to_be_bytes();
    sha256(&[random, &length, body, personal.map_or(&[][..], |digest| digest)])
}

/// What a row's commitment holds of its personal body. `random` is kept in the personal body alone, so that after
/// erasure nobody can try out what the body may have been.
pub fn of_personal(random: &[u8; 32], body: &[u8]) -> Digest {
    sha256(&[random, body])
}

//! The ledger's own chain: each commit that moves money has one link over its transfers and the link before. The newest link, and how many
//! rows and links there are, is kept under a key, so that an end cut off shows as well. Knows no SQL.

use crate::commitment::{Digest, sha256};
use aws_lc_rs::hmac;
use florin_core::seal::Secret;

/// Before the first link.
pub const BEGINNING: Digest = [0; 32];
const DIGEST_LEN: usize = 32;
const NUMBER_LEN: usize = 8;
const PLAIN_LEN: usize = 3 * NUMBER_LEN + DIGEST_LEN;

/// SHA-256(link before | number of the journal row | digest of its transfers).
pub fn link(before: &Digest, n: i64, moved: &Digest) -> Digest {
    sha256(&[before, &n.to_be_bytes(), moved])
}

/// Where the ledger ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Rows of the journal.
    pub rows: i64,
    pub links: i64,
    /// Number of the journal row of the newest link; 0 before the first.
    pub n: i64,
    pub hash: Digest,
}

impl Head {
    pub const NONE: Head = Head { rows: 0, links: 0, n: 0, hash: BEGINNING };

    /// `moved` is the digest of the row's transfers.
    pub fn follow(&mut self, n: i64, moved: &Digest) {
        self.hash = link(&self.hash, n, moved);
        self.links += 1;
        self.n = n;
    }

    fn plain(&self) -> [u8; PLAIN_LEN] {
        let mut bytes = [0; PLAIN_LEN];
        let numbers = [self.rows, self.links, self.n].into_iter().flat_map(i64::to_be_bytes);
        for (to, from) in bytes.iter_mut().zip(numbers.chain(self.hash)) {
            *to = from;
        }
        bytes
    }
}

/// Writes a head so that nobody else can, and reads it again. Made ready once: every group of commits writes one.
pub struct HeadKey(hmac::Key);

impl HeadKey {
    pub fn new(root: &Secret) -> HeadKey {
        HeadKey(hmac::Key::new(hmac::HMAC_SHA256, root.derive(b"store ledger head").expose()))
    }

    /// rows | links | n | hash | HMAC-SHA256 of those.
    pub fn seal(&self, head: &Head) -> Vec<u8> {
        let plain = head.plain();
        [plain.as_slice(), hmac::sign(&self.0, &plain).as_ref()].concat()
    }

    /// None if it was changed, or written under another key.
    pub fn open(&self, sealed: &[u8]) -> Option<Head> {
        let (plain, mac) = sealed.split_at_checked(PLAIN_LEN)?;
        hmac::verify(&self.0, plain, mac).ok()?;
        let number = |at: usize| {
            let bytes = plain.get(at * NUMBER_LEN..(at + 1) * NUMBER_LEN)?;
            Some(i64::from_be_bytes(bytes.try_into().ok()?))
        };
        let hash = plain.get(3 * NUMBER_LEN..)?.try_into().ok()?;
        Some(Head { rows: number(0)?, links: number(1)?, n: number(2)?, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, HeadKey};
    use florin_core::seal::Secret;

    #[test]
    fn a_head_opens_as_it_was_sealed_or_not_at_all() {
        let (key, other) = (HeadKey::new(&Secret::new([1; 32])), HeadKey::new(&Secret::new([2; 32])));
        let mut head = Head { rows: 7, ..Head::NONE };
        head.follow(5, &[3; 32]);
        let sealed = key.seal(&head);
        assert_eq!(key.open(&sealed), Some(head));
        assert_eq!(other.open(&sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(&changed), None, "byte {at}");
            assert_eq!(key.open(&sealed[..at]), None, "cut at {at}");
        }
    }
}

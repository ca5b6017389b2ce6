//! The Merkle tree over all entries (RFC 9162 §2.1, SHA-256): its root, and proofs that an entry is in it. A leaf is exactly the bytes of
//! an entry's body. The tree is in memory: some two hundred bytes an entry.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{InclusionProof, RootHash};
use sha2::Sha256;
use sha2::digest::Output;

pub type Hash = [u8; 32];

#[derive(Default)]
pub struct Tree {
    inner: MemoryBackedTree<Sha256, Vec<u8>>,
}

impl Tree {
    pub fn push(&mut self, body: Vec<u8>) {
        self.inner.push(body);
    }
    /// Entries in it.
    pub fn size(&self) -> u64 {
        self.inner.len()
    }
    pub fn root(&self) -> Hash {
        (*self.inner.root().as_bytes()).into()
    }
    /// The bytes of an entry by its number (from 1), and the hashes that lead from it to the root.
    pub fn prove(&self, number: u64) -> Option<(&[u8], Vec<Hash>)> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        let leaf = self.inner.get(index)?;
        let proof = self.inner.prove_inclusion(index);
        let hashes = proof.as_bytes().chunks_exact(32).filter_map(|chunk| chunk.try_into().ok());
        Some((leaf, hashes.collect()))
    }
}

/// Whether these bytes are the entry of this number in the tree of this size and root.
pub fn proves(body: &[u8], number: u64, hashes: &[Hash], size: u64, root: &Hash) -> bool {
    let Some(index) = number.checked_sub(1) else { return false };
    let Ok(proof) = InclusionProof::<Sha256>::try_from_bytes(hashes.concat()) else { return false };
    RootHash::<Sha256>::new(Output::<Sha256>::from(*root), size).verify_inclusion(&body, index, &proof).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The leaves and roots that the implementations of Certificate Transparency test themselves with.
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let leaves: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::default();
        let mut seen = vec![hex(&tree.root())];
        for leaf in leaves {
            tree.push(leaf.to_vec());
            seen.push(hex(&tree.root()));
        }
        assert_eq!(seen, roots);
    }

    #[test]
    fn what_is_proven_of_an_entry() {
        let mut tree = Tree::default();
        for n in 0..11u8 {
            tree.push(vec![n; 3]);
        }
        let (size, root) = (tree.size(), tree.root());
        for number in 1..=11u64 {
            let (body, hashes) = tree.prove(number).unwrap();
            assert!(proves(body, number, &hashes, size, &root), "{number}");
            assert!(!proves(&[99], number, &hashes, size, &root), "another body for {number}");
            assert!(!proves(body, number % 11 + 1, &hashes, size, &root), "another number for {number}");
            let mut wrong = hashes.clone();
            wrong[0][0] ^= 1;
            assert!(!proves(body, number, &wrong, size, &root), "another path for {number}");
            assert!(!proves(body, number, &hashes[1..], size, &root), "a short path for {number}");
        }
        assert!(tree.prove(0).is_none() && tree.prove(12).is_none());
        assert!(!proves(&[0; 3], 0, &[], size, &root) && !proves(&[0; 3], 12, &[], size, &root));
    }
}

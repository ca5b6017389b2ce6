//! Sealing and signing under the shop's one key: AES-256-GCM with random nonces for what rests, HMAC-SHA-256 for links and tokens. Knows
//! no order.

use crate::Fail;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, digest, hmac, rand};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
/// 128 bits of a link's code.
const CODE_BYTES: usize = 16;

pub struct Keys {
    seal: LessSafeKey,
    sign: hmac::Key,
}

impl Keys {
    pub fn new(root: &[u8; KEY_BYTES]) -> Result<Keys, Fail> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, root);
        let seal = hmac::sign(&root, b"florin shop: seal");
        let sign = hmac::sign(&root, b"florin shop: sign");
        let seal = UnboundKey::new(&AES_256_GCM, seal.as_ref());
        let seal = LessSafeKey::new(seal.map_err(|_| Fail::new("shop_key", "the shop's key cannot be used"))?);
        Ok(Keys { seal, sign: hmac::Key::new(hmac::HMAC_SHA256, sign.as_ref()) })
    }

    /// Reads the key file; makes one where `fresh` says that nothing was ever sealed.
    pub fn open(path: &Path, fresh: bool) -> Result<Keys, Fail> {
        let wrong = |what: String| Fail::new("shop_key", format!("{}: {what}", path.display()));
        if fresh && !path.exists() {
            let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
            fill(&mut *bytes)?;
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let written = file.and_then(|mut f| f.write_all(&*bytes).and_then(|()| f.sync_all()));
            written.map_err(|e| wrong(e.to_string()))?;
        }
        let mut file = std::fs::File::open(path).map_err(|e| wrong(format!("{e}. Put it back from your backup.")))?;
        let meta = file.metadata().map_err(|e| wrong(e.to_string()))?;
        if meta.mode() & 0o077 != 0 {
            return Err(wrong("others can read it. Run: chmod 600 on it".to_owned()));
        }
        let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
        file.read_exact(&mut *bytes).map_err(|_| wrong(format!("it does not have {KEY_BYTES} bytes.")))?;
        Keys::new(&bytes)
    }

    /// Nonce and ciphertext. `place` names where it lies: elsewhere it does not open.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, Fail> {
        let mut nonce = [0u8; NONCE_LEN];
        fill(&mut nonce)?;
        let mut body = Zeroizing::new(plain.to_vec());
        let tag = self
            .seal
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| Fail::new("shop_seal", "sealing failed"))?;
        Ok([&nonce, body.as_slice(), tag.as_ref()].concat())
    }

    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fail> {
        let wrong = || Fail::new("shop_seal", format!("{place}: this was not sealed here, or was changed"));
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut body = Zeroizing::new(body.to_vec());
        let aad = Aad::from(place.as_bytes());
        let length = self.seal.open_in_place(nonce, aad, &mut body).map_err(|_| wrong())?.len();
        body.truncate(length);
        Ok(body)
    }

    /// The code that makes a link to `id` work, for one purpose.
    pub fn code(&self, purpose: &str, id: &str) -> String {
        let tag = hmac::sign(&self.sign, format!("{purpose}\n{id}").as_bytes());
        hex(tag.as_ref().get(..CODE_BYTES).unwrap_or_default())
    }

    pub fn is_code(&self, purpose: &str, id: &str, given: &str) -> bool {
        constant_time::verify_slices_are_equal(self.code(purpose, id).as_bytes(), given.as_bytes()).is_ok()
    }
}

pub fn fill(bytes: &mut [u8]) -> Result<(), Fail> {
    rand::fill(bytes).map_err(|_| Fail::new("no_randomness", "the system gives no random bytes"))
}

/// 128 random bits, in hexadecimal.
pub fn random_id() -> Result<String, Fail> {
    let mut bytes = [0u8; 16];
    fill(&mut bytes)?;
    Ok(hex(&bytes))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Of what is secret but long and random, a plain hash is enough to keep.
pub fn hash(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_where_it_was_sealed_only() {
        let keys = Keys::new(&[7; 32]).unwrap();
        let sealed = keys.seal("order 1", b"Ada").unwrap();
        let open = |keys: &Keys, place: &str, sealed: &[u8]| keys.unseal(place, sealed).ok().map(|b| b.to_vec());
        assert_eq!(open(&keys, "order 1", &sealed), Some(b"Ada".to_vec()));
        assert_eq!(open(&keys, "order 2", &sealed), None);
        assert_eq!(open(&Keys::new(&[8; 32]).unwrap(), "order 1", &sealed), None);
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert_eq!(open(&keys, "order 1", &other), None, "byte {at}");
            assert_eq!(open(&keys, "order 1", &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn codes_of_links() {
        let keys = Keys::new(&[7; 32]).unwrap();
        let code = keys.code("order", "1");
        #[track_caller]
        fn check(keys: &Keys, purpose: &str, id: &str, code: &str, expected: bool) {
            assert_eq!(keys.is_code(purpose, id, code), expected);
        }
        check(&keys, "order", "1", &code, true);
        check(&keys, "order", "2", &code, false);
        check(&keys, "admin", "1", &code, false);
        check(&keys, "order", "1", "", false);
        check(&keys, "order", "1", &code[..31], false);
        check(&keys, "order", "1", &format!("{code}0"), false);
    }
}

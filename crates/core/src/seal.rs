//! Authenticated encryption of stored bodies, with the algorithm and key version in a header.
//! Nonces come from the caller: nothing here makes chance.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use aws_lc_rs::hmac;

/// What seals. The number stands in the header of every sealed record and is never given to another; 2 marks what a hardware module wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// NIST SP 800-38D, with a 96-bit random nonce and a 128-bit tag.
    #[default]
    Aes256Gcm = 1,
    /// RFC 8439, with a 96-bit random nonce and a 128-bit tag.
    ChaCha20Poly1305 = 3,
}

impl Algorithm {
    pub const ALL: &[Algorithm] = &[Algorithm::Aes256Gcm, Algorithm::ChaCha20Poly1305];
    /// Both take keys of this length.
    pub const KEY_BITS: u16 = 256;

    /// As settings and the inventory name it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Aes256Gcm => "aes-256-gcm",
            Algorithm::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }

    pub fn from_u8(n: u8) -> Option<Algorithm> {
        Algorithm::ALL.iter().copied().find(|algorithm| *algorithm as u8 == n)
    }

    pub fn parse(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }
}

/// header: algorithm 1 byte, key version 2 bytes, nonce 12 bytes.
pub const HEADER_LEN: usize = 15;
pub const TAG_LEN: usize = 16;

/// A record that could not be opened: wrong key, wrong place or damaged bytes. Says nothing else on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpened;

/// A 256-bit secret that wipes itself and has no text form.
pub struct Secret(zeroize::Zeroizing<[u8; 32]>);

impl Secret {
    pub fn new(bytes: [u8; 32]) -> Secret {
        Secret(zeroize::Zeroizing::new(bytes))
    }
    /// The only way out.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
    /// HKDF-SHA256 with this secret as input key; `label` tells uses apart.
    pub fn derive(&self, label: &[u8]) -> Secret {
        let mut out = [0u8; 32];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"florin").extract(self.0.as_slice());
        let filled = prk.expand(&[label], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut out));
        assert!(filled.is_ok(), "HKDF-SHA256 gives 32 bytes");
        Secret::new(out)
    }
    /// HMAC-SHA256 under this secret.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        let mut out = [0u8; 32];
        for (o, b) in out.iter_mut().zip(context.sign().as_ref()) {
            *o = *b;
        }
        out
    }
}

/// A key made ready for many records.
pub struct SealKey {
    key: LessSafeKey,
    algorithm: Algorithm,
    version: u16,
}

impl SealKey {
    /// AES-256-GCM.
    pub fn new(secret: &Secret, version: u16) -> SealKey {
        SealKey::of(Algorithm::Aes256Gcm, secret, version)
    }

    /// A key of one algorithm alone: what another sealed does not open under it.
    pub fn of(algorithm: Algorithm, secret: &Secret, version: u16) -> SealKey {
        let cipher = match algorithm {
            Algorithm::Aes256Gcm => &AES_256_GCM,
            Algorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        match UnboundKey::new(cipher, secret.expose()) {
            Ok(key) => SealKey { key: LessSafeKey::new(key), algorithm, version },
            Err(_) => unreachable!("both ciphers take every key of 32 bytes"),
        }
    }

    pub fn version(&self) -> u16 {
        self.version
    }

    /// header | ciphertext | tag. `aad` binds the record to its place; the header is bound too.
    pub fn seal(&self, nonce: [u8; 12], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + plain.len() + TAG_LEN);
        out.push(self.algorithm as u8);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&nonce);
        let bound = bind(&out, aad);
        out.extend_from_slice(plain);
        let tag = match out.get_mut(HEADER_LEN..) {
            Some(body) => {
                self.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), body)
            }
            None => unreachable!("the header was just written"),
        };
        match tag {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            Err(_) => unreachable!("bodies are far below the limit of either cipher"),
        }
        out
    }

    /// Opens what `seal` made under the same key and `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (header, body) = sealed.split_at_checked(HEADER_LEN).ok_or(NotOpened)?;
        let [algorithm, v1, v2, nonce @ ..] = header else { return Err(NotOpened) };
        if *algorithm != self.algorithm as u8 || u16::from_be_bytes([*v1, *v2]) != self.version {
            return Err(NotOpened);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let mut body = body.to_vec();
        let len = self.key.open_in_place(nonce, Aad::from(bind(header, aad)), &mut body).map_err(|_| NotOpened)?.len();
        body.truncate(len);
        Ok(body)
    }
}

/// The version of the key that sealed a record.
pub fn key_version(sealed: &[u8]) -> Option<u16> {
    match sealed {
        [algorithm, v1, v2, ..] => Algorithm::from_u8(*algorithm).map(|_| u16::from_be_bytes([*v1, *v2])),
        _ => None,
    }
}

fn bind(header: &[u8], aad: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(3 + aad.len());
    bound.extend(header.iter().take(3));
    bound.extend_from_slice(aad);
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_place() {
        for algorithm in Algorithm::ALL {
            opens_in_its_place_alone(*algorithm);
        }
    }

    /// Each record names its algorithm, and a key of one opens nothing of the other.
    #[test]
    fn records_name_their_algorithm() {
        let secret = Secret::new([1; 32]);
        let [aes, chacha] = [Algorithm::Aes256Gcm, Algorithm::ChaCha20Poly1305].map(|a| SealKey::of(a, &secret, 7));
        let sealed = [&aes, &chacha].map(|key| key.seal([9; 12], b"place", b"body"));
        assert_eq!(sealed.each_ref().map(|s| (s[0], key_version(s))), [(1, Some(7)), (3, Some(7))]);
        assert_eq!(
            [aes.open(b"place", &sealed[1]), chacha.open(b"place", &sealed[0])],
            [Err(NotOpened), Err(NotOpened)]
        );
        let named: Vec<Option<Algorithm>> = Algorithm::ALL.iter().map(|a| Algorithm::parse(a.name())).collect();
        assert_eq!(named, [Some(Algorithm::Aes256Gcm), Some(Algorithm::ChaCha20Poly1305)]);
        assert_eq!((Algorithm::parse("aes"), Algorithm::from_u8(2), key_version(&[2, 0, 7])), (None, None, None));
    }

    fn opens_in_its_place_alone(algorithm: Algorithm) {
        let k = SealKey::of(algorithm, &Secret::new([1; 32]), 7);
        let sealed = k.seal([9; 12], b"account 1", b"nineteen ninety-nine");
        assert_eq!(k.open(b"account 1", &sealed).as_deref(), Ok(b"nineteen ninety-nine".as_slice()));
        assert_eq!(k.open(b"account 2", &sealed), Err(NotOpened));
        assert_eq!(SealKey::of(algorithm, &Secret::new([1; 32]), 8).open(b"account 1", &sealed), Err(NotOpened));
        assert_eq!(SealKey::of(algorithm, &Secret::new([2; 32]), 7).open(b"account 1", &sealed), Err(NotOpened));
        for n in 0..sealed.len() {
            assert_eq!(k.open(b"account 1", &sealed[..n]), Err(NotOpened), "cut at {n}");
            let mut flipped = sealed.clone();
            flipped[n] ^= 1;
            assert_eq!(k.open(b"account 1", &flipped), Err(NotOpened), "flipped at {n}");
        }
    }
}

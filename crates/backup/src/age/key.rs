//! X25519 recipients (`age1…`) and their identities (`AGE-SECRET-KEY-1…`), and how they wrap a file's key (age.md, "X25519 recipient
//! stanza"). An identity has no Debug and wipes itself.

use super::header::Stanza;
use super::{FileKey, NotOpened, base64_decode, base64_encode, derive, no_chance};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::rand::fill;
use bech32::{Bech32, Hrp};
use zeroize::{Zeroize, Zeroizing};

const KIND: &str = "X25519";
const INFO: &[u8] = b"age-encryption.org/v1/X25519";
const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";

/// Who can read: a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

pub struct Identity(Zeroizing<[u8; 32]>);

impl Recipient {
    pub fn parse(text: &str) -> Option<Recipient> {
        parse(text, RECIPIENT).map(|bytes| Recipient(*bytes))
    }

    /// `age1…`
    pub fn text(&self) -> String {
        bech32::encode::<Bech32>(Hrp::parse_unchecked(RECIPIENT), &self.0).unwrap_or_default()
    }

    pub(super) fn wrap(&self, key: &FileKey) -> std::io::Result<Stanza> {
        let once = Identity::generate()?;
        let share = once.recipient().map_err(std::io::Error::other)?;
        let under = once.shared(&self.0, &share.0, &self.0);
        let under = under.ok_or_else(|| std::io::Error::other("a recipient is a point that anybody could open"))?;
        Ok(Stanza { args: vec![KIND.to_owned(), base64_encode(&share.0, false)], body: wrap(&under, key) })
    }
}

impl Identity {
    pub fn generate() -> std::io::Result<Identity> {
        let mut bytes = Zeroizing::new([0; 32]);
        fill(bytes.as_mut_slice()).map_err(no_chance)?;
        Ok(Identity(bytes))
    }

    pub fn parse(text: &str) -> Option<Identity> {
        parse(text, IDENTITY).map(Identity)
    }

    /// `AGE-SECRET-KEY-1…`
    pub fn text(&self) -> Zeroizing<String> {
        let text = bech32::encode_upper::<Bech32>(Hrp::parse_unchecked(IDENTITY), self.0.as_slice());
        Zeroizing::new(text.unwrap_or_default())
    }

    fn private(&self) -> Option<PrivateKey> {
        PrivateKey::from_private_key(&X25519, self.0.as_slice()).ok()
    }

    pub fn recipient(&self) -> Result<Recipient, &'static str> {
        let public = self.private().and_then(|key| key.compute_public_key().ok());
        let bytes = public.and_then(|public| <[u8; 32]>::try_from(public.as_ref()).ok());
        bytes.map(Recipient).ok_or("an X25519 key has no public half")
    }

    /// The key between this one and `peer`, bound to the share and the recipient. None for a peer of low order (RFC 7748 §6.1).
    fn shared(&self, peer: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let salt = [share.as_slice(), recipient].concat();
        let peer = UnparsedPublicKey::new(&X25519, peer.as_slice());
        agree(&self.private()?, peer, (), |shared| Ok(derive(shared, &salt, INFO))).ok()
    }

    /// The file's key, if this stanza is for this identity.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, NotOpened> {
        let odd = NotOpened::Damaged("a recipient's part of the header is impossible");
        match stanza.args.as_slice() {
            [kind, share] if kind == KIND => {
                let share = base64_decode(share).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or(odd)?;
                let ours = self.recipient().map_err(NotOpened::Damaged)?;
                let under = self.shared(&share, &share, &ours.0).ok_or(odd)?;
                unwrap(&under, &stanza.body).map_err(|()| odd)
            }
            [kind, ..] if kind == KIND => Err(odd),
            _ => Ok(None),
        }
    }
}

/// One text is of one case and carries 32 bytes.
fn parse(text: &str, prefix: &str) -> Option<Zeroizing<[u8; 32]>> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32>(text).ok()?;
    if !checked.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return None;
    }
    let mut bytes: Vec<u8> = checked.byte_iter().collect();
    let key = <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new);
    bytes.zeroize();
    key
}

fn sealing(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}

/// The file's key under a key that is used once, so the nonce is zero.
pub(super) fn wrap(under: &[u8; 32], key: &FileKey) -> Vec<u8> {
    let mut body = key.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let sealed = sealing(under).map(|s| s.seal_in_place_append_tag(nonce, Aad::empty(), &mut body));
    assert!(matches!(sealed, Some(Ok(()))), "ChaCha20-Poly1305 seals 16 bytes");
    body
}

/// Err: a body that no wrapping has. None: wrapped for somebody else.
pub(super) fn unwrap(under: &[u8; 32], body: &[u8]) -> Result<Option<FileKey>, ()> {
    if body.len() != 32 {
        return Err(());
    }
    let mut body = Zeroizing::new(body.to_vec());
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let opened = sealing(under).and_then(|s| s.open_in_place(nonce, Aad::empty(), &mut body).ok().map(|plain| &*plain));
    Ok(opened.and_then(|plain| <[u8; 16]>::try_from(plain).ok()).map(Zeroizing::new))
}

//! What a browser holds: 256 random bits as text. Only a keyed hash of it is kept. Knows no cookie.

use super::People;

/// 43 letters of base64url without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    pub fn of(random: &[u8; 32]) -> Token {
        Token(data_encoding::BASE64URL_NOPAD.encode(random))
    }
    /// The only way out: into a cookie or a link.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Whether a text may be a token at all: what is not needs no look into the store.
pub(super) fn is_token(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl People {
    pub(super) fn fresh_token(&self) -> Token {
        Token::of(&self.checker.random())
    }
    /// What is kept of a token that is for `purpose`.
    pub(super) fn token_hash(&self, purpose: &str, token: &str) -> [u8; 32] {
        self.mac(purpose, &[token.as_bytes()])
    }
}

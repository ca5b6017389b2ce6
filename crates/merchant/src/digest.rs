//! `Content-Digest` (RFC 9530 §2): a digest over the bytes of a body as they are sent. Pure.

use aws_lc_rs::digest::{self, SHA256, SHA512};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// Longer headers are not read.
const HEADER_LIMIT_BYTES: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Not a dictionary of byte sequences.
    Unreadable,
    /// Neither sha-256 nor sha-512 is in it.
    Unknown,
    /// The body is another one.
    Differs,
}

/// `sha-256=:…:`.
pub fn header(body: &[u8]) -> String {
    let digest = digest::digest(&SHA256, body);
    format!("sha-256=:{}:", data_encoding::BASE64.encode(digest.as_ref()))
}

/// Every digest in the header that is known must be the body's, and one at least must be known.
pub fn check(header: &str, body: &[u8]) -> Result<(), Wrong> {
    if header.len() > HEADER_LIMIT_BYTES {
        return Err(Wrong::Unreadable);
    }
    let read: Dictionary = Parser::new(header).parse().map_err(|_| Wrong::Unreadable)?;
    let mut known = false;
    for (name, algorithm) in [("sha-256", &SHA256), ("sha-512", &SHA512)] {
        match read.get(name) {
            None => {}
            Some(ListEntry::Item(item)) => {
                let BareItem::ByteSequence(told) = &item.bare_item else { return Err(Wrong::Unreadable) };
                if digest::digest(algorithm, body).as_ref() != told.as_slice() {
                    return Err(Wrong::Differs);
                }
                known = true;
            }
            Some(ListEntry::InnerList(_)) => return Err(Wrong::Unreadable),
        }
    }
    if known { Ok(()) } else { Err(Wrong::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        // RFC 9421 appendix B.2 and RFC 9530 appendix B have this body with and without a line feed.
        let body = br#"{"hello": "world"}"#;
        let sha512 =
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
        let sha256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        #[track_caller]
        fn check(header: &str, body: &[u8], expected: Result<(), Wrong>) {
            assert_eq!(super::check(header, body), expected, "{header}");
        }
        assert_eq!(header(body), sha256);
        check(sha256, body, Ok(()));
        check(sha512, body, Ok(()));
        check(&format!("{sha256}, {sha512}"), body, Ok(()));
        check(&format!("md5=:aaaa:, {sha512}"), body, Ok(()));
        check(sha256, br#"{"hello": "World"}"#, Err(Wrong::Differs));
        check(&format!("{}, {sha512}", header(b"other")), body, Err(Wrong::Differs));
        check("md5=:aaaa:", body, Err(Wrong::Unknown));
        check("", body, Err(Wrong::Unknown));
        check("sha-256=X48E9q", body, Err(Wrong::Unreadable));
        check("sha-256=(:aaaa:)", body, Err(Wrong::Unreadable));
        check("sha-256=:!:", body, Err(Wrong::Unreadable));
        check(&format!("{sha256}{}", " ".repeat(HEADER_LIMIT_BYTES)), body, Err(Wrong::Unreadable));
    }
}

//! API keys: `sk_test_` and 49 base-62 characters, of which the last six are a checksum. Stored as keyed hashes.

use crate::Api;
use crate::error::{ApiError, ErrorType};
use florin_core::access::{ApiKey, KeyClass, place};
use florin_core::commit::EventKind;
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::record::{self, Change};
use florin_core::store::Query;
use florin_core::terminal::HOUSE;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 > 2^256.
const RANDOM_DIGITS: usize = 43;
const CHECK_DIGITS: usize = 6;
/// The longest text that is looked at as a key.
const LONGEST_KEY_BYTES: usize = 255;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: Key,
    pub class: KeyClass,
    pub live: bool,
}

fn prefix(class: KeyClass, live: bool) -> &'static str {
    match (class, live) {
        (KeyClass::Secret, false) => "sk_test_",
        (KeyClass::Secret, true) => "sk_live_",
        (KeyClass::Publishable, false) => "pk_test_",
        (KeyClass::Publishable, true) => "pk_live_",
    }
}

/// `digits` base-62 digits of a big-endian number, the most significant first.
pub fn base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut out = vec![b'0'; digits];
    for digit in out.iter_mut().rev() {
        let mut rest = 0u32;
        for byte in &mut number {
            let n = rest * 256 + u32::from(*byte);
            *byte = u8::try_from(n / 62).unwrap_or(0);
            rest = n % 62;
        }
        *digit = BASE62.get(rest as usize).copied().unwrap_or(b'0');
    }
    out.into_iter().map(char::from).collect()
}

/// CRC-32 (IEEE 802.3): lets scanners for leaked keys tell ours from chance.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn checksum(text: &str) -> String {
    base62(&crc32(text.as_bytes()).to_be_bytes(), CHECK_DIGITS)
}

/// A new key's text.
fn text(class: KeyClass, live: bool, random: &[u8; 32]) -> String {
    let body = format!("{}{}", prefix(class, live), base62(random, RANDOM_DIGITS));
    let check = checksum(&body);
    body + &check
}

/// Whether the checksum is right: what is not a key needs no look into the store.
fn is_key(text: &str) -> bool {
    let Some(at) = text.len().checked_sub(CHECK_DIGITS) else { return false };
    text.is_ascii() && text.split_at(at).1 == checksum(text.split_at(at).0)
}

pub async fn issue(api: &Api, account: Key, class: KeyClass, live: bool) -> Result<String, ApiError> {
    let mut random = [0u8; 32];
    api.house.random(&mut random);
    let text = text(class, live, &random);
    let hash = api.keys.mac(&[text.as_bytes()]);
    let tail = text.chars().skip(text.len().saturating_sub(4)).collect();
    let body = ApiKey { class, live, hash, tail, ends: None };
    let change = Change::to(body, EventKind::ApiKeyChanged).index(HOUSE, Kind::ApiKey, place(&hash));
    let key = api.ports.fresh_key();
    record::make(&*api.ports, account, key, change, None, &|_| vec![]).await?;
    Ok(text)
}

/// Basic's user name (RFC 7617) or Bearer's token (RFC 6750); else the parameter `key`, as browsers send it.
pub fn given(authorization: Option<&str>, key_param: Option<&str>) -> Option<String> {
    let Some(header) = authorization else { return key_param.map(str::to_owned).filter(|k| !k.is_empty()) };
    let (scheme, rest) = header.trim().split_once(' ')?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(base64(rest.trim())?).ok()?;
        pair.split_once(':').map_or(pair.clone(), |(user, _)| user.to_owned())
    } else {
        return None;
    };
    Some(key).filter(|k| !k.is_empty())
}

/// RFC 4648 §4, padding optional.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// The caller behind a key; 401 when there is none.
pub async fn caller(api: &Api, given: Option<&str>) -> Result<Caller, ApiError> {
    let refused = |message: String| ApiError::new(401, ErrorType::InvalidRequest, message);
    let Some(text) = given else {
        return Err(refused(
            "You did not provide an API key. Give your secret key as the user name of HTTP Basic authentication, or as a Bearer token."
                .to_owned(),
        ));
    };
    let unknown = || refused(format!("Invalid API Key provided: {}", masked(text)));
    if text.len() > LONGEST_KEY_BYTES || !is_key(text) {
        return Err(unknown());
    }
    let hash = api.keys.mac(&[text.as_bytes()]);
    let query = Query::Holder { under: HOUSE, kind: Kind::ApiKey, key: place(&hash) };
    let row = api.ports.store().find(query).await?.rows().into_iter().next().ok_or_else(unknown)?;
    let view: View<ApiKey> = flow::read(&row)?;
    if view.body.hash != hash {
        return Err(unknown());
    }
    if view.body.ends.is_some_and(|ends| ends <= api.ports.now()) {
        return Err(refused(format!("Expired API Key provided: {}", masked(text))).code("api_key_expired"));
    }
    Ok(Caller { account: view.account, class: view.body.class, live: view.body.live })
}

/// Never the whole key, and nothing of what is not one.
fn masked(text: &str) -> String {
    let known = ["sk_test_", "sk_live_", "pk_test_", "pk_live_", "rk_test_", "rk_live_"];
    match known.iter().find(|p| text.starts_with(**p)) {
        Some(prefix) if text.is_ascii() && text.len() > 20 => {
            format!("{prefix}****{}", text.split_at(text.len() - 4).1)
        }
        _ => "****".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let key = text(KeyClass::Secret, false, &[255; 32]);
        assert_eq!(key.len(), "sk_test_".len() + RANDOM_DIGITS + CHECK_DIGITS);
        assert!(is_key(&key) && key.starts_with("sk_test_"));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        for n in 0..key.len() {
            let mut other = key.clone().into_bytes();
            other[n] = if other[n] == b'a' { b'b' } else { b'a' };
            assert!(!is_key(&String::from_utf8(other).unwrap()), "{n}");
        }
        for bad in ["", "a", "sk_test_", "sk_test_é00000"] {
            assert!(!is_key(bad), "{bad}");
        }
        assert_eq!(masked(&key), format!("sk_test_****{}", &key[key.len() - 4..]));
        assert_eq!(masked("4242"), "****");
    }

    #[test]
    fn where_a_key_may_stand() {
        #[track_caller]
        fn check(header: Option<&str>, param: Option<&str>, expected: Option<&str>) {
            assert_eq!(given(header, param).as_deref(), expected);
        }
        check(Some("Bearer sk_test_1"), None, Some("sk_test_1"));
        check(Some("bearer  sk_test_1 "), None, Some("sk_test_1"));
        check(Some("Basic c2tfdGVzdF8xOg=="), None, Some("sk_test_1"));
        check(Some("Basic c2tfdGVzdF8x"), None, Some("sk_test_1"));
        check(None, Some("pk_test_1"), Some("pk_test_1"));
        check(Some("Basic !"), Some("pk_test_1"), None);
        check(Some("Digest x"), None, None);
        check(Some("Bearer"), None, None);
        check(None, None, None);
    }
}

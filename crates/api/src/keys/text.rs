//! How a key is written: `sk_test_` and 49 base-62 characters, of which the last six are a checksum. Knows no store.

use crate::KeyClass;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 > 2^256.
const RANDOM_DIGITS: usize = 43;
const CHECK_DIGITS: usize = 6;
const PREFIXES: [&str; 6] = ["sk_test_", "sk_live_", "pk_test_", "pk_live_", "rk_test_", "rk_live_"];

fn prefix(class: KeyClass, live: bool) -> &'static str {
    match (class, live) {
        (KeyClass::Secret, false) => "sk_test_",
        (KeyClass::Secret, true) => "sk_live_",
        (KeyClass::Publishable, false) => "pk_test_",
        (KeyClass::Publishable, true) => "pk_live_",
        (KeyClass::Restricted, false) => "rk_test_",
        (KeyClass::Restricted, true) => "rk_live_",
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
pub fn write(class: KeyClass, live: bool, random: &[u8; 32]) -> String {
    let body = format!("{}{}", prefix(class, live), base62(random, RANDOM_DIGITS));
    let check = checksum(&body);
    body + &check
}

/// Whether the checksum is right: what is not a key needs no look into the store.
pub fn is_key(text: &str) -> bool {
    let Some(at) = text.len().checked_sub(CHECK_DIGITS) else { return false };
    text.is_ascii() && text.split_at(at).1 == checksum(text.split_at(at).0)
}

/// Never the whole key, and nothing of what is not one.
pub fn masked(text: &str) -> String {
    match PREFIXES.iter().find(|p| text.starts_with(**p)) {
        Some(prefix) if text.is_ascii() && text.len() > 20 => {
            format!("{prefix}****{}", text.split_at(text.len() - 4).1)
        }
        _ => "****".to_owned(),
    }
}

/// The same of a key that is known by its last characters alone.
pub fn shown(class: KeyClass, live: bool, tail: &str) -> String {
    format!("{}****{tail}", prefix(class, live))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let key = write(KeyClass::Secret, false, &[255; 32]);
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
        assert_eq!(masked(&key), shown(KeyClass::Secret, false, &key[key.len() - 4..]));
        assert_eq!(masked("4242"), "****");
    }
}

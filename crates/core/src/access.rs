//! API keys as they are stored: a keyed hash, never the key.

use crate::codec::{BadBody, Body, whole};
use crate::id::{Key, Kind};
use crate::network::Network;
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// What a key is for. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyClass {
    /// On the merchant's server: everything.
    Secret,
    /// In browsers: makes tokens and payment methods, and what a client secret opens.
    Publishable,
    /// On the merchant's server: what its grants say.
    Restricted,
}

/// What a restricted key may do with the things of one resource. Who may write may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// As its path begins: `payment_intents`.
    pub resource: String,
    pub write: bool,
}

impl Grant {
    pub fn allows(&self, resource: &str, write: bool) -> bool {
        self.resource == resource && (self.write || !write)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub class: KeyClass,
    pub live: bool,
    /// HMAC-SHA256 of the key.
    pub hash: [u8; 32],
    /// The key's last four characters, for people.
    pub tail: String,
    /// What people call it.
    pub name: Option<String>,
    /// Of a restricted key.
    pub grants: Vec<Grant>,
    /// From then on it opens nothing.
    pub ends: Option<Time>,
    /// The key that took its place.
    pub successor: Option<Key>,
    /// From where it may be used; empty for everywhere.
    pub allowed: Vec<Network>,
}

/// Format 1: keys were good from everywhere.
#[derive(Deserialize)]
struct Everywhere {
    class: KeyClass,
    live: bool,
    hash: [u8; 32],
    tail: String,
    name: Option<String>,
    grants: Vec<Grant>,
    ends: Option<Time>,
    successor: Option<Key>,
}

impl ApiKey {
    pub fn is_over(&self, now: Time) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
    /// Ends at `at`, or earlier if it was to end earlier. A key never comes back.
    pub fn ended(&self, at: Time) -> ApiKey {
        ApiKey { ends: Some(self.ends.map_or(at, |ends| ends.min(at))), ..self.clone() }
    }
}

impl Body for ApiKey {
    const FORMAT: u8 = 2;

    fn decode_format(format: u8, rest: &[u8]) -> Result<ApiKey, BadBody> {
        match format {
            1 => {
                let Everywhere { class, live, hash, tail, name, grants, ends, successor } = whole(rest)?;
                Ok(ApiKey { class, live, hash, tail, name, grants, ends, successor, allowed: vec![] })
            }
            Self::FORMAT => whole(rest),
            _ => Err(BadBody::Damaged),
        }
    }
}

impl Record for ApiKey {
    const KIND: Kind = Kind::ApiKey;
}

/// Where a key is found by its hash: an index entry under the house.
pub fn place(hash: &[u8; 32]) -> Key {
    let head = hash.first_chunk::<8>().map_or(0, |b| i64::from_be_bytes(*b));
    Key(head & i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants() {
        #[track_caller]
        fn check(write: bool, resource: &str, asks_to_write: bool, expected: bool) {
            let grant = Grant { resource: "refunds".into(), write };
            assert_eq!(grant.allows(resource, asks_to_write), expected);
        }
        check(false, "refunds", false, true);
        check(false, "refunds", true, false);
        check(true, "refunds", false, true);
        check(true, "refunds", true, true);
        check(true, "charges", false, false);
        check(true, "refund", true, false);
    }

    #[test]
    fn a_key_only_ever_ends_earlier() {
        let key = |ends: Option<i64>| ApiKey {
            class: KeyClass::Secret,
            live: false,
            hash: [1; 32],
            tail: "abcd".into(),
            name: None,
            grants: vec![],
            ends: ends.map(Time),
            successor: None,
            allowed: vec![],
        };
        assert_eq!(key(None).ended(Time(5)), key(Some(5)));
        assert_eq!(key(Some(3)).ended(Time(5)), key(Some(3)));
        assert_eq!(key(Some(9)).ended(Time(5)), key(Some(5)));
        assert!(!key(None).is_over(Time(i64::MAX)) && !key(Some(5)).is_over(Time(4)) && key(Some(5)).is_over(Time(5)));
    }

    /// A format that was ever written is read for ever.
    #[test]
    fn both_formats_are_read() {
        let key = ApiKey {
            class: KeyClass::Restricted,
            live: true,
            hash: [7; 32],
            tail: "abcd".into(),
            name: Some("till".into()),
            grants: vec![Grant { resource: "refunds".into(), write: true }],
            ends: Some(Time(5)),
            successor: None,
            allowed: ["203.0.113.0/24", "2001:db8::1"].iter().filter_map(|text| Network::parse(text)).collect(),
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let seven = "07".repeat(32);
        let before = format!("0201{seven}0461626364010474696c6c0107726566756e647301010a00");
        let allowed = "0200cb0071001801".to_owned() + "20010db8000000000000000000000001" + "80";
        assert_eq!(hex(&key.encode()), format!("02{before}{allowed}"));
        assert_eq!(ApiKey::decode(&key.encode()), Ok(key.clone()));
        let whole: String = format!("01{before}");
        let bytes: Vec<u8> =
            (0..whole.len()).step_by(2).map(|n| u8::from_str_radix(&whole[n..n + 2], 16).unwrap()).collect();
        assert_eq!(ApiKey::decode(&bytes), Ok(ApiKey { allowed: vec![], ..key }));
    }
}

//! Who asks: the key that a request brings, and the account behind it. Stored as keyed hashes.

mod cache;
pub mod manage;
pub mod rules;
mod text;

pub use cache::Cache;

use crate::Api;
use crate::error::{ApiError, ErrorType};
use florin_core::access::{Grant, KeyClass, place};
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::key_rules::{self, KeyRules};
use florin_core::network::Network;
use florin_core::store::Query;
use florin_core::terminal::HOUSE;
use manage::KeyView;
use std::net::IpAddr;
use std::sync::Arc;
pub use text::base62;
use text::{is_key, masked};

/// The longest text that is looked at as a key.
const LONGEST_KEY_BYTES: usize = 255;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: Key,
    pub class: KeyClass,
    pub live: bool,
    /// The key itself, and its last four characters.
    pub key: Key,
    pub tail: Arc<str>,
    /// Of a restricted key.
    pub grants: Arc<[Grant]>,
    /// From where the key may be used; empty for everywhere.
    pub allowed: Arc<[Network]>,
    /// What is asked of its requests besides.
    pub rules: Arc<KeyRules>,
}

impl Caller {
    /// As people see the key.
    pub fn shown(&self) -> String {
        text::shown(self.class, self.live, &self.tail)
    }
    /// Whether the key may be used from there.
    pub fn may_ask_from(&self, client: IpAddr) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|network| network.holds(client))
    }
    /// Whether the key may read, or write, things of a resource.
    pub fn may(&self, resource: &str, write: bool) -> bool {
        match self.class {
            KeyClass::Secret | KeyClass::Publishable => true,
            KeyClass::Restricted => self.grants.iter().any(|g| g.allows(resource, write)),
        }
    }
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
    let now = api.ports.now();
    let generation = match api.cache.get(&hash, now) {
        Ok(caller) => return Ok(caller),
        Err(generation) => generation,
    };
    let query = Query::Holder { under: HOUSE, kind: Kind::ApiKey, key: place(&hash) };
    let row = api.ports.store().find(query).await?.rows().into_iter().next().ok_or_else(unknown)?;
    let view: KeyView = flow::read(&row)?;
    if view.body.hash != hash {
        return Err(unknown());
    }
    if view.body.live != api.live {
        let mode = if api.live { "There is no test mode here" } else { "There is no live mode here" };
        return Err(refused(format!("{mode}: key {} opens nothing.", masked(text))));
    }
    if view.body.is_over(now) {
        return Err(refused(format!("Expired API Key provided: {}", masked(text))).code("api_key_expired"));
    }
    let rules = key_rules::of(api.ports.store(), view.account, view.key).await?;
    let caller = manage::caller(&view, rules);
    api.cache.put(hash, caller.clone(), view.body.ends, now, generation);
    Ok(caller)
}

/// Whether a key that was looked at before still opens anything.
pub async fn opens(api: &Api, account: Key, key: Key) -> bool {
    let loaded: Result<KeyView, _> = flow::load(api.ports.store(), account, Kind::ApiKey, key).await;
    loaded.is_ok_and(|view| !view.body.is_over(api.ports.now()))
}

#[cfg(test)]
mod tests {
    use super::*;

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

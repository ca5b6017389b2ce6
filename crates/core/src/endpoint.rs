//! Where a merchant wants to be told of events, and under which secrets. Knows no HTTP.

use crate::codec::Body;
use crate::id::{Key, Kind};
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Secrets of one endpoint at a time: the present one and the one before.
pub const MOST_SECRETS: usize = 2;
/// Base-62 digits after `whsec_`: 190 bits, and 24 bytes to those who read them as base64 (Standard Webhooks).
pub const SECRET_DIGITS: usize = 32;

/// `whsec_…`. Its text stands in no log: only `reveal` gives it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret(String);

impl SigningSecret {
    pub fn new(text: String) -> SigningSecret {
        SigningSecret(text)
    }
    /// The only way out: for signing, and for the answer that makes it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_…")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub live: bool,
    pub url: String,
    /// `*`, or types of events.
    pub events: Vec<String>,
    pub api_version: Option<String>,
    pub enabled: bool,
    /// When it was disabled because nothing had been taken for days.
    pub given_up: Option<Time>,
    pub deleted: bool,
    pub description: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
    /// The present secret, then the one before with its end.
    pub secrets: Vec<(SigningSecret, Option<Time>)>,
    /// Events are told from here on: those above this number of the account's shard …
    pub after: u64,
    /// … whose id is newer than this key. Set when the endpoint is made, and when it is enabled again.
    pub since: Key,
}

impl Body for Endpoint {
    const FORMAT: u8 = 1;
}

impl Record for Endpoint {
    const KIND: Kind = Kind::Endpoint;
}

impl Endpoint {
    /// Whether it is told of anything at all.
    pub const fn listens(&self) -> bool {
        self.enabled && !self.deleted
    }

    /// Secrets to sign with, the present one first.
    pub fn secrets_at(&self, now: Time) -> impl Iterator<Item = &SigningSecret> {
        self.secrets.iter().filter(move |(_, ends)| ends.is_none_or(|e| now < e)).map(|(secret, _)| secret)
    }

    /// Takes a new secret; the present one holds until `ends`.
    pub fn roll(&mut self, secret: SigningSecret, ends: Time) {
        self.secrets.truncate(1);
        if let Some((_, end)) = self.secrets.first_mut() {
            *end = Some(ends);
        }
        self.secrets.insert(0, (secret, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> SigningSecret {
        SigningSecret::new(format!("whsec_{name}"))
    }

    pub fn sample() -> Endpoint {
        Endpoint {
            live: false,
            url: "https://shop.example/hook".into(),
            events: vec!["*".into()],
            api_version: None,
            enabled: true,
            given_up: None,
            deleted: false,
            description: None,
            metadata: vec![],
            secrets: vec![(secret("a"), None)],
            after: 0,
            since: Key(5),
        }
    }

    #[test]
    fn secrets_roll_and_end() {
        let mut endpoint = sample();
        let at = |e: &Endpoint, ms| e.secrets_at(Time(ms)).map(|s| s.reveal().to_owned()).collect::<Vec<_>>();
        assert_eq!(at(&endpoint, 0), ["whsec_a"]);
        endpoint.roll(secret("b"), Time(100));
        assert_eq!(
            (at(&endpoint, 99), at(&endpoint, 100)),
            (vec!["whsec_b".into(), "whsec_a".into()], vec!["whsec_b".into()])
        );
        // Rolled twice: the oldest is gone at once.
        endpoint.roll(secret("c"), Time(100));
        assert_eq!(at(&endpoint, 50), ["whsec_c", "whsec_b"]);
        assert_eq!(endpoint.secrets.len(), MOST_SECRETS);
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", sample()).contains("whsec_a"));
    }
}

//! What is written down of each request: enough to find it again by its id, nothing of its body, its query or the person behind it.
//! Knows no storage.

use crate::id::Key;
use crate::store::{StoreTrouble, Wait};
use crate::time::Time;

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `req_…`, as the client got it.
    pub id: String,
    /// 0 when no account was known: the key was wrong, or there was none.
    pub account: Key,
    pub live: bool,
    pub at: Time,
    pub took_ms: u32,
    pub method: String,
    /// With ids of ours; whatever else stood in an id's place is `{}`.
    pub path: String,
    pub status: u16,
    pub error_type: Option<String>,
    pub error_code: Option<String>,
    pub error_param: Option<String>,
    /// The API key, and its last four characters.
    pub key: Option<Key>,
    pub key_tail: String,
    /// Keyed hash: the key itself is the client's own text.
    pub idempotency: Option<[u8; 16]>,
    /// The answer had been given before.
    pub replayed: bool,
    pub version: String,
}

/// Which entries are wanted, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    pub account: Key,
    pub id: Option<String>,
    /// Both inclusive: 400 to 499.
    pub status: Option<(u16, u16)>,
    pub method: Option<String>,
    pub from: Time,
    pub to: Time,
    /// Older than this place.
    pub after: Option<i64>,
    /// Newer than this place, the nearest.
    pub before: Option<i64>,
    pub limit: u32,
}

impl Find {
    pub fn newest(account: Key, limit: u32) -> Find {
        let (from, to) = (Time(i64::MIN), Time(i64::MAX));
        Find { account, id: None, status: None, method: None, from, to, after: None, before: None, limit }
    }
    pub fn wants(&self, entry: &Entry) -> bool {
        let status = self.status.is_none_or(|(from, to)| (from..=to).contains(&entry.status));
        let method = self.method.as_ref().is_none_or(|m| *m == entry.method);
        let id = self.id.as_ref().is_none_or(|id| *id == entry.id);
        entry.account == self.account && status && method && id && self.from <= entry.at && entry.at <= self.to
    }
}

/// An entry and its place: later ones have higher places.
pub type Placed = (i64, Entry);

/// Keeps entries for a while. Losing some is no harm to money: they are written beside the store, without waiting.
pub trait RequestLog: Send + Sync {
    /// Returns at once. When too many wait to be written, the entry is dropped and counted.
    fn note(&self, entry: Entry);
    fn find<'a>(&'a self, find: Find) -> Wait<'a, Result<Vec<Placed>, StoreTrouble>>;
    /// When each of these keys was used last, to the minute.
    fn used<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Time>>, StoreTrouble>>;
}

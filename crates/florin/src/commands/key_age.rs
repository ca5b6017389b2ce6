//! How long keys have been in use, and how long they may be (their crypto-periods). Read from the databases beside whoever serves, without
//! opening a key.

use super::own::moment;
use crate::home::Home;
use florin_store::keys_of;
use florin_vault::cards::rotation::ages;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// What wraps keys does so for two years at most (NIST SP 800-57 part 1, table 1: key-wrapping keys).
const WRAPPING_DAYS: i64 = 730;
/// What seals records does so for a year at most.
const SEALING_DAYS: i64 = 365;
/// So long before the end people are told.
const SOON_DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

/// One key that people may have to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAge {
    /// As `florin keys rotate` calls it.
    pub name: &'static str,
    pub what: &'static str,
    /// Milliseconds since 1970; None: not written down, or nothing is sealed yet.
    pub since: Option<i64>,
    pub limit_days: i64,
}

impl KeyAge {
    pub fn days(&self, now_ms: i64) -> Option<i64> {
        self.since.map(|since| (now_ms - since) / DAY_MS)
    }

    /// When it has been in use as long as it may; milliseconds since 1970.
    pub fn ends(&self) -> Option<i64> {
        self.since.map(|since| since.saturating_add(self.limit_days * DAY_MS))
    }

    pub fn overdue(&self, now_ms: i64) -> bool {
        self.days(now_ms).is_some_and(|days| days >= self.limit_days)
    }

    /// In words, when it is time or will be soon.
    pub fn warning(&self, now_ms: i64) -> Option<String> {
        let days = self.days(now_ms)?;
        let (what, name, limit) = (self.what, self.name, self.limit_days);
        if days >= limit {
            return Some(format!(
                "{what} is in use since {days} days, of {limit} it may be: florin keys rotate {name}"
            ));
        }
        let left = limit - days;
        (left <= SOON_DAYS).then(|| format!("{what} may be in use for {left} more days: florin keys rotate {name}"))
    }

    pub fn shown(&self, now_ms: i64) -> Value {
        json!({
            "key": self.name, "since": self.since, "age_days": self.days(now_ms), "limit_days": self.limit_days,
            "overdue": self.overdue(now_ms),
        })
    }

    /// A line for people.
    pub fn line(&self, now_ms: i64) -> String {
        match (self.since, self.days(now_ms)) {
            (Some(since), Some(days)) => {
                format!("{:<9} since {}, {days} of {} days", self.name, moment(since / 1_000), self.limit_days)
            }
            (_, _) => format!("{:<9} not in use yet, of {} days", self.name, self.limit_days),
        }
    }
}

/// Every key of an installation that has a crypto-period.
pub fn all(home: &Home) -> Vec<KeyAge> {
    let (kek, data) = ages(&home.vault()).unwrap_or((None, None));
    let gateway = keys_of(&home.database());
    let written = |ms: i64| (ms > 0).then_some(ms);
    let root = gateway.as_ref().and_then(|about| written(about.root_since));
    // What is sealed under an older one waits for its rotation: the oldest counts.
    let accounts = gateway.as_ref().and_then(|about| about.data_keys.first()).and_then(|key| written(key.created));
    let key = |name, what, since, limit_days| KeyAge { name, what, since, limit_days };
    vec![
        key("kek", "the vault's key-encryption key", kek, WRAPPING_DAYS),
        key("data", "the vault's data key", data, SEALING_DAYS),
        key("root", "the key that wraps the keys of accounts", root, WRAPPING_DAYS),
        key("accounts", "the key of the accounts' records", accounts, SEALING_DAYS),
    ]
}

pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// What is overdue or soon will be.
pub fn warnings(home: &Home) -> Vec<String> {
    let now = now_ms();
    all(home).iter().filter_map(|key| key.warning(now)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_overdue_by_the_day() {
        let check = |days: Option<i64>, expected: Option<&str>| {
            let since = days.map(|days| 10_000 * DAY_MS - days * DAY_MS);
            let key = KeyAge { name: "data", what: "a key", since, limit_days: 365 };
            let said = key.warning(10_000 * DAY_MS);
            assert_eq!(said.as_deref().map(|s| s.split(':').next().unwrap_or("")), expected, "{days:?}");
            assert_eq!(key.overdue(10_000 * DAY_MS), expected.is_some_and(|e| e.contains("since")));
        };
        check(None, None);
        check(Some(0), None);
        check(Some(334), None);
        check(Some(335), Some("a key may be in use for 30 more days"));
        check(Some(364), Some("a key may be in use for 1 more days"));
        check(Some(365), Some("a key is in use since 365 days, of 365 it may be"));
        check(Some(9_000), Some("a key is in use since 9000 days, of 365 it may be"));
    }
}

//! How often a key and an address may ask: token buckets, kept as the time at which each is empty again. Knows no request.

use crate::error::{ApiError, ErrorType};
use florin_core::id::Key;
use florin_core::rare::{Site, rare};
use florin_core::time::Time;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Keys or addresses that are remembered. When there are more, those at rest are forgotten, then all: memory is bounded, limits are not
/// exact.
const MOST_BUCKETS: usize = 100_000;

/// So many requests a second in the long run, and so many at once. A rate of 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

impl Rate {
    pub const NONE: Rate = Rate { per_second: 0, burst: 0 };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Of one API key.
    pub key: Rate,
    /// Of all keys of one account together.
    pub account: Rate,
    /// Of one card: requests that bring its number.
    pub card: Rate,
    /// Of one address: an IPv6 network of 64 bits is one.
    pub address: Rate,
    /// Of requests of one address whose key is wrong or absent.
    pub failures: Rate,
}

impl LimitSettings {
    pub const NONE: LimitSettings = LimitSettings {
        key: Rate::NONE,
        account: Rate::NONE,
        card: Rate::NONE,
        address: Rate::NONE,
        failures: Rate::NONE,
    };
}

/// Every request within the limit moves the time ahead by its share of a second; what lies more than the burst ahead is over the limit
/// (the generic cell rate algorithm, ITU-T I.371).
struct Buckets<K> {
    rate: Rate,
    /// Microseconds since the Unix epoch.
    full_at: Mutex<HashMap<K, i64>>,
}

const MICROS: i64 = 1_000_000;

impl<K: Hash + Eq> Buckets<K> {
    fn new(rate: Rate) -> Buckets<K> {
        Buckets { rate, full_at: Mutex::new(HashMap::new()) }
    }

    /// Takes one, or says in how many seconds there is one. With `look` nothing is taken.
    fn ask(&self, key: K, now: Time, look: bool) -> Result<(), u32> {
        if self.rate.per_second == 0 {
            return Ok(());
        }
        let share = (MICROS / i64::from(self.rate.per_second)).max(1);
        let room = share.saturating_mul(i64::from(self.rate.burst.max(1)));
        let now = now.0.saturating_mul(1_000);
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that went back leaves nobody locked out for longer than the burst.
        let at = all.get(&key).copied().unwrap_or(now).clamp(now, now.saturating_add(room));
        let over = at.saturating_add(share).saturating_sub(now.saturating_add(room));
        if over > 0 {
            all.insert(key, at);
            return Err(u32::try_from((over + MICROS - 1) / MICROS).unwrap_or(1));
        }
        if look {
            return Ok(());
        }
        if all.len() >= MOST_BUCKETS {
            all.retain(|_, at| *at > now);
            if all.len() >= MOST_BUCKETS {
                all.clear();
            }
        }
        all.insert(key, at + share);
        Ok(())
    }
}

/// An address as it is counted.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

pub struct Limits {
    keys: Buckets<Key>,
    accounts: Buckets<Key>,
    cards: Buckets<(Key, [u8; 16])>,
    addresses: Buckets<IpAddr>,
    failures: Buckets<IpAddr>,
}

impl Limits {
    pub fn new(settings: LimitSettings) -> Limits {
        Limits {
            keys: Buckets::new(settings.key),
            accounts: Buckets::new(settings.account),
            cards: Buckets::new(settings.card),
            addresses: Buckets::new(settings.address),
            failures: Buckets::new(settings.failures),
        }
    }

    /// One request of this address.
    pub fn address(&self, address: IpAddr, now: Time) -> Result<(), ApiError> {
        self.addresses.ask(network(address), now, false).map_err(|s| refused(s, Limited::Global))
    }
    /// One request under this key; with `look` it is not counted, because it will be asked for again.
    pub fn key(&self, key: Key, now: Time, look: bool) -> Result<(), ApiError> {
        if rare(Site::KeyOverLimit) {
            return Err(refused(1, Limited::Global));
        }
        self.keys.ask(key, now, look).map_err(|s| refused(s, Limited::Global))
    }
    /// One request of this account, under whichever of its keys.
    pub fn account(&self, account: Key, now: Time) -> Result<(), ApiError> {
        self.accounts.ask(account, now, false).map_err(|s| refused(s, Limited::Global))
    }
    /// One request that brings this card's number to the account.
    pub fn card(&self, account: Key, fingerprint: [u8; 16], now: Time) -> Result<(), ApiError> {
        self.cards.ask((account, fingerprint), now, false).map_err(|s| refused(s, Limited::Resource))
    }
    /// One request of this address whose key is wrong: whoever guesses hears nothing more. Right keys of the address go on.
    pub fn failure(&self, address: IpAddr, now: Time) -> Result<(), ApiError> {
        self.failures.ask(network(address), now, false).map_err(|s| refused(s, Limited::Global))
    }
}

/// What was too much, as `Stripe-Rate-Limited-Reason` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Requests of a key, an account or an address.
    Global,
    /// Requests about one thing: a card, or cards from one address.
    Resource,
}

impl Limited {
    pub const fn as_str(self) -> &'static str {
        match self {
            Limited::Global => "global-rate",
            Limited::Resource => "resource-specific",
        }
    }
}

pub fn refused(seconds: u32, limited: Limited) -> ApiError {
    let message = "Too many requests in too short a time. Ask again later, and more slowly.";
    let error = ApiError::new(429, ErrorType::InvalidRequest, message).code("rate_limit");
    ApiError { retry_after_seconds: Some(seconds), rate_limited: Some(limited), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets() {
        /// Asks at these milliseconds; 0 is: allowed, else the seconds to wait.
        #[track_caller]
        fn check(per_second: u32, burst: u32, asked: &[i64], expected: &[u32]) {
            let buckets = Buckets::new(Rate { per_second, burst });
            let got: Vec<u32> = asked.iter().map(|at| buckets.ask((), Time(*at), false).err().unwrap_or(0)).collect();
            assert_eq!(got, expected);
        }
        check(1, 3, &[0, 0, 0, 0, 999, 1_000, 1_000], &[0, 0, 0, 1, 1, 0, 1]);
        check(10, 1, &[0, 50, 100, 150, 200], &[0, 1, 0, 1, 0]);
        check(0, 0, &[0; 50], &[0; 50]);
        // After a rest the burst is there again, and no more than it.
        check(1, 2, &[0, 0, 100_000, 100_000, 100_000], &[0, 0, 0, 0, 1]);
        // The clock went back by an hour.
        check(1, 2, &[3_600_000, 3_600_000, 0, 1_000, 2_000], &[0, 0, 1, 0, 0]);
    }

    #[test]
    fn looking_takes_nothing() {
        let buckets = Buckets::new(Rate { per_second: 1, burst: 1 });
        assert_eq!(
            [true, true, false, true].map(|look| buckets.ask((), Time(0), look).is_ok()),
            [true, true, true, false]
        );
    }

    #[test]
    fn memory_is_bounded() {
        let buckets = Buckets::new(Rate { per_second: 1, burst: 1 });
        for n in 0..MOST_BUCKETS + 10 {
            assert!(buckets.ask(n, Time(0), false).is_ok());
        }
        assert!(buckets.full_at.lock().unwrap().len() <= MOST_BUCKETS);
    }

    #[test]
    fn what_counts_as_one_address() {
        #[track_caller]
        fn check(a: &str, b: &str, same: bool) {
            assert_eq!(network(a.parse().unwrap()) == network(b.parse().unwrap()), same);
        }
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("::ffff:192.0.2.1", "192.0.2.1", true);
        check("2001:db8::1", "2001:db8::ffff", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
    }
}

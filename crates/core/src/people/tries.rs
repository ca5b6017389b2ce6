//! How long somebody has to wait who guessed wrong: seconds at first, half an hour at ten. Pure. Strangers who guess for a person keep
//! nobody out for good: passkeys go on, since nobody guesses those.

use crate::codec::Body;
use crate::id::Kind;
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// PCI DSS 8.3.4: at most ten tries, then at least half an hour.
pub const LOCKS_AT: u32 = 10;
pub const LOCKED_MS: i64 = 1_800_000;
/// Many people may share an address.
pub const ADDRESS_FREE: u32 = 10;
pub const ADDRESS_LOCKS_AT: u32 = 50;
/// What is older than this counts no more.
const FORGOTTEN_MS: i64 = 86_400_000;
const ADDRESS_FORGOTTEN_MS: i64 = 1_800_000;

/// Whose tries are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A person's password, or second factor.
    Person,
    Address,
    /// Codes that are sent to one number: five an hour.
    Phone,
}

/// Wrong tries, and until when no other is looked at. The row's key is a keyed hash of whose they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    pub wrong: u32,
    pub last: Time,
    pub until: Time,
}

impl Body for Tries {
    const FORMAT: u8 = 1;
}

impl Record for Tries {
    const KIND: Kind = Kind::Tries;
}

impl Tries {
    /// Err: not before then.
    pub fn may(self, now: Time) -> Result<(), Time> {
        // A clock that was far ahead keeps nobody out longer than a lock lasts.
        let until = self.until.min(self.last.plus_ms(LOCKED_MS.max(PHONE_MS)));
        if now < until && now >= self.last { Err(until) } else { Ok(()) }
    }

    /// After one more wrong try.
    pub fn after(self, whose: Whose, now: Time) -> Tries {
        let (forgotten, locks_at) = match whose {
            Whose::Person => (FORGOTTEN_MS, LOCKS_AT),
            Whose::Address => (ADDRESS_FORGOTTEN_MS, ADDRESS_LOCKS_AT),
            Whose::Phone => (PHONE_MS, PHONE_CODES),
        };
        let old = now.since(self.last) >= forgotten || self.wrong >= locks_at;
        let wrong = if old { 1 } else { self.wrong.saturating_add(1) };
        let wait_ms = match (whose, wrong) {
            (_, n) if n >= locks_at => {
                if whose == Whose::Phone {
                    PHONE_MS
                } else {
                    LOCKED_MS
                }
            }
            (Whose::Phone, _) => 0,
            (Whose::Address, n) if n <= ADDRESS_FREE => 0,
            (Whose::Person, 1) => 1_000,
            (Whose::Person, 2) => 3_000,
            (Whose::Person | Whose::Address, _) => 5_000,
        };
        Tries { wrong, last: now, until: now.plus_ms(wait_ms) }
    }
}

pub const PHONE_CODES: u32 = 5;
pub const PHONE_MS: i64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_second_to_half_an_hour() {
        let waits = |whose: Whose, count: u32, pause_ms: i64| {
            let (mut tries, mut now, mut all) = (Tries::default(), Time(1_000_000), vec![]);
            for _ in 0..count {
                now = now.plus_ms(pause_ms).max(tries.until);
                assert_eq!(tries.may(now), Ok(()));
                tries = tries.after(whose, now);
                all.push(tries.until.since(now) / 1_000);
            }
            all
        };
        // The eleventh begins anew, after half an hour.
        assert_eq!(waits(Whose::Person, 11, 0), [1, 3, 5, 5, 5, 5, 5, 5, 5, 1_800, 1]);
        assert_eq!(waits(Whose::Person, 3, 86_400_000), [1, 1, 1]);
        assert_eq!(waits(Whose::Phone, 6, 0), [0, 0, 0, 0, 3_600, 0]);
        let address = waits(Whose::Address, 51, 0);
        assert_eq!((address[9], address[10], address[48], address[49], address[50]), (0, 5, 5, 1_800, 0));
    }

    #[test]
    fn who_waits_is_not_looked_at() {
        let tries = Tries { wrong: 10, last: Time(1_000_000), until: Time(2_800_000) };
        assert_eq!(tries.may(Time(2_799_999)), Err(Time(2_800_000)));
        assert_eq!(tries.may(Time(2_800_000)), Ok(()));
        // The clock was set back: the count stays, nobody waits for years.
        assert_eq!(tries.may(Time(999_999)), Ok(()));
    }
}

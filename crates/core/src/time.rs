//! Points in time as integers. Nothing here asks what time it is.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Time(pub i64);

/// A civil date and time in UTC, as ISO 8583 DE 7, DE 12 and DE 13 need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 1 to 366.
    pub day_of_year: u16,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Time {
    pub const fn plus_ms(self, ms: i64) -> Time {
        Time(self.0.saturating_add(ms))
    }
    /// Milliseconds from `earlier` to `self`; negative when the clock went back.
    pub const fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
    /// Seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// The number of whole days since the Unix epoch.
    pub const fn day_number(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }
    /// Milliseconds since midnight UTC.
    pub const fn ms_of_day(self) -> i64 {
        self.0.rem_euclid(86_400_000)
    }
    /// Midnight (UTC) of a day of a year, the first being 1; None when that year has no such day.
    pub fn of_day(year: i64, day_of_year: i64) -> Option<Time> {
        let (year, day) = (i32::try_from(year).ok()?, u16::try_from(day_of_year).ok()?);
        let date = time::Date::from_ordinal_date(year, day).ok()?;
        Some(Time(date.midnight().assume_utc().unix_timestamp().saturating_mul(1000)))
    }
    /// Reads DE 7, MMDDhhmmss in UTC: the latest such moment that is at most a day after `near`. None for what is no date and time.
    pub fn of_de7(text: &[u8; 10], near: Time) -> Option<Time> {
        let two = |at: usize| -> Option<u8> {
            let digit = |n: usize| text.get(n).filter(|b| b.is_ascii_digit()).map(|b| b - b'0');
            Some(digit(at)? * 10 + digit(at + 1)?)
        };
        let latest = near.plus_ms(86_400_000);
        let month = time::Month::try_from(two(0)?).ok()?;
        let clock = time::Time::from_hms(two(4)?, two(6)?, two(8)?).ok()?;
        let day = two(2)?;
        // February 29 may lie years back.
        (0..8).find_map(|back| {
            let date = time::Date::from_calendar_date(latest.civil().year - back, month, day).ok()?;
            let at = Time(date.with_time(clock).assume_utc().unix_timestamp().saturating_mul(1000));
            (at <= latest).then_some(at)
        })
    }
    /// The civil date in UTC. Times outside the years 1970 to 9999 are brought to the nearest of them.
    pub fn civil(self) -> Civil {
        let seconds = self.seconds().clamp(0, 253_402_300_799);
        let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        Civil {
            year: at.year(),
            month: u8::from(at.month()),
            day: at.day(),
            day_of_year: at.ordinal(),
            hour: at.hour(),
            minute: at.minute(),
            second: at.second(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DE 7 names no year: it is that of the moment nearest before a day from now.
    #[test]
    fn transmission_times() {
        const NEAR: Time = Time(1_795_299_300_123);
        let check = |text: &[u8; 10], near: Time, expected: Option<i64>| {
            assert_eq!(Time::of_de7(text, near), expected.map(Time), "{}", String::from_utf8_lossy(text));
        };
        check(b"1121221500", NEAR, Some(1_795_299_300_000));
        check(b"1122221459", NEAR, Some(1_795_385_699_000));
        check(b"1122221501", NEAR, Some(1_763_849_701_000));
        // In the first minute of a year the last one's message still belongs to it.
        check(b"1231235959", Time(1_798_761_600_000), Some(1_798_761_599_000));
        check(b"0101000001", Time(1_798_761_599_000), Some(1_798_761_601_000));
        check(b"0229120000", NEAR, Some(1_709_208_000_000));
        check(b"0230120000", NEAR, None);
        check(b"1321221500", NEAR, None);
        check(b"112122150x", NEAR, None);
        check(b"1121241500", NEAR, None);
    }

    #[test]
    fn civil_dates() {
        let c = Time(1_795_299_300_123).civil();
        assert_eq!((c.year, c.month, c.day, c.hour, c.minute, c.second), (2026, 11, 21, 22, 15, 0));
        assert_eq!(c.day_of_year, 325);
        let leap = Time(1_709_164_800_000).civil();
        assert_eq!((leap.year, leap.month, leap.day, leap.day_of_year), (2024, 2, 29, 60));
    }
}

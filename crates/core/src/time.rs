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

    #[test]
    fn civil_dates() {
        let c = Time(1_795_299_300_123).civil();
        assert_eq!((c.year, c.month, c.day, c.hour, c.minute, c.second), (2026, 11, 21, 22, 15, 0));
        assert_eq!(c.day_of_year, 325);
        let leap = Time(1_709_164_800_000).civil();
        assert_eq!((leap.year, leap.month, leap.day, leap.day_of_year), (2024, 2, 29, 60));
    }
}

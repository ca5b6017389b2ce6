//! Times and spans as people read them; UTC.

use crate::words::Words;
use florin_core::time::Time;

/// `2026-11-22 06:40:52`.
pub fn moment(at: Time) -> String {
    let c = at.civil();
    format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

/// For machines: `2026-11-22T06:40:52.501Z`.
pub fn machine(at_us: i64) -> String {
    let c = Time(at_us.div_euclid(1_000)).civil();
    let ms = at_us.div_euclid(1_000).rem_euclid(1_000);
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{ms:03}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

/// Time of day to the millisecond: `06:40:52.501`.
pub fn of_day(at_us: i64) -> String {
    machine(at_us).get(11..23).unwrap_or_default().to_owned()
}

/// A span with the unit that fits: `0.20 ms`, `512 ms`, `15.0 s`, `4 min`.
pub fn span(us: i64, words: Words) -> String {
    let us = us.max(0);
    let (key, text) = match us {
        0..10_000 => ("unit-ms", format!("{}.{:02}", us / 1_000, us % 1_000 / 10)),
        10_000..100_000 => ("unit-ms", format!("{}.{}", us / 1_000, us % 1_000 / 100)),
        100_000..1_000_000 => ("unit-ms", format!("{}", us / 1_000)),
        1_000_000..60_000_000 => ("unit-s", format!("{}.{}", us / 1_000_000, us % 1_000_000 / 100_000)),
        60_000_000..7_200_000_000 => ("unit-min", format!("{}", us / 60_000_000)),
        7_200_000_000..172_800_000_000 => ("unit-h", format!("{}", us / 3_600_000_000)),
        _ => ("unit-d", format!("{}", us / 86_400_000_000)),
    };
    words.with(key, "n", &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn spans() {
        #[track_caller]
        fn check(us: i64, expected: &str) {
            assert_eq!(span(us, Words(Language::English)), expected);
        }
        check(-5, "0.00 ms");
        check(3, "0.00 ms");
        check(198, "0.19 ms");
        check(9_999, "9.99 ms");
        check(12_340, "12.3 ms");
        check(512_900, "512 ms");
        check(15_017_425, "15.0 s");
        check(240_000_000, "4 min");
        check(7_200_000_000, "2 h");
        check(172_800_000_000, "2 d");
    }

    #[test]
    fn times() {
        assert_eq!(moment(Time(1_795_329_652_501)), "2026-11-22 06:40:52");
        assert_eq!(machine(1_795_329_652_501_961), "2026-11-22T06:40:52.501Z");
        assert_eq!(of_day(1_795_329_652_501_961), "06:40:52.501");
    }
}

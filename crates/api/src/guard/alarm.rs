//! Alarm for an account: when so much of what its browsers try is declined that cards are being tested through it from everywhere at once.
//! A pure machine. Knows no account.

use super::window::Tally;
use florin_core::time::Time;

/// How long the first alarm lasts. Each that follows within a day lasts twice as long, up to the longest.
const FIRST_MS: i64 = 10 * 60_000;
const LONGEST_MS: i64 = 6 * 3_600_000;
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;
/// Of an hour: so many declines, and half of what was tried.
const SLOW_DECLINES: u32 = 40;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    until: Time,
    lasts_ms: i64,
}

impl Alarm {
    pub fn rings(&self, now: Time) -> bool {
        self.lasts_ms > 0 && now < self.until && now >= self.until.plus_ms(-self.lasts_ms)
    }

    /// After a decline: whether a new alarm begins, at so many `declines` of a minute. `minute` and `hour` are what was tried lately, without what was stopped here; an address's
    /// second decline is none.
    pub fn heard(&mut self, minute: &Tally, hour: &Tally, declines: u32, now: Time) -> bool {
        let fast = minute.declines >= declines && minute.declines.saturating_mul(3) >= minute.tries;
        let slow = hour.declines >= SLOW_DECLINES && hour.declines.saturating_mul(2) >= hour.tries;
        if self.rings(now) || declines == 0 || !(fast || slow) {
            return false;
        }
        let again = self.lasts_ms > 0 && now.since(self.until) < FORGOTTEN_AFTER_MS;
        self.lasts_ms = if again { (self.lasts_ms * 2).min(LONGEST_MS) } else { FIRST_MS };
        self.until = now.plus_ms(self.lasts_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(tries: u32, declines: u32) -> Tally {
        Tally { tries, declines, ..Tally::default() }
    }

    #[test]
    fn when_it_begins() {
        #[track_caller]
        fn check(minute: (u32, u32), hour: (u32, u32), expected: bool) {
            let mut alarm = Alarm::default();
            let now = Time(1_000_000);
            assert_eq!(alarm.heard(&tally(minute.0, minute.1), &tally(hour.0, hour.1), 6, now), expected);
            assert_eq!(alarm.rings(now), expected);
        }
        check((18, 6), (18, 6), true);
        check((19, 6), (19, 6), false);
        check((5, 5), (5, 5), false);
        // Slowly, over an hour.
        check((1, 1), (80, 40), true);
        check((1, 1), (81, 40), false);
    }

    #[test]
    fn it_lasts_longer_each_time() {
        let (mut alarm, mut now) = (Alarm::default(), Time(1_000_000));
        let mut lasted = vec![];
        for _ in 0..7 {
            assert!(alarm.heard(&tally(6, 6), &tally(6, 6), 6, now));
            assert!(!alarm.heard(&tally(6, 6), &tally(6, 6), 6, now), "one at a time");
            lasted.push(alarm.until.since(now) / 60_000);
            now = alarm.until;
            assert!(!alarm.rings(now));
        }
        assert_eq!(lasted, [10, 20, 40, 80, 160, 320, 360]);
        // A day in peace, and it begins anew; at no account's wish does it ring at all.
        now = now.plus_ms(FORGOTTEN_AFTER_MS);
        assert!(!alarm.heard(&tally(6, 6), &tally(6, 6), 0, now));
        assert!(alarm.heard(&tally(6, 6), &tally(6, 6), 6, now));
        assert_eq!(alarm.until.since(now), FIRST_MS);
        // A clock that went back does not keep it ringing.
        assert!(!alarm.rings(Time(0)));
    }
}

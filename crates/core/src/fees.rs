//! What a merchant pays for a captured payment, and when its money is expected. Knows no acquirer.

use crate::money::Money;
use crate::time::Time;

/// One schedule for an installation. Computed once, when money is captured: a later change concerns later captures only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Hundredths of a percent of what is captured: 140 is 1.4 %.
    pub basis_points: u32,
    /// Added to each capture, in the smallest unit of its currency as the API counts: 25 is 0.25 eur, 25 jpy or 0.025 kwd.
    pub fixed_minor: u32,
    /// How long after the capture its money is expected to be available.
    pub settles_after_ms: i64,
}

impl Fees {
    pub const NONE: Fees = Fees { basis_points: 0, fixed_minor: 0, settles_after_ms: 0 };

    /// The fee for a captured amount above zero. The percentage is rounded to the nearest smallest unit, a half up; the fee is never
    /// more than the amount.
    pub fn rounded_half_up(self, captured: Money) -> Money {
        let share = i128::from(captured.minor) * i128::from(self.basis_points);
        let fee = (share + 5_000).div_euclid(10_000) + i128::from(self.fixed_minor);
        let most = captured.minor.max(0);
        captured.with_minor(i64::try_from(fee).unwrap_or(most).clamp(0, most))
    }

    /// When money that is captured now is expected to be available.
    pub const fn settles(self, now: Time) -> Time {
        now.plus_ms(self.settles_after_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    #[test]
    fn fees_of_amounts() {
        #[track_caller]
        fn check(basis_points: u32, fixed_minor: u32, captured: i64, currency: Currency, expected: i64) {
            let fees = Fees { basis_points, fixed_minor, ..Fees::NONE };
            let fee = fees.rounded_half_up(Money::new(captured, currency));
            assert_eq!(fee, Money::new(expected, currency), "{basis_points} + {fixed_minor} of {captured}");
        }
        let (eur, jpy, kwd) = (Currency::EUR, Currency::JPY, Currency::KWD);
        check(140, 25, 1_000, eur, 39);
        check(140, 25, 1_999, eur, 53);
        // 1.4 % of 2,500 is 35 exactly; of 107 it is 1.498, of 108 it is 1.512.
        check(140, 25, 2_500, eur, 60);
        check(140, 0, 107, eur, 1);
        check(140, 0, 108, eur, 2);
        // A half goes up.
        check(50, 0, 100, eur, 1);
        check(50, 0, 99, eur, 0);
        check(140, 25, 500, jpy, 32);
        check(140, 25, 10_000, kwd, 165);
        // Never more than the amount.
        check(140, 25, 50, eur, 26);
        check(140, 25, 25, eur, 25);
        check(140, 25, 1, eur, 1);
        check(10_000, 25, 1_000, eur, 1_000);
        check(u32::MAX, u32::MAX, 99_999_999, eur, 99_999_999);
        check(140, 25, 99_999_999, eur, 1_400_025);
        check(0, 0, 1_000, eur, 0);
        check(140, 25, 0, eur, 0);
        check(140, 25, -5, eur, 0);
    }
}

//! The machine's wall clock: it jumps, goes back, stands still, and passes the ends of years and leap days. Steady time is not its affair.

use crate::faults::Fault;
use crate::rng::Rng;
use crate::world::{Event, Incident, World};
use florin_core::time::Time;

/// How long a clock stands still at most.
const LONGEST_STOP_MS: i64 = 600_000;

impl World {
    pub fn clock_jump(&mut self) {
        let (lowest, highest) = self.clock_within_ms;
        let by = self.rng.spread(500, 86_400_000);
        let target = if self.rng.chance(500) { self.clock_ahead_ms + by } else { self.clock_ahead_ms - by };
        let by = target.clamp(lowest, highest) - self.clock_ahead_ms;
        if by == 0 || self.clock_stopped_at.is_some() {
            return;
        }
        self.clock_ahead_ms += by;
        self.note(if by > 0 { Fault::ClockForward } else { Fault::ClockBack });
        self.tell(None, || format!("the machine's clock jumps by {by} ms"));
    }

    pub fn clock_stops(&mut self) {
        if self.clock_stopped_at.is_some() {
            return;
        }
        self.clock_stopped_at = Some(self.now);
        let ms = self.rng.spread(1_000, LONGEST_STOP_MS);
        self.note(Fault::ClockStopped);
        self.tell(None, || format!("the machine's clock stands still for {ms} ms"));
        self.after(ms, Event::Incident(Incident::ClockGoesOn));
    }

    /// From where it stands, or set right again when it would be too far behind.
    pub fn clock_goes_on(&mut self) {
        let Some(stopped) = self.clock_stopped_at.take() else { return };
        let behind = self.clock_ahead_ms - (self.now - stopped);
        if behind >= self.clock_within_ms.0 {
            self.clock_ahead_ms = behind;
        }
        self.tell(None, || "the machine's clock goes on".into());
    }

    /// What days the storm fell on.
    pub fn note_days(&mut self) {
        let (from, to) = (Time(self.epoch).civil(), self.true_time().civil());
        if from.year != to.year {
            self.note(Fault::YearTurned);
        }
        if [from, to].iter().any(|day| (day.month, day.day) == (2, 29)) {
            self.note(Fault::LeapDay);
        }
    }
}

/// Midday and midnight, the year's end, leap days, days on which clocks are changed.
pub fn epoch(rng: &mut Rng) -> i64 {
    const DAYS: [i64; 7] = [
        1_795_219_200_000, // 2026-11-21
        1_798_675_200_000, // 2026-12-31
        1_835_308_800_000, // 2028-02-28
        1_835_395_200_000, // 2028-02-29
        1_806_192_000_000, // 2027-03-28
        1_824_854_400_000, // 2027-10-30
        1_803_772_800_000, // 2027-02-28
    ];
    const TIMES: [i64; 5] = [43_200_000, 85_500_000, 86_100_000, 86_370_000, 3_600_000];
    rng.pick(&DAYS) + rng.pick(&TIMES) + rng.between(0, 999)
}

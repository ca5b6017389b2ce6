//! The two clocks of the process: one that never goes back, for deadlines, and the wall clock, for people and messages.
//! The only file of this crate that asks what time it is.

use crate::core::time::Time;
use crate::link::Moment;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    pub fn now(&self) -> Moment {
        let steady = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        Moment { steady: Time(steady), wall: Time(unix_us() / 1000) }
    }

    /// The tokio instant of a steady time.
    pub fn instant(&self, steady: Time) -> tokio::time::Instant {
        let since_start = Duration::from_millis(u64::try_from(steady.0).unwrap_or(0));
        self.start.checked_add(since_start).unwrap_or(self.start).into()
    }
}

/// Microseconds since the Unix epoch, UTC.
pub fn unix_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

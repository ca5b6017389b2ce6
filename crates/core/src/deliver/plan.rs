//! Decisions about deliveries: who is told of what, when a failed one is tried again, when an endpoint is given up.

use super::DISABLE_AFTER_MS;
use crate::commit::{Event, EventKind};
use crate::endpoint::Endpoint;
use crate::id::Key;
use crate::mutants::{Mutant, planted};
use crate::time::Time;

/// First pause, longest pause, and how long an event is tried at all; ms.
struct Schedule {
    first: i64,
    longest: i64,
    lasts: i64,
}

/// Seconds at first: a developer waits for it.
const TEST: Schedule = Schedule { first: 3_000, longest: 3_600_000, lasts: 86_400_000 };
/// Three days.
const LIVE: Schedule = Schedule { first: 60_000, longest: 43_200_000, lasts: 3 * 86_400_000 };

/// An event is tried so often before it is given up, and never more often.
const LEAST_TRIES: u32 = 12;
const MOST_TRIES: u32 = 100;

/// Whether an endpoint is told of an event.
pub fn matches(endpoint: &Endpoint, event: &Event) -> bool {
    event.kind.is_public() && event.id > endpoint.since && wants(endpoint, event.kind)
}

/// Whether an endpoint asked for events of this type.
fn wants(endpoint: &Endpoint, kind: EventKind) -> bool {
    endpoint.listens() && endpoint.events.iter().any(|e| e == "*" || e == kind.as_str())
}

/// The pause before try number `tries` + 1 of what is tried since `since`, or none when it was tried long enough. Doubled each time;
/// up to a quarter is added, by delivery and try, so that what failed together does not come again together.
pub fn pause_ms(live: bool, delivery: Key, tries: u32, since: Time, now: Time) -> Option<i64> {
    let schedule = if live { &LIVE } else { &TEST };
    // A clock that was set forward does not end it: it is tried so often in any case.
    let enough = (now.since(since) >= schedule.lasts && tries >= LEAST_TRIES) || tries >= MOST_TRIES;
    if enough || planted(Mutant::ForgetDelivery) {
        return None;
    }
    let doubled = schedule.first.saturating_mul(1i64 << tries.saturating_sub(1).min(30)).min(schedule.longest);
    let chance = (delivery.0.cast_unsigned() ^ (u64::from(tries) << 48)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    Some(doubled + i64::try_from(chance % 1_000).unwrap_or(0) * doubled / 4_000)
}

/// No pause is longer.
pub(super) const fn longest_pause_ms(live: bool) -> i64 {
    let schedule = if live { &LIVE } else { &TEST };
    schedule.longest + schedule.longest / 4
}

/// How long after a failure there may still be something open.
pub(super) const fn open_ms(live: bool) -> i64 {
    let schedule = if live { &LIVE } else { &TEST };
    schedule.lasts + 2 * schedule.longest
}

/// Whether an endpoint that fails since `since` is given up.
pub fn disables(failing_since: Option<Time>, now: Time) -> bool {
    failing_since.is_some_and(|since| now.since(since) >= DISABLE_AFTER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::Version;
    use crate::endpoint::SigningSecret;

    fn endpoint(events: &[&str]) -> Endpoint {
        Endpoint {
            live: false,
            url: "https://shop.example/hook".into(),
            events: events.iter().map(|e| (*e).to_owned()).collect(),
            api_version: None,
            enabled: true,
            given_up: None,
            deleted: false,
            description: None,
            metadata: vec![],
            secrets: vec![(SigningSecret::new("whsec_a".into()), None)],
            after: 0,
            since: Key(50),
        }
    }

    #[test]
    fn who_is_told() {
        #[track_caller]
        fn check(endpoint: &Endpoint, kind: EventKind, id: i64, expected: bool) {
            let event = Event { id: Key(id), kind, account: Key(1), cause: Key(2), version: Version(1) };
            assert_eq!(matches(endpoint, &event), expected);
        }
        let (all, one) = (endpoint(&["*"]), endpoint(&["charge.failed", "charge.succeeded"]));
        check(&all, EventKind::ChargeSucceeded, 51, true);
        check(&all, EventKind::ChargeSucceeded, 50, false);
        check(&all, EventKind::AttemptReversing, 51, false);
        check(&all, EventKind::PaymentProcessing, 51, false);
        check(&one, EventKind::ChargeSucceeded, 51, true);
        check(&one, EventKind::PaymentSucceeded, 51, false);
        check(&Endpoint { enabled: false, ..all.clone() }, EventKind::ChargeSucceeded, 51, false);
        check(&Endpoint { deleted: true, ..all }, EventKind::ChargeSucceeded, 51, false);
    }

    /// The pauses of a delivery that never succeeds, in seconds, and the hours that they last.
    fn pauses(live: bool) -> (Vec<i64>, i64) {
        let (mut tries, mut now, mut found) = (1, 0, vec![]);
        while let Some(pause) = pause_ms(live, Key(7 << 20), tries, Time(0), Time(now)) {
            found.push(pause / 1000);
            now += pause;
            tries += 1;
        }
        (found, now / 3_600_000)
    }

    #[test]
    fn pauses_double_and_end() {
        let (test, hours) = pauses(false);
        assert!(test[0] >= 3 && test[0] < 4 && test[1] >= 6 && test[1] < 8, "{test:?}");
        assert!(test.iter().all(|s| *s <= 4_500) && test.len() < 40, "{test:?}");
        assert!((24..26).contains(&hours), "{hours}");
        let (live, hours) = pauses(true);
        assert!(live[0] >= 60 && live[0] < 76, "{live:?}");
        assert!((72..90).contains(&hours) && live.len() < 20, "{hours} {live:?}");
    }

    #[test]
    fn what_failed_together_comes_apart() {
        let at: std::collections::BTreeSet<_> =
            (0..64).filter_map(|n| pause_ms(false, Key(n << 20), 3, Time(0), Time(0))).collect();
        assert!(at.len() > 40, "{at:?}");
    }

    #[test]
    fn days_of_failure() {
        let day = 86_400_000;
        assert!(!disables(None, Time(99 * day)));
        assert!(!disables(Some(Time(0)), Time(5 * day - 1)));
        assert!(disables(Some(Time(0)), Time(5 * day)));
    }
}

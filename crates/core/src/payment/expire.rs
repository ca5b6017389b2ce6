//! A hold has an end: what nobody captured by then is given up, as a void (0400). Knows no clock of its own: a job says when.

use super::cancel::begin;
use super::{Cancel, CancelReason, Payment, Stage};
use crate::attempt::{Attempt, Begun, Move, launch};
use crate::commit::{Clock, Commit, Job, JobId, JobKind, Version};
use crate::flow::{self, Failure, Met, View};
use crate::id::Key;
use crate::ports::Ports;
use crate::rare::{Site, rare};
use crate::refusal::{Operation, Refusal};
use crate::time::Time;
use crate::wire::Initiator;

const DAY_MS: i64 = 86_400_000;
/// How long issuers keep a hold that the cardholder started.
const HOLD_MS: i64 = 7 * DAY_MS;
/// And one that the merchant started without them.
const MERCHANTS_HOLD_MS: i64 = 5 * DAY_MS;
/// Pause before a hold is looked at again that is being captured, voided or raised just now.
const BUSY_PAUSE_MS: i64 = 600_000;

/// Until when a hold can be captured (`capture_before`).
pub fn capture_before(hold: &Attempt) -> Time {
    let valid_ms = match hold.what {
        Move::Authorization(Initiator::Merchant) => MERCHANTS_HOLD_MS,
        Move::Authorization(Initiator::Customer | Initiator::CustomerStoring | Initiator::CustomerStored)
        | Move::Sale(_)
        | Move::Completion(_)
        | Move::Void(_)
        | Move::Refund(_)
        | Move::Increment(_)
        | Move::Verification(_) => HOLD_MS,
    };
    hold.key.time().plus_ms(valid_ms)
}

/// The job that ends a hold. It goes by the hold's own key, so that whoever claims the hold can name it.
pub(crate) fn job(account: Key, payment: Key, hold: &Attempt) -> Job {
    let (kind, clock) = (JobKind::Expire, Clock::Real);
    let (id, attempt, due) = (job_of(hold.key), hold.key, capture_before(hold));
    Job { id, kind, account, subject: payment, attempt, due, clock, tries: 0 }
}

pub(super) const fn job_of(hold: Key) -> JobId {
    hold
}

/// What a job that is due finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// The hold stands and its time is over.
    Due,
    /// It may be captured still, or something is under way.
    Later(Time),
    /// It was captured or given up.
    Over,
}

fn find(payment: &Payment, hold: Key, now: Time) -> Found {
    let Some(attempt) = payment.attempt(hold) else { return Found::Over };
    match payment.stage {
        Stage::RequiresCapture { hold: standing } if standing == hold => match capture_before(attempt) {
            ends if ends <= now => Found::Due,
            ends => Found::Later(ends.min(now.plus_ms(JobKind::Expire.longest_wait_ms()))),
        },
        Stage::Processing { .. } if attempt.approval().is_some() => Found::Later(now.plus_ms(BUSY_PAUSE_MS)),
        Stage::Processing { .. }
        | Stage::RequiresCapture { .. }
        | Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::RequiresAction { .. }
        | Stage::Succeeded { .. }
        | Stage::Canceled { .. } => Found::Over,
    }
}

/// Does a leased `Expire` job: gives the hold up when its time is over.
pub async fn expire(ports: &dyn Ports, due: &Job) -> Result<(), Failure> {
    if rare(Site::ExpireLeft) {
        return Ok(());
    }
    for _ in 0..flow::TRIES {
        let row = ports.store().get(&[due.subject]).await?.into_iter().next().flatten();
        let view: Option<View<Payment>> = row.as_ref().map(flow::read).transpose()?;
        let now = ports.now();
        let found = view.as_ref().map_or(Found::Over, |view| find(&view.body, due.attempt, now));
        let seen = view.as_ref().map_or(Version::NONE, |view| view.version);
        let expect = vec![(due.subject, seen)];
        let commit = match found {
            Found::Due => return give_up(ports, due).await,
            Found::Later(time) => Commit { expect, jobs: vec![Job { due: time, ..*due }], ..Commit::default() },
            Found::Over => Commit { expect, done: vec![due.id], ..Commit::default() },
        };
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => return Ok(()),
            Met::Conflict | Met::Replay(_) | Met::Guard => {}
        }
    }
    Err(Refusal::Contended.into())
}

/// The void is an attempt like any other: its own job repeats it until the host answers.
async fn give_up(ports: &dyn Ports, due: &Job) -> Result<(), Failure> {
    let (account, payment, reason) = (due.account, due.subject, CancelReason::Automatic);
    let command = Cancel { account, payment, reason, claim: None };
    let decide = |from: &View<Payment>, begun: Begun| match find(&from.body, due.attempt, begun.now) {
        Found::Due => begin(from, &command, begun),
        Found::Later(_) | Found::Over => {
            Err(Refusal::UnexpectedState { operation: Operation::Cancel, status: from.body.stage.status() })
        }
    };
    match launch(ports, account, payment, None, &decide).await {
        // Somebody captured or canceled it this moment: the job comes back and sees.
        Ok(_) | Err(Failure::Refused(Refusal::UnexpectedState { .. })) => Ok(()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::State;
    use crate::sample::{CHARGE, OPEN, approved, attempt, every_stage, held, slot};
    use crate::wire::CardToken;

    const MADE: Time = Time(1_795_299_300_000);

    fn hold(by: Initiator) -> Attempt {
        let (key, card) = (Key(MADE.0 << 20), CardToken { key: Key(500), vault: 3 });
        let money = crate::sample::eur(1000);
        Attempt::begin(key, OPEN, Move::Authorization(by), money, card, slot(1), MADE)
    }

    #[test]
    fn how_long_holds_last() {
        let days = |by| capture_before(&hold(by)).since(MADE) / DAY_MS;
        assert_eq!(
            [Initiator::Customer, Initiator::CustomerStoring, Initiator::CustomerStored, Initiator::Merchant].map(days),
            [7, 7, 7, 5]
        );
    }

    /// What is found of the hold `CHARGE` long after its time, in every stage.
    #[test]
    fn every_stage_is_due_or_not() {
        let now = MADE.plus_ms(30 * DAY_MS);
        let busy = Found::Later(now.plus_ms(BUSY_PAUSE_MS));
        let (due, over) = (Found::Due, Found::Over);
        let expected = [over, over, over, busy, busy, busy, due, over, over, over];
        for (stage, expected) in every_stage().into_iter().zip(expected) {
            assert_eq!(find(&held(stage.clone()), CHARGE, now), expected, "{stage:?}");
        }
        let other = Stage::RequiresCapture { hold: OPEN };
        assert_eq!(find(&held(other.clone()), CHARGE, now), over);
        assert_eq!(find(&held(other), OPEN, now), over);
        let first = Payment {
            attempts: vec![attempt(CHARGE, Move::Authorization(Initiator::Customer), 1, State::Sent)],
            ..held(every_stage()[3].clone())
        };
        assert_eq!(find(&first, CHARGE, now), over, "it is not held yet: what holds it puts a job of its own");
    }

    #[test]
    fn early_looks_come_again() {
        #[track_caller]
        fn check(after_ms: i64, expected: Found) {
            let of = hold(Initiator::Customer);
            let key = of.key;
            let attempts = vec![Attempt { state: approved(), ..of }];
            let payment = Payment { attempts, ..held(Stage::RequiresCapture { hold: key }) };
            assert_eq!(find(&payment, key, MADE.plus_ms(after_ms)), expected);
        }
        check(0, Found::Later(MADE.plus_ms(HOLD_MS)));
        check(HOLD_MS - 1, Found::Later(MADE.plus_ms(HOLD_MS)));
        check(HOLD_MS, Found::Due);
        // The clock was a month ahead when it was held.
        let far = MADE.plus_ms(-30 * DAY_MS);
        check(-30 * DAY_MS, Found::Later(far.plus_ms(JobKind::Expire.longest_wait_ms())));
    }
}

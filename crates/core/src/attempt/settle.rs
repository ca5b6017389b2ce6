//! How an attempt ends: what a verdict means for it, and the commit that says so.

use super::{
    Attempt, Because, FIRST_PAUSE_MS, LEASE_MS, Move, Owner, Place, Reversal, SEND_WITHIN_MS, State, Step, Undone,
    Watch, is_malfunction, pause_ms, undone,
};
use crate::commit::{EventKind, Row};
use crate::customer::Customer;
use crate::decline::Retry;
use crate::flow::{self, Failure, Met, Trouble, View};
use crate::id::{Key, Kind};
use crate::mutants::{Mutant, planted};
use crate::payment::PaymentError;
use crate::ports::{Ports, Slot};
use crate::refusal::Refusal;
use crate::time::Time;
use crate::wire::{Approval, NotSent, Unsure, Verdict, WireId};

/// What a verdict asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Approve(State),
    Fail(State, PaymentError),
    /// Nobody knows: take it back until the host answers.
    Reverse(Because),
    /// An advice: say it again until the host answers.
    Repeat,
}

/// The table of verdicts. Unknown is never success and never failure.
pub(super) fn plan(attempt: &Attempt, verdict: &Verdict, at: Time) -> Plan {
    match attempt.what {
        Move::Sale(_) | Move::Authorization(_) | Move::Increment(_) => reversible(verdict, at, Mutant::ForgetReversal),
        Move::Refund(_) => reversible(verdict, at, Mutant::ForgetRefundReversal),
        Move::Completion(_) => advice(verdict, at),
        Move::Void(_) => void(verdict, at),
        Move::Verification(_) => verification(verdict, at),
    }
}

fn approve(approval: &Approval, at: Time) -> Plan {
    Plan::Approve(State::Approved { approval: *approval, at })
}

fn reversible(verdict: &Verdict, at: Time, forget: Mutant) -> Plan {
    match verdict {
        Verdict::Approved(approval) => approve(approval, at),
        Verdict::Declined(decline) if is_malfunction(decline) && !planted(Mutant::MalfunctionIsDecline) => {
            Plan::Reverse(Because::Malfunction(*decline))
        }
        Verdict::Declined(decline) => {
            Plan::Fail(State::Declined { decline: *decline, at }, PaymentError::Declined(*decline))
        }
        Verdict::NotSent(why) => Plan::Fail(State::NotSent { why: *why, at }, PaymentError::NotSent(*why)),
        Verdict::Unknown(_) if planted(forget) => {
            let why = NotSent::LinkDown;
            Plan::Fail(State::NotSent { why, at }, PaymentError::NotSent(why))
        }
        Verdict::Unknown(unsure) => Plan::Reverse(Because::Unsure(*unsure)),
        // No processor behind this link answers so; if one did, nothing would be known.
        Verdict::Pending => Plan::Reverse(Because::Unsure(Unsure::Unreadable)),
    }
}

fn advice(verdict: &Verdict, at: Time) -> Plan {
    match verdict {
        Verdict::Approved(approval) => approve(approval, at),
        Verdict::Declined(decline) if decline.retry == Retry::Now || is_malfunction(decline) => Plan::Repeat,
        Verdict::Declined(decline) => {
            Plan::Fail(State::Declined { decline: *decline, at }, PaymentError::Declined(*decline))
        }
        Verdict::NotSent(why @ (NotSent::NoSuchCard | NotSent::NotEncodable | NotSent::NoAgreement)) => {
            Plan::Fail(State::NotSent { why: *why, at }, PaymentError::NotSent(*why))
        }
        Verdict::NotSent(
            NotSent::LinkDown | NotSent::TooLate | NotSent::Busy | NotSent::NoVault | NotSent::Blocked,
        )
        | Verdict::Unknown(_)
        | Verdict::Pending => Plan::Repeat,
    }
}

fn void(verdict: &Verdict, at: Time) -> Plan {
    let because = Because::Unsure(Unsure::NoAnswer);
    match (undone(verdict), verdict) {
        (Undone::Yes, Verdict::Approved(approval)) => approve(approval, at),
        (Undone::NotFound, _) => Plan::Approve(State::Reversed { found: false, at, because }),
        _ if planted(Mutant::UnansweredVoidIsDone) => Plan::Approve(State::Reversed { found: true, at, because }),
        _ => Plan::Repeat,
    }
}

/// It moved nothing: without an answer there is nothing to take back, and nothing was verified.
fn verification(verdict: &Verdict, at: Time) -> Plan {
    match verdict {
        Verdict::Approved(approval) => approve(approval, at),
        Verdict::Declined(decline) => {
            Plan::Fail(State::Declined { decline: *decline, at }, PaymentError::Declined(*decline))
        }
        Verdict::NotSent(why) => Plan::Fail(State::NotSent { why: *why, at }, PaymentError::NotSent(*why)),
        Verdict::Unknown(_) | Verdict::Pending => Plan::Fail(State::Unanswered { at }, PaymentError::Unanswered),
    }
}

/// An answer came and cannot be believed: take it back at once, the caller waits for it. Without an answer a worker does it.
pub(super) const fn at_once(because: &Because) -> bool {
    match because {
        Because::Malfunction(_) | Because::Unsure(Unsure::Mismatch | Unsure::Partial | Unsure::Unreadable) => true,
        Because::Unsure(Unsure::NoAnswer | Unsure::LinkLost) | Because::Recovered | Because::LateApproval => false,
    }
}

/// What became of an attempt whose verdict this flow brought.
pub(crate) struct Concluded<T> {
    pub view: View<T>,
    /// This flow stored the answer under the idempotency key. Otherwise somebody else did, if there is a key.
    pub answered: bool,
}

/// Makes what a verdict says durable. `from` is the thing as it was when the message left; `tries` is how often it was sent.
pub(crate) async fn conclude<T: Owner>(
    ports: &dyn Ports,
    mut from: View<T>,
    attempt: Key,
    verdict: Verdict,
    tries: u32,
) -> Result<Concluded<T>, Failure> {
    let (account, key) = (from.account, from.key);
    for _ in 0..flow::TRIES {
        let Some(open) = from.body.find(attempt).cloned() else { return Err(Refusal::NoSuch(T::KIND).into()) };
        let now = ports.now();
        let plan = match &open.state {
            State::Sent | State::Repeating { .. } => plan(&open, &verdict, now),
            State::Reversing { .. } if planted(Mutant::LateIsSuccess) && matches!(verdict, Verdict::Approved(_)) => {
                plan(&open, &verdict, now)
            }
            State::Approved { .. }
            | State::Declined { .. }
            | State::NotSent { .. }
            | State::Reversing { .. }
            | State::Reversed { .. }
            | State::Unanswered { .. } => {
                // Somebody else settled it while this answer was on its way.
                let view = super::resolve::too_late(ports, from, &open, &verdict).await?;
                return Ok(Concluded { view, answered: false });
            }
        };
        let place = Place { account, key, now, fees: ports.fees() };
        let (step, next) = match plan {
            Plan::Approve(state) => {
                let kept = kept(ports, &from.body, &open).await?;
                (approved(&from.body, place, &open, state, kept.as_ref()), Next::Return)
            }
            Plan::Fail(state, error) => (failed(&from.body, place, &open, state, error), Next::Return),
            Plan::Repeat => (repeating(&from.body, place, &open, tries), Next::Return),
            Plan::Reverse(because) => {
                let slot = ports.slot().await.map_err(|_| Failure::Trouble(Trouble::NoSlot))?;
                let next = if at_once(&because) { Next::Undo } else { Next::Nudge };
                (reversing(&from.body, place, &open, because, slot, next == Next::Undo), next)
            }
        };
        let answered = step.answer.is_some();
        let (commit, view) = step.draft(ports, &from, now);
        if planted(Mutant::AnswerBeforeCommit) && tries == 1 && matches!(verdict, Verdict::Approved(_)) {
            ports.early(T::told(&view));
        }
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => match next {
                Next::Return => return Ok(Concluded { view, answered }),
                Next::Undo => return undo(ports, view, attempt, false, 1).await,
                Next::Nudge => {
                    flow::nudge(ports);
                    return Ok(Concluded { view, answered });
                }
            },
            Met::Conflict | Met::Replay(_) => {}
            Met::Guard => return Err(Refusal::Contended.into()),
        }
        from = flow::load(ports.store(), account, T::KIND, key).await?;
    }
    Err(Refusal::Contended.into())
}

/// What follows the commit that settles an attempt or claims it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Return,
    /// Take it back now: the caller waits for it.
    Undo,
    /// A worker takes it back.
    Nudge,
}

/// The current row of the payment method that an approval changes. None when the customer was deleted meanwhile: it is given no card.
async fn kept<T: Owner>(ports: &dyn Ports, body: &T, attempt: &Attempt) -> Result<Option<Row>, Failure> {
    let Some(key) = body.keeps(attempt).filter(|_| !planted(Mutant::CardNotKept)) else { return Ok(None) };
    let keys: Vec<Key> = [Some(key), body.customer()].into_iter().flatten().collect();
    let mut found = ports.store().get(&keys).await?.into_iter();
    let method = found.next().flatten();
    match found.next().flatten().filter(|row| row.kind == Kind::Customer) {
        Some(row) if flow::read::<Customer>(&row)?.body.deleted.is_some() => Ok(None),
        Some(_) | None => Ok(method),
    }
}

fn approved<T: Owner>(body: &T, place: Place, attempt: &Attempt, state: State, kept: Option<&Row>) -> Step<T> {
    let mut next = body.clone();
    let effects = next.approved(place, &Attempt { state: state.clone(), ..attempt.clone() }, kept);
    Step::new(next).state(attempt.key, state).with(effects).watch(Watch::Done(attempt.job)).answering(attempt.key)
}

pub(super) fn failed<T: Owner>(
    body: &T,
    place: Place,
    attempt: &Attempt,
    state: State,
    error: PaymentError,
) -> Step<T> {
    let mut next = body.clone();
    let effects = next.failed(place, attempt, error);
    Step::new(next).state(attempt.key, state).with(effects).watch(Watch::Done(attempt.job)).answering(attempt.key)
}

fn repeating<T: Owner>(body: &T, place: Place, attempt: &Attempt, tries: u32) -> Step<T> {
    let since = match attempt.state {
        State::Repeating { since } => since,
        State::Sent
        | State::Approved { .. }
        | State::Declined { .. }
        | State::NotSent { .. }
        | State::Reversing { .. }
        | State::Reversed { .. }
        | State::Unanswered { .. } => place.now,
    };
    let job = attempt.job_at(place.account, place.key, place.now.plus_ms(pause_ms(tries)));
    Step::new(body.clone()).state(attempt.key, State::Repeating { since }).watch(Watch::Put(job)).answering(attempt.key)
}

/// The claim on an unknown attempt: from here on only the host's word to a reversal ends it.
pub(super) fn reversing<T: Owner>(
    body: &T,
    place: Place,
    attempt: &Attempt,
    because: Because,
    slot: Slot,
    inline: bool,
) -> Step<T> {
    let wire = WireId { stan: slot.stan, at: place.now, ..attempt.wire };
    let due = if inline { place.now.plus_ms(LEASE_MS) } else { place.now };
    let step = Step::new(body.clone())
        .state(attempt.key, State::Reversing { wire, since: place.now, because })
        .events(&[EventKind::AttemptReversing])
        .watch(Watch::Put(attempt.job_at(place.account, place.key, due)));
    if inline { step } else { step.answering(attempt.key) }
}

/// Sends the reversal of an attempt that is being reversed, once, and makes what comes of it durable.
pub(super) async fn undo<T: Owner>(
    ports: &dyn Ports,
    view: View<T>,
    attempt: Key,
    repeat: bool,
    tries: u32,
) -> Result<Concluded<T>, Failure> {
    let Some(open) = view.body.find(attempt).cloned() else { return Ok(Concluded { view, answered: false }) };
    let State::Reversing { wire, because, .. } = open.state else { return Ok(Concluded { view, answered: false }) };
    let send_by = ports.now().plus_ms(SEND_WITHIN_MS);
    let order = open.reversal(view.account, view.key, view.body.live(), Reversal { wire, because, repeat }, send_by);
    let verdict = ports.submit(order).await;
    let mut from = view;
    for _ in 0..flow::TRIES {
        let now = ports.now();
        let place = Place { account: from.account, key: from.key, now, fees: ports.fees() };
        match from.body.find(attempt).map(|a| &a.state) {
            Some(State::Reversing { wire: present, .. }) if *present == wire => {}
            // Another worker settled it, or a late approval asked for a new reversal.
            _ => return Ok(Concluded { view: from, answered: false }),
        }
        let step = match undone(&verdict) {
            Undone::Yes => reversed(&from.body, place, &open, because, true),
            Undone::NotFound => reversed(&from.body, place, &open, because, false),
            Undone::NotYet if planted(Mutant::AnyReversalAnswer) && matches!(verdict, Verdict::Declined(_)) => {
                reversed(&from.body, place, &open, because, true)
            }
            Undone::NotYet => {
                let job = open.job_at(place.account, place.key, now.plus_ms(pause_ms(tries).max(FIRST_PAUSE_MS)));
                Step::new(from.body.clone()).watch(Watch::Put(job)).answering(attempt)
            }
        };
        let answered = step.answer.is_some();
        let (commit, view) = step.draft(ports, &from, now);
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => return Ok(Concluded { view, answered }),
            Met::Conflict | Met::Replay(_) => {}
            Met::Guard => return Err(Refusal::Contended.into()),
        }
        from = flow::load(ports.store(), from.account, T::KIND, from.key).await?;
    }
    Err(Refusal::Contended.into())
}

fn reversed<T: Owner>(body: &T, place: Place, attempt: &Attempt, because: Because, found: bool) -> Step<T> {
    let mut next = body.clone();
    let error = match because {
        Because::Malfunction(decline) => PaymentError::Declined(decline),
        Because::Unsure(Unsure::Partial) => PaymentError::Partial,
        Because::Unsure(Unsure::NoAnswer | Unsure::LinkLost | Unsure::Mismatch | Unsure::Unreadable)
        | Because::Recovered
        | Because::LateApproval => PaymentError::Reversed,
    };
    let effects = next.failed(place, attempt, error);
    Step::new(next)
        .state(attempt.key, State::Reversed { found, at: place.now, because })
        .events(&[EventKind::AttemptReversed])
        .with(effects)
        .watch(Watch::Done(attempt.job))
        .answering(attempt.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{
        APPROVAL, DUPLICATE, FUNDS, ISSUER_DOWN, MALFUNCTION, NO_ACTION, NOT_FOUND, NOW, OPEN, VERIFICATION, attempt,
        every_move,
    };

    /// What a verdict asks of a sale, hold or refund; of a capture; of a void.
    #[test]
    fn every_verdict_on_every_move() {
        #[track_caller]
        fn check(verdict: Verdict, reversible: Plan, capture: Plan, voided: Plan) {
            for what in every_move().into_iter().filter(|what| !matches!(what, Move::Verification(_))) {
                let expected = match what {
                    Move::Sale(_) | Move::Authorization(_) | Move::Increment(_) | Move::Refund(_) => &reversible,
                    Move::Completion(_) => &capture,
                    Move::Void(_) | Move::Verification(_) => &voided,
                };
                assert_eq!(plan(&attempt(OPEN, what, 2, State::Sent), &verdict, NOW), *expected, "{what:?}");
            }
        }
        let yes = || Plan::Approve(State::Approved { approval: APPROVAL, at: NOW });
        let no = |decline| Plan::Fail(State::Declined { decline, at: NOW }, PaymentError::Declined(decline));
        let unsent = |why| Plan::Fail(State::NotSent { why, at: NOW }, PaymentError::NotSent(why));
        let back = |unsure| Plan::Reverse(Because::Unsure(unsure));
        let broken = || Plan::Reverse(Because::Malfunction(MALFUNCTION));
        let because = Because::Unsure(Unsure::NoAnswer);
        let gone = || Plan::Approve(State::Reversed { found: false, at: NOW, because });
        let again = || Plan::Repeat;

        check(Verdict::Approved(APPROVAL), yes(), yes(), yes());
        check(Verdict::Declined(FUNDS), no(FUNDS), no(FUNDS), again());
        check(Verdict::Declined(MALFUNCTION), broken(), again(), again());
        check(Verdict::Declined(DUPLICATE), Plan::Reverse(Because::Malfunction(DUPLICATE)), again(), again());
        check(Verdict::Declined(ISSUER_DOWN), no(ISSUER_DOWN), again(), again());
        check(Verdict::Declined(NOT_FOUND), no(NOT_FOUND), no(NOT_FOUND), gone());
        check(Verdict::Declined(NO_ACTION), no(NO_ACTION), no(NO_ACTION), gone());
        check(Verdict::NotSent(NotSent::LinkDown), unsent(NotSent::LinkDown), again(), again());
        check(Verdict::NotSent(NotSent::TooLate), unsent(NotSent::TooLate), again(), again());
        check(Verdict::NotSent(NotSent::Busy), unsent(NotSent::Busy), again(), again());
        check(Verdict::NotSent(NotSent::NoVault), unsent(NotSent::NoVault), again(), again());
        check(Verdict::NotSent(NotSent::NoSuchCard), unsent(NotSent::NoSuchCard), unsent(NotSent::NoSuchCard), again());
        check(Verdict::NotSent(NotSent::Blocked), unsent(NotSent::Blocked), again(), again());
        let odd = NotSent::NotEncodable;
        check(Verdict::NotSent(odd), unsent(odd), unsent(odd), again());
        check(Verdict::Unknown(Unsure::NoAnswer), back(Unsure::NoAnswer), again(), again());
        check(Verdict::Unknown(Unsure::LinkLost), back(Unsure::LinkLost), again(), again());
        check(Verdict::Unknown(Unsure::Mismatch), back(Unsure::Mismatch), again(), again());
        check(Verdict::Unknown(Unsure::Partial), back(Unsure::Partial), again(), again());
        check(Verdict::Unknown(Unsure::Unreadable), back(Unsure::Unreadable), again(), again());
        check(Verdict::Pending, back(Unsure::Unreadable), again(), again());
    }

    /// It is never taken back and never said again.
    #[test]
    fn every_verdict_on_a_verification() {
        #[track_caller]
        fn check(verdict: Verdict, expected: Plan) {
            let asked = attempt(OPEN, VERIFICATION, 2, State::Sent);
            assert_eq!(plan(&asked, &verdict, NOW), expected);
        }
        let no = |decline| Plan::Fail(State::Declined { decline, at: NOW }, PaymentError::Declined(decline));
        let unanswered = || Plan::Fail(State::Unanswered { at: NOW }, PaymentError::Unanswered);
        let why = NotSent::LinkDown;
        check(Verdict::Approved(APPROVAL), Plan::Approve(State::Approved { approval: APPROVAL, at: NOW }));
        check(Verdict::Declined(FUNDS), no(FUNDS));
        check(Verdict::Declined(MALFUNCTION), no(MALFUNCTION));
        check(Verdict::Declined(DUPLICATE), no(DUPLICATE));
        check(Verdict::NotSent(why), Plan::Fail(State::NotSent { why, at: NOW }, PaymentError::NotSent(why)));
        check(Verdict::Unknown(Unsure::NoAnswer), unanswered());
        check(Verdict::Unknown(Unsure::LinkLost), unanswered());
        check(Verdict::Unknown(Unsure::Mismatch), unanswered());
        check(Verdict::Unknown(Unsure::Partial), unanswered());
        check(Verdict::Unknown(Unsure::Unreadable), unanswered());
        check(Verdict::Pending, unanswered());
    }

    #[test]
    fn who_reverses() {
        #[track_caller]
        fn check(because: Because, while_the_caller_waits: bool) {
            assert_eq!(at_once(&because), while_the_caller_waits, "{because:?}");
        }
        check(Because::Malfunction(MALFUNCTION), true);
        check(Because::Unsure(Unsure::Mismatch), true);
        check(Because::Unsure(Unsure::Partial), true);
        check(Because::Unsure(Unsure::Unreadable), true);
        check(Because::Unsure(Unsure::NoAnswer), false);
        check(Because::Unsure(Unsure::LinkLost), false);
        check(Because::Recovered, false);
        check(Because::LateApproval, false);
    }
}

//! Recovery: settles attempts that nobody waits for, and takes answers that came too late.

use super::settle::{at_once, failed, reversing, undo};
use super::{Attempt, Because, LEASE_MS, Move, Owner, Place, SEND_WITHIN_MS, State, Step, Watch, conclude};
use crate::commit::{Commit, EventKind, Job, Version};
use crate::flow::{self, Failure, Met, Trouble, View};
use crate::id::Kind;
use crate::mutants::{Mutant, planted};
use crate::payment::{Payment, PaymentError};
use crate::ports::{Ports, Slot};
use crate::rare::{Site, rare};
use crate::refund::Refund;
use crate::refusal::Refusal;
use crate::restore::Orphan;
use crate::setup::Setup;
use crate::wire::{Late, Verdict, WireId};

/// Does a leased `Resolve` job: claims the attempt by a commit, sends what settles it, records what came of that.
/// What could not be settled stays a job with a later due time.
pub async fn resolve(ports: &dyn Ports, job: &Job) -> Result<(), Failure> {
    if rare(Site::ResolveLeft) {
        return Ok(());
    }
    let row = ports.store().get(&[job.subject]).await?.into_iter().next().flatten();
    match row.as_ref().map(|r| r.kind) {
        Some(Kind::Payment) => of::<Payment>(ports, job).await,
        Some(Kind::Refund) => of::<Refund>(ports, job).await,
        Some(Kind::Setup) => of::<Setup>(ports, job).await,
        Some(Kind::Orphan) => of::<Orphan>(ports, job).await,
        _ => drop_job(ports, job, Version::NONE).await.map(|_| ()),
    }
}

async fn of<T: Owner>(ports: &dyn Ports, job: &Job) -> Result<(), Failure> {
    for _ in 0..flow::TRIES {
        let view: View<T> = flow::load(ports.store(), job.account, T::KIND, job.subject).await?;
        let Some(open) = view.body.find(job.attempt).cloned() else {
            return drop_job(ports, job, view.version).await.map(|_| ());
        };
        match open.state {
            State::Sent if matches!(open.what, Move::Verification(_)) => {
                if give_up(ports, &view, &open).await? {
                    return Ok(());
                }
            }
            State::Sent => match claim(ports, &view, &open).await? {
                Some(view) => return proceed(ports, view, job, false).await,
                None => continue,
            },
            // The first lease of a reversal is its first try (0400, later 0401), unless the caller's process tried before.
            State::Reversing { because, .. } => {
                return proceed(ports, view, job, job.tries > 1 || at_once(&because)).await;
            }
            State::Repeating { .. } => return proceed(ports, view, job, true).await,
            State::Approved { .. }
            | State::Declined { .. }
            | State::NotSent { .. }
            | State::Reversed { .. }
            | State::Unanswered { .. } => {
                if drop_job(ports, job, view.version).await? {
                    return Ok(());
                }
            }
        }
    }
    Err(Refusal::Contended.into())
}

/// Ends a verification that nobody waits for: there is nothing to take back. False when somebody else was faster.
async fn give_up<T: Owner>(ports: &dyn Ports, view: &View<T>, open: &Attempt) -> Result<bool, Failure> {
    let now = ports.now();
    let place = Place { account: view.account, key: view.key, now, fees: ports.fees() };
    let step = failed(&view.body, place, open, State::Unanswered { at: now }, PaymentError::Unanswered);
    let (commit, _) = step.draft(ports, view, now);
    match flow::commit(ports.store(), commit, None).await? {
        Met::Applied => Ok(true),
        Met::Conflict | Met::Replay(_) | Met::Guard => Ok(false),
    }
}

/// Makes an attempt that may have been sent ours to settle. None when somebody else was faster.
async fn claim<T: Owner>(ports: &dyn Ports, view: &View<T>, open: &Attempt) -> Result<Option<View<T>>, Failure> {
    let now = ports.now();
    let place = Place { account: view.account, key: view.key, now, fees: ports.fees() };
    let step = match open.what {
        Move::Sale(_) | Move::Authorization(_) | Move::Increment(_) | Move::Refund(_) => {
            let slot = slot(ports).await?;
            let job = open.job_at(view.account, view.key, now.plus_ms(LEASE_MS));
            reversing(&view.body, place, open, Because::Recovered, slot, false).watch(Watch::Put(job))
        }
        // A verification never comes here: it is given up.
        Move::Completion(_) | Move::Void(_) | Move::Verification(_) => {
            let job = open.job_at(view.account, view.key, now.plus_ms(LEASE_MS));
            Step::new(view.body.clone())
                .state(open.key, State::Repeating { since: now })
                .watch(Watch::Put(job))
                .answering(open.key)
        }
    };
    let (commit, next) = step.draft(ports, view, now);
    match flow::commit(ports.store(), commit, None).await? {
        Met::Applied => Ok(Some(next)),
        Met::Conflict | Met::Replay(_) | Met::Guard => Ok(None),
    }
}

async fn proceed<T: Owner>(ports: &dyn Ports, view: View<T>, job: &Job, repeat: bool) -> Result<(), Failure> {
    let Some(open) = view.body.find(job.attempt).cloned() else { return Ok(()) };
    if let State::Reversing { .. } = open.state {
        undo(ports, view, open.key, repeat, job.tries).await?;
        return Ok(());
    }
    let mut order = open.order(view.account, view.key, view.body.live(), true, ports.now().plus_ms(SEND_WITHIN_MS));
    if planted(Mutant::NewCaptureEachTry) {
        let slot = slot(ports).await?;
        order.wire = WireId { stan: slot.stan, at: ports.now(), ..order.wire };
    }
    let verdict = ports.submit(order).await;
    conclude(ports, view, open.key, verdict, job.tries).await?;
    Ok(())
}

/// An answer that no waiter was left for. An approval of what has ended otherwise is taken back; it never makes a success.
pub async fn late(ports: &dyn Ports, late: &Late) -> Result<(), Failure> {
    if rare(Site::LateRefused) {
        return Err(Refusal::Contended.into());
    }
    let row = ports.store().get(&[late.owner]).await?.into_iter().next().flatten();
    match row.as_ref().map(|r| r.kind) {
        Some(Kind::Payment) => late_for::<Payment>(ports, late).await,
        Some(Kind::Refund) => late_for::<Refund>(ports, late).await,
        Some(Kind::Setup) => late_for::<Setup>(ports, late).await,
        Some(Kind::Orphan) => late_for::<Orphan>(ports, late).await,
        _ => Ok(()),
    }
}

async fn late_for<T: Owner>(ports: &dyn Ports, late: &Late) -> Result<(), Failure> {
    let view: View<T> = flow::load(ports.store(), late.account, T::KIND, late.owner).await?;
    match view.body.find(late.attempt).cloned() {
        // An answer to a reversal or to an advice: its repeat will be answered the same.
        Some(open) if open.wire == late.wire => too_late(ports, view, &open, &late.verdict).await.map(|_| ()),
        _ => Ok(()),
    }
}

/// What an answer does to an attempt that was settled, or claimed, before it came.
pub(super) async fn too_late<T: Owner>(
    ports: &dyn Ports,
    mut from: View<T>,
    answered: &Attempt,
    verdict: &Verdict,
) -> Result<View<T>, Failure> {
    let Verdict::Approved(_) = verdict else { return Ok(from) };
    if planted(Mutant::DropLate) {
        return Ok(from);
    }
    for _ in 0..flow::TRIES {
        let Some(open) = from.body.find(answered.key).cloned() else { return Ok(from) };
        if !must_undo(&open) {
            return Ok(from);
        }
        let slot = slot(ports).await?;
        let now = ports.now();
        let place = Place { account: from.account, key: from.key, now, fees: ports.fees() };
        // A new message, not a repeat: the host may have stored "not found" for the reversal before.
        let step =
            reversing(&from.body, place, &open, Because::LateApproval, slot, false).events(&[EventKind::AnswerLate]);
        let (commit, view) = step.draft(ports, &from, now);
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => {
                flow::nudge(ports);
                return Ok(view);
            }
            Met::Conflict | Met::Replay(_) | Met::Guard => {}
        }
        from = flow::load(ports.store(), from.account, T::KIND, from.key).await?;
    }
    Err(Refusal::Contended.into())
}

fn must_undo(open: &Attempt) -> bool {
    match (&open.what, &open.state) {
        // Advices are repeated until answered; they are never taken back. A verification leaves nothing to take back.
        (Move::Completion(_) | Move::Void(_) | Move::Verification(_), _) => false,
        // A worker will claim and reverse it.
        (_, State::Sent) => false,
        (_, State::Approved { .. } | State::Repeating { .. } | State::Unanswered { .. }) => false,
        (_, State::Reversing { because, .. }) => *because != Because::LateApproval,
        (_, State::Reversed { found, .. }) => !found,
        (_, State::Declined { .. } | State::NotSent { .. }) => true,
    }
}

async fn slot(ports: &dyn Ports) -> Result<Slot, Failure> {
    ports.slot().await.map_err(|_| Failure::Trouble(Trouble::NoSlot))
}

/// Ends a job whose attempt has ended, unless a late approval has asked for it again in the meantime: false then.
pub(crate) async fn drop_job(ports: &dyn Ports, job: &Job, seen: Version) -> Result<bool, Failure> {
    let commit = Commit { expect: vec![(job.subject, seen)], done: vec![job.id], ..Commit::default() };
    match flow::commit(ports.store(), commit, None).await? {
        Met::Applied => Ok(true),
        Met::Conflict | Met::Replay(_) | Met::Guard => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{OPEN, attempt, every_move, every_state};

    /// Whether a late approval is taken back: of a sale, hold or refund by its state; of captures and voids never.
    #[test]
    fn late_approvals_that_are_taken_back() {
        let taken_back = [
            ("sent: a worker will claim it", false),
            ("approved: the same answer twice", false),
            ("declined", true),
            ("not sent, it was said", true),
            ("reversing, unanswered: the reversal may have overtaken it", true),
            ("reversing after a malfunction", true),
            ("reversing because of an approval before", false),
            ("reversed and found", false),
            ("reversed and not found", true),
            ("repeating: only advices are", false),
            ("unanswered: only verifications are", false),
        ];
        for (state, (name, reversible)) in every_state().into_iter().zip(taken_back) {
            for what in every_move() {
                let expected = match what {
                    Move::Sale(_) | Move::Authorization(_) | Move::Increment(_) | Move::Refund(_) => reversible,
                    Move::Completion(_) | Move::Void(_) | Move::Verification(_) => false,
                };
                assert_eq!(must_undo(&attempt(OPEN, what, 2, state.clone())), expected, "{name}: {what:?}");
            }
        }
    }
}

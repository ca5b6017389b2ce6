//! Commit 1, the message, commit 2: the one way by which a new attempt of an existing thing comes about.

use super::{Concluded, Owner, Step, conclude};
use crate::commit::{Claim, Version};
use crate::flow::{self, Claiming, Done, Failure, Met, Trouble, View};
use crate::id::Key;
use crate::mutants::{Mutant, planted};
use crate::ports::{Ports, Slot};
use crate::rare::{Site, or_short};
use crate::refusal::Refusal;
use crate::time::Time;
use crate::wire::{Act, Order};

/// What a new attempt needs from the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub key: Key,
    pub job: Key,
    pub slot: Slot,
    pub now: Time,
}

impl Begun {
    pub async fn fresh(ports: &dyn Ports) -> Result<Begun, Failure> {
        let slot = ports.slot().await.map_err(|_| Failure::Trouble(Trouble::NoSlot))?;
        Ok(Begun { key: ports.fresh_key(), job: ports.fresh_key(), slot, now: ports.now() })
    }
}

/// A pure decision: what the thing is after its new attempt was begun.
pub(crate) type Decide<'a, T> = &'a (dyn Fn(&View<T>, Begun) -> Result<Step<T>, Refusal> + Sync);

/// `decide` returns the step that begins the attempt `Begun::key`, or a step without it when no message is needed.
pub(crate) async fn launch<T: Owner>(
    ports: &dyn Ports,
    account: Key,
    key: Key,
    claiming: Option<&Claiming>,
    decide: Decide<'_, T>,
) -> Result<Done<View<T>>, Failure> {
    if let Some(answer) = flow::replay_at_first(ports.store(), claiming).await? {
        return Ok(Done::Replayed(answer));
    }
    for _ in 0..flow::TRIES {
        let from: View<T> = flow::load(ports.store(), account, T::KIND, key).await?;
        let begun = Begun::fresh(ports).await?;
        let step = match decide(&from, begun) {
            Ok(step) => step,
            Err(refusal) => return flow::refuse(ports.store(), claiming, refusal).await,
        };
        if let Some(done) = take_step(ports, &from, step, begun, claiming).await? {
            return Ok(done);
        }
    }
    flow::refuse(ports.store(), claiming, Refusal::Contended).await
}

/// The same for a thing that is made with its first attempt, under a fresh key.
pub(crate) async fn found<T: Owner>(
    ports: &dyn Ports,
    account: Key,
    key: Key,
    claiming: Option<&Claiming>,
    decide: &(dyn Fn(Begun) -> Step<T> + Sync),
) -> Result<Done<View<T>>, Failure> {
    if let Some(answer) = flow::replay_at_first(ports.store(), claiming).await? {
        return Ok(Done::Replayed(answer));
    }
    let begun = Begun::fresh(ports).await?;
    let step = decide(begun);
    let from = View { key, account, version: Version::NONE, at: begun.now, body: step.body.clone(), personal: None };
    match take_step(ports, &from, step, begun, claiming).await? {
        Some(done) => Ok(done),
        // What changes with it was changed by somebody else meanwhile.
        None => flow::refuse(ports.store(), claiming, Refusal::Contended).await,
    }
}

/// Commits the step, sends its message if it has one, and concludes. None when somebody else was faster.
async fn take_step<T: Owner>(
    ports: &dyn Ports,
    from: &View<T>,
    mut step: Step<T>,
    begun: Begun,
    claiming: Option<&Claiming>,
) -> Result<Option<Done<View<T>>>, Failure> {
    for a in step.body.attempts_mut().iter_mut().filter(|a| a.key == begun.key) {
        a.claim = claiming.map(Claiming::open);
    }
    let (mut commit, view) = step.draft(ports, from, begun.now);
    let order = order(&view, begun);
    if !planted(Mutant::NoClaim) {
        commit.claim = claiming.map(|c| take(ports, c, order.is_some(), &view));
    }
    if let (Some(order), true) = (order, planted(Mutant::SendBeforeCommit)) {
        ports.submit(order).await;
    }
    match flow::commit(ports.store(), commit, claiming).await? {
        Met::Applied => {}
        Met::Conflict => return Ok(None),
        Met::Replay(answer) => return Ok(Some(Done::Replayed(answer))),
        Met::Guard => return Err(Refusal::Contended.into()),
    }
    let Some(order) = order else { return Ok(Some(Done::Fresh(view))) };
    let verdict = ports.submit(order).await;
    let concluded = conclude(ports, view, begun.key, verdict, 1).await?;
    answer(ports, claiming, concluded).await.map(Some)
}

/// The message of an attempt that was just begun.
fn order<T: Owner>(view: &View<T>, begun: Begun) -> Option<Order> {
    let attempt = view.body.find(begun.key)?;
    let order = attempt.order(view.account, view.key, view.body.live(), false, attempt.send_by);
    let (address, fingerprint) = match order.act {
        Act::Sale { .. } | Act::Authorization { .. } | Act::Verification { .. } => {
            (T::address(view), view.body.fingerprint(attempt))
        }
        Act::Increment { .. } | Act::Completion { .. } | Act::Refund { .. } | Act::Reversal { .. } => (None, None),
    };
    // What is durable says until when it may be sent: less than that is always right.
    let send_by = or_short(Site::SendTooLate, order.send_by, order.send_by.min(begun.now));
    Some(Order { address, fingerprint, send_by, ..order })
}

/// What the caller hears: what this flow settled, or what somebody else stored under the idempotency key while it waited.
pub(crate) async fn answer<T: Owner>(
    ports: &dyn Ports,
    claiming: Option<&Claiming>,
    concluded: Concluded<T>,
) -> Result<Done<View<T>>, Failure> {
    if concluded.answered {
        return Ok(Done::Fresh(concluded.view));
    }
    match flow::replay(ports.store(), claiming).await {
        Ok(Some(answer)) => Ok(Done::Replayed(answer)),
        Ok(None) | Err(Failure::Refused(_)) => Ok(Done::Fresh(concluded.view)),
        Err(trouble) => Err(trouble),
    }
}

/// How a commit takes an idempotency key: under way while a message is, with the answer when there is none.
pub(crate) fn take<T: Owner>(ports: &dyn Ports, claiming: &Claiming, message: bool, view: &View<T>) -> Claim {
    let (id, request, subject, at) = (claiming.id.clone(), claiming.request, view.key, view.at);
    if message {
        return Claim::Begin { id, request, subject, at };
    }
    Claim::Answer { id, request, subject, at, answer: ports.render(T::told(view)) }
}

//! Confirm a payment: the attempt is durable, then the message leaves, then its outcome is durable, then the caller hears of it.

use super::{CaptureMethod, CardFacts, Doing, MOST_ATTEMPTS, Payment, PaymentView, Stage};
use crate::attempt::{Attempt, Begun, Move, Step, Watch, launch};
use crate::commit::{EventKind, IndexEntry};
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::{Key, Kind};
use crate::mutants::{Mutant, planted};
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use crate::wire::Initiator;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    pub account: Key,
    pub payment: Key,
    /// Replaces the card that the payment may have.
    pub card: Option<CardFacts>,
    pub initiator: Initiator,
    pub claim: Option<Claiming>,
}

pub async fn confirm(ports: &dyn Ports, command: &Confirm) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.payment, command.claim.as_ref(), &decide).await
}

fn begin(from: &View<Payment>, command: &Confirm, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let payment = &from.body;
    match payment.stage {
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation => {}
        Stage::Processing { .. } | Stage::RequiresCapture { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => {
            return Err(Refusal::UnexpectedState { operation: Operation::Confirm, status: payment.stage.status() });
        }
    }
    if payment.attempts.len() >= MOST_ATTEMPTS {
        return Err(Refusal::TooManyAttempts);
    }
    let card = command.card.as_ref().or(payment.card.as_ref()).ok_or(Refusal::NoCard)?;
    let what = match payment.capture {
        CaptureMethod::Automatic => Move::Sale(command.initiator),
        CaptureMethod::Manual => Move::Authorization(command.initiator),
    };
    let attempt = Attempt::begin(begun.key, begun.job, what, payment.money, card.token, begun.slot, begun.now);
    let mut next = payment.clone();
    next.card = Some(card.clone());
    next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Confirm };
    Ok(start(next, from, attempt).events(&[EventKind::PaymentProcessing]))
}

/// A step that adds an attempt to a payment, with the job that settles it if nobody else does.
pub(super) fn start(mut next: Payment, from: &View<Payment>, attempt: Attempt) -> Step<Payment> {
    let watch = Watch::Put(attempt.watch(from.account, from.key));
    let charge = match attempt.what {
        Move::Sale(_) | Move::Authorization(_) => Some(attempt.key),
        Move::Completion(_) | Move::Void(_) | Move::Refund(_) => None,
    };
    next.attempts.push(attempt);
    let mut step = Step::new(next).watch(if planted(Mutant::NoWatch) { Watch::Leave } else { watch });
    // A charge is found by its own id from now on.
    step.index = charge.iter().map(|c| IndexEntry { under: from.account, kind: Kind::Charge, key: *c }).collect();
    step
}

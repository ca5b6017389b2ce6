//! Cancel a payment: at once while nothing is held, by a void (0400) when something is.

use super::confirm::start;
use super::expire::job_of;
use super::{Doing, Payment, PaymentView, Stage};
use crate::attempt::{Attempt, Begun, Move, Step, launch};
use crate::commit::EventKind;
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::Key;
use crate::ledger;
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancelReason {
    Abandoned,
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
    /// None was given.
    Unspecified,
    /// The hold was not captured in time.
    Automatic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    pub account: Key,
    pub payment: Key,
    pub reason: CancelReason,
    pub claim: Option<Claiming>,
}

pub async fn cancel(ports: &dyn Ports, command: &Cancel) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.payment, command.claim.as_ref(), &decide).await
}

pub(super) fn begin(from: &View<Payment>, command: &Cancel, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let payment = &from.body;
    let unexpected = Refusal::UnexpectedState { operation: Operation::Cancel, status: payment.stage.status() };
    let mut next = payment.clone();
    match payment.stage {
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation | Stage::RequiresAction { .. } => {
            next.stage = Stage::Canceled { at: begun.now, reason: command.reason };
            Ok(Step::new(next).events(&[EventKind::PaymentCanceled]))
        }
        Stage::RequiresCapture { hold } => {
            let authorized = payment.attempt(hold).ok_or(unexpected)?;
            let what = Move::Void(authorized.as_original(authorized.approval()));
            let attempt =
                Attempt::begin(begun.key, begun.job, what, payment.money, authorized.card, begun.slot, begun.now);
            next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Cancel { reason: command.reason } };
            let step = start(next, from, attempt).events(&[EventKind::PaymentProcessing]).done(job_of(hold));
            Ok(step.moves(&ledger::claim_hold(from.account, from.key, payment.money)))
        }
        Stage::Processing { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => Err(unexpected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Watch;
    use crate::sample::{ACCOUNT, BEGUN, CHARGE, NOW, PAYMENT, card, eur, every_stage, held, original, view};

    enum Then {
        Canceled,
        Voiding,
        Refused,
    }

    fn voiding(reason: CancelReason) -> Step<Payment> {
        let what = Move::Void(original());
        let new = Attempt::begin(BEGUN.key, BEGUN.job, what, eur(1000), card().token, BEGUN.slot, BEGUN.now);
        let watch = Watch::Put(new.watch(ACCOUNT, PAYMENT));
        let mut next = held(Stage::Processing { attempt: BEGUN.key, doing: Doing::Cancel { reason } });
        next.attempts.push(new);
        let step = Step::new(next).watch(watch).events(&[EventKind::PaymentProcessing]).done(CHARGE);
        step.moves(&ledger::claim_hold(ACCOUNT, PAYMENT, eur(1000)))
    }

    #[test]
    fn every_stage_cancels_voids_or_refuses() {
        use Then::{Canceled, Refused, Voiding};
        let reason = CancelReason::Fraudulent;
        let expected = [Canceled, Canceled, Canceled, Refused, Refused, Refused, Voiding, Refused, Refused, Canceled];
        for (stage, then) in every_stage().into_iter().zip(expected) {
            let expected = match then {
                Canceled => {
                    let next = held(Stage::Canceled { at: NOW, reason });
                    Ok(Step::new(next).events(&[EventKind::PaymentCanceled]))
                }
                Voiding => Ok(voiding(reason)),
                Refused => Err(Refusal::UnexpectedState { operation: Operation::Cancel, status: stage.status() }),
            };
            let command = Cancel { account: ACCOUNT, payment: PAYMENT, reason, claim: None };
            assert_eq!(begin(&view(held(stage.clone())), &command, BEGUN), expected, "{stage:?}");
        }
    }
}

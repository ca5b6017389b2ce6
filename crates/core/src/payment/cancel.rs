//! Cancel a payment: at once while nothing is held, by a void (0400) when something is.

use super::confirm::start;
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

fn begin(from: &View<Payment>, command: &Cancel, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let payment = &from.body;
    let unexpected = Refusal::UnexpectedState { operation: Operation::Cancel, status: payment.stage.status() };
    let mut next = payment.clone();
    match payment.stage {
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation => {
            next.stage = Stage::Canceled { at: begun.now, reason: command.reason };
            Ok(Step::new(next).events(&[EventKind::PaymentCanceled]))
        }
        Stage::RequiresCapture { hold } => {
            let authorized = payment.attempt(hold).ok_or(unexpected)?;
            let what = Move::Void(authorized.as_original(authorized.approval()));
            let attempt =
                Attempt::begin(begun.key, begun.job, what, payment.money, authorized.card, begun.slot, begun.now);
            next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Cancel { reason: command.reason } };
            Ok(start(next, from, attempt).events(&[EventKind::PaymentProcessing]).moves(&ledger::claim_hold(
                from.account,
                from.key,
                payment.money,
            )))
        }
        Stage::Processing { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => Err(unexpected),
    }
}

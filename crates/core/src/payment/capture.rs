//! Capture a hold, whole or in part: one completion (0220), which releases what it does not claim.

use super::confirm::start;
use super::{Doing, Payment, PaymentView, Stage};
use crate::attempt::{Attempt, Begun, Move, Step, launch};
use crate::commit::EventKind;
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::Key;
use crate::ledger;
use crate::money::Currency;
use crate::mutants::{Mutant, planted};
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    pub account: Key,
    pub payment: Key,
    /// Minor units; the whole hold when absent.
    pub amount: Option<i64>,
    /// Refused when it is not the payment's.
    pub currency: Option<Currency>,
    pub claim: Option<Claiming>,
}

pub async fn capture(ports: &dyn Ports, command: &Capture) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.payment, command.claim.as_ref(), &decide).await
}

fn begin(from: &View<Payment>, command: &Capture, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let payment = &from.body;
    let unexpected = Refusal::UnexpectedState { operation: Operation::Capture, status: payment.stage.status() };
    let Stage::RequiresCapture { hold } = payment.stage else { return Err(unexpected) };
    let authorized = payment.attempt(hold).ok_or(unexpected)?;
    if command.currency.is_some_and(|c| c != payment.money.currency) {
        return Err(Refusal::CurrencyDiffers);
    }
    let amount = command.amount.unwrap_or(payment.money.minor);
    let money = crate::money::Money::chargeable(amount, payment.money.currency).map_err(Refusal::Amount)?;
    if amount > payment.money.minor {
        return Err(Refusal::CaptureTooLarge { held: payment.money.minor });
    }
    let what = Move::Completion(authorized.as_original(authorized.approval()));
    let attempt = Attempt::begin(begun.key, begun.job, what, money, authorized.card, begun.slot, begun.now);
    let mut next = payment.clone();
    next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Capture { amount } };
    let step = start(next, from, attempt).events(&[EventKind::PaymentProcessing]);
    if planted(Mutant::HoldNotClaimed) {
        return Ok(step);
    }
    Ok(step.moves(&ledger::claim_hold(from.account, from.key, payment.money)))
}

//! Hold more for a payment whose hold stands: one more 0100, linked to the first by the network's id. A refusal leaves the hold as it is.

use super::confirm::start;
use super::{Doing, MOST_ATTEMPTS_AND_CAPTURES, Payment, PaymentPersonal, PaymentView, Stage};
use crate::attempt::{Attempt, Begun, Move, Step, launch};
use crate::commit::{EventKind, Version};
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::Key;
use crate::money::Money;
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};

/// Increments of one payment, approved or not.
pub const MOST_INCREMENTS: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increment {
    pub account: Key,
    pub payment: Key,
    /// The version that was read, when the rest was made from it; none takes the payment as it is by now.
    pub from: Option<Version>,
    /// The whole amount to be held, minor units: more than is held now.
    pub amount: i64,
    /// What the personal data becomes; none keeps it.
    pub personal: Option<PaymentPersonal>,
    pub claim: Option<Claiming>,
}

/// `Refusal::Contended` when the payment is no longer at the version that was read: read it and ask again.
pub async fn increment(ports: &dyn Ports, command: &Increment) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.payment, command.claim.as_ref(), &decide).await
}

fn begin(from: &View<Payment>, command: &Increment, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let payment = &from.body;
    let unexpected = Refusal::UnexpectedState { operation: Operation::Increment, status: payment.stage.status() };
    let Stage::RequiresCapture { hold } = payment.stage else { return Err(unexpected) };
    let authorized = payment.attempt(hold).ok_or(unexpected)?;
    if command.from.is_some_and(|read| read != from.version) {
        return Err(Refusal::Contended);
    }
    if payment.terms.card.incremental != Some(true) {
        return Err(Refusal::NotIncremental);
    }
    let before = payment.attempts.iter().filter(|a| matches!(a.what, Move::Increment(_))).count();
    if before >= MOST_INCREMENTS || payment.attempts.len() >= MOST_ATTEMPTS_AND_CAPTURES {
        return Err(Refusal::TooManyAttempts);
    }
    let whole = Money::chargeable(command.amount, payment.money.currency).map_err(Refusal::Amount)?;
    if payment.order.is_some() {
        // More than was signed; what is to be had besides is an order of its own.
        return Err(Refusal::OrderMismatch { param: "amount" });
    }
    let held = payment.money.minor;
    let more = whole.minor.checked_sub(held).filter(|more| *more > 0).ok_or(Refusal::IncrementTooSmall { held })?;
    // The wire carries the difference, which must be an amount of its own.
    let more = Money::chargeable(more, payment.money.currency).map_err(Refusal::Amount)?;
    let what = Move::Increment(authorized.as_original(authorized.approval()));
    let attempt = Attempt::begin(begun.key, begun.job, what, more, authorized.card, begun.slot, begun.now);
    let mut next = payment.clone();
    next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Increment { to: whole.minor } };
    let mut step = start(next, from, attempt).events(&[EventKind::PaymentProcessing]);
    step.personal = command.personal.as_ref().map(|p| p.stored(payment.customer.unwrap_or(from.key)));
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Watch;
    use crate::money::BadAmount;
    use crate::sample::{ACCOUNT, BEGUN, CHARGE, PAYMENT, card, eur, every_stage, held, original, view};

    fn incremental(stage: Stage) -> Payment {
        let mut payment = held(stage);
        payment.terms.card.incremental = Some(true);
        payment
    }

    fn command(amount: i64) -> Increment {
        Increment { account: ACCOUNT, payment: PAYMENT, from: None, amount, personal: None, claim: None }
    }

    /// The whole step that begins to hold `to` instead of 10.00.
    fn started(from: &Payment, to: i64) -> Step<Payment> {
        let what = Move::Increment(original());
        let new = Attempt::begin(BEGUN.key, BEGUN.job, what, eur(to - 1000), card().token, BEGUN.slot, BEGUN.now);
        let watch = Watch::Put(new.watch(ACCOUNT, PAYMENT));
        let mut next = from.clone();
        next.stage = Stage::Processing { attempt: BEGUN.key, doing: Doing::Increment { to } };
        next.attempts.push(new);
        Step::new(next).watch(watch).events(&[EventKind::PaymentProcessing])
    }

    #[test]
    fn what_an_increment_begins() {
        #[track_caller]
        fn check(from: Payment, amount: i64, expected: Result<i64, Refusal>) {
            let expected = expected.map(|to| started(&from, to));
            assert_eq!(begin(&view(from), &command(amount), BEGUN), expected);
        }
        let hold = || Stage::RequiresCapture { hold: CHARGE };
        check(incremental(hold()), 1500, Ok(1500));
        check(incremental(hold()), 1001, Ok(1001));
        check(incremental(hold()), 1000, Err(Refusal::IncrementTooSmall { held: 1000 }));
        check(incremental(hold()), 500, Err(Refusal::IncrementTooSmall { held: 1000 }));
        check(incremental(hold()), 0, Err(Refusal::Amount(BadAmount::Zero)));
        check(incremental(hold()), i64::MAX, Err(Refusal::Amount(BadAmount::TooLarge)));
        check(held(hold()), 1500, Err(Refusal::NotIncremental));
        let later = Increment { from: Some(Version(9)), ..command(1500) };
        assert_eq!(begin(&view(incremental(hold())), &later, BEGUN), Err(Refusal::Contended));
        let mut often = incremental(hold());
        let one = started(&often, 1100).body.attempts.pop().unwrap();
        often.attempts.extend(std::iter::repeat_n(one, MOST_INCREMENTS));
        check(often, 1500, Err(Refusal::TooManyAttempts));
    }

    #[test]
    fn only_while_something_is_held() {
        let hold = Stage::RequiresCapture { hold: CHARGE };
        for stage in every_stage().into_iter().filter(|s| *s != hold) {
            let refused = Refusal::UnexpectedState { operation: Operation::Increment, status: stage.status() };
            assert_eq!(begin(&view(incremental(stage)), &command(1500), BEGUN), Err(refused));
        }
    }
}

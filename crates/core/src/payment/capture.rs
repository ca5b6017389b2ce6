//! Capture a hold, whole or in part: one completion (0220), which releases what it does not claim.

use super::confirm::start;
use super::{Doing, MOST_ATTEMPTS_AND_CAPTURES, Payment, PaymentPersonal, PaymentView, Stage};
use crate::attempt::{Attempt, Begun, Move, Step, conclude, launch};
use crate::commit::{EventKind, Version};
use crate::flow::{self, Claiming, Done, Failure, Met, View};
use crate::id::Key;
use crate::ledger;
use crate::money::{Currency, Money};
use crate::mutants::{Mutant, planted};
use crate::ports::{Ports, Slot};
use crate::refusal::{Operation, Refusal};
use crate::wire::{Verdict, WireId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    pub account: Key,
    pub payment: Key,
    /// The version that was read, when the rest was made from it; none takes the payment as it is by now.
    pub from: Option<Version>,
    /// Minor units; the whole hold when absent.
    pub amount: Option<i64>,
    /// Refused when it is not the payment's.
    pub currency: Option<Currency>,
    /// What the personal data becomes; none keeps it.
    pub personal: Option<PaymentPersonal>,
    pub claim: Option<Claiming>,
}

/// `Refusal::Contended` when the payment is no longer at the version that was read: read it and ask again.
pub async fn capture(ports: &dyn Ports, command: &Capture) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.payment, command.claim.as_ref(), &decide).await
}

/// Books a capture that the acquirer has and a restored database lost: the attempt is made again as it was sent, and ends as it was
/// answered. False when the payment cannot be captured so. If the process dies in between, the recovery repeats the message.
pub async fn take_up_capture(
    ports: &dyn Ports,
    from: &View<Payment>,
    money: Money,
    wire: WireId,
    answer: Verdict,
) -> Result<bool, Failure> {
    let (account, payment) = (from.account, from.key);
    let command = Capture {
        account,
        payment,
        from: Some(from.version),
        amount: Some(money.minor),
        currency: Some(money.currency),
        personal: None,
        claim: None,
    };
    let slot = Slot { terminal: wire.terminal, stan: wire.stan };
    let begun = Begun { key: ports.fresh_key(), job: ports.fresh_key(), slot, now: ports.now() };
    let Ok(mut step) = begin(from, &command, begun) else { return Ok(false) };
    for a in step.body.attempts.iter_mut().filter(|a| a.key == begun.key) {
        a.wire.at = wire.at;
    }
    let (commit, view) = step.draft(ports, from, begun.now);
    match flow::commit(ports.store(), commit, None).await? {
        Met::Applied => {}
        Met::Conflict | Met::Replay(_) | Met::Guard => return Ok(false),
    }
    conclude(ports, view, begun.key, answer, 1).await.map(|_| true)
}

fn begin(from: &View<Payment>, command: &Capture, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let payment = &from.body;
    let unexpected = Refusal::UnexpectedState { operation: Operation::Capture, status: payment.stage.status() };
    let Stage::RequiresCapture { hold } = payment.stage else { return Err(unexpected) };
    let authorized = payment.attempt(hold).ok_or(unexpected)?;
    if command.from.is_some_and(|read| read != from.version) {
        return Err(Refusal::Contended);
    }
    if payment.attempts.len() >= MOST_ATTEMPTS_AND_CAPTURES {
        return Err(Refusal::TooManyAttempts);
    }
    if command.currency.is_some_and(|c| c != payment.money.currency) {
        return Err(Refusal::CurrencyDiffers);
    }
    let amount = command.amount.unwrap_or(payment.money.minor);
    let money = Money::chargeable(amount, payment.money.currency).map_err(Refusal::Amount)?;
    if amount > payment.money.minor {
        return Err(Refusal::CaptureTooLarge { held: payment.money.minor });
    }
    let what = Move::Completion(authorized.as_original(authorized.approval()));
    let attempt = Attempt::begin(begun.key, begun.job, what, money, authorized.card, begun.slot, begun.now);
    let mut next = payment.clone();
    next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Capture { amount } };
    let mut step = start(next, from, attempt).events(&[EventKind::PaymentProcessing]);
    step.personal = command.personal.as_ref().map(|p| p.stored(payment.customer.unwrap_or(from.key)));
    if planted(Mutant::HoldNotClaimed) {
        return Ok(step);
    }
    Ok(step.moves(&ledger::claim_hold(from.account, from.key, payment.money)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Watch;
    use crate::money::BadAmount;
    use crate::sample::{ACCOUNT, BEGUN, CHARGE, PAYMENT, card, eur, every_stage, held, original, view};

    fn plain() -> Capture {
        let (account, payment) = (ACCOUNT, PAYMENT);
        Capture { account, payment, from: None, amount: None, currency: None, personal: None, claim: None }
    }

    /// What was written from another version would undo what changed since; a stage that captures nothing says so first.
    #[test]
    fn only_what_was_read_is_captured() {
        #[track_caller]
        fn check(stage: Stage, read: Option<Version>, expected: Result<(), Refusal>) {
            let command = Capture { from: read, ..plain() };
            assert_eq!(begin(&view(held(stage)), &command, BEGUN).map(|_| ()), expected);
        }
        let (hold, now) = (Stage::RequiresCapture { hold: CHARGE }, view(0).version);
        check(hold.clone(), None, Ok(()));
        check(hold.clone(), Some(now), Ok(()));
        check(hold, Some(now.next()), Err(Refusal::Contended));
        let over = Stage::Succeeded { charge: CHARGE, captured: 1000 };
        let refused = Refusal::UnexpectedState { operation: Operation::Capture, status: over.status() };
        check(over, Some(now.next()), Err(refused));
    }

    /// The whole step that begins the capture of `amount`.
    fn started(amount: i64) -> Step<Payment> {
        let what = Move::Completion(original());
        let new = Attempt::begin(BEGUN.key, BEGUN.job, what, eur(amount), card().token, BEGUN.slot, BEGUN.now);
        let watch = Watch::Put(new.watch(ACCOUNT, PAYMENT));
        let mut next = held(Stage::Processing { attempt: BEGUN.key, doing: Doing::Capture { amount } });
        next.attempts.push(new);
        let step = Step::new(next).watch(watch).events(&[EventKind::PaymentProcessing]);
        step.moves(&ledger::claim_hold(ACCOUNT, PAYMENT, eur(1000)))
    }

    #[test]
    fn what_a_capture_begins() {
        #[track_caller]
        fn check(from: Stage, amount: Option<i64>, currency: Option<Currency>, expected: Result<i64, Refusal>) {
            let command = Capture { amount, currency, ..plain() };
            assert_eq!(begin(&view(held(from)), &command, BEGUN), expected.map(started));
        }
        let hold = || Stage::RequiresCapture { hold: CHARGE };
        check(hold(), None, None, Ok(1000));
        check(hold(), None, Some(Currency::EUR), Ok(1000));
        check(hold(), Some(1000), None, Ok(1000));
        check(hold(), Some(600), Some(Currency::EUR), Ok(600));
        check(hold(), Some(1), None, Ok(1));
        check(hold(), Some(1001), None, Err(Refusal::CaptureTooLarge { held: 1000 }));
        check(hold(), Some(99_999_999), None, Err(Refusal::CaptureTooLarge { held: 1000 }));
        check(hold(), Some(0), None, Err(Refusal::Amount(BadAmount::Zero)));
        check(hold(), Some(-1), None, Err(Refusal::Amount(BadAmount::Negative)));
        check(hold(), Some(i64::MAX), None, Err(Refusal::Amount(BadAmount::TooLarge)));
        check(hold(), None, Some(Currency::USD), Err(Refusal::CurrencyDiffers));
        // Of several faults the currency is named first.
        check(hold(), Some(0), Some(Currency::USD), Err(Refusal::CurrencyDiffers));
        for stage in every_stage().into_iter().filter(|s| *s != hold()) {
            let refused = Refusal::UnexpectedState { operation: Operation::Capture, status: stage.status() };
            check(stage, None, None, Err(refused));
        }
    }

    #[test]
    fn amounts_that_the_wire_cannot_carry() {
        #[track_caller]
        fn check(code: &str, amount: i64, expected: Result<(), BadAmount>) {
            let currency = Currency::parse(code).unwrap();
            let command = Capture { amount: Some(amount), ..plain() };
            let from = Payment { money: Money::new(5000, currency), ..held(Stage::RequiresCapture { hold: CHARGE }) };
            assert_eq!(begin(&view(from), &command, BEGUN).map(|_| ()), expected.map_err(Refusal::Amount));
        }
        check("kwd", 1230, Ok(()));
        check("kwd", 1234, Err(BadAmount::LastDigitNotZero));
        check("isk", 1000, Ok(()));
        check("isk", 1050, Err(BadAmount::NotSendable));
    }
}

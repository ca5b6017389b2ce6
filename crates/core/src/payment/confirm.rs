//! Confirm a payment: the attempt is durable, then the message leaves, then its outcome is durable, then the caller hears of it.

use super::{CaptureMethod, CardFacts, Doing, MOST_ATTEMPTS, Payment, PaymentPersonal, PaymentView, Stage, Terms};
use crate::attempt::{Attempt, Begun, Move, Step, Watch, launch};
use crate::chase;
use crate::commit::{Beside, EventKind, IndexEntry, Version};
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::{Key, Kind};
use crate::mutants::{Mutant, planted};
use crate::order::{self, SignedOrder};
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use crate::threeds::StepUp;
use crate::wire::{Credential, Initiator};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    pub account: Key,
    pub payment: Key,
    /// The version that was read, when the rest was made from it; none takes the payment as it is by now.
    pub from: Option<Version>,
    /// Replaces the card that the payment may have.
    pub card: Option<CardFacts>,
    /// The payment method that the card is.
    pub method: Option<Key>,
    pub initiator: Initiator,
    pub credential: Credential,
    pub claim: Option<Claiming>,
    /// Rows that change with the first commit: a method that is used up, or made.
    pub beside: Vec<Beside>,
    /// What the personal data becomes; none keeps it.
    pub personal: Option<PaymentPersonal>,
    /// Terms that come with the confirmation.
    pub terms: Option<Terms>,
    pub step_up: StepUp,
    /// Takes the place of the one that the payment may have. Its code is given to this payment by a row beside.
    pub order: Option<SignedOrder>,
    /// Nothing is confirmed without.
    pub order_required: bool,
}

impl Confirm {
    /// With the card that the payment has, the cardholder being there.
    pub fn plain(account: Key, payment: Key) -> Confirm {
        Confirm {
            account,
            payment,
            from: None,
            card: None,
            method: None,
            initiator: Initiator::Customer,
            credential: Credential::default(),
            claim: None,
            beside: vec![],
            personal: None,
            terms: None,
            step_up: StepUp::Never,
            order: None,
            order_required: false,
        }
    }
}

/// `Refusal::Contended` when the payment is no longer at the version that was read: read it and ask again.
pub async fn confirm(ports: &dyn Ports, command: &Confirm) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.payment, command.claim.as_ref(), &decide).await
}

fn begin(from: &View<Payment>, command: &Confirm, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let payment = &from.body;
    match payment.stage {
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation | Stage::RequiresAction { .. } => {}
        Stage::Processing { .. } | Stage::RequiresCapture { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => {
            return Err(Refusal::UnexpectedState { operation: Operation::Confirm, status: payment.stage.status() });
        }
    }
    if command.from.is_some_and(|read| read != from.version) {
        return Err(Refusal::Contended);
    }
    if payment.attempts.len() >= MOST_ATTEMPTS {
        return Err(Refusal::TooManyAttempts);
    }
    let card = command.card.as_ref().or(payment.card.as_ref()).ok_or(Refusal::NoCard)?;
    let what = charge_move(payment.capture, command.initiator);
    let mut next = payment.clone();
    next.order = command.order.clone().or(next.order);
    order::confirms(next.order.as_ref(), command.order_required, (next.money, next.customer), begun.now)?;
    next.choose(command.method, card);
    next.terms = command.terms.unwrap_or(next.terms);
    let proof = payment.unused_proof(card.token);
    let mut step = match command.step_up {
        StepUp::First { mandated } if proof.is_none() => {
            next.ask_cardholder(begun.key, (what, command.credential), card.token, mandated, false)?;
            let asks = chase::job(from.account, from.key, begun.key, begun.now);
            Step::new(next).events(&[EventKind::PaymentRequiresAction]).job(asks)
        }
        StepUp::Never | StepUp::IfAsked | StepUp::First { .. } => {
            let (slot, now) = (begun.slot, begun.now);
            let mut attempt = Attempt::begin(begun.key, begun.job, what, payment.money, card.token, slot, now)
                .with(command.credential);
            attempt.may_step_up = command.step_up != StepUp::Never;
            attempt.proof = proof;
            next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Confirm };
            start(next, from, attempt).events(&[EventKind::PaymentProcessing])
        }
    };
    step.beside = command.beside.clone();
    step.personal = command.personal.as_ref().map(|p| p.stored(payment.customer.unwrap_or(from.key)));
    Ok(step)
}

/// The message that charges: one that takes the money, or one that holds it.
pub(super) const fn charge_move(capture: CaptureMethod, initiator: Initiator) -> Move {
    match capture {
        CaptureMethod::Automatic => Move::Sale(initiator),
        CaptureMethod::Manual => Move::Authorization(initiator),
    }
}

/// A step that adds an attempt to a payment, with the job that settles it if nobody else does.
pub(super) fn start(mut next: Payment, from: &View<Payment>, attempt: Attempt) -> Step<Payment> {
    let watch = Watch::Put(attempt.watch(from.account, from.key));
    let charge = match attempt.what {
        Move::Sale(_) | Move::Authorization(_) => Some(attempt.key),
        Move::Completion(_) | Move::Void(_) | Move::Refund(_) | Move::Increment(_) | Move::Verification(_) => None,
    };
    next.attempts.push(attempt);
    let mut step = Step::new(next).watch(if planted(Mutant::NoWatch) { Watch::Leave } else { watch });
    // A charge is found by its own id from now on.
    step.index = charge.iter().map(|c| IndexEntry { under: from.account, kind: Kind::Charge, key: *c }).collect();
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::State;
    use crate::sample::{ACCOUNT, BEGUN, OPEN, PAYMENT, SALE, attempt, card, eur, every_stage, payment, view};
    use crate::wire::CardToken;

    fn command(card: Option<CardFacts>) -> Confirm {
        Confirm { card, initiator: Initiator::CustomerStored, ..Confirm::plain(ACCOUNT, PAYMENT) }
    }

    /// The whole step that begins `what` with `card`.
    fn started(from: &Payment, what: Move, card: CardFacts) -> Step<Payment> {
        let new = Attempt::begin(BEGUN.key, BEGUN.job, what, eur(1000), card.token, BEGUN.slot, BEGUN.now);
        let watch = Watch::Put(new.watch(ACCOUNT, PAYMENT));
        let stage = Stage::Processing { attempt: BEGUN.key, doing: Doing::Confirm };
        let attempts = from.attempts.iter().cloned().chain([new]).collect();
        let mut step = Step::new(Payment { card: Some(card), stage, attempts, ..from.clone() });
        step.index = vec![IndexEntry { under: ACCOUNT, kind: Kind::Charge, key: BEGUN.key }];
        step.watch(watch).events(&[EventKind::PaymentProcessing])
    }

    #[test]
    fn what_a_confirmation_begins() {
        #[track_caller]
        fn check(from: Payment, given: Option<CardFacts>, expected: Result<(Move, CardFacts), Refusal>) {
            let expected = expected.map(|(what, card)| started(&from, what, card));
            assert_eq!(begin(&view(from), &command(given), BEGUN), expected);
        }
        let by = Initiator::CustomerStored;
        let other = CardFacts { token: CardToken { key: Key(501), vault: 4 }, ..card() };
        let sale = |stage| payment(CaptureMethod::Automatic, stage);
        let start = Stage::RequiresPaymentMethod { last_error: None };
        let tried = |n| Payment { attempts: vec![attempt(OPEN, SALE, 1, State::Sent); n], ..sale(start.clone()) };
        let no_card = Payment { card: None, ..sale(start.clone()) };

        check(sale(start.clone()), None, Ok((Move::Sale(by), card())));
        check(sale(Stage::RequiresConfirmation), None, Ok((Move::Sale(by), card())));
        check(sale(Stage::RequiresConfirmation), Some(other.clone()), Ok((Move::Sale(by), other.clone())));
        check(payment(CaptureMethod::Manual, start.clone()), None, Ok((Move::Authorization(by), card())));
        check(no_card.clone(), Some(other.clone()), Ok((Move::Sale(by), other)));
        check(no_card, None, Err(Refusal::NoCard));
        check(tried(MOST_ATTEMPTS - 1), None, Ok((Move::Sale(by), card())));
        check(tried(MOST_ATTEMPTS), None, Err(Refusal::TooManyAttempts));
    }

    /// What was made from another version would undo what changed since; a stage that confirms nothing says so first.
    #[test]
    fn only_what_was_read_is_confirmed() {
        #[track_caller]
        fn check(stage: Stage, read: Option<Version>, expected: Result<(), Refusal>) {
            let from = view(payment(CaptureMethod::Automatic, stage));
            let command = Confirm { from: read, ..command(None) };
            assert_eq!(begin(&from, &command, BEGUN).map(|_| ()), expected);
        }
        let now = view(0).version;
        check(Stage::RequiresConfirmation, None, Ok(()));
        check(Stage::RequiresConfirmation, Some(now), Ok(()));
        check(Stage::RequiresConfirmation, Some(now.next()), Err(Refusal::Contended));
        let over = Stage::Succeeded { charge: OPEN, captured: 1000 };
        let refused = Refusal::UnexpectedState { operation: Operation::Confirm, status: over.status() };
        check(over, Some(now.next()), Err(refused));
    }

    #[test]
    fn every_stage_confirms_or_refuses() {
        let confirms =
            |stage: &Stage| begin(&view(payment(CaptureMethod::Automatic, stage.clone())), &command(None), BEGUN);
        for (stage, expected) in
            every_stage().iter().zip([true, true, true, false, false, false, false, false, false, true])
        {
            let refused = Refusal::UnexpectedState { operation: Operation::Confirm, status: stage.status() };
            assert_eq!(confirms(stage).map(|_| ()), if expected { Ok(()) } else { Err(refused) }, "{stage:?}");
        }
    }
}

//! What the end of an attempt does to its payment: the stage, the ledger plan, the events.

use super::{CancelReason, Doing, MOST_ATTEMPTS, Payment, PaymentError, PaymentPersonal, Stage, expire};
use crate::attempt::{Attempt, Effects, Move, Owner, Place};
use crate::avs::AddressCheck;
use crate::chase;
use crate::commit::{EventKind, Row};
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::ledger;
use crate::method;
use crate::money::Money;
use crate::movement::NewMovement;
use crate::mutants::{Mutant, planted};
use crate::ports::Told;

impl Owner for Payment {
    const KIND: Kind = Kind::Payment;

    fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }
    fn attempts_mut(&mut self) -> &mut [Attempt] {
        &mut self.attempts
    }
    fn live(&self) -> bool {
        self.live
    }
    fn told(view: &View<Payment>) -> Told<'_> {
        Told::Payment(view)
    }

    fn address(view: &View<Payment>) -> Option<AddressCheck> {
        let personal: PaymentPersonal = view.personal().ok()?;
        AddressCheck::of(&personal.billing?.address?)
    }

    fn fingerprint(&self, attempt: &Attempt) -> Option<[u8; 16]> {
        let given = self.card.as_ref().filter(|card| card.token == attempt.card);
        given.or(self.method(attempt.card).map(|m| &m.card)).map(|card| card.fingerprint)
    }

    /// The card that the customer agreed to have kept.
    fn keeps(&self, attempt: &Attempt) -> Option<Key> {
        let agreed = self.terms.future_use.is_some() && self.customer.is_some();
        self.method(attempt.card).map(|m| m.key).filter(|_| agreed && is_charge(attempt))
    }

    fn customer(&self) -> Option<Key> {
        self.customer
    }

    fn approved(&mut self, place: Place, attempt: &Attempt, kept: Option<&Row>) -> Effects {
        let kept = match (kept, self.customer, attempt.approval()) {
            (Some(row), Some(customer), Some(approval)) => method::kept(row, place, customer, approval),
            _ => None,
        };
        let Some(doing) = self.doing(attempt.key) else { return Effects::default() };
        match (attempt.what, doing) {
            (Move::Authorization(_), _) => {
                self.stage = Stage::RequiresCapture { hold: attempt.key };
                let events = [EventKind::ChargeSucceeded, EventKind::PaymentCapturable];
                let held = Effects::of(&events, &ledger::hold(place.account, place.key, attempt.money));
                held.beside(kept).job(expire::job(place.account, place.key, attempt))
            }
            (Move::Increment(original), Doing::Increment { to }) => {
                self.money = Money::new(to, self.money.currency);
                self.stage = Stage::RequiresCapture { hold: original.wire.rrn.0 };
                let raised = ledger::raise_hold(place.account, place.key, attempt.money);
                Effects::of(&[EventKind::PaymentCapturable, EventKind::ChargeUpdated], &raised)
            }
            (Move::Void(_), Doing::Cancel { reason }) => {
                self.stage = Stage::Canceled { at: place.now, reason };
                match reason {
                    CancelReason::Automatic => {
                        Effects::of(&[EventKind::ChargeExpired, EventKind::PaymentCanceled], &[])
                    }
                    CancelReason::Abandoned
                    | CancelReason::Duplicate
                    | CancelReason::Fraudulent
                    | CancelReason::RequestedByCustomer
                    | CancelReason::Unspecified => Effects::of(&[EventKind::PaymentCanceled], &[]),
                }
            }
            (Move::Completion(original), _) => {
                let charge = original.wire.rrn.0;
                self.stage = Stage::Succeeded { charge, captured: attempt.money.minor };
                self.took(place, attempt, charge, EventKind::ChargeCaptured).done(expire::job_of(charge))
            }
            (Move::Sale(_), _) => {
                self.stage = Stage::Succeeded { charge: attempt.key, captured: attempt.money.minor };
                let mut effects = self.took(place, attempt, attempt.key, EventKind::ChargeSucceeded);
                // The charge as it lies in the merchant's balance follows the charge.
                effects.events.push(EventKind::ChargeUpdated);
                effects.beside(kept)
            }
            // A void or increment that is not what is under way, a refund or a verification on a payment: never begun by any flow.
            (Move::Void(_) | Move::Refund(_) | Move::Increment(_) | Move::Verification(_), _) => Effects::default(),
        }
    }

    fn failed(&mut self, place: Place, attempt: &Attempt, error: PaymentError) -> Effects {
        if self.doing(attempt.key).is_none() {
            return Effects::default();
        }
        match attempt.what {
            Move::Completion(original) => {
                self.stage = Stage::RequiresCapture { hold: original.wire.rrn.0 };
                let restored = ledger::restore_hold(place.account, place.key, self.money);
                let restored = if planted(Mutant::HoldNotRestored) { &[][..] } else { &restored };
                Effects::of(&[EventKind::PaymentCapturable], restored)
            }
            // What was held before is held still.
            Move::Increment(original) => {
                self.stage = Stage::RequiresCapture { hold: original.wire.rrn.0 };
                Effects::of(&[EventKind::IncrementFailed], &[])
            }
            Move::Sale(_) | Move::Authorization(_) if self.steps_up(attempt, &error) => {
                let asks = chase::job(place.account, place.key, attempt.key, place.now);
                Effects::of(&[EventKind::PaymentRequiresAction], &[]).job(asks)
            }
            Move::Sale(_) | Move::Authorization(_) | Move::Void(_) | Move::Refund(_) | Move::Verification(_) => {
                self.stage = Stage::RequiresPaymentMethod { last_error: Some(error) };
                self.card = None;
                Effects::of(&[EventKind::ChargeFailed, EventKind::PaymentFailed], &[])
            }
        }
    }
}

/// The message asked for the payment's money.
const fn is_charge(attempt: &Attempt) -> bool {
    match attempt.what {
        Move::Sale(_) | Move::Authorization(_) => true,
        Move::Completion(_) | Move::Void(_) | Move::Refund(_) | Move::Increment(_) | Move::Verification(_) => false,
    }
}

impl Payment {
    /// Money was captured for a charge.
    fn took(&self, place: Place, attempt: &Attempt, charge: Key, event: EventKind) -> Effects {
        let captured = ledger::capture(place.account, place.key, attempt.money);
        let movement = NewMovement::of_capture(place, attempt, charge, self.live);
        Effects::of(&[event, EventKind::PaymentSucceeded], &captured).moving(place.account, movement)
    }

    /// Turns a soft refusal into an authentication. False when it stays a refusal: nobody is asked for what no attempt could follow.
    fn steps_up(&mut self, attempt: &Attempt, error: &PaymentError) -> bool {
        let may = error.is_soft() && attempt.may_step_up && attempt.proof.is_none();
        let may = may && self.attempts.len() < MOST_ATTEMPTS;
        may && self.ask_cardholder(attempt.key, (attempt.what, attempt.credential), attempt.card, false, true).is_ok()
    }

    /// What the payment waits for, if it waits for this attempt.
    fn doing(&self, attempt: Key) -> Option<Doing> {
        match self.stage {
            Stage::Processing { attempt: open, doing } if open == attempt => Some(doing),
            Stage::Processing { .. }
            | Stage::RequiresPaymentMethod { .. }
            | Stage::RequiresConfirmation
            | Stage::RequiresCapture { .. }
            | Stage::Succeeded { .. }
            | Stage::RequiresAction { .. }
            | Stage::Canceled { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::State;
    use crate::fees::Fees;
    use crate::ledger::Transfer;
    use crate::payment::{CancelReason, CaptureMethod};
    use crate::sample::{
        ACCOUNT, CHARGE, FUNDS, HOLD, NOW, OPEN, PAYMENT, SALE, SOFT, attempt, eur, every_move, held, original, payment,
    };
    use EventKind::{
        ChargeCaptured, ChargeFailed, ChargeSucceeded, PaymentCanceled, PaymentCapturable, PaymentFailed,
        PaymentSucceeded,
    };

    const FEES: Fees = Fees { basis_points: 140, fixed_minor: 25, settles_after_ms: 60_000 };
    const PLACE: Place = Place { account: ACCOUNT, key: PAYMENT, now: NOW, fees: FEES };
    const REASON: CancelReason = CancelReason::Duplicate;

    fn processing(doing: Doing) -> Payment {
        held(Stage::Processing { attempt: OPEN, doing })
    }

    fn of(what: Move, minor: i64) -> Attempt {
        Attempt { money: eur(minor), ..attempt(OPEN, what, 2, State::Sent) }
    }

    #[test]
    fn an_approval() {
        #[track_caller]
        fn check(doing: Doing, what: Move, minor: i64, stage: Stage, events: &[EventKind], transfers: &[Transfer]) {
            let mut next = processing(doing);
            let mut expected = Effects::of(events, transfers);
            if stage == (Stage::RequiresCapture { hold: OPEN }) {
                expected.jobs = vec![expire::job(ACCOUNT, PAYMENT, &of(HOLD, minor))];
            }
            if let Stage::Succeeded { charge, .. } = stage {
                expected.done = if charge == CHARGE { vec![CHARGE] } else { vec![] };
                let movement = NewMovement::of_capture(PLACE, &of(what, minor), charge, false);
                expected = expected.moving(ACCOUNT, movement);
            }
            assert_eq!(next.approved(PLACE, &of(what, minor), None), expected);
            assert_eq!(next, held(stage));
        }
        let took = |charge, captured| Stage::Succeeded { charge, captured };
        let captured = |minor| ledger::capture(ACCOUNT, PAYMENT, eur(minor));
        let held = ledger::hold(ACCOUNT, PAYMENT, eur(1000));
        let (capture, cancel) = (Doing::Capture { amount: 600 }, Doing::Cancel { reason: REASON });
        let sold = [ChargeSucceeded, PaymentSucceeded, EventKind::ChargeUpdated];
        let holds = [ChargeSucceeded, PaymentCapturable];
        let claimed = [ChargeCaptured, PaymentSucceeded];
        let completion = Move::Completion(original());
        check(Doing::Confirm, SALE, 1000, took(OPEN, 1000), &sold, &captured(1000));
        check(Doing::Confirm, HOLD, 1000, Stage::RequiresCapture { hold: OPEN }, &holds, &held);
        check(capture, completion, 600, took(CHARGE, 600), &claimed, &captured(600));
        let raised = ledger::raise_hold(ACCOUNT, PAYMENT, eur(500));
        let capturable = [PaymentCapturable, EventKind::ChargeUpdated];
        let mut next = processing(Doing::Increment { to: 1500 });
        let increment = of(Move::Increment(original()), 500);
        assert_eq!(next.approved(PLACE, &increment, None), Effects::of(&capturable, &raised));
        assert_eq!(next, Payment { money: eur(1500), ..crate::sample::held(Stage::RequiresCapture { hold: CHARGE }) });
        let canceled = Stage::Canceled { at: NOW, reason: REASON };
        check(cancel, Move::Void(original()), 1000, canceled, &[PaymentCanceled], &[]);
        let reason = CancelReason::Automatic;
        let expired = Stage::Canceled { at: NOW, reason };
        let told = [EventKind::ChargeExpired, PaymentCanceled];
        check(Doing::Cancel { reason }, Move::Void(original()), 1000, expired, &told, &[]);
    }

    #[test]
    fn a_failure() {
        #[track_caller]
        fn check(doing: Doing, what: Move, expected: Payment, events: &[EventKind], transfers: &[Transfer]) {
            let mut next = processing(doing);
            let effects = next.failed(PLACE, &of(what, 600), PaymentError::Declined(FUNDS));
            assert_eq!((next, effects), (expected, Effects::of(events, transfers)));
        }
        let last_error = Some(PaymentError::Declined(FUNDS));
        let failed = Payment { card: None, ..held(Stage::RequiresPaymentMethod { last_error }) };
        check(Doing::Confirm, SALE, failed.clone(), &[ChargeFailed, PaymentFailed], &[]);
        check(Doing::Confirm, HOLD, failed, &[ChargeFailed, PaymentFailed], &[]);
        // The whole hold stands again, however little was to be captured.
        let stands = held(Stage::RequiresCapture { hold: CHARGE });
        let restored = ledger::restore_hold(ACCOUNT, PAYMENT, eur(1000));
        let increment = Move::Increment(original());
        check(Doing::Increment { to: 1600 }, increment, stands.clone(), &[EventKind::IncrementFailed], &[]);
        let capture = Doing::Capture { amount: 600 };
        check(capture, Move::Completion(original()), stands, &[PaymentCapturable], &restored);
    }

    /// A soft refusal of the last attempt that a payment has is a refusal: what the cardholder agrees to could not be sent.
    #[test]
    fn a_soft_refusal() {
        #[track_caller]
        fn check(before: usize, expected: Stage, events: &[EventKind], jobs: usize) {
            let tried = Attempt { may_step_up: true, ..of(SALE, 1000) };
            let stage = Stage::Processing { attempt: OPEN, doing: Doing::Confirm };
            let others = std::iter::repeat_n(attempt(CHARGE, SALE, 1, State::Sent), before);
            let attempts = others.chain([tried.clone()]).collect();
            let mut next = Payment { attempts, ..payment(CaptureMethod::Automatic, stage) };
            let effects = next.failed(PLACE, &tried, PaymentError::Declined(SOFT));
            assert_eq!((next.stage, &effects.events[..], effects.jobs.len()), (expected, events, jobs));
        }
        let asks = Stage::RequiresAction { authentication: OPEN };
        let asked = [EventKind::PaymentRequiresAction];
        check(0, asks.clone(), &asked, 1);
        check(MOST_ATTEMPTS - 2, asks, &asked, 1);
        let last_error = Some(PaymentError::Declined(SOFT));
        check(MOST_ATTEMPTS - 1, Stage::RequiresPaymentMethod { last_error }, &[ChargeFailed, PaymentFailed], 0);
    }

    /// An attempt that the payment does not wait for changes nothing, whatever becomes of it.
    #[test]
    fn another_attempt() {
        let waits_for_another = Stage::Processing { attempt: CHARGE, doing: Doing::Confirm };
        let ended = [
            waits_for_another,
            Stage::RequiresPaymentMethod { last_error: None },
            Stage::RequiresConfirmation,
            Stage::RequiresCapture { hold: CHARGE },
            Stage::Succeeded { charge: CHARGE, captured: 1000 },
            Stage::Canceled { at: NOW, reason: REASON },
            Stage::RequiresAction { authentication: CHARGE },
        ];
        for (stage, what) in ended.iter().flat_map(|stage| every_move().map(|what| (stage, what))) {
            let before = payment(CaptureMethod::Automatic, stage.clone());
            let mut next = before.clone();
            assert_eq!(next.approved(PLACE, &of(what, 1000), None), Effects::default());
            assert_eq!(next.failed(PLACE, &of(what, 1000), PaymentError::Reversed), Effects::default());
            assert_eq!(next, before);
        }
    }
}

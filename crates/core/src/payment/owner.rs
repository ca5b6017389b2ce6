//! What the end of an attempt does to its payment: the stage, the ledger plan, the events.

use super::{Doing, Payment, PaymentError, Stage};
use crate::attempt::{Attempt, Effects, Move, Owner, Place};
use crate::commit::EventKind;
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::ledger;
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

    fn approved(&mut self, place: Place, attempt: &Attempt) -> Effects {
        let Some(doing) = self.doing(attempt.key) else { return Effects::default() };
        match (attempt.what, doing) {
            (Move::Authorization(_), _) => {
                self.stage = Stage::RequiresCapture { hold: attempt.key };
                let events = [EventKind::ChargeSucceeded, EventKind::PaymentCapturable];
                Effects::of(&events, &ledger::hold(place.account, place.key, attempt.money))
            }
            (Move::Void(_), Doing::Cancel { reason }) => {
                self.stage = Stage::Canceled { at: place.now, reason };
                Effects::of(&[EventKind::PaymentCanceled], &[])
            }
            (Move::Completion(original), _) => {
                self.stage = Stage::Succeeded { charge: original.wire.rrn.0, captured: attempt.money.minor };
                let events = [EventKind::ChargeCaptured, EventKind::PaymentSucceeded];
                Effects::of(&events, &ledger::capture(place.account, place.key, attempt.money))
            }
            (Move::Sale(_), _) => {
                self.stage = Stage::Succeeded { charge: attempt.key, captured: attempt.money.minor };
                let events = [EventKind::ChargeSucceeded, EventKind::PaymentSucceeded];
                Effects::of(&events, &ledger::capture(place.account, place.key, attempt.money))
            }
            // A void without a cancel under way, a refund on a payment: never begun by any flow.
            (Move::Void(_) | Move::Refund(_), _) => Effects::default(),
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
                Effects::of(&[EventKind::PaymentCapturable], &restored)
            }
            Move::Sale(_) | Move::Authorization(_) | Move::Void(_) | Move::Refund(_) => {
                self.stage = Stage::RequiresPaymentMethod { last_error: Some(error) };
                self.card = None;
                Effects::of(&[EventKind::ChargeFailed, EventKind::PaymentFailed], &[])
            }
        }
    }
}

impl Payment {
    /// What the payment waits for, if it waits for this attempt.
    fn doing(&self, attempt: Key) -> Option<Doing> {
        match self.stage {
            Stage::Processing { attempt: open, doing } if open == attempt => Some(doing),
            Stage::Processing { .. }
            | Stage::RequiresPaymentMethod { .. }
            | Stage::RequiresConfirmation
            | Stage::RequiresCapture { .. }
            | Stage::Succeeded { .. }
            | Stage::Canceled { .. } => None,
        }
    }
}

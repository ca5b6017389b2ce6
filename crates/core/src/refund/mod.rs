//! A refund: money of a captured payment on its way back, whole or in part, as often as something is left.

mod annotate;
mod create;

pub use annotate::annotate;
pub use create::{CreateRefund, RefundReason, create, take_up};

use crate::attempt::{Attempt, Effects, Owner, Place};
use crate::codec::Body;
use crate::commit::{EventKind, Row};
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::ledger;
use crate::money::Money;
use crate::movement::NewMovement;
use crate::mutants::{Mutant, planted};
use crate::payment::PaymentError;
use crate::ports::Told;
use crate::time::Time;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundStage {
    Pending,
    Succeeded { at: Time },
    Failed { error: PaymentError, at: Time },
}

impl RefundStage {
    pub const fn status(&self) -> &'static str {
        match self {
            RefundStage::Pending => "pending",
            RefundStage::Succeeded { .. } => "succeeded",
            RefundStage::Failed { .. } => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub payment: Key,
    /// The charge that is refunded.
    pub charge: Key,
    pub customer: Option<Key>,
    pub money: Money,
    pub live: bool,
    pub reason: RefundReason,
    pub stage: RefundStage,
    pub attempt: Attempt,
}

impl Body for Refund {
    const FORMAT: u8 = 1;
}

/// What the merchant wrote on a refund: stored under the key of the payment's person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPersonal {
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl Body for RefundPersonal {
    const FORMAT: u8 = 1;
}

pub type RefundView = View<Refund>;

impl Owner for Refund {
    const KIND: Kind = Kind::Refund;

    fn attempts(&self) -> &[Attempt] {
        std::slice::from_ref(&self.attempt)
    }
    fn attempts_mut(&mut self) -> &mut [Attempt] {
        std::slice::from_mut(&mut self.attempt)
    }
    fn live(&self) -> bool {
        self.live
    }
    fn told(view: &View<Refund>) -> Told<'_> {
        Told::Refund(view)
    }

    fn approved(&mut self, place: Place, attempt: &Attempt, _: Option<&Row>) -> Effects {
        match self.stage {
            RefundStage::Pending => {
                self.stage = RefundStage::Succeeded { at: place.now };
                let movement = NewMovement::of_refund(place, attempt, self.payment, self.charge, self.live);
                Effects::of(&[EventKind::RefundSucceeded], &ledger::refund(place.account, self.money))
                    .moving(place.account, movement)
            }
            RefundStage::Succeeded { .. } | RefundStage::Failed { .. } => Effects::default(),
        }
    }

    fn failed(&mut self, place: Place, _: &Attempt, error: PaymentError) -> Effects {
        match self.stage {
            RefundStage::Pending => {
                self.stage = RefundStage::Failed { error, at: place.now };
                let back = ledger::give_up_refund(place.account, self.payment, self.money);
                let back = if planted(Mutant::RefundNotGivenUp) { &[][..] } else { &back };
                Effects::of(&[EventKind::RefundFailed], back)
            }
            RefundStage::Succeeded { .. } | RefundStage::Failed { .. } => Effects::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::State;
    use crate::fees::Fees;
    use crate::sample::{ACCOUNT, NOW, OPEN, PAYMENT, START, attempt, eur, every_move};

    const PLACE: Place = Place { account: ACCOUNT, key: Key(9), now: NOW, fees: Fees::NONE };

    fn refund(stage: RefundStage) -> Refund {
        let attempt = attempt(OPEN, every_move()[4], 2, State::Sent);
        let (charge, reason) = (Key(2000), RefundReason::Unspecified);
        Refund { payment: PAYMENT, charge, customer: None, money: eur(300), live: false, reason, stage, attempt }
    }

    #[test]
    fn a_refund_ends_once() {
        #[track_caller]
        fn check(from: RefundStage, approved: (RefundStage, Effects), failed: (RefundStage, Effects)) {
            let place = PLACE;
            let (mut yes, mut no) = (refund(from), refund(from));
            let attempt = yes.attempt.clone();
            let effects = yes.approved(place, &attempt, None);
            assert_eq!((yes, effects), (refund(approved.0), approved.1));
            let effects = no.failed(place, &attempt, PaymentError::Reversed);
            assert_eq!((no, effects), (refund(failed.0), failed.1));
        }
        let attempt = refund(RefundStage::Pending).attempt;
        let movement = NewMovement::of_refund(PLACE, &attempt, PAYMENT, Key(2000), false);
        let given = Effects::of(&[EventKind::RefundSucceeded], &ledger::refund(ACCOUNT, eur(300)));
        let given = given.moving(ACCOUNT, movement);
        let back = ledger::give_up_refund(ACCOUNT, PAYMENT, eur(300));
        let given_up = Effects::of(&[EventKind::RefundFailed], &back);
        let failed = |at| RefundStage::Failed { error: PaymentError::Reversed, at };
        check(RefundStage::Pending, (RefundStage::Succeeded { at: NOW }, given), (failed(NOW), given_up));
        for ended in [RefundStage::Succeeded { at: START }, failed(START)] {
            check(ended, (ended, Effects::default()), (ended, Effects::default()));
        }
    }
}

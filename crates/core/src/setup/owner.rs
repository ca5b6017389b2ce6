//! What the end of an attempt does to its setup: the stage, the events, and in whose hands the card is.

use super::{MOST_ATTEMPTS, Purpose, Setup, SetupPersonal, SetupStage, SetupView};
use crate::attempt::{Attempt, Effects, Owner, Place};
use crate::avs::AddressCheck;
use crate::chase;
use crate::commit::{EventKind, Row};
use crate::id::{Key, Kind};
use crate::method;
use crate::payment::PaymentError;
use crate::ports::Told;

impl Owner for Setup {
    const KIND: Kind = Kind::Setup;

    fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }
    fn attempts_mut(&mut self) -> &mut [Attempt] {
        &mut self.attempts
    }
    fn live(&self) -> bool {
        self.live
    }
    fn told(view: &SetupView) -> Told<'_> {
        Told::Setup(view)
    }

    fn address(view: &SetupView) -> Option<AddressCheck> {
        let personal: SetupPersonal = view.personal().ok()?;
        AddressCheck::of(&personal.billing?.address?)
    }

    fn fingerprint(&self, attempt: &Attempt) -> Option<[u8; 16]> {
        self.method_of(attempt.card).map(|m| m.card.fingerprint)
    }

    /// A card on its way to a customer is handed over by whoever attaches it.
    fn keeps(&self, attempt: &Attempt) -> Option<Key> {
        match self.purpose {
            Purpose::Intent => self.method_of(attempt.card).map(|m| m.key),
            Purpose::Attach => None,
        }
    }

    fn customer(&self) -> Option<Key> {
        self.customer
    }

    fn approved(&mut self, place: Place, attempt: &Attempt, kept: Option<&Row>) -> Effects {
        if !self.waits_for(attempt.key) {
            return Effects::default();
        }
        self.stage = SetupStage::Succeeded { at: place.now, attempt: attempt.key };
        let kept = match (kept, attempt.approval(), self.customer) {
            (Some(row), Some(approval), Some(customer)) => method::kept(row, place, customer, approval),
            (Some(row), Some(approval), None) => method::verified(row, place, approval),
            (None, _, _) | (_, None, _) => None,
        };
        let event = match self.purpose {
            Purpose::Intent => EventKind::SetupSucceeded,
            Purpose::Attach => EventKind::CardVerified,
        };
        Effects::of(&[event], &[]).beside(kept)
    }

    fn failed(&mut self, place: Place, attempt: &Attempt, error: PaymentError) -> Effects {
        if !self.waits_for(attempt.key) {
            return Effects::default();
        }
        if self.steps_up(attempt, &error) {
            let asks = chase::job(place.account, place.key, attempt.key, place.now);
            return Effects::of(&[EventKind::SetupRequiresAction], &[]).job(asks);
        }
        self.stage = SetupStage::RequiresPaymentMethod { last_error: Some(error) };
        self.method = None;
        let event = match self.purpose {
            Purpose::Intent => EventKind::SetupFailed,
            Purpose::Attach => EventKind::CardRefused,
        };
        Effects::of(&[event], &[])
    }
}

impl Setup {
    /// Turns a soft refusal into an authentication. False when it stays a refusal: nobody is asked for what no attempt could follow.
    fn steps_up(&mut self, attempt: &Attempt, error: &PaymentError) -> bool {
        let may = error.is_soft() && attempt.may_step_up && attempt.proof.is_none();
        let may = may && self.attempts.len() < MOST_ATTEMPTS;
        may && self.ask_cardholder(attempt.key, (attempt.card, attempt.credential), false, true)
    }

    fn waits_for(&self, attempt: Key) -> bool {
        match self.stage {
            SetupStage::Processing { attempt: open } => open == attempt,
            SetupStage::RequiresPaymentMethod { .. }
            | SetupStage::RequiresConfirmation
            | SetupStage::Succeeded { .. }
            | SetupStage::RequiresAction { .. }
            | SetupStage::Canceled { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Move, State};
    use crate::commit::Version;
    use crate::fees::Fees;
    use crate::flow::View;
    use crate::method::{Hold, PaymentMethod};
    use crate::payment::{CancelReason, Method};
    use crate::record;
    use crate::sample::{ACCOUNT, APPROVAL, CHARGE, FUNDS, NOW, OPEN, PAYMENT, SOFT, approved, attempt, card, view};
    use crate::wire::Initiator;

    const PLACE: Place = Place { account: ACCOUNT, key: PAYMENT, now: NOW, fees: Fees::NONE };
    const METHOD: Key = Key(600);

    fn setup(purpose: Purpose, customer: Option<Key>) -> Setup {
        let mut setup = Setup { customer, ..Setup::plain(false, purpose) };
        setup.choose(Method { key: METHOD, card: card() });
        Setup { stage: SetupStage::Processing { attempt: OPEN }, ..setup }
    }

    fn asked(state: State) -> Attempt {
        attempt(OPEN, Move::Verification(Initiator::CustomerStoring), 2, state)
    }

    fn row(hold: Hold) -> Row {
        let body = PaymentMethod { hold, ..PaymentMethod::free(false, card()) };
        record::row(&View { key: METHOD, version: Version(1), ..view(body) }, vec![])
    }

    /// In whose hands the card is after an approval.
    #[test]
    fn an_approval() {
        #[track_caller]
        fn check(customer: Option<Key>, hold: Hold, expected: Option<Hold>) {
            let mut next = setup(Purpose::Intent, customer);
            let effects = next.approved(PLACE, &asked(approved()), Some(&row(hold)));
            assert_eq!(next.stage, SetupStage::Succeeded { at: NOW, attempt: OPEN });
            assert_eq!(effects.events, [EventKind::SetupSucceeded]);
            let kept = effects.beside.first().map(|b| crate::flow::read::<PaymentMethod>(&b.row).unwrap().body);
            let expected =
                expected.map(|hold| PaymentMethod { hold, ..PaymentMethod::free(false, card()) }.learnt(&APPROVAL));
            assert_eq!(kept, expected);
        }
        let (ours, others) = (Hold::UsedBy(PAYMENT), Hold::UsedBy(Key(1)));
        check(Some(Key(6)), ours, Some(Hold::Customer(Key(6))));
        check(None, ours, Some(Hold::Free));
        // The network id of the first use is added to what the customer has already.
        check(Some(Key(6)), Hold::Customer(Key(6)), Some(Hold::Customer(Key(6))));
        check(Some(Key(6)), others, None);
        check(Some(Key(6)), Hold::Detached, None);
        check(Some(Key(6)), Hold::Customer(Key(7)), None);
        check(None, others, None);
    }

    #[test]
    fn a_card_on_its_way_to_a_customer() {
        let mut next = setup(Purpose::Attach, Some(Key(6)));
        assert_eq!(next.keeps(&asked(State::Sent)), None);
        let effects = next.approved(PLACE, &asked(approved()), None);
        assert_eq!(effects, Effects::of(&[EventKind::CardVerified], &[]));
    }

    #[test]
    fn a_failure() {
        #[track_caller]
        fn check(purpose: Purpose, event: EventKind) {
            let mut next = setup(purpose, None);
            let error = PaymentError::Declined(FUNDS);
            assert_eq!(next.failed(PLACE, &asked(State::Sent), error), Effects::of(&[event], &[]));
            let stage = SetupStage::RequiresPaymentMethod { last_error: Some(error) };
            assert_eq!(next, Setup { stage, method: None, ..setup(purpose, None) });
        }
        check(Purpose::Intent, EventKind::SetupFailed);
        check(Purpose::Attach, EventKind::CardRefused);
    }

    /// A soft refusal of the last attempt that a setup has is a refusal: what the cardholder agrees to could not be sent.
    #[test]
    fn a_soft_refusal() {
        #[track_caller]
        fn check(before: usize, expected: SetupStage, event: EventKind, jobs: usize) {
            let tried = Attempt { may_step_up: true, ..asked(State::Sent) };
            let mut next = setup(Purpose::Intent, None);
            next.attempts = std::iter::repeat_n(asked(State::Sent), before).chain([tried.clone()]).collect();
            let effects = next.failed(PLACE, &tried, PaymentError::Declined(SOFT));
            assert_eq!((next.stage, effects.events, effects.jobs.len()), (expected, vec![event], jobs));
        }
        let asks = SetupStage::RequiresAction { authentication: OPEN };
        check(0, asks, EventKind::SetupRequiresAction, 1);
        check(MOST_ATTEMPTS - 2, asks, EventKind::SetupRequiresAction, 1);
        let last_error = Some(PaymentError::Declined(SOFT));
        check(MOST_ATTEMPTS - 1, SetupStage::RequiresPaymentMethod { last_error }, EventKind::SetupFailed, 0);
    }

    /// An attempt that the setup does not wait for changes nothing.
    #[test]
    fn another_attempt() {
        let stages = [
            SetupStage::RequiresPaymentMethod { last_error: None },
            SetupStage::RequiresConfirmation,
            SetupStage::Processing { attempt: CHARGE },
            SetupStage::Succeeded { at: NOW, attempt: CHARGE },
            SetupStage::Canceled { at: NOW, reason: CancelReason::Abandoned },
        ];
        for stage in stages {
            let before = Setup { stage, ..setup(Purpose::Intent, None) };
            let mut next = before.clone();
            assert_eq!(next.approved(PLACE, &asked(approved()), None), Effects::default());
            assert_eq!(next.failed(PLACE, &asked(State::Sent), PaymentError::Unanswered), Effects::default());
            assert_eq!(next, before);
        }
    }
}

//! Authenticate the cardholder (3-D Secure): who is to be asked, and what follows from what the issuer says. Sends nothing to an issuer's
//! access control server itself: the vault does, and tells the status.

use super::confirm::start;
use super::{Doing, MOST_ATTEMPTS, MOST_AUTHENTICATIONS, Payment, PaymentError, PaymentView, Stage};
use crate::attempt::{Attempt, Begun, Move, Step, launch};
use crate::chase;
use crate::commit::EventKind;
use crate::flow::{Done, Failure, View};
use crate::id::Key;
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use crate::threeds::{Authentication, Proof, Settled};
use crate::wire::{CardToken, Credential};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticated {
    pub account: Key,
    pub payment: Key,
    pub authentication: Key,
    pub settled: Settled,
}

/// Goes on with a payment whose cardholder was asked: the message that charges leaves, with what proves the authentication, or the
/// payment is back at the start. Refused when the payment does not wait for this authentication: it went on already.
pub async fn authenticated(ports: &dyn Ports, command: &Authenticated) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.payment, None, &decide).await
}

fn begin(from: &View<Payment>, command: &Authenticated, begun: Begun) -> Result<Step<Payment>, Refusal> {
    let status = from.body.stage.status();
    let unexpected = || Refusal::UnexpectedState { operation: Operation::Authenticate, status };
    let waits = Stage::RequiresAction { authentication: command.authentication };
    if from.body.stage != waits {
        return Err(unexpected());
    }
    let mut next = from.body.clone();
    let found = next.authentications.iter_mut().find(|a| a.key == command.authentication).ok_or_else(unexpected)?;
    found.settled = Some(command.settled);
    let done = *found;
    let over = chase::job_of(done.key);
    // Tried too often, nothing could follow: it is back at the start all the same, or it would wait for ever.
    if !done.goes_on(command.settled) || next.attempts.len() >= MOST_ATTEMPTS {
        next.stage = Stage::RequiresPaymentMethod { last_error: Some(PaymentError::NotAuthenticated) };
        next.card = None;
        return Ok(Step::new(next).events(&[EventKind::PaymentFailed]).done(over));
    }
    if next.terms.manual_confirmation {
        // The merchant's server says when it is sent.
        next.stage = Stage::RequiresConfirmation;
        return Ok(Step::new(next).events(&[EventKind::PaymentUpdated]).done(over));
    }
    let mut attempt = Attempt::begin(begun.key, begun.job, done.what, done.money, done.card, begun.slot, begun.now)
        .with(done.credential);
    attempt.proof = done.proof();
    // Without a proof the issuer may still ask for one.
    attempt.may_step_up = attempt.proof.is_none();
    next.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Confirm };
    Ok(start(next, from, attempt).events(&[EventKind::PaymentProcessing]).done(over))
}

impl Payment {
    /// What proves the cardholder for the next message with this card: an authentication of this amount that nothing was sent with yet.
    pub(super) fn unused_proof(&self, card: CardToken) -> Option<Proof> {
        let last = self.authentications.last().filter(|a| a.card == card && a.money == self.money)?;
        let used = |proof: &Proof| self.attempts.iter().any(|a| a.proof.as_ref() == Some(proof));
        last.proof().filter(|proof| !used(proof))
    }

    /// Makes the payment wait for the cardholder. Refused when they were asked too often.
    pub(super) fn ask_cardholder(
        &mut self,
        key: Key,
        (what, credential): (Move, Credential),
        card: CardToken,
        mandated: bool,
        asked_by_issuer: bool,
    ) -> Result<(), Refusal> {
        if self.authentications.len() >= MOST_AUTHENTICATIONS {
            return Err(Refusal::TooManyAttempts);
        }
        let money = self.money;
        let asked = Authentication { key, what, credential, money, card, mandated, asked_by_issuer, settled: None };
        self.authentications.push(asked);
        self.stage = Stage::RequiresAction { authentication: key };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Watch;
    use crate::commit::IndexEntry;
    use crate::id::Kind;
    use crate::payment::CaptureMethod;
    use crate::sample::{
        ACCOUNT, BEGUN, CHARGE, HOLD, OPEN, PAYMENT, SALE, attempt, card, eur, every_stage, payment, view,
    };
    use crate::threeds::{Eci, TransId, TransStatus};

    const DIRECTORY: TransId = TransId([7; 16]);

    fn waiting(what: Move, asked_by_issuer: bool) -> Payment {
        let mut from = payment(CaptureMethod::Automatic, Stage::RequiresConfirmation);
        from.ask_cardholder(CHARGE, (what, Credential::default()), card().token, false, asked_by_issuer).unwrap();
        from
    }

    fn settled(status: TransStatus, eci: Option<&str>) -> Settled {
        Settled { status, eci: eci.and_then(Eci::parse), directory: DIRECTORY, challenged: true }
    }

    fn command(settled: Settled) -> Authenticated {
        Authenticated { account: ACCOUNT, payment: PAYMENT, authentication: CHARGE, settled }
    }

    /// What is sent next, with which indicator; None when the payment is back at the start.
    #[test]
    fn what_follows_from_a_status() {
        #[track_caller]
        fn check(what: Move, by_issuer: bool, settled: Settled, expected: Option<Option<&str>>) {
            let from = waiting(what, by_issuer);
            let mut next = from.clone();
            next.authentications[0].settled = Some(settled);
            let expected = match expected {
                None => {
                    next.stage = Stage::RequiresPaymentMethod { last_error: Some(PaymentError::NotAuthenticated) };
                    next.card = None;
                    Step::new(next).events(&[EventKind::PaymentFailed]).done(CHARGE)
                }
                Some(eci) => {
                    let mut new =
                        Attempt::begin(BEGUN.key, BEGUN.job, what, eur(1000), card().token, BEGUN.slot, BEGUN.now);
                    new.proof = eci.map(|eci| Proof {
                        authentication: CHARGE,
                        eci: Eci::parse(eci).unwrap(),
                        directory: DIRECTORY,
                    });
                    new.may_step_up = eci.is_none();
                    next.stage = Stage::Processing { attempt: BEGUN.key, doing: Doing::Confirm };
                    let watch = Watch::Put(new.watch(ACCOUNT, PAYMENT));
                    next.attempts.push(new);
                    let mut step = Step::new(next).watch(watch).events(&[EventKind::PaymentProcessing]).done(CHARGE);
                    step.index = vec![IndexEntry { under: ACCOUNT, kind: Kind::Charge, key: BEGUN.key }];
                    step
                }
            };
            assert_eq!(begin(&view(from), &command(settled), BEGUN), Ok(expected), "{settled:?}");
        }
        use TransStatus::{Attempted, Authenticated, Failed, Informational, Rejected, Unavailable};
        check(SALE, true, settled(Authenticated, Some("05")), Some(Some("05")));
        check(HOLD, false, settled(Authenticated, Some("02")), Some(Some("02")));
        check(SALE, true, settled(Attempted, Some("06")), Some(Some("06")));
        // A yes without its indicator proves nothing.
        check(SALE, true, settled(Authenticated, None), None);
        check(SALE, true, settled(Failed, None), None);
        check(SALE, false, settled(Failed, Some("07")), None);
        check(SALE, false, settled(Rejected, None), None);
        check(SALE, true, settled(Unavailable, None), None);
        check(SALE, false, settled(Unavailable, Some("07")), Some(None));
        check(SALE, false, settled(Informational, None), Some(None));
        check(SALE, true, settled(Informational, None), None);
    }

    #[test]
    fn only_the_authentication_that_is_waited_for() {
        let yes = settled(TransStatus::Authenticated, Some("05"));
        for stage in every_stage().into_iter().chain([Stage::RequiresAction { authentication: OPEN }]) {
            let from = Payment { stage: stage.clone(), ..waiting(SALE, true) };
            let refused = Refusal::UnexpectedState { operation: Operation::Authenticate, status: stage.status() };
            let expected =
                if stage == (Stage::RequiresAction { authentication: CHARGE }) { Ok(()) } else { Err(refused) };
            assert_eq!(begin(&view(from), &command(yes), BEGUN).map(|_| ()), expected, "{stage:?}");
        }
    }

    /// With manual confirmation the merchant's server says when it is sent; what was proven goes along, once.
    #[test]
    fn what_was_proven_waits_for_the_merchant() {
        let mut from = waiting(SALE, true);
        from.terms.manual_confirmation = true;
        let yes = settled(TransStatus::Authenticated, Some("05"));
        let step = begin(&view(from), &command(yes), BEGUN).unwrap();
        let mut waits = step.body;
        assert_eq!((&waits.stage, waits.attempts.len()), (&Stage::RequiresConfirmation, 0));
        let proof = waits.unused_proof(card().token);
        assert!(proof.is_some());
        let other = CardToken { key: Key(501), ..card().token };
        assert_eq!(waits.unused_proof(other), None);
        let dearer = Payment { money: eur(2000), ..waits.clone() };
        assert_eq!(dearer.unused_proof(card().token), None);
        let mut used = attempt(OPEN, SALE, 1, crate::sample::approved());
        used.proof = proof;
        waits.attempts.push(used);
        assert_eq!(waits.unused_proof(card().token), None);
    }

    #[test]
    fn there_is_an_end_to_asking() {
        let mut often = waiting(SALE, true);
        for n in 1..MOST_AUTHENTICATIONS {
            often.ask_cardholder(Key(n as i64), (SALE, Credential::default()), card().token, false, true).unwrap();
        }
        let again = often.clone().ask_cardholder(Key(99), (SALE, Credential::default()), card().token, false, true);
        assert_eq!(again, Err(Refusal::TooManyAttempts));
        let tried = Payment {
            attempts: vec![attempt(OPEN, SALE, 1, crate::sample::approved()); MOST_ATTEMPTS],
            ..waiting(SALE, true)
        };
        let yes = command(settled(TransStatus::Authenticated, Some("05")));
        let step = begin(&view(tried), &yes, BEGUN).unwrap();
        let last_error = Some(PaymentError::NotAuthenticated);
        assert_eq!(step.body.stage, Stage::RequiresPaymentMethod { last_error });
        assert_eq!((step.body.attempts.len(), step.effects.done), (MOST_ATTEMPTS, vec![CHARGE]));
    }
}

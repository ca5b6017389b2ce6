//! Confirm a setup: the attempt is durable, then the issuer is asked, then its answer is durable, then the caller hears of it.

use super::{ASKS, Asking, MOST_ATTEMPTS, NOTHING, Setup, SetupPersonal, SetupStage, SetupView};
use crate::attempt::{Attempt, Begun, Step, Watch, found, launch};
use crate::chase;
use crate::codec::Body;
use crate::commit::{Beside, EventKind, IndexEntry, Personal, Version};
use crate::flow::{Claiming, Done, Failure};
use crate::id::{Key, Kind};
use crate::payment::Method;
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use crate::threeds::StepUp;
use crate::wire::{CardToken, Credential};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmSetup {
    pub account: Key,
    pub setup: Key,
    /// The version that was read, when the rest was made from it; none takes the setup as it is by now.
    pub from: Option<Version>,
    /// Replaces the card that the setup may have.
    pub method: Option<Method>,
    pub credential: Credential,
    pub step_up: StepUp,
    /// How the cardholder may be asked; none keeps it.
    pub asking: Option<Asking>,
    /// What the personal data becomes; none keeps it.
    pub personal: Option<SetupPersonal>,
    /// Rows that change with the first commit: a method that is used up, or made.
    pub beside: Vec<Beside>,
    pub claim: Option<Claiming>,
}

/// `Refusal::Contended` when the setup is no longer at the version that was read: read it and ask again.
pub async fn confirm(ports: &dyn Ports, command: &ConfirmSetup) -> Result<Done<SetupView>, Failure> {
    let decide = |from: &SetupView, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.setup, command.claim.as_ref(), &decide).await
}

fn begin(from: &SetupView, command: &ConfirmSetup, begun: Begun) -> Result<Step<Setup>, Refusal> {
    let setup = &from.body;
    if !setup.stage.is_open() {
        return Err(Refusal::SetupState { operation: Operation::Confirm, status: setup.stage.status() });
    }
    if command.from.is_some_and(|read| read != from.version) {
        return Err(Refusal::Contended);
    }
    if setup.attempts.len() >= MOST_ATTEMPTS {
        return Err(Refusal::TooManyAttempts);
    }
    let method = command.method.as_ref().or(setup.method.as_ref()).ok_or(Refusal::NoCard)?;
    let next = Setup { asking: command.asking.unwrap_or(setup.asking), ..setup.clone() };
    let asked = (command.credential, command.step_up);
    let mut step = start(next, (from.account, from.key), method, asked, begun);
    step.beside = command.beside.clone();
    let subject = setup.customer.unwrap_or(from.key);
    step.personal = command.personal.as_ref().map(|p| Personal { subject, body: p.encode() });
    Ok(step)
}

/// A setup that is made and confirmed at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateSetup {
    pub account: Key,
    /// A fresh one.
    pub key: Key,
    pub setup: Setup,
    pub method: Method,
    pub credential: Credential,
    pub step_up: StepUp,
    pub personal: SetupPersonal,
    pub beside: Vec<Beside>,
    pub claim: Option<Claiming>,
}

pub async fn create(ports: &dyn Ports, command: &CreateSetup) -> Result<Done<SetupView>, Failure> {
    let decide = |begun: Begun| {
        let place = (command.account, command.key);
        let mut step =
            start(command.setup.clone(), place, &command.method, (command.credential, command.step_up), begun);
        step.effects.events.insert(0, EventKind::SetupCreated);
        step.beside = command.beside.clone();
        let customer = command.setup.customer;
        step.index.extend(customer.map(|under| IndexEntry { under, kind: Kind::Setup, key: command.key }));
        let subject = customer.unwrap_or(command.key);
        step.personal = Some(Personal { subject, body: command.personal.encode() });
        step
    };
    found(ports, command.account, command.key, command.claim.as_ref(), &decide).await
}

/// The step that begins with a card: its issuer is asked, or its cardholder first.
pub(super) fn start(
    mut next: Setup,
    (account, key): (Key, Key),
    method: &Method,
    (credential, step_up): (Credential, StepUp),
    begun: Begun,
) -> Step<Setup> {
    let card = method.card.token;
    next.choose(method.clone());
    if let StepUp::First { mandated } = step_up
        && next.ask_cardholder(begun.key, (card, credential), mandated, false)
    {
        let asks = chase::job(account, key, begun.key, begun.now);
        return Step::new(next).events(&[EventKind::SetupRequiresAction]).job(asks);
    }
    let mut step = ask_issuer(next, (account, key), (card, credential), begun);
    for attempt in step.body.attempts.iter_mut().filter(|a| a.key == begun.key) {
        attempt.may_step_up = step_up != StepUp::Never;
    }
    step
}

/// The step that adds an attempt, with the job that settles it if nobody else does.
pub(super) fn ask_issuer(
    mut next: Setup,
    (account, key): (Key, Key),
    (card, credential): (CardToken, Credential),
    begun: Begun,
) -> Step<Setup> {
    let attempt = Attempt::begin(begun.key, begun.job, ASKS, NOTHING, card, begun.slot, begun.now).with(credential);
    let watch = Watch::Put(attempt.watch(account, key));
    next.stage = SetupStage::Processing { attempt: attempt.key };
    // An attempt is found by its own id from now on.
    let entry = IndexEntry { under: account, kind: Kind::Attempt, key: attempt.key };
    next.attempts.push(attempt);
    let mut step = Step::new(next).watch(watch);
    step.index.push(entry);
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::{CancelReason, PaymentError};
    use crate::sample::{ACCOUNT, BEGUN, FUNDS, NOW, OPEN, PAYMENT, card, view};
    use crate::setup::Purpose;

    const PLAINLY: (Credential, StepUp) = (Credential { first_use: None, code: None }, StepUp::Never);

    fn method() -> Method {
        Method { key: Key(600), card: card() }
    }

    fn setup(stage: SetupStage) -> Setup {
        Setup { stage, ..Setup::plain(false, Purpose::Intent) }
    }

    fn command(method: Option<Method>) -> ConfirmSetup {
        ConfirmSetup {
            account: ACCOUNT,
            setup: PAYMENT,
            from: None,
            method,
            credential: Credential::default(),
            step_up: StepUp::Never,
            asking: None,
            personal: None,
            beside: vec![],
            claim: None,
        }
    }

    #[test]
    fn what_a_confirmation_begins() {
        #[track_caller]
        fn check(stage: SetupStage, given: Option<Method>, expected: Result<(), Refusal>) {
            let from = setup(stage);
            let expected = expected.map(|()| start(from.clone(), (ACCOUNT, PAYMENT), &method(), PLAINLY, BEGUN));
            assert_eq!(begin(&view(from), &command(given), BEGUN), expected);
        }
        let refused = |status| Err(Refusal::SetupState { operation: Operation::Confirm, status });
        let card = || Some(method());
        let start = |last_error| SetupStage::RequiresPaymentMethod { last_error };
        check(start(None), card(), Ok(()));
        check(start(Some(PaymentError::Declined(FUNDS))), card(), Ok(()));
        check(start(None), None, Err(Refusal::NoCard));
        check(SetupStage::RequiresConfirmation, card(), Ok(()));
        check(SetupStage::Processing { attempt: OPEN }, card(), refused("processing"));
        check(SetupStage::Succeeded { at: NOW, attempt: OPEN }, card(), refused("succeeded"));
        check(SetupStage::Canceled { at: NOW, reason: CancelReason::Abandoned }, card(), refused("canceled"));
        check(SetupStage::RequiresAction { authentication: OPEN }, card(), Ok(()));
    }

    #[test]
    fn only_what_was_read_is_confirmed() {
        let from = view(setup(SetupStage::RequiresConfirmation));
        let later = ConfirmSetup { from: Some(from.version.next()), ..command(Some(method())) };
        assert_eq!(begin(&from, &later, BEGUN), Err(Refusal::Contended));
        let read = ConfirmSetup { from: Some(from.version), ..command(Some(method())) };
        assert!(begin(&from, &read, BEGUN).is_ok());
    }

    #[test]
    fn a_setup_is_tried_so_often_and_no_more() {
        #[track_caller]
        fn check(attempts: usize, expected: Result<usize, Refusal>) {
            let mut from = setup(SetupStage::RequiresConfirmation);
            let one = start(from.clone(), (ACCOUNT, PAYMENT), &method(), PLAINLY, BEGUN).body.attempts;
            from.attempts = one.iter().cycle().take(attempts).cloned().collect();
            let begun = begin(&view(from), &command(Some(method())), BEGUN);
            assert_eq!(begun.map(|step| step.body.attempts.len()), expected);
        }
        check(0, Ok(1));
        check(MOST_ATTEMPTS - 1, Ok(MOST_ATTEMPTS));
        check(MOST_ATTEMPTS, Err(Refusal::TooManyAttempts));
    }
}

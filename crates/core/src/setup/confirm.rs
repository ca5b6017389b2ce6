//! Confirm a setup: the attempt is durable, then the issuer is asked, then its answer is durable, then the caller hears of it.

use super::{ASKS, MOST_ATTEMPTS, NOTHING, Setup, SetupPersonal, SetupStage, SetupView};
use crate::attempt::{Attempt, Begun, Step, Watch, found, launch};
use crate::codec::Body;
use crate::commit::{Beside, EventKind, IndexEntry, Personal};
use crate::flow::{Claiming, Done, Failure};
use crate::id::{Key, Kind};
use crate::payment::Method;
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use crate::wire::Credential;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmSetup {
    pub account: Key,
    pub setup: Key,
    /// Replaces the card that the setup may have.
    pub method: Option<Method>,
    pub credential: Credential,
    /// What the personal data becomes; none keeps it.
    pub personal: Option<SetupPersonal>,
    /// Rows that change with the first commit: a method that is used up, or made.
    pub beside: Vec<Beside>,
    pub claim: Option<Claiming>,
}

pub async fn confirm(ports: &dyn Ports, command: &ConfirmSetup) -> Result<Done<SetupView>, Failure> {
    let decide = |from: &SetupView, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.setup, command.claim.as_ref(), &decide).await
}

fn begin(from: &SetupView, command: &ConfirmSetup, begun: Begun) -> Result<Step<Setup>, Refusal> {
    let setup = &from.body;
    if !setup.stage.is_open() {
        return Err(Refusal::SetupState { operation: Operation::Confirm, status: setup.stage.status() });
    }
    if setup.attempts.len() >= MOST_ATTEMPTS {
        return Err(Refusal::TooManyAttempts);
    }
    let method = command.method.as_ref().or(setup.method.as_ref()).ok_or(Refusal::NoCard)?;
    let mut step = start(setup.clone(), (from.account, from.key), method, command.credential, begun);
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
    pub personal: SetupPersonal,
    pub beside: Vec<Beside>,
    pub claim: Option<Claiming>,
}

pub async fn create(ports: &dyn Ports, command: &CreateSetup) -> Result<Done<SetupView>, Failure> {
    let decide = |begun: Begun| {
        let place = (command.account, command.key);
        let mut step = start(command.setup.clone(), place, &command.method, command.credential, begun);
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

/// The step that adds an attempt, with the job that settles it if nobody else does.
pub(super) fn start(
    mut next: Setup,
    (account, key): (Key, Key),
    method: &Method,
    credential: Credential,
    begun: Begun,
) -> Step<Setup> {
    let card = method.card.token;
    let attempt = Attempt::begin(begun.key, begun.job, ASKS, NOTHING, card, begun.slot, begun.now).with(credential);
    let watch = Watch::Put(attempt.watch(account, key));
    next.choose(method.clone());
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

    fn method() -> Method {
        Method { key: Key(600), card: card() }
    }

    fn setup(stage: SetupStage) -> Setup {
        Setup { stage, ..Setup::plain(false, Purpose::Intent) }
    }

    fn command(method: Option<Method>) -> ConfirmSetup {
        let (credential, personal, beside, claim) = (Credential::default(), None, vec![], None);
        ConfirmSetup { account: ACCOUNT, setup: PAYMENT, method, credential, personal, beside, claim }
    }

    #[test]
    fn what_a_confirmation_begins() {
        #[track_caller]
        fn check(stage: SetupStage, given: Option<Method>, expected: Result<(), Refusal>) {
            let from = setup(stage);
            let expected =
                expected.map(|()| start(from.clone(), (ACCOUNT, PAYMENT), &method(), Credential::default(), BEGUN));
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
    }

    #[test]
    fn a_setup_is_tried_so_often_and_no_more() {
        #[track_caller]
        fn check(attempts: usize, expected: Result<usize, Refusal>) {
            let mut from = setup(SetupStage::RequiresConfirmation);
            let one = start(from.clone(), (ACCOUNT, PAYMENT), &method(), Credential::default(), BEGUN).body.attempts;
            from.attempts = one.iter().cycle().take(attempts).cloned().collect();
            let begun = begin(&view(from), &command(Some(method())), BEGUN);
            assert_eq!(begun.map(|step| step.body.attempts.len()), expected);
        }
        check(0, Ok(1));
        check(MOST_ATTEMPTS - 1, Ok(MOST_ATTEMPTS));
        check(MOST_ATTEMPTS, Err(Refusal::TooManyAttempts));
    }
}

//! Authenticate the cardholder of a setup (3-D Secure over nothing, EMV 3DS `messageCategory` 02): what follows from what the issuer
//! says. Moves no money.

use super::confirm::ask_issuer;
use super::{ASKS, MOST_ATTEMPTS, MOST_AUTHENTICATIONS, NOTHING, Setup, SetupStage, SetupView};
use crate::attempt::{Begun, Step, launch};
use crate::chase;
use crate::commit::EventKind;
use crate::flow::{Done, Failure};
use crate::id::Key;
use crate::payment::PaymentError;
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use crate::threeds::{Authentication, Settled};
use crate::wire::{CardToken, Credential};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatedSetup {
    pub account: Key,
    pub setup: Key,
    pub authentication: Key,
    pub settled: Settled,
}

/// Goes on with a setup whose cardholder was asked. Refused when it does not wait for this authentication: it went on already.
pub async fn authenticated(ports: &dyn Ports, command: &AuthenticatedSetup) -> Result<Done<SetupView>, Failure> {
    let decide = |from: &SetupView, begun: Begun| begin(from, command, begun);
    launch(ports, command.account, command.setup, None, &decide).await
}

fn begin(from: &SetupView, command: &AuthenticatedSetup, begun: Begun) -> Result<Step<Setup>, Refusal> {
    let status = from.body.stage.status();
    let unexpected = || Refusal::SetupState { operation: Operation::Authenticate, status };
    if from.body.stage != (SetupStage::RequiresAction { authentication: command.authentication }) {
        return Err(unexpected());
    }
    let mut next = from.body.clone();
    let found = next.authentications.iter_mut().find(|a| a.key == command.authentication).ok_or_else(unexpected)?;
    found.settled = Some(command.settled);
    let done = *found;
    let over = chase::job_of(done.key);
    // Tried too often, nothing could follow: it is back at the start all the same, or it would wait for ever.
    if !done.goes_on(command.settled) || next.attempts.len() >= MOST_ATTEMPTS {
        next.stage = SetupStage::RequiresPaymentMethod { last_error: Some(PaymentError::NotAuthenticated) };
        next.method = None;
        return Ok(Step::new(next).events(&[EventKind::SetupFailed]).done(over));
    }
    let proof = done.proof();
    let mut step = ask_issuer(next, (from.account, from.key), (done.card, done.credential), begun);
    for attempt in step.body.attempts.iter_mut().filter(|a| a.key == begun.key) {
        attempt.proof = proof;
        // Without a proof the issuer may still ask for one.
        attempt.may_step_up = proof.is_none();
    }
    Ok(step.done(over))
}

impl Setup {
    /// Makes the setup wait for the cardholder. False when they were asked too often.
    pub(super) fn ask_cardholder(
        &mut self,
        key: Key,
        (card, credential): (CardToken, Credential),
        mandated: bool,
        asked_by_issuer: bool,
    ) -> bool {
        if self.authentications.len() >= MOST_AUTHENTICATIONS {
            return false;
        }
        let (what, money, settled) = (ASKS, NOTHING, None);
        let asked = Authentication { key, what, credential, money, card, mandated, asked_by_issuer, settled };
        self.authentications.push(asked);
        self.stage = SetupStage::RequiresAction { authentication: key };
        true
    }
}

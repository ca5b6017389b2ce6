//! Ask a card's issuer before the card goes to a customer: a setup of Florin's own. Takes no idempotency key: whoever attaches
//! the card does, once the issuer has said yes.

use super::confirm::start;
use super::{Purpose, Setup, SetupPersonal, SetupView};
use crate::attempt::{Begun, found};
use crate::codec::Body;
use crate::commit::Personal;
use crate::flow::{Done, Failure};
use crate::id::Key;
use crate::payment::{Contact, Method};
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::threeds::StepUp;
use crate::wire::Credential;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    pub account: Key,
    pub live: bool,
    pub customer: Key,
    pub method: Method,
    pub billing: Contact,
}

/// The setup as it ended: succeeded, or back at the start with the error.
pub async fn verify(ports: &dyn Ports, command: &Verify) -> Result<SetupView, Failure> {
    let key = ports.fresh_key();
    let setup = Setup { customer: Some(command.customer), ..Setup::plain(command.live, Purpose::Attach) };
    let told = SetupPersonal { billing: Some(command.billing.clone()), ..SetupPersonal::default() };
    let decide = |begun: Begun| {
        let mut step = start(
            setup.clone(),
            (command.account, key),
            &command.method,
            (Credential::default(), StepUp::Never),
            begun,
        );
        // Seen by nobody outside, so found by nobody's list.
        step.index.clear();
        step.personal = Some(Personal { subject: command.customer, body: told.encode() });
        step
    };
    match found(ports, command.account, key, None, &decide).await? {
        Done::Fresh(view) => Ok(view),
        Done::Replayed(_) => Err(Refusal::Contended.into()),
    }
}

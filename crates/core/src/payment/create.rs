//! Create a payment: amount and currency as ordered, no money moves.

use super::{CaptureMethod, CardFacts, Payment, PaymentPersonal, PaymentView, Stage};
use crate::codec::Body;
use crate::commit::{Claim, Commit, Event, EventKind, Personal, Row, Version};
use crate::flow::{self, Claiming, Done, Failure, Met};
use crate::id::{Key, Kind};
use crate::money::Money;
use crate::ports::{Ports, Told};
use crate::refusal::Refusal;
use crate::time::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    pub account: Key,
    pub live: bool,
    pub money: Money,
    pub capture: CaptureMethod,
    pub customer: Option<Key>,
    pub card: Option<CardFacts>,
    pub personal: PaymentPersonal,
    pub claim: Option<Claiming>,
}

/// One commit: the payment, its event, and the answer under the idempotency key.
pub async fn create(ports: &dyn Ports, command: &Create) -> Result<Done<PaymentView>, Failure> {
    let payment = decide(command)?;
    for _ in 0..flow::TRIES {
        let now = ports.now();
        let view = PaymentView {
            key: ports.fresh_key(),
            account: command.account,
            version: Version(1),
            at: now,
            body: payment.clone(),
        };
        let mut commit = draft(command, &view, ports.fresh_key(), now);
        commit.claim = command.claim.as_ref().map(|c| Claim::Answer {
            id: c.id.clone(),
            request: c.request,
            subject: view.key,
            at: now,
            answer: ports.render(Told::Payment(&view)),
        });
        match flow::commit(ports.store(), commit, command.claim.as_ref()).await? {
            Met::Applied => return Ok(Done::Fresh(view)),
            Met::Replay(answer) => return Ok(Done::Replayed(answer)),
            // Another generator made the same key: the next one is fresh.
            Met::Conflict | Met::Guard => {}
        }
    }
    Err(Refusal::Contended.into())
}

fn decide(command: &Create) -> Result<Payment, Refusal> {
    let money = Money::chargeable(command.money.minor, command.money.currency).map_err(Refusal::Amount)?;
    let stage = match command.card {
        Some(_) => Stage::RequiresConfirmation,
        None => Stage::RequiresPaymentMethod { last_error: None },
    };
    Ok(Payment {
        money,
        live: command.live,
        capture: command.capture,
        customer: command.customer,
        card: command.card.clone(),
        stage,
        attempts: vec![],
    })
}

fn draft(command: &Create, view: &PaymentView, event: Key, now: Time) -> Commit {
    let personal = (command.personal != PaymentPersonal::default())
        .then(|| Personal { subject: command.customer.unwrap_or(view.key), body: command.personal.encode() });
    let row = Row {
        key: view.key,
        version: view.version,
        kind: Kind::Payment,
        account: view.account,
        at: now,
        body: view.body.encode(),
        personal,
        index: vec![],
    };
    let created = Event {
        id: event,
        kind: EventKind::PaymentCreated,
        account: view.account,
        cause: view.key,
        version: view.version,
    };
    Commit { expect: vec![(view.key, Version::NONE)], put: vec![row], events: vec![created], ..Commit::default() }
}

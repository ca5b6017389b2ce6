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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{BadAmount, Currency};
    use crate::sample::{ACCOUNT, NOW, PAYMENT, card, eur, payment, view};

    fn ordered(money: Money, card: Option<CardFacts>) -> Create {
        let (capture, personal) = (CaptureMethod::Automatic, PaymentPersonal::default());
        Create { account: ACCOUNT, live: false, money, capture, customer: None, card, personal, claim: None }
    }

    #[test]
    fn what_is_created() {
        #[track_caller]
        fn check(minor: i64, currency: Currency, card: Option<CardFacts>, expected: Result<Stage, BadAmount>) {
            let money = Money::new(minor, currency);
            let whole = |stage| Payment { money, card: card.clone(), ..payment(CaptureMethod::Automatic, stage) };
            assert_eq!(decide(&ordered(money, card.clone())), expected.map(whole).map_err(Refusal::Amount));
        }
        let no_card = Stage::RequiresPaymentMethod { last_error: None };
        check(1000, Currency::EUR, None, Ok(no_card.clone()));
        check(1000, Currency::EUR, Some(card()), Ok(Stage::RequiresConfirmation));
        check(1, Currency::JPY, None, Ok(no_card.clone()));
        check(99_999_999, Currency::USD, None, Ok(no_card.clone()));
        check(1230, Currency::KWD, None, Ok(no_card));
        check(0, Currency::EUR, None, Err(BadAmount::Zero));
        check(-1, Currency::EUR, None, Err(BadAmount::Negative));
        check(i64::MIN, Currency::EUR, None, Err(BadAmount::Negative));
        check(100_000_000, Currency::EUR, None, Err(BadAmount::TooLarge));
        check(i64::MAX, Currency::EUR, None, Err(BadAmount::TooLarge));
        check(1234, Currency::KWD, None, Err(BadAmount::LastDigitNotZero));
        check(1050, Currency::parse("isk").unwrap(), None, Err(BadAmount::NotSendable));
    }

    #[test]
    fn under_whose_key_personal_data_lies() {
        let told = PaymentPersonal { description: Some("two tickets".into()), receipt_email: None };
        #[track_caller]
        fn check(personal: PaymentPersonal, customer: Option<Key>, subject: Option<Key>) {
            let command = Create { customer, personal: personal.clone(), ..ordered(eur(1000), None) };
            let row_view = PaymentView { version: Version(1), ..view(decide(&command).unwrap()) };
            let commit = draft(&command, &row_view, Key(8), NOW);
            assert_eq!(commit.check(), Ok(()));
            let stored = commit.put[0].personal.clone();
            assert_eq!(stored, subject.map(|subject| Personal { subject, body: personal.encode() }));
        }
        check(PaymentPersonal::default(), None, None);
        check(PaymentPersonal::default(), Some(Key(6)), None);
        check(told.clone(), None, Some(PAYMENT));
        check(told, Some(Key(6)), Some(Key(6)));
    }
}

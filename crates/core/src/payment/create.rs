//! Create a payment: amount and currency as ordered. No money moves, unless it is confirmed in the same request.

use super::confirm::charge_move;
use super::{CaptureMethod, CardFacts, Doing, Payment, PaymentPersonal, PaymentView, Stage, Terms};
use crate::attempt::{Attempt, Begun, Owner, answer, conclude, take};
use crate::codec::Body;
use crate::commit::{Beside, Commit, Event, EventKind, IndexEntry, Row, Version};
use crate::flow::{self, Claiming, Done, Failure, Met};
use crate::id::{Key, Kind};
use crate::money::Money;
use crate::order::{self, SignedOrder};
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::threeds::StepUp;
use crate::time::Time;
use crate::wire::{Credential, Initiator, Order};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    pub account: Key,
    /// A fresh one; made when absent.
    pub key: Option<Key>,
    pub live: bool,
    pub money: Money,
    pub capture: CaptureMethod,
    pub customer: Option<Key>,
    pub card: Option<CardFacts>,
    /// The payment method that the card is.
    pub method: Option<Key>,
    pub terms: Terms,
    pub personal: PaymentPersonal,
    /// Confirms at once: the attempt is in the commit that makes the payment.
    pub confirm: Option<Initiator>,
    pub credential: Credential,
    pub step_up: StepUp,
    /// Its code is given to this payment by a row beside.
    pub order: Option<SignedOrder>,
    /// Nothing is confirmed without.
    pub order_required: bool,
    /// Rows that change with it: a method that is used up, or made.
    pub beside: Vec<Beside>,
    pub claim: Option<Claiming>,
}

impl Create {
    /// A payment of nobody known, without a card.
    pub fn plain(account: Key, live: bool, money: Money, capture: CaptureMethod) -> Create {
        Create {
            account,
            key: None,
            live,
            money,
            capture,
            customer: None,
            card: None,
            method: None,
            terms: Terms::default(),
            personal: PaymentPersonal::default(),
            confirm: None,
            credential: Credential::default(),
            step_up: StepUp::Never,
            order: None,
            order_required: false,
            beside: vec![],
            claim: None,
        }
    }
}

/// One commit: the payment, its event, and the answer under the idempotency key. With `confirm` the attempt too, and a second commit
/// once its outcome is known.
pub async fn create(ports: &dyn Ports, command: &Create) -> Result<Done<PaymentView>, Failure> {
    let claiming = command.claim.as_ref();
    let payment = decide(command, ports.now())?;
    if command.confirm.is_some()
        && let Some(answer) = flow::replay_at_first(ports.store(), claiming).await?
    {
        return Ok(Done::Replayed(answer));
    }
    for _ in 0..flow::TRIES {
        let (now, key) = (ports.now(), command.key.unwrap_or_else(|| ports.fresh_key()));
        let mut view = PaymentView {
            key,
            account: command.account,
            version: Version(1),
            at: now,
            body: payment.clone(),
            personal: (command.personal != PaymentPersonal::default())
                .then(|| command.personal.stored(command.customer.unwrap_or(key))),
        };
        let attempt = match command.confirm {
            Some(initiator) => begin(&mut view, initiator, command, Begun::fresh(ports).await?)?,
            None => None,
        };
        let mut commit = draft(command, &view, &|| ports.fresh_key());
        commit.jobs.extend(attempt.as_ref().map(|a| a.watch(view.account, view.key)));
        commit.claim = claiming.map(|c| take(ports, c, attempt.is_some(), &view));
        match flow::commit(ports.store(), commit, claiming).await? {
            Met::Applied => {}
            Met::Replay(answer) => return Ok(Done::Replayed(answer)),
            // What changes with it was changed by somebody else meanwhile.
            Met::Conflict if command.key.is_some() || !command.beside.is_empty() => {
                return flow::refuse(ports.store(), claiming, Refusal::Contended).await;
            }
            // Another generator made the same key: the next one is fresh.
            Met::Conflict | Met::Guard => continue,
        }
        let Some(attempt) = attempt else { return Ok(Done::Fresh(view)) };
        let order = attempt.order(view.account, view.key, view.body.live, false, attempt.send_by);
        let (address, fingerprint) = (Payment::address(&view), view.body.fingerprint(&attempt));
        let verdict = ports.submit(Order { address, fingerprint, ..order }).await;
        let concluded = conclude(ports, view, attempt.key, verdict, 1).await?;
        return answer(ports, claiming, concluded).await;
    }
    Err(Refusal::Contended.into())
}

fn decide(command: &Create, now: Time) -> Result<Payment, Refusal> {
    let money = Money::chargeable(command.money.minor, command.money.currency).map_err(Refusal::Amount)?;
    let required = command.order_required && command.confirm.is_some();
    order::confirms(command.order.as_ref(), required, (money, command.customer), now)?;
    let stage = match command.card {
        Some(_) => Stage::RequiresConfirmation,
        None if command.confirm.is_some() => return Err(Refusal::NoCard),
        None => Stage::RequiresPaymentMethod { last_error: None },
    };
    let mut payment = Payment {
        money,
        live: command.live,
        capture: command.capture,
        customer: command.customer,
        card: None,
        methods: vec![],
        terms: command.terms,
        stage,
        attempts: vec![],
        authentications: vec![],
        order: command.order.clone(),
    };
    if let Some(card) = &command.card {
        payment.choose(command.method, card);
    }
    Ok(payment)
}

/// The first attempt of a payment that is made and confirmed at once; none when the cardholder is authenticated first.
fn begin(
    view: &mut PaymentView,
    initiator: Initiator,
    command: &Create,
    begun: Begun,
) -> Result<Option<Attempt>, Refusal> {
    let payment = &mut view.body;
    let card = payment.card.as_ref().ok_or(Refusal::NoCard)?.token;
    let what = charge_move(payment.capture, initiator);
    let credential = command.credential;
    if let StepUp::First { mandated } = command.step_up {
        payment.ask_cardholder(begun.key, (what, credential), card, mandated, false)?;
        return Ok(None);
    }
    let mut attempt =
        Attempt::begin(begun.key, begun.job, what, payment.money, card, begun.slot, begun.now).with(credential);
    attempt.claim = command.claim.as_ref().map(Claiming::open);
    attempt.may_step_up = command.step_up == StepUp::IfAsked;
    payment.stage = Stage::Processing { attempt: attempt.key, doing: Doing::Confirm };
    payment.attempts.push(attempt.clone());
    Ok(Some(attempt))
}

fn draft(command: &Create, view: &PaymentView, fresh: &dyn Fn() -> Key) -> Commit {
    let customer = command.customer.map(|under| IndexEntry { under, kind: Kind::Payment, key: view.key });
    let charge = view.body.attempts.first().map(|a| a.key);
    let charge = charge.map(|key| IndexEntry { under: view.account, kind: Kind::Charge, key });
    let row = Row {
        key: view.key,
        version: view.version,
        kind: Kind::Payment,
        account: view.account,
        at: view.at,
        body: view.body.encode(),
        personal: view.personal.clone(),
        index: customer.into_iter().chain(charge).collect(),
    };
    let tells = |kind| Event { id: fresh(), kind, account: view.account, cause: view.key, version: view.version };
    let created = tells(EventKind::PaymentCreated);
    let confirmed = command.confirm.map(|_| match view.body.stage {
        Stage::RequiresAction { .. } => tells(EventKind::PaymentRequiresAction),
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::Processing { .. }
        | Stage::RequiresCapture { .. }
        | Stage::Succeeded { .. }
        | Stage::Canceled { .. } => tells(EventKind::PaymentProcessing),
    });
    let mut commit = Commit {
        expect: vec![(view.key, Version::NONE)],
        put: vec![row],
        events: [created].into_iter().chain(confirmed).collect(),
        ..Commit::default()
    };
    commit.with(command.beside.clone(), fresh);
    commit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::Personal;
    use crate::money::{BadAmount, Currency};
    use crate::sample::{ACCOUNT, NOW, PAYMENT, card, eur, payment, view};

    fn ordered(money: Money, card: Option<CardFacts>) -> Create {
        let (capture, personal) = (CaptureMethod::Automatic, PaymentPersonal::default());
        Create { card, personal, ..Create::plain(ACCOUNT, false, money, capture) }
    }

    #[test]
    fn what_is_created() {
        #[track_caller]
        fn check(minor: i64, currency: Currency, card: Option<CardFacts>, expected: Result<Stage, BadAmount>) {
            let money = Money::new(minor, currency);
            let whole = |stage| Payment { money, card: card.clone(), ..payment(CaptureMethod::Automatic, stage) };
            assert_eq!(decide(&ordered(money, card.clone()), NOW), expected.map(whole).map_err(Refusal::Amount));
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
        let told = PaymentPersonal { description: Some("two tickets".into()), ..PaymentPersonal::default() };
        #[track_caller]
        fn check(personal: PaymentPersonal, customer: Option<Key>, subject: Option<Key>) {
            let command = Create { customer, personal: personal.clone(), ..ordered(eur(1000), None) };
            let mut row_view = PaymentView { version: Version(1), ..view(decide(&command, NOW).unwrap()) };
            row_view.personal = subject.map(|subject| personal.stored(subject));
            let commit = draft(&command, &row_view, &|| Key(8));
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

//! Change a payment before it is confirmed; what the merchant wrote on it, at any time. No money moves.

use super::{CaptureMethod, CardFacts, Payment, PaymentPersonal, PaymentView, Stage, Terms};
use crate::attempt::{Begun, Step, launch};
use crate::commit::{Beside, EventKind, IndexEntry, Version};
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::{Key, Kind};
use crate::money::Money;
use crate::order::SignedOrder;
use crate::ports::Ports;
use crate::refusal::{Operation, Refusal};
use crate::time::Time;

/// None leaves as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub account: Key,
    pub payment: Key,
    /// The version that was read: what is changed was made from it.
    pub from: Version,
    pub money: Option<Money>,
    pub capture: Option<CaptureMethod>,
    pub customer: Option<Key>,
    pub terms: Option<Terms>,
    /// The card to pay with, and the payment method that it is.
    pub method: Option<(Key, CardFacts)>,
    /// Its code is given to this payment by a row beside.
    pub order: Option<SignedOrder>,
    pub personal: Option<PaymentPersonal>,
    /// It is written on the charge, not on the payment.
    pub on_charge: bool,
    pub beside: Vec<Beside>,
    pub claim: Option<Claiming>,
}

impl Update {
    /// Nothing is changed yet.
    pub fn of(view: &PaymentView) -> Update {
        Update {
            account: view.account,
            payment: view.key,
            from: view.version,
            money: None,
            capture: None,
            customer: None,
            terms: None,
            method: None,
            order: None,
            personal: None,
            on_charge: false,
            beside: vec![],
            claim: None,
        }
    }
    /// Whether it changes what is paid, how or by whom: only before the payment is confirmed.
    fn changes_payment(&self) -> bool {
        self.money.is_some()
            || self.capture.is_some()
            || self.customer.is_some()
            || self.terms.is_some()
            || self.method.is_some()
            || self.order.is_some()
    }
}

/// `Refusal::Contended` when the payment is no longer at the version that was read: read it and ask again.
pub async fn update(ports: &dyn Ports, command: &Update) -> Result<Done<PaymentView>, Failure> {
    let decide = |from: &View<Payment>, begun: Begun| begin(from, command, begun.now);
    launch(ports, command.account, command.payment, command.claim.as_ref(), &decide).await
}

fn begin(from: &View<Payment>, command: &Update, now: Time) -> Result<Step<Payment>, Refusal> {
    let mut next = from.body.clone();
    match next.stage {
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation => {}
        // What the cardholder was to agree to is another thing now.
        Stage::RequiresAction { .. } if command.changes_payment() => next.stage = Stage::RequiresConfirmation,
        Stage::RequiresAction { .. } => {}
        Stage::Processing { .. } | Stage::RequiresCapture { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => {
            if command.changes_payment() {
                return Err(Refusal::UnexpectedState { operation: Operation::Update, status: next.stage.status() });
            }
        }
    }
    if from.version != command.from {
        return Err(Refusal::Contended);
    }
    if let Some(money) = command.money {
        next.money = Money::chargeable(money.minor, money.currency).map_err(Refusal::Amount)?;
    }
    next.capture = command.capture.unwrap_or(next.capture);
    next.terms = command.terms.unwrap_or(next.terms);
    if let Some((key, card)) = &command.method {
        next.choose(Some(*key), card);
        next.stage = Stage::RequiresConfirmation;
    }
    let entry = |customer| IndexEntry { under: customer, kind: Kind::Payment, key: from.key };
    let index = command.customer.into_iter().filter(|c| next.customer != Some(*c)).map(entry).collect();
    next.customer = command.customer.or(next.customer);
    if let Some(order) = &command.order {
        order.pays(next.money, next.customer, now)?;
        next.order = Some(order.clone());
    } else if let Some(order) = next.order.as_ref().filter(|_| command.changes_payment()) {
        order.fits(next.money, next.customer)?;
    }
    let subject = next.customer.unwrap_or(from.key);
    let personal = match &command.personal {
        Some(personal) => Some(personal.stored(subject)),
        // What is stored moves under the customer's key with the payment.
        None => from.personal.as_ref().map(|p| crate::commit::Personal { subject, body: p.body.clone() }),
    };
    let event = if command.on_charge { EventKind::ChargeUpdated } else { EventKind::PaymentUpdated };
    let mut step = Step::new(next).events(&[event]);
    (step.index, step.personal, step.beside) = (index, personal, command.beside.clone());
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{BadAmount, Currency};
    use crate::sample::{NOW, card, eur, every_stage, held, payment, view};

    #[test]
    fn every_stage_takes_words_and_only_open_ones_take_terms() {
        for stage in every_stage() {
            let from = view(held(stage.clone()));
            let told = PaymentPersonal { description: Some("two tickets".into()), ..PaymentPersonal::default() };
            let words = Update { personal: Some(told), ..Update::of(&from) };
            assert!(begin(&from, &words, NOW).is_ok(), "{stage:?}");
            let other = Update { money: Some(eur(2000)), ..Update::of(&from) };
            let expected = match stage {
                Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation | Stage::RequiresAction { .. } => {
                    Ok(2000)
                }
                Stage::Processing { .. }
                | Stage::RequiresCapture { .. }
                | Stage::Succeeded { .. }
                | Stage::Canceled { .. } => {
                    Err(Refusal::UnexpectedState { operation: Operation::Update, status: stage.status() })
                }
            };
            assert_eq!(begin(&from, &other, NOW).map(|s| s.body.money.minor), expected, "{stage:?}");
        }
    }

    #[test]
    fn what_a_change_leads_to() {
        let start = Stage::RequiresPaymentMethod { last_error: None };
        let from = view(Payment { card: None, ..payment(CaptureMethod::Automatic, start) });
        let check = |command: Update, expected: Result<&'static str, Refusal>| {
            assert_eq!(begin(&from, &command, NOW).map(|s| s.body.stage.status()), expected);
        };
        check(Update::of(&from), Ok("requires_payment_method"));
        check(Update { method: Some((Key(6), card())), ..Update::of(&from) }, Ok("requires_confirmation"));
        let none = Money::new(0, Currency::EUR);
        check(Update { money: Some(none), ..Update::of(&from) }, Err(Refusal::Amount(BadAmount::Zero)));
        check(Update { from: Version(2), ..Update::of(&from) }, Err(Refusal::Contended));
    }

    /// A payment that gets a customer is found under it, and its personal data lies under the customer's key.
    #[test]
    fn a_customer_is_named() {
        let told = PaymentPersonal { description: Some("two tickets".into()), ..PaymentPersonal::default() };
        let mut from = view(payment(CaptureMethod::Automatic, Stage::RequiresConfirmation));
        from.personal = Some(told.stored(from.key));
        let step = begin(&from, &Update { customer: Some(Key(6)), ..Update::of(&from) }, NOW).unwrap();
        assert_eq!(step.index, [IndexEntry { under: Key(6), kind: Kind::Payment, key: from.key }]);
        assert_eq!(step.personal, Some(told.stored(Key(6))));
    }
}

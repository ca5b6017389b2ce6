//! `POST /v1/payment_intents/{}`.

use super::confirm::{settled, unexpected};
use super::{create::capture_method, fields, order, read::find};
use crate::ask::{Answer, Ask, Telling};
use crate::error::ApiError;
use crate::params::Params;
use crate::resources::payment_methods::{Payer, choose};
use florin_core::flow::{self, Failure};
use florin_core::payment::{self, CaptureMethod, PaymentPersonal, PaymentView, Stage, Update};
use florin_core::refusal::Refusal;

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id()).await?;
        let command = read(ask, params, &view).await?;
        match payment::update(&ask.asked(Telling::Intent), &command).await {
            Ok(done) => return settled(ask, done, Telling::Intent).await,
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

async fn read(ask: &Ask<'_>, params: &Params, view: &PaymentView) -> Result<Update, ApiError> {
    let payment = &view.body;
    let mut command = Update { claim: ask.claim.clone(), ..Update::of(view) };
    let amount = params.integer("amount")?;
    let currency = params.currency("currency")?;
    if amount.is_some() || currency.is_some() {
        let money =
            fields::money(params, amount.unwrap_or(payment.money.minor), currency.unwrap_or(payment.money.currency))?;
        command.money = Some(money).filter(|m| *m != payment.money);
    }
    let mut terms = payment.terms;
    if let Some((capture, synchronous)) = capture_method(params)? {
        command.capture = Some(capture).filter(|c| *c != payment.capture);
        terms.synchronous_capture = synchronous;
    }
    fields::future_use(params, &mut terms)?;
    fields::method_types(ask, params, &mut terms)?;
    fields::card_options(params, &mut terms)?;
    if terms.card.capture_later && payment.capture != CaptureMethod::Manual {
        command.capture = Some(CaptureMethod::Manual);
    }
    command.terms = (terms != payment.terms).then_some(terms);
    fields::no_platforms(params)?;
    let mut personal: PaymentPersonal = view.personal()?;
    fields::personal(params, &mut personal)?;
    params.ignore(fields::WITHOUT_EFFECT);
    params.ignore(&["error_on_requires_action", "payment_method", "payment_method_data", "customer"]);
    let signed = order::given(ask, params)?;
    params.done()?;
    command.customer = fields::customer(ask, params).await?.filter(|c| payment.customer != Some(*c));
    let customer = command.customer.or(payment.customer);
    if let Some(chosen) = choose(ask, params, Payer { by: view.key, customer, uses: false }).await? {
        personal.billing = Some(chosen.personal.billing).filter(|b| *b != Default::default());
        command.method = Some((chosen.key, chosen.card));
        command.beside = chosen.beside;
    }
    command.personal = Some(personal);
    if let Some(given) = signed {
        let money = command.money.unwrap_or(payment.money);
        let (order, place) = given.checked(ask, params, view.key, (money, customer)).await?;
        command.order = Some(order).filter(|order| payment.order.as_ref() != Some(order));
        command.beside.extend(place);
    }
    let changes_payment = command.money.is_some()
        || command.capture.is_some()
        || command.customer.is_some()
        || command.terms.is_some()
        || command.method.is_some()
        || command.order.is_some();
    let is_open = matches!(
        payment.stage,
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation | Stage::RequiresAction { .. }
    );
    if changes_payment && !is_open {
        return Err(unexpected(ask.look(), view, "update"));
    }
    Ok(command)
}

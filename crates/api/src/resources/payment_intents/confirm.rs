//! `POST /v1/payment_intents/{}/confirm`, with the secret key, or with a publishable key and the client secret.

use super::{fields, of_client, order, read::find};
use crate::ask::{Answer, Ask, Telling};
use crate::error::ApiError;
use crate::look::Look;
use crate::params::Params;
use crate::resources::confirmation_tokens;
use crate::resources::payment_methods::{self, Payer};
use florin_core::confirmation::Used;
use florin_core::flow::{self, Done, Failure};
use florin_core::payment::{self, Confirm, PaymentPersonal, PaymentView, Stage};
use florin_core::refusal::Refusal;

pub async fn confirm(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id()).await?;
        let command = read(ask, params, &view).await?;
        match payment::confirm(&ask.asked(Telling::Outcome), &command).await {
            Ok(done) => return settled(ask, done, Telling::Outcome).await,
            // Somebody changed the intent meanwhile: what is confirmed is what it says now.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

async fn read(ask: &Ask<'_>, params: &Params, view: &PaymentView) -> Result<Confirm, ApiError> {
    of_client(ask, params, florin_core::id::Kind::Payment, view.key)?;
    if !ask.is_secret() {
        not_from_browsers(params, view)?;
    }
    let payment = &view.body;
    let (mut terms, mut personal) = (payment.terms, view.personal::<PaymentPersonal>()?);
    let before = (terms, personal.clone());
    fields::future_use(params, &mut terms)?;
    fields::return_url(params, &mut personal)?;
    params.email("receipt_email")?.apply(&mut personal.receipt_email);
    params.shipping()?.apply(&mut personal.shipping);
    fields::card_options(params, &mut terms)?;
    params.ignore(fields::WITHOUT_EFFECT);
    params.known_elsewhere(&[
        "error_on_requires_action",
        "payment_method",
        "payment_method_data",
        "confirmation_token",
        "off_session",
    ]);
    params.ignore(&["expected_payment_method_type"]);
    fields::method_types(ask, params, &mut terms)?;
    fields::excluded(params, &mut personal)?;
    unchanged(params, view)?;
    let signed = order::given(ask, params)?;
    params.done()?;
    open(ask.look(), view, "confirm")?;
    if let Some(customer) = payment.customer {
        fields::living(ask, customer).await?;
    }

    let payer = Payer { by: view.key, customer: payment.customer, uses: true };
    let chosen = match confirmation_tokens::choose(ask, params, payer, Used::Payment(view.key)).await? {
        Some(given) => Some(fields::take(given, &mut terms, &mut personal)),
        None => match payment.card.as_ref().and_then(|c| payment.method(c.token)) {
            Some(method) => {
                let id = ask.look().id(florin_core::id::Kind::Method, method.key);
                let view = payment_methods::find(ask, &id, "payment_method").await?;
                Some(payment_methods::of_view(ask, &view, payer)?)
            }
            None => None,
        },
    };
    let started = fields::started(ask, params, &terms, chosen.as_ref()).await?;
    let (initiator, credential) = (started.initiator, started.credential);
    let (from, claim) = (Some(view.version), ask.claim.clone());
    let mut command = Confirm { from, initiator, credential, claim, ..Confirm::plain(ask.account(), view.key) };
    match chosen {
        Some(chosen) => {
            let billing = Some(chosen.personal.billing).filter(|b| *b != Default::default());
            personal.billing = billing.or(personal.billing);
            (command.card, command.method, command.beside) = (Some(chosen.card), Some(chosen.key), chosen.beside);
        }
        None if payment.card.is_none() => {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method. Give payment_method or payment_method_data.";
            let error = ApiError::invalid(message).code("payment_intent_unexpected_state");
            return Err(error.with("payment_intent", super::shape(ask.look(), view)));
        }
        None => {}
    }
    command.beside.extend(started.beside);
    command.order_required = order::required(ask).await?;
    if let Some(given) = signed {
        let (order, place) = given.checked(ask, params, view.key, (payment.money, payment.customer)).await?;
        command.order = Some(order);
        command.beside.extend(place);
    }
    let card = command.card.as_ref().or(payment.card.as_ref());
    command.step_up = fields::step_up(ask, params, &terms, card).await?;
    command.terms = (terms != before.0).then_some(terms);
    command.personal = (personal != before.1).then_some(personal);
    Ok(command)
}

/// What a confirmation may repeat and not change.
fn unchanged(params: &Params, view: &PaymentView) -> Result<(), ApiError> {
    let payment = &view.body;
    if let Some((capture, synchronous)) = super::create::capture_method(params)?
        && (capture, synchronous) != (payment.capture, payment.terms.synchronous_capture)
    {
        let message = "Update the PaymentIntent to change its capture_method, then confirm it.";
        return Err(params.bad("capture_method", message));
    }
    if params.integer("amount_to_confirm")?.is_some_and(|n| n != payment.money.minor) {
        let message = "Update the PaymentIntent to change its amount, then confirm it.";
        return Err(params.bad("amount_to_confirm", message));
    }
    Ok(())
}

/// What only the merchant's server may say.
fn not_from_browsers(params: &Params, view: &PaymentView) -> Result<(), ApiError> {
    if view.body.terms.manual_confirmation {
        let message =
            "This PaymentIntent has confirmation_method=manual: it is confirmed on your server, with the secret key.";
        return Err(ApiError::invalid(message).code("payment_intent_invalid_parameter"));
    }
    if params.has("off_session") {
        let message = "off_session is for your server, with the secret key: whoever uses a browser is there.";
        return Err(params.bad("off_session", message).code("secret_key_required"));
    }
    Ok(())
}

/// Refuses by the intent's status what only an open intent takes.
pub fn open(look: &Look, view: &PaymentView, operation: &str) -> Result<(), ApiError> {
    match view.body.stage {
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation | Stage::RequiresAction { .. } => Ok(()),
        Stage::Processing { .. } | Stage::RequiresCapture { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => {
            Err(unexpected(look, view, operation))
        }
    }
}

pub fn unexpected(look: &Look, view: &PaymentView, operation: &str) -> ApiError {
    let status = view.body.stage.status();
    let message = format!("You cannot {operation} this PaymentIntent because it has a status of {status}.");
    ApiError::invalid(message).code("payment_intent_unexpected_state").with("payment_intent", super::shape(look, view))
}

/// What came of a flow, as an answer.
pub async fn settled(ask: &Ask<'_>, done: Done<PaymentView>, telling: Telling) -> Result<Answer, ApiError> {
    let view = match done {
        Done::Replayed(bytes) => return Answer::replay(&bytes),
        Done::Fresh(view) => view,
    };
    let (status, body) = telling.payment(ask.look(), &view);
    Ok(Answer::of(status, body))
}

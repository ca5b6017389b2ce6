//! `POST /v1/payment_intents/{}/confirm`, with the secret key, or with a publishable key and the client secret.

use super::{fields, of_client, read::find};
use crate::ask::{Answer, Ask, Telling};
use crate::error::ApiError;
use crate::params::Params;
use crate::resources::payment_methods::{self, Payer, choose};
use florin_core::flow::Done;
use florin_core::payment::{self, Confirm, Payment, PaymentPersonal, PaymentView, Stage};

pub async fn confirm(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    of_client(ask, params, florin_core::id::Kind::Payment, view.key)?;
    let payment = &view.body;
    let (mut terms, mut personal) = (payment.terms, view.personal::<PaymentPersonal>()?);
    let before = (terms, personal.clone());
    fields::future_use(params, &mut terms)?;
    fields::return_url(params, &mut personal)?;
    params.email("receipt_email")?.apply(&mut personal.receipt_email);
    params.shipping()?.apply(&mut personal.shipping);
    params.ignore(fields::WITHOUT_EFFECT);
    params.ignore(&["payment_method", "payment_method_data", "off_session", "expected_payment_method_type"]);
    params.done()?;
    open(payment, "confirm")?;

    let payer = Payer { by: view.key, customer: payment.customer, uses: true };
    let chosen = match choose(ask, params, payer).await? {
        Some(chosen) => Some(chosen),
        None => match payment.card.as_ref().and_then(|c| payment.method(c.token)) {
            Some(method) => {
                let id = ask.look().id(florin_core::id::Kind::Method, method.key);
                let view = payment_methods::find(ask, &id, "payment_method").await?;
                Some(payment_methods::of_view(ask, &view, payer)?)
            }
            None => None,
        },
    };
    let initiator = fields::initiator(params, &terms, chosen.as_ref().is_some_and(|c| c.stored))?;
    let mut command = Confirm { initiator, claim: ask.claim.clone(), ..Confirm::plain(ask.account(), view.key) };
    match chosen {
        Some(chosen) => {
            let billing = Some(chosen.personal.billing).filter(|b| *b != Default::default());
            personal.billing = billing.or(personal.billing);
            (command.card, command.method, command.beside) = (Some(chosen.card), Some(chosen.key), chosen.beside);
        }
        None if payment.card.is_none() => {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method. Give payment_method or payment_method_data.";
            return Err(ApiError::invalid(message).code("payment_intent_unexpected_state"));
        }
        None => {}
    }
    command.terms = (terms != before.0).then_some(terms);
    command.personal = (personal != before.1).then_some(personal);
    let done = payment::confirm(&ask.asked(Telling::Outcome), &command).await?;
    let answer = settled(ask, done, Telling::Outcome).await?;
    Ok(if ask.is_secret() { answer } else { super::read::without_private(answer) })
}

/// Refuses by the intent's status what only an open intent takes.
pub fn open(payment: &Payment, operation: &str) -> Result<(), ApiError> {
    match payment.stage {
        Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation => Ok(()),
        Stage::Processing { .. } | Stage::RequiresCapture { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => {
            Err(unexpected(payment, operation))
        }
    }
}

pub fn unexpected(payment: &Payment, operation: &str) -> ApiError {
    let status = payment.stage.status();
    let message = format!("You cannot {operation} this PaymentIntent because it has a status of {status}.");
    ApiError::invalid(message).code("payment_intent_unexpected_state")
}

/// What came of a flow, as an answer. A card that was to be kept becomes the customer's.
pub async fn settled(ask: &Ask<'_>, done: Done<PaymentView>, telling: Telling) -> Result<Answer, ApiError> {
    let view = match done {
        Done::Replayed(bytes) => return Answer::replay(&bytes),
        Done::Fresh(view) => view,
    };
    let paid = match view.body.stage {
        Stage::RequiresCapture { .. } | Stage::Succeeded { .. } => true,
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::Processing { .. }
        | Stage::Canceled { .. } => false,
    };
    if let (true, Some(_), Some(customer)) = (paid, view.body.terms.future_use, view.body.customer)
        && let Some(method) = view.body.card.as_ref().and_then(|c| view.body.method(c.token))
    {
        payment_methods::keep(ask, method.key, view.key, customer).await?;
    }
    let (status, body) = telling.payment(ask.look(), &view);
    Ok(Answer { status, body, replayed: false })
}

//! `POST /v1/payment_intents/{}/capture` and `…/cancel`.

use super::confirm::{settled, unexpected};
use super::{fields, read::find};
use crate::ask::{Answer, Ask, Telling};
use crate::error::ApiError;
use crate::params::Params;
use florin_core::flow::{self, Failure};
use florin_core::money::LARGEST;
use florin_core::payment::{self, Cancel, CancelReason, Capture, Increment, PaymentPersonal, PaymentView, Stage};
use florin_core::refusal::Refusal;

pub async fn capture(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id()).await?;
        let command = whole_or_part(ask, params, &view)?;
        match payment::capture(&ask.asked(Telling::Outcome), &command).await {
            Ok(done) => return settled(ask, done, Telling::Outcome).await,
            // Somebody changed the intent meanwhile: what they wrote is kept.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

fn whole_or_part(ask: &Ask<'_>, params: &Params, view: &PaymentView) -> Result<Capture, ApiError> {
    let amount = params.integer("amount_to_capture")?;
    if params.boolean("final_capture")? == Some(false) {
        let message = "final_capture can only be false where multicapture is available (multicapture[status] of the charge): one \
            capture ends this hold.";
        return Err(params.bad("final_capture", message).code("payment_intent_invalid_parameter"));
    }
    fields::no_platforms(params)?;
    let mut personal: PaymentPersonal = view.personal()?;
    let before = personal.clone();
    fields::descriptor(params, "statement_descriptor")?.apply(&mut personal.statement_descriptor);
    fields::descriptor(params, "statement_descriptor_suffix")?.apply(&mut personal.statement_descriptor_suffix);
    params.metadata(&mut personal.metadata)?;
    params.ignore(&["amount_details", "hooks", "payment_details"]);
    params.done()?;
    let command = claim(ask, params, view, (amount, "amount_to_capture"))?;
    // Without words of its own it takes the intent as it is by now.
    Ok(match personal != before {
        true => Capture { from: Some(view.version), personal: Some(personal), ..command },
        false => command,
    })
}

/// Claims a hold, whole or in part.
pub fn claim(
    ask: &Ask<'_>,
    params: &Params,
    view: &PaymentView,
    (amount, name): (Option<i64>, &'static str),
) -> Result<Capture, ApiError> {
    let Stage::RequiresCapture { .. } = view.body.stage else {
        return Err(unexpected(ask.look(), view, "capture"));
    };
    let held = view.body.money.minor;
    match amount {
        Some(n) if n < 1 => {
            let message = "This value must be greater than or equal to 1.";
            return Err(params.bad(name, message).code("parameter_invalid_integer"));
        }
        Some(n) if n > held || n > LARGEST => {
            let message = format!("The amount to capture is greater than what is held: {held} at most.");
            return Err(params.bad(name, message).code("amount_too_large"));
        }
        Some(_) | None => {}
    }
    let (account, payment, claim) = (ask.account(), view.key, ask.claim.clone());
    Ok(Capture { account, payment, from: None, amount, currency: None, personal: None, claim })
}

/// `POST …/increment_authorization`: `amount` is the whole amount to be held.
pub async fn increment(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id()).await?;
        let command = more(ask, params, &view)?;
        match payment::increment(&ask.asked(Telling::Outcome), &command).await {
            Ok(done) => return settled(ask, done, Telling::Outcome).await,
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

fn more(ask: &Ask<'_>, params: &Params, view: &PaymentView) -> Result<Increment, ApiError> {
    let amount = params.integer("amount")?.ok_or_else(|| params.missing("amount"))?;
    let mut personal: PaymentPersonal = view.personal()?;
    let before = personal.clone();
    params.patch("description", 1_000)?.apply(&mut personal.description);
    fields::descriptor(params, "statement_descriptor")?.apply(&mut personal.statement_descriptor);
    params.metadata(&mut personal.metadata)?;
    params.ignore(&["amount_details", "application_fee_amount", "hooks", "payment_details", "transfer_data"]);
    params.done()?;
    let Stage::RequiresCapture { .. } = view.body.stage else {
        return Err(unexpected(ask.look(), view, "increment the authorization of"));
    };
    fields::money(params, amount, view.body.money.currency)?;
    Ok(Increment {
        account: ask.account(),
        payment: view.key,
        from: Some(view.version),
        amount,
        personal: (personal != before).then_some(personal),
        claim: ask.claim.clone(),
    })
}

pub async fn cancel(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    let words = [
        ("abandoned", CancelReason::Abandoned),
        ("duplicate", CancelReason::Duplicate),
        ("fraudulent", CancelReason::Fraudulent),
        ("requested_by_customer", CancelReason::RequestedByCustomer),
    ];
    let reason = params.choice("cancellation_reason", &words)?.unwrap_or(CancelReason::Unspecified);
    params.done()?;
    match view.body.stage {
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::RequiresAction { .. }
        | Stage::RequiresCapture { .. } => {}
        Stage::Processing { .. } | Stage::Succeeded { .. } | Stage::Canceled { .. } => {
            return Err(unexpected(ask.look(), &view, "cancel"));
        }
    }
    let command = Cancel { account: ask.account(), payment: view.key, reason, claim: ask.claim.clone() };
    let done = payment::cancel(&ask.asked(Telling::Intent), &command).await?;
    settled(ask, done, Telling::Intent).await
}

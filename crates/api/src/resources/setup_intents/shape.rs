//! How a setup intent looks, and the error that tells of a refusal. Reads one row, knows no store.

use crate::look::Look;
use crate::resources::{metadata, payment_intents, payment_methods};
use florin_core::id::Kind;
use florin_core::payment::{CancelReason, Method, PaymentError};
use florin_core::setup::{SetupPersonal, SetupStage, SetupView};
use serde_json::{Value, json};

pub fn shape(look: &Look, view: &SetupView) -> Value {
    let s = &view.body;
    let personal: SetupPersonal = view.personal().unwrap_or_default();
    let reason = match s.stage {
        SetupStage::Canceled { reason: CancelReason::Abandoned, .. } => Some("abandoned"),
        SetupStage::Canceled { reason: CancelReason::Duplicate, .. } => Some("duplicate"),
        SetupStage::Canceled { reason: CancelReason::RequestedByCustomer, .. } => Some("requested_by_customer"),
        SetupStage::Canceled { reason: CancelReason::Fraudulent | CancelReason::Unspecified, .. }
        | SetupStage::RequiresPaymentMethod { .. }
        | SetupStage::RequiresConfirmation
        | SetupStage::Processing { .. }
        | SetupStage::RequiresAction { .. }
        | SetupStage::Succeeded { .. } => None,
        SetupStage::Canceled { reason: CancelReason::Automatic, .. } => Some("automatic"),
    };
    let three_ds = s.asking.three_ds.as_str();
    let automatic = s
        .automatic_methods
        .map(|redirects| json!({ "allow_redirects": if redirects { "always" } else { "never" }, "enabled": true }));
    json!({
        "id": look.id(Kind::Setup, view.key),
        "object": "setup_intent",
        "allowed_payment_method_types": null,
        "application": null,
        "automatic_payment_methods": automatic,
        "cancellation_reason": reason,
        "client_secret": look.client_secret(Kind::Setup, view.key),
        "created": view.key.time().seconds(),
        "customer": s.customer.map(|c| look.id(Kind::Customer, c)),
        "customer_account": null,
        "description": personal.description,
        "excluded_payment_method_types": null,
        "flow_directions": null,
        "last_setup_error": last_error(look, view, &personal),
        "latest_attempt": s.attempts.last().map(|a| look.id(Kind::Attempt, a.key)),
        "livemode": s.live,
        "managed_payments": null,
        "mandate": null,
        "metadata": metadata(&personal.metadata),
        "next_action": next_action(look, view, &personal),
        "on_behalf_of": null,
        "payment_method": s.method.as_ref().map(|m| look.id(Kind::Method, m.key)),
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": { "mandate_options": null, "network": null, "request_three_d_secure": three_ds },
        },
        "payment_method_types": ["card"],
        "single_use_mandate": null,
        "status": s.stage.status(),
        "usage": s.usage.as_str(),
    })
}

/// What the cardholder is to do.
fn next_action(look: &Look, view: &SetupView, personal: &SetupPersonal) -> Value {
    let SetupStage::RequiresAction { authentication } = view.body.stage else { return Value::Null };
    let shown = personal.return_url.as_deref().filter(|_| !view.body.asking.by_library);
    payment_intents::to_issuer(look, (Kind::Setup, view.key, authentication), shown)
}

fn last_error(look: &Look, view: &SetupView, personal: &SetupPersonal) -> Option<Value> {
    let SetupStage::RequiresPaymentMethod { last_error: Some(error) } = &view.body.stage else { return None };
    let asked = view.body.authentications.last().filter(|_| *error == PaymentError::NotAuthenticated);
    let card = asked.map(|a| a.card).or(view.body.attempts.last().map(|a| a.card));
    let method = card.and_then(|card| view.body.method_of(card));
    Some(error_of(look, view.body.live, error, method, personal))
}

/// An error object about the card of an attempt.
pub fn error_of(
    look: &Look,
    live: bool,
    error: &PaymentError,
    method: Option<&Method>,
    personal: &SetupPersonal,
) -> Value {
    let mut fields = payment_intents::card_error(error);
    if *error == PaymentError::NotAuthenticated {
        fields.insert("code".into(), json!("setup_intent_authentication_failure"));
    }
    if let Some(method) = method {
        let shown = payment_methods::of_setup(look, live, method, personal.billing.as_ref());
        fields.insert("payment_method".into(), shown);
    }
    Value::Object(fields)
}

/// What is answered to a confirmation: the intent, or 402 with it inside when the issuer said no.
pub fn outcome(look: &Look, view: &SetupView) -> (u16, Value) {
    let personal: SetupPersonal = view.personal().unwrap_or_default();
    match last_error(look, view, &personal) {
        Some(Value::Object(mut fields)) => {
            fields.insert("setup_intent".into(), shape(look, view));
            (402, json!({ "error": fields }))
        }
        _ => (200, shape(look, view)),
    }
}

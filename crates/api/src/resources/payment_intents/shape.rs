//! How an intent looks, and the error that tells of a decline. Reads one row, knows no store.

use crate::look::Look;
use crate::resources::{metadata, payment_methods, shipping};
use florin_core::attempt::{Attempt, Move, State};
use florin_core::decline::DeclineCode;
use florin_core::id::{Key, Kind};
use florin_core::payment::{
    CancelReason, CaptureMethod, CardOptions, Payment, PaymentError, PaymentPersonal, PaymentView, Stage,
};
use florin_core::wire::{Decline, NotSent};
use serde_json::{Map, Value, json};

pub fn shape(look: &Look, view: &PaymentView) -> Value {
    let p = &view.body;
    let personal: PaymentPersonal = view.personal().unwrap_or_default();
    let (canceled_at, reason) = match p.stage {
        Stage::Canceled { at, reason } => (Some(at.seconds()), cancel_reason(reason)),
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::Processing { .. }
        | Stage::RequiresCapture { .. }
        | Stage::Succeeded { .. }
        | Stage::RequiresAction { .. } => (None, None),
    };
    let latest = p.attempts.iter().rev().find(|a| view.body.is_charge(a));
    let method = p.card.as_ref().and_then(|c| p.method(c.token)).map(|m| look.id(Kind::Method, m.key));
    let automatic = p
        .terms
        .automatic_methods
        .map(|redirects| json!({ "allow_redirects": if redirects { "always" } else { "never" }, "enabled": true }));
    let excluded = Some(&personal.excluded_types).filter(|t| !t.is_empty());
    let mut shown = json!({
        "id": look.id(Kind::Payment, view.key),
        "object": "payment_intent",
        "allowed_payment_method_types": p.terms.only_cards.then_some(["card"]),
        "amount": p.money.minor,
        "amount_capturable": p.capturable(),
        "amount_details": { "tip": {} },
        "amount_received": p.received(),
        "application": null,
        "application_fee_amount": null,
        "automatic_payment_methods": automatic,
        "canceled_at": canceled_at,
        "cancellation_reason": reason,
        "capture_method": capture_method(p),
        "client_secret": look.client_secret(Kind::Payment, view.key),
        "confirmation_method": if p.terms.manual_confirmation { "manual" } else { "automatic" },
        "created": view.key.time().seconds(),
        "currency": p.money.currency.code(),
        "customer": p.customer.map(|c| look.id(Kind::Customer, c)),
        "customer_account": null,
        "description": personal.description,
        "excluded_payment_method_types": excluded,
        "last_payment_error": last_error(look, view, &personal),
        "latest_charge": latest.map(|a| look.id(Kind::Charge, a.key)),
        "livemode": p.live,
        "managed_payments": null,
        "metadata": metadata(&personal.metadata),
        "next_action": next_action(look, view, &personal),
        "on_behalf_of": null,
        "payment_method": method,
        "payment_method_configuration_details": null,
        "payment_method_options": { "card": card_options(&p.terms.card) },
        "payment_method_types": ["card"],
        "payment_record": null,
        "processing": null,
        "receipt_email": personal.receipt_email,
        "review": null,
        "setup_future_usage": p.terms.future_use.map(|f| f.as_str()),
        "shipping": shipping(personal.shipping.as_ref()),
        "source": null,
        "statement_descriptor": personal.statement_descriptor,
        "statement_descriptor_suffix": personal.statement_descriptor_suffix,
        "status": p.stage.status(),
        "transfer_data": null,
        "transfer_group": personal.transfer_group,
    });
    // A field of ours, beside Stripe's: only where there is something to show.
    if let (Some(order), Some(fields)) = (&p.order, shown.as_object_mut()) {
        fields.insert("order".to_owned(), super::order(look, order));
    }
    shown
}

/// What the cardholder is to do.
fn next_action(look: &Look, view: &PaymentView, personal: &PaymentPersonal) -> Value {
    let Stage::RequiresAction { authentication } = view.body.stage else { return Value::Null };
    let shown = personal.return_url.as_deref().filter(|_| !view.body.terms.by_library);
    to_issuer(look, (Kind::Payment, view.key, authentication), shown)
}

/// The way to the issuer's page: by a redirect when there is an address to come back to, else by Stripe's library.
pub fn to_issuer(look: &Look, (kind, key, authentication): (Kind, Key, Key), return_url: Option<&str>) -> Value {
    let url = look.threeds_url("authenticate", (kind, key), authentication);
    match return_url {
        Some(return_url) => {
            json!({ "type": "redirect_to_url", "redirect_to_url": { "return_url": return_url, "url": url } })
        }
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {
                "type": "three_d_secure_redirect", "stripe_js": url,
                "source": format!("src_{}", look.threeds_token(authentication)),
            },
        }),
    }
}

fn card_options(options: &CardOptions) -> Value {
    let shown = json!({
        "installments": null, "mandate_options": null, "network": null,
        "request_three_d_secure": options.three_ds.as_str(),
    });
    let Value::Object(mut shown) = shown else { return shown };
    let asked = [
        ("request_extended_authorization", options.extended),
        ("request_incremental_authorization", options.incremental),
        ("request_multicapture", options.multicapture),
        ("request_overcapture", options.overcapture),
    ];
    for (name, wanted) in asked {
        if let Some(wanted) = wanted {
            shown.insert(name.into(), json!(if wanted { "if_available" } else { "never" }));
        }
    }
    if options.capture_later {
        shown.insert("capture_method".into(), json!("manual"));
    }
    Value::Object(shown)
}

fn capture_method(payment: &Payment) -> &'static str {
    match payment.capture {
        CaptureMethod::Manual if payment.terms.card.capture_later => "automatic_async",
        CaptureMethod::Manual => "manual",
        CaptureMethod::Automatic if payment.terms.synchronous_capture => "automatic",
        CaptureMethod::Automatic => "automatic_async",
    }
}

fn cancel_reason(reason: CancelReason) -> Option<&'static str> {
    match reason {
        CancelReason::Abandoned => Some("abandoned"),
        CancelReason::Duplicate => Some("duplicate"),
        CancelReason::Fraudulent => Some("fraudulent"),
        CancelReason::RequestedByCustomer => Some("requested_by_customer"),
        CancelReason::Unspecified => None,
        CancelReason::Automatic => Some("automatic"),
    }
}

fn last_error(look: &Look, view: &PaymentView, personal: &PaymentPersonal) -> Option<Value> {
    let Stage::RequiresPaymentMethod { last_error: Some(error) } = &view.body.stage else { return None };
    let charge = view.body.attempts.iter().rev().find(|a| view.body.is_charge(a));
    Some(Value::Object(error_of(look, view, personal, error, charge)))
}

/// The fields of an error object about a card.
fn error_of(
    look: &Look,
    view: &PaymentView,
    personal: &PaymentPersonal,
    error: &PaymentError,
    attempt: Option<&Attempt>,
) -> Map<String, Value> {
    let mut fields = card_error(error);
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if *error == PaymentError::NotAuthenticated {
        let card = view.body.authentications.last().and_then(|a| view.body.method(a.card));
        if let Some(method) = card {
            put("payment_method", payment_methods::of_payment(look, view, method, personal.billing.as_ref()));
        }
        return fields;
    }
    if let Some(attempt) = attempt {
        if view.body.is_charge(attempt) {
            put("charge", json!(look.id(Kind::Charge, attempt.key)));
        }
        if let Some(method) = view.body.method(attempt.card) {
            put("payment_method", payment_methods::of_payment(look, view, method, personal.billing.as_ref()));
        }
    }
    fields
}

/// What every error object about a card says.
pub fn card_error(error: &PaymentError) -> Map<String, Value> {
    let (code, decline, message) = declined(error);
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("code", json!(code));
    if !decline.is_empty() {
        put("decline_code", json!(decline));
    }
    put("message", json!(message));
    let about_card = *error != PaymentError::NotAuthenticated;
    put("type", json!(if about_card { "card_error" } else { "invalid_request_error" }));
    if let PaymentError::Declined(decline) = error {
        put("network_decline_code", json!(decline.response.text()));
        if let Some(advice) = decline.advice {
            put("network_advice_code", json!(advice.map(char::from).iter().collect::<String>()));
        }
    }
    if code == "incorrect_cvc" {
        put("param", json!("cvc"));
    }
    fields
}

/// Code, decline code and words for a person.
pub fn declined(error: &PaymentError) -> (&'static str, &'static str, &'static str) {
    match error {
        PaymentError::Declined(decline) => told(decline),
        PaymentError::Partial => ("card_declined", "insufficient_funds", "Your card has insufficient funds."),
        PaymentError::NotSent(NotSent::NoAgreement) => (
            "authentication_required",
            "authentication_required",
            "There is no agreement on record to charge this card without the cardholder. Let the customer pay with it once.",
        ),
        // The words of a lost card: who tests cards learns nothing of this one.
        PaymentError::NotSent(NotSent::Blocked) => ("card_declined", "fraudulent", "Your card was declined."),
        PaymentError::Unanswered => (
            "processing_error",
            "processing_error",
            "The card's issuer did not answer. Nothing was charged. Try again in a moment.",
        ),
        PaymentError::NotSent(_) => (
            "processing_error",
            "processing_error",
            "The card's issuer could not be reached. Nothing was charged. Try again in a moment.",
        ),
        PaymentError::NotAuthenticated => (
            "payment_intent_authentication_failure",
            "",
            "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
        ),
        PaymentError::Reversed => (
            "processing_error",
            "processing_error",
            "No answer of the card's issuer could be relied on. Nothing was charged. Try again in a moment.",
        ),
    }
}

#[allow(clippy::wildcard_enum_match_arm)]
fn told(decline: &Decline) -> (&'static str, &'static str, &'static str) {
    let shown = decline.code.as_str();
    match decline.code {
        DeclineCode::InsufficientFunds => ("card_declined", shown, "Your card has insufficient funds."),
        DeclineCode::ExpiredCard => ("expired_card", shown, "Your card has expired."),
        DeclineCode::IncorrectCvc => ("incorrect_cvc", shown, "Your card's security code is incorrect."),
        DeclineCode::IncorrectNumber => ("incorrect_number", shown, "Your card number is incorrect."),
        DeclineCode::ProcessingError => {
            ("processing_error", shown, "An error occurred while processing your card. Try again in a little bit.")
        }
        DeclineCode::AuthenticationRequired => {
            ("authentication_required", shown, "Your card was declined. This transaction requires authentication.")
        }
        _ => ("card_declined", shown, "Your card was declined."),
    }
}

/// What is answered to an operation that sent a message: the intent, or 402 with it inside when the message came to nothing.
pub fn outcome(look: &Look, view: &PaymentView) -> (u16, Value) {
    let personal: PaymentPersonal = view.personal().unwrap_or_default();
    let last = view.body.attempts.last();
    let failed = match (&view.body.stage, last) {
        (Stage::RequiresPaymentMethod { last_error: Some(error) }, Some(attempt)) => Some((*error, attempt)),
        // A capture or an increment that was refused: the hold stands.
        (Stage::RequiresCapture { .. }, Some(attempt)) => refused_beside(attempt).map(|error| (error, attempt)),
        _ => None,
    };
    let Some((error, attempt)) = failed else { return (200, shape(look, view)) };
    let mut fields = error_of(look, view, &personal, &error, Some(attempt));
    fields.insert("payment_intent".into(), shape(look, view));
    (402, json!({ "error": fields }))
}

fn refused_beside(attempt: &Attempt) -> Option<PaymentError> {
    match (&attempt.what, &attempt.state) {
        (Move::Completion(_) | Move::Increment(_), State::Declined { decline, .. }) => {
            Some(PaymentError::Declined(*decline))
        }
        (Move::Completion(_) | Move::Increment(_), State::NotSent { why, .. }) => Some(PaymentError::NotSent(*why)),
        (Move::Increment(_), State::Reversed { .. }) => Some(PaymentError::Reversed),
        _ => None,
    }
}

//! How payments and refunds look as JSON: Stripe's names, only what is known.

use florin_core::attempt::{Attempt, Move, State};
use florin_core::id::{IdCodec, Kind};
use florin_core::payment::{CancelReason, CaptureMethod, PaymentError, PaymentView, Stage};
use florin_core::refund::{RefundReason, RefundStage, RefundView};
use florin_core::wire::{Check, Checks, Decline, NotSent};
use serde_json::{Value, json};

pub fn payment(ids: &IdCodec, view: &PaymentView) -> Value {
    let p = &view.body;
    let charge = match &p.stage {
        Stage::Succeeded { charge, .. } => Some(*charge),
        Stage::RequiresCapture { hold } => Some(*hold),
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::Processing { .. }
        | Stage::RequiresAction { .. }
        | Stage::Canceled { .. } => p.attempts.iter().rev().find(|a| p.is_charge(a)).map(|a| a.key),
    };
    let (canceled_at, reason) = match &p.stage {
        Stage::Canceled { at, reason } => (Some(at.seconds()), cancel_reason(*reason)),
        _ => (None, None),
    };
    let card = p.card.as_ref().map(|c| {
        json!({
            "brand": c.network.as_str(), "last4": c.last4_text(), "exp_month": c.exp_month, "exp_year": c.exp_year,
            "network": c.network.as_str(),
        })
    });
    json!({
        "id": ids.encode(Kind::Payment, view.key),
        "object": "payment_intent",
        "amount": p.money.minor,
        "amount_capturable": p.capturable(),
        "amount_received": p.received(),
        "currency": p.money.currency.code(),
        "status": p.stage.status(),
        "capture_method": match p.capture { CaptureMethod::Automatic => "automatic", CaptureMethod::Manual => "manual" },
        "created": view.key.time().seconds(),
        "livemode": p.live,
        "latest_charge": charge.map(|c| ids.encode(Kind::Charge, c)),
        "card": card,
        "canceled_at": canceled_at,
        "cancellation_reason": reason,
        "last_payment_error": last_error(p),
        "attempts": p.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
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

fn last_error(p: &florin_core::payment::Payment) -> Option<Value> {
    let Stage::RequiresPaymentMethod { last_error: Some(error) } = &p.stage else { return None };
    Some(payment_error(error))
}

fn payment_error(error: &PaymentError) -> Value {
    match error {
        PaymentError::Declined(d) => json!({
            "type": "card_error", "code": card_code(d), "decline_code": d.code.as_str(),
            "network_decline_code": d.response.text(), "retry": d.retry.as_str(),
            "message": "The card was declined.",
        }),
        PaymentError::Partial => json!({
            "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
            "message": "The issuer approved a part only; that was taken back.",
        }),
        PaymentError::NotSent(NotSent::Blocked) => json!({
            "type": "card_error", "code": "card_declined", "decline_code": "fraudulent", "reason": "blocked",
            "message": "The defence against card testing refused the card. See `florin abuse log`.",
        }),
        PaymentError::NotSent(why) => json!({
            "type": "api_error", "code": "processing_error", "reason": not_sent(*why),
            "message": "Nothing was sent to the card's issuer. Try again.",
        }),
        PaymentError::Unanswered => json!({
            "type": "card_error", "code": "processing_error",
            "message": "The card's issuer did not answer. Nothing was charged. Try again.",
        }),
        PaymentError::NotAuthenticated => json!({
            "type": "invalid_request_error", "code": "payment_intent_authentication_failure",
            "message": "The cardholder was not authenticated. Nothing was charged.",
        }),
        PaymentError::Reversed => json!({
            "type": "card_error", "code": "processing_error",
            "message": "No answer could be relied on, and everything was taken back. Nothing was charged. Try again.",
        }),
    }
}

fn not_sent(why: NotSent) -> &'static str {
    match why {
        NotSent::LinkDown => "link_down",
        NotSent::TooLate => "too_late",
        NotSent::Busy => "busy",
        NotSent::NoSuchCard => "no_such_card",
        NotSent::NotEncodable => "not_encodable",
        NotSent::NoVault => "no_vault",
        NotSent::NoAgreement => "no_agreement",
        NotSent::Blocked => "blocked",
    }
}

/// Codes of their own in Stripe's API; everything else is `card_declined`.
fn card_code(decline: &Decline) -> &'static str {
    use florin_core::decline::DeclineCode as D;
    match decline.code {
        D::ExpiredCard => "expired_card",
        D::IncorrectCvc => "incorrect_cvc",
        D::ProcessingError => "processing_error",
        D::IncorrectNumber => "incorrect_number",
        D::AuthenticationRequired => "authentication_required",
        _ => "card_declined",
    }
}

pub fn refund(ids: &IdCodec, view: &RefundView) -> Value {
    let r = &view.body;
    let failure = match &r.stage {
        RefundStage::Failed { error, .. } => Some(payment_error(error)),
        RefundStage::Pending | RefundStage::Succeeded { .. } => None,
    };
    json!({
        "id": ids.encode(Kind::Refund, view.key),
        "object": "refund",
        "amount": r.money.minor,
        "currency": r.money.currency.code(),
        "status": r.stage.status(),
        "created": view.key.time().seconds(),
        "payment_intent": ids.encode(Kind::Payment, r.payment),
        "charge": ids.encode(Kind::Charge, r.charge),
        "reason": match r.reason {
            RefundReason::Duplicate => Some("duplicate"),
            RefundReason::Fraudulent => Some("fraudulent"),
            RefundReason::RequestedByCustomer => Some("requested_by_customer"),
            RefundReason::Unspecified => None,
        },
        "failure": failure,
        "attempts": [attempt(&r.attempt)],
    })
}

pub fn what(a: &Attempt) -> &'static str {
    match a.what {
        Move::Sale(_) => "sale",
        Move::Authorization(_) => "authorization",
        Move::Increment(_) => "increment",
        Move::Completion(_) => "completion",
        Move::Void(_) => "void",
        Move::Refund(_) => "refund",
        Move::Verification(_) => "verification",
    }
}

fn attempt(a: &Attempt) -> Value {
    let mut shown = json!({
        "operation": what(a),
        "amount": a.money.minor,
        "rrn": a.wire.rrn.text(),
        "stan": format!("{:06}", a.wire.stan),
        "terminal": a.wire.terminal.text(),
        "de7": de7(a.wire.at),
        "state": state(&a.state),
    });
    if let (Some(map), State::Approved { approval, .. }) = (shown.as_object_mut(), &a.state) {
        map.insert("approval_code".into(), json!(approval.code.map(|c| c.text())));
        map.insert("network_transaction_id".into(), json!(approval.network_id.map(|n| n.text())));
        map.insert("checks".into(), checks(&approval.checks));
    }
    if let (Some(map), State::Declined { decline, .. }) = (shown.as_object_mut(), &a.state) {
        map.insert("response_code".into(), json!(decline.response.text()));
        map.insert("decline_code".into(), json!(decline.code.as_str()));
        map.insert("checks".into(), checks(&decline.checks));
    }
    shown
}

pub fn de7(at: florin_core::time::Time) -> String {
    let c = at.civil();
    format!("{:02}{:02}{:02}{:02}{:02}", c.month, c.day, c.hour, c.minute, c.second)
}

pub fn state(state: &State) -> &'static str {
    match state {
        State::Sent => "sent",
        State::Approved { .. } => "approved",
        State::Declined { .. } => "declined",
        State::NotSent { .. } => "not_sent",
        State::Reversing { .. } => "reversing",
        State::Reversed { .. } => "reversed",
        State::Repeating { .. } => "repeating",
        State::Unanswered { .. } => "unanswered",
    }
}

fn checks(c: &Checks) -> Value {
    let word = |check: Check| match check {
        Check::Pass => "pass",
        Check::Fail => "fail",
        Check::Unchecked => "unchecked",
        Check::Unavailable => "unavailable",
    };
    json!({
        "address_line1_check": word(c.address_line1), "address_postal_code_check": word(c.postal_code),
        "cvc_check": word(c.cvc),
    })
}

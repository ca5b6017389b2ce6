//! `/v1/refunds`.

use crate::ask::{Answer, Ask, Telling, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::Look;
use crate::params::Params;
use crate::resources::{charges, metadata};
use florin_core::commit::Row;
use florin_core::flow::{self, Failure};
use florin_core::id::{Key, Kind};
use florin_core::movement::key_of;
use florin_core::payment::{PaymentView, Stage};
use florin_core::refund::{self, CreateRefund, Refund, RefundPersonal, RefundReason, RefundStage, RefundView};
use florin_core::refusal::Refusal;
use serde_json::{Value, json};

pub fn shape(look: &Look, view: &RefundView) -> Value {
    let r = &view.body;
    let personal: RefundPersonal = view.personal().unwrap_or_default();
    let movement = match r.stage {
        RefundStage::Succeeded { .. } => Some(look.id(Kind::Movement, key_of(r.attempt.key))),
        RefundStage::Pending | RefundStage::Failed { .. } => None,
    };
    let mut shown = json!({
        "id": look.id(Kind::Refund, view.key),
        "object": "refund",
        "amount": r.money.minor,
        "balance_transaction": movement,
        "charge": look.id(Kind::Charge, r.charge),
        "created": view.key.time().seconds(),
        "currency": r.money.currency.code(),
        "customer": r.customer.map(|c| look.id(Kind::Customer, c)),
        "customer_account": null,
        "destination_details": { "card": { "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" }, "type": "card" },
        "metadata": metadata(&personal.metadata),
        "payment_intent": look.id(Kind::Payment, r.payment),
        "payment_method": null,
        "reason": reason(r.reason),
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": r.stage.status(),
        "transfer_reversal": null,
    });
    if let (RefundStage::Failed { .. }, Some(map)) = (&r.stage, shown.as_object_mut()) {
        map.insert("failure_reason".into(), json!("declined"));
    }
    if let (RefundStage::Pending, Some(map)) = (&r.stage, shown.as_object_mut()) {
        map.insert("pending_reason".into(), json!("processing"));
    }
    shown
}

fn reason(reason: RefundReason) -> Option<&'static str> {
    match reason {
        RefundReason::Duplicate => Some("duplicate"),
        RefundReason::Fraudulent => Some("fraudulent"),
        RefundReason::RequestedByCustomer => Some("requested_by_customer"),
        RefundReason::Unspecified => None,
    }
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let (intent, charge) = (params.text("payment_intent", 255)?, params.text("charge", 255)?);
    let amount = params.integer("amount")?;
    let words = [
        ("duplicate", RefundReason::Duplicate),
        ("fraudulent", RefundReason::Fraudulent),
        ("requested_by_customer", RefundReason::RequestedByCustomer),
    ];
    let reason = params.choice("reason", &words)?.unwrap_or(RefundReason::Unspecified);
    let currency = params.currency("currency")?;
    let mut personal = RefundPersonal::default();
    params.metadata(&mut personal.metadata)?;
    if params.has("customer") || params.has("origin") {
        let name = if params.has("origin") { "origin" } else { "customer" };
        let message = "Refunds of a customer's cash balance are not offered: name the payment_intent or the charge.";
        return Err(params.bad(name, message).code("parameter_not_offered"));
    }
    params.ignore(&["refund_application_fee", "reverse_transfer", "instructions_email"]);
    params.done()?;
    let (view, charge) = refunded(ask, intent, charge).await?;
    let Stage::Succeeded { .. } = view.body.stage else {
        let shown = match charge {
            Some(id) => format!("Charge {id} was not paid, or is not captured: there is nothing to refund."),
            None => "This PaymentIntent does not have a successful charge to refund.".to_owned(),
        };
        let code = match view.body.stage {
            Stage::RequiresCapture { .. } => "charge_not_captured",
            _ => "charge_not_refundable",
        };
        return Err(ApiError::invalid(shown).code(code));
    };
    if amount.is_some_and(|n| n < 1) {
        let message = "This value must be greater than or equal to 1.";
        return Err(params.bad("amount", message).code("parameter_invalid_integer"));
    }
    let command = CreateRefund {
        account: ask.account(),
        payment: view.key,
        amount,
        currency,
        reason,
        personal,
        claim: ask.claim.clone(),
    };
    match refund::create(&ask.asked(Telling::Outcome), &command).await {
        Ok(done) => told(done, |view| shape(ask.look(), view)),
        Err(Failure::Refused(Refusal::AlreadyRefunded)) => {
            let id = view.body.attempts.iter().rev().find(|a| charges::captured(&view.body, a.key).is_some());
            let id = id.map_or_else(String::new, |a| ask.look().id(Kind::Charge, a.key));
            Err(ApiError::invalid(format!("Charge {id} has already been refunded.")).code("charge_already_refunded"))
        }
        Err(Failure::Refused(Refusal::RefundTooLarge { left })) => {
            let asked = amount.unwrap_or(0);
            let message = format!("Refund amount ({asked}) is greater than unrefunded amount on charge ({left})");
            Err(params.bad("amount", message).code("amount_too_large"))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The payment that is to be refunded, and the charge if that was named.
async fn refunded(
    ask: &Ask<'_>,
    intent: Option<String>,
    charge: Option<String>,
) -> Result<(PaymentView, Option<String>), ApiError> {
    match (intent, charge) {
        (None, None) => Err(ApiError::invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
        )
        .code("parameter_missing")
        .param("payment_intent")),
        (Some(_), Some(_)) => Err(ApiError::invalid("Name payment_intent or charge, not both.").param("charge")),
        (Some(id), None) => {
            let missing = || ApiError::missing_value(noun(Kind::Payment), &id, "payment_intent");
            let key = ask.look().key(Kind::Payment, &id).ok_or_else(missing)?;
            let loaded = flow::load(ask.store(), ask.account(), Kind::Payment, key).await;
            let view =
                loaded.map_err(ask.missing(Kind::Payment, &id, "payment_intent")).map_err(ApiError::of_a_parameter)?;
            Ok((view, None))
        }
        (None, Some(id)) => {
            let (view, attempt) = charges::find(ask, &id, "charge").await.map_err(ApiError::of_a_parameter)?;
            if charges::captured(&view.body, attempt.key).is_none()
                && matches!(view.body.stage, Stage::Succeeded { .. })
            {
                let message = format!("Charge {id} failed: there is nothing to refund.");
                return Err(ApiError::invalid(message).code("charge_not_refundable"));
            }
            Ok((view, Some(id)))
        }
    }
}

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<RefundView, ApiError> {
    let missing = || ApiError::missing("refund", id, "id");
    let key = ask.look().key(Kind::Refund, id).ok_or_else(missing)?;
    flow::load(ask.store(), ask.account(), Kind::Refund, key).await.map_err(ask.missing(Kind::Refund, id, "id"))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id()).await?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    let mut probe: RefundPersonal = view.personal()?;
    params.metadata(&mut probe.metadata)?;
    params.done()?;
    let merge = |from: &RefundView| {
        let mut personal: RefundPersonal = from.personal().unwrap_or_default();
        let _ = params.metadata(&mut personal.metadata);
        personal
    };
    let done =
        refund::annotate(&ask.asked(Telling::Outcome), ask.account(), view.key, ask.claim.as_ref(), &merge).await?;
    told(done, |view| shape(ask.look(), view))
}

/// A refund that goes to a card is on its way at once: there is nothing left to stop.
pub async fn cancel(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id()).await?;
    let status = view.body.stage.status();
    let message = format!(
        "You cannot cancel this refund because it has a status of {status}. Only refunds that wait for an action of the customer can be canceled."
    );
    Err(ApiError::invalid(message).code("refund_unexpected_state"))
}

/// Those of one charge, under its own address.
pub async fn list_of_charge(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Refund)?;
    params.done()?;
    let (view, attempt) = charges::find(ask, ask.path_id(), "charge").await?;
    let filter = |row: &Row| {
        let view: RefundView = flow::read(row)?;
        Ok((view.body.charge == attempt.key).then(|| shape(ask.look(), &view)))
    };
    let found = list::rows(ask, page, (view.key, Kind::Refund), &filter).await?;
    Ok(list::answer(&format!("/v1/charges/{}/refunds", ask.path_id()), found))
}

pub async fn retrieve_of_charge(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let (_, attempt) = charges::find(ask, ask.path_id(), "charge").await?;
    let id = ask.ids.get(1).map_or("", String::as_str);
    let view = find(ask, id).await?;
    if view.body.charge != attempt.key {
        return Err(ApiError::missing("refund", id, "id"));
    }
    Ok(Answer::ok(shape(ask.look(), &view)))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Refund)?;
    let (intent, charge) = (params.text("payment_intent", 255)?, params.text("charge", 255)?);
    params.done()?;
    let under = match (&intent, &charge) {
        (None, None) => ask.account(),
        _ => refunded(ask, intent, charge).await?.0.key,
    };
    let filter = |row: &Row| {
        let view: RefundView = flow::read(row)?;
        Ok(Some(shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/refunds", list::rows(ask, page, (under, Kind::Refund), &filter).await?))
}

/// The refunds of one payment, newest first.
pub async fn of_payment(ask: &Ask<'_>, payment: Key) -> Result<Vec<RefundView>, ApiError> {
    let query = florin_core::store::Query::List { under: payment, kind: Kind::Refund, before: None, limit: 100 };
    let rows = ask.store().find(query).await?.rows();
    Ok(rows.iter().map(flow::read::<Refund>).collect::<Result<Vec<_>, _>>()?)
}

//! Things by their id, for `expand`. Knows no endpoint's parameters.

use crate::ask::Ask;
use crate::error::ApiError;
use crate::list;
use crate::permission::{self, Permission};
use crate::resources::{
    balance, charges, customers, payment_intents, payment_methods, prices, products, refunds, setup_attempts,
    setup_intents, sources,
};
use florin_core::flow;
use florin_core::id::Kind;
use florin_core::payment::PaymentView;
use serde_json::{Value, json};

/// The thing itself; 403 when the key may not read it, unless something was done; None when the id is of a kind that is not expanded, or of nothing.
pub async fn by_id(ask: &Ask<'_>, id: &str) -> Result<Option<Value>, ApiError> {
    let look = ask.look();
    let prefix = id.split('_').next().unwrap_or("");
    if let Some(resource) = permission::of_id(prefix)
        && !may(ask, resource)?
    {
        return Ok(None);
    }
    let found = match prefix {
        "pi" => payment(ask, id).await.map(|v| payment_intents::shape(look, &v)),
        "ch" => match charges::find(ask, id, "id").await {
            Ok((view, attempt)) => charges::loaded(ask, &view, &attempt).await,
            Err(error) => Err(error),
        },
        "cus" => customers::find(ask, id, "id").await.map(|v| customers::shape(look, &v)),
        "pm" => payment_methods::find(ask, id, "id").await.map(|v| payment_methods::shape(look, &v)),
        "re" => refunds::find(ask, id).await.map(|v| refunds::shape(look, &v)),
        "seti" => setup_intents::find(ask, id).await.map(|v| setup_intents::shape(look, &v)),
        "setatt" => setup_attempts::find(ask, id).await.map(|(v, a)| setup_attempts::shape(look, &v, &a)),
        "card" => payment_methods::find(ask, id, "id").await.map(|v| sources::shape(look, &v)),
        "prod" => products::find(ask, id).await.map(|v| products::shape(look, &v)),
        "price" => prices::find(ask, id).await.map(|v| prices::shape(look, &v)),
        "txn" => balance::find(ask, id).await,
        _ => return Ok(None),
    };
    match found {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.status < 500 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the key may read things of this resource; 403 when it may not and nothing but reading was asked for.
fn may(ask: &Ask<'_>, resource: &'static str) -> Result<bool, ApiError> {
    match (ask.caller.may(resource, false), ask.request.method.as_str()) {
        (true, _) => Ok(true),
        // What was done is done: then the id stays an id.
        (false, "POST" | "DELETE") => Ok(false),
        (false, _) => Err(permission::lacking(ask.look(), &ask.caller, &Permission { resource, write: false })),
    }
}

async fn payment(ask: &Ask<'_>, id: &str) -> Result<PaymentView, ApiError> {
    let missing = || ApiError::missing("payment_intent", id, "id");
    let key = ask.look().key(Kind::Payment, id).ok_or_else(missing)?;
    Ok(flow::load(ask.store(), ask.account(), Kind::Payment, key).await?)
}

/// What an answer leaves out unless it is asked for: lists within, and what there is nothing of.
pub async fn part(ask: &Ask<'_>, of: &Value, field: &str) -> Result<Option<Value>, ApiError> {
    let text = |name| of.get(name).and_then(Value::as_str).unwrap_or("");
    let empty = || list::body(&format!("/v1/customers/{}/{field}", text("id")), (vec![], false));
    Ok(match (text("object"), field) {
        ("charge", "refunds") if !may(ask, "refunds")? => None,
        ("charge", "refunds") => Some(refunds_of(ask, of).await?),
        ("customer", "sources") => Some(sources_of(ask, text("id")).await?),
        ("customer", "subscriptions" | "tax_ids") => Some(empty()),
        ("customer", "tax") => Some(json!({
            "automatic_tax": "unrecognized_location", "ip_address": null, "location": null, "provider": "stripe",
        })),
        ("customer", "cash_balance") => Some(Value::Null),
        ("price", "currency_options") => Some(prices::options(of)),
        _ => None,
    })
}

/// The list that `sources` of a customer expands to.
async fn sources_of(ask: &Ask<'_>, customer: &str) -> Result<Value, ApiError> {
    let view = customers::find(ask, customer, "id").await?;
    let found = sources::of_customer(ask, list::Page::first(), &view).await?;
    Ok(list::body(&format!("/v1/customers/{customer}/sources"), found))
}

/// The list that `refunds` of a charge expands to.
pub async fn refunds_of(ask: &Ask<'_>, charge: &Value) -> Result<Value, ApiError> {
    let text = |name| charge.get(name).and_then(Value::as_str).unwrap_or("");
    let url = format!("/v1/charges/{}/refunds", text("id"));
    let Some(payment) = ask.look().key(Kind::Payment, text("payment_intent")) else {
        return Ok(list::body(&url, (vec![], false)));
    };
    let captured = charge.get("captured").and_then(Value::as_bool).unwrap_or(false);
    let found = if captured { refunds::of_payment(ask, payment).await? } else { vec![] };
    let more = found.len() > list::DEFAULT_LIMIT;
    let shown = found.iter().take(list::DEFAULT_LIMIT).map(|r| refunds::shape(ask.look(), r)).collect();
    Ok(list::body(&url, (shown, more)))
}

/// The charges of an intent, as older versions list them within it; None when the key may not read charges: nobody asked for them.
pub async fn charges_of(ask: &Ask<'_>, intent: &Value) -> Result<Option<Value>, ApiError> {
    if !ask.caller.may("charges", false) {
        return Ok(None);
    }
    let id = intent.get("id").and_then(Value::as_str).unwrap_or("");
    let view = payment(ask, id).await?;
    let mut data = vec![];
    for attempt in view.body.attempts.iter().rev().filter(|a| view.body.is_charge(a)).take(list::DEFAULT_LIMIT) {
        data.push(charges::loaded(ask, &view, attempt).await?);
    }
    Ok(Some(list::body(&format!("/v1/charges?payment_intent={id}"), (data, false))))
}

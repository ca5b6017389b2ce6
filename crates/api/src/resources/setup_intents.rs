//! `/v1/setup_intents`: a card kept for later. The card is not checked with its issuer before it first pays.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::Params;
use crate::resources::payment_intents::of_client;
use crate::resources::payment_methods::{self, Chosen, Payer, choose};
use crate::resources::{customers, metadata};
use florin_core::commit::{Beside, EventKind, Row};
use florin_core::flow::{self, Done, View};
use florin_core::id::{Key, Kind};
use florin_core::payment::{CancelReason, FutureUse, Method};
use florin_core::record::{self, Change};
use florin_core::refusal::Refusal;
use florin_core::setup::{Setup, SetupPersonal, SetupStage};
use serde_json::{Value, json};

pub type SetupView = View<Setup>;

pub fn shape(look: &Look, view: &SetupView) -> Value {
    let s = &view.body;
    let personal: SetupPersonal = view.personal().unwrap_or_default();
    let reason = match s.stage {
        SetupStage::Canceled { reason: CancelReason::Abandoned, .. } => Some("abandoned"),
        SetupStage::Canceled { reason: CancelReason::Duplicate, .. } => Some("duplicate"),
        SetupStage::Canceled { reason: CancelReason::RequestedByCustomer, .. } => Some("requested_by_customer"),
        SetupStage::Canceled { reason: CancelReason::Fraudulent | CancelReason::Unspecified, .. }
        | SetupStage::RequiresPaymentMethod
        | SetupStage::RequiresConfirmation
        | SetupStage::Succeeded { .. } => None,
    };
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
        "last_setup_error": null,
        "latest_attempt": s.attempt.map(|a| look.id(Kind::Attempt, a)),
        "livemode": s.live,
        "managed_payments": null,
        "mandate": null,
        "metadata": metadata(&personal.metadata),
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": s.method.as_ref().map(|m| look.id(Kind::Method, m.key)),
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": { "mandate_options": null, "network": null, "request_three_d_secure": "automatic" },
        },
        "payment_method_types": ["card"],
        "single_use_mandate": null,
        "status": s.stage.status(),
        "usage": s.usage.as_str(),
    })
}

fn usage(params: &Params) -> Result<Option<FutureUse>, ApiError> {
    params.choice("usage", &[("off_session", FutureUse::OffSession), ("on_session", FutureUse::OnSession)])
}

fn personal(params: &Params, into: &mut SetupPersonal) -> Result<(), ApiError> {
    params.patch("description", 1_000)?.apply(&mut into.description);
    params.metadata(&mut into.metadata)
}

const WITHOUT_EFFECT: &[&str] = &[
    "payment_method_options",
    "mandate_data",
    "use_stripe_sdk",
    "return_url",
    "attach_to_self",
    "flow_directions",
    "single_use",
    "excluded_payment_method_types",
];

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let mut words = SetupPersonal::default();
    personal(params, &mut words)?;
    let usage = usage(params)?.unwrap_or(FutureUse::OffSession);
    let confirms = params.boolean("confirm")?.unwrap_or(false);
    let mut terms = florin_core::payment::Terms { automatic_methods: Some(true), ..Default::default() };
    super::payment_intents::method_types(ask, params, &mut terms)?;
    params.ignore(WITHOUT_EFFECT);
    params.ignore(&["payment_method", "payment_method_data", "customer"]);
    params.done()?;
    let customer = super::payment_intents::customer(ask, params).await?;
    let key = ask.ports().fresh_key();
    let chosen = choose(ask, params, Payer { by: key, customer, uses: confirms }).await?;
    if confirms && chosen.is_none() {
        return Err(without_method());
    }
    let mut body = Setup {
        live: ask.caller.live,
        customer,
        method: None,
        usage,
        automatic_methods: terms.automatic_methods,
        attempt: None,
        stage: SetupStage::RequiresPaymentMethod,
    };
    let mut change = Change::to(body.clone(), EventKind::SetupCreated);
    if let Some(chosen) = chosen {
        let beside = take(ask, &mut body, chosen, confirms);
        change.beside = beside;
    }
    if confirms {
        change.events.push(EventKind::SetupSucceeded);
    }
    change.body = body;
    let change = change.personal(customer.unwrap_or(key), &words);
    let render = |view: &SetupView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    finish(ask, made).await
}

fn without_method() -> ApiError {
    let message = "You cannot confirm this SetupIntent because it's missing a payment method. Give payment_method or payment_method_data.";
    ApiError::invalid(message).code("setup_intent_unexpected_state")
}

/// Takes a card; with `confirms` the setup succeeds with it.
fn take(ask: &Ask<'_>, body: &mut Setup, chosen: Chosen, confirms: bool) -> Vec<Beside> {
    body.method = Some(Method { key: chosen.key, card: chosen.card });
    body.stage = SetupStage::RequiresConfirmation;
    if confirms {
        body.attempt = Some(ask.ports().fresh_key());
        body.stage = SetupStage::Succeeded { at: ask.now() };
    }
    chosen.beside
}

/// The card becomes the customer's once the setup succeeded.
async fn finish(ask: &Ask<'_>, done: Done<SetupView>) -> Result<Answer, ApiError> {
    if let Done::Fresh(view) = &done
        && let (SetupStage::Succeeded { .. }, Some(customer), Some(method)) =
            (view.body.stage, view.body.customer, &view.body.method)
    {
        payment_methods::keep(ask, method.key, view.key, customer).await?;
    }
    told(done, |view| shape(ask.look(), view))
}

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<SetupView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Setup), id, "intent");
    let key = ask.look().key(Kind::Setup, id).ok_or_else(missing)?;
    flow::load(ask.store(), ask.account(), Kind::Setup, key).await.map_err(ask.missing(Kind::Setup, id, "intent"))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    of_client(ask, params, Kind::Setup, view.key)?;
    params.done()?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

fn unexpected(setup: &Setup, operation: &str) -> ApiError {
    let message =
        format!("You cannot {operation} this SetupIntent because it has a status of {}.", setup.stage.status());
    ApiError::invalid(message).code("setup_intent_unexpected_state")
}

async fn step(
    ask: &Ask<'_>,
    key: Key,
    event: EventKind,
    beside: Vec<Beside>,
    edit: &(dyn Fn(&mut Setup, &mut SetupPersonal) + Sync),
) -> Result<Done<SetupView>, ApiError> {
    let decide = |from: &SetupView| {
        let (mut body, mut words) = (from.body.clone(), from.personal().unwrap_or_default());
        if !body.stage.is_open() && event != EventKind::SetupUpdated {
            return Err(Refusal::Contended);
        }
        edit(&mut body, &mut words);
        let subject = body.customer.unwrap_or(from.key);
        let mut change = Change::to(body, event).personal(subject, &words);
        change.beside = beside.clone();
        Ok(change)
    };
    let render = |view: &SetupView| look::stored(200, &shape(ask.look(), view));
    Ok(record::change(ask.ports(), ask.account(), key, ask.claim.as_ref(), &decide, &render).await?)
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    let mut probe: SetupPersonal = view.personal()?;
    personal(params, &mut probe)?;
    params.ignore(WITHOUT_EFFECT);
    params.ignore(&["payment_method", "payment_method_data", "customer"]);
    params.done()?;
    let customer = super::payment_intents::customer(ask, params).await?;
    let chosen =
        choose(ask, params, Payer { by: view.key, customer: customer.or(view.body.customer), uses: false }).await?;
    if (customer.is_some() || chosen.is_some()) && !view.body.stage.is_open() {
        return Err(unexpected(&view.body, "update"));
    }
    let beside = chosen.as_ref().map(|c| c.beside.clone()).unwrap_or_default();
    let method = chosen.map(|c| Method { key: c.key, card: c.card });
    let edit = |body: &mut Setup, words: &mut SetupPersonal| {
        let _ = personal(params, words);
        body.customer = customer.or(body.customer);
        if let Some(method) = &method {
            body.method = Some(method.clone());
            body.stage = SetupStage::RequiresConfirmation;
        }
    };
    let done = step(ask, view.key, EventKind::SetupUpdated, beside, &edit).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn confirm(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    of_client(ask, params, Kind::Setup, view.key)?;
    params.ignore(WITHOUT_EFFECT);
    params.ignore(&["payment_method", "payment_method_data", "expected_payment_method_type"]);
    params.done()?;
    if !view.body.stage.is_open() {
        return Err(unexpected(&view.body, "confirm"));
    }
    let payer = Payer { by: view.key, customer: view.body.customer, uses: true };
    let chosen = match (choose(ask, params, payer).await?, &view.body.method) {
        (Some(chosen), _) => chosen,
        (None, Some(method)) => {
            let id = ask.look().id(Kind::Method, method.key);
            payment_methods::of_view(ask, &payment_methods::find(ask, &id, "payment_method").await?, payer)?
        }
        (None, None) => return Err(without_method()),
    };
    let (now, attempt) = (ask.now(), ask.ports().fresh_key());
    let method = Method { key: chosen.key, card: chosen.card };
    let edit = |body: &mut Setup, _: &mut SetupPersonal| {
        body.method = Some(method.clone());
        body.attempt = Some(attempt);
        body.stage = SetupStage::Succeeded { at: now };
    };
    let done = step(ask, view.key, EventKind::SetupSucceeded, chosen.beside, &edit).await?;
    finish(ask, done).await
}

pub async fn cancel(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    let words = [
        ("abandoned", CancelReason::Abandoned),
        ("duplicate", CancelReason::Duplicate),
        ("requested_by_customer", CancelReason::RequestedByCustomer),
    ];
    let reason = params.choice("cancellation_reason", &words)?.unwrap_or(CancelReason::Unspecified);
    params.done()?;
    if !view.body.stage.is_open() {
        return Err(unexpected(&view.body, "cancel"));
    }
    let now = ask.now();
    let edit = |body: &mut Setup, _: &mut SetupPersonal| body.stage = SetupStage::Canceled { at: now, reason };
    let done = step(ask, view.key, EventKind::SetupCanceled, vec![], &edit).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Setup)?;
    let (customer, method) = (params.text("customer", 255)?, params.text("payment_method", 255)?);
    params.ignore(&["attach_to_self"]);
    params.done()?;
    let customer = match &customer {
        None => None,
        Some(id) => Some(customers::find(ask, id, "customer").await.map_err(|e| ApiError { status: 400, ..e })?.key),
    };
    let method = method.as_ref().map(|id| ask.look().key(Kind::Method, id));
    let filter = |row: &Row| {
        let view: SetupView = flow::read(row)?;
        let fits = customer.is_none_or(|c| view.body.customer == Some(c))
            && method.is_none_or(|m| m.is_some() && view.body.method.as_ref().map(|x| x.key) == m);
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/setup_intents", list::rows(ask, page, (ask.account(), Kind::Setup), &filter).await?))
}

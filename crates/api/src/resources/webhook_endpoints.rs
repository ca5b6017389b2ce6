//! `/v1/webhook_endpoints`: where a merchant wants to be told. The signing secret is shown at creation only.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params};
use crate::resources::metadata;
use florin_core::commit::{EventKind, Row};
use florin_core::endpoint::Endpoint;
use florin_core::flow::{self, View};
use florin_core::id::Kind;
use florin_core::record::{self, Change};
use serde_json::{Value, json};

type EndpointView = View<Endpoint>;

/// Endpoints of one account.
const MOST_ENDPOINTS: usize = 16;

fn shape(look: &Look, view: &EndpointView) -> Value {
    let e = &view.body;
    let id = look.id(Kind::Endpoint, view.key);
    if e.deleted {
        return json!({ "id": id, "object": "webhook_endpoint", "deleted": true });
    }
    json!({
        "id": id,
        "object": "webhook_endpoint",
        "api_version": e.api_version,
        "application": null,
        "created": view.key.time().seconds(),
        "description": e.description,
        "enabled_events": e.events,
        "livemode": e.live,
        "metadata": metadata(&e.metadata),
        "status": if e.enabled { "enabled" } else { "disabled" },
        "url": e.url,
    })
}

fn with_secret(look: &Look, view: &EndpointView) -> Value {
    let mut shown = shape(look, view);
    if let Some(map) = shown.as_object_mut() {
        map.insert("secret".into(), json!(look.endpoint_secret(view.key)));
    }
    shown
}

/// `https`; in test mode `http` too.
fn url(ask: &Ask<'_>, params: &Params) -> Result<Option<String>, ApiError> {
    let Some(text) = params.text("url", LONGEST_TEXT)? else { return Ok(None) };
    let bad = |message: &str| params.bad("url", message).code("url_invalid");
    let rest = match (text.split_once("://"), ask.caller.live) {
        (Some(("https", rest)), _) => rest,
        (Some(("http", rest)), false) => rest,
        _ => return Err(bad("Invalid URL: write it with https:// in front.")),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    if host.is_empty() || host.contains('@') || text.contains(char::is_whitespace) || !text.is_ascii() {
        return Err(bad("Invalid URL: it needs a host, and no user name."));
    }
    Ok(Some(text))
}

/// `*`, or types of events that there are.
fn events(params: &Params) -> Result<Option<Vec<String>>, ApiError> {
    let Some(events) = params.texts("enabled_events")? else { return Ok(None) };
    if events.is_empty() {
        return Err(params.bad("enabled_events", "Name at least one type of event, or *."));
    }
    let known = |e: &String| e == "*" || EventKind::ALL.iter().any(|k| k.as_str() == e) || is_stripes(e);
    match events.iter().find(|e| !known(e)) {
        None => Ok(Some(events)),
        Some(unknown) => {
            let shown: String = unknown.chars().take(60).collect();
            Err(params.bad("enabled_events", format!("Invalid enabled_events: \"{shown}\" is no type of event.")))
        }
    }
}

/// Types that Stripe's API has and Florin has no cause for yet: an endpoint may ask for them.
fn is_stripes(event: &str) -> bool {
    const FAMILIES: &[&str] = &[
        "account.",
        "balance.",
        "charge.",
        "checkout.session.",
        "coupon.",
        "credit_note.",
        "customer.",
        "invoice.",
        "invoiceitem.",
        "mandate.",
        "payment_intent.",
        "payment_link.",
        "payment_method.",
        "payout.",
        "price.",
        "product.",
        "promotion_code.",
        "quote.",
        "radar.",
        "refund.",
        "review.",
        "setup_intent.",
        "source.",
        "subscription_schedule.",
        "tax_rate.",
        "test_helpers.test_clock.",
        "topup.",
        "transfer.",
    ];
    let tail = FAMILIES.iter().find_map(|f| event.strip_prefix(f));
    tail.is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.'))
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let url = url(ask, params)?.ok_or_else(|| params.missing("url"))?;
    let events = events(params)?.ok_or_else(|| params.missing("enabled_events"))?;
    let mut body = Endpoint {
        live: ask.caller.live,
        url,
        events,
        api_version: params.patch("api_version", 40)?.value(),
        enabled: true,
        deleted: false,
        description: params.patch("description", LONGEST_TEXT)?.value(),
        metadata: vec![],
    };
    if let Some(version) = &body.api_version {
        crate::version::ApiVersion::parse(Some(version)).map_err(|e| e.param("api_version"))?;
    }
    params.metadata(&mut body.metadata)?;
    params.ignore(&["connect"]);
    params.done()?;
    if all(ask).await?.len() >= MOST_ENDPOINTS {
        return Err(ApiError::invalid(format!("There are {MOST_ENDPOINTS} webhook endpoints already.")));
    }
    let key = ask.ports().fresh_key();
    let render = |view: &EndpointView| look::stored(200, &with_secret(ask.look(), view));
    let change = Change::to(body, EventKind::EndpointChanged);
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| with_secret(ask.look(), view))
}

/// Endpoints that are not deleted, newest first.
async fn all(ask: &Ask<'_>) -> Result<Vec<EndpointView>, ApiError> {
    let created = list::Created { from: i64::MIN, to: i64::MAX };
    let page = list::Page { limit: list::LARGEST_LIMIT, after: None, before: None, created };
    let read = |row: &Row| {
        let view: EndpointView = flow::read(row)?;
        Ok((!view.body.deleted).then_some(view))
    };
    Ok(list::rows(ask, page, (ask.account(), Kind::Endpoint), &read).await?.0)
}

async fn find(ask: &Ask<'_>) -> Result<EndpointView, ApiError> {
    let id = ask.path_id();
    let missing = || ApiError::missing(noun(Kind::Endpoint), id, "webhook_endpoint");
    let key = ask.look().key(Kind::Endpoint, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Endpoint, key).await;
    let view: EndpointView = loaded.map_err(ask.missing(Kind::Endpoint, id, "webhook_endpoint"))?;
    if view.body.deleted { Err(missing()) } else { Ok(view) }
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(shape(ask.look(), &find(ask).await?)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask).await?;
    let merge = |into: &mut Endpoint| -> Result<(), ApiError> {
        into.url = url(ask, params)?.unwrap_or_else(|| into.url.clone());
        into.events = events(params)?.unwrap_or_else(|| into.events.clone());
        into.enabled = !params.boolean("disabled")?.unwrap_or(!into.enabled);
        params.patch("description", LONGEST_TEXT)?.apply(&mut into.description);
        params.metadata(&mut into.metadata)
    };
    merge(&mut view.body.clone())?;
    params.done()?;
    let decide = |from: &EndpointView| {
        let mut body = from.body.clone();
        let _ = merge(&mut body);
        Ok(Change::to(body, EventKind::EndpointChanged))
    };
    let render = |view: &EndpointView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn delete(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask).await?;
    let decide = |from: &EndpointView| {
        Ok(Change::to(Endpoint { deleted: true, enabled: false, ..from.body.clone() }, EventKind::EndpointChanged))
    };
    let done = record::change(ask.ports(), ask.account(), view.key, None, &decide, &|_| vec![]).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Endpoint)?;
    params.done()?;
    let read = |row: &Row| {
        let view: EndpointView = flow::read(row)?;
        Ok((!view.body.deleted).then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/webhook_endpoints", list::rows(ask, page, (ask.account(), Kind::Endpoint), &read).await?))
}

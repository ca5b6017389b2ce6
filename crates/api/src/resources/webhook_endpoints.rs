//! `/v1/webhook_endpoints`: where a merchant wants to be told. The signing secret is shown at creation only.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::keys::base62;
use crate::list;
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params};
use crate::resources::metadata;
use florin_core::audit::{Action, Actor, By, Entry};
use florin_core::commit::{EventKind, Row, shard};
use florin_core::deliver;
use florin_core::endpoint::{Endpoint, SECRET_DIGITS, SigningSecret};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::record::{self, Change};
use florin_core::store::Query;
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

/// With the present secret, which no other answer holds.
pub fn with_secret(look: &Look, view: &EndpointView) -> Value {
    let mut shown = shape(look, view);
    if let (Some(map), Some((secret, _))) = (shown.as_object_mut(), view.body.secrets.first()) {
        map.insert("secret".into(), json!(secret.reveal()));
    }
    shown
}

/// A secret that nobody can guess.
pub fn fresh_secret(ask: &Ask<'_>) -> SigningSecret {
    let mut random = [0; 24];
    ask.api.house.random(&mut random);
    SigningSecret::new(format!("whsec_{}", base62(&random, SECRET_DIGITS)))
}

/// From where on an endpoint is told: (number, key). The number is read first, so that nothing lies between the two.
async fn from_now_on(ask: &Ask<'_>) -> Result<(u64, Key), ApiError> {
    let head = ask.store().find(Query::ChainHead { shard: shard(ask.account()) }).await?.head();
    Ok((head.map_or(0, |h| h.sequence), ask.ports().fresh_key()))
}

/// `https`; in test mode `http` too. Where the name leads is looked at again whenever it is dialled.
fn url(ask: &Ask<'_>, params: &Params) -> Result<Option<String>, ApiError> {
    let Some(text) = params.text("url", LONGEST_TEXT)? else { return Ok(None) };
    match deliver::target(&text, ask.caller.live, ask.api.house.local_endpoints()) {
        Ok(_) => Ok(Some(text)),
        Err(bad) => Err(params.bad("url", bad.message()).code("url_invalid")),
    }
}

/// `*`, or types of events that there are.
fn events(params: &Params) -> Result<Option<Vec<String>>, ApiError> {
    let Some(events) = params.texts("enabled_events")? else { return Ok(None) };
    if events.is_empty() {
        return Err(params.bad("enabled_events", "Name at least one type of event, or *."));
    }
    let known =
        |e: &String| e == "*" || EventKind::ALL.iter().any(|k| k.is_public() && k.as_str() == e) || is_stripes(e);
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

/// Where events go is told to the audit log, whoever changes it.
fn did(ask: &Ask<'_>, action: Action, endpoint: Key) -> Entry {
    let by = By::of(Actor::ApiKey(ask.caller.key));
    by.did(action).account(ask.account()).subject(Kind::Endpoint, endpoint)
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let url = url(ask, params)?.ok_or_else(|| params.missing("url"))?;
    let events = events(params)?.ok_or_else(|| params.missing("enabled_events"))?;
    let (after, since) = from_now_on(ask).await?;
    let mut body = Endpoint {
        live: ask.caller.live,
        url,
        events,
        api_version: params.patch("api_version", 40)?.value(),
        enabled: true,
        given_up: None,
        deleted: false,
        description: params.patch("description", LONGEST_TEXT)?.value(),
        metadata: vec![],
        secrets: vec![(fresh_secret(ask), None)],
        after,
        since,
    };
    if let Some(version) = &body.api_version {
        crate::version::ApiVersion::parse(Some(version)).map_err(|e| e.param("api_version"))?;
    }
    params.metadata(&mut body.metadata)?;
    params.ignore(&["connect"]);
    params.done()?;
    if super::events::endpoints(ask).await?.len() >= MOST_ENDPOINTS {
        return Err(ApiError::invalid(format!("There are {MOST_ENDPOINTS} webhook endpoints already.")));
    }
    let key = ask.ports().fresh_key();
    let render = |view: &EndpointView| look::stored(200, &with_secret(ask.look(), view));
    let change = Change::to(body, EventKind::EndpointChanged).audit(did(ask, Action::EndpointMake, key));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| with_secret(ask.look(), view))
}

pub async fn find(ask: &Ask<'_>, id: &str, param: &str) -> Result<EndpointView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Endpoint), id, param);
    let key = ask.look().key(Kind::Endpoint, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Endpoint, key).await;
    let view: EndpointView = loaded.map_err(ask.missing(Kind::Endpoint, id, param))?;
    if view.body.deleted || view.body.live != ask.caller.live { Err(missing()) } else { Ok(view) }
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(shape(ask.look(), &find(ask, ask.path_id(), "webhook_endpoint").await?)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id(), "webhook_endpoint").await?;
    let (after, since) = from_now_on(ask).await?;
    let merge = |into: &mut Endpoint| -> Result<(), ApiError> {
        into.url = url(ask, params)?.unwrap_or_else(|| into.url.clone());
        into.events = events(params)?.unwrap_or_else(|| into.events.clone());
        let enabled = !params.boolean("disabled")?.unwrap_or(!into.enabled);
        if enabled && !into.enabled {
            // What happened meanwhile is not told.
            (into.after, into.since, into.given_up) = (after, since, None);
        }
        into.enabled = enabled;
        params.patch("description", LONGEST_TEXT)?.apply(&mut into.description);
        params.metadata(&mut into.metadata)
    };
    merge(&mut view.body.clone())?;
    params.done()?;
    let decide = |from: &EndpointView| {
        let mut body = from.body.clone();
        let _ = merge(&mut body);
        Ok(Change::to(body, EventKind::EndpointChanged).audit(did(ask, Action::EndpointChange, view.key)))
    };
    let render = |view: &EndpointView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn delete(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id(), "webhook_endpoint").await?;
    let decide = |from: &EndpointView| {
        let gone = Endpoint { deleted: true, enabled: false, ..from.body.clone() };
        Ok(Change::to(gone, EventKind::EndpointChanged).audit(did(ask, Action::EndpointDelete, view.key)))
    };
    let done = record::change(ask.ports(), ask.account(), view.key, None, &decide, &|_| vec![]).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Endpoint)?;
    params.done()?;
    let read = |row: &Row| {
        let view: EndpointView = flow::read(row)?;
        Ok((!view.body.deleted && view.body.live == ask.caller.live).then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/webhook_endpoints", list::rows(ask, page, (ask.account(), Kind::Endpoint), &read).await?))
}

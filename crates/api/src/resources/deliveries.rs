//! `/v1/florin/webhook_…` and `/v1/events/{}/retry`: how deliveries went, telling again, and rolling an endpoint's secret.
//! Knows no HTTP client.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::Params;
use crate::resources::{events, stripecli, webhook_endpoints};
use florin_core::commit::{EventKind, Row};
use florin_core::deliver::{self, Delivery, Outcome, Stage, Try};
use florin_core::endpoint::Endpoint;
use florin_core::flow::{self, View};
use florin_core::id::Kind;
use florin_core::record::{self, Change};
use florin_core::store::Query;
use florin_core::time::Time;
use serde_json::{Value, json};

/// How long the secret before still signs, unless the caller says otherwise: a day.
const OVERLAP_S: i64 = 86_400;
const LONGEST_OVERLAP_S: i64 = 7 * 86_400;
/// Tries of one delivery that are shown.
const MOST_TRIES: usize = 200;

fn tried(one: &Try) -> Value {
    let status = match one.outcome {
        Outcome::Answered(status) => Some(status),
        Outcome::TimedOut
        | Outcome::NoAddress
        | Outcome::ForbiddenAddress
        | Outcome::NoConnection
        | Outcome::BadTls
        | Outcome::Broken
        | Outcome::BadUrl => None,
    };
    json!({
        "created": one.at.seconds(),
        "duration_ms": one.took_ms,
        "http_status": status,
        "outcome": one.outcome.as_str(),
        "response": one.answer,
    })
}

fn shape(look: &Look, view: &View<Delivery>) -> Value {
    let d = &view.body;
    let next: Option<Time> = match d.stage {
        Stage::Waiting { until, .. } => Some(until),
        Stage::Retrying { next } => Some(next),
        Stage::Delivered { .. } | Stage::GivenUp { .. } => None,
    };
    let failure = match d.stage {
        Stage::GivenUp { why, .. } => Some(why.as_str()),
        Stage::Waiting { .. } | Stage::Retrying { .. } | Stage::Delivered { .. } => None,
    };
    json!({
        "id": look.id(Kind::Delivery, view.key),
        "object": "florin.webhook_delivery",
        "attempts": d.tries,
        "created": view.key.time().seconds(),
        "event": look.id(Kind::Event, d.event),
        "event_type": d.kind.as_str(),
        "failure": failure,
        "last_attempt": d.last.as_ref().map(tried),
        "livemode": d.live,
        "next_attempt": next.map(Time::seconds),
        "resent": d.by_hand,
        "status": d.stage.as_str(),
        "webhook_endpoint": look.id(Kind::Endpoint, d.endpoint),
    })
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let id = ask.path_id();
    let endpoint = webhook_endpoints::find(ask, id, "webhook_endpoint").await?;
    let page = list::page(ask, params, Kind::Delivery)?;
    let words = ["waiting", "retrying", "succeeded", "failed"].map(|w| (w, w));
    let status = params.choice("status", &words)?;
    params.done()?;
    let read = |row: &Row| {
        let view: View<Delivery> = flow::read(row)?;
        let fits = status.is_none_or(|s| view.body.stage.as_str() == s);
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    let found = list::rows(ask, page, (endpoint.key, Kind::Delivery), &read).await?;
    Ok(list::answer(&format!("/v1/florin/webhook_endpoints/{id}/deliveries"), found))
}

/// One delivery with all of its tries, oldest first.
pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let endpoint = webhook_endpoints::find(ask, ask.path_id(), "webhook_endpoint").await?;
    let id = ask.ids.get(1).map_or("", String::as_str);
    let missing = || ApiError::missing(noun(Kind::Delivery), id, "id");
    let key = ask.look().key(Kind::Delivery, id).ok_or_else(missing)?;
    let loaded: Result<View<Delivery>, _> = flow::load(ask.store(), ask.account(), Kind::Delivery, key).await;
    let view = loaded.map_err(ask.missing(Kind::Delivery, id, "id"))?;
    if view.body.endpoint != endpoint.key {
        return Err(missing());
    }
    let mut tries: Vec<Try> = vec![];
    for row in ask.store().find(Query::History { key, limit: 1_000 }).await?.rows() {
        let version: View<Delivery> = flow::read(&row)?;
        // A version without a try of its own repeats the last.
        tries.extend(version.body.last.filter(|t| tries.last() != Some(t)));
    }
    let mut shown = shape(ask.look(), &view);
    if let Some(map) = shown.as_object_mut() {
        let from = tries.len().saturating_sub(MOST_TRIES);
        map.insert("attempts_list".into(), tries.iter().skip(from).map(tried).collect());
    }
    Ok(Answer::ok(shown))
}

/// Tells an event again: to one endpoint, or to all that listen for it.
pub async fn resend(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let event = events::find(ask).await?;
    let endpoint = params.text("webhook_endpoint", 255)?;
    let listeners = params.boolean("for_stripecli")?.unwrap_or(false);
    if let Some(account) = params.text("account", 255)?
        && ask.look().key(Kind::Account, &account) != Some(ask.account())
    {
        return Err(ApiError::missing_value(noun(Kind::Account), &account, "account"));
    }
    params.done()?;
    let to: Vec<View<Endpoint>> = match &endpoint {
        Some(id) => {
            let view = webhook_endpoints::find(ask, id, "webhook_endpoint").await?;
            if !view.body.listens() {
                return Err(params.bad("webhook_endpoint", "This webhook endpoint is disabled. Enable it first."));
            }
            vec![view]
        }
        None if listeners => vec![],
        None => {
            let mut all = events::endpoints(ask).await?;
            all.retain(|e| deliver::matches(&e.body, &event.stored.event));
            all
        }
    };
    for endpoint in &to {
        deliver::resend(ask.ports(), endpoint, &event).await?;
    }
    if listeners {
        stripecli::resend(ask, params, event.stored.event.id)?;
    }
    events::shown(ask, &event).await
}

/// A new secret. The one before signs too until `expires_after` seconds from now.
pub async fn roll(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = webhook_endpoints::find(ask, ask.path_id(), "webhook_endpoint").await?;
    let overlap = params.integer("expires_after")?.unwrap_or(OVERLAP_S);
    if !(0..=LONGEST_OVERLAP_S).contains(&overlap) {
        let message = format!("This value must be between 0 and {LONGEST_OVERLAP_S} seconds.");
        return Err(params.bad("expires_after", message).code("parameter_invalid_integer"));
    }
    params.done()?;
    let (secret, ends) = (webhook_endpoints::fresh_secret(ask), ask.now().plus_ms(overlap * 1_000));
    let decide = |from: &View<Endpoint>| {
        let mut body = from.body.clone();
        body.roll(secret.clone(), ends);
        Ok(Change::to(body, EventKind::EndpointChanged))
    };
    let shown = |view: &View<Endpoint>| webhook_endpoints::with_secret(ask.look(), view);
    let render = |view: &View<Endpoint>| look::stored(200, &shown(view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, shown)
}

//! `/v1/events`: what happened, with the thing as it was then. Reads numbered events only.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, noun};
use crate::keys::Caller;
use crate::list;
use crate::params::Params;
use crate::resources::stripecli;
use crate::resources::{
    charges, customers, payment_intents, payment_methods, prices, products, refunds, setup_intents,
};
use crate::version::{ApiVersion, PRESENT};
use florin_core::commit::{EventKind, Row, shard};
use florin_core::edge::EdgeRequest;
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::payment::{PaymentView, Stage};
use florin_core::refund::{RefundStage, RefundView};
use florin_core::store::{Query, SequencedEvent};
use serde_json::{Value, json};

/// Events read from the store at a time.
const AT_ONCE: u32 = 500;
/// Numbers looked back for one page at most.
const MOST_LOOKED_BACK: u64 = 50_000;

/// Steps that concern nobody outside are no events to the API.
fn is_public(kind: EventKind) -> bool {
    let name = kind.as_str();
    !name.starts_with("florin.") && kind != EventKind::PaymentProcessing && kind != EventKind::AccountCreated
}

/// The number of the newest event of the account's shard.
async fn newest(ask: &Ask<'_>) -> Result<u64, ApiError> {
    let head = ask.store().find(Query::ChainHead { shard: shard(ask.account()) }).await?.head();
    Ok(head.map_or(0, |h| h.sequence))
}

/// Numbered events of the account after a number, oldest first, at most up to `to`.
async fn between(ask: &Ask<'_>, after: u64, to: u64) -> Result<Vec<SequencedEvent>, ApiError> {
    let limit = u32::try_from(to.saturating_sub(after)).unwrap_or(AT_ONCE).min(AT_ONCE);
    let query = Query::Sequenced { shard: shard(ask.account()), after, limit };
    let mut found = ask.store().find(query).await?.sequenced();
    found.retain(|e| e.stored.event.account == ask.account() && is_public(e.stored.event.kind));
    Ok(found)
}

/// Walks back from the newest until `take` says that it is enough.
async fn back(ask: &Ask<'_>, take: &mut (dyn FnMut(SequencedEvent) -> bool + Send)) -> Result<(), ApiError> {
    let mut to = newest(ask).await?;
    let end = to.saturating_sub(MOST_LOOKED_BACK);
    while to > end {
        let after = to.saturating_sub(u64::from(AT_ONCE)).max(end);
        for event in between(ask, after, to).await?.into_iter().rev() {
            if !take(event) {
                return Ok(());
            }
        }
        to = after;
    }
    Ok(())
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let id = ask.path_id();
    let missing = || ApiError::missing(noun(Kind::Event), id, "id");
    let key = ask.look().key(Kind::Event, id).ok_or_else(missing)?;
    let mut found = None;
    back(ask, &mut |event| {
        if event.stored.event.id == key {
            found = Some(event);
        }
        found.is_none()
    })
    .await?;
    let event = found.ok_or_else(missing)?;
    Ok(Answer::ok(shape(ask, &event).await?.ok_or_else(missing)?))
}

/// Sends an event again: to those who listen over a WebSocket.
pub async fn retry(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let to_listeners = params.boolean("for_stripecli")?.unwrap_or(false);
    params.ignore(&["account"]);
    params.done()?;
    let id = ask.path_id();
    let missing = || ApiError::missing(noun(Kind::Event), id, "id");
    let key = ask.look().key(Kind::Event, id).ok_or_else(missing)?;
    let event = ask.store().find(Query::Numbered { id: key }).await?.sequenced().into_iter().next();
    let ours = |e: &SequencedEvent| e.stored.event.account == ask.account() && is_public(e.stored.event.kind);
    let event = event.filter(ours).ok_or_else(missing)?;
    let shown = shape(ask, &event).await?.ok_or_else(missing)?;
    if !to_listeners {
        return Err(params.missing("for_stripecli"));
    }
    stripecli::resend(ask, params, key)?;
    Ok(Answer::ok(shown))
}

/// The event as a listener of the account gets it.
pub async fn told(api: &crate::Api, account: Key, live: bool, event: &SequencedEvent) -> Option<String> {
    let request = EdgeRequest {
        id: String::new(),
        method: String::new(),
        path: String::new(),
        query: String::new(),
        headers: vec![],
        body: vec![],
        client: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        tls: true,
        cards: vec![],
        codes: vec![],
    };
    // Nobody's key: the gateway itself tells what the account may see.
    let (key, tail, grants) = (account, "".into(), [].into());
    let caller = Caller { account, class: crate::KeyClass::Secret, live, key, tail, grants };
    let version = ApiVersion::parse(None).ok()?;
    let ask = Ask { api, request: &request, caller, version, ids: vec![], claim: None, expand: Vec::new() };
    Some(shape(&ask, event).await.ok()??.to_string())
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Event)?;
    let one = params.text("type", 100)?;
    let many = params.texts("types")?;
    let after_sequence = params.integer("after_sequence")?;
    params.ignore(&["delivery_success"]);
    params.done()?;
    let fits = |kind: EventKind| {
        let named = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => kind.as_str().starts_with(start),
            None => kind.as_str() == pattern,
        };
        one.as_deref().is_none_or(named) && many.as_ref().is_none_or(|m| m.iter().any(|p| named(p)))
    };
    let found = match after_sequence {
        Some(n) => forward(ask, n, page.limit, &fits).await?,
        None => backward(ask, page, &fits).await?,
    };
    let mut data = vec![];
    for event in &found.0 {
        data.extend(shape(ask, event).await?);
    }
    Ok(list::answer("/v1/events", (data, found.1)))
}

type Found = (Vec<SequencedEvent>, bool);

/// Oldest first after a number: for those who keep up with everything.
async fn forward(
    ask: &Ask<'_>,
    after: i64,
    limit: usize,
    fits: &(dyn Fn(EventKind) -> bool + Sync),
) -> Result<Found, ApiError> {
    let (mut after, to) = (u64::try_from(after).unwrap_or(0), newest(ask).await?);
    let mut found = vec![];
    while after < to && found.len() <= limit {
        found.extend(between(ask, after, to).await?.into_iter().filter(|e| fits(e.stored.event.kind)));
        after = after.saturating_add(u64::from(AT_ONCE));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    Ok((found, more))
}

/// Newest first by number, which is the order of commits; cursors name events.
async fn backward(
    ask: &Ask<'_>,
    page: list::Page,
    fits: &(dyn Fn(EventKind) -> bool + Sync),
) -> Result<Found, ApiError> {
    let (after, before) = (page.after, page.before);
    let mut started = after.is_none();
    let mut collector = list::Collector::new(list::Page { after: None, before: before.map(|_| Key(i64::MIN)), ..page });
    back(ask, &mut |event| {
        let id = event.stored.event.id;
        if Some(id) == before {
            return false;
        }
        let wanted = started && fits(event.stored.event.kind) && collector.wants(id);
        started |= Some(id) == after;
        !wanted || collector.push(event)
    })
    .await?;
    Ok(collector.done())
}

/// None when the thing is one that the API does not show.
pub async fn shape(ask: &Ask<'_>, event: &SequencedEvent) -> Result<Option<Value>, ApiError> {
    let told = &event.stored.event;
    let history = ask.store().find(Query::History { key: told.cause }).await?.rows();
    let Some(row) = history.iter().find(|r| r.version == told.version) else { return Ok(None) };
    let Some(object) = snapshot(ask, told.kind, row).await? else { return Ok(None) };
    let mut data = json!({ "object": object });
    if told.kind.as_str().ends_with(".updated")
        && let Some(before) = history.iter().find(|r| r.version.next() == told.version)
        && let (Some(was), Some(map)) = (snapshot(ask, told.kind, before).await?, data.as_object_mut())
    {
        let previous = previous(&was, map.get("object").unwrap_or(&Value::Null));
        map.insert("previous_attributes".into(), previous);
    }
    Ok(Some(json!({
        "id": ask.look().id(Kind::Event, told.id),
        "object": "event",
        "api_version": PRESENT,
        "created": row.at.seconds(),
        "data": data,
        "livemode": ask.caller.live,
        "pending_webhooks": 0,
        "request": { "id": null, "idempotency_key": null },
        "sequence": event.link.sequence,
        "type": told.kind.as_str(),
    })))
}

/// What differs, as it was.
fn previous(was: &Value, is: &Value) -> Value {
    let Some(was) = was.as_object() else { return json!({}) };
    let differs = was.iter().filter(|(name, value)| is.get(name.as_str()) != Some(value));
    Value::Object(differs.map(|(n, v)| (n.clone(), v.clone())).collect())
}

#[allow(clippy::wildcard_enum_match_arm)]
async fn snapshot(ask: &Ask<'_>, kind: EventKind, row: &Row) -> Result<Option<Value>, ApiError> {
    let look = ask.look();
    Ok(match row.kind {
        Kind::Payment => {
            let mut view: PaymentView = flow::read(row)?;
            if kind == EventKind::PaymentCreated && !view.body.attempts.is_empty() {
                // Made and confirmed in one commit: as it was made.
                view.body.attempts.clear();
                view.body.stage = Stage::RequiresConfirmation;
            }
            match kind {
                EventKind::ChargeSucceeded
                | EventKind::ChargeFailed
                | EventKind::ChargeCaptured
                | EventKind::ChargeUpdated => {
                    let charge = view.body.attempts.iter().rev().find(|a| charges::is_charge(a));
                    charge.map(|a| charges::shape(look, &view, a, 0))
                }
                _ => Some(payment_intents::shape(look, &view)),
            }
        }
        Kind::Refund => {
            let view: RefundView = flow::read(row)?;
            if kind == EventKind::RefundSucceeded {
                charge_after(ask, &view).await?
            } else {
                Some(refunds::shape(look, &view))
            }
        }
        Kind::Customer => Some(customers::shape(look, &flow::read(row)?)),
        Kind::Method => Some(payment_methods::shape(look, &flow::read(row)?)),
        Kind::Setup => Some(setup_intents::shape(look, &flow::read(row)?)),
        Kind::Product => Some(products::shape(look, &flow::read(row)?)),
        Kind::Price => Some(prices::shape(look, &flow::read(row)?)),
        _ => None,
    })
}

/// The charge as it was once this refund had succeeded.
async fn charge_after(ask: &Ask<'_>, refund: &RefundView) -> Result<Option<Value>, ApiError> {
    let payment: PaymentView = flow::load(ask.store(), ask.account(), Kind::Payment, refund.body.payment).await?;
    let Some(attempt) = payment.body.attempt(refund.body.charge) else { return Ok(None) };
    let until = |view: &RefundView| match view.body.stage {
        RefundStage::Succeeded { at } if at <= refund.at => view.body.money.minor,
        RefundStage::Succeeded { .. } | RefundStage::Pending | RefundStage::Failed { .. } => 0,
    };
    let given_back = refunds::of_payment(ask, payment.key).await?.iter().map(until).sum();
    Ok(Some(charges::shape(ask.look(), &payment, attempt, given_back)))
}

//! `/v1/events`: what happened, with the thing as it was then. Reads numbered events only.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, noun};
use crate::list::{self, Page};
use crate::params::Params;
use crate::snapshot::Album;
use crate::version::PRESENT;
use florin_core::commit::EventKind;
use florin_core::deliver;
use florin_core::endpoint::Endpoint;
use florin_core::flow::View;
use florin_core::id::{Key, Kind};
use florin_core::store::{Query, SequencedEvent};
use serde_json::Value;

/// Events read from the store at a time.
const AT_ONCE: u32 = 200;
/// Types that one list asks for.
const MOST_TYPES: usize = 20;

/// The numbered event that the path names, if it is one of the caller's and one that merchants are told of.
pub async fn find(ask: &Ask<'_>) -> Result<SequencedEvent, ApiError> {
    let id = ask.path_id();
    let missing = || ApiError::missing(noun(Kind::Event), id, "id");
    let key = ask.look().key(Kind::Event, id).ok_or_else(missing)?;
    let found = ask.store().find(Query::Numbered { id: key }).await?.sequenced().into_iter().next();
    let ours = |e: &SequencedEvent| e.stored.event.account == ask.account() && e.stored.event.kind.is_public();
    found.filter(ours).ok_or_else(missing)
}

/// The event as the caller sees it, if it is of the caller's mode.
async fn shape(ask: &Ask<'_>, endpoints: &[View<Endpoint>], event: &SequencedEvent) -> Result<Option<Value>, ApiError> {
    let album = Album { store: ask.store(), look: ask.look() };
    let Some(snapshot) = album.event(event, PRESENT).await?.filter(|s| s.live == ask.caller.live) else {
        return Ok(None);
    };
    let pending = deliver::pending(ask.store(), endpoints, &event.stored.event).await?;
    Ok(Some(snapshot.shown(pending)))
}

/// The account's endpoints in the caller's mode.
pub async fn endpoints(ask: &Ask<'_>) -> Result<Vec<View<Endpoint>>, ApiError> {
    let mut found = deliver::endpoints(ask.store(), ask.account()).await?;
    found.retain(|e| e.body.live == ask.caller.live);
    Ok(found)
}

pub async fn shown(ask: &Ask<'_>, event: &SequencedEvent) -> Result<Answer, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Event), ask.path_id(), "id");
    Ok(Answer::ok(shape(ask, &endpoints(ask).await?, event).await?.ok_or_else(missing)?))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let event = find(ask).await?;
    shown(ask, &event).await
}

/// What a list asks for.
struct Wanted {
    one: Option<String>,
    many: Option<Vec<String>>,
    /// Taken by every endpoint that was to be told of it, or not.
    delivered: Option<bool>,
}

impl Wanted {
    fn read(params: &Params) -> Result<Wanted, ApiError> {
        let (one, many) = (params.text("type", 100)?, params.texts("types")?);
        if one.is_some() && many.is_some() {
            return Err(params.bad("types", "You may pass either type or types, but not both."));
        }
        if many.as_ref().is_some_and(|m| m.len() > MOST_TYPES) {
            return Err(params.bad("types", format!("At most {MOST_TYPES} types can be asked for at a time.")));
        }
        Ok(Wanted { one, many, delivered: params.boolean("delivery_success")? })
    }
    fn fits(&self, kind: EventKind) -> bool {
        let named = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => kind.as_str().starts_with(start),
            None => kind.as_str() == pattern,
        };
        kind.is_public()
            && self.one.as_deref().is_none_or(named)
            && self.many.as_ref().is_none_or(|m| m.iter().any(|p| named(p)))
    }
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Event)?;
    let wanted = Wanted::read(params)?;
    let after_sequence = params.integer("after_sequence")?;
    params.done()?;
    let walk = match (after_sequence, page.after, page.before) {
        (Some(n), ..) => Walk::forwards(u64::try_from(n).unwrap_or(0)),
        (None, Some(key), _) => Walk::backwards(number(ask, key, params, "starting_after").await?),
        (None, None, Some(key)) => Walk::forwards(number(ask, key, params, "ending_before").await?),
        (None, None, None) => Walk::backwards(u64::MAX),
    };
    let (mut data, more) = collect(ask, walk, &page, &wanted).await?;
    if after_sequence.is_none() && page.before.is_some() {
        data.reverse();
    }
    Ok(list::answer("/v1/events", (data, more)))
}

/// The number of the event that a cursor names.
async fn number(ask: &Ask<'_>, key: Key, params: &Params, name: &'static str) -> Result<u64, ApiError> {
    let id = params.text(name, 255)?.unwrap_or_default();
    let found = ask.store().find(Query::Numbered { id: key }).await?.sequenced().into_iter().next();
    let ours = found.filter(|e| e.stored.event.account == ask.account());
    ours.map(|e| e.link.sequence).ok_or_else(|| ApiError::missing_value(noun(Kind::Event), &id, name))
}

/// A way through the account's numbered events, which lie in order of commit.
struct Walk {
    after: u64,
    before: u64,
    backwards: bool,
}

impl Walk {
    const fn forwards(after: u64) -> Walk {
        Walk { after, before: u64::MAX, backwards: false }
    }
    const fn backwards(before: u64) -> Walk {
        Walk { after: 0, before, backwards: true }
    }
}

/// One page, in the order of the walk; whether there is more.
async fn collect(ask: &Ask<'_>, mut walk: Walk, page: &Page, wanted: &Wanted) -> Result<(Vec<Value>, bool), ApiError> {
    let endpoints = endpoints(ask).await?;
    let (mut found, mut looked_at) = (vec![], 0);
    loop {
        if looked_at >= list::MOST_ROWS_READ && !found.is_empty() {
            return Ok((found, true));
        }
        list::goes_on(looked_at)?;
        let Walk { after, before, backwards } = walk;
        let query = Query::OfAccount { account: ask.account(), after, before, backwards, limit: AT_ONCE };
        let events = ask.store().find(query).await?.sequenced();
        let Some(last) = events.last().map(|e| e.link.sequence) else { break };
        looked_at += events.len();
        for event in events.iter().filter(|e| wanted.fits(e.stored.event.kind)) {
            let told = &event.stored.event;
            if let Some(delivered) = wanted.delivered
                && deliver::delivered(ask.store(), &endpoints, told).await? != delivered
            {
                continue;
            }
            let Some(shown) = shape(ask, &endpoints, event).await? else { continue };
            if !shown.get("created").and_then(Value::as_i64).is_some_and(|at| page.created.holds(at)) {
                continue;
            }
            if found.len() == page.limit {
                return Ok((found, true));
            }
            found.push(shown);
        }
        if backwards {
            walk.before = last;
        } else {
            walk.after = last;
        }
        list::breathe().await;
    }
    Ok((found, false))
}

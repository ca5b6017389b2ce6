//! Who is still to be told of an event. Reads, and changes nothing.

use super::plan::matches;
use super::record::{Delivery, Stage};
use crate::commit::Event;
use crate::endpoint::Endpoint;
use crate::flow::{self, Failure, View};
use crate::id::{Key, Kind};
use crate::store::{Query, Store};

/// Endpoints of an account that are looked at, those that were deleted among them.
const MOST_ENDPOINTS: usize = 10_000;
const AT_ONCE: u32 = 100;
/// Deliveries of one event: one for each endpoint.
const MOST_DELIVERIES: u32 = 1_000;

/// An account's endpoints that are not deleted.
pub async fn endpoints(store: &dyn Store, account: Key) -> Result<Vec<View<Endpoint>>, Failure> {
    let (mut found, mut before, mut read) = (vec![], None, 0);
    while read < MOST_ENDPOINTS {
        let query = Query::List { under: account, kind: Kind::Endpoint, before, limit: AT_ONCE };
        let rows = store.find(query).await?.rows();
        read += rows.len();
        before = rows.last().map(|row| row.key);
        for row in &rows {
            let view: View<Endpoint> = flow::read(row)?;
            if !view.body.deleted {
                found.push(view);
            }
        }
        if rows.len() < AT_ONCE as usize {
            break;
        }
    }
    Ok(found)
}

/// The deliveries of an event.
pub(super) async fn of_event(store: &dyn Store, event: Key) -> Result<Vec<View<Delivery>>, Failure> {
    let query = Query::List { under: event, kind: Kind::Delivery, before: None, limit: MOST_DELIVERIES };
    store.find(query).await?.rows().iter().map(flow::read).collect()
}

/// How many endpoints have not taken the event and are still to be told.
pub async fn pending(store: &dyn Store, endpoints: &[View<Endpoint>], event: &Event) -> Result<u32, Failure> {
    let mut waiting: Vec<Key> = endpoints.iter().filter(|e| matches(&e.body, event)).map(|e| e.key).collect();
    if waiting.is_empty() {
        return Ok(0);
    }
    for delivery in of_event(store, event.id).await? {
        if !delivery.body.stage.is_open() {
            waiting.retain(|endpoint| *endpoint != delivery.body.endpoint);
        }
    }
    Ok(u32::try_from(waiting.len()).unwrap_or(u32::MAX))
}

/// Whether every endpoint that is to be told of the event has taken it.
pub async fn delivered(store: &dyn Store, endpoints: &[View<Endpoint>], event: &Event) -> Result<bool, Failure> {
    if !endpoints.iter().any(|e| matches(&e.body, event)) {
        return Ok(true);
    }
    let gave_up = |d: &View<Delivery>| matches!(d.body.stage, Stage::GivenUp { .. });
    let failed = of_event(store, event.id).await?.iter().any(gave_up);
    Ok(!failed && pending(store, endpoints, event).await? == 0)
}

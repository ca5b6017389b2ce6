//! Tells endpoints of events: a lane for each endpoint, which delays no other, and the retries that are due.

use super::post::Office;
use crate::gateway::ports::{Real, now};
use crate::log::log;
use florin_core::commit::{Job, JobKind};
use florin_core::deliver::{self, LEASE_MS, Lane, Round, put_off, retry};
use florin_core::flow::Failure;
use florin_core::id::{Key, Kind};
use florin_core::ports::Ports;
use florin_core::store::{Query, Store};
use florin_core::terminal::HOUSE;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Retries under way at a time, and of one endpoint.
const RETRIES_AT_ONCE: usize = 64;
const RETRIES_PER_ENDPOINT: u32 = 4;
/// A due retry whose endpoint has enough under way comes back after this.
const PUT_OFF_MS: i64 = 5_000;
/// How long due retries may wait when nobody nudges.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The pause after a round in which everything failed: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause when the store has trouble.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);
const ACCOUNTS_AT_ONCE: u32 = 200;

/// Keeps a lane for each endpoint of each account.
pub async fn lanes(office: Arc<Office>) {
    let mut changed = office.ports.news.endpoints();
    let mut running: BTreeSet<Key> = BTreeSet::new();
    loop {
        changed.borrow_and_update();
        match all_endpoints(&office.ports).await {
            Ok(endpoints) => {
                for (account, endpoint) in endpoints {
                    if running.insert(endpoint) {
                        tokio::spawn(lane(Arc::clone(&office), Lane::new(account, endpoint)));
                    }
                }
                if changed.changed().await.is_err() {
                    return;
                }
            }
            Err(failure) => {
                log!("florin gateway", "webhook endpoints cannot be read: {}", failure);
                tokio::time::sleep(TROUBLE_PAUSE).await;
            }
        }
    }
}

/// (account, endpoint) of everything that is not deleted.
async fn all_endpoints(ports: &Real) -> Result<Vec<(Key, Key)>, Failure> {
    let (mut found, mut before) = (vec![], None);
    loop {
        let query = Query::List { under: HOUSE, kind: Kind::Account, before, limit: ACCOUNTS_AT_ONCE };
        let accounts = ports.store().find(query).await?.rows();
        for row in &accounts {
            let endpoints = deliver::endpoints(ports.store(), row.key).await?;
            found.extend(endpoints.iter().map(|e| (row.key, e.key)));
        }
        before = accounts.last().map(|row| row.key);
        if accounts.len() < ACCOUNTS_AT_ONCE as usize {
            return Ok(found);
        }
    }
}

async fn lane(office: Arc<Office>, mut lane: Lane) {
    let (mut events, mut endpoints) = (office.ports.news.of(lane.account), office.ports.news.endpoints());
    let mut pause = FIRST_PAUSE;
    loop {
        events.borrow_and_update();
        endpoints.borrow_and_update();
        match deliver::round(&*office.ports, &*office, &mut lane).await {
            Ok(Round::Moved) => pause = FIRST_PAUSE,
            Ok(Round::Idle) => {
                pause = FIRST_PAUSE;
                tokio::select! {
                    _ = events.changed() => {}
                    _ = endpoints.changed() => {}
                }
            }
            Ok(Round::Failed) => {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    // Perhaps it has another URL now.
                    _ = endpoints.changed() => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Ok(Round::Off) => {
                if endpoints.changed().await.is_err() {
                    return;
                }
            }
            Ok(Round::Over) => return,
            Err(failure) => {
                log!("florin gateway", "a webhook endpoint waits: {}", failure);
                tokio::time::sleep(TROUBLE_PAUSE).await;
            }
        }
    }
}

/// How many retries of each endpoint are under way.
type UnderWay = Arc<Mutex<BTreeMap<Key, u32>>>;

/// Leases due retries for ever. One that fails for the store's sake stays leased, and comes back when its lease is over.
pub async fn retries(office: Arc<Office>) {
    let room = Arc::new(Semaphore::new(RETRIES_AT_ONCE));
    let under_way = UnderWay::default();
    loop {
        let free = u32::try_from(room.available_permits()).unwrap_or(0);
        let at = now();
        let leased = match free {
            0 => vec![],
            n => {
                let until = at.plus_ms(LEASE_MS);
                office.ports.store.lease(JobKind::Deliver, at, n, until).await.unwrap_or_default()
            }
        };
        let more = !leased.is_empty();
        let (begin, wait): (Vec<Job>, Vec<Job>) = leased.into_iter().partition(|job| enter(&under_way, job.attempt));
        if !wait.is_empty()
            && let Err(failure) = put_off(&office.ports.store, &wait, at.plus_ms(PUT_OFF_MS)).await
        {
            log!("florin gateway", "webhooks wait: {}", failure);
        }
        for job in begin {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let (office, under_way) = (Arc::clone(&office), Arc::clone(&under_way));
            tokio::spawn(async move {
                if let Err(failure) = retry(&*office.ports, &*office, &job).await {
                    log!("florin gateway", "a webhook waits: {}", failure);
                }
                leave(&under_way, job.attempt);
                drop(permit);
            });
        }
        if !more {
            office.client.tidy();
            let _ = tokio::time::timeout(LOOK_EVERY, office.ports.deliveries.notified()).await;
        }
    }
}

fn enter(under_way: &UnderWay, endpoint: Key) -> bool {
    let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    let count = under_way.entry(endpoint).or_default();
    let fits = *count < RETRIES_PER_ENDPOINT;
    *count += u32::from(fits);
    fits
}

fn leave(under_way: &UnderWay, endpoint: Key) {
    let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(count) = under_way.get_mut(&endpoint) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            under_way.remove(&endpoint);
        }
    }
}

//! One round of an endpoint: its next events are told, those of one object in their order, and what came of it is one commit.
//! A crash before that commit tells them again: at least once, never lost.

use super::letter::{Post, kept, letter};
use super::plan::{disables, matches, open_ms, pause_ms};
use super::record::{Delivery, GivenUp, Outbox, Stage, Try, outbox_of};
use super::{AT_ONCE, WAITS_MS};
use crate::codec::Body;
use crate::commit::{Clock, Commit, Event, EventKind, IndexEntry, Job, JobKind, Row, Version, shard};
use crate::endpoint::Endpoint;
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::mutants::{Mutant, planted};
use crate::ports::Ports;
use crate::rare::{Site, or_short};
use crate::record as plain;
use crate::refund::Refund;
use crate::refusal::Refusal;
use crate::store::{Query, SequencedEvent, Store};
use crate::time::Time;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Events looked at in one round.
const LOOKED_AT: u32 = 256;
/// Events told in one round at most.
const MOST_TOLD: usize = 64;
/// What matched nothing is remembered in memory; the durable cursor follows after so many events.
const CURSOR_BEHIND: u64 = 10_000;

/// An endpoint on its way through its events, in the memory of the process that tells it.
#[derive(Clone, Debug)]
pub struct Lane {
    pub account: Key,
    pub endpoint: Key,
    /// Nothing up to this number is left to be told.
    seen: u64,
    /// Events to be told in the next round: one while the endpoint fails.
    most: usize,
    /// When its first round was: what was open before the process began is looked for in any case, until all of it was tried once.
    began: Option<Time>,
}

impl Lane {
    pub fn new(account: Key, endpoint: Key) -> Lane {
        Lane { account, endpoint, seen: 0, most: MOST_TOLD, began: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Nothing is new.
    Idle,
    /// Something was looked at: there may be more.
    Moved,
    /// Everything that was told failed: pause before the next round.
    Failed,
    /// The endpoint is disabled: it may be enabled again.
    Off,
    /// The endpoint is gone: the lane ends here.
    Over,
}

/// What came of one event in this round.
struct Told {
    event: SequencedEvent,
    object: Key,
    key: Key,
    /// None: it waits for an earlier event of its object.
    tried: Option<Result<Try, GivenUp>>,
}

pub async fn round(ports: &dyn Ports, post: &dyn Post, lane: &mut Lane) -> Result<Round, Failure> {
    let store = ports.store();
    let endpoint = match flow::load::<Endpoint>(store, lane.account, Kind::Endpoint, lane.endpoint).await {
        Ok(view) if view.body.deleted => return Ok(Round::Over),
        Ok(view) if !view.body.enabled => return Ok(Round::Off),
        Ok(view) => view,
        Err(Failure::Refused(_)) => return Ok(Round::Over),
        Err(failure) => return Err(failure),
    };
    let outbox = outbox(store, &endpoint).await?;
    let from = lane.seen.max(outbox.body.cursor).max(endpoint.body.after);
    let (account, after, limit) = (lane.account, from, or_short(Site::ShortRound, LOOKED_AT, 1));
    let query = Query::OfAccount { account, after, before: u64::MAX, backwards: false, limit };
    let events = store.find(query).await?.sequenced();
    let Some(newest) = events.last().map(|e| e.link.sequence) else { return Ok(Round::Idle) };
    if lane.seen == 0 && outbox.version != Version::NONE && planted(Mutant::DeliveryForgottenByCrash) {
        lane.seen = newest;
        return Ok(Round::Moved);
    }
    let mut upto = newest;
    let mut wanted: Vec<SequencedEvent> =
        events.into_iter().filter(|e| matches(&endpoint.body, &e.stored.event)).collect();
    if let Some(first_left) = wanted.get(lane.most) {
        upto = first_left.link.sequence - 1;
        wanted.truncate(lane.most);
    }
    if wanted.is_empty() {
        if upto.saturating_sub(outbox.body.cursor) > CURSOR_BEHIND {
            settle(ports, &endpoint, outbox, upto, vec![]).await?;
        }
        lane.seen = upto;
        return Ok(Round::Moved);
    }
    let began = *lane.began.get_or_insert_with(|| ports.now());
    let open_until = outbox.body.open_until.max(began.plus_ms(JobKind::Deliver.longest_wait_ms()));
    let chains = chains(ports, &endpoint, open_until, wanted).await?;
    let mut told: Vec<Told> = vec![];
    for chain in limited(chains.into_iter().map(|c| tell(ports, post, &endpoint, c)).collect()).await {
        told.extend(chain?);
    }
    let tried = told.iter().filter_map(|t| t.tried.as_ref());
    let failed = tried.clone().count() > 0 && tried.clone().all(|t| t.as_ref().is_ok_and(|t| !t.outcome.is_success()));
    settle(ports, &endpoint, outbox, upto, told).await?;
    lane.seen = upto;
    lane.most = if failed { 1 } else { (lane.most * 2).min(MOST_TOLD) };
    Ok(if failed { Round::Failed } else { Round::Moved })
}

pub(super) async fn outbox(store: &dyn Store, endpoint: &View<Endpoint>) -> Result<View<Outbox>, Failure> {
    let key = outbox_of(endpoint.key);
    match store.get(&[key]).await?.into_iter().next().flatten() {
        Some(row) => flow::read(&row),
        None => Ok(View {
            key,
            account: endpoint.account,
            version: Version::NONE,
            at: endpoint.at,
            body: Outbox::default(),
            personal: None,
        }),
    }
}

/// Events of one object, in their order.
struct Chain {
    events: Vec<(SequencedEvent, Key)>,
    /// Something earlier is still open: none of them is told now.
    blocked: bool,
}

async fn chains(
    ports: &dyn Ports,
    endpoint: &View<Endpoint>,
    open_until: Time,
    events: Vec<SequencedEvent>,
) -> Result<Vec<Chain>, Failure> {
    let objects = objects(ports.store(), events.iter().map(|e| &e.stored.event)).await?;
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let mut chains: Vec<Chain> = vec![];
    for (event, object) in events.into_iter().zip(objects) {
        match places.get(&object).and_then(|place| chains.get_mut(*place)) {
            Some(chain) => chain.events.push((event, object)),
            None => {
                places.insert(object, chains.len());
                let blocked = ports.now() < open_until
                    && newest(ports.store(), endpoint.key, object).await?.is_some_and(|d| d.body.stage.is_open());
                chains.push(Chain { events: vec![(event, object)], blocked });
            }
        }
    }
    Ok(chains)
}

/// The thing that each event is about: a refund's events come in order with its payment's, whose charge they show.
pub(super) async fn objects(store: &dyn Store, events: impl Iterator<Item = &Event>) -> Result<Vec<Key>, Failure> {
    let events: Vec<&Event> = events.collect();
    let of_refund = |e: &&&Event| {
        let kind = e.kind;
        matches!(
            kind,
            EventKind::RefundCreated | EventKind::RefundSucceeded | EventKind::RefundFailed | EventKind::RefundUpdated
        )
    };
    let refunds: Vec<Key> = events.iter().filter(of_refund).map(|e| e.cause).collect();
    let mut payments: BTreeMap<Key, Key> = BTreeMap::new();
    for row in store.get(&refunds).await?.into_iter().flatten().filter(|row| row.kind == Kind::Refund) {
        payments.insert(row.key, flow::read::<Refund>(&row)?.body.payment);
    }
    Ok(events.iter().map(|e| payments.get(&e.cause).copied().unwrap_or(e.cause)).collect())
}

/// The newest delivery of an object to an endpoint.
async fn newest(store: &dyn Store, endpoint: Key, object: Key) -> Result<Option<View<Delivery>>, Failure> {
    let query = Query::Holder { under: object, kind: Kind::Delivery, key: endpoint };
    store.find(query).await?.rows().first().map(flow::read).transpose()
}

/// Tells the events of one object until one fails; the rest waits for it.
async fn tell(
    ports: &dyn Ports,
    post: &dyn Post,
    endpoint: &View<Endpoint>,
    chain: Chain,
) -> Result<Vec<Told>, Failure> {
    let (mut told, mut blocked) = (vec![], chain.blocked);
    for (event, object) in chain.events {
        let tried = match blocked {
            true => None,
            false => Some(attempt(ports, post, endpoint, &event).await?),
        };
        let failed = matches!(&tried, Some(Ok(tried)) if !tried.outcome.is_success());
        blocked |= failed && !planted(Mutant::DeliveryOvertakes);
        told.push(Told { event, object, key: ports.fresh_key(), tried });
    }
    Ok(told)
}

/// One try.
pub(super) async fn attempt(
    ports: &dyn Ports,
    post: &dyn Post,
    endpoint: &View<Endpoint>,
    event: &SequencedEvent,
) -> Result<Result<Try, GivenUp>, Failure> {
    let Some(composed) = post.compose(event, endpoint).await? else { return Ok(Err(GivenUp::NothingToShow)) };
    let at = ports.now();
    let reply = post.send(letter(endpoint, composed, at)).await;
    Ok(Ok(kept(reply, at)))
}

/// One commit for the round: the deliveries, the jobs of those that are tried again, the cursor. Without effect when another process
/// was faster: then it told the same.
async fn settle(
    ports: &dyn Ports,
    endpoint: &View<Endpoint>,
    mut outbox: View<Outbox>,
    upto: u64,
    told: Vec<Told>,
) -> Result<(), Failure> {
    for _ in 0..flow::TRIES {
        let mut before: BTreeMap<Key, View<Delivery>> = BTreeMap::new();
        for waiting in told.iter().filter(|t| t.tried.is_none()) {
            if let Some(found) = newest(ports.store(), endpoint.key, waiting.object).await? {
                before.insert(waiting.object, found);
            }
        }
        let commit = draft(ports, endpoint, &outbox, upto, &told, &before);
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => {
                flow::nudge(ports);
                return Ok(());
            }
            Met::Conflict | Met::Guard | Met::Replay(_) => {}
        }
        let now = self::outbox(ports.store(), endpoint).await?;
        if now.body.cursor >= upto {
            return Ok(());
        }
        outbox = now;
    }
    Err(Refusal::Contended.into())
}

fn draft(
    ports: &dyn Ports,
    endpoint: &View<Endpoint>,
    outbox: &View<Outbox>,
    upto: u64,
    told: &[Told],
    before: &BTreeMap<Key, View<Delivery>>,
) -> Commit {
    let now = ports.now();
    let mut commit = Commit::default();
    let mut last: BTreeMap<Key, (Key, Option<Version>)> =
        before.iter().filter(|(_, d)| d.body.stage.is_open()).map(|(o, d)| (*o, (d.key, Some(d.version)))).collect();
    let (mut succeeded, mut failed) = (false, false);
    for one in told {
        let event = &one.event.stored.event;
        let after = last.get(&one.object).copied();
        let live = endpoint.body.live;
        let stage = match (&one.tried, after) {
            (Some(Ok(tried)), _) if tried.outcome.is_success() => Stage::Delivered { at: now },
            (Some(Ok(_)), _) => match pause_ms(live, one.key, 1, now, now) {
                Some(pause) => Stage::Retrying { next: now.plus_ms(pause) },
                None => Stage::GivenUp { at: now, why: GivenUp::TooOften },
            },
            (Some(Err(why)), _) => Stage::GivenUp { at: now, why: *why },
            (None, Some((after, _))) => Stage::Waiting { after, until: now.plus_ms(WAITS_MS) },
            // What it waited for has ended meanwhile.
            (None, None) => Stage::Retrying { next: now },
        };
        let delivery = Delivery {
            live,
            endpoint: endpoint.key,
            event: event.id,
            kind: event.kind,
            sequence: one.event.link.sequence,
            object: one.object,
            since: now,
            by_hand: false,
            tries: u32::from(matches!(one.tried, Some(Ok(_)))),
            last: one.tried.as_ref().and_then(|t| t.as_ref().ok()).cloned(),
            stage,
        };
        succeeded |= matches!(stage, Stage::Delivered { .. });
        failed |= matches!(&one.tried, Some(Ok(tried)) if !tried.outcome.is_success());
        let mut index = places(endpoint.key, event.id, one.object, one.key);
        if let (Stage::Waiting { after, .. }, Some((_, version))) = (stage, after) {
            index.push(IndexEntry { under: after, kind: Kind::Delivery, key: one.key });
            if let Some(version) = version
                && !commit.expect.iter().any(|(key, _)| *key == after)
            {
                commit.expect.push((after, version));
            }
        }
        if let Some(due) = due(&stage) {
            commit.jobs.push(job(one.key, endpoint.key, endpoint.account, soon(due, now)));
        }
        if stage.is_open() {
            last.insert(one.object, (one.key, None));
        }
        commit.expect.push((one.key, Version::NONE));
        commit.put.push(row(one.key, Version(1), endpoint.account, now, &delivery, index));
    }
    let next = Outbox {
        cursor: upto.max(outbox.body.cursor),
        open_until: if failed || !commit.jobs.is_empty() {
            now.plus_ms(open_ms(endpoint.body.live)).max(outbox.body.open_until)
        } else {
            outbox.body.open_until
        },
        failing_since: failing(outbox.body.failing_since, succeeded, failed, now),
    };
    give_up(ports, endpoint, &next, now, &mut commit);
    put_outbox(endpoint, outbox, next, now, &mut commit);
    commit
}

/// Since when an endpoint takes nothing.
pub(super) fn failing(since: Option<Time>, succeeded: bool, failed: bool, now: Time) -> Option<Time> {
    match (succeeded, failed) {
        (true, _) => None,
        (false, true) => since.or(Some(now)),
        (false, false) => since,
    }
}

pub(super) fn put_outbox(
    endpoint: &View<Endpoint>,
    outbox: &View<Outbox>,
    body: Outbox,
    now: Time,
    commit: &mut Commit,
) {
    let (key, account, version) = (outbox.key, endpoint.account, outbox.version.next());
    commit.expect.push((key, outbox.version));
    commit.put.push(plain::row(&View { key, account, version, at: now, body, personal: None }, vec![]));
}

/// Disables an endpoint that has taken nothing for days.
pub(super) fn give_up(ports: &dyn Ports, endpoint: &View<Endpoint>, next: &Outbox, now: Time, commit: &mut Commit) {
    if !disables(next.failing_since, now) {
        return;
    }
    let body = Endpoint { enabled: false, given_up: Some(now), ..endpoint.body.clone() };
    let view = View { version: endpoint.version.next(), at: now, body, ..endpoint.clone() };
    let (account, cause, version) = (view.account, view.key, view.version);
    commit.expect.push((endpoint.key, endpoint.version));
    commit.put.push(plain::row(&view, vec![]));
    commit.events.push(Event { id: ports.fresh_key(), kind: EventKind::EndpointGivenUp, account, cause, version });
}

/// Where a delivery is found: under its endpoint, under its event, and as the newest of its object.
pub(super) fn places(endpoint: Key, event: Key, object: Key, key: Key) -> Vec<IndexEntry> {
    let at = |under, key| IndexEntry { under, kind: Kind::Delivery, key };
    vec![at(endpoint, key), at(event, key), at(object, endpoint)]
}

pub(super) fn due(stage: &Stage) -> Option<Time> {
    match stage {
        Stage::Waiting { until, .. } => Some(*until),
        Stage::Retrying { next } => Some(*next),
        Stage::Delivered { .. } | Stage::GivenUp { .. } => None,
    }
}

/// A job is never put further ahead than its kind may be: what is due later is looked at in between.
pub(super) fn soon(due: Time, now: Time) -> Time {
    due.min(now.plus_ms(JobKind::Deliver.longest_wait_ms()))
}

/// The job that tries a delivery again. It has the delivery's key, and names the endpoint.
pub(super) fn job(key: Key, endpoint: Key, account: Key, due: Time) -> Job {
    let (kind, clock) = (JobKind::Deliver, Clock::Real);
    Job { id: key, kind, account, subject: key, attempt: endpoint, due, clock, tries: 0 }
}

pub(super) fn row(
    key: Key,
    version: Version,
    account: Key,
    at: Time,
    delivery: &Delivery,
    index: Vec<IndexEntry>,
) -> Row {
    let body = delivery.encode();
    Row { key, version, kind: Kind::Delivery, account, at, body, personal: None, index }
}

/// Runs futures, `AT_ONCE` of them at a time; their results in the order of the futures.
async fn limited<T>(futures: Vec<impl Future<Output = T> + Send>) -> Vec<T> {
    let mut waiting: Vec<(Option<T>, Pin<Box<_>>)> = futures.into_iter().map(|f| (None, Box::pin(f))).collect();
    poll_fn(|cx| {
        let mut under_way = 0;
        for (result, future) in &mut waiting {
            if result.is_none() {
                if under_way == AT_ONCE {
                    return Poll::Pending;
                }
                match future.as_mut().poll(cx) {
                    Poll::Ready(value) => *result = Some(value),
                    Poll::Pending => under_way += 1,
                }
            }
        }
        if under_way == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(result, _)| result).collect()
}

/// The shard that a lane's events are numbered in.
impl Lane {
    pub const fn shard(&self) -> u8 {
        shard(self.account)
    }
}

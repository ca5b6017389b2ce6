//! A delivery whose job is due: tried again, or for the first time when it had waited for another.

use super::WAITS_MS;
use super::letter::Post;
use super::plan::{longest_pause_ms, open_ms, pause_ms};
use super::record::{Delivery, GivenUp, Stage};
use super::round::{attempt, due, failing, give_up, job, outbox, put_outbox, row, soon};
use crate::commit::{Commit, Job, JobKind};
use crate::endpoint::Endpoint;
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::rare::{Site, rare};
use crate::refusal::Refusal;
use crate::store::{Query, Store};
use crate::time::Time;

/// A worker keeps a leased delivery for itself so long: the time limit of a try, and what is needed around it.
pub const LEASE_MS: i64 = 20_000;
/// Deliveries that wait for one.
const MOST_WAITING: u32 = 100;

pub async fn retry(ports: &dyn Ports, post: &dyn Post, due: &Job) -> Result<(), Failure> {
    if rare(Site::RetryLeft) {
        return Ok(());
    }
    let store = ports.store();
    let found: Result<View<Delivery>, Failure> = flow::load(store, due.account, Kind::Delivery, due.subject).await;
    let delivery = match found {
        Ok(view) if view.body.stage.is_open() => view,
        Ok(_) | Err(Failure::Refused(_)) => return finished(ports, due).await,
        Err(failure) => return Err(failure),
    };
    if let Some(until) = not_yet(ports, &delivery).await? {
        return put_off(store, std::slice::from_ref(due), until).await;
    }
    let endpoint: Option<View<Endpoint>> =
        match flow::load(store, due.account, Kind::Endpoint, delivery.body.endpoint).await {
            Ok(view) => Some(view),
            Err(Failure::Refused(_)) => None,
            Err(failure) => return Err(failure),
        };
    let listening = endpoint.filter(|e| e.body.listens());
    let event = store.find(Query::Numbered { id: delivery.body.event }).await?.sequenced().into_iter().next();
    let tried = match (&listening, event) {
        (None, _) => Err(GivenUp::NoEndpoint),
        (Some(_), None) => Err(GivenUp::NothingToShow),
        (Some(endpoint), Some(event)) => attempt(ports, post, endpoint, &event).await?,
    };
    let now = ports.now();
    let mut body = delivery.body.clone();
    let outcome = match tried {
        Ok(tried) => {
            body.tries = body.tries.saturating_add(1);
            let succeeded = tried.outcome.is_success();
            let pause = pause_ms(body.live, delivery.key, body.tries, body.since, now).filter(|_| !body.by_hand);
            body.stage = match (succeeded, pause) {
                (true, _) => Stage::Delivered { at: now },
                (false, Some(pause)) => Stage::Retrying { next: now.plus_ms(pause) },
                (false, None) => Stage::GivenUp { at: now, why: GivenUp::TooOften },
            };
            body.last = Some(tried);
            Some(succeeded)
        }
        Err(why) => {
            body.stage = Stage::GivenUp { at: now, why };
            None
        }
    };
    store_result(ports, &delivery, &body, listening.as_ref(), outcome).await?;
    if !body.stage.is_open() {
        release(ports, delivery.account, delivery.key).await?;
    }
    Ok(())
}

/// When to look again, if it is too early to try. A last try in the future, or a wait longer than any pause, means that the clock was
/// set back: then it is not too early.
async fn not_yet(ports: &dyn Ports, delivery: &View<Delivery>) -> Result<Option<Time>, Failure> {
    let now = ports.now();
    let (until, longest) = match delivery.body.stage {
        Stage::Waiting { after, until } => {
            let before: Result<View<Delivery>, Failure> =
                flow::load(ports.store(), delivery.account, Kind::Delivery, after).await;
            match before {
                Ok(before) if before.body.stage.is_open() => (until, WAITS_MS),
                Ok(_) | Err(Failure::Refused(_)) => return Ok(None),
                Err(failure) => return Err(failure),
            }
        }
        Stage::Retrying { next } => (next, longest_pause_ms(delivery.body.live)),
        Stage::Delivered { .. } | Stage::GivenUp { .. } => return Ok(None),
    };
    let set_back = until.since(now) > longest || delivery.body.last.as_ref().is_some_and(|last| last.at > now);
    let early = now < until && !set_back;
    Ok(early.then(|| until.min(now.plus_ms(JobKind::Deliver.longest_wait_ms()))))
}

/// Makes a result durable. Another's result, when somebody else was faster, is as good.
async fn store_result(
    ports: &dyn Ports,
    from: &View<Delivery>,
    body: &Delivery,
    endpoint: Option<&View<Endpoint>>,
    succeeded: Option<bool>,
) -> Result<(), Failure> {
    let now = ports.now();
    for _ in 0..flow::TRIES {
        let mut commit = Commit {
            expect: vec![(from.key, from.version)],
            put: vec![row(from.key, from.version.next(), from.account, now, body, vec![])],
            ..Commit::default()
        };
        match due(&body.stage) {
            Some(due) => commit.jobs.push(job(from.key, body.endpoint, from.account, soon(due, now))),
            None => commit.done.push(from.key),
        }
        if let (Some(endpoint), Some(succeeded)) = (endpoint, succeeded) {
            let outbox = outbox(ports.store(), endpoint).await?;
            let failing_since = failing(outbox.body.failing_since, succeeded, !succeeded, now);
            let mut next = outbox.body.clone();
            next.failing_since = failing_since;
            // What is open longer than was thought, after a downtime, still holds later events back.
            if let Stage::Retrying { next: again } = body.stage
                && next.open_until < again.plus_ms(longest_pause_ms(body.live))
            {
                next.open_until = now.plus_ms(open_ms(body.live));
            }
            // Only a change is written: most tries are the first failure of nothing.
            if next != outbox.body {
                put_outbox(endpoint, &outbox, next.clone(), now, &mut commit);
            }
            give_up(ports, endpoint, &next, now, &mut commit);
        }
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => return Ok(()),
            Met::Conflict | Met::Guard | Met::Replay(_) => {}
        }
        let current: View<Delivery> = flow::load(ports.store(), from.account, Kind::Delivery, from.key).await?;
        if current.version != from.version {
            return Ok(());
        }
    }
    Err(Refusal::Contended.into())
}

/// Those that waited for this delivery are due at once. A crash before leaves them to wait until their time is up.
async fn release(ports: &dyn Ports, account: Key, ended: Key) -> Result<(), Failure> {
    if rare(Site::ReleaseSkipped) {
        return Ok(());
    }
    let query = Query::List { under: ended, kind: Kind::Delivery, before: None, limit: MOST_WAITING };
    let mut jobs = vec![];
    for found in ports.store().find(query).await?.rows() {
        let waiting: View<Delivery> = flow::read(&found)?;
        if matches!(waiting.body.stage, Stage::Waiting { after, .. } if after == ended) {
            jobs.push(job(waiting.key, waiting.body.endpoint, account, ports.now()));
        }
    }
    if !jobs.is_empty() {
        let commit = Commit { jobs, ..Commit::default() };
        flow::commit(ports.store(), commit, None).await?;
        flow::nudge(ports);
    }
    Ok(())
}

/// The delivery has ended: its job goes.
async fn finished(ports: &dyn Ports, due: &Job) -> Result<(), Failure> {
    flow::commit(ports.store(), Commit { done: vec![due.id], ..Commit::default() }, None).await?;
    Ok(())
}

/// Puts due deliveries off without a try: their endpoints have enough under way. At most 250 at a time.
pub async fn put_off(store: &dyn Store, due: &[Job], until: Time) -> Result<(), Failure> {
    let jobs = due.iter().map(|job| Job { due: until, ..*job }).collect();
    flow::commit(store, Commit { jobs, ..Commit::default() }, None).await?;
    Ok(())
}

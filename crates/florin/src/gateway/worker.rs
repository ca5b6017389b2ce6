//! What the gateway does by itself: settles attempts whose job is due, numbers events, takes late answers.

use super::fence::Fence;
use super::ports::{Real, now};
use crate::log::log;
use florin_core::attempt::{LEASE_MS, late, resolve};
use florin_core::chase::chase;
use florin_core::commit::{Job, JobKind};
use florin_core::customer::forget;
use florin_core::payment::expire;
use florin_core::ports::Ports;
use florin_core::sequencer;
use florin_core::store::Store;
use florin_core::wire::Late;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a leased job is for.
#[derive(Clone, Copy)]
enum Work {
    Resolve,
    Expire,
    Chase,
}

/// Holds that expire, and authentications that are asked for, leased at a time: neither keeps the other jobs waiting.
const LEISURELY_ATONCE: u32 = 8;
/// Jobs worked on at a time.
const ATONCE: usize = 64;
/// Deleted customers whose data is erased at a time.
const ERASURES_ATONCE: u32 = 4;
/// How long the worker keeps leased erasures for itself, in milliseconds.
const ERASING_MS: i64 = 60_000;
/// How long due jobs may wait when nobody nudges.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a new event waits for its number.
const NUMBER_EVERY: Duration = Duration::from_millis(20);

/// Leases due jobs for ever. A job that fails stays leased, and comes back when its lease is over. While a fence stands, what is open is
/// settled, and nothing new is sent.
pub async fn jobs(ports: Arc<Real>, fence: Arc<Fence>) {
    let room = Arc::new(Semaphore::new(ATONCE));
    loop {
        let free = u32::try_from(room.available_permits()).unwrap_or(0);
        let at = now();
        let leased = match free {
            0 => vec![],
            n => ports.store.lease(JobKind::Resolve, at, n, at.plus_ms(2 * LEASE_MS)).await.unwrap_or_default(),
        };
        let mut leased: Vec<(Work, Job)> = leased.into_iter().map(|job| (Work::Resolve, job)).collect();
        let more = !leased.is_empty();
        for (kind, work) in [(JobKind::Expire, Work::Expire), (JobKind::Chase, Work::Chase)] {
            let free = u32::try_from(room.available_permits()).unwrap_or(0).min(LEISURELY_ATONCE);
            let due = match free {
                _ if fence.is_closed() => vec![],
                0 => vec![],
                n => ports.store.lease(kind, at, n, at.plus_ms(2 * LEASE_MS)).await.unwrap_or_default(),
            };
            leased.extend(due.into_iter().map(|job| (work, job)));
        }
        for (work, job) in leased {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let ports = Arc::clone(&ports);
            tokio::spawn(async move {
                let (done, what) = match work {
                    Work::Resolve => (resolve(&*ports, &job).await, "an attempt could not be settled"),
                    Work::Expire => (expire(&*ports, &job).await, "a hold could not be given up"),
                    Work::Chase => (chase(&*ports, &job).await, "an authentication could not be asked for"),
                };
                if let Err(failure) = done {
                    log!("florin gateway", "{} yet: {}", what, failure);
                }
                drop(permit);
            });
        }
        if !more {
            let _ = tokio::time::timeout(LOOK_EVERY, ports.due.notified()).await;
        }
    }
}

/// Makes what is personal of deleted customers unreadable, one after the other: each empties the database's log. A customer of many
/// payments takes a while, so attempts are settled beside it.
pub async fn erasures(ports: Arc<Real>) {
    loop {
        let at = now();
        let leased = ports.store.lease(JobKind::Erase, at, ERASURES_ATONCE, at.plus_ms(ERASING_MS)).await;
        for job in leased.unwrap_or_default() {
            if let Err(failure) = forget(&*ports, &ports.store, &job).await {
                log!("florin gateway", "a deleted customer's data is readable yet: {}", failure);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Numbers events shortly after their commit.
pub async fn numbers(ports: Arc<Real>) {
    loop {
        let pause = if number_once(&ports).await { NUMBER_EVERY } else { Duration::from_secs(1) };
        tokio::time::sleep(pause).await;
    }
}

/// Numbers what is new in each shard. False when the store has trouble.
pub async fn number_once(ports: &Real) -> bool {
    let mut well = true;
    for shard in ports.store.take_dirty() {
        match sequencer::sequence(&ports.store, shard).await {
            Ok(n) => {
                if n > 0 {
                    // What came meanwhile, or did not fit, is seen by the next look.
                    ports.store.mark(shard);
                }
            }
            Err(failure) => {
                ports.store.mark(shard);
                well = false;
                log!("florin gateway", "events wait for their numbers: {}", failure);
            }
        }
    }
    well
}

/// Takes an answer that nobody waited for. True when it is durable here and the vault may forget it.
pub async fn take_late(ports: &Real, answer: Late) -> bool {
    match late(ports as &dyn Ports, &answer).await {
        Ok(()) => true,
        // It belongs to nothing of ours: keeping it would not help.
        Err(florin_core::flow::Failure::Refused(florin_core::refusal::Refusal::NoSuch(_))) => true,
        Err(failure) => {
            log!("florin gateway", "a late answer waits: {}", failure);
            false
        }
    }
}

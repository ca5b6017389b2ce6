//! `florin backup schedule`: a backup of what changed every few seconds, and a whole one now and then, until stopped.

use super::make::Plan;
use super::{now, show};
use crate::cli::{Common, Making};
use crate::fail::Outcome;
use crate::out::out;
use crate::process::{asked_to_stop, block_on};
use serde_json::json;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Copying takes at most one part in so many of the time: a large database is copied less often than was asked.
const REST: u32 = 4;

pub fn run(common: &Common, making: &Making, every: u32, whole_every: u32) -> Outcome {
    let plan = Plan::of(common, making)?;
    if common.json {
        out!("{}", json!({ "ready": true, "place": plan.place.shown(), "every_seconds": every }));
    } else {
        out!("Backing up to {} every {every} s. Stop with Ctrl-C.", plan.place.shown());
    }
    let (tell, stop) = channel::<()>();
    let (plan, as_json) = (&plan, common.json);
    std::thread::scope(|scope| {
        let work = scope.spawn(move || follow(plan, as_json, (making.whole, every, whole_every), &stop));
        let asked = block_on(async {
            asked_to_stop(false).await;
            Ok(0)
        });
        // What is being made is finished.
        drop(tell);
        let _ = work.join();
        asked
    })
}

/// Until `stop` says so.
fn follow(plan: &Plan, as_json: bool, (whole, every, whole_every): (bool, u32, u32), stop: &Receiver<()>) {
    let whole_every_ms = i64::from(whole_every) * 1_000;
    let mut whole_at = None;
    loop {
        let began = Instant::now();
        let due = match whole_at {
            None => whole,
            Some(at) => now().since(at) >= whole_every_ms,
        };
        match plan.make(due, &mut |_, _| {}) {
            Ok(Some(manifest)) => {
                if manifest.base.is_none() {
                    whole_at = Some(now());
                }
                if as_json { out!("{}", show::facts(&manifest)) } else { out!("{}", show::line(&manifest)) }
            }
            Ok(None) => {}
            // The disk may be full or the place away for a while: said each time, tried again.
            Err(fail) => fail.print(as_json),
        }
        whole_at = whole_at.or(Some(now()));
        let pause = Duration::from_secs(u64::from(every)).saturating_sub(began.elapsed()).max(began.elapsed() * REST);
        match stop.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

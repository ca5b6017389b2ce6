//! Races over one payment, and over one idempotency key: real threads on the real store, through the API. The acquirer says yes to
//! everything and writes it down, so that whatever is too much was let through by us.

mod acquirer;
mod keys;
mod shop;
mod table;

use acquirer::Book;
use serde::Serialize;
use shop::{Got, Shop};
use std::path::Path;
use std::sync::Barrier;
use std::thread;

pub use table::Kind;

/// What is raced for.
#[derive(Clone, Copy, Debug)]
pub struct Races {
    /// Payments raced over.
    pub races: u32,
    /// Requests over one payment at the same moment.
    pub racers: u32,
    /// Idempotency keys raced over.
    pub keys: u32,
    /// Requests under one key at the same moment.
    pub key_racers: u32,
}

impl Races {
    pub const fn new() -> Races {
        Races { races: 1_000, racers: 32, keys: 500, key_racers: 64 }
    }
}

impl Default for Races {
    fn default() -> Races {
        Races::new()
    }
}

/// What the races came to. Holds no times.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RacesReport {
    pub races: u32,
    pub racers: u32,
    /// Requests of those races, with their retries.
    pub requests: u64,
    /// What the acquirer was asked for and did.
    pub captures: u64,
    pub refunds: u64,
    pub voids: u64,
    pub keys: u32,
    pub key_racers: u32,
    pub key_requests: u64,
    /// Requests under a key that were really carried out: as many as there are keys.
    pub executions: u64,
    /// Whatever was captured, refunded, voided or answered otherwise than once.
    pub differences: Vec<String>,
    /// No difference, and every race was run.
    pub proved: bool,
}

/// The store cannot be opened, or is not what it should be: why, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRace(pub String);

/// Runs the races on a fresh store in `folder`, which exists. `progress` is told races and keys done, of how many.
pub fn races(options: Races, folder: &Path, progress: &dyn Fn(u64, u64)) -> Result<RacesReport, NoRace> {
    let shop = Shop::open(&folder.join("races.db"))?;
    let mut report = RacesReport {
        races: options.races,
        racers: options.racers,
        keys: options.keys,
        key_racers: options.key_racers,
        ..RacesReport::default()
    };
    let whole = u64::from(options.races) + u64::from(options.keys);
    for n in 0..options.races {
        race(&shop, n, options.racers, &mut report);
        progress(u64::from(n) + 1, whole);
    }
    for n in 0..options.keys {
        keys::race(&shop, n, options.key_racers, &mut report);
        progress(u64::from(options.races) + u64::from(n) + 1, whole);
    }
    shop.ledger_agrees(&mut report.differences);
    report.proved = report.differences.is_empty();
    Ok(report)
}

/// Sends these at the same moment, each until it is answered for good.
fn at_once(shop: &Shop, requests: &[(String, String, Option<String>)], sent: &mut u64) -> Vec<Got> {
    let start = Barrier::new(requests.len());
    let answers: Vec<(Got, u64)> = thread::scope(|scope| {
        let racers: Vec<_> = requests
            .iter()
            .map(|(path, body, key)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    shop.insist(path, body, key.as_deref())
                })
            })
            .collect();
        // A racer that died answered nothing: its status is none that anybody gives.
        racers.into_iter().map(|racer| racer.join().unwrap_or((Got::default(), 1))).collect()
    });
    *sent += answers.iter().map(|(_, tries)| tries).sum::<u64>();
    answers.into_iter().map(|(got, _)| got).collect()
}

fn race(shop: &Shop, n: u32, racers: u32, report: &mut RacesReport) {
    let kind = Kind::of(n);
    let payment = match shop.pay(kind.is_held()) {
        Ok(payment) => payment,
        Err(why) => return report.differences.push(format!("race {n}: the payment was not made: {why}")),
    };
    let requests: Vec<_> = (0..racers).map(|racer| kind.request(&payment.id, racer)).collect();
    let answers = at_once(shop, &requests, &mut report.requests);
    let mut differs = |why: String| report.differences.push(format!("race {n} ({kind:?}): {why}"));
    for got in answers.iter().filter(|got| !matches!(got.status, 200 | 400 | 402)) {
        differs(format!("a racer was answered {}: {}", got.status, got.body));
    }
    let (book, stands) = match shop.compare(&payment) {
        Ok(both) => both,
        Err(why) => return differs(why),
    };
    table::judge(kind, &book, &stands).into_iter().for_each(&mut differs);
    let Book { captures, refunds, voids, .. } = book;
    (report.captures, report.refunds) = (report.captures + captures, report.refunds + refunds);
    report.voids += voids;
}

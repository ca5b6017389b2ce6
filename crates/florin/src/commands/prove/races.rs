//! `florin prove races`: many threads over one payment or one idempotency key at the same moment, on a store of its own in a temporary
//! folder. Knows what the races came to, not how they are run.

use crate::cli::Races;
use crate::fail::{Fail, Outcome, io};
use crate::out::out;
use florin_sim::RacesReport;
use std::io::IsTerminal;
use std::time::Instant;

pub fn run(args: &Races, json: bool) -> Outcome {
    let folder = std::env::temp_dir().join(format!("florin-races-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|e| io("make the folder", &folder, &e))?;
    let options =
        florin_sim::Races { races: args.races, racers: args.racers, keys: args.keys, key_racers: args.key_racers };
    let all = u64::from(args.races) + u64::from(args.keys);
    let bar = (!json && std::io::stderr().is_terminal()).then(|| super::progress_bar(all, "races"));
    let began = Instant::now();
    let run = florin_sim::races(options, &folder, &|done, _| {
        if let Some(bar) = &bar {
            bar.set_position(done);
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    // What is left of a folder in a temporary place harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    let report = run.map_err(|why| Fail::new("store_error", why.0))?;
    if json {
        out!("{}", serde_json::json!(report));
    } else {
        print(&report, began.elapsed().as_secs_f64());
    }
    Ok(u8::from(!report.proved))
}

fn print(report: &RacesReport, seconds: f64) {
    let RacesReport { races, racers, requests, captures, refunds, voids, .. } = report;
    out!(
        "{races} races of {racers} requests over one payment each, {requests} requests with retries, in {seconds:.1} s in all"
    );
    out!("  {captures} captures, {refunds} refunds, {voids} cancellations were done");
    let RacesReport { keys, key_racers, key_requests, executions, .. } = report;
    out!("{keys} idempotency keys, {key_racers} requests at the same moment under each, {key_requests} with retries");
    out!("  {executions} were carried out");
    report.differences.iter().for_each(|difference| out!("Differs: {difference}"));
    match report.differences.len() {
        0 => out!(
            "Nothing was captured, given back or given up too much; each key was carried out once and answered alike."
        ),
        n => out!("{n} differences."),
    }
}

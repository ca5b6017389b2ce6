//! `florin prove`: many simulated histories, each compared with the issuer's books.

mod cards;
mod crash;
mod hooks;
mod memory;
mod races;
mod scan;

use crate::cli::{Prove, ProveWhat};
use crate::fail::Outcome;
use crate::out::out;
use florin_sim::{Progress, ProveReport};
use std::io::IsTerminal;
use std::time::Instant;

pub fn run(args: &Prove, json: bool) -> Outcome {
    match &args.what {
        Some(ProveWhat::Memory { cards }) => return memory::run(*cards, json),
        Some(ProveWhat::Crash(crash)) => return crash::run(crash, json),
        Some(ProveWhat::Races(args)) => return races::run(args, json),
        None => {}
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from);
    let options = florin_sim::Prove { threads, ..florin_sim::Prove::new(args.seeds, args.from) };
    let bar = (!json && std::io::stderr().is_terminal()).then(|| progress_bar(args.seeds, "seeds"));
    let started = Instant::now();
    let report = florin_sim::prove(options, &|progress: Progress| {
        if let Some(bar) = &bar {
            bar.set_position(progress.seeds_done);
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if json {
        out!("{}", serde_json::json!(report));
    } else {
        print(&report, started.elapsed().as_secs_f64());
    }
    Ok(u8::from(!report.proved))
}

fn progress_bar(all: u64, of: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(all);
    let template = format!("{{bar:40}} {{pos}}/{{len}} {of}, {{per_sec}}, {{eta}} left");
    let style = indicatif::ProgressStyle::with_template(&template);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn print(report: &ProveReport, seconds: f64) {
    out!(
        "{} histories, {} payments in {seconds:.1} s ({:.0} histories a second)",
        report.seeds,
        report.payments,
        report.seeds as f64 / seconds.max(0.001)
    );
    out!("Faults injected:");
    for (kind, count) in &report.faults {
        out!("  {kind:<24} {count:>10}");
    }
    let taken: u64 = report.branches.values().sum();
    out!("Rare branches taken: {taken} times, {} kinds.", report.branches.len());
    out!("Kinds of steps seen: {}.", report.steps.len());
    let d = report.disasters;
    out!(
        "Backups restored: {}. Of {} messages sent after them, {} were booked again and {} reversed; the comparison died {} times.",
        d.restores,
        d.lost,
        d.taken_up,
        d.orphans,
        d.deaths
    );
    for failure in &report.failures {
        out!(
            "\nSeed {} broke a promise: {}: {}\nReplay: {}\n",
            failure.seed,
            failure.promise,
            failure.detail,
            failure.replay
        );
        failure.story.iter().for_each(|line| out!("  {line}"));
    }
    for kind in &report.missing_faults {
        out!("Never injected: {kind}");
    }
    for branch in &report.missing_branches {
        out!("Never taken: the rare branch {branch}");
    }
    for step in &report.missing_steps {
        out!("Never taken: {step}");
    }
    match report.failures.len() {
        0 => {
            out!("Our books and the issuer's: 0 differences. No double charge, nothing lost, every attempt ended.")
        }
        n => out!("{n} histories broke a promise."),
    }
}

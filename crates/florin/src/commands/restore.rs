//! `florin restore`: opens an installation that came back from a backup. The gateway compares; this asks it and shows what it did.

use super::system::System;
use crate::cli::{Common, RestoreAsk};
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::gateway::ops::Ask;
use crate::gateway::restore::Reconcile;
use crate::out::out;
use crate::process::block_on;
use crate::process::supervise::Log;
use serde_json::Value;
use std::io::IsTerminal;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Findings that are printed; `--json` has all.
const MOST_PRINTED: usize = 100;

pub fn run(common: &Common, asked: &RestoreAsk) -> Outcome {
    match asked {
        RestoreAsk::Reconcile { dry_run, accept, margin } => {
            let (dry_run, accept, margin_seconds) = (*dry_run, *accept, margin.saturating_mul(60));
            let answer = reconcile(common, Reconcile { dry_run, accept, margin_seconds })?;
            show(&answer, common.json);
            Ok(u8::from(answer["status"] == "fenced" || (dry_run && answer["breaks"].as_u64() != Some(0))))
        }
        RestoreAsk::Release { without_comparing } => {
            if !without_comparing {
                return Err(Fail::usage(
                    "not_compared",
                    "--without-comparing",
                    "what was paid after the backup would stay with the acquirer and in no book of ours. Run `florin restore reconcile`; where the acquirer gives no journal, compare by hand and say --without-comparing.",
                ));
            }
            let answer = super::manage::ask(common, Ask::Release)?;
            show(&answer, common.json);
            Ok(0)
        }
        RestoreAsk::Orphans { limit } => {
            let answer = super::manage::ask(common, Ask::Orphans { limit: *limit })?;
            if common.json {
                out!("{answer}");
                return Ok(0);
            }
            let data = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
            if data.is_empty() {
                out!("No payment was found at the acquirer alone.");
            }
            for o in data {
                out!("RRN {}  {}  {}", text(o, "rrn"), money(o), text(o, "status"));
            }
            Ok(0)
        }
    }
}

/// Asks, and looks on over a second connection.
fn reconcile(common: &Common, asked: Reconcile) -> Result<Value, Fail> {
    let config = Config::load(common)?;
    block_on(async {
        let system = System::demo(&config, Log::File).await?;
        let bar = bar(common.json);
        let answer = async {
            let (mut gateway, mut beside) = (system.gateway().await?, system.gateway().await?);
            let question = Ask::Reconcile(asked);
            let answer = gateway.ask(&question);
            let looking = async {
                loop {
                    tokio::time::sleep(LOOK_EVERY).await;
                    let Some(bar) = &bar else { continue };
                    if let Ok(told) = beside.ask(&Ask::ReconcileProgress).await {
                        bar.set_length(told["of"].as_u64().unwrap_or(0));
                        bar.set_position(told["done"].as_u64().unwrap_or(0));
                    }
                }
            };
            tokio::select! {
                answer = answer => answer,
                () = looking => unreachable!("looking never ends"),
            }
        };
        let answer = answer.await;
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        system.stop().await;
        answer
    })
}

fn bar(json: bool) -> Option<indicatif::ProgressBar> {
    if json || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = indicatif::ProgressBar::new(0);
    if let Ok(style) = indicatif::ProgressStyle::with_template("comparing {bar:40} {pos}/{len} messages, {eta} left") {
        bar.set_style(style);
    }
    Some(bar)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}

fn money(value: &Value) -> String {
    let currency = value["currency"].as_str().and_then(florin_core::money::Currency::parse);
    match (currency, value["amount"].as_i64()) {
        (Some(currency), Some(minor)) => florin_core::money::Money::new(minor, currency).to_string(),
        _ => "-".to_owned(),
    }
}

fn show(answer: &Value, json: bool) {
    if json {
        out!("{answer}");
        return;
    }
    if answer["status"] == "not_fenced" {
        out!("This installation is open: there is nothing to compare.");
        return;
    }
    let findings = answer["findings"].as_array().map_or(&[][..], Vec::as_slice);
    for f in findings.iter().take(MOST_PRINTED) {
        let at = florin_core::time::Time(f["at"].as_i64().unwrap_or(0).saturating_mul(1_000)).civil();
        let at =
            format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", at.year, at.month, at.day, at.hour, at.minute, at.second);
        out!("{at}  RRN {}  {:<13} {:>14}  {}", text(f, "rrn"), text(f, "what"), money(f), text(f, "done"));
    }
    if findings.len() > MOST_PRINTED {
        out!("… and {} more: --json has them.", findings.len() - MOST_PRINTED);
    }
    if let Some(counts) = answer["counts"].as_object() {
        let counts: Vec<String> = counts.iter().map(|(done, n)| format!("{n} {done}")).collect();
        out!("{} messages of the acquirer's journal: {}", answer["messages"], counts.join(", "));
    }
    match text(answer, "status") {
        "open" => out!("Open: payments are taken again."),
        "dry_run" => out!("Nothing was done. Without --dry-run it is, and payments are taken again."),
        _ => out!(
            "Still closed: {} differences that a person must look at, {} messages that the acquirer has not answered. Run it again when the acquirer answers, or with --accept when you have seen the differences.",
            answer["breaks"],
            answer["unsettled"]
        ),
    }
}

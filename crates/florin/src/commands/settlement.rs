//! `florin settlement`: one question to the gateway about the acquirer's reports, its answer printed.

use super::manage::ask;
use crate::cli::{Common, SettlementAsk};
use crate::fail::Outcome;
use crate::gateway::ops::Ask;
use crate::out::out;
use serde_json::Value;

pub fn run(common: &Common, asked: &SettlementAsk) -> Outcome {
    let question = match asked {
        SettlementAsk::Reports { limit } => Ask::SettlementReports { limit: *limit },
        SettlementAsk::Breaks { all, limit } => Ask::SettlementBreaks { limit: *limit, all: *all },
        SettlementAsk::Pull => Ask::SettlementPull,
    };
    let answer = ask(common, question)?;
    if common.json {
        out!("{answer}");
        return Ok(0);
    }
    match asked {
        SettlementAsk::Reports { .. } => rows(&answer, "No report was applied yet.", &report),
        SettlementAsk::Breaks { .. } => rows(&answer, "The reports and our books agree.", &broken),
        SettlementAsk::Pull => out!(
            "Applied up to report {} of {}: {} lines, {} movements settled, {} breaks changed.",
            answer["through"],
            answer["newest"],
            answer["lines"],
            answer["settled"],
            answer["breaks"]
        ),
    }
    Ok(0)
}

fn rows(answer: &Value, none: &str, shown: &dyn Fn(&Value) -> String) {
    let data = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
    if data.is_empty() {
        out!("{none}");
    }
    data.iter().for_each(|row| out!("{}", shown(row)));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn report(row: &Value) -> String {
    let totals = row["totals"].as_array().map_or(&[][..], Vec::as_slice);
    let sum = |t: &Value| format!("{} {} ({} kept)", t["amount"], text(&t["currency"]), t["costs"]);
    let sums: Vec<String> = totals.iter().map(sum).collect();
    format!(
        "report {:<6} {:<13} {} of {} lines settled  {}",
        row["report"],
        text(&row["status"]),
        row["settled"],
        row["lines"],
        sums.join(", ")
    )
}

fn broken(row: &Value) -> String {
    let money = |m: &Value| format!("{} {}", m["amount"], text(&m["currency"]));
    let expected = if row["expected"].is_null() { "nothing".to_owned() } else { money(&row["expected"]) };
    let lines = row["lines"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |l: &Value| format!("{} {} in report {}", text(&l["kind"]), money(l), l["report"]);
    let lines: Vec<String> = lines.iter().map(line).collect();
    let told = if lines.is_empty() { "nothing".to_owned() } else { lines.join(", ") };
    format!(
        "{:<20} {:<9} RRN {}  expected {expected}, reported {told}",
        text(&row["reason"]),
        text(&row["status"]),
        text(&row["rrn"])
    )
}

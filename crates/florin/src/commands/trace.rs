//! A payment's journey: every hop as the process that did it reported it, then the ledger.

use super::manage;
use super::system::System;
use crate::cli::Common;
use crate::config::Config;
use crate::desktop;
use crate::fail::{Fail, Outcome};
use crate::gateway::client::Gateway;
use crate::gateway::ops::Ask;
use crate::out::out;
use crate::process::block_on;
use crate::process::supervise::Log;
use florin_connect::journey::Hop;
use serde_json::{Value, json};

pub fn run(common: &Common, id: &str, link: bool, open: bool) -> Outcome {
    manage::check_id(id)?;
    if link || open {
        return show(common, id, open);
    }
    let config = Config::load(common)?;
    let shown = block_on(async {
        let system = System::demo(&config, Log::File).await?;
        let result = match system.gateway().await {
            Ok(mut gateway) => gather(&system, &mut gateway, id).await,
            Err(fail) => Err(fail),
        };
        system.stop().await;
        result
    })?;
    if common.json {
        out!("{shown}");
    } else {
        print(&shown);
        out!("\n{}", manage::line(&shown["story"]["payment"]));
    }
    Ok(0)
}

/// A link to the journey in a browser, which needs a running dashboard.
fn show(common: &Common, id: &str, open: bool) -> Outcome {
    let made = manage::ask(common, Ask::Link { id: id.to_owned() })?;
    let Some(url) = made["url"].as_str() else {
        return Err(Fail::new(
            "no_dashboard",
            "no dashboard runs on this data folder. Start one: florin demo (or set dashboard.address for florin serve)",
        ));
    };
    if common.json {
        out!("{made}");
    } else {
        out!("{url}");
    }
    if open {
        desktop::browse(url)?;
    }
    Ok(0)
}

/// Asks gateway, vault and sandbox for their parts. A part that cannot be had is named, not hidden.
pub async fn gather(system: &System, gateway: &mut Gateway, id: &str) -> Result<Value, Fail> {
    let story = gateway.ask(&Ask::Story { id: id.to_owned() }).await?;
    let rrns: Vec<String> =
        story["rrns"].as_array().into_iter().flatten().filter_map(|r| r.as_str()).map(str::to_owned).collect();
    let mut missing = Vec::new();
    let mut hops: Vec<Hop> = match system.vault().await.hops(&rrns).await {
        Ok(hops) => hops,
        Err(_) => {
            missing.push("vault");
            vec![]
        }
    };
    if let Some(sandbox) = &system.sandbox {
        let client = sandbox.control()?;
        for rrn in &rrns {
            match client.journal(rrn).await {
                Ok(found) => hops.extend(found),
                Err(_) => missing.push("sandbox"),
            }
        }
    }
    missing.dedup();
    hops.sort_by_key(|h| h.at_us);
    Ok(json!({ "id": id, "story": story, "hops": hops, "missing": missing }))
}

/// One thing that happened, at its time.
struct Moment<'a> {
    at_us: i64,
    what: What<'a>,
}

enum What<'a> {
    Step(&'a Value),
    Hop(&'a Value),
}

/// Steps are known to the millisecond, hops to the microsecond. What was durable before a message left is shown before it, what came of
/// an answer after it.
fn moment_of_step(step: &Value) -> i64 {
    let us = step["at_ms"].as_i64().unwrap_or(0) * 1000;
    if step["before_wire"] == true { us } else { us + 999 }
}

pub fn print(shown: &Value) {
    let steps =
        array(&shown["story"]["steps"]).iter().map(|s| Moment { at_us: moment_of_step(s), what: What::Step(s) });
    let hops =
        array(&shown["hops"]).iter().map(|h| Moment { at_us: h["at_us"].as_i64().unwrap_or(0), what: What::Hop(h) });
    let mut moments: Vec<Moment<'_>> = steps.chain(hops).collect();
    moments.sort_by_key(|m| m.at_us);
    let Some(start) = moments.first().map(|m| m.at_us) else { return };
    let mut last = Value::Null;
    for moment in &moments {
        let at = (moment.at_us - start).max(0);
        let at = format!("+{}.{:03} ms", at / 1000, at % 1000);
        match moment.what {
            What::Step(step) => print_step(&at, step),
            What::Hop(hop) => {
                print_hop(&at, hop, &last);
                last = hop.clone();
            }
        }
    }
    print_ledger(&shown["story"]);
    for part in array(&shown["missing"]) {
        out!("\n(no answer from the {}: its hops are missing here)", part.as_str().unwrap_or("?"));
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn print_step(at: &str, step: &Value) {
    let text = |key: &str| step[key].as_str().unwrap_or("");
    out!("{at:>16}  {:<10} durable: {} (version {})", "gateway", text("says"), step["version"]);
    if !text("attempt").is_empty() {
        out!("{:>28}{}", "", text("attempt"));
    }
}

/// A message that goes on as it came is decoded once; after that only what differs.
fn print_hop(at: &str, hop: &Value, last: &Value) {
    let text = |key: &str| hop[key].as_str().unwrap_or("");
    out!("{at:>16}  {:<10} {} → {}   {}", text("by"), text("from"), text("to"), text("title"));
    let same_message = last["title"] == hop["title"];
    let before = if same_message { array(&last["fields"]) } else { &[] };
    let new: Vec<&Value> = array(&hop["fields"]).iter().filter(|f| !before.contains(f)).collect();
    if same_message && new.is_empty() && !before.is_empty() {
        out!("{:>28}the same fields", "");
    }
    for field in new {
        let (name, value) = (field["name"].as_str().unwrap_or(""), field["value"].as_str().unwrap_or(""));
        out!("{:>28}DE {:>3}  {name:<32} {value}", "", field["de"].as_u64().unwrap_or(0));
    }
    if !text("note").is_empty() {
        out!("{:>28}{}", "", text("note"));
    }
}

fn print_ledger(story: &Value) {
    let transfers = array(&story["transfers"]);
    out!("\nLedger");
    if transfers.is_empty() {
        out!("  nothing moved");
    }
    for t in transfers {
        let text = |key: &str| t[key].as_str().unwrap_or("");
        out!(
            "  {:<16} debit {:<17} credit {:<17} {:>14}",
            text("reason"),
            text("debit"),
            text("credit"),
            text("shown")
        );
    }
    let events = array(&story["events"]).iter();
    let events: Vec<String> =
        events.map(|e| format!("{} {}", e["sequence"], e["type"].as_str().unwrap_or(""))).collect();
    if !events.is_empty() {
        out!("Events\n  {}", events.join("\n  "));
    }
}

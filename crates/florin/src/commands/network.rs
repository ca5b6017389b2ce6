//! `florin network`: the banks alone, or questions to running ones.

use super::system::{SandboxFacts, home_of, read_json, sandbox_settings, try_lock, write_json};
use crate::cli::{Ask, Common, Network};
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::out::out;
use crate::pki;
use crate::process::supervise::{Log, Part, Why};
use crate::process::{asked_to_stop, block_on};
use florin_sandbox::{BooksFilter, ControlClient, Rule};
use serde_json::{Value, json};

pub fn run(common: &Common, args: &Network) -> Outcome {
    let mut config = Config::load(common)?;
    if let Some(ask) = &args.ask {
        return question(&config, ask, common.json);
    }
    if let Some(port) = args.port {
        config.set("network.port", port.to_string());
    }
    if let Some(port) = args.control_port {
        config.set("network.control_port", port.to_string());
    }
    if args.magic_amounts {
        config.set("network.magic_amounts", "true".to_owned());
    }
    block_on(alone(&config, args.plain_port, common.json))?;
    Ok(0)
}

async fn alone(config: &Config, plain_port: Option<u16>, as_json: bool) -> Result<(), Fail> {
    let home = home_of(config)?;
    let Some(_lock) = try_lock(&home.root.join("run/network.lock"))? else {
        let folder = home.root.display();
        return Err(Fail::new(
            "already_running",
            format!("a sandbox runs on {folder} already. Choose another folder with --data."),
        ));
    };
    pki::ensure(&home)?;
    let mut settings = sandbox_settings(config, &home, config.port("network.port")?)?;
    settings.plain_port = plain_port;
    let mut part = Part::start(&home, "sandbox", &settings, Log::Terminal).await?;
    part.pin(&SandboxFacts(part.ready.clone()).ports());
    let ready = home.root.join("run/network.json");
    write_json(&ready, &part.ready)?;
    if as_json {
        let mut facts = part.ready.clone();
        facts["ready"] = json!(true);
        facts["network_control"] = json!(SandboxFacts(part.ready.clone()).control_url());
        out!("{facts}");
    } else {
        print(&part.ready);
    }
    let told = |part: &Part, _: Why| {
        if let Err(fail) = write_json(&ready, &part.ready) {
            fail.print(as_json);
        }
        match as_json {
            true => out!("{}", json!({ "restarted": part.role, "pid": part.pid() })),
            false => out!("The banks died and were started anew (pid {})", part.pid().unwrap_or(0)),
        }
    };
    tokio::select! {
        () = part.keep(told) => {}
        () = asked_to_stop(false) => {}
    }
    part.stop().await;
    let _ = std::fs::remove_file(&ready);
    Ok(())
}

fn print(facts: &Value) {
    let text = |key: &str| facts[key].as_str().unwrap_or("-").to_owned();
    out!("The banks run.");
    out!("  acquirer     {} (ISO 8583 over mutual TLS; see ARCHITECTURE.md for the dialect)", text("acquirer"));
    if !facts["plain"].is_null() {
        out!("  without TLS  {} (loopback only)", text("plain"));
    }
    out!(
        "  CA           {}\n  client cert  {}\n  client key   {}",
        text("ca"),
        text("client_cert"),
        text("client_key")
    );
    let control = SandboxFacts(facts.clone()).control_url().unwrap_or_default();
    out!(
        "  reports      https://{} (settlement reports, with the client cert)",
        text("reports").replace("127.0.0.1", "localhost")
    );
    out!("  control      {control} (bearer token in {})", text("token_file"));
    out!(
        "Ask it: florin network summary · florin network books --rrn RRN · florin network misbehave lost\nStop with Ctrl-C."
    );
}

/// The running sandbox of this data folder: alone, or a demo's.
fn running(config: &Config) -> Result<ControlClient, Fail> {
    let home = home_of(config)?;
    let alone = home.root.join("run/network.json");
    if try_lock(&home.root.join("run/network.lock"))?.is_some() {
        return Err(Fail::new(
            "no_sandbox",
            "no sandbox runs on this data folder. Start one: florin demo, or florin network",
        ));
    }
    if alone.exists() {
        return SandboxFacts(read_json(&alone)?).control();
    }
    let mut facts = read_json(&home.ready())?;
    SandboxFacts(facts["sandbox"].take()).control()
}

fn question(config: &Config, ask: &Ask, as_json: bool) -> Outcome {
    let rule = match ask {
        Ask::Misbehave { kind, count, mti } if kind != "off" => Some(rule(kind, *count, mti.clone())?),
        _ => None,
    };
    let client = running(config)?;
    let answer = block_on(async {
        let asked = match ask {
            Ask::Books(find) => {
                let filter = BooksFilter {
                    rrn: find.rrn.clone(),
                    stan: find.stan.clone(),
                    de7: find.de7.clone(),
                    terminal: find.terminal.clone(),
                    after: None,
                };
                client.books(&filter).await.map(|a| json!(a))
            }
            Ask::Journal { rrn } => client.journal(rrn).await.map(|hops| json!(hops)),
            Ask::Summary => client.summary().await.map(|s| json!(s)),
            Ask::CloseDay => client.close_day().await.map(|t| json!(t)),
            Ask::Misbehave { .. } => match &rule {
                Some(rule) => client.misbehave(rule).await.map(|()| json!({ "misbehaves": rule })),
                None => client.behave().await.map(|()| json!({ "misbehaves": null })),
            },
        };
        asked.map_err(|e| Fail::new("sandbox_error", e.to_string()))
    })?;
    if as_json {
        out!("{answer}");
    } else {
        out!("{}", serde_json::to_string_pretty(&answer).unwrap_or_default());
    }
    Ok(0)
}

/// Kinds that take a time, the setting that says it, and what it is unless the rule says otherwise (milliseconds).
const DELAYS: [(&str, &str, u32); 6] = [
    ("late", "ms", 20_000),
    ("doubled", "ms", 200),
    ("slow", "ms_per_byte", 15),
    ("reorder", "ms", 1_500),
    ("down", "ms", 10_000),
    ("issuer_down", "ms", 10_000),
];

/// A rule from the command line; kinds with settings of their own are written as JSON.
fn rule(kind: &str, count: u32, mti: Option<String>) -> Result<Rule, Fail> {
    let mut spelled: Value = if kind.starts_with('{') {
        serde_json::from_str(kind).map_err(|e| Fail::usage("invalid_rule", "kind", format!("not JSON: {e}")))?
    } else {
        let kind = kind.replace('-', "_");
        match kind.strip_prefix("report_") {
            Some(how) => json!({ "what": "report", "how": how }),
            None => json!({ "what": kind }),
        }
    };
    let what = spelled["what"].as_str().unwrap_or_default().to_owned();
    if let Some((_, name, ms)) = DELAYS.iter().find(|(kind, _, _)| *kind == what)
        && spelled.get(name).is_none()
    {
        spelled[*name] = json!(ms);
    }
    if spelled["how"] == "delayed" && spelled.get("ms").is_none() {
        spelled["ms"] = json!(60_000);
    }
    if spelled.get("next").is_none() && !matches!(what.as_str(), "down" | "issuer_down") {
        spelled["next"] = json!(count);
    }
    if let Some(mti) = mti {
        spelled["mti"] = json!(mti);
    }
    serde_json::from_value(spelled)
        .map_err(|e| Fail::usage("invalid_rule", "kind", format!("no such misbehaviour: {e}")))
}

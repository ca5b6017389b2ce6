//! `florin doctor`: looks at the machine, the settings and the data, and says what to do.

use super::backup::state;
use super::key_checks;
use super::manage::ask;
use super::system::{kek, read_json, try_lock};
use crate::certificates;
use crate::cli::Common;
use crate::config::{Config, SETTINGS};
use crate::fail::Outcome;
use crate::gateway::manage::Manage;
use crate::gateway::ops::Ask;
use crate::home::{Home, kek_file, read_key};
use crate::out::out;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub struct Finding {
    pub name: &'static str,
    pub ok: bool,
    pub says: String,
}

pub fn run(common: &Common) -> Outcome {
    let config = Config::load(common)?;
    let mut findings = vec![settings()];
    findings.push(sqlite());
    let path = config.path("data").unwrap_or_else(|| PathBuf::from("./florin-data"));
    findings.push(space(&path));
    match path.exists() {
        false => findings.push(Finding {
            name: "data",
            ok: true,
            says: format!("{} does not exist yet; the first command makes it", path.display()),
        }),
        true => data(common, &config, &path, &mut findings),
    }
    let ok = findings.iter().all(|f| f.ok);
    print(&config, &findings, ok, common.json);
    Ok(u8::from(!ok))
}

/// A typing mistake in a variable would otherwise be a default that nobody chose.
fn settings() -> Finding {
    let known = |name: &str| SETTINGS.iter().any(|(key, _, _)| crate::config::variable(key) == name);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown: Vec<String> = names.filter(|n| n.starts_with("FLORIN_") && !known(n)).collect();
    let says = match unknown.is_empty() {
        true => "every setting is known".to_owned(),
        false => format!("no setting has the name of these variables: {}", unknown.join(", ")),
    };
    Finding { name: "settings", ok: unknown.is_empty(), says }
}

fn sqlite() -> Finding {
    let version = florin_store::sqlite_version();
    Finding { name: "sqlite", ok: true, says: format!("{version}, bundled") }
}

fn space(path: &Path) -> Finding {
    let existing = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    match rustix::fs::statvfs(existing) {
        Ok(fs) => {
            let free = fs.f_bavail.saturating_mul(fs.f_frsize) / (1 << 20);
            let ok = free >= 256;
            let hint = if ok { "" } else { ": free some, Florin refuses to start a payment that it cannot write" };
            Finding { name: "disk", ok, says: format!("{free} MiB free{hint}") }
        }
        Err(e) => Finding { name: "disk", ok: false, says: format!("cannot look at {}: {e}", existing.display()) },
    }
}

fn data(common: &Common, config: &Config, path: &Path, findings: &mut Vec<Finding>) {
    let home = match Home::open(path) {
        Ok(home) => home,
        Err(fail) => return findings.push(Finding { name: "data", ok: false, says: fail.message }),
    };
    findings.push(Finding { name: "data", ok: true, says: format!("{} is for this user alone", home.root.display()) });
    let keys = [
        ("vault key", kek_file(&kek(config, &home)).err()),
        ("gateway key", read_key::<32>(&home.gateway_root()).err()),
        ("id key", read_key::<16>(&home.ids()).err()),
    ];
    for (name, problem) in keys {
        let first = !home.database().exists() && problem.as_ref().is_some_and(|f| f.code == "key_missing");
        let says = match &problem {
            None => "there, readable by this user alone".to_owned(),
            Some(_) if first => "not made yet".to_owned(),
            Some(fail) => fail.message.clone(),
        };
        findings.push(Finding { name, ok: problem.is_none() || first, says });
    }
    findings.extend(key_checks::all(config, &home));
    let (ok, says) = match state::finding(config, &home) {
        Ok(says) => (true, says),
        Err(says) => (false, says),
    };
    findings.push(Finding { name: "backups", ok, says });
    findings.push(ending("certificates", certificates::warnings(config, &home).unwrap_or_default()));
    let running = matches!(try_lock(&home.lock()), Ok(None));
    let says = match (running, read_json(&home.ready())) {
        (true, Ok(facts)) => format!("runs: {}", facts["processes"]),
        (true, Err(_)) => "is starting".to_owned(),
        (false, _) => "nothing runs on this folder now".to_owned(),
    };
    findings.push(Finding { name: "processes", ok: true, says });
    if running {
        findings.push(ending("API keys", keys_ending(common)));
    }
    let fenced = home.fence().exists();
    let says = match fenced {
        true => "came back from a backup and takes no payments yet: florin restore reconcile",
        false => "open",
    };
    findings.push(Finding { name: "fence", ok: !fenced, says: says.to_owned() });
}

/// What ends soon, if anything does.
fn ending(name: &'static str, says: Vec<String>) -> Finding {
    let ok = says.is_empty();
    Finding { name, ok, says: if ok { "none ends soon".to_owned() } else { says.join("; ") } }
}

/// Keys that end soon, as the running gateway tells.
fn keys_ending(common: &Common) -> Vec<String> {
    // What does not answer is no finding of its own: the processes say what runs.
    let Ok(answer) = ask(common, Ask::Manage(Manage::Expiring)) else { return vec![] };
    let text = |key: &Value, name: &str| key[name].as_str().unwrap_or("").to_owned();
    let all = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |key: &Value| {
        let (shown, account, days) = (text(key, "redacted"), text(key, "account"), key["ends_in_days"].as_i64());
        format!("{shown} of {account} ends in {} days: florin keys roll {}", days.unwrap_or(0), text(key, "id"))
    };
    all.iter().map(line).collect()
}

fn print(config: &Config, findings: &[Finding], ok: bool, as_json: bool) {
    if as_json {
        let settings: Vec<Value> =
            config.all().map(|(k, s)| json!({ "key": k, "value": s.value, "source": s.source })).collect();
        let checks: Vec<Value> =
            findings.iter().map(|f| json!({ "name": f.name, "ok": f.ok, "says": f.says })).collect();
        out!("{}", json!({ "ok": ok, "checks": checks, "settings": settings }));
        return;
    }
    for f in findings {
        out!("{} {:<12} {}", if f.ok { "ok   " } else { "WRONG" }, f.name, f.says);
    }
    out!("\nSettings");
    for (key, setting) in config.all() {
        let what = SETTINGS.iter().find(|(k, _, _)| *k == key).map_or("", |(_, _, what)| what);
        let value = if setting.value.is_empty() { "-" } else { &setting.value };
        out!("  {key:<22} {value:<20} from {:<14} {what}", setting.source);
    }
}

//! `florin audit`: the log of a running system through its gateway, or of a data folder on which nothing runs.

use super::account_keys::ask_any;
use super::system::{home_of, try_lock};
use crate::cli::{Audit, Common};
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::gateway::audit::{AuditAsk, AuditSettings, Book, checked};
use crate::gateway::ops::Ask;
use crate::home::{Home, read_key, write_new};
use crate::named::Named;
use crate::out::out;
use crate::process::block_on;
use florin_core::audit::note::Verifier;
use florin_core::audit::{Action, Outcome as LogOutcome, proof};
use florin_core::id::IdCodec;
use florin_core::seal::Secret;
use florin_store::{Options, SqliteStore};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub fn run(common: &Common, asked: &Audit) -> Outcome {
    match asked {
        Audit::List { limit, before, action, actor } => {
            let (action, actor) = (action.clone(), actor.clone());
            let told = ask(common, AuditAsk::List { before: *before, limit: *limit, action, actor })?;
            let data = told["data"].as_array().cloned().unwrap_or_default();
            if !common.json && data.is_empty() {
                out!("No entries.");
            }
            show(common, &told, &mut data.iter().map(line));
            Ok(0)
        }
        Audit::Show { number } => {
            let told = ask(common, AuditAsk::Show { number: *number })?;
            show(common, &told, &mut [serde_json::to_string_pretty(&told).unwrap_or_default()].into_iter());
            Ok(0)
        }
        Audit::Verify { files } => verify(common, files),
        Audit::Prove { number, to } => prove(common, *number, to.as_deref()),
        Audit::CheckProof { file, key } => check_proof(common, file, key),
        Audit::Checkpoint => {
            let told = ask(common, AuditAsk::Checkpoint)?;
            show(common, &told, &mut [text(&told, "checkpoint").trim_end().to_owned()].into_iter());
            Ok(0)
        }
        Audit::Key => {
            let told = ask(common, AuditAsk::Key)?;
            show(common, &told, &mut [text(&told, "key")].into_iter());
            Ok(0)
        }
    }
}

fn show(common: &Common, told: &Value, lines: &mut dyn Iterator<Item = String>) {
    match common.json {
        true => out!("{told}"),
        false => lines.for_each(|line| out!("{line}")),
    }
}

fn text(told: &Value, name: &str) -> String {
    told[name].as_str().unwrap_or_default().to_owned()
}

/// One line on an entry.
fn line(entry: &Value) -> String {
    let at = OffsetDateTime::from_unix_timestamp(entry["created"].as_i64().unwrap_or(0)).ok();
    let at = at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
    let more = ["actor_id", "account", "subject", "detail"].map(|name| text(entry, name));
    let more: Vec<String> = more.into_iter().filter(|text| !text.is_empty()).collect();
    let (action, outcome, actor) = (text(entry, "action"), text(entry, "outcome"), text(entry, "actor"));
    let number = entry["number"].as_u64().unwrap_or(0);
    format!("{number:>6}  {at}  {action:<24} {outcome:<8} {actor:<8} {}", more.join("  ")).trim_end().to_owned()
}

fn verify(common: &Common, files: &[PathBuf]) -> Outcome {
    let absolute = |file: &PathBuf| file.canonicalize().map_err(|e| io("read the checkpoints", file, &e));
    let files = files.iter().map(absolute).collect::<Result<Vec<_>, Fail>>()?;
    let told = ask(common, AuditAsk::Verify { files })?;
    let ok = told["ok"].as_bool() == Some(true);
    let number = |name: &str| told[name].as_u64().unwrap_or(0);
    if common.json {
        out!("{told}");
    } else if ok {
        let (entries, checkpoints) = (number("entries"), number("checkpoints"));
        out!("{entries} entries are as they were written, and {checkpoints} checkpoints hold.");
        if checkpoints == 0 {
            out!("Nothing but the log itself speaks for it: no checkpoint was given that it could be compared with.");
        }
    } else {
        told["problems"].as_array().into_iter().flatten().filter_map(Value::as_str).for_each(|p| out!("{p}"));
    }
    Ok(u8::from(!ok))
}

fn prove(common: &Common, number: u64, to: Option<&Path>) -> Outcome {
    let told = ask(common, AuditAsk::Prove { number })?;
    let proof = text(&told, "proof");
    match to {
        Some(file) => {
            write_new(file, proof.as_bytes())?;
            let told = serde_json::json!({ "number": number, "file": file });
            let line = format!("The proof of entry {number} is in {}.", file.display());
            show(common, &told, &mut [line].into_iter());
        }
        None => show(common, &told, &mut [proof.trim_end().to_owned()].into_iter()),
    }
    Ok(0)
}

fn check_proof(common: &Common, file: &Path, key: &str) -> Outcome {
    let given = Path::new(key);
    let key = if given.is_file() { limited(given)? } else { key.to_owned() };
    let bad =
        || Fail::usage("invalid_key", "--key", "a key as `florin audit key` prints it, or a file with it.".to_owned());
    let key = Verifier::parse(&key).ok_or_else(bad)?;
    match proof::check(&limited(file)?, &key) {
        Ok((recorded, checkpoint)) => {
            let told = checked(&recorded, &checkpoint);
            let (number, size) = (recorded.number, checkpoint.size);
            let words = (recorded.action.as_str(), recorded.actor.as_str(), recorded.outcome.as_str());
            let line = format!(
                "Entry {number} is in the log {} as it was signed over {size} entries: {} by {}, {}.",
                checkpoint.origin, words.0, words.1, words.2
            );
            show(common, &told, &mut [line].into_iter());
            Ok(0)
        }
        Err(bad) => {
            let told = serde_json::json!({ "ok": false, "problem": bad.as_str() });
            show(common, &told, &mut [format!("{} {}.", file.display(), bad.as_str())].into_iter());
            Ok(1)
        }
    }
}

fn limited(file: &Path) -> Result<String, Fail> {
    let mut text = String::new();
    let most = proof::LONGEST_PROOF_BYTES as u64 + 1;
    let read = std::fs::File::open(file).and_then(|f| f.take(most).read_to_string(&mut text));
    read.map_err(|e| io("read", file, &e))?;
    Ok(text)
}

/// Where this installation keeps its checkpoints, and under which name it signs them.
pub fn settings(config: &Config, home: &Home) -> Result<AuditSettings, Fail> {
    let given = |key: &str| Some(config.text(key).to_owned()).filter(|value| !value.is_empty());
    let number = |key: &str, most| config.number(key, 1, most).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    Ok(AuditSettings {
        origin: given("audit.origin"),
        every_minutes: number("audit.checkpoint_minutes", 10_080)?,
        entries: number("audit.checkpoint_entries", 1_000_000)?,
        file: config.path("audit.checkpoint_file").unwrap_or_else(|| home.checkpoints()),
        mail: given("audit.checkpoint_mail"),
    })
}

/// Tells the gateway that runs on the data folder, if one does, of something that a command does without it. An error where it runs and
/// cannot write it down: then the command does nothing.
pub async fn tell(home: &Home, action: Action, outcome: LogOutcome) -> Result<(), Fail> {
    if try_lock(&home.lock())?.is_some() {
        return Ok(());
    }
    let action = action.as_str().to_owned();
    ask_any(home, &Ask::Audit(AuditAsk::Tell { action, outcome })).await.map(|_| ())
}

fn ask(common: &Common, asked: AuditAsk) -> Result<Value, Fail> {
    let config = Config::load(common)?;
    let home = home_of(&config)?;
    let Some(_lock) = try_lock(&home.lock())? else {
        return block_on(ask_any(&home, &Ask::Audit(asked)));
    };
    if !home.database().exists() {
        return Err(Fail::new("no_data", "there is no database yet. Start Florin first: florin demo"));
    }
    let root = Secret::new(read_key::<32>(&home.gateway_root())?);
    let store = SqliteStore::open(&home.database(), Options::default(), root).map_err(|e| e.fail())?;
    let ids = IdCodec::new(&read_key::<16>(&home.ids())?);
    let book = Book::open(store.seed(), ids, settings(&config, &home)?)?;
    block_on(book.answer(&store, asked))
}

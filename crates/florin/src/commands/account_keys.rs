//! `florin keys rotate accounts|root`, and the gateway's part of `florin keys status`: keys of accounts, and what wraps them. Shows none.

use super::key_age;
use super::system::{home_of, read_json, try_lock};
use crate::cli::Common;
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::gateway::client::Gateway;
use crate::gateway::keys::KeysAsk;
use crate::gateway::ops::Ask;
use crate::home::{Home, make_key, next_root, read_key, settle_root};
use crate::out::out;
use crate::process::block_on;
use florin_core::seal::Secret;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So often a gateway that is being started anew is asked again: a minute.
const RESTART_LOOKS: u32 = 300;

/// Asks the gateway that runs on the data folder.
pub async fn ask(home: &Home, question: KeysAsk) -> Result<Value, Fail> {
    ask_any(home, &Ask::Keys(question)).await
}

/// The same through a restart of the gateway: what was begun goes on by itself, and this only looks.
async fn again(home: &Home, question: KeysAsk) -> Result<Value, Fail> {
    for _ in 0..RESTART_LOOKS {
        match ask(home, question.clone()).await {
            Err(fail) if fail.code == "gateway_down" || fail.code == "gateway_lost" => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            answer => return answer,
        }
    }
    ask(home, question).await
}

/// How the gateway that runs on the data folder is.
pub async fn ask_health(home: &Home) -> Result<Value, Fail> {
    ask_any(home, &Ask::Health).await
}

pub async fn ask_any(home: &Home, question: &Ask) -> Result<Value, Fail> {
    let runs = try_lock(&home.lock())?.is_none() && read_json(&home.ready()).is_ok();
    if !runs {
        let message = format!("nothing runs on {}. Start it: florin demo, or florin serve.", home.root.display());
        return Err(Fail::new("not_running", message));
    }
    let Some(mut gateway) = Gateway::connect(&home.socket("gateway.sock")?).await else {
        return Err(Fail::new("gateway_down", "the gateway does not answer: it is being started anew. Ask again."));
    };
    gateway.ask(question).await
}

/// Waits until every record is under the new key. Interrupted, the gateway goes on by itself.
pub fn rotate(common: &Common) -> Outcome {
    let config = Config::load(common)?;
    let (home, algorithm) = (home_of(&config)?, config.algorithm()?.name().to_owned());
    let status = block_on(async {
        let mut status = ask(&home, KeysAsk::Rotate { algorithm }).await?;
        let bar = if common.json { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {eta} to go") {
            bar.set_style(style);
        }
        while !status["resealing"].is_null() {
            bar.set_length(status["rows"].as_u64().unwrap_or(0));
            bar.set_position(status["rows_done"].as_u64().unwrap_or(0));
            tokio::time::sleep(LOOK_EVERY).await;
            status = again(&home, KeysAsk::Status { counted: false }).await?;
        }
        bar.finish_and_clear();
        ask(&home, KeysAsk::Status { counted: true }).await
    })?;
    show(common, &status);
    // Records that do not open keep the key that they were sealed under.
    Ok(u8::from(status["data_keys"].as_array().is_none_or(|keys| keys.len() != 1)))
}

/// Makes the root that follows beside the one that wraps, has the gateway wrap everything under it, then puts it in its place. A crash at
/// any point leaves both files, and the next start takes the one that fits; running this again finishes it.
pub fn rotate_root(common: &Common) -> Outcome {
    let home = home_of(&Config::load(common)?)?;
    let next = next_root(&home.gateway_root());
    if settle_root(&home)?.is_some() {
        eprintln!("florin: an earlier rotation is finished.");
    } else {
        if next.exists() {
            // It wraps nothing: the rotation that made it ended before the gateway took it.
            std::fs::remove_file(&next).map_err(|e| io("remove", &next, &e))?;
        }
        make_key(&next, 32)?;
        let asked = block_on(ask(&home, KeysAsk::RotateRoot));
        match (settle_root(&home)?, asked) {
            (Some(retired), _) => {
                eprintln!("florin: the key before is kept as {}: backups from before need it.", retired.display());
            }
            (None, Err(fail)) => return Err(fail),
            (None, Ok(_)) => {
                return Err(Fail::new("not_rotated", "the gateway took the key, but its database is not under it."));
            }
        }
    }
    let status = block_on(ask(&home, KeysAsk::Status { counted: false }))?;
    show(common, &status);
    Ok(0)
}

fn show(common: &Common, status: &Value) {
    if common.json {
        return out!("{status}");
    }
    print(status);
}

/// The keys of accounts, for people.
pub fn print(status: &Value) {
    let since =
        |ms: &Value| ms.as_i64().map_or_else(|| "an unknown time".to_owned(), |ms| super::own::moment(ms / 1_000));
    out!("Gateway's root       since {}", since(&status["root_since"]));
    for key in status["data_keys"].as_array().into_iter().flatten() {
        let records = key["records"].as_u64().map_or_else(String::new, |n| format!("{n} records  "));
        let (version, algorithm) = (&key["version"], key["algorithm"].as_str().unwrap_or(""));
        out!("Accounts' key {version:<6} {records}{algorithm}  since {}", since(&key["created"]));
    }
    if let Some(version) = status["resealing"].as_u64() {
        out!(
            "Records are being sealed under accounts' key {version}: {} of {} rows.",
            status["rows_done"],
            status["rows"]
        );
    }
}

/// Whether the root in the keys' folder is the one that the database is under.
pub fn root_fits(home: &Home) -> Result<bool, Fail> {
    let root = Secret::new(read_key::<32>(&home.gateway_root())?);
    Ok(florin_store::belongs_to(&home.database(), &root))
}

/// Ages and limits of all keys.
pub fn ages(home: &Home) -> Value {
    let now = key_age::now_ms();
    json!(key_age::all(home).iter().map(|key| key.shown(now)).collect::<Vec<_>>())
}

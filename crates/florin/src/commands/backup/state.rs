//! What was last made, tried out and failed, beside the data: for `doctor`, for a line of warning, and for whoever shows it as a metric.

use super::now;
use crate::config::Config;
use crate::fail::Fail;
use crate::home::Home;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The newest look that found a backup made or none needed, and the backup that holds all there was at that time.
    pub made: Option<Made>,
    pub verified: Option<Verified>,
    /// The last making that failed, if none succeeded since.
    pub failed: Option<Failed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    pub at: i64,
    pub id: String,
    pub took_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verified {
    pub at: i64,
    pub id: String,
    pub ok: bool,
    pub took_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failed {
    pub at: i64,
    pub code: String,
}

/// None: no backup was ever tried.
pub fn read(home: &Home) -> Option<State> {
    of(&home.backups("state.json"))
}

/// The same by its file.
pub fn of(file: &Path) -> Option<State> {
    let bytes = std::fs::read(file).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Notes beside the data what was done.
pub fn note(home: &Home, change: impl FnOnce(&mut State)) -> Result<(), Fail> {
    let mut state = read(home).unwrap_or_default();
    change(&mut state);
    let value = serde_json::to_value(&state).unwrap_or_default();
    super::super::system::write_json(&home.backups("state.json"), &value)
}

/// What is wrong with the backups, or in the words of `Ok` what they are.
pub fn finding(config: &Config, home: &Home) -> Result<String, String> {
    let number = |key: &str| config.number(key, 0, 31_536_000).map_err(|fail| fail.message);
    let (stale_after, verify_after_days) = (number("backup.stale_after_seconds")?, number("backup.verify_after_days")?);
    let Some(state) = read(home) else {
        return match home.live_mark().exists() {
            true => Err("none was ever made: florin backup create".to_owned()),
            false => Ok("none was made: florin backup create".to_owned()),
        };
    };
    if let Some(failed) = &state.failed {
        return Err(format!("the last one failed {} s ago: {}", seconds_since(failed.at), failed.code));
    }
    let Some(made) = &state.made else { return Err("none was ever made: florin backup create".to_owned()) };
    let age = seconds_since(made.at);
    if stale_after > 0 && age > stale_after {
        return Err(format!("what is newer than {age} s is in no backup: florin backup schedule"));
    }
    match &state.verified {
        None if verify_after_days > 0 => Err("none was ever tried out: florin backup verify".to_owned()),
        Some(tried) if !tried.ok => Err(format!("the last trial, of {}, failed: florin backup verify", tried.id)),
        Some(tried) if verify_after_days > 0 && seconds_since(tried.at) > verify_after_days * 86_400 => {
            Err(format!("the last trial is {} days ago: florin backup verify", seconds_since(tried.at) / 86_400))
        }
        Some(_) | None => Ok(format!("{} s old, in {} and tried out", age, made.id)),
    }
}

fn seconds_since(at: i64) -> u64 {
    u64::try_from((now().0 - at) / 1_000).unwrap_or(0)
}

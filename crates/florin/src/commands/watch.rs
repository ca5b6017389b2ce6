//! What a running system looks at by itself, and says as soon as it is wrong and when it is over: backups, the age of keys, logs with card
//! numbers, its own pages as customers' browsers get them (PCI DSS 4.0.1, 11.6.1 and 12.10.7). Changes nothing.

use super::backup::state;
use super::{key_age, key_checks, scripts};
use crate::config::Config;
use crate::home::Home;
use crate::log::{Words, log};
use std::time::Duration;

const BACKUPS_EVERY: Duration = Duration::from_secs(10);
const KEYS_EVERY: Duration = Duration::from_secs(3_600);
const LOGS_EVERY: Duration = Duration::from_secs(3_600);
/// What cannot be reached once may be there again: so often in a row is a finding.
const UNREACHABLE_TIMES: u32 = 3;

/// A finding that is told once, and once more when it is over.
struct Told {
    what: &'static str,
    wrong: bool,
}

impl Told {
    const fn of(what: &'static str) -> Told {
        Told { what, wrong: false }
    }

    fn hear(&mut self, finding: &Result<String, String>) {
        match finding {
            Err(says) if !self.wrong => log!("florin", "ALERT: {}: {}", self.what, Words(says)),
            Ok(says) if self.wrong => log!("florin", "over: {}: {}", self.what, Words(says)),
            Ok(_) | Err(_) => {}
        }
        self.wrong = finding.is_err();
    }
}

/// Never ends.
pub async fn all(config: &Config, home: &Home) {
    tokio::join!(backups(config, home), keys(home), logs(home));
}

async fn backups(config: &Config, home: &Home) {
    let mut told = Told::of("backups");
    loop {
        told.hear(&state::finding(config, home));
        tokio::time::sleep(BACKUPS_EVERY).await;
    }
}

async fn keys(home: &Home) {
    let mut told = Told::of("keys");
    loop {
        let home = home.clone();
        let look = move || match key_age::warnings(&home) {
            warnings if warnings.is_empty() => Ok("none is near the end of its time".to_owned()),
            warnings => Err(warnings.join("; ")),
        };
        if let Ok(finding) = tokio::task::spawn_blocking(look).await {
            told.hear(&finding);
        }
        tokio::time::sleep(KEYS_EVERY).await;
    }
}

async fn logs(home: &Home) {
    let mut told = Told::of("logs");
    loop {
        let home = home.clone();
        if let Ok(finding) = tokio::task::spawn_blocking(move || key_checks::files(&home)).await {
            told.hear(&finding);
        }
        tokio::time::sleep(LOGS_EVERY).await;
    }
}

/// The card form's scripts as a browser gets them, at the address that customers use. Ends only where nothing is to be watched.
pub async fn pages(config: &Config, home: &Home, served: Option<String>) {
    let every = config.number("pages.watch_seconds", 0, 604_800).unwrap_or(0);
    let named = Some(config.text("pages.watch_url").to_owned()).filter(|url| !url.is_empty());
    let Some(base) = named.or(served).filter(|_| every > 0) else { return };
    let (mut told, mut unreachable) = (Told::of("pages"), 0);
    loop {
        match scripts::compared(home, &base).await {
            Ok(rows) => {
                unreachable = 0;
                let other = |row: &&serde_json::Value| row["served"] != "same";
                let paths: Vec<&str> = rows.iter().filter(other).filter_map(|row| row["path"].as_str()).collect();
                told.hear(&match paths.is_empty() {
                    true => Ok(format!("{base} serves the scripts of this version")),
                    false => Err(format!(
                        "{base} does not serve {} as this version has it. If you did not just change versions, take the page down first: florin scripts --url {base}",
                        paths.join(", ")
                    )),
                });
            }
            Err(fail) => {
                unreachable += 1;
                if unreachable == UNREACHABLE_TIMES {
                    told.hear(&Err(fail.message));
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(every)).await;
    }
}

//! `florin restart`: vault and gateway of a running system are started anew, one after the other, without losing a request.

use super::system::{home_of, read_json, try_lock};
use crate::cli::Common;
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::home::Home;
use crate::out::out;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Each process may take 35 s to finish what it has in flight, and then starts.
const RESTART_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is started anew, in its order; the front where one is served.
const PUBLIC: [&str; 3] = ["vault", "front", "gateway"];

pub fn run(common: &Common) -> Outcome {
    let home = home_of(&Config::load(common)?)?;
    if try_lock(&home.lock())?.is_some() {
        let message = format!("nothing runs on {}. Start it: florin demo, or florin serve.", home.root.display());
        return Err(Fail::new("not_running", message));
    }
    let before = processes(&home)?;
    let supervisor = read_json(&home.ready())?["supervisor"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    let supervisor = supervisor.and_then(Pid::from_raw).ok_or_else(|| {
        Fail::new(
            "not_supervised",
            "what runs was not started by `florin demo` or `florin serve`: stop it and start it",
        )
    })?;
    kill_process(supervisor, Signal::USR2)
        .map_err(|e| Fail::new("not_signalled", format!("the supervisor cannot be told: {e}")))?;
    let until = Instant::now() + RESTART_WITHIN;
    loop {
        let now = processes(&home)?;
        let served = PUBLIC.iter().filter(|role| !before[**role].is_null());
        if served.clone().all(|role| now[*role] != before[*role]) {
            if common.json {
                let restarted: Map<String, Value> =
                    served.map(|role| ((*role).to_owned(), now[*role].clone())).collect();
                out!("{}", json!({ "restarted": restarted }));
            } else {
                let pids: Vec<String> = served.map(|role| format!("{role} (pid {})", now[*role])).collect();
                out!("Started anew: {}", pids.join(", "));
            }
            return Ok(0);
        }
        if Instant::now() > until {
            let message = format!("not all was started anew within {} s. See what it says.", RESTART_WITHIN.as_secs());
            return Err(Fail::new("restart_timeout", message));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn processes(home: &Home) -> Result<Value, Fail> {
    Ok(read_json(&home.ready())?["processes"].clone())
}

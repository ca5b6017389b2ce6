//! Starts the processes, watches them, starts anew what dies, stops all in order.

use super::settings::First;
use crate::fail::{Fail, io};
use crate::home::Home;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// How long a process may take until it serves.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How long a process may take to finish what is in flight.
const STOP_WITHIN: Duration = Duration::from_secs(35);
/// A process's log is emptied when it is longer.
const LOG_LIMIT_BYTES: u64 = 8 * 1024 * 1024;
const TRIM_EVERY: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where a process writes what it has to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Terminal,
    File,
}

pub struct Part {
    pub role: &'static str,
    settings: String,
    log: Log,
    home: Home,
    child: Child,
    /// Held apart: waiting for a child closes its input, and that asks it to stop.
    input: Option<ChildStdin>,
    pub ready: Value,
}

impl Part {
    pub async fn start<S: serde::Serialize>(
        home: &Home,
        role: &'static str,
        settings: &S,
        log: Log,
    ) -> Result<Part, Fail> {
        let settings = serde_json::to_string(settings).map_err(|e| Fail::new("bad_settings", e.to_string()))?;
        let (mut child, ready) = launch(home, role, &settings, log).await?;
        let input = child.stdin.take();
        Ok(Part { role, settings, log, home: home.clone(), child, input, ready })
    }

    /// Where its log lies, if it writes one.
    pub fn log(&self) -> Option<PathBuf> {
        (self.log == Log::File).then(|| log_path(&self.home, self.role))
    }

    /// Empties its log when it is too long. It is opened for appending, so the process goes on at its beginning.
    fn trim_log(&self) {
        let Some(path) = self.log() else { return };
        if std::fs::metadata(&path).is_ok_and(|m| m.len() > LOG_LIMIT_BYTES) {
            let _ = OpenOptions::new().write(true).truncate(true).open(&path);
        }
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Says at what ports it is started anew: others know it by those that it took first.
    pub fn pin(&mut self, ports: &[(&str, u16)]) {
        let Ok(mut settings) = serde_json::from_str::<Value>(&self.settings) else { return };
        for (name, port) in ports {
            settings[*name] = (*port).into();
        }
        self.settings = settings.to_string();
    }

    /// The same for the public API's addresses.
    pub fn pin_api(&mut self) {
        let Ok(mut settings) = serde_json::from_str::<Value>(&self.settings) else { return };
        for (setting, told) in [("address", "api"), ("http", "http_api")] {
            if settings["edge"].is_object() && self.ready[told].is_string() {
                settings["edge"][setting] = self.ready[told].clone();
            }
        }
        self.settings = settings.to_string();
    }

    /// Waits for the process to end by itself, then starts it anew, for ever.
    pub async fn keep(&mut self, on_restart: impl Fn(&Part)) {
        let mut pause = Duration::from_millis(100);
        loop {
            while tokio::time::timeout(TRIM_EVERY, self.child.wait()).await.is_err() {
                self.trim_log();
            }
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                match launch(&self.home, self.role, &self.settings, self.log).await {
                    Ok((mut child, ready)) => {
                        self.input = child.stdin.take();
                        (self.child, self.ready) = (child, ready);
                        break;
                    }
                    Err(fail) => eprintln!("florin: {} does not start: {}", self.role, fail.message),
                }
            }
            on_restart(self);
            pause = Duration::from_millis(100);
        }
    }

    /// Closes its standard input and waits; kills it when it takes too long.
    pub async fn stop(mut self) {
        drop(self.input.take());
        if tokio::time::timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

async fn launch(home: &Home, role: &'static str, settings: &str, log: Log) -> Result<(Child, Value), Fail> {
    let binary = std::env::current_exe().map_err(|e| Fail::new("no_binary", format!("cannot find myself: {e}")))?;
    let stderr = match log {
        Log::Terminal => Stdio::inherit(),
        Log::File => Stdio::from(log_file(home, role)?),
    };
    let mut child = Command::new(&binary)
        .args(["process", role, "--settings", settings])
        .env_clear()
        .envs(std::env::vars_os().filter(|(k, _)| k == "PATH" || k == "TMPDIR" || k == "RUST_BACKTRACE"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(false)
        .spawn()
        .map_err(|e| io("start", &binary, &e))?;
    let Some(stdout) = child.stdout.take() else { return Err(Fail::new("no_output", "a process has no output")) };
    let mut lines = BufReader::new(stdout).lines();
    let first = tokio::time::timeout(START_WITHIN, lines.next_line()).await;
    let line = match first {
        Ok(Ok(Some(line))) => line,
        Ok(_) => return Err(died(home, role, log)),
        Err(_) => {
            let _ = child.kill().await;
            return Err(Fail::new(
                "start_timeout",
                format!("{role} did not start within {} s", START_WITHIN.as_secs()),
            ));
        }
    };
    match serde_json::from_str(&line) {
        Ok(First::Ready(ready)) => Ok((child, ready)),
        Ok(First::Error { code, message }) => {
            let _ = child.wait().await;
            Err(Fail::new(&code, message))
        }
        Err(_) => Err(died(home, role, log)),
    }
}

fn died(home: &Home, role: &str, log: Log) -> Fail {
    let place = match log {
        Log::Terminal => String::new(),
        Log::File => format!(" See {}.", log_path(home, role).display()),
    };
    Fail::new("process_died", format!("{role} ended before it served.{place}"))
}

fn log_path(home: &Home, role: &str) -> PathBuf {
    home.root.join(format!("run/{role}.log"))
}

fn log_file(home: &Home, role: &str) -> Result<File, Fail> {
    let path = log_path(home, role);
    OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(|e| io("open the log", &path, &e))
}

//! Starts the processes, watches them, starts anew what dies, stops all in order.

use super::hand;
use super::settings::First;
use crate::fail::{Fail, io};
use crate::home::Home;
use crate::log::{Words, log};
use florin_vault::keys::KekKind;
use florin_vault::unlock::Waiting;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

/// How long a process may take until it serves.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How long a process may take to finish what is in flight.
const STOP_WITHIN: Duration = Duration::from_secs(35);
/// A process's log is emptied when it is longer.
const LOG_LIMIT_BYTES: u64 = 8 * 1024 * 1024;
const TRIM_EVERY: Duration = Duration::from_secs(60);
/// Pauses between tries to start a process: doubled from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a process says whose files another one has.
const HELD_BY_THE_LAST: [&str; 2] = ["database_in_use", "sandbox_in_use"];

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
    /// The other end of its standard input: closed, it asks the process to stop.
    input: Option<UnixStream>,
    /// Kept open here, and handed to each process that plays this part.
    listeners: Vec<TcpListener>,
    /// Somebody wants it started anew.
    again: Arc<Notify>,
    pub ready: Value,
}

/// Why a part was started anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Died,
    Asked,
}

impl Part {
    pub async fn start<S: serde::Serialize>(
        home: &Home,
        role: &'static str,
        settings: &S,
        log: Log,
    ) -> Result<Part, Fail> {
        Part::start_with(home, role, settings, log, Vec::new()).await
    }

    /// The same, with listeners that stay open while the process is started anew.
    pub async fn start_with<S: serde::Serialize>(
        home: &Home,
        role: &'static str,
        settings: &S,
        log: Log,
        listeners: Vec<TcpListener>,
    ) -> Result<Part, Fail> {
        let settings = serde_json::to_string(settings).map_err(|e| Fail::new("bad_settings", e.to_string()))?;
        let (child, input, ready) = launch_after_the_last(home, role, &settings, log, &listeners).await?;
        let (input, again) = (Some(input), Arc::default());
        Ok(Part { role, settings, log, home: home.clone(), child, input, listeners, again, ready })
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

    /// It is another user than whoever started it.
    pub fn has_own_user(&self) -> bool {
        serde_json::from_str::<Value>(&self.settings).is_ok_and(|settings| settings["user"].is_object())
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Wakes `keep` to start the process anew, once what it has in flight is finished.
    pub fn again(&self) -> Arc<Notify> {
        Arc::clone(&self.again)
    }

    /// Says at what ports it is started anew: others know it by those that it took first.
    pub fn pin(&mut self, ports: &[(&str, u16)]) {
        let Ok(mut settings) = serde_json::from_str::<Value>(&self.settings) else { return };
        for (name, port) in ports {
            settings[*name] = (*port).into();
        }
        self.settings = settings.to_string();
    }

    /// Waits for the process to end by itself, or for somebody to want it so, then starts it anew, for ever.
    pub async fn keep(&mut self, on_restart: impl Fn(&Part, Why)) {
        let again = self.again();
        loop {
            let why = loop {
                tokio::select! {
                    _ = self.child.wait() => break Why::Died,
                    () = again.notified() => break Why::Asked,
                    () = tokio::time::sleep(TRIM_EVERY) => self.trim_log(),
                }
            };
            let mut pause = FIRST_PAUSE;
            match why {
                Why::Asked => self.end().await,
                Why::Died => tokio::time::sleep(pause).await,
            }
            loop {
                match launch(&self.home, self.role, &self.settings, self.log, &self.listeners).await {
                    Ok((child, input, ready)) => {
                        (self.child, self.input, self.ready) = (child, Some(input), ready);
                        break;
                    }
                    Err(fail) => log!("florin", "{} does not start: {}", self.role, Words(&fail.message)),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            on_restart(self, why);
        }
    }

    /// Closes its standard input and waits; kills it when it takes too long.
    async fn end(&mut self) {
        drop(self.input.take());
        if tokio::time::timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    pub async fn stop(mut self) {
        self.end().await;
    }
}

/// The program as it was called: another version put in its place is what is started anew.
fn binary() -> Result<PathBuf, Fail> {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    if let Some(binary) = BINARY.get() {
        return Ok(binary.clone());
    }
    let binary = std::env::current_exe().map_err(|e| Fail::new("no_binary", format!("cannot find myself: {e}")))?;
    Ok(BINARY.get_or_init(|| binary).clone())
}

/// What settings say of the environment, which is closed otherwise.
#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

/// Who starts holds the data folder's lock, so a process that still has its files was started by one that was killed: it ends as soon as it
/// sees that its input is closed, and is waited for.
async fn launch_after_the_last(
    home: &Home,
    role: &'static str,
    settings: &str,
    log: Log,
    listeners: &[TcpListener],
) -> Result<(Child, UnixStream, Value), Fail> {
    let until = Instant::now() + STOP_WITHIN;
    let mut pause = FIRST_PAUSE;
    loop {
        match launch(home, role, settings, log, listeners).await {
            Err(fail) if HELD_BY_THE_LAST.contains(&fail.code.as_str()) && Instant::now() < until => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            done => return done,
        }
    }
}

async fn launch(
    home: &Home,
    role: &'static str,
    settings: &str,
    log: Log,
    listeners: &[TcpListener],
) -> Result<(Child, UnixStream, Value), Fail> {
    let binary = binary()?;
    let stderr = match log {
        Log::Terminal => Stdio::inherit(),
        Log::File => Stdio::from(log_file(home, role)?),
    };
    let (input, theirs) = UnixStream::pair().map_err(|e| io("make a socket for", &binary, &e))?;
    hand::give(&input, listeners).map_err(|e| io("hand listeners to", &binary, &e))?;
    let told: Told = serde_json::from_str(settings).unwrap_or_default();
    let mut child = Command::new(&binary)
        .args(["process", role, "--settings", settings])
        .env_clear()
        .envs(told.environment)
        .env(crate::log::FORMAT_VARIABLE, crate::log::Format::now().name())
        .envs(std::env::vars_os().filter(|(k, _)| k == "PATH" || k == "TMPDIR" || k == "RUST_BACKTRACE"))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(false)
        .spawn()
        .map_err(|e| io("start", &binary, &e))?;
    let Some(stdout) = child.stdout.take() else { return Err(Fail::new("no_output", "a process has no output")) };
    let mut lines = BufReader::new(stdout).lines();
    let mut first = tokio::time::timeout(START_WITHIN, lines.next_line()).await;
    if let Ok(Ok(Some(line))) = &first
        && let Ok(First::Waiting(what)) = serde_json::from_str(line)
    {
        locked(home, what);
        // People take their time.
        first = Ok(lines.next_line().await);
    }
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
        Ok(First::Ready(ready)) => Ok((child, input, ready)),
        Ok(First::Error { code, message }) => {
            let _ = child.wait().await;
            Err(Fail::new(&code, message))
        }
        Ok(First::Waiting(_)) | Err(_) => Err(died(home, role, log)),
    }
}

/// Says what opens the vault, and how.
fn locked(home: &Home, what: Waiting) {
    let wanted = match what.kind {
        KekKind::Shares => format!("the shares of {} custodians", what.needed),
        KekKind::Passphrase | KekKind::File | KekKind::Pkcs11 => "the passphrase of its key".to_owned(),
    };
    log!(
        "florin",
        "the vault is locked and waits for {}. Enter it from another terminal: florin keys unlock --data {}",
        Words(&wanted),
        *home.root,
    );
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

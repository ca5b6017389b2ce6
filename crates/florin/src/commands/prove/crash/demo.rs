//! A demo as a user starts it, its processes found by their parent, and their killing. Knows no payment.

use super::client::Place;
use crate::commands::https::Target;
use crate::commands::system::read_json;
use crate::fail::{Fail, io};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const START_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The starter itself, among the roles.
pub const STARTER: &str = "starter";

pub struct Demo {
    child: Child,
    data: PathBuf,
    generation: u64,
    ready: Value,
}

impl Demo {
    pub fn start(folder: &Path, generation: u64) -> Result<Demo, Fail> {
        let own = std::env::current_exe().map_err(|e| Fail::new("no_binary", format!("cannot find myself: {e}")))?;
        let (data, log) = (folder.join("data"), folder.join("demo.log"));
        let log_file = OpenOptions::new().create(true).append(true).open(&log).map_err(|e| io("open", &log, &e))?;
        let mut child = Command::new(&own)
            .args(["--json", "--data"])
            .arg(&data)
            .arg("demo")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(|e| io("start", &own, &e))?;
        let (tell, told) = channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Only the first line is waited for; the rest must be taken all the same.
                    let _ = tell.send(line);
                }
            });
        }
        let ready = told.recv_timeout(START_WITHIN).ok().and_then(|line| serde_json::from_str(&line).ok());
        match ready {
            Some(ready) => Ok(Demo { child, data, generation, ready }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Fail::new("not_started", format!("the demo did not start: see {}", log.display())))
            }
        }
    }

    /// The same folder again, after everything was killed.
    pub fn again(&mut self) -> Result<(), Fail> {
        let folder = self.data.parent().unwrap_or(&self.data).to_owned();
        *self = Demo::start(&folder, self.generation + 1)?;
        Ok(())
    }

    pub fn place(&self) -> Result<Place, Fail> {
        let text = |name: &str| self.ready[name].as_str().unwrap_or_default();
        let port = text("api").rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| Fail::new("bad_ready", "the demo told no address of its API"))?;
        let target = Target::new(port, Path::new(text("ca_cert")))?;
        Ok(Place { target, key: text("secret_key").to_owned(), generation: self.generation })
    }

    /// What it tells now: a process that was started anew has another token.
    pub fn facts(&self) -> Result<Value, Fail> {
        read_json(&self.data.join("run/ready.json"))
    }

    /// The processes that run now, those too that have just begun: (role, process id).
    pub fn processes(&self) -> Vec<(String, u32)> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let role = |pid: u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let mut words = line.split(|b| *b == 0).skip(1);
            (words.next()? == b"process")
                .then(|| String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned())
        };
        let own = self.child.id();
        let mut found: Vec<_> =
            pids.filter(|pid| parent(*pid) == Some(own)).filter_map(|pid| Some((role(pid)?, pid))).collect();
        found.sort();
        found
    }

    /// kill -9 of these, and of the starter if it is named.
    pub fn kill(&mut self, pids: &[u32], starter: bool) {
        if starter {
            // Before the others, or it would start them anew.
            let _ = self.child.kill();
        }
        for pid in pids {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                // One that has just ended needs no killing.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        if starter {
            let _ = self.child.wait();
        }
    }

    /// Stops it in order.
    pub fn stop(mut self) -> Result<(), Fail> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + STOP_WITHIN;
        while Instant::now() < until {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(Fail::new("not_stopped", "the demo did not stop"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Its processes end when their starter is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fourth field of `/proc/PID/stat`, behind the name in brackets.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

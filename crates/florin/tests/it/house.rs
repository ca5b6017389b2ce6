//! Everything the tests share: data folders of their own, commands with a time limit, running systems that end with their test.

use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// No command takes longer: `pay` alone waits up to 60 s for a reversal.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);
const START_LIMIT: Duration = Duration::from_secs(60);
/// A stop waits for what is in flight.
const STOP_LIMIT: Duration = Duration::from_secs(45);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A folder of one test: `data` in it is the data folder, and commands run in it.
pub struct House {
    pub root: PathBuf,
    env: Vec<(String, String)>,
}

impl House {
    pub fn new(name: &str) -> House {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        House::at(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id())))
    }

    /// In a folder that is made for it.
    pub fn at(root: &Path) -> House {
        drop(std::fs::remove_dir_all(root));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root).unwrap();
        House { root: root.to_owned(), env: vec![] }
    }

    /// The same without its variables.
    pub fn without(mut self) -> House {
        self.env.clear();
        self
    }

    /// A variable for every command.
    pub fn with(mut self, name: &str, value: &str) -> House {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.data().join(path)
    }

    /// Runs a command on the data folder with `--json` and waits for its end.
    pub fn florin(&self, args: &[&str]) -> Ran {
        self.run(&[&["--json", "--data", self.data().to_str().unwrap()], args].concat(), "")
    }

    /// Runs a command as given.
    pub fn run(&self, args: &[&str], input: &str) -> Ran {
        self.wait_for(self.command(args), args, input)
    }

    /// The same, with one variable more.
    pub fn run_with(&self, (name, value): (&str, &str), args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.env(name, value);
        self.wait_for(command, args, "")
    }

    fn wait_for(&self, mut command: Command, args: &[&str], input: &str) -> Ran {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        let until = Instant::now() + COMMAND_LIMIT;
        let text = |pipe: Receiver<String>, child: &mut Child| {
            pipe.recv_timeout(until.saturating_duration_since(Instant::now())).unwrap_or_else(|_| {
                child.kill().unwrap();
                panic!("{args:?} did not end in time")
            })
        };
        let (out, err) = (text(out, &mut child), text(err, &mut child));
        let code = child.wait().unwrap().code().unwrap_or(-1);
        Ran { args: args.join(" "), code, out, err }
    }

    fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
        command.args(args).current_dir(&self.root).env_clear().env("HOME", &self.root);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.env.iter().map(|(n, v)| (n, v)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a command that runs until stopped, and waits for its ready line.
    pub fn start(&self, args: &[&str]) -> Running {
        let data = self.data();
        let all = [&["--json", "--data", data.to_str().unwrap()], args].concat();
        let mut child = self.command(&all).stdin(Stdio::null()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        let ready = lines.recv_timeout(START_LIMIT);
        let mut running = Running { child, lines, err, ready: Value::Null, said: vec![] };
        let Ok(line) = ready else { panic!("{args:?} did not start: {}", running.end()) };
        running.ready = serde_json::from_str(&line).unwrap();
        running.said.push(line);
        assert_eq!(running.ready["ready"], true);
        running
    }

    pub fn demo(&self) -> Running {
        self.start(&["demo"])
    }

    /// Pays, and says what came of it: the whole journey.
    pub fn pay(&self, args: &[&str]) -> Value {
        self.florin(&[&["pay"], args].concat()).json()
    }

    /// The issuers' entries of one RRN, oldest first.
    pub fn books(&self, rrn: &str) -> Vec<Value> {
        let answer = self.florin(&["network", "books", "--rrn", rrn]).done();
        assert_eq!(answer["more"], false);
        answer["entries"].as_array().unwrap().clone()
    }

    pub fn misbehave(&self, kind: &str, mti: &str) {
        self.florin(&["network", "misbehave", kind, "--mti", mti]).done();
    }

    /// Ledger and chains added up anew; nothing may run.
    pub fn verified(&self) {
        let told = self.florin(&["verify"]).done();
        assert_eq!((&told["ok"], &told["problems"]), (&json!(true), &json!([])));
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // A failed test leaves its folder to be looked at.
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.root));
        }
    }
}

/// A command that ended.
pub struct Ran {
    args: String,
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// What it printed, whatever its exit code.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}: exit {}: {}", self.args, self.code, self.err))
    }

    /// What it printed when it did what was asked.
    #[track_caller]
    pub fn done(&self) -> Value {
        assert_eq!(self.code, 0, "{}: {}", self.args, self.err);
        self.json()
    }

    /// The error's code and parameter. Nothing but the error may be printed, and it says what to do.
    #[track_caller]
    pub fn refused(&self) -> (String, Value) {
        assert_eq!(self.out, "", "{}", self.args);
        let last = self.err.lines().last().unwrap_or_default();
        let told: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{}: {}", self.args, self.err));
        let message = told["error"]["message"].as_str().unwrap_or_default();
        assert!(message.len() > 10, "{}: no advice: {message}", self.args);
        (told["error"]["code"].as_str().unwrap_or_default().to_owned(), told["error"]["param"].clone())
    }
}

/// A command that runs until stopped. Dropped, it and what it started end.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    err: Receiver<String>,
    pub ready: Value,
    /// Every line that it printed and that was read.
    pub said: Vec<String>,
}

impl Running {
    /// Stops it as Ctrl-C would, and gives all that it printed.
    pub fn stop(mut self) -> String {
        assert_eq!(self.signal(rustix::process::Signal::TERM), Some(0), "it did not stop in order");
        self.end()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.end();
    }

    /// The next line that it prints.
    pub fn line(&mut self, within: Duration) -> Option<Value> {
        match self.lines.recv_timeout(within) {
            Ok(line) => {
                self.said.push(line.clone());
                Some(serde_json::from_str(&line).unwrap())
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    pub fn pid(&self, role: &str) -> i32 {
        i32::try_from(self.ready["processes"][role].as_i64().unwrap()).unwrap()
    }

    fn signal(&mut self, signal: rustix::process::Signal) -> Option<i32> {
        kill(i32::try_from(self.child.id()).unwrap(), signal);
        look_until(STOP_LIMIT, || self.child.try_wait().unwrap()).and_then(|status| status.code())
    }

    fn end(&mut self) -> String {
        drop(self.child.kill());
        drop(self.child.wait());
        self.said.extend(self.lines.try_iter());
        let err = self.err.recv_timeout(STOP_LIMIT).unwrap_or_default();
        format!("{}\n{err}", self.said.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            // Its children end when their standard input closes.
            self.signal(rustix::process::Signal::TERM);
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

pub fn kill(pid: i32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        // One that is gone already is as well.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(pipe.read_to_end(&mut bytes));
        drop(tell.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    told
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

/// Looks until there is something to see.
#[track_caller]
pub fn wait<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    match look_until(within, look) {
        Some(seen) => seen,
        None => panic!("waited {} s for: {what}", within.as_secs()),
    }
}

/// The same, or nothing when the time is over. The one place where tests wait for what real processes do.
pub fn look_until<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + within;
    loop {
        match look() {
            None if Instant::now() < until => std::thread::sleep(LOOK_EVERY),
            seen => return seen,
        }
    }
}

/// A connection to the gateway's door: one line of JSON a question, one a line's answer.
pub struct Door(BufReader<UnixStream>);

impl Door {
    pub fn open(path: &str) -> std::io::Result<Door> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(COMMAND_LIMIT))?;
        Ok(Door(BufReader::new(stream)))
    }

    /// The answer: `ok` with a value, or `error` with a code.
    pub fn ask(&mut self, question: &Value) -> std::io::Result<Value> {
        self.0.get_mut().write_all(format!("{question}\n").as_bytes())?;
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => serde_json::from_str(&line).map_err(std::io::Error::other),
        }
    }
}

/// What stands of the money of these entries: (held, captured, refunded), each summed. A refund stands under its sale too.
pub fn standing(entries: &[Value]) -> (i64, i64, i64) {
    let of_sales = entries.iter().filter(|e| e["kind"] == "hold" || e["kind"] == "sale");
    of_sales.fold((0, 0, 0), |(held, captured, refunded), e| {
        let part = |name: &str| e["standing"][name].as_i64().unwrap();
        (held + part("held"), captured + part("captured"), refunded + part("refunded"))
    })
}

/// One attribute of each of a list's members, as texts.
pub fn column(list: &Value, name: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one[name].as_str().unwrap_or_default().to_owned()).collect()
}

/// The RRN of a payment's first attempt, from its journey.
pub fn rrn(journey: &Value) -> String {
    journey["story"]["payment"]["attempts"][0]["rrn"].as_str().unwrap().to_owned()
}

/// The id in a journey, payment or refund.
pub fn id(thing: &Value) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

/// A free port that nobody else is given while the descriptor is open: bound, with nobody listening. Whoever listens there by address,
/// with `SO_REUSEADDR` as Rust's listeners have it, may.
pub fn hold_port() -> (OwnedFd, u16) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
    (socket, at.port())
}

//! `cargo xtask test`: the stages in order, each with a deadline, its time and its count.

use crate::process::{self, End};
use crate::report::{self, Tally};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What the caller asked for.
pub struct Options {
    /// Also what is slow.
    pub all: bool,
    /// Only these stages, and what they need; empty: every stage.
    pub only: Vec<String>,
}

struct Stage {
    name: &'static str,
    /// What is killed and counted as failed after so many minutes.
    limit_minutes: u64,
    /// Runs only with `--all` or when it is named.
    slow: bool,
    /// Needs what the stage `build` makes; that stage then runs first.
    needs_build: bool,
    run: fn(&Run) -> Tally,
}

const BUILD: &str = "build";
const STAGES: &[Stage] = &[
    Stage { name: "fetch", limit_minutes: 15, slow: false, needs_build: false, run: fetch },
    Stage { name: "format", limit_minutes: 2, slow: false, needs_build: false, run: format },
    Stage { name: "house", limit_minutes: 1, slow: false, needs_build: false, run: house },
    Stage { name: "clippy", limit_minutes: 20, slow: false, needs_build: false, run: clippy },
    Stage { name: BUILD, limit_minutes: 30, slow: false, needs_build: false, run: build },
    Stage { name: "tests", limit_minutes: 20, slow: false, needs_build: true, run: tests },
    Stage { name: "supply", limit_minutes: 15, slow: false, needs_build: true, run: supply },
    Stage { name: "mutants", limit_minutes: 20, slow: false, needs_build: false, run: mutants },
    Stage { name: "seeds", limit_minutes: 60, slow: false, needs_build: true, run: seeds },
    Stage { name: "crash", limit_minutes: 30, slow: false, needs_build: true, run: crash },
    Stage { name: "sdk", limit_minutes: 10, slow: false, needs_build: true, run: sdk },
    Stage { name: "node", limit_minutes: 10, slow: false, needs_build: true, run: node },
    Stage { name: "cli", limit_minutes: 10, slow: false, needs_build: true, run: cli },
    Stage { name: "backup", limit_minutes: 15, slow: false, needs_build: true, run: backup },
    Stage { name: "messages", limit_minutes: 10, slow: false, needs_build: true, run: messages },
    Stage { name: "web", limit_minutes: 20, slow: false, needs_build: true, run: web },
    Stage { name: "compat", limit_minutes: 1, slow: false, needs_build: true, run: compat },
    Stage { name: "fuzz", limit_minutes: 10, slow: false, needs_build: true, run: fuzz },
    Stage { name: "mutations", limit_minutes: 60, slow: true, needs_build: false, run: mutations },
    Stage { name: "reproduce", limit_minutes: 120, slow: true, needs_build: false, run: reproduce },
    Stage { name: "async-stripe", limit_minutes: 30, slow: true, needs_build: true, run: async_stripe },
    Stage { name: "medusa", limit_minutes: 20, slow: true, needs_build: true, run: medusa },
];

const SEEDS: u64 = 2_000;
const SEEDS_ALL: u64 = 100_000;
/// Altered ISO 8583 messages that the codec must read or refuse, in the slow stage.
const MUTATIONS_ALL: u64 = 20_000_000;
/// Kills of the crash loop.
const KILLS: u32 = 30;
const KILLS_ALL: u32 = 300;
/// Races for one payment each.
const RACES: u32 = 100;
const RACES_ALL: u32 = 1_000;
const FETCH_TRIES: u32 = 3;
const FETCH_PAUSE: Duration = Duration::from_secs(5);

/// What a stage may use.
struct Run {
    root: PathBuf,
    all: bool,
    limit: Duration,
}

/// The names of all stages, as the help shows them.
pub fn names() -> String {
    STAGES.iter().map(|stage| stage.name).collect::<Vec<_>>().join(", ")
}

/// Runs the stages and prints their times; the last line is the sum. True when nothing failed.
pub fn run(root: &Path, options: &Options) -> Result<bool, String> {
    if let Some(unknown) = options.only.iter().find(|name| !STAGES.iter().any(|stage| stage.name == name.as_str())) {
        return Err(format!("no stage is called {unknown}; there are {}", names()));
    }
    let mut done: Vec<(&str, Tally, Duration)> = Vec::new();
    let mut unbuilt = false;
    for stage in STAGES.iter().filter(|stage| wanted(stage, options)) {
        if unbuilt {
            println!("\n== {}: not run, because the build failed", stage.name);
            continue;
        }
        println!("\n== {} (at most {} min)", stage.name, stage.limit_minutes);
        let began = Instant::now();
        let limit = Duration::from_secs(stage.limit_minutes * 60);
        let tally = (stage.run)(&Run { root: root.to_path_buf(), all: options.all, limit });
        unbuilt = stage.name == BUILD && tally.failed > 0;
        println!("== {}: {} passed, {} failed, {}", stage.name, tally.passed, tally.failed, seconds(began.elapsed()));
        done.push((stage.name, tally, began.elapsed()));
    }
    Ok(summary(&done))
}

fn wanted(stage: &Stage, options: &Options) -> bool {
    let named = |name: &str| options.only.iter().any(|only| only == name);
    let needed = || STAGES.iter().any(|other| other.needs_build && named(other.name));
    match stage.name {
        _ if options.only.is_empty() => options.all || !stage.slow,
        BUILD => named(BUILD) || needed(),
        name => named(name),
    }
}

fn summary(done: &[(&str, Tally, Duration)]) -> bool {
    println!();
    for (name, tally, time) in done {
        println!("{name:<10} {:>9} {:>6} passed {:>4} failed", seconds(*time), tally.passed, tally.failed);
    }
    for (name, tally, _) in done {
        for note in &tally.notes {
            println!("{name}: {note}");
        }
    }
    let sum = |count: fn(&Tally) -> u64| done.iter().map(|(_, tally, _)| count(tally)).sum::<u64>();
    let (passed, failed) = (sum(|tally| tally.passed), sum(|tally| tally.failed));
    // A run that checked nothing is no success.
    println!("{passed} passed, {failed} failed");
    failed == 0 && passed > 0
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn cargo(run: &Run, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&run.root).args(arguments);
    command
}

/// A command that is one check.
fn one_check(run: &Run, command: &mut Command, advice: &str) -> Tally {
    match process::run(command, run.limit, &mut |line| println!("{line}")) {
        End::Success => Tally::passed(),
        end => Tally::failed(format!("{}{advice}", ended(&end))),
    }
}

fn ended(end: &End) -> String {
    match end {
        End::Success => "ended well".to_string(),
        End::Failure(why) => format!("failed ({why})"),
        End::Overrun => "was killed at its deadline".to_string(),
    }
}

/// The only stage that uses the network. Asks for this machine's packages alone.
fn fetch(run: &Run) -> Tally {
    let mut host = String::new();
    let version = &mut Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    process::run(version.arg("-vV"), run.limit, &mut |line| host.extend(line.strip_prefix("host: ")));
    for attempt in 1..=FETCH_TRIES {
        let mut command = cargo(run, &["fetch", "--locked"]);
        if !host.is_empty() {
            command.args(["--target", &host]);
        }
        match process::run(&mut command, run.limit / FETCH_TRIES, &mut |line| println!("{line}")) {
            End::Success => return Tally::passed(),
            end => println!("attempt {attempt} of {FETCH_TRIES} {}", ended(&end)),
        }
        std::thread::sleep(FETCH_PAUSE * attempt);
    }
    Tally::failed("the packages of Cargo.lock could not be fetched: is the registry reachable?".to_string())
}

/// Says where the format differs, not how: `cargo fmt --all` mends it.
fn format(run: &Run) -> Tally {
    let end = process::run(&mut cargo(run, &["fmt", "--all", "--check"]), run.limit, &mut |line| {
        if line.starts_with("Diff in ") {
            println!("{line}");
        }
    });
    match end {
        End::Success => Tally::passed(),
        end => Tally::failed(format!("{}: run `cargo fmt --all` (needs the component rustfmt)", ended(&end))),
    }
}

fn clippy(run: &Run) -> Tally {
    let arguments = ["clippy", "--release", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    one_check(run, &mut cargo(run, &arguments), " (needs the component clippy)")
}

/// This program again, so that the checks have a deadline like everything else.
fn house(run: &Run) -> Tally {
    let Ok(program) = std::env::current_exe() else { return Tally::failed("xtask does not find itself".to_string()) };
    let mut last = String::new();
    let mut command = Command::new(program);
    let end = process::run(command.arg("house").current_dir(&run.root), run.limit, &mut |line| {
        println!("{line}");
        last = line.to_string();
    });
    match (report::sum_line(&last), end) {
        (Some(tally), End::Success) if tally.failed == 0 => tally,
        (Some(tally), End::Failure(_)) if tally.failed > 0 => tally,
        (_, end) => Tally::failed(format!("{} without a count", ended(&end))),
    }
}

/// Tests and the program, without running anything. The program is built as its users build it.
fn build(run: &Run) -> Tally {
    let tests = one_check(run, &mut cargo(run, &["test", "--release", "--locked", "--workspace", "--no-run"]), "");
    if tests.failed > 0 {
        return tests;
    }
    one_check(run, &mut cargo(run, &["build", "--release", "--locked"]), "")
}

fn tests(run: &Run) -> Tally {
    counted(run, &mut cargo(run, &["test", "--release", "--locked", "--workspace", "--no-fail-fast"]))
}

/// The bill of materials, and the rules for dependencies.
fn supply(run: &Run) -> Tally {
    let mut tally = match crate::supply::check_bill(&run.root) {
        Ok(tally) => tally,
        Err(why) => Tally::failed(why),
    };
    tally.add(script(run, RULES));
    tally
}

const RULES: &str = "tests/supply/run";

/// The rules for dependencies alone; `advisories` is a copy of the RustSec database.
pub fn deny_with(root: &Path, advisories: Option<&str>) -> Result<bool, String> {
    let mut command = Command::new("bash");
    // Where tools are kept is told by the program's place, whether it was built or not.
    let own = std::env::current_exe().map_err(|e| format!("xtask does not find itself: {e}"))?;
    command.current_dir(root).arg(RULES).arg(own.with_file_name("florin")).args(advisories);
    Ok(command.status().map_err(|e| format!("bash cannot be started: {e}"))?.success())
}

/// This program again, so that builds have a deadline too.
fn reproduce(run: &Run) -> Tally {
    let Ok(program) = std::env::current_exe() else { return Tally::failed("xtask does not find itself".to_string()) };
    one_check(run, Command::new(program).arg("reproduce").current_dir(&run.root), ": two builds are not the same")
}

/// Plants one bug after another: the simulation must catch each.
fn mutants(run: &Run) -> Tally {
    let arguments = ["test", "--release", "--locked", "-p", "florin-sim", "--features", "mutants", "--no-fail-fast"];
    counted(run, &mut cargo(run, &arguments))
}

/// The codec's property test with many more altered messages.
fn mutations(run: &Run) -> Tally {
    let mut command = cargo(run, &["test", "--release", "--locked", "-p", "florin-connect", "--no-fail-fast"]);
    counted(run, command.env("FLORIN_MUTATIONS", MUTATIONS_ALL.to_string()))
}

/// Targets of `fuzz/corpus`: each gets its share of the time.
const FUZZ_TARGETS: u64 = 10;
/// Where they are, and how cargo names them.
const FUZZED: [(&str, &[&str]); 4] = [
    ("florin-connect", &["--lib", "fuzzed::"]),
    ("florin-vault", &["--lib", "fuzzed::"]),
    ("florin-api", &["--lib", "fuzzed::"]),
    ("florin-merchant", &["--test", "fuzzed"]),
];

/// Runs every fuzz target for its share of so many minutes, one after the other.
pub fn fuzz_for(root: &Path, minutes: u64) -> Result<bool, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut all = true;
    for (package, which) in FUZZED {
        let ran = Command::new(&cargo)
            .args(["test", "--release", "--locked", "-p", package])
            .args(which)
            .args(["--", "--nocapture", "--test-threads=1"])
            .env("FLORIN_FUZZ_SECONDS", (minutes * 60 / FUZZ_TARGETS).to_string())
            .current_dir(root)
            .status();
        all &= ran.map_err(|e| format!("cargo cannot be started: {e}"))?.success();
    }
    Ok(all)
}

/// A command of cargo's test runner: each test is one check.
fn counted(run: &Run, command: &mut Command) -> Tally {
    let mut results = report::TestResults::default();
    let end = process::run(command, run.limit, &mut |line| {
        println!("{line}");
        results.read(line);
    });
    results.tally((end != End::Success).then(|| ended(&end)))
}

/// Simulated histories by the program itself, as anybody may run them.
fn seeds(run: &Run) -> Tally {
    let seeds = if run.all { SEEDS_ALL } else { SEEDS };
    let program = match florin() {
        Ok(program) => program,
        Err(why) => return Tally::failed(why),
    };
    let mut output = String::new();
    let mut command = Command::new(program);
    let command = command.current_dir(&run.root).args(["prove", "--seeds", &seeds.to_string(), "--json"]);
    let end = process::run(command, run.limit, &mut |line| {
        output.push_str(line);
        output.push('\n');
    });
    report::proof(&output, seeds, (end != End::Success).then(|| ended(&end)))
}

/// The program kills its own processes under load, and then races requests; all books must agree.
fn crash(run: &Run) -> Tally {
    let (kills, races) = if run.all { (KILLS_ALL, RACES_ALL) } else { (KILLS, RACES) };
    let mut tally = Tally::default();
    for arguments in [["--kills".to_string(), kills.to_string()], ["--races".to_string(), races.to_string()]] {
        let mut output = String::new();
        let program = match florin() {
            Ok(program) => program,
            Err(why) => return Tally::failed(why),
        };
        let mut command = Command::new(program);
        let command = command.current_dir(&run.root).args(["prove", "crash", "--json"]).args(&arguments);
        let end = process::run(command, run.limit, &mut |line| {
            println!("{line}");
            output.push_str(line);
            output.push('\n');
        });
        tally.add(report::crashed(&output, (end != End::Success).then(|| ended(&end))));
    }
    tally
}

/// The official Python SDK, from its registry, against a demo of its own.
fn sdk(run: &Run) -> Tally {
    script(run, "tests/sdk/run")
}

/// The official Node SDK, over TLS.
fn node(run: &Run) -> Tally {
    script(run, "tests/node/run")
}

/// The official command line: it asks, triggers, listens, watches requests.
fn cli(run: &Run) -> Tally {
    script(run, "tests/cli/run")
}

/// The browser library in a real Chromium; its pictures are in `target/web`.
fn web(run: &Run) -> Tally {
    script(run, "tests/web/run")
}

/// The page of what works against what the SDKs' runs, just before, have proved.
fn compat(run: &Run) -> Tally {
    match compatibility(&run.root) {
        Ok(mut command) => counted(run, &mut command),
        Err(why) => Tally::failed(why),
    }
}

/// The command that makes that page, or with `--write` writes it.
pub fn compatibility(root: &Path) -> Result<Command, String> {
    let proofs = florin()?.with_file_name("proofs");
    let mut command = Command::new("python3");
    command.current_dir(root).arg("tests/shapes/compatibility.py").arg(proofs);
    Ok(command)
}

/// Odd input over the whole API.
fn backup(run: &Run) -> Tally {
    script(run, "tests/backup/run")
}

/// Mail and SMS to servers of others, and the audit log as somebody outside checks it.
fn messages(run: &Run) -> Tally {
    script(run, "tests/messages/run")
}

fn fuzz(run: &Run) -> Tally {
    script(run, "tests/fuzz/run")
}

/// The community's Rust SDK, built for itself.
fn async_stripe(run: &Run) -> Tally {
    script(run, "tests/async-stripe/run")
}

/// A shop system's payment provider.
fn medusa(run: &Run) -> Tally {
    script(run, "tests/medusa/run")
}

/// A script that tests the program it is given, and prints its results as cargo's test runner does.
fn script(run: &Run, path: &str) -> Tally {
    let program = match florin() {
        Ok(program) => program,
        Err(why) => return Tally::failed(why),
    };
    let mut command = Command::new("bash");
    counted(run, command.current_dir(&run.root).arg(path).arg(program))
}

/// The binary beside this one: cargo puts all programs of a build into one folder.
pub fn florin() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| format!("xtask does not find itself: {e}"))?;
    let program = own.with_file_name("florin");
    if program.is_file() { Ok(program) } else { Err(format!("{} does not exist: build it first", program.display())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_that_run() {
        let check = |all: bool, only: &[&str], expected: &str| {
            let options = Options { all, only: only.iter().map(ToString::to_string).collect() };
            let names: Vec<_> = STAGES.iter().filter(|stage| wanted(stage, &options)).map(|stage| stage.name).collect();
            assert_eq!(names.join(" "), expected, "{all} {only:?}");
        };
        let usual = "fetch format house clippy build tests supply mutants seeds crash sdk node cli backup messages web compat fuzz";
        check(false, &[], usual);
        check(true, &[], &format!("{usual} mutations reproduce async-stripe medusa"));
        check(false, &["house"], "house");
        check(false, &["mutations", "format"], "format mutations");
        check(true, &["seeds"], "build seeds");
    }

    #[test]
    fn an_unknown_stage_is_refused() {
        let options = Options { all: false, only: vec!["no-such-stage".to_string()] };
        assert!(
            run(Path::new("."), &options).is_err_and(|why| why.contains("no-such-stage") && why.contains("clippy"))
        );
    }

    #[test]
    fn nothing_checked_is_no_success() {
        assert!(!summary(&[]));
        assert!(summary(&[("a", Tally::passed(), Duration::ZERO)]));
        assert!(!summary(&[
            ("a", Tally::passed(), Duration::ZERO),
            ("b", Tally::failed(String::new()), Duration::ZERO)
        ]));
    }
}

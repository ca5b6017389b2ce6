//! `cargo xtask`: the test command, the house checks, the benchmark and the crash loop. Knows the repository, and none of its crates.

mod house;
mod process;
mod report;
mod rust;
mod stages;
mod supply;
mod tree;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Exit code of a call that cannot be understood, as shells use it.
const MISUSE: u8 = 2;

enum Task {
    Test(stages::Options),
    House,
    Bench(Vec<String>),
    Crash(Vec<String>),
    /// Minutes.
    Fuzz(u64),
    Compat,
    /// Only compared, not written.
    Sbom(bool),
    /// The advisory database, where one is given.
    Deny(Option<String>),
    Reproduce,
    Release(supply::release::Options),
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = match parse(&arguments) {
        Ok(task) => task,
        Err(why) => {
            eprintln!("{why}\n\n{}", help());
            return ExitCode::from(MISUSE);
        }
    };
    match perform(task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Task, String> {
    let Some((name, rest)) = arguments.split_first() else { return Ok(Task::Help) };
    match name.as_str() {
        "test" => parse_test(rest),
        "house" if rest.is_empty() => Ok(Task::House),
        "compat" if rest.is_empty() => Ok(Task::Compat),
        "compat" => Err("compat takes no arguments".to_string()),
        "sbom" => match rest {
            [] => Ok(Task::Sbom(false)),
            [flag] if flag == "--check" => Ok(Task::Sbom(true)),
            _ => Err("sbom takes --check or nothing".to_string()),
        },
        "deny" => match rest {
            [] => Ok(Task::Deny(None)),
            [flag, path] if flag == "--advisories" => Ok(Task::Deny(Some(path.clone()))),
            _ => Err("deny takes --advisories PATH or nothing".to_string()),
        },
        "reproduce" if rest.is_empty() => Ok(Task::Reproduce),
        "reproduce" => Err("reproduce takes no arguments".to_string()),
        "release" => supply::release::parse(rest).map(Task::Release),
        "bench" => Ok(Task::Bench(rest.to_vec())),
        "fuzz" => parse_fuzz(rest),
        "crash" => Ok(Task::Crash(rest.to_vec())),
        "help" | "--help" | "-h" => Ok(Task::Help),
        "house" => Err("house takes no arguments".to_string()),
        other => Err(format!("no task is called {other}")),
    }
}

fn parse_test(arguments: &[String]) -> Result<Task, String> {
    let mut options = stages::Options { all: false, only: Vec::new() };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--all" => options.all = true,
            "--stage" => options.only.push(rest.next().ok_or("--stage needs a name")?.clone()),
            other => return Err(format!("test does not know {other}")),
        }
    }
    Ok(Task::Test(options))
}

/// `--minutes N`.
fn parse_fuzz(arguments: &[String]) -> Result<Task, String> {
    match arguments {
        [flag, minutes] if flag == "--minutes" => {
            let minutes = minutes.parse().ok().filter(|n| (1..=10_000).contains(n));
            minutes.map(Task::Fuzz).ok_or_else(|| "--minutes takes a number from 1 to 10000".to_string())
        }
        _ => Err("fuzz takes --minutes N".to_string()),
    }
}

/// False when something failed that has been said already.
fn perform(task: Task) -> Result<bool, String> {
    match task {
        Task::Test(options) => stages::run(&root()?, &options),
        Task::House => {
            let (passed, failed) = house::run(&root()?)?;
            println!("{passed} passed, {failed} failed");
            Ok(failed == 0)
        }
        Task::Bench(arguments) => program(&["bench"], &arguments),
        Task::Fuzz(minutes) => stages::fuzz_for(&root()?, minutes),
        Task::Crash(arguments) => program(&["prove", "crash"], &arguments),
        Task::Compat => compat(),
        Task::Sbom(false) => supply::write_bill(&root()?).map(|()| true),
        Task::Sbom(true) => {
            let tally = supply::check_bill(&root()?)?;
            tally.notes.iter().for_each(|note| println!("{note}"));
            println!("{} passed, {} failed", tally.passed, tally.failed);
            Ok(tally.failed == 0)
        }
        Task::Deny(advisories) => stages::deny_with(&root()?, advisories.as_deref()),
        Task::Reproduce => supply::reproduce::run(&root()?),
        Task::Release(options) => supply::release::run(&root()?, &options).map(|()| true),
        Task::Help => {
            println!("{}", help());
            Ok(true)
        }
    }
}

/// Builds the program as a user would and runs a command of it.
fn program(command: &[&str], arguments: &[String]) -> Result<bool, String> {
    let root = root()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "--locked"]).current_dir(&root).status();
    if !built.map_err(|e| format!("cargo cannot be started: {e}"))?.success() {
        return Ok(false);
    }
    let program = stages::florin()?;
    let ran = Command::new(&program).args(command).args(arguments).current_dir(&root).status();
    Ok(ran.map_err(|e| format!("{} cannot be started: {e}", program.display()))?.success())
}

/// Runs the official SDKs and writes the page of what works.
fn compat() -> Result<bool, String> {
    let root = root()?;
    let only = ["sdk", "node"].map(str::to_string).to_vec();
    // A check that fails proves nothing, and the page says so.
    stages::run(&root, &stages::Options { all: false, only })?;
    let written = stages::compatibility(&root)?.arg("--write").status();
    Ok(written.map_err(|e| format!("python3 cannot be started: {e}"))?.success())
}

/// The workspace's folder: the first one upwards whose manifest has a workspace.
fn root() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|e| format!("the current folder cannot be read: {e}"))?;
    let manifest = |folder: &&std::path::Path| {
        std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]"))
    };
    here.ancestors().find(manifest).map(PathBuf::from).ok_or_else(|| "run this inside the repository".to_string())
}

fn help() -> String {
    format!(
        "cargo xtask TASK

  test [--all] [--stage NAME]...   every check, each with a deadline; the last line is the sum
                                   --all adds what is slow; --stage runs only that stage and what it needs
                                   stages: {}
  house                            the checks of the repository's own rules, alone: a second
  bench [--json] [--seconds N] [--connections N]...
                                   builds florin and measures payments through the API, and their ratio to a no-op TLS echo;
                                   --parts: the store, the link, the terminal's door
  crash [--json] [--kills N] [--seconds N] [--seed S] [--races N]
                                   builds florin and kills its processes with -9 under load, or races requests; then compares all books
  compat                           runs the official SDKs and writes docs/compatibility.md
  fuzz --minutes N                 mutates inputs of every parser that strangers reach, for so long; a short run is part of the tests
  sbom [--check]                   writes the bill of materials (CycloneDX), or only holds it against Cargo.lock and the build
  deny [--advisories PATH]         licences, sources and banned packages by cargo-deny; known holes by a copy of the RustSec database
  reproduce                        builds the commit twice in two folders and compares: must be one program
  release --out DIR --key FILE [--program FILE]
                                   builds the commit as `reproduce` does and signs it (ssh-ed25519); --program takes one that was built
  help                             this",
        stages::names()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls() {
        let check = |call: &str, expected: &str| {
            let arguments: Vec<String> = call.split_whitespace().map(str::to_string).collect();
            let told = match parse(&arguments) {
                Ok(Task::Test(options)) => format!("test all={} only={}", options.all, options.only.join(" ")),
                Ok(Task::House) => "house".to_string(),
                Ok(Task::Bench(rest)) => format!("bench {}", rest.join(" ")),
                Ok(Task::Crash(rest)) => format!("crash {}", rest.join(" ")),
                Ok(Task::Compat) => "compat".to_string(),
                Ok(Task::Fuzz(minutes)) => format!("fuzz {minutes}"),
                Ok(Task::Sbom(check)) => format!("sbom check={check}"),
                Ok(Task::Deny(path)) => format!("deny {path:?}"),
                Ok(Task::Reproduce) => "reproduce".to_string(),
                Ok(Task::Release(options)) => format!("release {options:?}"),
                Ok(Task::Help) => "help".to_string(),
                Err(why) => why,
            };
            assert_eq!(told, expected, "{call}");
        };
        check("", "help");
        check("test", "test all=false only=");
        check("test --stage house --all --stage tests", "test all=true only=house tests");
        check("test --stage", "--stage needs a name");
        check("test --fast", "test does not know --fast");
        check("house", "house");
        check("house now", "house takes no arguments");
        check("bench --seconds 2", "bench --seconds 2");
        check("crash --kills 3", "crash --kills 3");
        check("fuzz --minutes 7", "fuzz 7");
        check("compat", "compat");
        check("compat now", "compat takes no arguments");
        check("sbom", "sbom check=false");
        check("sbom --check", "sbom check=true");
        check("sbom now", "sbom takes --check or nothing");
        check("deny --advisories a", "deny Some(\"a\")");
        check("deny --advisories", "deny takes --advisories PATH or nothing");
        check("reproduce", "reproduce");
        check("reproduce twice", "reproduce takes no arguments");
        check("release", "release takes --out DIR --key FILE [--program FILE]");
        check("fly", "no task is called fly");
    }
}

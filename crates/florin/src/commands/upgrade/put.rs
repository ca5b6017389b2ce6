//! A verified release into the program's place: beside it first, then by one rename. What was there stays as `.previous`.

use super::refused::Refused;
use super::{Place, Release, copy, tell};
use crate::built;
use crate::cli::Common;
use crate::fail::{Fail, Outcome, io};
use semver::Version;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub fn apply(common: &Common, release: &Release, place: &Place, program: Option<&Path>) -> Outcome {
    let program = match program {
        Some(program) => program.to_owned(),
        None => std::env::current_exe().map_err(|e| Fail::new("no_binary", format!("cannot find myself: {e}")))?,
    };
    // A link to the program stays a link.
    let program = program.canonicalize().map_err(|e| io("find", &program, &e))?;
    // What is replaced need not be the program that asks.
    if let Some(there) = version_of(&program) {
        let version = &release.manifest.version;
        match version.cmp_precedence(&there) {
            Ordering::Less => return Err(Refused::Older { version: version.clone() }.fail()),
            // Once more would put it in the place of the one before, which is the way back.
            Ordering::Equal => {
                let told = json!({ "program": program, "already": true });
                tell(common, release, &told, &format!("in place as {} already.", program.display()));
                return Ok(0);
            }
            Ordering::Greater => {}
        }
    }
    let (next, previous) = (beside(&program, "next"), beside(&program, "previous"));
    let placed = prepare(release, place, &program, &next).and_then(|()| swap(&program, &next, &previous));
    if let Err(fail) = placed {
        let _ = std::fs::remove_file(&next);
        return Err(fail);
    }
    let text = format!(
        "in place as {}; {} is kept as {}. What runs is still the old one: florin restart.",
        program.display(),
        built::VERSION,
        previous.display()
    );
    tell(
        common,
        release,
        &json!({ "program": program, "previous": previous, "next_command": "florin restart" }),
        &text,
    );
    Ok(0)
}

/// `florin` → `florin.next`.
fn beside(program: &Path, word: &str) -> PathBuf {
    let mut name = program.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(word);
    program.with_file_name(name)
}

/// Writes the new program with the rights of the old one, and asks it who it is.
fn prepare(release: &Release, place: &Place, program: &Path, next: &Path) -> Result<(), Fail> {
    let broken = || Refused::Broken.fail();
    let file = release.manifest.program().ok_or_else(broken)?;
    let old = program.metadata().map_err(|e| io("read", program, &e))?;
    match std::fs::remove_file(next) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("write", next, &error)),
        // Of a try that broke off.
        _ => {}
    }
    copy(place, file, next, 0o700)?;
    let owner = next.metadata().map_err(|e| io("read", next, &e))?;
    if (owner.uid(), owner.gid()) != (old.uid(), old.gid()) {
        chown(next, Some(old.uid()), Some(old.gid())).map_err(|e| io("hand over", next, &e))?;
    }
    std::fs::set_permissions(next, Permissions::from_mode(old.mode() & 0o777)).map_err(|e| io("write", next, &e))?;
    let mut command = Command::new(next);
    let said = command.args(["version", "--json"]).env_clear().stdin(Stdio::null()).output().map_err(|_| broken())?;
    let told: Value = serde_json::from_slice(&said.stdout).map_err(|_| broken())?;
    let right = told["florin"] == release.manifest.version.to_string() && told["target"] == release.manifest.target;
    if right && said.status.success() { Ok(()) } else { Err(broken()) }
}

/// Of a program that runs here and says so.
fn version_of(program: &Path) -> Option<Version> {
    let mut command = Command::new(program);
    let said = command.args(["version", "--json"]).env_clear().stdin(Stdio::null()).output().ok()?;
    let told: Value = serde_json::from_slice(&said.stdout).ok()?;
    Version::parse(told["florin"].as_str()?).ok()
}

/// At every moment there is a program: the old one gets a second name, then the new one takes its first.
fn swap(program: &Path, next: &Path, previous: &Path) -> Result<(), Fail> {
    let second = beside(program, "previous.part");
    let _ = std::fs::remove_file(&second);
    std::fs::hard_link(program, &second).map_err(|e| io("keep", &second, &e))?;
    std::fs::rename(&second, previous).map_err(|e| io("keep", previous, &e))?;
    std::fs::rename(next, program).map_err(|e| io("replace", program, &e))?;
    let folder = program.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| io("write", folder, &e))
}

//! Tells the program what it is built from: commit, compiler, target, flags. Reads files of the checkout and asks the compiler its version;
//! knows no network and no clock.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const UNKNOWN: &str = "unknown";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    tell("COMMIT", &commit().unwrap_or_else(|| UNKNOWN.to_owned()));
    tell("RUSTC", &rustc().unwrap_or_else(|| UNKNOWN.to_owned()));
    tell("EPOCH", &env::var("SOURCE_DATE_EPOCH").unwrap_or_default());
    for name in ["TARGET", "PROFILE", "OPT_LEVEL", "DEBUG"] {
        tell(name, &env::var(name).unwrap_or_default());
    }
    let mut features: Vec<String> = env::vars()
        .filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(|name| name.to_lowercase().replace('_', "-")))
        .collect();
    features.sort();
    tell("FEATURES", &features.join(","));
}

fn tell(name: &str, value: &str) {
    println!("cargo::rustc-env=FLORIN_BUILD_{name}={}", value.lines().next().unwrap_or_default());
}

/// For example `1.95.0 (59807616e 2026-04-14)`.
fn rustc() -> Option<String> {
    let said = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    Some(String::from_utf8(said.stdout).ok()?.trim().strip_prefix("rustc ")?.to_owned())
}

/// The commit that is checked out. What was changed since is not seen: releases are built of checkouts without changes.
fn commit() -> Option<String> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?).join("../..");
    let folder = git_folder(&root)?;
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(path) => folder.join(path.trim()),
        Err(_) => folder.clone(),
    };
    watch(&folder.join("HEAD"));
    let head = fs::read_to_string(folder.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return is_commit(head.trim()) };
    let loose = common.join(name);
    // A file that is not there would make every build a new one: then the folder where it will appear is watched.
    watch(loose.ancestors().find(|path| path.exists())?);
    if let Ok(text) = fs::read_to_string(&loose) {
        return is_commit(text.trim());
    }
    let packed = common.join("packed-refs");
    watch(&packed);
    let text = fs::read_to_string(packed).ok()?;
    text.lines().find_map(|line| is_commit(line.strip_suffix(name)?.trim_end()))
}

/// `.git`, or where the file `.git` of a second checkout points to.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let path = root.join(".git");
    if path.is_dir() {
        return Some(path);
    }
    let text = fs::read_to_string(path).ok()?;
    Some(root.join(text.trim().strip_prefix("gitdir: ")?))
}

fn is_commit(text: &str) -> Option<String> {
    let right = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| text.to_owned())
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

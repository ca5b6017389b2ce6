//! Builds that come out the same: the program is built twice in two folders and must be one file. What a release is built with is here
//! alone. Knows no signature.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "target/reproduce";
/// Of different length, so that a path that is left in the program moves everything behind it.
const PLACES: [&str; 2] = ["first", "in/another/folder"];
/// What paths are called in the program, whatever they are on this machine.
const ROOT: &str = "/florin";
const PACKAGES: &str = "/cargo";

/// Builds the commit that is checked out twice and compares. False when the two are not the same; both are kept then.
pub fn run(root: &Path) -> Result<bool, String> {
    let mut built = Vec::new();
    for place in PLACES {
        let program = build(root, &root.join(FOLDER).join(place))?;
        let digest = sha256(&program)?;
        println!("{digest}  {place}");
        built.push((digest, program));
    }
    let [(one, first), (two, second)] = built.as_slice() else { return Err("there are not two builds".to_string()) };
    if one == two {
        println!("the same program: SHA-256 {one}");
        let _ = std::fs::remove_dir_all(root.join(FOLDER));
        return Ok(true);
    }
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    println!("{}", difference(&read(first)?, &read(second)?));
    println!("compare them: {} {}", first.display(), second.display());
    Ok(false)
}

/// Builds the commit that is checked out, in a clone of its own, and returns the program. Nothing of this machine's paths stands in it.
pub fn build(root: &Path, folder: &Path) -> Result<PathBuf, String> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let folder = folder.canonicalize().map_err(|e| format!("{}: {e}", folder.display()))?;
    let clone = Command::new("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(root).arg(&folder).status();
    if !clone.map_err(|e| format!("git cannot be started: {e}"))?.success() {
        return Err("git clone failed".to_string());
    }
    let (flags, c_flags) = flags(&folder)?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--locked", "-p", "florin"]).current_dir(&folder);
    command.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET");
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).env("CFLAGS", c_flags.join(" "));
    command.env("CARGO_INCREMENTAL", "0").env("SOURCE_DATE_EPOCH", epoch(&folder)?);
    // A release carries names of functions, not lines: a fifth of the size.
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "false").env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    if !command.status().map_err(|e| format!("cargo cannot be started: {e}"))?.success() {
        return Err(format!("the build in {} failed", folder.display()));
    }
    let program = folder.join("target/release/florin");
    let bytes = std::fs::read(&program).map_err(|e| format!("{}: {e}", program.display()))?;
    for (path, _) in paths(&folder)? {
        if let Some(at) = find(&bytes, path.as_bytes()) {
            return Err(format!("the program holds a path of this machine: {}", around(&bytes, at)));
        }
    }
    Ok(program)
}

/// Flags of the Rust and of the C compiler that take this machine's paths out.
fn flags(folder: &Path) -> Result<(Vec<String>, Vec<String>), String> {
    let paths = paths(folder)?;
    let rust = paths.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    let c = paths.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();
    Ok((rust, c))
}

/// Where sources stand on this machine, and what the program calls those places.
fn paths(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = home.ok_or("neither CARGO_HOME nor HOME is set")?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let ask = |arguments: &[&str]| {
        let said =
            Command::new(&rustc).args(arguments).output().map_err(|e| format!("rustc cannot be started: {e}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&said.stdout).trim().to_string())
    };
    let about = ask(&["-vV"])?;
    let hash = about.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    Ok(vec![
        (home.display().to_string(), PACKAGES.to_string()),
        // Sources of the standard library, where they are installed, are called as they are where they are not.
        (format!("{}/lib/rustlib/src/rust", ask(&["--print", "sysroot"])?), format!("/rustc/{hash}")),
        (folder.display().to_string(), ROOT.to_string()),
    ])
}

/// Seconds since 1970 at which the commit was made.
fn epoch(folder: &Path) -> Result<String, String> {
    let said = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(folder).output();
    let said = said.map_err(|e| format!("git cannot be started: {e}"))?;
    let text = String::from_utf8_lossy(&said.stdout).trim().to_string();
    if text.parse::<u64>().is_ok() { Ok(text) } else { Err("git does not say when the commit was made".to_string()) }
}

/// Hexadecimal, by the system's tool.
pub fn sha256(path: &Path) -> Result<String, String> {
    let mut command = Command::new("sha256sum");
    let said = command.arg("--").arg(path).stderr(Stdio::inherit()).output();
    let said = said.map_err(|e| format!("sha256sum cannot be started: {e}"))?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let digest = text.split_whitespace().next().filter(|_| said.status.success()).unwrap_or_default();
    // The tool marks names that it had to escape.
    let digest = digest.trim_start_matches('\\');
    if digest.len() == 64 { Ok(digest.to_string()) } else { Err(format!("{} has no digest", path.display())) }
}

/// Where two programs part, for people.
fn difference(one: &[u8], two: &[u8]) -> String {
    let differing = one.iter().zip(two).filter(|(a, b)| a != b).count();
    let first = one.iter().zip(two).position(|(a, b)| a != b).unwrap_or(one.len().min(two.len()));
    format!(
        "they differ: {} and {} bytes, {differing} of them not the same, from {first} on\n  {}\n  {}",
        one.len(),
        two.len(),
        around(one, first),
        around(two, first)
    )
}

/// What can be read at a place.
fn around(bytes: &[u8], at: usize) -> String {
    const BEFORE: usize = 64;
    const BEHIND: usize = 128;
    let part = bytes.get(at.saturating_sub(BEFORE)..bytes.len().min(at + BEHIND)).unwrap_or_default();
    part.iter().map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' }).collect()
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
    starts.map(|(at, _)| at).find(|at| bytes.get(*at..*at + part.len()) == Some(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown() {
        let told = difference(b"abc/one/def", b"abc/two/def");
        assert!(told.contains("11 and 11 bytes, 3 of them") && told.contains("from 4 on"), "{told}");
        assert!(told.contains("abc/one/def") && told.contains("abc/two/def"), "{told}");
    }

    #[test]
    fn paths_of_a_machine_are_found_and_renamed() {
        assert_eq!(find(b"xx/a/bxx", b"/a/b"), Some(2));
        assert_eq!(find(b"xx/a/cxx", b"/a/b"), None);
        let (rust, c) = flags(Path::new("/somewhere")).unwrap();
        assert_eq!(rust.last().map(String::as_str), Some("--remap-path-prefix=/somewhere=/florin"));
        assert_eq!(c.last().map(String::as_str), Some("-ffile-prefix-map=/somewhere=/florin"));
        assert_eq!((rust.len(), c.len()), (3, 3));
    }
}

//! A release: the program, its bill of materials, a manifest over both, and a signature over the manifest by `ssh-keygen`, which may ask a
//! token or an agent for the key. What the manifest says of the program is what the program says of itself.

use super::reproduce;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use toml::Table;

/// Which releases a release follows, kept in the repository.
const FOLLOWS: &str = "ops/release.toml";
/// What signatures are made for (OpenSSH PROTOCOL.sshsig): a signature for something else is none for a release.
const NAMESPACE: &str = "release@florin";
const FORMAT: u32 = 1;

#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// A folder that is made.
    pub out: PathBuf,
    /// A private key of OpenSSH, or the public half of one that an agent or a token holds.
    pub key: PathBuf,
    /// Built elsewhere; otherwise the commit is built.
    pub program: Option<PathBuf>,
}

/// `--out DIR --key FILE [--program FILE]`.
pub fn parse(arguments: &[String]) -> Result<Options, String> {
    const USAGE: &str = "release takes --out DIR --key FILE [--program FILE]";
    let (mut out, mut key, mut program) = (None, None, None);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Err(USAGE.to_string()) };
        match name.as_str() {
            "--out" => out = Some(value.into()),
            "--key" => key = Some(value.into()),
            "--program" => program = Some(value.into()),
            _ => return Err(USAGE.to_string()),
        }
    }
    match (out, key) {
        (Some(out), Some(key)) => Ok(Options { out, key, program }),
        _ => Err(USAGE.to_string()),
    }
}

pub fn run(root: &Path, options: &Options) -> Result<(), String> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            unchanged(root)?;
            reproduce::build(root, &root.join("target/reproduce/release"))?
        }
    };
    let about: Value = serde_json::from_str(&ask(&program, &["version", "--json"])?)
        .map_err(|e| format!("{} does not say what it is: {e}", program.display()))?;
    let text =
        |name: &str| about[name].as_str().map(str::to_string).ok_or(format!("the program does not say its {name}"));
    let (version, target) = (text("florin")?, text("target")?);
    std::fs::create_dir_all(&options.out).map_err(|e| format!("{}: {e}", options.out.display()))?;
    let (name, bill) = (format!("florin-{version}-{target}"), format!("florin-{version}-{target}.cdx.json"));
    let place = |name: &str| options.out.join(name);
    std::fs::copy(&program, place(&name)).map_err(|e| format!("{name}: {e}"))?;
    std::fs::write(place(&bill), ask(&program, &["version", "--sbom"])?).map_err(|e| format!("{bill}: {e}"))?;
    let follows = std::fs::read_to_string(root.join(FOLLOWS)).map_err(|e| format!("{FOLLOWS}: {e}"))?;
    let mut files = Vec::new();
    for (name, is) in [(&name, "program"), (&bill, "sbom")] {
        let bytes = std::fs::metadata(place(name)).map_err(|e| format!("{name}: {e}"))?.len();
        files.push(json!({ "name": name, "is": is, "bytes": bytes, "sha256": reproduce::sha256(&place(name))? }));
    }
    let manifest = manifest(&about, &version, &target, &follows, &files)?;
    let path = place("manifest.json");
    std::fs::write(&path, manifest).map_err(|e| format!("{}: {e}", path.display()))?;
    // It asks before it replaces one.
    let _ = std::fs::remove_file(place("manifest.json.sig"));
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-Y", "sign", "-n", NAMESPACE, "-f"]).arg(&options.key).arg(&path);
    if !sign.status().map_err(|e| format!("ssh-keygen cannot be started: {e}"))?.success() {
        return Err("the manifest is not signed".to_string());
    }
    println!("{}: Florin {version} for {target}, signed", options.out.display());
    Ok(())
}

/// What is signed. Times and names of this machine are not in it.
fn manifest(about: &Value, version: &str, target: &str, follows: &str, files: &[Value]) -> Result<String, String> {
    let follows: Table = follows.parse().map_err(|e| format!("{FOLLOWS}: {e}"))?;
    let text = |name: &str| follows.get(name).and_then(toml::Value::as_str).filter(|text| !text.is_empty());
    let from = text("min_upgrade_from").ok_or(format!("{FOLLOWS} does not say min_upgrade_from"))?;
    let whole = json!({
        "format": FORMAT,
        "product": "florin",
        "version": version,
        "target": target,
        "min_upgrade_from": from,
        "previous": text("previous"),
        "commit": about["commit"],
        "rustc": about["rustc"],
        "source_date_epoch": about["source_date_epoch"],
        "files": files,
    });
    let mut text = serde_json::to_string_pretty(&whole).map_err(|e| e.to_string())?;
    text.push('\n');
    Ok(text)
}

/// A release is what the repository holds, and nothing that only this machine has.
fn unchanged(root: &Path) -> Result<(), String> {
    let said = Command::new("git").args(["status", "--porcelain"]).current_dir(root).output();
    let said = said.map_err(|e| format!("git cannot be started: {e}"))?;
    if said.status.success() && said.stdout.is_empty() {
        return Ok(());
    }
    Err("there are changes that no commit holds: commit them, or take them back".to_string())
}

fn ask(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let program = program.canonicalize().map_err(|e| format!("{}: {e}", program.display()))?;
    let said = Command::new(&program).args(arguments).output();
    let said = said.map_err(|e| format!("{} cannot be started: {e}", program.display()))?;
    if !said.status.success() {
        return Err(format!("{} {} failed", program.display(), arguments.join(" ")));
    }
    String::from_utf8(said.stdout).map_err(|_| format!("{} did not print text", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls() {
        let check = |call: &str| parse(&call.split_whitespace().map(str::to_string).collect::<Vec<_>>());
        let whole = Options { out: "o".into(), key: "k".into(), program: None };
        assert_eq!(check("--out o --key k"), Ok(whole));
        for wrong in ["", "--out o", "--key k", "--out", "--out o --key k --fast yes", "--out o --key k --program"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_manifest_says_what_it_follows() {
        let about = json!({ "commit": "c", "rustc": "r", "source_date_epoch": 7 });
        let follows = "previous = \"0.1.0\"\nmin_upgrade_from = \"0.1.0\"";
        let written = manifest(&about, "0.2.0", "t", follows, &[json!({ "name": "n" })]).unwrap();
        let read: Value = serde_json::from_str(&written).unwrap();
        let expected = json!({
            "format": 1, "product": "florin", "version": "0.2.0", "target": "t", "min_upgrade_from": "0.1.0",
            "previous": "0.1.0", "commit": "c", "rustc": "r", "source_date_epoch": 7, "files": [{ "name": "n" }],
        });
        assert_eq!(read, expected);
        assert!(manifest(&about, "0.2.0", "t", "previous = \"\"", &[]).is_err());
    }
}

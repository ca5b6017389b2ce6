//! Which packages the program is built of, as cargo says: their licences, sources, checksums, what they need, and what C code they bring.
//! Knows no format of bills.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use toml::Table;

/// The crate whose build is told of.
const PROGRAM: &str = "florin";

/// One package of the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// SPDX, with `OR` where older manifests write `/`.
    pub license: Option<String>,
    pub repository: Option<String>,
    /// SHA-256 of the package as published, hexadecimal; a crate of this repository has none.
    pub checksum: Option<String>,
    /// Part of the program; otherwise it ran while the program was built.
    pub linked: bool,
    /// Compiled on this machine's kind. Others are for another processor.
    pub here: bool,
    /// Labels of what it needs, in order.
    pub needs: BTreeSet<String>,
    pub native: Vec<Native>,
}

impl Package {
    /// `name@version`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// A library in C that a package carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    pub name: &'static str,
    pub version: String,
    pub license: String,
    /// Vendor and product, as vulnerability databases name it.
    pub cpe: (&'static str, &'static str),
}

/// What C libraries there are, and where their versions stand.
struct Carried {
    package: &'static str,
    name: &'static str,
    /// Empty: what the package's own licence says is of the C code too.
    license: &'static str,
    cpe: (&'static str, &'static str),
    /// A header in the package, and what stands before the quoted version; without one the version is that behind the package's `+`.
    header: Option<(&'static str, &'static str)>,
}

const CARRIED: [Carried; 4] = [
    Carried {
        package: "libsqlite3-sys",
        name: "sqlite",
        license: "blessing",
        cpe: ("sqlite", "sqlite"),
        header: Some(("sqlite3/sqlite3.h", "#define SQLITE_VERSION ")),
    },
    Carried {
        package: "aws-lc-sys",
        name: "aws-lc",
        license: "",
        cpe: ("amazon", "aws-lc"),
        header: Some(("aws-lc/include/openssl/base.h", "#define AWSLC_VERSION_NUMBER_STRING ")),
    },
    Carried {
        package: "zstd-sys",
        name: "zstd",
        license: "BSD-3-Clause",
        cpe: ("facebook", "zstandard"),
        header: None,
    },
    Carried {
        package: "tikv-jemalloc-sys",
        name: "jemalloc",
        license: "BSD-2-Clause",
        cpe: ("jemalloc", "jemalloc"),
        header: None,
    },
];

/// All packages of the program's build, for every processor that `deny.toml` names, in the order of their labels.
pub fn read(root: &Path) -> Result<Vec<Package>, String> {
    let host = host()?;
    let mut targets = targets(&text(&root.join("deny.toml"))?)?;
    if !targets.contains(&host) {
        targets.push(host.clone());
    }
    let checksums = checksums(&text(&root.join("Cargo.lock"))?)?;
    let (mut all, mut linked, mut here) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut found: BTreeMap<String, Package> = BTreeMap::new();
    for target in &targets {
        let built = listed(root, target, "normal,build")?;
        linked.extend(listed(root, target, "normal,no-proc-macro")?);
        if *target == host {
            here = built.clone();
        }
        let metadata = cargo(root, &["metadata", "--locked", "--format-version", "1", "--filter-platform", target])?;
        let metadata: Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata: {e}"))?;
        for package in described(&metadata, &built, &checksums)? {
            let label = package.label();
            let needs = package.needs.clone();
            found.entry(label).or_insert(package).needs.extend(needs);
        }
        all.extend(built);
    }
    if let Some(missing) = all.iter().find(|label| !found.contains_key(*label)) {
        return Err(format!("cargo metadata says nothing of {missing}"));
    }
    for (label, package) in &mut found {
        package.linked = linked.contains(label);
        package.here = here.contains(label);
    }
    Ok(found.into_values().collect())
}

/// Labels of what cargo compiles, or has compiled, for the program on this machine.
pub fn compiled(root: &Path) -> Result<BTreeSet<String>, String> {
    let said = cargo(root, &["build", "--release", "--locked", "-p", PROGRAM, "--message-format", "json"])?;
    let mut labels = BTreeSet::new();
    for line in said.lines() {
        let message: Value = serde_json::from_str(line).map_err(|e| format!("cargo build: {e}"))?;
        if message["reason"] == "compiler-artifact" {
            labels.insert(label_of(message["package_id"].as_str().unwrap_or_default())?);
        }
    }
    Ok(labels)
}

/// `path+file:///…/name#0.1.0`, `registry+https://…#name@1.2.3` or `path+file:///…/folder#name@0.1.0`.
fn label_of(id: &str) -> Result<String, String> {
    let (place, tail) = id.rsplit_once('#').ok_or_else(|| format!("{id} is no package id"))?;
    if tail.contains('@') {
        return Ok(tail.to_string());
    }
    let folder = place.rsplit('/').next().unwrap_or_default();
    Ok(format!("{folder}@{tail}"))
}

/// What `cargo tree` lists: the build's packages as the resolver of features sees them, which `cargo metadata` does not.
fn listed(root: &Path, target: &str, edges: &str) -> Result<BTreeSet<String>, String> {
    let arguments = ["tree", "--locked", "-p", PROGRAM, "--target", target, "-e", edges];
    let said = cargo(root, &[&arguments[..], &["--prefix", "none", "--format", "{p}"]].concat())?;
    let mut labels = BTreeSet::new();
    for line in said.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')));
        let (Some(name), Some(version)) = (name, version) else { return Err(format!("cargo tree said {line}")) };
        labels.insert(format!("{name}@{version}"));
    }
    Ok(labels)
}

/// The packages of `built`, out of the answer of `cargo metadata`.
fn described(
    metadata: &Value,
    built: &BTreeSet<String>,
    checksums: &BTreeMap<String, String>,
) -> Result<Vec<Package>, String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let owned = |value: &Value| value.as_str().map(str::to_string);
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for package in list(&metadata["packages"]) {
        let (Some(id), Some(name), Some(version)) =
            (owned(&package["id"]), owned(&package["name"]), owned(&package["version"]))
        else {
            return Err("cargo metadata names a package without a name".to_string());
        };
        let label = format!("{name}@{version}");
        labels.insert(id.clone(), label.clone());
        if built.contains(&label) {
            let folder = owned(&package["manifest_path"]).map(PathBuf::from).unwrap_or_default();
            let license = owned(&package["license"]).map(|text| text.replace('/', " OR "));
            let mut native = native(&name, &version, folder.parent().unwrap_or(Path::new("")))?;
            for carried in native.iter_mut().filter(|carried| carried.license.is_empty()) {
                carried.license = license.clone().unwrap_or_default();
            }
            let checksum = checksums.get(&label).cloned();
            let repository = owned(&package["repository"]);
            let needs = BTreeSet::new();
            let one =
                Package { name, version, license, repository, checksum, linked: false, here: false, needs, native };
            found.push((id, one));
        }
    }
    for node in list(&metadata["resolve"]["nodes"]) {
        let Some((_, package)) = found.iter_mut().find(|(id, _)| node["id"] == id.as_str()) else { continue };
        let runs = |dep: &Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
        let ids = list(&node["deps"]).into_iter().filter(runs).filter_map(|dep| owned(&dep["pkg"]));
        package.needs.extend(ids.filter_map(|id| labels.get(&id).cloned()).filter(|label| built.contains(label)));
    }
    Ok(found.into_iter().map(|(_, package)| package).collect())
}

/// The C libraries of a package, with the versions that their own sources state.
fn native(package: &str, version: &str, folder: &Path) -> Result<Vec<Native>, String> {
    let mut found = Vec::new();
    for carried in CARRIED.iter().filter(|carried| carried.package == package) {
        let version = match carried.header {
            Some((header, before)) => quoted(&text(&folder.join(header))?, before),
            None => version.split_once('+').and_then(|(_, own)| numbers(own)),
        };
        let version = version.ok_or_else(|| format!("{package} does not say which {} it carries", carried.name))?;
        found.push(Native { name: carried.name, version, license: carried.license.to_string(), cpe: carried.cpe });
    }
    Ok(found)
}

/// `1.2.3` of the line that begins so and goes on with `"1.2.3"`.
fn quoted(text: &str, before: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.strip_prefix(before))?;
    Some(rest.split('"').nth(1)?.to_string())
}

/// `1.5.7` of `zstd.1.5.7`, `5.3.1` of `5.3.1-0-g81034ce`.
fn numbers(text: &str) -> Option<String> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let rest = text.get(from..)?;
    Some(rest.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?.to_string())
}

/// Label → SHA-256, of the lock file.
pub fn checksums(lock: &str) -> Result<BTreeMap<String, String>, String> {
    let lock: Table = lock.parse().map_err(|e| format!("Cargo.lock: {e}"))?;
    let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let field = |package: &toml::Value, name: &str| Some(package.get(name)?.as_str()?.to_string());
    let one = |package: &toml::Value| {
        Some((format!("{}@{}", field(package, "name")?, field(package, "version")?), field(package, "checksum")?))
    };
    Ok(packages.iter().filter_map(one).collect())
}

/// `graph.targets` of deny.toml: for which processors the rules hold.
fn targets(rules: &str) -> Result<Vec<String>, String> {
    let rules: Table = rules.parse().map_err(|e| format!("deny.toml: {e}"))?;
    let named = rules.get("graph").and_then(|graph| graph.get("targets")).and_then(toml::Value::as_array);
    let named: Vec<String> = named.into_iter().flatten().filter_map(|t| t.as_str().map(str::to_string)).collect();
    if named.is_empty() { Err("deny.toml names no targets".to_string()) } else { Ok(named) }
}

/// This machine's target, as the compiler names it.
pub fn host() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("-vV").output().map_err(|e| format!("rustc cannot be started: {e}"))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_string).ok_or_else(|| "rustc does not say for which machine it compiles".to_string())
}

/// What cargo prints. Its messages go where ours go.
fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments).stderr(std::process::Stdio::inherit());
    let ran = command.output().map_err(|e| format!("cargo cannot be started: {e}"))?;
    if !ran.status.success() {
        return Err(format!("cargo {} failed", arguments.first().unwrap_or(&"")));
    }
    String::from_utf8(ran.stdout).map_err(|_| "cargo did not print text".to_string())
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_packages() {
        for (id, label) in [
            ("registry+https://github.com/rust-lang/crates.io-index#serde@1.0.229", "serde@1.0.229"),
            ("path+file:///a/crates/florin#0.1.0", "florin@0.1.0"),
            ("path+file:///a/crates/core#florin-core@0.1.0", "florin-core@0.1.0"),
        ] {
            assert_eq!(label_of(id).as_deref(), Ok(label));
        }
        assert!(label_of("florin").is_err());
    }

    #[test]
    fn versions_of_c_libraries() {
        assert_eq!(numbers("zstd.1.5.7").as_deref(), Some("1.5.7"));
        assert_eq!(numbers("5.3.1-0-g81034ce1").as_deref(), Some("5.3.1"));
        let header = "#define SQLITE_VERSION_NUMBER 3054001\n#define SQLITE_VERSION        \"3.54.1\"";
        assert_eq!(quoted(header, "#define SQLITE_VERSION ").as_deref(), Some("3.54.1"));
        assert_eq!(quoted("", "#define SQLITE_VERSION "), None);
    }
}

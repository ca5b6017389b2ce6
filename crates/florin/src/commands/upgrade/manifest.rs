//! What a release says of itself, and whether it may follow the program that asks. Pure: reads no file, checks no signature.

use super::refused::Refused;
use semver::Version;
use serde::Deserialize;

pub const NAME: &str = "manifest.json";
pub const SIGNATURE: &str = "manifest.json.sig";
pub const LIMIT_BYTES: u64 = 64 * 1024;
/// What is understood here. A release that must be read in another way has another number.
const FORMAT: u32 = 1;
const MOST_FILES: usize = 16;
const FILE_LIMIT_BYTES: u64 = 1 << 30;

/// As it is signed.
#[derive(Deserialize)]
struct Written {
    format: u32,
    product: String,
    version: String,
    target: String,
    min_upgrade_from: String,
    files: Vec<File>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct File {
    /// In the release's folder.
    pub name: String,
    pub is: Is,
    pub bytes: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Is {
    Program,
    /// The bill of materials.
    Sbom,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub version: Version,
    pub target: String,
    /// The oldest version whose databases it brings up.
    pub from: Version,
    pub files: Vec<File>,
}

/// What asks.
pub struct Here<'a> {
    pub version: Version,
    pub target: &'a str,
}

/// What a release is to what asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Newer,
    /// The version that is here.
    Same,
}

impl Manifest {
    /// Of signed bytes.
    pub fn read(bytes: &[u8]) -> Result<Manifest, Refused> {
        let written: Written = serde_json::from_slice(bytes).map_err(|_| Refused::Unreadable)?;
        let version = |text: &str| Version::parse(text).map_err(|_| Refused::Unreadable);
        let plain = |name: &str| {
            let right = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
            (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(right)
        };
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let files = written.files;
        let right = |file: &File| {
            plain(&file.name)
                && file.name != NAME
                && file.name != SIGNATURE
                && hex(&file.sha256)
                && file.bytes <= FILE_LIMIT_BYTES
        };
        let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let programs = files.iter().filter(|file| file.is == Is::Program).count();
        let whole = names.len() == files.len() && files.len() <= MOST_FILES && programs == 1;
        if written.format != FORMAT || written.product != "florin" || !whole || !files.iter().all(right) {
            return Err(Refused::Unreadable);
        }
        Ok(Manifest {
            version: version(&written.version)?,
            target: written.target,
            from: version(&written.min_upgrade_from)?,
            files,
        })
    }

    /// Whether it may follow what is here: same target, not older, nothing left out between.
    pub fn follows(&self, here: &Here<'_>) -> Result<Step, Refused> {
        if self.target != here.target {
            return Err(Refused::Target { named: self.target.clone() });
        }
        match self.version.cmp_precedence(&here.version) {
            std::cmp::Ordering::Less => Err(Refused::Older { version: self.version.clone() }),
            std::cmp::Ordering::Equal => Ok(Step::Same),
            std::cmp::Ordering::Greater if here.version.cmp_precedence(&self.from).is_lt() => {
                Err(Refused::Skips { from: self.from.clone() })
            }
            std::cmp::Ordering::Greater => Ok(Step::Newer),
        }
    }

    /// There is exactly one.
    pub fn program(&self) -> Option<&File> {
        self.files.iter().find(|file| file.is == Is::Program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sample() -> Value {
        json!({
            "format": 1, "product": "florin", "version": "0.3.0", "target": "t", "min_upgrade_from": "0.1.5",
            "previous": "0.2.0", "commit": "c", "later": "unknown names are left alone",
            "files": [
                { "name": "florin-0.3.0-t", "is": "program", "bytes": 3, "sha256": "ab".repeat(32) },
                { "name": "florin-0.3.0-t.cdx.json", "is": "sbom", "bytes": 4, "sha256": "cd".repeat(32) },
            ],
        })
    }

    #[test]
    fn what_may_follow() {
        let check = |version: &str, target: &str, expected: Result<Step, Refused>| {
            let here = Here { version: Version::parse(version).unwrap(), target };
            let manifest = Manifest::read(sample().to_string().as_bytes()).unwrap();
            assert_eq!(manifest.follows(&here), expected, "{version} {target}");
        };
        let version = |text: &str| Version::parse(text).unwrap();
        check("0.2.0", "t", Ok(Step::Newer));
        check("0.1.5", "t", Ok(Step::Newer));
        check("0.3.0-rc.1", "t", Ok(Step::Newer));
        check("0.3.0", "t", Ok(Step::Same));
        check("0.3.0+local", "t", Ok(Step::Same));
        check("0.1.4", "t", Err(Refused::Skips { from: version("0.1.5") }));
        check("0.3.1-rc.1", "t", Err(Refused::Older { version: version("0.3.0") }));
        check("0.10.0", "t", Err(Refused::Older { version: version("0.3.0") }));
        check("0.2.0", "u", Err(Refused::Target { named: "t".to_owned() }));
        check("0.10.0", "u", Err(Refused::Target { named: "t".to_owned() }));
    }

    #[test]
    fn manifests_that_are_none() {
        let check = |change: fn(&mut Value)| {
            let mut changed = sample();
            change(&mut changed);
            assert_eq!(Manifest::read(changed.to_string().as_bytes()), Err(Refused::Unreadable), "{changed}");
        };
        check(|m| m["format"] = json!(2));
        check(|m| m["product"] = json!("other"));
        check(|m| m["version"] = json!("1"));
        check(|m| m["min_upgrade_from"] = json!(null));
        check(|m| m["files"] = json!([]));
        check(|m| m["files"][1]["is"] = json!("program"));
        check(|m| m["files"][0]["is"] = json!("sbom"));
        check(|m| m["files"][1]["name"] = json!("florin-0.3.0-t"));
        for name in ["", "../a", "/etc/passwd", ".hidden", "a b", "manifest.json", "manifest.json.sig", "ä"] {
            let mut changed = sample();
            changed["files"][1]["name"] = json!(name);
            assert_eq!(Manifest::read(changed.to_string().as_bytes()), Err(Refused::Unreadable), "{name}");
        }
        check(|m| m["files"][0]["sha256"] = json!("AB".repeat(32)));
        check(|m| m["files"][0]["sha256"] = json!("ab"));
        check(|m| m["files"][0]["bytes"] = json!(-1));
        check(|m| m["files"][0]["bytes"] = json!((1u64 << 30) + 1));
        assert_eq!(Manifest::read(b"{"), Err(Refused::Unreadable));
    }
}

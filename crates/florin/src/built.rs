//! What this program was built from: version, commit, compiler, packages. Told by `florin version`; knows nothing of an installation.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
pub const TARGET: &str = env!("FLORIN_BUILD_TARGET");
const LOCK: &str = include_str!("../../../Cargo.lock");
/// CycloneDX 1.6, JSON. Kept in the repository and held against the build by `cargo xtask sbom --check`: a build needs neither network nor
/// another tool, gives the same bytes everywhere, and a new dependency is seen in review.
pub const SBOM: &str = include_str!("../sbom.cdx.json");

/// Build inputs. A `commit` is 40 or 64 hexadecimal digits or `unknown`; `source_date_epoch` is in seconds, null where the build was told
/// none; `features` are those of the program's own crate.
pub fn inputs() -> Value {
    let some = |text: &'static str| (!text.is_empty()).then_some(text);
    let epoch = some(env!("FLORIN_BUILD_EPOCH"));
    json!({
        "florin": VERSION,
        "commit": env!("FLORIN_BUILD_COMMIT"),
        "rustc": env!("FLORIN_BUILD_RUSTC"),
        "target": TARGET,
        "profile": env!("FLORIN_BUILD_PROFILE"),
        "opt_level": env!("FLORIN_BUILD_OPT_LEVEL"),
        "debug": env!("FLORIN_BUILD_DEBUG"),
        "features": env!("FLORIN_BUILD_FEATURES").split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>(),
        "cargo_lock_sha256": sha256(LOCK),
        "sbom_sha256": sha256(SBOM),
        "source_date_epoch": epoch.and_then(|text| text.parse::<u64>().ok()),
        "sqlite": florin_store::sqlite_version(),
        "tls": "rustls with aws-lc-rs",
        "tls_provider": { "rustls": locked("rustls"), "aws-lc-rs": locked("aws-lc-rs"), "aws-lc-sys": locked("aws-lc-sys") },
        "schema": florin_store::SCHEMA_VERSION,
    })
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

/// The version of a package that the lock file holds once.
fn locked(name: &str) -> Option<String> {
    let lock: toml::Table = LOCK.parse().ok()?;
    let packages = lock.get("package")?.as_array()?;
    let package = packages.iter().find(|package| package.get("name").and_then(toml::Value::as_str) == Some(name))?;
    Some(package.get("version")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_inputs_are_known() {
        let told = inputs();
        for key in ["rustc", "target", "profile", "cargo_lock_sha256", "sqlite"] {
            assert!(told[key].as_str().is_some_and(|text| text.len() > 2 && text != "unknown"), "{key}: {told}");
        }
        for name in ["rustls", "aws-lc-rs", "aws-lc-sys"] {
            assert!(told["tls_provider"][name].is_string(), "{name}: {told}");
        }
        let commit = told["commit"].as_str().unwrap();
        assert!(commit == "unknown" || matches!(commit.len(), 40 | 64), "{commit}");
    }

    /// SQLite and aws-lc stand in the bill of materials as what is in the program, whatever their packages call themselves.
    #[test]
    fn the_bill_names_the_sqlite_that_runs() {
        let sbom: Value = serde_json::from_str(SBOM).unwrap();
        let nested = sbom["components"].as_array().unwrap().iter().filter_map(|c| c["components"].as_array()).flatten();
        let named: Vec<(&str, &str)> =
            nested.map(|c| (c["name"].as_str().unwrap(), c["version"].as_str().unwrap())).collect();
        assert!(named.contains(&("sqlite", florin_store::sqlite_version())), "{named:?}");
        assert!(named.iter().any(|(name, _)| *name == "aws-lc"), "{named:?}");
    }
}

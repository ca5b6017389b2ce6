//! The lock file: how many packages, one version of what must be one, and where they come from.

use crate::tree::{Finding, Tree};
use toml::{Table, Value};

/// A reader of the dependency list should be able to finish it.
const MAX_PACKAGES: usize = 500;
/// Two of these in one program would be two TLS stacks, two runtimes or two sources of cryptography.
const SINGLE: [&str; 4] = ["aws-lc-rs", "hyper", "rustls", "tokio"];
/// As the lock file writes the public registry, whatever mirror served it.
const PUBLIC: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub fn run(tree: &Tree) -> Vec<Finding> {
    const PATH: &str = "Cargo.lock";
    let Some(file) = tree.get(PATH) else { return vec![Finding::new(PATH, 0, "missing: builds are not repeatable")] };
    let Ok(lock) = file.text.parse::<Table>() else { return vec![Finding::new(PATH, 0, "not TOML")] };
    let packages: &[Value] = lock.get("package").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    let field = |package: &Value, name: &str| package.get(name).and_then(Value::as_str).unwrap_or("").to_string();
    let mut findings = Vec::new();
    if packages.is_empty() || packages.len() > MAX_PACKAGES {
        findings.push(Finding::new(PATH, 0, format!("{} packages; 1 to {MAX_PACKAGES} are right", packages.len())));
    }
    for name in SINGLE {
        let versions: Vec<String> =
            packages.iter().filter(|p| field(p, "name") == name).map(|p| field(p, "version")).collect();
        if versions.len() > 1 {
            findings.push(Finding::new(
                PATH,
                0,
                format!("{name} stands in it {} times: {}", versions.len(), versions.join(", ")),
            ));
        }
    }
    for package in packages {
        let source = field(package, "source");
        if !source.is_empty() && source != PUBLIC {
            findings.push(Finding::new(
                PATH,
                0,
                format!("{} does not come from the public registry", field(package, "name")),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing::check;

    #[test]
    fn lock_files() {
        let package = |name: &str, version: &str, source: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n")
        };
        let one = |text: &str, expected: &[(&str, &str)]| check(run, &[("Cargo.lock", text)], expected);
        let tokio = package("tokio", "1.1.0", PUBLIC);
        one(&tokio, &[]);
        one("[[package]]\nname = \"florin-core\"\nversion = \"0.1.0\"", &[]);
        one(&format!("{tokio}{}", package("tokio", "2.0.0", PUBLIC)), &[("Cargo.lock", "tokio stands in it 2 times")]);
        one(&package("a", "1.0.0", "git+https://example.com/a"), &[("Cargo.lock", "public registry")]);
        one(&package("a", "1.0.0", PUBLIC).repeat(MAX_PACKAGES + 1), &[("Cargo.lock", "501 packages")]);
        one("", &[("Cargo.lock", "0 packages")]);
        one("[", &[("Cargo.lock", "not TOML")]);
        check(run, &[], &[("Cargo.lock", "missing")]);
    }
}

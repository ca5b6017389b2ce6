//! Which crate may know which: the walls of ARCHITECTURE.md as two tables, read against the manifests.

use crate::tree::{File, Finding, Tree};
use toml::{Table, Value};

/// What a crate may depend on. A crate that is not listed fails the check, so that a new one gets its row.
struct Wall {
    package: &'static str,
    /// Crates of this workspace, by folder.
    inner: &'static [&'static str],
    /// The same for its tests alone.
    tests: &'static [&'static str],
    /// Libraries that would bring in what the crate must not know.
    never: &'static [&'static [&'static str]],
}

const ASYNC: &[&str] =
    &["tokio", "tokio-rustls", "tokio-util", "axum", "hyper", "hyper-util", "async-std", "smol", "mio", "tower"];
const TLS: &[&str] = &["rustls", "tokio-rustls", "rcgen"];
const SQL: &[&str] = &["rusqlite", "libsqlite3-sys", "tokio-postgres", "postgres"];
const CHANCE: &[&str] = &["rand", "rand_core", "fastrand", "getrandom", "uuid"];
const CLOCK: &[&str] = &["chrono", "jiff", "quanta", "coarsetime"];
const SYSTEM: &[&str] = &["libc", "rustix", "nix", "socket2"];

/// For every crate: another source of cryptography or TLS, macros that hide control flow, and layers that hide SQL.
const NOBODY: &[&str] = &["openssl", "openssl-sys", "native-tls", "ring", "async-trait", "sqlx", "diesel", "sea-orm"];

const WALLS: &[Wall] = &[
    Wall { package: "core", inner: &[], tests: &["store"], never: &[ASYNC, TLS, SQL, CHANCE, CLOCK, SYSTEM] },
    Wall { package: "store", inner: &["core"], tests: &[], never: &[ASYNC, TLS] },
    Wall { package: "connect", inner: &["core"], tests: &[], never: &[ASYNC, TLS, SQL, CHANCE, CLOCK, SYSTEM] },
    Wall { package: "vault", inner: &["connect", "merchant"], tests: &[], never: &[] },
    Wall { package: "merchant", inner: &[], tests: &[], never: &[ASYNC, TLS, SQL, CHANCE, CLOCK] },
    Wall { package: "api", inner: &["core", "merchant"], tests: &["store"], never: &[SQL, TLS] },
    Wall { package: "web", inner: &["core"], tests: &["store"], never: &[SQL, TLS] },
    Wall { package: "identity", inner: &["core"], tests: &["store"], never: &[SQL, TLS, CLOCK] },
    Wall { package: "notify", inner: &["core"], tests: &[], never: &[SQL, CHANCE] },
    Wall { package: "backup", inner: &["core"], tests: &[], never: &[ASYNC, TLS, CHANCE, CLOCK] },
    Wall { package: "shop", inner: &["merchant"], tests: &[], never: &[] },
    Wall { package: "sandbox", inner: &["connect"], tests: &[], never: &[] },
    Wall {
        package: "sim",
        inner: &["core", "store", "connect", "vault", "api", "sandbox", "merchant"],
        tests: &[],
        never: &[ASYNC, TLS, SQL, CHANCE, CLOCK],
    },
    Wall {
        package: "florin",
        inner: &[
            "core", "store", "connect", "vault", "api", "web", "shop", "sandbox", "sim", "backup", "merchant",
            "identity", "notify",
        ],
        tests: &[],
        never: &[],
    },
    Wall { package: "xtask", inner: &[], tests: &[], never: &[ASYNC, TLS, SQL, CHANCE, CLOCK, SYSTEM] },
];

/// One dependency as a manifest states it.
struct Edge {
    /// The crate's own name, whatever it is called in the manifest.
    to: String,
    for_tests: bool,
    line: usize,
}

/// Edges between the workspace's own crates.
pub fn inner(tree: &Tree) -> Vec<Finding> {
    each_edge(tree, |wall, edge| {
        let to = if edge.to == "florin" { "florin" } else { edge.to.strip_prefix("florin-")? };
        let allowed = wall.inner.contains(&to) || (edge.for_tests && (wall.tests.contains(&to) || to == wall.package));
        (!allowed).then(|| format!("{} must not know {to}", wall.package))
    })
}

/// Edges to the outside.
pub fn outer(tree: &Tree) -> Vec<Finding> {
    each_edge(tree, |wall, edge| {
        let named = |list: &[&str]| list.contains(&edge.to.as_str());
        if named(NOBODY) {
            return Some(format!("no crate uses {}", edge.to));
        }
        wall.never.iter().any(|list| named(list)).then(|| format!("{} must not use {}", wall.package, edge.to))
    })
}

fn each_edge(tree: &Tree, fault: impl Fn(&Wall, &Edge) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names = tree.get("Cargo.toml").and_then(|root| root.text.parse::<Table>().ok()).unwrap_or_default();
    for package in tree.packages() {
        let path = format!("crates/{package}/Cargo.toml");
        let Some(file) = tree.get(&path) else { continue };
        let Some(wall) = WALLS.iter().find(|wall| wall.package == package) else {
            findings.push(Finding::new(&path, 0, format!("{package} has no row in the table of walls (xtask)")));
            continue;
        };
        match edges(file, &names) {
            Ok(edges) => findings.extend(
                edges.iter().filter_map(|edge| fault(wall, edge).map(|what| Finding::new(&path, edge.line, what))),
            ),
            Err(what) => findings.push(Finding::new(&path, 0, what)),
        }
    }
    findings
}

/// All dependencies of a manifest: of every kind, and of every target.
fn edges(file: &File, root: &Table) -> Result<Vec<Edge>, String> {
    let manifest: Table = file.text.parse().map_err(|e| format!("not TOML: {e}"))?;
    let mut sections = vec![&manifest];
    let targets = manifest.get("target").and_then(Value::as_table);
    sections.extend(targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table)));
    let shared = root.get("workspace").and_then(|w| w.get("dependencies")).and_then(Value::as_table);
    let mut found = Vec::new();
    for section in sections {
        for (kind, for_tests) in [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)] {
            for (key, value) in section.get(kind).and_then(Value::as_table).into_iter().flatten() {
                let renamed = |value: &Value| value.get("package").and_then(Value::as_str).map(str::to_string);
                let of_workspace = || shared.and_then(|shared| shared.get(key)).and_then(renamed);
                let to = renamed(value).or_else(of_workspace).unwrap_or_else(|| key.clone());
                let starts = |line: &str| line.trim_start().trim_start_matches('"').starts_with(key.as_str());
                let line = file.lines().find(|(_, line)| starts(line)).map_or(0, |(n, _)| n);
                found.push(Edge { to, for_tests, line });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing::check;

    #[test]
    fn edges_within_the_workspace() {
        let one = |package: &str, manifest: &str, expected: &[(&str, &str)]| {
            check(inner, &[(&format!("crates/{package}/Cargo.toml"), manifest)], expected);
        };
        one("core", "[dependencies]\nserde = \"1\"\n[dev-dependencies]\nflorin-store.workspace = true\n", &[]);
        one("core", "[dependencies]\nflorin-store.workspace = true\n", &[("crates/core/Cargo.toml:2", "know store")]);
        one(
            "vault",
            "[dependencies]\nflorin-core = { path = \"../core\" }",
            &[("crates/vault/Cargo.toml:2", "know core")],
        );
        one("vault", "[dev-dependencies]\nflorin-core.workspace = true", &[("crates/vault/Cargo.toml:2", "know core")]);
        one("vault", "[build-dependencies]\nflorin-core = \"1\"", &[("crates/vault/Cargo.toml:2", "know core")]);
        one(
            "api",
            "[target.'cfg(unix)'.dependencies]\nflorin-connect = \"1\"",
            &[("crates/api/Cargo.toml:2", "connect")],
        );
        one("api", "[dependencies]\nx = { package = \"florin-vault\" }", &[("crates/api/Cargo.toml:2", "know vault")]);
        one("sim", "[dependencies]\nflorin-vault = \"1\"\nflorin-sandbox = \"1\"", &[]);
        one("sim", "[dependencies]\nflorin = \"1\"", &[("crates/sim/Cargo.toml:2", "sim must not know florin")]);
        one("shed", "[dependencies]", &[("crates/shed/Cargo.toml", "no row")]);
        one("core", "[dependencies", &[("crates/core/Cargo.toml", "not TOML")]);
    }

    #[test]
    fn a_rename_in_the_workspace_hides_nothing() {
        let root = "[workspace.dependencies]\ncards = { package = \"florin-connect\", path = \"crates/connect\" }";
        let member = "[dependencies]\ncards.workspace = true";
        check(
            inner,
            &[("Cargo.toml", root), ("crates/api/Cargo.toml", member)],
            &[("crates/api/Cargo.toml:2", "connect")],
        );
    }

    #[test]
    fn edges_to_the_outside() {
        let one = |package: &str, dependency: &str, expected: &str| {
            let path = format!("crates/{package}/Cargo.toml");
            let place = format!("{path}:2");
            let wanted = [(place.as_str(), expected)];
            let expected: &[(&str, &str)] = if expected.is_empty() { &[] } else { &wanted };
            check(outer, &[(&path, &format!("[dependencies]\n{dependency} = \"1\""))], expected);
        };
        one("core", "serde", "");
        one("core", "tokio", "core must not use tokio");
        one("core", "getrandom", "core must not use getrandom");
        one("core", "chrono", "core must not use chrono");
        one("connect", "rusqlite", "connect must not use rusqlite");
        one("store", "rusqlite", "");
        one("store", "rustls", "store must not use rustls");
        one("sim", "tokio", "sim must not use tokio");
        one("vault", "tokio", "");
        one("vault", "ring", "no crate uses ring");
        one("florin", "async-trait", "no crate uses async-trait");
    }
}

//! The documents against the tree: crates are named, links resolve, commands exist.

use crate::rust;
use crate::tree::{File, Finding, Tree};

const README: &str = "README.md";
/// The document that names every crate.
const MAP: &str = "ARCHITECTURE.md";
/// The document that names a proof for each control.
const CONTROLS: &str = "docs/controls.md";
/// Where the binary's commands are defined.
const COMMANDS: &str = "crates/florin/src/cli";

/// Every crate is named in the document that shows the way, and every link within the repository leads somewhere.
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    match tree.get(MAP) {
        None => findings.push(Finding::new(MAP, 0, "missing")),
        Some(file) => {
            let named = |package: &&str| {
                let names = [format!("florin-{package}"), format!("crates/{package}"), format!("`{package}`")];
                names.iter().any(|name| rust::words(&file.text, name).next().is_some())
            };
            let unnamed = tree.packages().into_iter().filter(|package| !named(package));
            findings.extend(unnamed.map(|package| Finding::new(MAP, 0, format!("does not name the crate {package}"))));
        }
    }
    for file in tree.files.iter().filter(|file| file.is_markdown()) {
        for (line, target) in link_targets(file) {
            let broken = !target.contains("://") && !target.starts_with("mailto:") && !resolves(tree, file, &target);
            findings.extend(broken.then(|| Finding::new(&file.path, line, format!("{target} leads nowhere"))));
        }
    }
    findings
}

/// Targets of `[text](target)` outside code.
fn link_targets(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (n, line, is_code) in pieces(file) {
        for (at, mark) in line.match_indices("](").filter(|_| !is_code) {
            let rest = line.get(at + mark.len()..).unwrap_or("");
            found.extend(rest.split([')', ' ']).next().map(|target| (n, target.to_string())));
        }
    }
    found
}

fn resolves(tree: &Tree, from: &File, target: &str) -> bool {
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let folder = from.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return false;
        }
    }
    let path = if path.is_empty() { from.path.clone() } else { parts.join("/") };
    match (tree.get(&path), heading) {
        (Some(file), Some(heading)) => file.lines().any(|(_, line)| line.starts_with('#') && anchor(line) == heading),
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => tree.files.iter().any(|file| file.path.starts_with(&format!("{path}/"))),
    }
}

/// How hosts of repositories name a heading: lower case, words joined by `-`, no other signs.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Every test that the table of controls names is a test of this tree, so that no proof is named that was renamed or dropped.
pub fn proofs(tree: &Tree) -> Vec<Finding> {
    let Some(controls) = tree.get(CONTROLS) else { return vec![Finding::new(CONTROLS, 0, "missing")] };
    let sources: Vec<&str> = tree.rust().map(|file| file.text.as_str()).collect();
    let is_test = |name: &str| sources.iter().any(|text| text.contains(&format!("fn {name}(")));
    let mut findings = Vec::new();
    for (line, code, _) in pieces(controls).into_iter().filter(|(_, _, is_code)| *is_code) {
        let named =
            code.contains('_') && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if named && !is_test(&code) {
            findings.push(Finding::new(CONTROLS, line, format!("no test is called {code}")));
        }
    }
    findings
}

/// Every `florin COMMAND` that the README shows as code is a command of the binary.
pub fn commands(tree: &Tree) -> Vec<Finding> {
    let Some(readme) = tree.get(README) else { return vec![Finding::new(README, 0, "missing")] };
    let sources: Vec<&str> =
        tree.rust().filter(|file| file.path.starts_with(COMMANDS)).map(|file| file.text.as_str()).collect();
    let mut findings = Vec::new();
    for (line, code, _) in pieces(readme).into_iter().filter(|(_, _, is_code)| *is_code) {
        for command in named_commands(&code) {
            let variant: String = command.split('-').map(capital).collect();
            let known = sources
                .iter()
                .any(|text| rust::words(text, &variant).next().is_some() || text.contains(&format!("\"{command}\"")));
            if !known && command != "help" {
                findings.push(Finding::new(
                    README,
                    line,
                    format!("`florin {command}` is no command of {COMMANDS}*.rs"),
                ));
            }
        }
    }
    findings
}

/// `pay` of `florin pay`, `target/release/florin pay` and `cargo run --release -- pay`.
fn named_commands(code: &str) -> Vec<String> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let runs = |at: usize| {
        let program = words.get(at).is_some_and(|word| word.rsplit('/').next() == Some("florin"));
        let through_cargo = words.get(at) == Some(&"--") && words.get(..at).is_some_and(|w| w.contains(&"run"));
        program || through_cargo
    };
    let named = (0..words.len()).filter(|at| runs(*at)).filter_map(|at| words.get(at + 1).copied());
    let name = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    named.filter(name).map(str::to_string).collect()
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// A document's text in order: line, piece, and whether the piece is code (a fence's line, or between backticks).
fn pieces(file: &File) -> Vec<(usize, String, bool)> {
    let (mut found, mut fenced) = (Vec::new(), false);
    for (n, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push((n, line.to_string(), true));
        } else {
            // Code is blanked within the prose, so that a link's text may hold some.
            let mut prose = String::new();
            for (i, part) in line.split('`').enumerate() {
                if i % 2 == 1 {
                    found.push((n, part.to_string(), true));
                } else {
                    prose.push_str(part);
                }
            }
            found.push((n, prose, false));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing::check;

    #[test]
    fn documents() {
        let manifest = ("crates/vault/Cargo.toml", "");
        let with = |map: &str, expected: &[(&str, &str)]| {
            let other = ("docs/a.md", "# The way\n[up](../ARCHITECTURE.md) [`b`](../LICENSE)");
            check(links, &[(MAP, map), manifest, other], expected);
        };
        let license = ("docs/a.md:2", "../LICENSE leads nowhere");
        with("florin-vault", &[license]);
        with("the vaults", &[(MAP, "does not name the crate vault"), license]);
        with("`vault` [a](docs/a.md#the-way) [b](crates/vault) [c](https://example.com/x) `[d](e)`", &[license]);
        with("# `vault`, and so on\n[a](#vault-and-so-on)", &[license]);
        with("`vault`\n[a](docs/a.md#a-way)", &[("ARCHITECTURE.md:2", "#a-way leads nowhere"), license]);
        with("`vault` [a](no.md)", &[("ARCHITECTURE.md:1", "no.md leads nowhere"), license]);
        check(links, &[], &[(MAP, "missing")]);
    }

    #[test]
    fn proofs_of_controls() {
        let source = ("crates/a/src/lib.rs", "fn what_holds() {}");
        let with = |text: &str, expected: &[(&str, &str)]| check(proofs, &[(CONTROLS, text), source], expected);
        with("`what_holds` `florin prove` what_is_said `deny.toml`", &[]);
        with("`what_holds`\n`what_held`", &[("docs/controls.md:2", "no test is called what_held")]);
        check(proofs, &[], &[(CONTROLS, "missing")]);
    }

    #[test]
    fn readme_commands() {
        let cli = ("crates/florin/src/cli.rs", "enum Command { Pay, CheckUp }");
        let with = |readme: &str, expected: &[(&str, &str)]| check(commands, &[(README, readme), cli], expected);
        with("Florin florin gone `florin pay 1 eur` `florin --help` `florin help` `florin check-up`", &[]);
        with(
            "```\ncargo run --release -- pay\nflorin network\n```",
            &[("README.md:3", "`florin network` is no command")],
        );
        with("`cargo run -- fly` or `target/release/florin fly`", &[("README.md:1", "fly"), ("README.md:1", "fly")]);
        with("florin is a gateway; see `florin.toml` and `florin-core`", &[]);
    }
}

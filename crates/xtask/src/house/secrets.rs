//! Secrets, and the traces that one machine leaves in text: a public repository holds neither.
//! What is looked for is written here in two halves, so that this file does not find itself.

use crate::tree::{Finding, Tree};

const LIVE_KEYS: [(&str, &str); 2] = [("sk_", "live_"), ("rk_", "live_")];
/// A shorter one is an example.
const MIN_KEY_CHARACTERS: usize = 8;
const PRIVATE_KEY: (&str, &str) = ("PRIVATE KEY", "-----");
const FOLDERS: [(&str, &str); 5] = [("/wo", "rk/"), ("/ro", "ot/"), ("/fa", "rm/"), ("/ho", "me/"), ("/Us", "ers/")];
/// How a registry's mirror gets into `.cargo/config.toml`.
const MIRROR: [&str; 3] = ["[source", "[registr", "replace-with"];

/// No private keys, no live API keys. Tests make their keys when they run.
pub fn secrets(tree: &Tree) -> Vec<Finding> {
    each_line(tree, |_, line| {
        if line.contains(&format!("{}{}", PRIVATE_KEY.0, PRIVATE_KEY.1)) {
            return Some("a private key: make it when it is needed".to_string());
        }
        let live = |(a, b): &(&str, &str)| {
            let name = format!("{a}{b}");
            let bodies = line.match_indices(&name).filter_map(|(at, _)| line.get(at + name.len()..));
            let long = |body: &str| body.chars().take_while(char::is_ascii_alphanumeric).count() >= MIN_KEY_CHARACTERS;
            bodies.into_iter().any(long)
        };
        LIVE_KEYS.iter().any(live).then(|| "a live key: revoke it, then remove it from the history".to_string())
    })
}

/// No path, no mirror and no private numbering that means something on one machine only.
pub fn machine(tree: &Tree) -> Vec<Finding> {
    each_line(tree, |path, line| {
        if let Some((a, b)) = FOLDERS.iter().find(|(a, b)| starts_a_path(line, &format!("{a}{b}"))) {
            return Some(format!("{a}{b} is a path of one machine"));
        }
        if path.starts_with(".cargo/") && MIRROR.iter().any(|mark| line.trim_start().starts_with(mark)) {
            return Some("which mirror serves the registry is the machine's affair".to_string());
        }
        let lower = line.to_lowercase();
        let numbered = lower.match_indices("issue ").filter_map(|(at, word)| lower.get(at + word.len()..));
        let number = |rest: &str| rest.trim_start_matches('#').starts_with(|c: char| c.is_ascii_digit());
        numbered.into_iter().any(number).then(|| "say what, not which number it had on somebody's list".to_string())
    })
}

/// True where the folder is the beginning of a path and not a part of a URL or a longer path.
fn starts_a_path(line: &str, folder: &str) -> bool {
    let alone = |at: usize| {
        !line
            .get(..at)
            .unwrap_or("")
            .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '}'))
    };
    line.match_indices(folder).any(|(at, _)| alone(at))
}

fn each_line(tree: &Tree, fault: impl Fn(&str, &str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (n, line) in file.lines() {
            findings.extend(fault(&file.path, line).map(|what| Finding::new(&file.path, n, what)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing;

    #[test]
    fn secrets_are_found() {
        let check = |text: &str, expected: &[(&str, &str)]| testing::check(secrets, &[("a.rs", text)], expected);
        check(&format!("x\n-----BEGIN {}{}", PRIVATE_KEY.0, PRIVATE_KEY.1), &[("a.rs:2", "private key")]);
        check(&format!("-----BEGIN EC {}{}", PRIVATE_KEY.0, PRIVATE_KEY.1), &[("a.rs:1", "private key")]);
        check(&format!("key = {}{}", "sk_live", "_51Habcdefgh"), &[("a.rs:1", "live key")]);
        check(&format!("keys begin with {}{}", "sk_live", "_…"), &[]);
        check("sk_test_51Habcdefgh; a private key -----BEGIN CERTIFICATE-----", &[]);
    }

    #[test]
    fn machines_leave_no_traces() {
        let check =
            |path: &str, text: &str, expected: &[(&str, &str)]| testing::check(machine, &[(path, text)], expected);
        check("a.md", &format!("a\nsee {}{}x", "/wo", "rk/"), &[("a.md:2", "path of one machine")]);
        check("a.rs", &format!("\"{}{}.cargo\"", "/ro", "ot/"), &[("a.rs:1", "path of one machine")]);
        check("a.md", &format!("https://example.com{}{}x", "/wo", "rk/"), &[]);
        check("a.md", &format!("as {} 12 says", "Issue"), &[("a.md:1", "which number")]);
        check("a.md", &format!("as {} #12 says", "issue"), &[("a.md:1", "which number")]);
        check("a.md", "the issuer 12 and issue a card", &[]);
        check(
            ".cargo/config.toml",
            "[alias]\nxtask = \"run\"\n[source.crates-io]",
            &[(".cargo/config.toml:3", "mirror")],
        );
        check("deny.toml", "[sources]", &[]);
    }
}

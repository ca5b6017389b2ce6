//! The lints that hold core's wall from inside, and the few places where unsafe code may stand.

use crate::rust;
use crate::tree::{Finding, Tree};

const CORE_LIB: &str = "crates/core/src/lib.rs";
const CORE_CLIPPY: &str = "crates/core/clippy.toml";
/// Denied in core: what could panic on input, floats, a clock or chance, and a `_` that hides a new stage.
const DENIED: [&str; 8] = [
    "clippy::disallowed_methods",
    "clippy::disallowed_types",
    "clippy::expect_used",
    "clippy::float_arithmetic",
    "clippy::indexing_slicing",
    "clippy::panic",
    "clippy::unwrap_used",
    "clippy::wildcard_enum_match_arm",
];
/// The one that an item may allow: a function that treats a few variants apart is not hurt by a new one.
const ALLOWABLE: &str = "clippy::wildcard_enum_match_arm";
/// What core's clippy.toml must name.
const DISALLOWED: [&str; 6] = [
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "f32",
    "f64",
];
/// Files with unsafe code, and why nothing else would do. Tests need no entry of their own.
const UNSAFE: &[(&str, &str)] = &[
    ("crates/vault/src/wipe.rs", "a global allocator that overwrites what it frees"),
    ("crates/store/src/sqlite/tests/vfs.rs", "SQLite takes a disk that fails only through its C interface"),
];

/// Core denies what it must not do, and no file of it takes that back.
pub fn core(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let code = tree.get(CORE_LIB).map_or(String::new(), |file| rust::views(&file.text).code);
    let denied: String = code.split("#!").filter(|attribute| attribute.contains("deny(")).collect();
    for lint in DENIED.into_iter().filter(|lint| rust::words(&denied, lint).next().is_none()) {
        findings.push(Finding::new(CORE_LIB, 0, format!("does not deny {lint}")));
    }
    let settings = tree.get(CORE_CLIPPY).map_or("", |file| file.text.as_str());
    for path in DISALLOWED.into_iter().filter(|path| !settings.contains(&format!("\"{path}\""))) {
        findings.push(Finding::new(CORE_CLIPPY, 0, format!("does not disallow {path}")));
    }
    for file in tree.rust().filter(|file| file.path.starts_with("crates/core/src/")) {
        let code = rust::views(&file.text).code;
        let spans = rust::test_lines(&code);
        let in_test =
            |n: usize| rust::is_test_file(&file.path) || spans.iter().any(|(from, to)| (*from..=*to).contains(&n));
        for (n, line) in (1..).zip(code.lines()).filter(|(n, _)| !in_test(*n)) {
            let opens = |lint: &&&str| **lint != ALLOWABLE && rust::words(line, lint).next().is_some();
            let opened = DENIED.iter().filter(|_| line.contains("allow(")).find(opens);
            findings
                .extend(opened.map(|lint| Finding::new(&file.path, n, format!("allows {lint}, which core denies"))));
        }
    }
    findings
}

/// Unsafe code stands in the table above, with a SAFETY comment beside it; what the table names has some.
pub fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    listed_unsafe(tree, UNSAFE)
}

fn listed_unsafe(tree: &Tree, table: &[(&str, &str)]) -> Vec<Finding> {
    let (mut findings, mut used) = (Vec::new(), Vec::new());
    for file in tree.rust() {
        let views = rust::views(&file.text);
        let Some(at) = rust::words(&views.code, "unsafe").next() else { continue };
        used.push(file.path.as_str());
        let line = rust::line_of(&views.code, at);
        if !table.iter().any(|(path, _)| *path == file.path) {
            findings.push(Finding::new(&file.path, line, "unsafe code outside the table of xtask's house/lints.rs"));
        } else if !views.comments.contains("SAFETY:") {
            findings.push(Finding::new(&file.path, line, "unsafe code without a SAFETY comment"));
        }
    }
    let stale = table.iter().filter(|(path, _)| !used.contains(path));
    findings.extend(stale.map(|(path, _)| Finding::new(path, 0, "has no unsafe code: take it off the table")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing::check;

    #[test]
    fn core_keeps_its_lints() {
        let lib = format!(
            "//! A.\n#![deny({})]\n#![cfg_attr(not(test), deny({}))]",
            DENIED[..4].join(","),
            DENIED[4..].join(",\n")
        );
        let settings: String = DISALLOWED.iter().map(|path| format!("{{ path = \"{path}\" }}\n")).collect();
        let with = |lib: &str, settings: &str, other: &str, expected: &[(&str, &str)]| {
            check(core, &[(CORE_LIB, lib), (CORE_CLIPPY, settings), ("crates/core/src/a.rs", other)], expected);
        };
        with(&lib, &settings, "fn a() {}", &[]);
        with(&lib.replace("clippy::panic", "clippy::all"), &settings, "", &[(CORE_LIB, "does not deny clippy::panic")]);
        with(&lib.replace("#![deny", "#![warn"), &settings, "", &[(CORE_LIB, "deny"); 4]);
        with(&lib, &settings.replace("\"f64\"", "\"u8\""), "", &[(CORE_CLIPPY, "does not disallow f64")]);
        with(
            &lib,
            &settings,
            "\n#[allow(clippy::unwrap_used)]",
            &[("crates/core/src/a.rs:2", "allows clippy::unwrap_used")],
        );
        with(&lib, &settings, "#[allow(clippy::wildcard_enum_match_arm)]", &[]);
        with(&lib, &settings, "#[cfg(test)]\nmod tests {\n#![allow(clippy::unwrap_used)]\n}", &[]);
    }

    #[test]
    fn unsafe_code_is_listed() {
        let table = [("a.rs", "because")];
        let run = |files: &[(&str, &str)]| {
            let own =
                |(path, text): &(&str, &str)| crate::tree::File { path: path.to_string(), text: text.to_string() };
            let said = listed_unsafe(&Tree { files: files.iter().map(own).collect() }, &table);
            said.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let good = ("a.rs", "// SAFETY: it is.\nunsafe { a() }");
        assert_eq!(run(&[good, ("b.rs", "#![deny(unsafe_code)] // unsafe\nf(\"unsafe\")")]), "");
        assert!(run(&[good, ("b.rs", "\nunsafe fn a() {}")]).starts_with("b.rs:2: unsafe code outside"));
        assert!(run(&[("a.rs", "unsafe { a() }")]).contains("without a SAFETY comment"));
        assert!(run(&[("a.rs", "safe()")]).contains("take it off"));
    }
}

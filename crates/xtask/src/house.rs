//! The house checks: what the compiler cannot see but a reader would mind. Each check is one file and one line here.

mod cards;
mod docs;
mod edges;
mod leftovers;
mod lints;
mod lock;
mod secrets;
mod shape;

use crate::tree::{Finding, Tree};
use std::path::Path;

/// One check: what it holds, and how it is looked for.
pub struct Check {
    pub name: &'static str,
    pub run: fn(&Tree) -> Vec<Finding>,
}

const fn check(name: &'static str, run: fn(&Tree) -> Vec<Finding>) -> Check {
    Check { name, run }
}

const CHECKS: [Check; 18] = [
    check("crates depend only on what the wall lets through", edges::inner),
    check("no crate uses a library that its wall rules out", edges::outer),
    check("the lock file stays small, with one TLS and one runtime", lock::run),
    check("every source file says what it is", shape::headed),
    check("files stay short", shape::files),
    check("functions stay short", shape::functions),
    check("nothing is left half done", leftovers::unfinished),
    check("no test sleeps or is skipped", leftovers::tests),
    check("only programs print", leftovers::printing),
    check("every card number is a published test number", cards::numbers),
    check("card types cannot be printed, copied or serialized", cards::types),
    check("no secrets", secrets::secrets),
    check("no paths or names of one machine", secrets::machine),
    check("core keeps its lints", lints::core),
    check("unsafe code stands where it is expected", lints::unsafe_code),
    check("documents name every crate and their links resolve", docs::links),
    check("every command in the README exists", docs::commands),
    check("every test that the controls name exists", docs::proofs),
];

/// Runs all checks over the repository and prints one line each. Returns passed and failed.
pub fn run(root: &Path) -> Result<(u64, u64), String> {
    let tree = Tree::read(root)?;
    let (mut passed, mut failed) = (0, 0);
    for check in &CHECKS {
        let findings = (check.run)(&tree);
        println!("  {} {}", if findings.is_empty() { "ok    " } else { "FAILED" }, check.name);
        for finding in &findings {
            println!("         {finding}");
        }
        if findings.is_empty() { passed += 1 } else { failed += 1 }
    }
    Ok((passed, failed))
}

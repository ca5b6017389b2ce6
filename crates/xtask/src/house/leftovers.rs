//! What is left over from work: unfinished places, tests that sleep or are skipped, prints in libraries.

use crate::rust;
use crate::tree::{File, Finding, Tree};

const UNFINISHED_MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
const UNFINISHED_WORDS: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];
const PRINTING: [&str; 4] = ["println", "eprintln", "print", "eprint"];
/// Crates that are programs, and what beside a library is one: their output is their purpose.
const PROGRAMS: [&str; 2] = ["florin", "xtask"];
const PROGRAM_PLACES: [&str; 3] = ["/build.rs", "/examples/", "/benches/"];

/// No place that says it is unfinished.
pub fn unfinished(tree: &Tree) -> Vec<Finding> {
    each_file(tree, |file, views, findings| {
        for name in UNFINISHED_MACROS {
            findings.extend(calls(&file.path, &views.code, name, "is unfinished: finish it, or refuse by name"));
        }
        for word in UNFINISHED_WORDS {
            findings.extend(rust::words(&views.comments, word).map(|at| {
                Finding::new(
                    &file.path,
                    rust::line_of(&views.comments, at),
                    format!("{word} in a comment: do it, or say what is not done"),
                )
            }));
        }
    })
}

/// No skipped test, and no test that waits for time to pass.
pub fn tests(tree: &Tree) -> Vec<Finding> {
    each_file(tree, |file, views, findings| {
        let in_test = test_code(file, views);
        for (n, line) in (1..).zip(views.code.lines()) {
            if line.contains("#[ignore") {
                findings.push(Finding::new(&file.path, n, "a skipped test shows nothing: run it or delete it"));
            }
            if line.contains("thread::sleep") && in_test(n) && !looks_again(file, line) {
                findings.push(Finding::new(&file.path, n, "a test that sleeps is slow or flaky: wait for the event"));
            }
        }
    })
}

/// Tests of real processes look again and again until a condition holds: in one place, one line, with a limit.
fn looks_again(file: &File, line: &str) -> bool {
    file.path == "crates/florin/tests/it/house.rs" && line.contains("None if Instant::now() < until")
}

/// Libraries return; only programs, and tests that name their case, print.
pub fn printing(tree: &Tree) -> Vec<Finding> {
    each_file(tree, |file, views, findings| {
        let library = file.package().is_some_and(|package| !PROGRAMS.contains(&package))
            && !PROGRAM_PLACES.iter().any(|place| file.path.contains(place));
        let in_test = test_code(file, views);
        for name in PRINTING.into_iter().filter(|_| library) {
            let printed = calls(&file.path, &views.code, name, "in a library: return it instead");
            findings.extend(printed.into_iter().filter(|finding| !in_test(finding.line)));
        }
    })
}

/// Whether a line is a test's.
fn test_code(file: &File, views: &rust::Views) -> impl Fn(usize) -> bool {
    let (whole, spans) = (rust::is_test_file(&file.path), rust::test_lines(&views.code));
    move |line| whole || spans.iter().any(|(from, to)| (*from..=*to).contains(&line))
}

fn each_file(tree: &Tree, look: impl Fn(&File, &rust::Views, &mut Vec<Finding>)) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        look(file, &rust::views(&file.text), &mut findings);
    }
    findings
}

/// Uses of the macro of this name.
fn calls(path: &str, code: &str, name: &str, why: &str) -> Vec<Finding> {
    let used =
        |at: &usize| code.get(at + name.len()..).is_some_and(|rest| rest.starts_with('!') && !rest.starts_with("!="));
    let at_lines = rust::words(code, name).filter(used).map(|at| rust::line_of(code, at));
    at_lines.map(|line| Finding::new(path, line, format!("`{name}!` {why}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Finding, Tree};
    use crate::tree::testing::check;

    fn one(run: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, expected: &[(&str, &str)]) {
        check(run, &[(path, text)], expected);
    }

    #[test]
    fn unfinished() {
        let one = |text: &str, expected: &[(&str, &str)]| one(super::unfinished, "a.rs", text, expected);
        one("fn a() {\n    todo!()\n}", &[("a.rs:2", "todo!")]);
        one("unimplemented!(); dbg!(1);", &[("a.rs:1", "unimplemented!"), ("a.rs:1", "dbg!")]);
        one("a();\n// TODO later", &[("a.rs:2", "TODO")]);
        one("/* FIXME */\n//! XXX", &[("a.rs:1", "FIXME"), ("a.rs:2", "XXX")]);
        one("f(\"TODO todo!()\"); let todo = todo != 1; // todolist", &[]);
    }

    #[test]
    fn tests() {
        let test = "#[cfg(test)]\nmod tests {\n  #[test]\n  #[ignore]\n  fn a() { std::thread::sleep(D) }\n}";
        one(
            super::tests,
            "crates/a/src/b.rs",
            test,
            &[("crates/a/src/b.rs:4", "skipped"), ("crates/a/src/b.rs:5", "sleeps")],
        );
        one(
            super::tests,
            "crates/a/tests/b.rs",
            "\nfn a() { thread::sleep(D) }",
            &[("crates/a/tests/b.rs:2", "sleeps")],
        );
        one(super::tests, "crates/a/src/b.rs", "fn a() { thread::sleep(D) }", &[]);
    }

    #[test]
    fn printing() {
        let path = "crates/store/src/a.rs";
        one(
            super::printing,
            path,
            "\nprintln!(\"a\"); eprint!(\"a\");",
            &[(&format!("{path}:2"), "println!"), (&format!("{path}:2"), "eprint!")],
        );
        one(super::printing, path, "// println!\nf(\"println!\"); let print = 1;", &[]);
        one(super::printing, "crates/florin/src/a.rs", "println!()", &[]);
        one(super::printing, path, "#[cfg(test)]\nmod tests {\n  println!()\n}", &[]);
        one(super::printing, "crates/store/build.rs", "println!(\"cargo::rerun-if-changed=a\")", &[]);
    }
}

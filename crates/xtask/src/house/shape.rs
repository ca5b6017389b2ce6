//! The shape of source files: their first line, their length, the length of their functions.

use crate::rust;
use crate::tree::{Finding, Tree};

const MAX_FILE_LINES: usize = 900;
const LONG_FILE_LINES: usize = 350;
const MAX_LONG_FILES_PERCENT: usize = 10;
const LONG_FUNCTION_LINES: usize = 70;
const MAX_LONG_FUNCTIONS_PERCENT: usize = 2;

/// Every file begins with `//!`: what it is, and what it must not know.
pub fn headed(tree: &Tree) -> Vec<Finding> {
    let unheaded = tree.rust().filter(|file| !file.text.starts_with("//! "));
    unheaded.map(|file| Finding::new(&file.path, 1, "begins without a `//!` line that says what it is")).collect()
}

/// None over the limit, few that are long.
pub fn files(tree: &Tree) -> Vec<Finding> {
    let lengths: Vec<(&str, usize)> = tree.rust().map(|file| (file.path.as_str(), file.text.lines().count())).collect();
    let mut findings: Vec<Finding> = lengths
        .iter()
        .filter(|(_, lines)| *lines > MAX_FILE_LINES)
        .map(|(path, lines)| Finding::new(path, 0, format!("{lines} lines; {MAX_FILE_LINES} at most")))
        .collect();
    let long: Vec<_> = lengths.iter().filter(|(_, lines)| *lines > LONG_FILE_LINES).collect();
    if long.len() * 100 > lengths.len() * MAX_LONG_FILES_PERCENT {
        let what = |lines| {
            format!("{lines} lines: more than {MAX_LONG_FILES_PERCENT} % of the files exceed {LONG_FILE_LINES}")
        };
        findings.extend(long.iter().map(|(path, lines)| Finding::new(path, 0, what(lines))));
    }
    findings
}

/// Few that do not fit on a screen.
pub fn functions(tree: &Tree) -> Vec<Finding> {
    let (mut all, mut long) = (0, Vec::new());
    for file in tree.rust() {
        for function in rust::functions(&rust::views(&file.text).code) {
            all += 1;
            if function.lines > LONG_FUNCTION_LINES {
                let what = format!(
                    "{} has {} lines: more than {MAX_LONG_FUNCTIONS_PERCENT} % of the functions exceed {LONG_FUNCTION_LINES}",
                    function.name, function.lines
                );
                long.push(Finding::new(&file.path, function.line, what));
            }
        }
    }
    if long.len() * 100 > all * MAX_LONG_FUNCTIONS_PERCENT { long } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing::check;

    #[test]
    fn first_lines() {
        check(headed, &[("a.rs", "//! A.\nuse b;"), ("a.md", "# A")], &[]);
        check(headed, &[("a.rs", "use b;\n//! A.")], &[("a.rs:1", "begins without")]);
        check(headed, &[("a.rs", "")], &[("a.rs:1", "begins without")]);
    }

    #[test]
    fn lengths_of_files() {
        let lines = |n: usize| "//! A.\n".repeat(n);
        let (short, long, huge) = (lines(10), lines(351), lines(901));
        let mut some: Vec<(&str, &str)> = vec![("a.rs", &short); 18];
        check(files, &some, &[]);
        some.push(("b.rs", &long));
        check(files, &some, &[]);
        some.push(("c.rs", &huge));
        check(files, &some, &[("c.rs", "901 lines; 900 at most")]);
        some.push(("d.rs", &long));
        check(files, &some, &[("c.rs", "at most"), ("b.rs", "351"), ("c.rs", "901"), ("d.rs", "351")]);
    }

    #[test]
    fn lengths_of_functions() {
        let short = "fn a() {}\n".repeat(49);
        let long = |n: usize| format!("fn b() {{\n{}}}\n", "x;\n".repeat(n - 2));
        check(functions, &[("a.rs", &format!("{short}{}", long(71)))], &[]);
        check(
            functions,
            &[("a.rs", &short), ("b.rs", &long(71).repeat(2))],
            &[("b.rs:1", "b has 71"), ("b.rs:72", "b has")],
        );
        check(functions, &[("b.rs", &long(70))], &[]);
    }
}

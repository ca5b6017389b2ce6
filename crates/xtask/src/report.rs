//! What a stage's output says: how many checks passed and failed. Runs nothing.

use serde_json::Value;

/// What a stage found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    /// One line each, repeated at the end of the whole run.
    pub notes: Vec<String>,
}

impl Tally {
    pub fn passed() -> Tally {
        Tally { passed: 1, ..Tally::default() }
    }
    pub fn failed(note: String) -> Tally {
        Tally { failed: 1, notes: vec![note], ..Tally::default() }
    }
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.notes.extend(other.notes);
    }
    fn fail(&mut self, note: String) {
        self.failed += 1;
        self.notes.push(note);
    }
}

/// More failed seeds than these say nothing new.
const SHOWN_FAILURES: usize = 10;

/// Reads `N passed, N failed`.
pub fn sum_line(line: &str) -> Option<Tally> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()?, notes: Vec::new() })
}

/// What cargo's test runner printed, over all its programs.
#[derive(Default)]
pub struct TestResults {
    passed: u64,
    failed: u64,
    ignored: u64,
    names: Vec<String>,
}

impl TestResults {
    /// Takes the next line: `test a::b ... FAILED`, `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or any other.
    pub fn read(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let counts = counts.split_once(". ").map_or(counts, |(_, counts)| counts);
            for count in counts.split("; ") {
                let Some((n, what)) = count.split_once(' ') else { continue };
                let n: u64 = n.parse().unwrap_or(0);
                match what {
                    "passed" => self.passed += n,
                    "failed" => self.failed += n,
                    "ignored" => self.ignored += n,
                    _ => {}
                }
            }
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.names.push(name.to_string());
        }
    }

    /// The count. `trouble` says how the runner ended if not well; a test that was skipped has failed, and so has a runner
    /// that ran none.
    pub fn tally(self, trouble: Option<String>) -> Tally {
        let names = self.names.into_iter().map(|name| format!("{name} failed"));
        let mut tally = Tally { passed: self.passed, failed: self.failed, notes: names.collect() };
        if self.ignored > 0 {
            tally.failed += self.ignored;
            tally.notes.push(format!("{} tests were skipped", self.ignored));
        }
        if self.passed + self.failed == 0 {
            tally.fail("no test ran".to_string());
        }
        // A program that does not compile or dies in the middle prints no result of its own.
        if let Some(trouble) = trouble.filter(|_| tally.failed == 0) {
            tally.fail(format!("no test failed, but the test runner {trouble}"));
        }
        tally
    }
}

/// The answer of `florin prove --json`: one check for the whole range, or one failure a seed.
pub fn proof(output: &str, expected_seeds: u64, trouble: Option<String>) -> Tally {
    let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    let Ok(answer) = serde_json::from_str::<Value>(output).or_else(|_| serde_json::from_str(last)) else {
        return Tally::failed(format!(
            "florin prove {} and printed no JSON",
            trouble.unwrap_or("ended well".to_string())
        ));
    };
    let failures = answer.get("failures").and_then(Value::as_array);
    let (Some(seeds), Some(failures)) = (answer.get("seeds").and_then(Value::as_u64), failures) else {
        return Tally::failed("the answer of florin prove has no seeds or no failures".to_string());
    };
    let mut tally = Tally::default();
    for failure in failures {
        tally.failed += 1;
        if tally.notes.len() < SHOWN_FAILURES {
            tally.notes.push(format!("seed failed: {failure}"));
        }
    }
    if seeds != expected_seeds {
        tally.fail(format!("{seeds} of {expected_seeds} seeds ran"));
    }
    match trouble {
        Some(trouble) if tally.failed == 0 => tally.fail(format!("no seed failed, but florin prove {trouble}")),
        _ => {}
    }
    if tally.failed == 0 {
        println!("{seeds} seeds, no failure");
        tally.passed = 1;
    }
    tally
}

/// The answer of `florin prove crash --json`: one check for the whole, or one failure for each difference that it names.
pub fn crashed(output: &str, trouble: Option<String>) -> Tally {
    let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    let answer: Value = serde_json::from_str(last).unwrap_or_default();
    let mut tally = Tally::default();
    for list in ["differences", "trouble"] {
        for one in answer[list].as_array().map_or(&[][..], Vec::as_slice) {
            tally.failed += 1;
            if tally.notes.len() < SHOWN_FAILURES {
                tally.notes.push(one.as_str().unwrap_or_default().to_string());
            }
        }
    }
    match trouble {
        None if tally.failed == 0 && answer["proved"] == true => tally.passed = 1,
        trouble if tally.failed == 0 => {
            tally.fail(format!("florin prove crash {}", trouble.unwrap_or("proved nothing".to_string())));
        }
        _ => {}
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let check = |line: &str, expected: Option<(u64, u64)>| {
            assert_eq!(sum_line(line).map(|tally| (tally.passed, tally.failed)), expected, "{line}");
        };
        check("17 passed, 2 failed", Some((17, 2)));
        check("17 passed; 2 failed", None);
        check("some passed, 2 failed", None);
        check("", None);
    }

    #[test]
    fn test_runners() {
        let check = |text: &str, trouble: Option<&str>, passed: u64, failed: u64, note: &str| {
            let mut results = TestResults::default();
            text.lines().for_each(|line| results.read(line));
            let tally = results.tally(trouble.map(str::to_string));
            let noted = tally.notes.join(", ");
            assert_eq!((tally.passed, tally.failed), (passed, failed), "{text}: {noted}");
            assert!(noted.contains(note) && (tally.failed > 0) != noted.is_empty(), "{text}: {noted}");
        };
        let good = "running 2 tests\ntest a::b ... ok\ntest c ... ok\n\
                    test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 5 filtered out; finished in 0.01s";
        check(good, None, 2, 0, "");
        check(&format!("{good}\n{good}"), None, 4, 0, "");
        check(good, Some("failed (exit status: 101)"), 2, 1, "but the test runner failed (exit status: 101)");
        let bad =
            "test a::b ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        check(bad, Some("failed"), 1, 1, "a::b failed");
        let skipped = "test a ... ignored\ntest result: ok. 1 passed; 0 failed; 1 ignored; 0 measured";
        check(skipped, None, 1, 1, "1 tests were skipped");
        check("test result: ok. 0 passed; 0 failed; 0 ignored", None, 0, 1, "no test ran");
        check("error: could not compile", Some("failed"), 0, 1, "no test ran");
    }

    #[test]
    fn crashes() {
        let check = |output: &str, trouble: Option<&str>, passed: u64, failed: u64, note: &str| {
            let tally = crashed(output, trouble.map(str::to_string));
            let noted = tally.notes.join(", ");
            assert_eq!((tally.passed, tally.failed), (passed, failed), "{output}: {noted}");
            assert!(noted.contains(note), "{output}: {noted}");
        };
        check("line\n{\"proved\":true,\"differences\":[],\"trouble\":[]}\n", None, 1, 0, "");
        check(r#"{"proved":false,"differences":["a"],"trouble":["b"]}"#, Some("failed"), 0, 2, "a, b");
        check(r#"{"proved":false,"differences":[]}"#, Some("failed"), 0, 1, "failed");
        check(r#"{"differences":[]}"#, None, 0, 1, "proved nothing");
        check("", Some("was killed"), 0, 1, "was killed");
    }

    #[test]
    fn proofs() {
        let check = |output: &str, trouble: Option<&str>, passed: u64, failed: u64, note: &str| {
            let tally = proof(output, 10, trouble.map(str::to_string));
            let noted = tally.notes.join(", ");
            assert_eq!((tally.passed, tally.failed), (passed, failed), "{output}: {noted}");
            assert!(noted.contains(note), "{output}: {noted}");
        };
        check(r#"{"seeds": 10, "failures": []}"#, None, 1, 0, "");
        check("{\n \"seeds\": 10,\n \"failures\": []\n}\n", None, 1, 0, "");
        check("proving\n{\"seeds\": 10, \"failures\": []}\n", None, 1, 0, "");
        check(r#"{"seeds": 10, "failures": [3, {"seed": 7}]}"#, Some("failed"), 0, 2, "{\"seed\":7}");
        check(r#"{"seeds": 9, "failures": []}"#, None, 0, 1, "9 of 10 seeds ran");
        check(r#"{"seeds": 10, "failures": []}"#, Some("failed"), 0, 1, "but florin prove failed");
        check(r#"{"seeds": 10}"#, None, 0, 1, "no seeds or no failures");
        check("", Some("was killed at its deadline"), 0, 1, "was killed at its deadline and printed no JSON");
    }
}

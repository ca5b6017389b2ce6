//! Card data: which numbers may stand in the repository, and what the card types must not be able to do.

use crate::rust;
use crate::tree::{Finding, Tree};
use serde_json::Value;

const TEST_NUMBERS: &str = "crates/connect/src/testcards.json";
const BRANDS: &str = "crates/connect/src/bins.json";
/// ISO/IEC 7812: shorter runs of digits are not card numbers of the networks that Florin speaks, longer ones of none.
const PAN_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Types that hold card data, with their crate. Other crates may have a `Card` of their own that holds none.
const CARD_TYPES: [(&str, &str); 6] = [
    ("connect", "Pan"),
    ("connect", "Cvc"),
    ("connect", "Card"),
    ("connect", "Message"),
    ("connect", "WireRequest"),
    ("vault", "NewCard"),
];
/// What would let card data out.
const WAYS_OUT: [&str; 5] = ["Debug", "Display", "Clone", "Copy", "Serialize"];

/// Every number that could be a real card's is a published test number or stands in a range reserved for tests.
pub fn numbers(tree: &Tree) -> Vec<Finding> {
    let (Some(known), Some(brands)) = (known_numbers(tree), brands(tree)) else {
        return vec![Finding::new(TEST_NUMBERS, 0, format!("this file or {BRANDS} cannot be read"))];
    };
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != TEST_NUMBERS) {
        for (line, text) in file.lines() {
            for digits in runs(text) {
                let real = brands.iter().any(|brand| brand.holds(&digits)) && luhn(&digits);
                if real && !known.holds(&digits) {
                    let ends =
                        format!("{}…{}", digits.get(..6).unwrap_or(""), digits.get(digits.len() - 4..).unwrap_or(""));
                    let what = format!("{ends} may be a real card number: take one of {TEST_NUMBERS}");
                    findings.push(Finding::new(&file.path, line, what));
                }
            }
        }
    }
    findings
}

/// Whole runs of digits with the length of a card number, written in one piece or in groups.
fn runs(line: &str) -> Vec<String> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut found = Vec::new();
    for token in line.split(|c: char| !word(c)) {
        found.extend(token.split('-').map(|part| part.replace('_', "")));
        found.push(token.replace(['-', '_'], ""));
    }
    let pieces: Vec<&str> = line.split(|c: char| !(word(c) || c == ' ')).collect();
    for piece in pieces {
        let groups: Vec<&str> = piece.split(' ').filter(|group| !group.is_empty()).collect();
        for start in 0..groups.len() {
            for shape in [&[4, 4, 4, 4][..], &[4, 6, 5], &[4, 6, 4]] {
                let group = groups.get(start..start + shape.len()).unwrap_or_default();
                if !group.is_empty() && group.iter().map(|g| g.len()).eq(shape.iter().copied()) {
                    found.push(group.concat());
                }
            }
        }
    }
    found.retain(|run| PAN_DIGITS.contains(&run.len()) && run.bytes().all(|b| b.is_ascii_digit()));
    found.sort();
    found.dedup();
    found
}

/// ISO/IEC 7812-1 annex B.
fn luhn(digits: &str) -> bool {
    let value = |(place, digit): (usize, u8)| match (place % 2, u32::from(digit - b'0')) {
        (0, n) => n,
        (_, n) if n > 4 => n * 2 - 9,
        (_, n) => n * 2,
    };
    digits.bytes().rev().enumerate().map(value).sum::<u32>() % 10 == 0
}

struct Brand {
    from: String,
    to: String,
    lengths: Vec<usize>,
}

impl Brand {
    fn holds(&self, digits: &str) -> bool {
        let head = digits.get(..self.from.len()).unwrap_or("");
        self.from.as_str() <= head && head <= self.to.as_str() && self.lengths.contains(&digits.len())
    }
}

fn brands(tree: &Tree) -> Option<Vec<Brand>> {
    let file: Value = serde_json::from_str(&tree.get(BRANDS)?.text).ok()?;
    let brand = |range: &Value| {
        let text = |name: &str| range.get(name)?.as_str().map(str::to_string);
        let lengths =
            range.get("lengths")?.as_array()?.iter().filter_map(|n| usize::try_from(n.as_u64()?).ok()).collect();
        Some(Brand { from: text("from")?, to: text("to")?, lengths })
    };
    file.get("ranges")?.as_array()?.iter().map(brand).collect::<Option<Vec<_>>>().filter(|brands| !brands.is_empty())
}

/// What the file of test cards holds.
struct Known {
    published: Vec<String>,
    /// First digits and length of the numbers that leak tests use.
    reserved: Vec<(String, usize)>,
}

impl Known {
    fn holds(&self, digits: &str) -> bool {
        let reserved = |(head, length): &(String, usize)| digits.len() == *length && digits.starts_with(head.as_str());
        self.published.iter().any(|number| number == digits) || self.reserved.iter().any(reserved)
    }
}

fn known_numbers(tree: &Tree) -> Option<Known> {
    let file: Value = serde_json::from_str(&tree.get(TEST_NUMBERS)?.text).ok()?;
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_string);
    let range = |range: &Value| Some((text(range, "prefix")?, usize::try_from(range.get("length")?.as_u64()?).ok()?));
    let published =
        file.get("cards")?.as_array()?.iter().map(|card| text(card, "number")).collect::<Option<Vec<_>>>()?;
    let reserved = file.get("reserved")?.as_array()?.iter().map(range).collect::<Option<Vec<_>>>()?;
    Some(Known { published, reserved })
}

/// The card types exist, and none of them can be printed, copied or serialized.
pub fn types(tree: &Tree) -> Vec<Finding> {
    let (mut findings, mut seen) = (Vec::new(), Vec::new());
    for file in tree.rust() {
        let code = rust::views(&file.text).code;
        let own = |home: &str| file.package() == Some(home);
        for (home, name) in CARD_TYPES.into_iter().filter(|(home, _)| own(home)) {
            for at in rust::words(&code, name).filter(|at| defines(&code, *at)) {
                seen.push((home, name));
                let before = code.get(..at).unwrap_or("");
                let attributes = before.rsplit(['}', ';']).next().unwrap_or("");
                findings.extend(
                    faults(attributes, name).map(|what| Finding::new(&file.path, rust::line_of(&code, at), what)),
                );
            }
        }
        for at in rust::words(&code, "impl") {
            let header = code.get(at..).and_then(|rest| rest.split('{').next()).unwrap_or("");
            let Some((what, whom)) = header.split_once(" for ") else { continue };
            let whom = whom.trim_start().trim_start_matches('&');
            let path = whom.split(['<', ' ', '\n']).next().unwrap_or("");
            let subject = path.rsplit("::").next().unwrap_or("");
            if CARD_TYPES
                .iter()
                .any(|(home, name)| *name == subject && (own(home) || path.contains(&format!("{home}::"))))
            {
                findings
                    .extend(faults(what, subject).map(|what| Finding::new(&file.path, rust::line_of(&code, at), what)));
            }
        }
    }
    let missing = CARD_TYPES.into_iter().filter(|known| !seen.contains(known));
    findings.extend(missing.map(|(home, name)| {
        Finding::new(&format!("crates/{home}"), 0, format!("defines no `{name}`: this check has lost sight of it"))
    }));
    findings
}

/// True when the name at this place is being defined: `struct Pan`, `enum Pan`.
fn defines(code: &str, at: usize) -> bool {
    let before = code.get(..at).unwrap_or("").trim_end();
    ["struct", "enum", "union", "type"].iter().any(|word| before.ends_with(word))
}

fn faults<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let found = WAYS_OUT.into_iter().filter(move |way| rust::words(header, way).next().is_some());
    found.map(move |way| format!("`{name}` must not be {way}: card data would leave its type unseen"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing;

    const CARDS: &str = r#"{"cards": [{"number": "4242424242424242", "names": ["visa"]}],
                            "reserved": [{"prefix": "4929123456", "length": 16}]}"#;
    const BINS: &str =
        r#"{"ranges": [{"from": "4", "to": "4", "lengths": [13, 16]}, {"from": "37", "to": "37", "lengths": [15]}]}"#;

    /// A number of this brand and length that no file may hold.
    fn unlisted(head: &str, length: usize) -> String {
        let body = format!("{head}{}", "7".repeat(length - 1 - head.len()));
        (0..10).map(|digit| format!("{body}{digit}")).find(|number| luhn(number)).unwrap_or_default()
    }

    fn check_numbers(text: &str, faults: usize) {
        let places = vec![("a.md:1", "may be a real card number"); faults];
        testing::check(numbers, &[("a.md", text), (TEST_NUMBERS, CARDS), (BRANDS, BINS)], &places);
    }

    #[test]
    fn card_numbers() {
        let visa = unlisted("411", 16);
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| visa.get(at..at + 4).unwrap_or(""));
        check_numbers(&visa, 1);
        check_numbers(&format!("\"{visa}\", {}", unlisted("37", 15)), 2);
        check_numbers(&format!("card {a} {b} {c} {d} of"), 1);
        check_numbers(&format!("{a}-{b}-{c}-{d}"), 1);
        check_numbers(&format!("{a}_{b}_{c}_{d}"), 1);
        check_numbers(&format!("card-{visa}"), 1);
        check_numbers("4242424242424242 4242 4242 4242 4242", 0);
        check_numbers(&format!("0x{visa} a{visa} {visa}0"), 0);
        check_numbers(&unlisted("99", 16), 0);
        check_numbers(&unlisted("411", 15), 0);
        check_numbers(&unlisted("4929123456", 16), 0);
        check_numbers(&unlisted("4929123456", 13), 1);
        check_numbers("4111111111111112", 0);
        testing::check(numbers, &[("a.md", "a")], &[(TEST_NUMBERS, "cannot be read")]);
    }

    #[test]
    fn what_is_said_holds_no_card_number() {
        let visa = unlisted("411", 16);
        let file = |path: &str, text: &str| crate::tree::File { path: path.to_string(), text: text.to_string() };
        let tree = Tree { files: vec![file("a.md", &visa), file(TEST_NUMBERS, CARDS), file(BRANDS, BINS)] };
        assert!(numbers(&tree).iter().all(|finding| !finding.to_string().contains(&visa)));
    }

    #[test]
    fn card_types() {
        let good = "/// Debug is absent.\npub struct Pan(String);\npub struct Cvc(String);\npub struct Card {}\n\
                    pub struct Message {}\npub enum WireRequest {}\n";
        let path = "crates/connect/src/card.rs";
        let vault = ("crates/vault/src/cards.rs", "pub struct NewCard {}");
        let check = |text: &str, expected: &[(&str, &str)]| testing::check(types, &[(path, text), vault], expected);
        let at = |line: usize| format!("{path}:{line}");
        check(good, &[]);
        check(&format!("{good}#[derive(Debug)]\npub struct Other;\nimpl fmt::Debug for Other {{}}"), &[]);
        check(
            &good.replacen("pub struct Pan", "#[derive(Clone)]\npub struct Pan", 1),
            &[(&at(3), "`Pan` must not be Clone")],
        );
        check(&format!("{good}impl std::fmt::Display for Cvc {{}}"), &[(&at(7), "`Cvc` must not be Display")]);
        check(&format!("{good}impl serde::Serialize for Message {{}}"), &[(&at(7), "`Message` must not be Serialize")]);
        check(&good.replace("pub struct Card {}", ""), &[("crates/connect", "defines no `Card`")]);
        let other = "impl Debug for florin_connect::card::Pan {}\nimpl Debug for Card {}";
        let place = [("crates/sim/src/a.rs:1", "`Pan` must not be Debug")];
        testing::check(types, &[(path, good), vault, ("crates/sim/src/a.rs", other)], &place);
        let copied = ("crates/vault/src/cards.rs", "#[derive(Debug)]\npub struct NewCard {}");
        testing::check(
            types,
            &[(path, good), copied],
            &[("crates/vault/src/cards.rs:2", "`NewCard` must not be Debug")],
        );
    }
}

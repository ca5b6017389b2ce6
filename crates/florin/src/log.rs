//! What processes say of themselves, on standard error. Values come from a closed list of types, each of which is known to hold nobody's
//! data; what looks like a card number all the same is masked by the writer, and counted as a defect of Florin. A line is text for people or
//! JSON for programs (`log.format`). Keeps nothing.

use crate::gateway::ops::plain;
use florin_core::edge::BadFrame;
use florin_core::flow::Failure;
use florin_core::store::StoreTrouble;
use florin_vault::edge::masked;
use serde_json::json;
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Longer lines are cut.
const LINE_LIMIT_CHARACTERS: usize = 4_096;

static DEFECTS: AtomicU64 = AtomicU64::new(0);

/// Lines of this process in which something like a card number was masked. Each is a defect to be reported.
pub fn defects() -> u64 {
    DEFECTS.load(Ordering::Relaxed)
}

/// What a log line may show. A type gets an implementation once it is known to hold no card and nobody's data.
pub trait Shown {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A value on its way into a line.
pub struct Show<'a, T: Shown + ?Sized>(pub &'a T);

impl<T: Shown + ?Sized> fmt::Display for Show<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.shown(f)
    }
}

/// Words of ours, as they stand in the source.
impl Shown for &'static str {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Shown for i64 {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The words of a failure say what is wrong, never whose.
impl Shown for Failure {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(self))
    }
}

/// Names kinds of trouble and keys of rows, which are numbers.
impl Shown for StoreTrouble {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Names what is wrong with a frame, by kind and length.
impl Shown for BadFrame {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Folders and files are the operator's.
impl Shown for std::path::Path {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.display())
    }
}

/// Sentences that Florin made itself, of the types of this list.
pub struct Words<'a>(pub &'a str);

impl Shown for Words<'_> {
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The id that a request has with us and with its client.
pub struct Asked<'a>(pub &'a str);

/// How lines look. Children are told in their environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `florin gateway: req_…: a text`
    Text,
    /// `{"at":"…","from":"florin gateway","request":"req_…","says":"a text"}`
    Json,
}

/// The variable of the setting `log.format`.
pub const FORMAT_VARIABLE: &str = "FLORIN_LOG_FORMAT";
static JSON: AtomicBool = AtomicBool::new(false);

impl Format {
    pub const ALL: [Format; 2] = [Format::Text, Format::Json];
    pub const fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
        }
    }
    pub fn parse(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }
    pub fn now() -> Format {
        if JSON.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
    }
    /// From now on, for this process.
    pub fn set(self) {
        JSON.store(self == Format::Json, Ordering::Relaxed);
    }
    /// As the process that started this one says.
    pub fn inherit() {
        if let Some(format) = std::env::var(FORMAT_VARIABLE).ok().as_deref().and_then(Format::parse) {
            format.set();
        }
    }

    fn line(self, at: &str, from: &str, asked: Option<&Asked<'_>>, says: &str) -> String {
        let says = guarded(says);
        let asked = asked.map(|asked| guarded(asked.0));
        match (self, asked) {
            (Format::Text, None) => format!("{from}: {says}"),
            (Format::Text, Some(id)) => format!("{from}: {id}: {says}"),
            (Format::Json, None) => json!({ "at": at, "from": from, "says": says }).to_string(),
            (Format::Json, Some(id)) => json!({ "at": at, "from": from, "request": id, "says": says }).to_string(),
        }
    }
}

/// Writes one line. Used through `log!`.
pub fn write(from: &'static str, asked: Option<&Asked<'_>>, text: fmt::Arguments<'_>) {
    let at = jiff::Timestamp::now().to_string();
    let line = Format::now().line(&at, from, asked, &text.to_string());
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes an error that ends a command.
pub fn line(text: fmt::Arguments<'_>) {
    let line = guarded(&text.to_string());
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// One line, whatever was in it, without anything like a card number.
fn guarded(text: &str) -> String {
    let cut = text.chars().take(LINE_LIMIT_CHARACTERS);
    let one: String = cut.map(|c| if c.is_control() { ' ' } else { c }).collect();
    match masked(one.as_bytes()) {
        None => one,
        Some(masked) => {
            DEFECTS.fetch_add(1, Ordering::Relaxed);
            String::from_utf8_lossy(&masked).into_owned()
        }
    }
}

/// `log!("florin gateway", "a text with {}", value)`: the values are of types that may be shown. What was done for a request names it:
/// `log!("florin gateway", Asked(id), "a text")`.
macro_rules! log {
    ($who:literal, $text:literal $(, $value:expr)* $(,)?) => {
        $crate::log::write($who, None, format_args!($text $(, $crate::log::Show(&$value))*))
    };
    ($who:literal, $asked:expr, $text:literal $(, $value:expr)* $(,)?) => {
        $crate::log::write($who, Some(&$asked), format_args!($text $(, $crate::log::Show(&$value))*))
    };
}

pub(crate) use log;

/// A panic says where, and nothing of what was being worked on.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let place = info.location().map_or_else(
            || "an unknown place".to_owned(),
            |at| {
                let mut folders: Vec<&str> = at.file().rsplit('/').take(4).collect();
                folders.reverse();
                format!("{}:{}", folders.join("/"), at.line())
            },
        );
        write(
            "florin",
            None,
            format_args!("a bug at {place} (thread {}). Please report it.", thread.name().unwrap_or("?")),
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn card_numbers_are_masked_and_counted() {
        let check = |text: &str, expected: &str| {
            let before = defects();
            assert_eq!(guarded(text), expected);
            assert_eq!(defects() - before, u64::from(text != expected), "{text}");
        };
        check("florin gateway: nothing of the kind", "florin gateway: nothing of the kind");
        check("a 4929123456000009 b", "a ************0009 b");
        check("a 4929 1234 5600 0009 b", "a **** **** **** 0009 b");
        check("a 4929-1234-5600-0009 b", "a ****-****-****-0009 b");
        check("a374245455400001b", "a***********0001b");
        // A key, a time, and sixteen digits that are no card.
        let others = "Sealed(Key(1882500000000000032)) at 1795355553354, 4929123456000008";
        check(others, others);
    }

    #[test]
    fn a_line_is_one_line() {
        let said = guarded(&format!("a\r\nflorin gateway: forged\u{1b}[2J{}", "x".repeat(10_000)));
        assert!(!said.contains(['\n', '\r', '\u{1b}']), "{said}");
        assert_eq!(said.chars().count(), LINE_LIMIT_CHARACTERS);
    }

    #[test]
    fn a_line_is_text_or_json() {
        let check = |format: Format, id: Option<&str>, says: &str, expected: &str| {
            let asked = id.map(Asked);
            assert_eq!(format.line("2026-11-22T00:00:00Z", "florin gateway", asked.as_ref(), says), expected);
        };
        check(Format::Text, None, "a \"b\"", "florin gateway: a \"b\"");
        check(Format::Text, Some("req_1"), "a\nb", "florin gateway: req_1: a b");
        let json = r#"{"at":"2026-11-22T00:00:00Z","from":"florin gateway","says":"a \"b\" ************0009"}"#;
        check(Format::Json, None, "a \"b\" 4929123456000009", json);
        let json = r#"{"at":"2026-11-22T00:00:00Z","from":"florin gateway","request":"req_1","says":"a b"}"#;
        check(Format::Json, Some("req_1"), "a\nb", json);
    }

    /// Values come through `Shown` alone: nothing is named inside a text, and nobody writes to standard error by another way.
    #[test]
    fn processes_log_through_the_list_alone() {
        fn look(folder: &Path, wrong: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).expect("read").map(|entry| entry.expect("read").path()) {
                if entry.is_dir() {
                    look(&entry, wrong);
                    continue;
                }
                let text = std::fs::read_to_string(&entry).expect("read");
                let named = |line: &str| {
                    let after = line.split("log!(").nth(1).unwrap_or("");
                    after.match_indices('{').any(|(at, _)| !after[at + 1..].starts_with('}'))
                };
                let bad = text.lines().filter(|line| line.contains("eprintln!") || named(line));
                wrong.extend(bad.map(|line| format!("{}: {line}", entry.display())));
            }
        }
        let mut wrong = Vec::new();
        for folder in ["gateway", "process"] {
            look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder), &mut wrong);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

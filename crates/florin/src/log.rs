//! What processes say of themselves, on standard error. Values come from a closed list of types, each of which is known to hold nobody's
//! data; what looks like a card number all the same is masked by the writer, and counted as a defect of Florin. Keeps nothing.

use crate::gateway::ops::plain;
use florin_core::edge::BadFrame;
use florin_core::flow::Failure;
use florin_core::store::StoreTrouble;
use florin_vault::edge::masked;
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Writes one line. Used through `log!`, and for errors that end a command.
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

/// `log!("florin gateway", "a text with {}", value)`: the values are of types that may be shown.
macro_rules! log {
    ($who:literal, $text:literal $(, $value:expr)* $(,)?) => {
        $crate::log::line(format_args!(concat!($who, ": ", $text) $(, $crate::log::Show(&$value))*))
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
        line(format_args!("florin: a bug at {place} (thread {}). Please report it.", thread.name().unwrap_or("?")));
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

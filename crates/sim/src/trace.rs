//! What happened, twice over: a hash of every event in order, and on demand a story that a person can read. Never holds card data.

use florin_core::id::Key;
use std::fmt;

/// One line of the story.
#[derive(Clone, Debug)]
pub struct Line {
    /// Milliseconds since the world began.
    pub at_ms: i64,
    /// The payment or refund that it concerns; lines without one concern everybody.
    pub about: Option<Key>,
    pub text: String,
}

/// The history of one world.
pub struct Trace {
    hash: u64,
    lines: Option<Vec<Line>>,
}

impl Trace {
    pub fn new(story: bool) -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, lines: story.then(Vec::new) }
    }

    /// Mixes a number into the hash (FNV-1a over whole words, turned so that high bits matter as well).
    pub fn mix(&mut self, word: i64) {
        self.hash = (self.hash ^ word.cast_unsigned()).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    pub fn mix_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0i64, |word, b| (word << 8) | i64::from(*b));
            self.mix(word);
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Adds a line; the words are only made when somebody listens.
    pub fn tell(&mut self, at_ms: i64, about: Option<Key>, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(Line { at_ms, about, text: text() });
        }
    }

    /// The lines that concern these things or everybody, oldest first.
    pub fn story(&self, about: &[Key]) -> Vec<String> {
        let lines = self.lines.iter().flatten();
        let wanted = lines.filter(|line| line.about.is_none_or(|key| about.is_empty() || about.contains(&key)));
        wanted.map(Line::to_string).collect()
    }
}

/// `  12.345 s  text`
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6}.{:03} s  {}", self.at_ms / 1000, self.at_ms.rem_euclid(1000), self.text)
    }
}

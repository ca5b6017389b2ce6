//! Looks for card data in bytes, in every form in which it is likely to stand. Says what it found by the form's name, never by the number.

use std::collections::{BTreeMap, HashMap};

/// Patterns are found by these many first bytes of theirs; none is shorter.
const KEY_BYTES: usize = 8;
/// The last digits of a number, for what is overwritten in part. The first ones are the issuer's and say little.
const TAIL_DIGITS: usize = 10;

/// What a thing is looked for as.
struct Pattern {
    bytes: Vec<u8>,
    form: &'static str,
    /// How what it belongs to was sent.
    way: &'static str,
}

/// What is looked for.
pub struct Search {
    by_key: HashMap<[u8; KEY_BYTES], Vec<Pattern>>,
    /// Whether any pattern begins with these two bytes.
    begins: Vec<bool>,
    /// The longest pattern, in bytes.
    pub longest: usize,
}

/// How often each form was found, with how the card was sent.
pub type Hits = BTreeMap<(&'static str, &'static str), u64>;

impl Search {
    /// All forms of these card numbers, each with how it was sent, and these further texts.
    pub fn new(numbers: &[(String, &'static str)], texts: &[(&'static str, String)]) -> Search {
        let mut search = Search { by_key: HashMap::new(), begins: vec![false; 1 << 16], longest: 0 };
        for (number, way) in numbers {
            for (form, bytes) in forms(number) {
                search.add(Pattern { bytes, form, way });
            }
        }
        for (form, text) in texts {
            search.add(Pattern { bytes: text.clone().into_bytes(), form, way: "in some way" });
        }
        search
    }

    fn add(&mut self, pattern: Pattern) {
        let Some(key) = pattern.bytes.first_chunk::<KEY_BYTES>() else { return };
        if let Some(begins) = self.begins.get_mut(usize::from(u16::from_be_bytes([key[0], key[1]]))) {
            *begins = true;
        }
        self.longest = self.longest.max(pattern.bytes.len());
        self.by_key.entry(*key).or_default().push(pattern);
    }

    /// Counts what is found in `bytes` and begins before `end`.
    pub fn count(&self, bytes: &[u8], end: usize, hits: &mut Hits) {
        for (at, key) in bytes.windows(KEY_BYTES).enumerate().take(end) {
            let [a, b, ..] = key else { continue };
            if !self.begins.get(usize::from(u16::from_be_bytes([*a, *b]))).is_some_and(|begins| *begins) {
                continue;
            }
            let Some(candidates) = key.first_chunk::<KEY_BYTES>().and_then(|key| self.by_key.get(key)) else {
                continue;
            };
            let rest = bytes.get(at..).unwrap_or_default();
            // One place counts once, under the first form that fits.
            if let Some(found) = candidates.iter().find(|pattern| rest.starts_with(&pattern.bytes)) {
                *hits.entry((found.form, found.way)).or_default() += 1;
            }
        }
    }

    /// The same over what comes in pieces: `next` fills a buffer and says how much, zero at the end.
    pub fn count_in(&self, mut next: impl FnMut(&mut [u8]) -> usize, hits: &mut Hits) -> u64 {
        let overlap = self.longest.saturating_sub(1);
        let mut buffer = vec![0u8; overlap + PIECE_BYTES];
        let (mut kept, mut seen) = (0, 0u64);
        loop {
            let got = next(buffer.get_mut(kept..kept + PIECE_BYTES).unwrap_or_default());
            let filled = kept + got;
            seen += got as u64;
            // What begins in the overlap is counted with the next piece.
            let end = if got == 0 { filled } else { filled.saturating_sub(overlap) };
            self.count(buffer.get(..filled).unwrap_or_default(), end, hits);
            if got == 0 {
                buffer.fill(0);
                return seen;
            }
            buffer.copy_within(end..filled, 0);
            kept = filled - end;
        }
    }
}

const PIECE_BYTES: usize = 1 << 20;

/// Every form of a card number, the longer before those that are part of them.
fn forms(number: &str) -> Vec<(&'static str, Vec<u8>)> {
    let group = |by: &str| grouped(number, by).into_bytes();
    let tail = number.get(number.len().saturating_sub(TAIL_DIGITS)..).unwrap_or_default();
    let percent: String = number.bytes().map(|b| format!("%{b:02x}")).collect();
    let mut forms = vec![
        ("digits", number.as_bytes().to_vec()),
        ("spaced", group(" ")),
        ("spaced with +", group("+")),
        ("dashed", group("-")),
        ("percent-encoded", percent.into_bytes()),
        ("UTF-16LE", number.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", number.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("UTF-32LE", number.bytes().flat_map(|b| u32::from(b).to_le_bytes()).collect()),
        ("one digit a byte", number.bytes().map(|b| b - b'0').collect()),
        ("hexadecimal", number.bytes().map(|b| format!("{b:02x}")).collect::<String>().into_bytes()),
        ("part of the digits", tail.as_bytes().to_vec()),
    ];
    forms.extend(base64(number).into_iter().map(|bytes| ("base64", bytes)));
    forms.extend(bcd(number).into_iter().map(|bytes| ("BCD", bytes)));
    if let Ok(integer) = number.parse::<u64>() {
        forms.push(("integer", integer.to_le_bytes().to_vec()));
        forms.push(("integer, big-endian", integer.to_be_bytes().to_vec()));
    }
    forms
}

/// As it is printed on cards.
pub fn grouped(number: &str, by: &str) -> String {
    let ends: &[usize] = if number.len() == 15 { &[0, 4, 10, 15] } else { &[0, 4, 8, 12, 16] };
    let groups = ends.windows(2).filter_map(|pair| number.get(*pair.first()?..*pair.get(1)?));
    groups.collect::<Vec<_>>().join(by)
}

/// Two digits a byte; an odd number of digits gets a pad in front or behind.
fn bcd(digits: &str) -> Vec<Vec<u8>> {
    let padded = match digits.len() % 2 {
        0 => vec![digits.to_owned()],
        _ => vec![format!("0{digits}"), format!("{digits}f")],
    };
    let digit = |b: &u8| u8::try_from(char::from(*b).to_digit(16).unwrap_or(0)).unwrap_or(0);
    let byte = |pair: &[u8]| pair.iter().fold(0, |byte, b| byte << 4 | digit(b));
    padded.iter().map(|text| text.as_bytes().chunks(2).map(byte).collect()).collect()
}

/// Base64 of the text as it looks inside a longer one, at each of the three places where it can begin; what depends on the neighbours
/// is left out.
fn base64(text: &str) -> Vec<Vec<u8>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = |three: &[u8]| {
        let bits = three.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
        [18, 12, 6, 0].map(|shift| LETTERS.get(bits >> shift & 63).copied().unwrap_or(b'='))
    };
    let from = |skip: usize| text.as_bytes().get(skip..).unwrap_or_default();
    (0..3).map(|skip| from(skip).chunks_exact(3).flat_map(letters).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "4929123456000009";

    #[test]
    fn finds_every_form_wherever_it_stands() {
        let search = Search::new(&[(NUMBER.to_owned(), "whole")], &[("a marker", "cvc]=8391".to_owned())]);
        let mut planted: Vec<(&str, Vec<u8>)> = forms(NUMBER);
        planted.push(("a marker", b"card[cvc]=8391&".to_vec()));
        for (form, bytes) in planted {
            for before in [0, 1, 7, PIECE_BYTES - 3, PIECE_BYTES, 2 * PIECE_BYTES + 5] {
                // No zeros around it: UTF-16 would be found both ways.
                let text = [vec![b'#'; before], bytes.clone(), vec![b'#'; 9]].concat();
                let (mut hits, mut at) = (Hits::new(), 0);
                let seen = search.count_in(
                    |buffer| {
                        let n = buffer.len().min(text.len() - at);
                        buffer[..n].copy_from_slice(&text[at..at + n]);
                        at += n;
                        n
                    },
                    &mut hits,
                );
                assert_eq!(seen, text.len() as u64);
                let mut found: Vec<&str> = hits.keys().map(|(form, _)| *form).collect();
                // A number holds its own tail.
                found.retain(|f| form == *f || *f != "part of the digits");
                assert_eq!(found, [form], "behind {before} bytes");
            }
        }
    }

    #[test]
    fn finds_nothing_else() {
        let search = Search::new(&[(NUMBER.to_owned(), "whole")], &[]);
        for innocent in ["", "4929", "492912…0009", "4929123456", "4929 1234 5600 0008", &"4".repeat(10_000)] {
            let mut hits = Hits::new();
            search.count(innocent.as_bytes(), innocent.len(), &mut hits);
            assert_eq!(hits, Hits::new(), "{innocent}");
        }
    }
}

//! Large bodies looked through piece by piece: a card number that spans two pieces is found, and nothing of it was passed on before.
//! Knows no socket.

use super::chunked::append;
use super::{numbers, swap};
use zeroize::Zeroizing;

/// What stays behind from each piece: more than a card number with what people write between its digits, and a UUID.
const HELD_BYTES: usize = 128;
/// A run of digits that is longer is cut.
const RUN_LIMIT_BYTES: usize = 512;

/// A card number stands in the body.
#[derive(Debug, PartialEq, Eq)]
pub struct CardFound;

#[derive(Default)]
pub struct Sweep {
    held: Zeroizing<Vec<u8>>,
}

impl Sweep {
    /// Takes the next piece. Gives what may be passed on.
    pub fn push(&mut self, piece: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFound> {
        append(&mut self.held, piece);
        // Digits at the end may go on: they are looked at with what follows them.
        let looked_at = self.held.len() - run(self.held.iter().rev());
        self.look(looked_at)?;
        let mut cut = looked_at.saturating_sub(HELD_BYTES);
        // Never in the middle of a run: its rest alone could look like a card.
        cut -= run(self.held.iter().take(cut).rev());
        Ok(self.give(cut))
    }

    /// The body is whole. Gives its rest.
    pub fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, CardFound> {
        self.look(self.held.len())?;
        Ok(std::mem::take(&mut self.held))
    }

    fn look(&self, bytes: usize) -> Result<(), CardFound> {
        let text = self.held.get(..bytes).unwrap_or_default();
        if swap::has_card(text, numbers::has_card) { Err(CardFound) } else { Ok(()) }
    }

    fn give(&mut self, bytes: usize) -> Zeroizing<Vec<u8>> {
        let (given, kept) = self.held.split_at(bytes.min(self.held.len()));
        let (given, kept) = (given.to_vec(), kept.to_vec());
        self.held = Zeroizing::new(kept);
        Zeroizing::new(given)
    }
}

/// The length of the run of digits, and of what may stand between them, that these bytes begin with.
fn run<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    let within =
        |b: &&u8| b.is_ascii_alphanumeric() || matches!(**b, b' ' | b'-' | b'.' | b'_' | b'/' | b'%' | 0xC2 | 0xA0);
    bytes.take(RUN_LIMIT_BYTES).take_while(within).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of every length: what is passed on before the card is found holds none of its digits.
    #[test]
    fn cards_are_found_wherever_a_body_is_cut() {
        let check = |text: &[u8], whole: bool| {
            for step in (1..=text.len()).step_by(7) {
                let (mut sweep, mut passed, mut found) = (Sweep::default(), Vec::new(), false);
                for piece in text.chunks(step) {
                    match sweep.push(piece) {
                        Ok(bytes) if !found => passed.extend_from_slice(&bytes),
                        Ok(_) => {}
                        Err(CardFound) => found = true,
                    }
                }
                match sweep.finish() {
                    Ok(bytes) if !found => passed.extend_from_slice(&bytes),
                    Ok(_) => {}
                    Err(CardFound) => found = true,
                }
                assert_eq!(found, !whole, "pieces of {step}");
                assert!(!whole || passed == text, "pieces of {step}");
                assert!(whole || !passed.windows(4).any(|w| w == b"4929"), "pieces of {step}");
            }
        };
        let filler = "A line of an evidence file, which says what was bought.\r\n".repeat(12);
        let with = |card: &str| format!("{filler}card: {card}\r\n{filler}").into_bytes();
        check(&with("4929123456000009"), false);
        check(&with("4929 1234 5600 0009"), false);
        check(&with("%34%39%32%39%31%32%33%34%35%36%30%30%30%30%30%39"), false);
        check(&with("order 6735, 20 pieces"), true);
        check(&with(&"0123456789".repeat(30)), true);
        check(b"4929123456000009", false);
        check(b"", true);
    }
}

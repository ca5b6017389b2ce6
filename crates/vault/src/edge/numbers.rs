//! Card numbers in text where none belongs: whole tokens of digits with the length, the check digit and the issuer of a card.
//! Knows no request and keeps nothing.

use florin_connect::bins;
use florin_connect::card::{MAX_PAN_DIGITS, luhn};
use florin_connect::testcards;
use zeroize::Zeroizing;

/// No brand's numbers are shorter (ISO/IEC 7812 allows 12; no range that Florin knows has them).
const MIN_DIGITS: usize = 13;
/// Spaces, dashes and the like between two groups of a test card's number.
const GAP_LIMIT_BYTES: usize = 3;
/// E.164: a telephone number has at most so many digits.
pub const PHONE_DIGITS: usize = 15;

/// Where is looked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Anywhere,
    /// A telephone field: digits of that length are the rule there, so that only longer ones count.
    Phone,
    /// Where random numbers stand: ids of traces and the like. Only test cards count, which nobody has by chance.
    Noise,
}

/// Whether a card number stands in the text: digits that no letter touches, in one piece or in the groups of a card. Test cards,
/// canaries among them, are found in any groups and between letters too.
pub fn has_card(text: &[u8]) -> bool {
    find(text, Look::Anywhere)
}

/// The same in a telephone field.
pub fn phone_has_card(text: &[u8]) -> bool {
    find(text, Look::Phone)
}

/// Whether the number of a test card stands in the text.
pub fn has_test_card(text: &[u8]) -> bool {
    find(text, Look::Noise)
}

fn find(text: &[u8], look: Look) -> bool {
    if text.iter().filter(|b| b.is_ascii_digit()).count() < MIN_DIGITS {
        return false;
    }
    let mut groups = Groups::of(text);
    while groups.next_row() {
        for (from, to) in candidates(&groups.row) {
            let parts = groups.row.get(from..=to).unwrap_or_default();
            let digits = joined(text, parts);
            let counts = || match look {
                Look::Anywhere => written_as_card(text, parts),
                Look::Phone => digits.len() > PHONE_DIGITS && written_as_card(text, parts),
                Look::Noise => false,
            };
            if is_card(&digits) && (counts() || testcards::find(&digits).is_some()) {
                return true;
            }
        }
    }
    false
}

/// Stands alone, in one piece or in groups as they are printed on cards, and is no part of a UUID. One in forty random numbers of sixteen
/// digits looks like a card, so that lists of small numbers and random ids would be refused all the time.
fn written_as_card(text: &[u8], groups: &[(usize, usize)]) -> bool {
    let (Some((start, _)), Some((_, end))) = (groups.first(), groups.last()) else { return false };
    let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
    let alone = !letter(start.checked_sub(1).and_then(|at| text.get(at))) && !letter(text.get(*end));
    alone && as_printed(text, groups) && !in_uuid(text, *start, *end)
}

/// One piece, or 4-4-4-4, 4-6-5 and their like with the same separator throughout.
fn as_printed(text: &[u8], groups: &[(usize, usize)]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|(start, end)| end - start).collect();
    let shape = match lengths.as_slice() {
        [_] => true,
        [4, 6, 4 | 5] => true,
        [first @ .., last] => first.len() >= 3 && first.iter().all(|n| *n == 4) && (1..=4).contains(last),
        [] => false,
    };
    let mut gaps = groups.windows(2).filter_map(|pair| match pair {
        [(_, end), (start, _)] => text.get(*end..*start),
        _ => None,
    });
    let first = gaps.next();
    shape
        && first.is_none_or(|gap| matches!(gap, b" " | b"-" | b"." | b"\xC2\xA0"))
        && gaps.all(|gap| Some(gap) == first)
}

/// Characters of a UUID as text.
const UUID_CHARS: usize = 36;

/// RFC 9562 §4: libraries send one as idempotency key with every request. Looks no further than a UUID reaches: a long text of
/// numbers would be walked through for each of them.
fn in_uuid(text: &[u8], start: usize, end: usize) -> bool {
    let part = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'-';
    let before = text.get(..start).unwrap_or_default().iter().rev().take(UUID_CHARS).take_while(part).count();
    let behind = text.get(end..).unwrap_or_default().iter().take(UUID_CHARS).take_while(part).count();
    let token = text.get(start - before..end + behind).unwrap_or_default();
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    token.len() == UUID_CHARS
        && token.iter().enumerate().all(|(at, b)| if dash(at) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

/// The length, check digit and issuer of a card.
fn is_card(digits: &str) -> bool {
    luhn(digits.as_bytes()) && bins::lookup(digits).is_some_and(|range| range.lengths.contains(&digits.len()))
}

/// The text with the digits of whatever could be a card number overwritten, all but the last four. Nothing if there is none. Looks
/// also inside longer runs of digits: for texts that should hold no number at all.
pub fn masked(text: &[u8]) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut hide = |places: &[usize]| {
        let out = out.get_or_insert_with(|| text.to_vec());
        for at in places.iter().rev().skip(4) {
            if let Some(byte) = out.get_mut(*at) {
                *byte = b'*';
            }
        }
    };
    let mut groups = Groups::of(text);
    while groups.next_row() {
        let places: Vec<usize> = groups.row.iter().flat_map(|(start, end)| *start..*end).collect();
        for length in MIN_DIGITS..=MAX_PAN_DIGITS {
            for window in places.windows(length) {
                let digits = Zeroizing::new(
                    window.iter().filter_map(|at| text.get(*at)).copied().map(char::from).collect::<String>(),
                );
                if is_card(&digits) {
                    hide(window);
                }
            }
        }
    }
    out
}

/// Pairs of groups, first and last, that together have as many digits as a card number.
fn candidates(row: &[(usize, usize)]) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..row.len()).flat_map(move |from| {
        let mut digits = 0;
        row.iter()
            .enumerate()
            .skip(from)
            .map(move |(to, (start, end))| {
                digits += end - start;
                (to, digits)
            })
            .take_while(|(_, digits)| *digits <= MAX_PAN_DIGITS)
            .filter(|(_, digits)| *digits >= MIN_DIGITS)
            .map(move |(to, _)| (from, to))
    })
}

fn joined(text: &[u8], groups: &[(usize, usize)]) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(MAX_PAN_DIGITS));
    for (start, end) in groups {
        digits.extend(text.get(*start..*end).unwrap_or_default().iter().copied().map(char::from));
    }
    digits
}

/// Groups of digits, row by row: what stands between two groups of a row is what people write between the groups of a number.
struct Groups<'a> {
    text: &'a [u8],
    at: usize,
    /// Start and end of each group.
    row: Vec<(usize, usize)>,
}

impl<'a> Groups<'a> {
    fn of(text: &'a [u8]) -> Groups<'a> {
        Groups { text, at: 0, row: Vec::new() }
    }

    fn next_row(&mut self) -> bool {
        self.row.clear();
        while let Some((start, end)) = self.next_group() {
            let begins = self.row.last().is_none_or(|(_, last)| gap(self.text.get(*last..start).unwrap_or_default()));
            if !begins {
                break;
            }
            self.row.push((start, end));
            self.at = end;
        }
        !self.row.is_empty()
    }

    fn next_group(&self) -> Option<(usize, usize)> {
        let rest = self.text.get(self.at..)?;
        let start = self.at + rest.iter().position(u8::is_ascii_digit)?;
        let length = self.text.get(start..)?.iter().take_while(|b| b.is_ascii_digit()).count();
        Some((start, start + length))
    }
}

fn gap(between: &[u8]) -> bool {
    // 0xC2 0xA0 is the no-break space.
    !between.is_empty()
        && between.len() <= GAP_LIMIT_BYTES
        && between.iter().all(|b| matches!(b, b' ' | b'\t' | b'-' | b'.' | b'_' | b'/' | 0xC2 | 0xA0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With its check digit. In two parts, so that the number stands nowhere.
    fn unlisted(head: &str) -> String {
        (0..10).map(|digit| format!("{head}{digit}")).find(|n| luhn(n.as_bytes())).unwrap_or_default()
    }

    #[test]
    fn numbers_that_stand_alone_are_found() {
        let check = |text: &str, expected: bool| assert_eq!(has_card(text.as_bytes()), expected, "{text}");
        check("4242424242424242", true);
        check("card 4242 4242 4242 4242, thanks", true);
        check("4242-4242-4242-4242", true);
        check("4242.4242.4242.4242", true);
        check("4242\u{a0}4242\u{a0}4242\u{a0}4242", true);
        check("42 42 42 42 42 42 42 42", true);
        check("3782 822463 10005", true);
        check("order 12 4242 4242 4242 4242 34", true);
        check("'4242424242424242'", true);
        check("pi_4242424242424242", true);
        check("x4242424242424242x", true);
        check("4222222222222", true);
        check("6205500000000000004", true);
        check("4242424242424241", false);
        check("14242424242424242", false);
        check("42424242424242", false);
        check("4242:4242:4242:4242", false);
        check("9242424242424242", false);
        check("", false);
        check("+4912345678", false);
    }

    #[test]
    fn digits_inside_words_are_not_numbers() {
        // Right in every way but that no test card has it.
        let other = unlisted("453201511283036");
        let check = |text: String, expected: bool| assert_eq!(has_card(text.as_bytes()), expected, "{text}");
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| other.get(at..at + 4).unwrap_or(""));
        check(other.clone(), true);
        check(format!("a {other} b"), true);
        check(format!("{a} {b} {c} {d}"), true);
        check(format!("{a}-{b}-{c}-{d}"), true);
        check(format!("x-{other}"), true);
        check(format!("ORDER{other}"), false);
        check(format!("{other}a"), false);
        check(format!("{a}{b} {c} {d}"), false);
        check(format!("{a} {b}-{c} {d}"), false);
        check(format!("{a}-{b}-{c}-{d}-a"), true);
        check(format!("abcdabcd-{a}-{b}-{c}-{d}abcdabcd"), false);
        let uuid = format!("abcdabcd-{a}-{b}-{c}-{d}1234abcd");
        check(uuid, false);
        assert!(!has_test_card(other.as_bytes()) && has_test_card(b"id=x4242424242424242"));
    }

    #[test]
    fn random_ids_are_not_cards() {
        // All digits, as one UUID in a thousand begins, and right in every way.
        let head = (0..10_000).map(|n| format!("4532015112{n:06}")).find(|n| luhn(n.as_bytes())).unwrap_or_default();
        assert!(has_card(head.as_bytes()));
        let uuid = format!("{}-{}-{}-abcd-abcdabcdabcd", &head[..8], &head[8..12], &head[12..]);
        assert!(!has_card(uuid.as_bytes()));
        let tail = format!("abcdabcd-abcd-abcd-{}-{}", &head[..4], &head[4..]);
        assert!(!has_card(tail.as_bytes()));
    }

    /// Time is not measured: with a walk through the whole text for each number this would not end within the day.
    #[test]
    fn long_texts_of_numbers_are_looked_through_once() {
        let head = unlisted("453201511283036");
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| head.get(at..at + 4).unwrap_or(""));
        let groups = "1234-".repeat(1 << 20);
        assert!(!has_card(groups.as_bytes()));
        assert!(has_card(format!("{groups}x {a} {b} {c} {d} x {groups}").as_bytes()));
    }

    #[test]
    fn telephone_numbers_are_not_cards() {
        let phone = unlisted("491511234567");
        assert!(has_card(phone.as_bytes()), "the same digits elsewhere");
        assert!(!phone_has_card(phone.as_bytes()));
        assert!(!phone_has_card(format!("+{phone}").as_bytes()));
        assert!(phone_has_card(b"4242424242424242"));
        assert!(phone_has_card(b"374245455400001"));
    }

    #[test]
    fn what_could_be_a_number_is_masked() {
        let check = |text: &str, expected: Option<&str>| {
            let got = masked(text.as_bytes());
            assert_eq!(got.as_deref(), expected.map(str::as_bytes), "{text}");
        };
        check("No such payment_intent: 'pi_1'", None);
        check("No such payment_intent: '4242424242424242'", Some("No such payment_intent: '************4242'"));
        check("4242 4242 4242 4242", Some("**** **** **** 4242"));
        check("at 1795299300123, 0000000000000000", None);
        check("a4242424242424242b", Some("a************4242b"));
        check("0004242424242424242", Some("000************4242"));
        check(r#"{"created":1795299300,"amount":2000}"#, None);
    }
}

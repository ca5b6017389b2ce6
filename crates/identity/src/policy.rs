//! Which passwords are taken: long ones that nobody else has. No rule about letters, digits or signs (NIST SP 800-63B-4 §3.1.1.2). Knows
//! nobody.

use florin_core::people::BadPassword;
use unicode_normalization::UnicodeNormalization;

/// In characters as people count them after normalization.
const SHORTEST: usize = 15;
const LONGEST: usize = 256;
/// What a password must have beyond words that everybody tries.
const OWN_LETTERS: usize = 6;
/// The same beyond names that belong to its person.
const OWN_BEYOND_NAMES: usize = 8;
/// Fewer different letters are a pattern.
const DIFFERENT: usize = 5;

/// Words and whole passwords that are tried first, one a line, in the letters that `plain` leaves.
const COMMON: &str = include_str!("common.txt");
const ROWS: [&str; 7] = [
    "0123456789012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopqwertyuiopqwertyuiop",
    "asdfghjklasdfghjklasdfghjkl",
    "zxcvbnmzxcvbnmzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
];

/// Small letters and digits alone; signs that stand for letters are those letters.
fn plain(text: &str) -> String {
    let letter = |c: char| match c {
        '@' => Some('a'),
        '$' => Some('s'),
        '!' => Some('i'),
        '€' => Some('e'),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    };
    // One sign may unfold to eighteen letters.
    text.nfkc().filter_map(letter).flat_map(char::to_lowercase).take(2 * LONGEST).collect()
}

/// Digits as the letters that they are written for.
fn unleet(text: &str) -> String {
    let letter = |c: char| match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        c => c,
    };
    text.chars().map(letter).collect()
}

/// What is left when each of these words is taken out, the longest first.
fn without<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.into_iter().fold(text.to_owned(), |text, word| text.replace(word, " "))
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// One piece again and again, or few different letters.
fn is_pattern(text: &str) -> bool {
    let all: Vec<char> = text.chars().collect();
    let mut different = all.clone();
    different.sort_unstable();
    different.dedup();
    let period = |n: usize| all.iter().zip(all.iter().skip(n)).all(|(a, b)| a == b);
    different.len() < DIFFERENT || (1..=all.len() / 2).any(period)
}

/// Neighbours on the keyboard, in the alphabet or in counting, forwards and backwards, are taken out.
fn without_runs(text: &str) -> String {
    const SHORTEST_RUN: usize = 4;
    /// No row is longer.
    const LONGEST_RUN: usize = 52;
    let all: Vec<char> = text.chars().collect();
    let (mut left, mut at) = (String::new(), 0);
    while at < all.len() {
        let run = (SHORTEST_RUN..=(all.len() - at).min(LONGEST_RUN)).rev().find(|length| {
            let piece: String = all.iter().skip(at).take(*length).collect();
            let back: String = piece.chars().rev().collect();
            let same = piece.chars().all(|c| piece.starts_with(c));
            same || ROWS.iter().any(|row| row.contains(&piece) || row.contains(&back))
        });
        match run {
            Some(length) => {
                left.push(' ');
                at += length;
            }
            None => {
                left.extend(all.get(at));
                at += 1;
            }
        }
    }
    left
}

/// `context`: the person's name and address, a shop's name.
pub fn judge(password: &str, context: &[&str], product: &str) -> Result<(), BadPassword> {
    let normal: String = password.nfc().collect();
    let length = normal.chars().count();
    if length < SHORTEST {
        return Err(BadPassword::TooShort);
    }
    if length > LONGEST {
        return Err(BadPassword::TooLong);
    }
    let plain = plain(&normal);
    if plain.is_empty() {
        // Signs alone: what is left is how many different ones there are.
        return if is_pattern(&normal) { Err(BadPassword::Common) } else { Ok(()) };
    }
    let common = || COMMON.lines().map(str::trim).filter(|line| !line.is_empty());
    let own = |text: &str| letters(&without(&without_runs(text), common()));
    // Whoever writes pa55word means password.
    if is_pattern(&plain) || own(&plain).min(own(&unleet(&plain))) < OWN_LETTERS {
        return Err(BadPassword::Common);
    }
    let names: Vec<String> = context
        .iter()
        .chain([&product])
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .map(self::plain)
        .filter(|name| name.chars().count() >= 3)
        .collect();
    let left = |text: &str| letters(&without(&without_runs(text), names.iter().map(String::as_str)));
    let named = names.iter().any(|name| plain.contains(name.as_str()));
    if named && left(&plain).min(left(&unleet(&plain))) < OWN_BEYOND_NAMES {
        return Err(BadPassword::Context);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_passwords_are_taken() {
        let check = |password: &str, expected: Result<(), BadPassword>| {
            let found = judge(password, &["Kim Lee-Park", "kim.lee@cafeteria.example"], "Florin");
            assert_eq!(found, expected, "{password}");
        };
        let (common, context) = (Err(BadPassword::Common), Err(BadPassword::Context));
        check("", Err(BadPassword::TooShort));
        check("fourteen chars", Err(BadPassword::TooShort));
        check("a quiet lake in may", Ok(()));
        check("tidal orchid bramble", Ok(()));
        check("김치찌개와 밥을 좋아하는 사람들", Ok(()));
        check("vier Ziegen am Zaun", Ok(()));
        check(&"x7 quiet lake ".repeat(4), common);
        check(&"ab".repeat(128), common);
        // One sign of Arabic stands for fifteen letters: looking at it takes no longer than at others.
        check(&["ﷺ".repeat(128), "ﷺ".repeat(127)].join("x"), common);
        // Signs without a pattern.
        let next = |n: &u32| Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        let signs = |many: usize| -> String {
            let numbers = std::iter::successors(Some(7_u32), next).take(many);
            numbers.map(|n| char::from(33 + (n >> 24) as u8 % 93)).collect()
        };
        check(&signs(256), Ok(()));
        check(&signs(257), Err(BadPassword::TooLong));
        // 64 characters and more are taken.
        check("seventeen green herons walked over the frozen harbour at midnight, twice", Ok(()));
        check("aaaaaaaaaaaaaaa", common);
        check("123456789012345", common);
        check("987654321098765", common);
        check("qwertyuiopasdfgh", common);
        check("1qaz2wsx3edc4rfv", common);
        check("passwordpassword", common);
        check("Password123456789", common);
        check("P@55w0rd-P@55w0rd", common);
        check("letmein-letmein-1", common);
        check("iloveyou123456789", common);
        check("correct horse battery staple", common);
        check("CorrectHorseBatteryStaple!", common);
        check("!!!!!!!!!!!!!!!!!", common);
        check("florinflorin2026", common);
        check("florin-kimlee-florin", context);
        check("Cafeteria.Kim.Lee.1", context);
        check("kim.lee@cafeteria.example", context);
        // A name is no harm when there is more.
        check("kim walks past nine lighthouses", Ok(()));
        // Written differently, the same.
        check("ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ", common);
    }
}

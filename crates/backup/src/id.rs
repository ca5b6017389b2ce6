//! A backup's name: when it was made, chance, and whether it stands alone. Names sort by time, so a listing of names says what there is.

use florin_core::time::Time;

/// The ending of a whole backup's name, and of one that adds to the one before it.
const WHOLE: &str = "-whole";
const ADDED: &str = "-added";
/// `20261122T064512123Z-1f2e3d4c`
const STEM_BYTES: usize = 28;

/// `20261122T064512123Z-1f2e3d4c-whole`
pub fn make(now: Time, chance: u32, whole: bool) -> String {
    let kind = if whole { WHOLE } else { ADDED };
    format!("{}Z-{chance:08x}{kind}", stamp(now))
}

fn stamp(at: Time) -> String {
    let (c, ms) = (at.civil(), at.0.rem_euclid(1_000));
    format!("{:04}{:02}{:02}T{:02}{:02}{:02}{ms:03}", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

/// The name of an object of ours without its ending; None for what else lies there.
pub fn of<'a>(object: &'a str, ending: &str) -> Option<&'a str> {
    object.strip_suffix(ending).filter(|id| is_one(id))
}

pub fn is_one(id: &str) -> bool {
    let Some(stem) = id.strip_suffix(WHOLE).or_else(|| id.strip_suffix(ADDED)) else { return false };
    let shape = |(n, b): (usize, u8)| match n {
        8 => b == b'T',
        18 => b == b'Z',
        19 => b == b'-',
        0..18 => b.is_ascii_digit(),
        _ => b.is_ascii_hexdigit() && !b.is_ascii_uppercase(),
    };
    stem.len() == STEM_BYTES && stem.bytes().enumerate().all(shape)
}

pub fn is_whole(id: &str) -> bool {
    id.ends_with(WHOLE)
}

/// It was made at this time or before.
pub fn is_by(id: &str, at: Time) -> bool {
    id.get(..18).is_some_and(|made| made <= stamp(at).as_str())
}

/// The day it was made, UTC: `20261122`.
pub fn day(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_when_and_what() {
        let at = Time(1_795_329_912_123);
        let (whole, added) = (make(at, 0x1f2e_3d4c, true), make(at, 1, false));
        assert_eq!(
            (whole.as_str(), added.as_str()),
            ("20261122T064512123Z-1f2e3d4c-whole", "20261122T064512123Z-00000001-added")
        );
        assert!(is_one(&whole) && is_one(&added) && is_whole(&whole) && !is_whole(&added));
        assert!(is_by(&whole, at) && is_by(&whole, at.plus_ms(1)) && !is_by(&whole, at.plus_ms(-1)));
        assert_eq!(
            (day(&whole), of("x.age", ".age"), of(&format!("{added}.age"), ".age")),
            ("20261122", None, Some(added.as_str()))
        );
        for odd in ["", "-whole", "20261122T064512123Z-1f2e3d4c", "../261122T064512123Z-1f2e3d4c-whole"] {
            assert!(!is_one(odd), "{odd}");
        }
    }
}

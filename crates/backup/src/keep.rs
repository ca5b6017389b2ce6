//! Which backups stay: all of the last hours, then one a day. What younger ones rest on stays with them, and the newest always.

use crate::error::BackupError;
use crate::id;
use crate::make::{MANIFEST, OBJECT};
use crate::place::Place;
use florin_core::time::Time;

/// Made before `all_from`, only a day's first whole one stays; made before `daily_from`, none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    pub all_from: Time,
    pub daily_from: Time,
}

/// Backups that nothing needs any more, in the order in which they may go: what rests on another goes before it.
fn spare(ids: &[&str], keep: Keep) -> Vec<String> {
    let mut chains: Vec<Vec<&str>> = Vec::new();
    for id in ids {
        match chains.last_mut() {
            Some(chain) if !id::is_whole(id) => chain.push(id),
            _ => chains.push(vec![id]),
        }
    }
    chains.pop();
    let (mut gone, mut kept_day) = (Vec::new(), None);
    for chain in chains {
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else { continue };
        if !id::is_by(last, keep.all_from) {
            continue;
        }
        let daily = id::is_whole(first) && !id::is_by(first, keep.daily_from) && kept_day != Some(id::day(first));
        if daily {
            kept_day = Some(id::day(first));
        }
        gone.extend(chain.iter().skip(usize::from(daily)).map(|id| (*id).to_owned()));
    }
    gone.sort_by(|a, b| b.cmp(a));
    gone
}

/// Removes what need not be kept: the backups that went.
pub fn prune(place: &dyn Place, keep: Keep) -> Result<Vec<String>, BackupError> {
    let names = place.names("")?;
    let ids: Vec<&str> = names.iter().filter_map(|name| id::of(name, MANIFEST)).collect();
    let gone = spare(&ids, keep);
    for id in &gone {
        // What has no manifest is no backup: a removal that breaks off leaves none that is half there.
        place.remove(&format!("{id}{MANIFEST}"))?;
        place.remove(&format!("{id}{OBJECT}"))?;
    }
    let objects = names.iter().filter_map(|name| id::of(name, OBJECT));
    for left in objects.filter(|id| !ids.contains(id) && id::is_by(id, keep.all_from)) {
        place.remove(&format!("{left}{OBJECT}"))?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const NOON: i64 = 1_795_305_600_000;

    /// `w` is a whole backup, `a` one that adds, each with its hour; what stays.
    fn check(made: &[(char, i64)], expected: &[(char, i64)]) {
        let name = |(kind, hour): &(char, i64)| id::make(Time(NOON + hour * HOUR_MS), 7, *kind == 'w');
        let ids: Vec<String> = made.iter().map(name).collect();
        let keep = Keep { all_from: Time(NOON - 48 * HOUR_MS), daily_from: Time(NOON - 240 * HOUR_MS) };
        let gone = spare(&ids.iter().map(String::as_str).collect::<Vec<_>>(), keep);
        let stay: Vec<String> = ids.iter().filter(|id| !gone.contains(id)).cloned().collect();
        assert_eq!(stay, expected.iter().map(name).collect::<Vec<_>>(), "{made:?}");
        assert!(gone.is_sorted_by(|one, next| one > next), "a base goes after what rests on it: {gone:?}");
    }

    #[test]
    fn all_of_two_days_then_one_a_day() {
        check(&[], &[]);
        check(&[('w', -900)], &[('w', -900)]);
        check(&[('w', -900), ('a', -899)], &[('w', -900), ('a', -899)]);
        check(&[('w', -900), ('a', -899), ('w', -1)], &[('w', -1)]);
        check(&[('w', -47), ('a', -46), ('w', -1), ('a', 0)], &[('w', -47), ('a', -46), ('w', -1), ('a', 0)]);
        check(&[('w', -60), ('a', -47), ('w', -1)], &[('w', -60), ('a', -47), ('w', -1)]);
        check(&[('w', -80), ('a', -79), ('a', -78), ('w', -77), ('a', -76), ('w', -1)], &[('w', -80), ('w', -1)]);
        check(&[('w', -104), ('w', -80), ('w', -241), ('w', -1)], &[('w', -104), ('w', -80), ('w', -1)]);
    }
}

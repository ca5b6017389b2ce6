//! Idempotency claims: taken once, finished once, gone after a day or two.

use super::Case;
use super::build::*;
use florin_core::commit::{Claim, ClaimId, Claimed, Commit, Refused};
use florin_core::id::Key;
use florin_core::store::{Query, Store};
use florin_core::time::Time;

pub const CASES: &[Case] = &[
    ("a key is taken once", taken_once),
    ("an answer replaces what was begun", finished),
    ("an answer at once", answered),
    ("an answer is replaced by what was sent", amended),
    ("claims last for a day and go after two", days),
    ("a clock that goes back empties nothing", clock_back),
];

fn claimed(slot: i64, at: i64, answer: Option<&[u8]>) -> Claimed {
    let (digest, request) = (claim_id(slot).digest, [7; 32]);
    Claimed { digest, request, subject: Key(slot), at: Time(at), answer: answer.map(<[u8]>::to_vec) }
}

fn taken(slot: i64, at: i64, answer: Option<&[u8]>) -> Result<(), Refused> {
    Err(Refused::Claimed(Box::new(claimed(slot, at, answer))))
}

fn held(store: &dyn Store, slot: i64) -> Option<Claimed> {
    find(store, Query::Claim { slot }).claim()
}

fn finish(slot: i64, answer: &[u8]) -> Commit {
    claims(Claim::Finish { id: claim_id(slot), answer: answer.to_vec() })
}

fn answer(slot: i64, at: i64, answer: &[u8]) -> Commit {
    let (id, request) = (claim_id(slot), [7; 32]);
    claims(Claim::Answer { id, request, subject: Key(slot), at: Time(at), answer: answer.to_vec() })
}

fn taken_once(store: &dyn Store) {
    assert_eq!(held(store, 5), None);
    apply(store, claims(begin(5, 10)));
    assert_eq!(held(store, 5), Some(claimed(5, 10, None)));
    check(store, claims(begin(5, 20)), taken(5, 10, None));
    check(store, answer(5, 20, b"mine"), taken(5, 10, None));
    // The slot decides: another digest in the same slot is a collision, and the caller sees whose it is.
    let id = ClaimId { slot: 5, digest: [0xee; 32] };
    let other = Claim::Begin { id, request: [1; 32], subject: Key(1), at: Time(20) };
    check(store, claims(other), taken(5, 10, None));
    apply(store, claims(begin(-6, 10)));
    apply(store, claims(begin(i64::MIN, 10)));
    assert_eq!(held(store, -6), Some(claimed(-6, 10, None)));
}

fn finished(store: &dyn Store) {
    apply(store, finish(5, b"before anything was begun"));
    assert_eq!(held(store, 5), None);
    apply(store, claims(begin(5, 10)));
    let other = Claim::Finish { id: ClaimId { slot: 5, digest: [0xee; 32] }, answer: b"another's".to_vec() };
    apply(store, claims(other));
    assert_eq!(held(store, 5), Some(claimed(5, 10, None)), "another digest finishes nothing");
    apply(store, finish(5, b"first"));
    apply(store, finish(5, b"second"));
    assert_eq!(held(store, 5), Some(claimed(5, 10, Some(b"first"))));
    check(store, claims(begin(5, 20)), taken(5, 10, Some(b"first")));
}

fn answered(store: &dyn Store) {
    let long = vec![0x55; 20_000];
    apply(store, answer(5, 10, &long));
    apply(store, answer(6, 10, b""));
    check(store, answer(5, 20, b"again"), taken(5, 10, Some(&long)));
    apply(store, finish(5, b"too late"));
    assert_eq!(held(store, 5), Some(claimed(5, 10, Some(&long))));
    assert_eq!(held(store, 6), Some(claimed(6, 10, Some(b""))));
}

fn amended(store: &dyn Store) {
    let amend = |slot, answer: &[u8]| claims(Claim::Amend { id: claim_id(slot), answer: answer.to_vec() });
    apply(store, amend(5, b"of nothing"));
    assert_eq!(held(store, 5), None);
    apply(store, claims(begin(5, 10)));
    apply(store, amend(5, b"too early"));
    assert_eq!(held(store, 5), Some(claimed(5, 10, None)));
    apply(store, finish(5, b"first"));
    let other = Claim::Amend { id: ClaimId { slot: 5, digest: [0xee; 32] }, answer: b"another's".to_vec() };
    apply(store, claims(other));
    assert_eq!(held(store, 5), Some(claimed(5, 10, Some(b"first"))), "another digest replaces nothing");
    apply(store, amend(5, b"first, and more"));
    assert_eq!(held(store, 5), Some(claimed(5, 10, Some(b"first, and more"))));
    apply(store, answer(6, 10, b"at once"));
    apply(store, amend(6, b""));
    check(store, claims(begin(6, 20)), taken(6, 10, Some(b"")));
}

fn days(store: &dyn Store) {
    let at = |day: i64| day * DAY_MS + 5;
    apply(store, claims(begin(1, at(10))));
    apply(store, answer(2, at(10), b"kept"));
    apply(store, claims(begin(3, at(11))));
    check(store, claims(begin(1, at(11))), taken(1, at(10), None));
    apply(store, finish(1, b"across midnight"));
    check(store, claims(begin(1, at(11))), taken(1, at(10), Some(b"across midnight")));
    // Day 12 empties the table of day 10 before it looks.
    apply(store, claims(begin(1, at(12))));
    let cases = [(1, Some(claimed(1, at(12), None))), (2, None), (3, Some(claimed(3, at(11), None)))];
    for (slot, expected) in cases {
        assert_eq!(held(store, slot), expected, "slot {slot}");
    }
    // Nothing for a while: both tables are stale.
    apply(store, claims(begin(3, at(20))));
    assert_eq!(held(store, 1), None);
    assert_eq!(held(store, 3), Some(claimed(3, at(20), None)));
    apply(store, claims(begin(1, at(21))));
    check(store, claims(begin(3, at(21))), taken(3, at(20), None));
}

fn clock_back(store: &dyn Store) {
    let at = |day: i64| day * DAY_MS;
    apply(store, claims(begin(1, at(10))));
    apply(store, claims(begin(2, at(11))));
    apply(store, claims(begin(3, at(5))));
    apply(store, claims(begin(4, at(-7))));
    for (slot, day) in [(1, 10), (2, 11), (3, 5), (4, -7)] {
        assert_eq!(held(store, slot), Some(claimed(slot, at(day), None)), "slot {slot}");
    }
    check(store, claims(begin(1, at(5))), taken(1, at(10), None));
    // What was claimed under the wrong clock goes with the table that it lies in.
    apply(store, claims(begin(5, at(13))));
    assert_eq!(held(store, 3), None);
    assert_eq!(held(store, 2), None);
}

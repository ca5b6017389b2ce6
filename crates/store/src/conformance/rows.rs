//! Rows: versions, reading back, history, lists, and that a refusal leaves nothing.

use super::Case;
use super::build::*;
use crate::block_on::block_on;
use florin_core::commit::{Claim, Commit, IndexEntry, Origin, Personal, Refused, Row, Version};
use florin_core::id::{Key, Kind};
use florin_core::ledger::Book;
use florin_core::store::{Query, Step, Store};

pub const CASES: &[Case] = &[
    ("versions follow one another", versions),
    ("an expectation without a row guards", expectations),
    ("rows come back as they were put", fidelity),
    ("current rows in the order asked", order),
    ("history, oldest first", history),
    ("each step with the request that it was made for", origins),
    ("lists, newest first, in pages", lists),
    ("lists under a parent, and holders", parents),
    ("an entry put again moves", entries_move),
    ("refusals in their order", precedence),
    ("a refusal leaves nothing", nothing_left),
    ("the newest key", newest_key),
];

fn conflict(key: i64, now: u32) -> Result<(), Refused> {
    Err(Refused::Conflict { key: Key(key), now: Version(now) })
}

fn versions(store: &dyn Store) {
    check(store, step(1, 2), conflict(1, 0));
    apply(store, step(1, 1));
    check(store, step(1, 1), conflict(1, 1));
    check(store, step(1, 3), conflict(1, 1));
    apply(store, step(1, 2));
    check(store, step(1, 2), conflict(1, 2));
    // The first expectation that fails is named.
    let both = Commit { expect: vec![(Key(1), Version(2)), (Key(3), Version(4)), (Key(2), Version(1))], ..step(9, 1) };
    let both = Commit { expect: [both.expect, vec![(Key(9), Version(0))]].concat(), ..both };
    check(store, both, conflict(3, 0));
    assert_eq!(get(store, 9), None);
}

fn expectations(store: &dyn Store) {
    let expecting = |version| Commit { expect: vec![(Key(1), Version(version))], ..Commit::default() };
    apply(store, expecting(0));
    check(store, expecting(1), conflict(1, 0));
    apply(store, step(1, 1));
    apply(store, expecting(1));
    check(store, expecting(0), conflict(1, 1));
    apply(store, Commit::default());
}

fn origins(store: &dyn Store) {
    let origin = |request: &str, key: Option<&str>| {
        Some(Origin { request: request.to_owned(), idempotency_key: key.map(str::to_owned) })
    };
    let long = "ß".repeat(255);
    let of = [origin("req_1", None), None, origin("req_2", Some(&long)), origin("", Some(""))];
    for (version, origin) in (1..).zip(&of) {
        apply(store, Commit { origin: origin.clone(), ..step(1, version) });
    }
    let told = |key, version| find(store, Query::Step { key: Key(key), version: Version(version) }).step();
    for (version, origin) in (1..).zip(of) {
        assert_eq!(told(1, version), Some(Step { row: row(1, version), origin }));
    }
    assert_eq!((told(1, 0), told(1, 5), told(2, 1)), (None, None, None));
}

fn fidelity(store: &dyn Store) {
    let entry = |kind, key| IndexEntry { under: ACCOUNT, kind, key: Key(key) };
    let personal = |subject, text: &str| Some(Personal { subject: Key(subject), body: text.as_bytes().to_vec() });
    let rows = [
        row(1, 1),
        Row { body: Vec::new(), ..row(2, 1) },
        Row { body: vec![0xff; 10_000], ..row(3, 1) },
        Row { index: vec![entry(Kind::Charge, 50), entry(Kind::Refund, 51)], ..row(4, 1) },
        Row { personal: personal(60, "Ada, Lovelace Street"), ..row(5, 1) },
        Row { personal: personal(60, ""), index: vec![entry(Kind::Charge, 52)], ..row(6, 1) },
        Row { personal: personal(7, "a guest"), kind: Kind::Customer, account: Key(0), ..row(7, 1) },
    ];
    for row in &rows {
        apply(store, put(row.clone()));
    }
    for row in rows {
        assert_eq!(get(store, row.key.0), Some(row));
    }
    // Two rows of one person who is new in the same commit.
    let two = [8, 9].map(|key| Row { personal: personal(61, &format!("Grace {key}")), ..row(key, 1) });
    let expect = vec![(Key(8), Version(0)), (Key(9), Version(0))];
    apply(store, Commit { expect, put: two.to_vec(), ..Commit::default() });
    assert_eq!(two.clone().map(|row| get(store, row.key.0)), two.map(Some));
}

fn order(store: &dyn Store) {
    let two = Commit {
        expect: vec![(Key(2), Version(0)), (Key(1), Version(0))],
        put: vec![row(2, 1), row(1, 1)],
        ..Commit::default()
    };
    apply(store, two);
    apply(store, step(1, 2));
    let keys = [Key(1), Key(3), Key(2), Key(1)];
    let found = block_on(store.get(&keys)).expect("rows are read");
    assert_eq!(found, [Some(row(1, 2)), None, Some(row(2, 1)), Some(row(1, 2))]);
    assert_eq!(block_on(store.get(&[])), Ok(Vec::new()));
}

fn history(store: &dyn Store) {
    (1..=3).for_each(|version| apply(store, step(5, version)));
    apply(store, step(6, 1));
    let newest = |key, limit| find(store, Query::History { key: Key(key), limit }).rows();
    assert_eq!(newest(5, 1_000), [row(5, 1), row(5, 2), row(5, 3)]);
    assert_eq!(newest(5, 3), [row(5, 1), row(5, 2), row(5, 3)]);
    assert_eq!(newest(5, 2), [row(5, 2), row(5, 3)]);
    assert_eq!(newest(5, 1), [row(5, 3)]);
    assert_eq!(newest(7, 1_000), []);
}

fn newer(store: &dyn Store, kind: Kind, after: i64, limit: u32) -> Vec<i64> {
    let query = Query::Newer { under: ACCOUNT, kind, after: Key(after), limit };
    find(store, query).rows().iter().map(|row| row.key.0).collect()
}

fn list(store: &dyn Store, kind: Kind, before: Option<i64>, limit: u32) -> Vec<i64> {
    let query = Query::List { under: ACCOUNT, kind, before: before.map(Key), limit };
    find(store, query).rows().iter().map(|row| row.key.0).collect()
}

fn lists(store: &dyn Store) {
    (1..=7).for_each(|key| apply(store, step(key, 1)));
    apply(store, step(3, 2));
    apply(store, put(Row { account: Key(2_000), ..row(8, 1) }));
    apply(store, put(Row { kind: Kind::Customer, ..row(9, 1) }));
    let cases: &[(Option<i64>, u32, &[i64])] = &[
        (None, 100, &[7, 6, 5, 4, 3, 2, 1]),
        (None, 3, &[7, 6, 5]),
        (Some(5), 3, &[4, 3, 2]),
        (Some(2), 3, &[1]),
        (Some(1), 3, &[]),
        (Some(i64::MIN), 3, &[]),
        (Some(i64::MAX), 1, &[7]),
        (None, 0, &[]),
        (None, u32::MAX, &[7, 6, 5, 4, 3, 2, 1]),
    ];
    for (before, limit, expected) in cases {
        assert_eq!(list(store, Kind::Payment, *before, *limit), *expected, "before {before:?}, {limit}");
    }
    let cases: &[(i64, u32, &[i64])] = &[
        (i64::MIN, 100, &[1, 2, 3, 4, 5, 6, 7]),
        (0, 3, &[1, 2, 3]),
        (3, 3, &[4, 5, 6]),
        (5, 3, &[6, 7]),
        (7, 3, &[]),
        (i64::MAX, 3, &[]),
        (0, 0, &[]),
    ];
    for (after, limit, expected) in cases {
        assert_eq!(newer(store, Kind::Payment, *after, *limit), *expected, "after {after}, {limit}");
    }
    assert_eq!(newer(store, Kind::Customer, 0, 10), [9]);
    assert_eq!(list(store, Kind::Customer, None, 10), [9]);
    assert_eq!(list(store, Kind::Charge, None, 10), []);
    let current = Query::List { under: ACCOUNT, kind: Kind::Payment, before: Some(Key(4)), limit: 1 };
    assert_eq!(find(store, current).rows(), [row(3, 2)], "the current version is listed");
}

fn parents(store: &dyn Store) {
    let entry = |under, kind, key| IndexEntry { under: Key(under), kind, key: Key(key) };
    apply(store, step(1, 1));
    let charged = vec![entry(ACCOUNT.0, Kind::Charge, 30), entry(1, Kind::Charge, 30), entry(1, Kind::Refund, 31)];
    apply(store, put(Row { index: charged, ..row(1, 2) }));
    apply(store, put(Row { index: vec![entry(1, Kind::Refund, 32)], ..row(2, 1) }));
    let under = |under, kind| {
        let query = Query::List { under: Key(under), kind, before: None, limit: 10 };
        find(store, query).rows().iter().map(|row| (row.key.0, row.version.0)).collect::<Vec<_>>()
    };
    assert_eq!(under(1, Kind::Refund), [(2, 1), (1, 2)]);
    assert_eq!(under(1, Kind::Charge), [(1, 2)]);
    assert_eq!(under(ACCOUNT.0, Kind::Charge), [(1, 2)]);
    let holder = |account, kind, key| {
        let query = Query::Holder { under: Key(account), kind, key: Key(key) };
        find(store, query).rows().first().map(|row| (row.key.0, row.version.0))
    };
    let cases = [
        (ACCOUNT.0, Kind::Charge, 30, Some((1, 2))),
        (ACCOUNT.0, Kind::Payment, 1, Some((1, 2))),
        (ACCOUNT.0, Kind::Payment, 2, Some((2, 1))),
        (1, Kind::Refund, 32, Some((2, 1))),
        (ACCOUNT.0, Kind::Refund, 32, None),
        (ACCOUNT.0, Kind::Charge, 31, None),
        (2_000, Kind::Payment, 1, None),
    ];
    for (account, kind, key, expected) in cases {
        assert_eq!(holder(account, kind, key), expected, "{account} {kind:?} {key}");
    }
}

fn entries_move(store: &dyn Store) {
    let entry = vec![IndexEntry { under: ACCOUNT, kind: Kind::Charge, key: Key(30) }];
    for key in [1, 2] {
        apply(store, put(Row { index: entry.clone(), ..row(key, 1) }));
        apply(store, put(Row { index: entry.clone(), ..row(key, 2) }));
    }
    assert_eq!(list(store, Kind::Charge, None, 10), [2], "the last to put it holds it");
}

/// A commit that is refused on every ground there is, and what is left of the grounds one after another.
fn precedence(store: &dyn Store) {
    let receivable = ((1, Book::Receivable), (1, Book::Merchant));
    apply(
        store,
        Commit { claim: Some(begin(5, DAY_MS)), ..moves(1, 1, vec![transfer(receivable.0, receivable.1, 5)]) },
    );
    let held = find(store, Query::Claim { slot: 5 }).claim().expect("it was just begun");
    let overdraft = vec![transfer((1, Book::Held), (1, Book::Holds), 1)];
    let chain = links(0, 3, &[1]).links;
    let mut commit = Commit { claim: Some(begin(5, DAY_MS)), links: chain, ..moves(1, 3, overdraft) };
    check(store, commit.clone(), conflict(1, 1));
    commit = Commit { claim: commit.claim, links: commit.links, ..moves(1, 2, commit.transfers) };
    check(store, commit.clone(), Err(Refused::Claimed(Box::new(held))));
    commit.claim = Some(begin(6, DAY_MS));
    check(store, commit.clone(), Err(Refused::Guard(ledger(1, Book::Held))));
    commit.transfers.clear();
    check(store, commit.clone(), Err(Refused::ChainMoved { shard: 0, newest: 0 }));
    commit.links = None;
    apply(store, commit);
}

fn nothing_left(store: &dyn Store) {
    let refusals = [
        Commit { links: links(0, 9, &[1]).links, ..Commit::default() },
        Commit { expect: vec![(Key(30), Version(1))], ..Commit::default() },
        Commit { transfers: vec![transfer((9, Book::Held), (9, Book::Holds), 1)], ..Commit::default() },
        Commit { claim: Some(begin(20, 3 * DAY_MS)), ..Commit::default() },
    ];
    apply(store, Commit { jobs: vec![job(31, 5)], ..claims(begin(20, 2 * DAY_MS)) });
    apply(store, moves(3, 1, vec![transfer((3, Book::Holds), (3, Book::Held), 100)]));
    let before = everything(store);
    for refusal in refusals {
        let good = vec![transfer((3, Book::Held), (3, Book::Holds), 100)];
        let mut commit = Commit { jobs: vec![job(32, 1)], done: vec![Key(31)], ..moves(3, 2, good) };
        commit.claim = Some(refusal.claim.unwrap_or(begin(21, 4 * DAY_MS)));
        commit.put[0].index = vec![IndexEntry { under: ACCOUNT, kind: Kind::Charge, key: Key(33) }];
        commit.links = refusal.links;
        commit.expect.extend(refusal.expect);
        commit.transfers.extend(refusal.transfers);
        let refused = block_on(store.commit(commit));
        assert!(refused.is_err(), "refused");
        assert_eq!(everything(store), before, "after {refused:?}");
    }
    let fitting = Commit { claim: Some(Claim::Finish { id: claim_id(20), answer: vec![1] }), ..step(3, 2) };
    apply(store, fitting);
}

fn newest_key(store: &dyn Store) {
    let newest = || find(store, Query::NewestKey).key();
    assert_eq!(newest(), None);
    let cases = [
        (step(9, 1), 9),
        (step(5, 1), 9),
        (Commit { events: vec![event(20, 10, 1)], ..step(10, 1) }, 20),
        (Commit { jobs: vec![job(25, 1)], ..Commit::default() }, 25),
        (Commit { done: vec![Key(25)], ..Commit::default() }, 25),
        (step(11, 1), 25),
    ];
    for (commit, expected) in cases {
        apply(store, commit);
        assert_eq!(newest(), Some(Key(expected)));
    }
}

//! Events in order of commit, their numbers and links.

use super::Case;
use super::build::*;
use florin_core::commit::{Commit, Event, Refused, Row, SHARDS, Version, shard};
use florin_core::id::Key;
use florin_core::store::{Query, SequencedEvent, Store};

pub const CASES: &[Case] = &[
    ("events wait in order of commit", in_order),
    ("links number exactly the next events", linked),
    ("commitments are of the step told", commitments),
    ("shards know nothing of one another", shards),
    ("an account's events, both ways", of_account),
];

fn told(store: &dyn Store, shard: u8) -> Vec<i64> {
    unsequenced(store, shard).iter().map(|stored| stored.event.id.0).collect()
}

fn sequenced(store: &dyn Store, after: u64, limit: u32) -> Vec<SequencedEvent> {
    find(store, Query::Sequenced { shard: shard(ACCOUNT), after, limit }).sequenced()
}

fn in_order(store: &dyn Store) {
    let at = shard(ACCOUNT);
    assert_eq!(told(store, at), []);
    // Ids do not decide the order: commits do.
    apply(store, Commit { events: vec![event(90, 1, 1), event(80, 1, 1)], ..step(1, 1) });
    apply(store, Commit { events: vec![event(70, 2, 1)], ..step(2, 1) });
    assert_eq!(told(store, at), [90, 80, 70]);
    let limited = find(store, Query::Unsequenced { shard: at, limit: 2 }).events();
    assert_eq!(limited.iter().map(|e| e.event.id.0).collect::<Vec<_>>(), [90, 80]);
    let stored = unsequenced(store, at);
    assert!(stored.windows(2).all(|w| w[0].position < w[1].position), "positions rise");
    assert_eq!(stored[1].event, event(80, 1, 1));
}

fn linked(store: &dyn Store) {
    let at = shard(ACCOUNT);
    for key in 1..=5 {
        apply(store, Commit { events: vec![event(50 + key, key, 1)], ..step(key, 1) });
    }
    let p: Vec<i64> = unsequenced(store, at).iter().map(|stored| stored.position).collect();
    let moved = |newest| Err(Refused::ChainMoved { shard: at, newest });
    // (after, positions, what comes of them)
    let cases: Vec<(u64, Vec<i64>, Result<(), Refused>)> = vec![
        (1, vec![p[0]], moved(0)),
        (0, vec![p[1]], moved(0)),
        (0, vec![p[0], p[2]], moved(0)),
        (0, vec![p[0], p[0]], moved(0)),
        (0, vec![p[1], p[0]], moved(0)),
        (0, vec![p[4] + 1], moved(0)),
        (0, vec![p[0], p[1]], Ok(())),
        (0, vec![p[0]], moved(2)),
        (2, vec![p[1]], moved(2)),
        (2, vec![p[3]], moved(2)),
        (2, vec![p[2], p[3], p[4], p[4] + 1], moved(2)),
        (2, vec![p[2]], Ok(())),
    ];
    for (after, positions, expected) in cases {
        check(store, links(at, after, &positions), expected);
    }
    assert_eq!(told(store, at), [54, 55]);
    let all = sequenced(store, 0, 10);
    let numbers: Vec<_> = all.iter().map(|s| (s.link.sequence, s.stored.event.id.0, s.link.hash[0])).collect();
    assert_eq!(numbers, [(1, 51, 1), (2, 52, 2), (3, 53, 1 + 2)]);
    assert!(all.iter().all(|s| s.link.position == s.stored.position));
    assert_eq!(sequenced(store, 1, 1), all[1..2]);
    assert_eq!(sequenced(store, 3, 10), []);
    assert_eq!(sequenced(store, u64::MAX, 10), []);
    let head = find(store, Query::ChainHead { shard: at }).head();
    assert_eq!(head, Some(all[2].link));
    let numbered = |id| find(store, Query::Numbered { id: Key(id) }).sequenced();
    assert_eq!([numbered(51), numbered(53), numbered(54)], [all[..1].to_vec(), all[2..].to_vec(), vec![]]);
    // New events come after those that wait.
    apply(store, Commit { events: vec![event(60, 1, 2)], ..step(1, 2) });
    assert_eq!(told(store, at), [54, 55, 60]);
}

fn commitments(store: &dyn Store) {
    let at = shard(ACCOUNT);
    apply(store, Commit { events: vec![event(50, 1, 1)], ..step(1, 1) });
    apply(store, Commit { events: vec![event(51, 1, 2), event(52, 1, 2)], ..step(1, 2) });
    let before = unsequenced(store, at);
    assert_ne!(before[0].commitment, before[1].commitment, "another step, another commitment");
    assert_eq!(before[1].commitment, before[2].commitment, "one step, one commitment");
    let positions: Vec<i64> = before.iter().map(|stored| stored.position).collect();
    apply(store, links(at, 0, &positions));
    let after: Vec<_> = sequenced(store, 0, 10).into_iter().map(|s| s.stored).collect();
    assert_eq!(after, before, "a number changes nothing else");
}

fn of_account(store: &dyn Store) {
    let other = Key(ACCOUNT.0 + (16 << 20));
    let at = shard(ACCOUNT);
    assert_eq!(at, shard(other), "two accounts of one shard");
    for key in 1..=6 {
        let account = if key == 3 { other } else { ACCOUNT };
        let told = Event { account, ..event(50 + key, key, 1) };
        apply(store, Commit { events: vec![told], ..put(Row { account, ..row(key, 1) }) });
    }
    let positions: Vec<i64> = unsequenced(store, at).iter().map(|stored| stored.position).collect();
    apply(store, links(at, 0, &positions[..5]));
    let of = |account, after, before, backwards, limit| {
        let found = find(store, Query::OfAccount { account, after, before, backwards, limit }).sequenced();
        assert!(found.iter().all(|e| e.stored.event.id.0 == 50 + e.link.sequence as i64));
        found.iter().map(|e| e.link.sequence).collect::<Vec<u64>>()
    };
    assert_eq!(of(ACCOUNT, 0, u64::MAX, false, 10), [1, 2, 4, 5]);
    assert_eq!(of(ACCOUNT, 0, u64::MAX, true, 10), [5, 4, 2, 1]);
    assert_eq!(of(ACCOUNT, 1, 5, false, 10), [2, 4]);
    assert_eq!(of(ACCOUNT, 1, 5, true, 1), [4]);
    assert_eq!(of(ACCOUNT, 5, u64::MAX, false, 10), []);
    assert_eq!(of(ACCOUNT, 4, 4, false, 10), []);
    assert_eq!(of(ACCOUNT, u64::MAX, 0, true, 10), []);
    assert_eq!(of(other, 0, u64::MAX, false, 10), [3]);
    assert_eq!(of(Key(5), 0, u64::MAX, false, 10), []);
}

fn shards(store: &dyn Store) {
    let accounts = [Key(1), Key(2), Key(2 << 20)];
    for (at, account) in (1..).zip(accounts) {
        let told = Event { account, ..event(50 + at, at, 1) };
        apply(store, Commit { events: vec![told], ..put(Row { account, ..row(at, 1) }) });
    }
    let first = shard(accounts[0]);
    assert_ne!(first, shard(accounts[1]));
    assert_eq!(shard(accounts[1]), shard(accounts[2]), "two accounts of one shard");
    assert_eq!(told(store, first), [51]);
    assert_eq!(told(store, shard(accounts[1])), [52, 53]);
    let position = unsequenced(store, shard(accounts[1]))[0].position;
    check(store, links(first, 0, &[position]), Err(Refused::ChainMoved { shard: first, newest: 0 }));
    apply(store, links(shard(accounts[1]), 0, &[position]));
    assert_eq!(find(store, Query::ChainHead { shard: first }).head(), None);
    assert_eq!(told(store, first), [51]);
    assert_eq!(told(store, SHARDS), []);
    check(store, links(SHARDS, 0, &[1]), Err(Refused::ChainMoved { shard: SHARDS, newest: 0 }));
    let versions = find(store, Query::History { key: Key(1), limit: 10 }).rows();
    assert_eq!(versions.first().map(|row| row.version), Some(Version(1)));
}

//! Many commits at once: each is checked against all that came before it, and a refused one takes nobody with it.

use super::Case;
use super::build::*;
use crate::block_on::block_on;
use florin_core::commit::{Commit, Personal, Refused, Row, Version};
use florin_core::id::Key;
use florin_core::ledger::Book;
use florin_core::store::{CommitError, Query, Store, Wait};
use std::future::poll_fn;
use std::task::Poll;

pub const CASES: &[Case] = &[
    ("one version is won once", one_version),
    ("a guard holds against many", guarded),
    ("an idempotency key is won once", one_claim),
    ("a chain grows once", one_chain),
    ("a new person gets one key", one_person),
];

/// Starts all, then waits for all: an engine that groups what waits gets much of it in one group.
fn race(store: &dyn Store, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
    let mut waits: Vec<Option<Wait<'_, _>>> = commits.into_iter().map(|commit| Some(store.commit(commit))).collect();
    let mut results: Vec<_> = waits.iter().map(|_| None).collect();
    block_on(poll_fn(|context| {
        for (wait, result) in waits.iter_mut().zip(&mut results) {
            if let Some(running) = wait
                && let Poll::Ready(output) = running.as_mut().poll(context)
            {
                (*wait, *result) = (None, Some(output));
            }
        }
        if waits.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    }));
    results.into_iter().map(|result| result.expect("all are ready")).collect()
}

fn one_version(store: &dyn Store) {
    for version in 1..=5 {
        // Beside the racers, one commit each that has nothing to do with them.
        let commits = (0..40).flat_map(|n| [step(1, version), step(i64::from(version) * 100 + n, 1)]).collect();
        let results = race(store, commits);
        let (racers, others): (Vec<_>, Vec<_>) = results.chunks(2).map(|pair| (&pair[0], &pair[1])).unzip();
        assert!(others.iter().all(|result| result.is_ok()), "a refusal takes nobody with it");
        assert_eq!(racers.iter().filter(|result| result.is_ok()).count(), 1);
        let lost = CommitError::Refused(Refused::Conflict { key: Key(1), now: Version(version) });
        assert!(racers.iter().all(|result| result.is_ok() || **result == Err(lost.clone())));
    }
}

fn guarded(store: &dyn Store) {
    apply(store, moves(1, 1, vec![transfer((1, Book::RefundableTotal), (1, Book::Refundable), 1_000)]));
    let refund = |n: i64| moves(10 + n, 1, vec![transfer((1, Book::Refundable), (1, Book::RefundableTotal), 60)]);
    let results = race(store, (0..40).map(refund).collect());
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 16, "16 times 60 of 1,000");
    let refused = CommitError::Refused(Refused::Guard(ledger(1, Book::Refundable)));
    assert!(results.iter().all(|result| result.is_ok() || *result == Err(refused.clone())));
    let balance = find(store, Query::Balances { accounts: vec![ledger(1, Book::Refundable)] }).balances()[0];
    assert_eq!((balance.debits, balance.credits), (960, 1_000));
}

fn one_claim(store: &dyn Store) {
    let results = race(store, (0..40).map(|n| Commit { claim: Some(begin(5, 10)), ..step(10 + n, 1) }).collect());
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let rows = block_on(store.get(&(10..50).map(Key).collect::<Vec<_>>())).expect("rows are read");
    let rows: Vec<bool> = rows.iter().map(Option::is_some).collect();
    assert_eq!(rows, results.iter().map(Result::is_ok).collect::<Vec<_>>(), "the winner's row and no other");
}

fn one_chain(store: &dyn Store) {
    let at = florin_core::commit::shard(ACCOUNT);
    apply(store, Commit { events: vec![event(50, 1, 1)], ..step(1, 1) });
    let position = unsequenced(store, at)[0].position;
    let results = race(store, (0..10).map(|_| links(at, 0, &[position])).collect());
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let moved = CommitError::Refused(Refused::ChainMoved { shard: at, newest: 1 });
    assert!(results.iter().all(|result| result.is_ok() || *result == Err(moved.clone())));
}

fn one_person(store: &dyn Store) {
    let personal = |key| Some(Personal { subject: Key(60), body: format!("Ada {key}").into_bytes() });
    let rows: Vec<Row> = (1..=30).map(|key| Row { personal: personal(key), ..row(key, 1) }).collect();
    let results = race(store, rows.iter().cloned().map(put).collect());
    assert!(results.iter().all(Result::is_ok), "all are applied");
    for row in rows {
        assert_eq!(get(store, row.key.0), Some(row), "and all can be read");
    }
}

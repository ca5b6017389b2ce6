//! Short ways to build commits and to ask, for the suite.

use crate::block_on::block_on;
use florin_core::commit::{
    Claim, ClaimId, Clock, Commit, Event, EventKind, Job, JobKind, Link, Links, Refused, Row, Version,
};
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Book, LedgerAccount, Reason, Transfer};
use florin_core::money::{Currency, Money};
use florin_core::store::{CommitError, Found, Query, Store, StoredEvent};
use florin_core::time::Time;

pub const ACCOUNT: Key = Key(1_000);
pub const DAY_MS: i64 = 86_400_000;

pub fn row(key: i64, version: u32) -> Row {
    Row {
        key: Key(key),
        version: Version(version),
        kind: Kind::Payment,
        account: ACCOUNT,
        at: Time(1_000 + i64::from(version)),
        body: format!("body of {key} at {version}").into_bytes(),
        personal: None,
        index: Vec::new(),
    }
}

/// A commit that puts this version of a key, expecting the one before.
pub fn step(key: i64, version: u32) -> Commit {
    put(row(key, version))
}

pub fn put(row: Row) -> Commit {
    Commit { expect: vec![(row.key, Version(row.version.0 - 1))], put: vec![row], ..Commit::default() }
}

/// The event with this id, of the step that `step` puts.
pub fn event(id: i64, key: i64, version: u32) -> Event {
    let (cause, version) = (Key(key), Version(version));
    Event { id: Key(id), kind: EventKind::PaymentCreated, account: ACCOUNT, cause, version }
}

/// Expectation and put of a step, one event of it, and these transfers.
pub fn moves(key: i64, version: u32, transfers: Vec<Transfer>) -> Commit {
    Commit { transfers, events: vec![event(key * 100 + i64::from(version), key, version)], ..step(key, version) }
}

pub fn transfer(debit: (i64, Book), credit: (i64, Book), minor: i64) -> Transfer {
    let money = Money::new(minor, Currency::EUR);
    Transfer { debit: (Key(debit.0), debit.1), credit: (Key(credit.0), credit.1), money, reason: Reason::Hold }
}

pub fn ledger(owner: i64, book: Book) -> LedgerAccount {
    LedgerAccount { owner: Key(owner), book, currency: Currency::EUR }
}

pub fn claim_id(slot: i64) -> ClaimId {
    ClaimId { slot, digest: [slot as u8; 32] }
}

pub fn begin(slot: i64, at: i64) -> Claim {
    Claim::Begin { id: claim_id(slot), request: [7; 32], subject: Key(slot), at: Time(at) }
}

pub fn claims(claim: Claim) -> Commit {
    Commit { claim: Some(claim), ..Commit::default() }
}

pub fn job(id: i64, due: i64) -> Job {
    let (kind, clock) = (JobKind::Resolve, Clock::Real);
    let (id, subject, attempt, due) = (Key(id), Key(id + 1), Key(id + 2), Time(due));
    Job { id, kind, account: ACCOUNT, subject, attempt, due, clock, tries: 0 }
}

/// Links from `after` on, one for each position.
pub fn links(shard: u8, after: u64, positions: &[i64]) -> Commit {
    let link = |(sequence, position): (u64, &i64)| Link { sequence, position: *position, hash: [sequence as u8; 32] };
    let links = ((after + 1)..).zip(positions).map(link).collect();
    Commit { links: Some(Links { shard, after, links }), ..Commit::default() }
}

pub fn find(store: &dyn Store, query: Query) -> Found {
    block_on(store.find(query)).expect("a query is answered")
}

pub fn get(store: &dyn Store, key: i64) -> Option<Row> {
    block_on(store.get(&[Key(key)])).expect("rows are read").remove(0)
}

/// Commits, and compares what came of it.
#[track_caller]
pub fn check(store: &dyn Store, commit: Commit, expected: Result<(), Refused>) {
    match (block_on(store.commit(commit)), expected) {
        (Ok(()), Ok(())) => {}
        (Err(CommitError::Refused(refused)), Err(expected)) => assert_eq!(refused, expected),
        (other, expected) => panic!("{other:?} instead of {expected:?}"),
    }
}

#[track_caller]
pub fn apply(store: &dyn Store, commit: Commit) {
    check(store, commit, Ok(()));
}

/// Everything that can be asked of the keys, slots and owners that the suite uses, to compare before and after.
pub fn everything(store: &dyn Store) -> Vec<Found> {
    let mut queries = vec![Query::NewestKey, Query::Jobs { kind: None, limit: 100 }];
    for key in 1..=40 {
        queries.push(Query::History { key: Key(key), limit: 100 });
        queries.push(Query::Transfers { cause: Key(key) });
        queries.push(Query::Claim { slot: key });
        queries.push(Query::Step { key: Key(key), version: Version(1) });
        queries.push(Query::Numbered { id: Key(key) });
    }
    for shard in 0..florin_core::commit::SHARDS {
        queries.push(Query::Unsequenced { shard, limit: 1_000 });
        queries.push(Query::Sequenced { shard, after: 0, limit: 1_000 });
        queries.push(Query::ChainHead { shard });
    }
    for kind in Kind::ALL.iter().copied() {
        queries.push(Query::List { under: ACCOUNT, kind, before: None, limit: 1_000 });
    }
    let accounts = Book::ALL.iter().copied().flat_map(|book| (1..=40).map(move |owner| ledger(owner, book)));
    queries.push(Query::Balances { accounts: accounts.collect() });
    queries.into_iter().map(|query| find(store, query)).collect()
}

pub fn unsequenced(store: &dyn Store, shard: u8) -> Vec<StoredEvent> {
    find(store, Query::Unsequenced { shard, limit: 1_000 }).events()
}

//! Jobs: leased by due time, hidden while leased, counted, done.

use super::Case;
use super::build::*;
use crate::block_on::block_on;
use florin_core::commit::{Clock, Commit, Job, JobKind};
use florin_core::id::Key;
use florin_core::store::{Query, Store};
use florin_core::time::Time;

pub const CASES: &[Case] = &[
    ("leases go by due time", by_due_time),
    ("a leased job is hidden and counted", hidden),
    ("a job put again moves and keeps its count", put_again),
    ("a job of a clock that was set back is due", clock_set_back),
    ("done jobs are gone", done),
    ("test clocks are not leased", test_clocks),
];

/// Leases, and gives ids and tries.
fn lease(store: &dyn Store, now: i64, n: u32, until: i64) -> Vec<(i64, u32)> {
    let leased = block_on(store.lease(JobKind::Resolve, Time(now), n, Time(until))).expect("a lease is given");
    leased.iter().map(|job| (job.id.0, job.tries)).collect()
}

fn jobs(store: &dyn Store) -> Vec<Job> {
    find(store, Query::Jobs { kind: None, limit: 100 }).jobs()
}

fn puts(jobs: Vec<Job>) -> Commit {
    Commit { jobs, ..Commit::default() }
}

fn by_due_time(store: &dyn Store) {
    assert_eq!(lease(store, 1_000, 10, 2_000), []);
    apply(store, puts(vec![job(1, 30), job(2, 10), job(3, 20), job(4, 10), job(5, 99)]));
    assert_eq!(jobs(store).iter().map(|j| j.id.0).collect::<Vec<_>>(), [2, 4, 3, 1, 5]);
    assert_eq!(find(store, Query::Jobs { kind: None, limit: 1 }).jobs(), [job(2, 10)]);
    assert_eq!(lease(store, 9, 10, 500), []);
    assert_eq!(lease(store, 30, 0, 500), []);
    assert_eq!(lease(store, 30, 3, 500), [(2, 1), (4, 1), (3, 1)]);
    assert_eq!(lease(store, 30, 3, 500), [(1, 1)]);
    assert_eq!(lease(store, 98, 3, 500), []);
}

fn hidden(store: &dyn Store) {
    apply(store, puts(vec![Job { tries: 77, ..job(1, 10) }]));
    let leased = block_on(store.lease(JobKind::Resolve, Time(10), 5, Time(50)));
    // The job as it was when it was due, with its count.
    assert_eq!(leased, Ok(vec![Job { tries: 1, ..job(1, 10) }]), "the store counts tries, from 0");
    assert_eq!(lease(store, 49, 5, 100), []);
    assert_eq!(jobs(store), [Job { tries: 1, ..job(1, 50) }]);
    assert_eq!(lease(store, 50, 5, 100), [(1, 2)]);
    assert_eq!(lease(store, 100, 5, 100), [(1, 3)]);
    assert_eq!(lease(store, 100, 5, 200), [(1, 4)], "hidden until now is not hidden");
}

fn put_again(store: &dyn Store) {
    apply(store, puts(vec![job(1, 10)]));
    assert_eq!(lease(store, 10, 5, 1_000), [(1, 1)]);
    apply(store, puts(vec![job(1, 20)]));
    assert_eq!(jobs(store), [Job { tries: 1, ..job(1, 20) }]);
    assert_eq!(lease(store, 20, 5, 1_000), [(1, 2)]);
}

fn done(store: &dyn Store) {
    let done = |id| Commit { done: vec![Key(id)], ..Commit::default() };
    apply(store, done(1));
    apply(store, puts(vec![job(1, 10), job(2, 10)]));
    apply(store, done(1));
    assert_eq!(jobs(store), [job(2, 10)]);
    assert_eq!(lease(store, 10, 5, 20), [(2, 1)]);
    apply(store, done(2));
    assert_eq!(lease(store, 1_000, 5, 2_000), []);
    // Put and done in one commit: done has the last word. Put afresh, a job is counted from 0.
    apply(store, Commit { done: vec![Key(2)], ..puts(vec![job(2, 10)]) });
    assert_eq!(jobs(store), []);
    apply(store, puts(vec![job(2, 10)]));
    assert_eq!(jobs(store), [job(2, 10)]);
}

fn test_clocks(store: &dyn Store) {
    let on_test_clock = Job { clock: Clock::Test(Key(9)), ..job(1, 5) };
    apply(store, puts(vec![on_test_clock, job(2, 10)]));
    assert_eq!(jobs(store), [on_test_clock, job(2, 10)]);
    assert_eq!(lease(store, 1_000, 5, 2_000), [(2, 1)]);
}

fn clock_set_back(store: &dyn Store) {
    let longest = JobKind::Resolve.longest_wait_ms();
    apply(store, puts(vec![job(1, 1_000 + longest), job(2, 1_001 + longest), job(3, 5)]));
    assert_eq!(lease(store, 1_000, 5, 2_000), [(3, 1), (2, 1)]);
    assert_eq!(lease(store, 1_999, 5, 2_000), []);
}

//! The writer's end: a failure takes the whole group and everything after it; a full queue refuses before anything is done.

use super::{Folder, meddle};
use crate::block_on;
use crate::conformance::build::*;
use crate::sqlite::queue::{Queue, Request, WAITING_LIMIT};
use crate::sqlite::reply::reply;
use crate::{MemoryStore, SqliteStore};
use florin_core::commit::{Commit, JobKind};
use florin_core::id::Key;
use florin_core::store::{CommitError, Store, StoreTrouble};
use florin_core::time::Time;

fn stopped<T: std::fmt::Debug>(result: Result<T, CommitError>) -> bool {
    matches!(result, Err(CommitError::Trouble(StoreTrouble::Stopped(_))))
}

#[test]
fn a_failure_stops_the_writer_for_good() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    apply(&store, step(1, 1));
    meddle(&folder.file("a.db"), "CREATE TRIGGER full BEFORE INSERT ON job BEGIN SELECT raise(ABORT, 'no space'); END");
    apply(&store, step(2, 1));
    let failing = Commit { jobs: vec![job(50, 1)], ..step(3, 1) };
    assert!(stopped(block_on(store.commit(failing))));
    assert!(stopped(block_on(store.commit(step(4, 1)))), "for good");
    let lease = block_on(store.lease(JobKind::Resolve, Time(1), 1, Time(2)));
    assert!(matches!(lease, Err(StoreTrouble::Stopped(reason)) if reason.contains("no space")));
    assert!(matches!(block_on(store.erase(Key(1))), Err(StoreTrouble::Stopped(_))));
    let found = |store: &dyn Store| [1, 2, 3, 4].map(|key| get(store, key).is_some());
    assert_eq!(found(&store), [true, true, false, false], "reads go on");
    drop(store);
    meddle(&folder.file("a.db"), "DROP TRIGGER full");
    let store = folder.open_named("a.db");
    assert_eq!(found(&store), [true, true, false, false]);
    apply(&store, Commit { jobs: vec![job(50, 1)], ..step(3, 1) });
}

#[test]
fn a_full_queue_refuses() {
    let queue = Queue::new();
    let lease = |reply| Request::Lease { kind: JobKind::Resolve, now: Time(0), n: 1, until: Time(1), reply };
    let mut answers = Vec::new();
    for _ in 0..WAITING_LIMIT {
        let (sender, answer) = reply();
        answers.push(answer);
        assert_eq!(queue.push(lease(sender)), Ok(()));
    }
    let (sender, answer) = reply();
    assert!(matches!(queue.push(lease(sender)), Err(StoreTrouble::Io(_))));
    assert!(block_on(answer).is_none(), "nobody will answer");
    let mut group = Vec::new();
    assert!(queue.take(&mut group).is_some());
    assert_eq!(group.len(), crate::sqlite::queue::GROUP_LIMIT);
    queue.stop("a test");
    drop(group);
    assert!(answers.into_iter().all(|answer| block_on(answer).is_none()), "nobody is left waiting");
    assert_eq!(queue.stopped(), StoreTrouble::Stopped("a test".to_owned()));
}

#[test]
fn dropping_the_store_applies_what_waits() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    let mut waits: Vec<_> = (1..=50).map(|key| store.commit(step(key, 1))).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for wait in &mut waits {
        let _ = wait.as_mut().poll(&mut context);
    }
    drop(waits);
    drop(store);
    let names: Vec<String> = folder.files().into_iter().map(|(name, _)| name).collect();
    assert!(!names.contains(&"a.db-wal".to_owned()), "the log is folded in");
    let store = folder.open_named("a.db");
    assert!((1..=50).all(|key| get(&store, key).is_some()));
}

#[test]
fn stores_go_from_thread_to_thread() {
    fn check<T: Store + Send + Sync + 'static>() {}
    check::<SqliteStore>();
    check::<MemoryStore>();
}

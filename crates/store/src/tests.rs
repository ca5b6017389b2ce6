//! Both engines against the suite and against one another; what is peculiar to one engine is tested beside it.

use crate::conformance::{History, Seen, suite};
use crate::sqlite::tests::Folder;
use crate::{MemoryStore, SqliteStore};
use florin_core::store::Store;

#[test]
fn memory_conforms() {
    suite(&|| Box::new(MemoryStore::new()));
}

#[test]
fn sqlite_conforms() {
    let folder = Folder::new();
    let opened = std::cell::Cell::new(0);
    suite(&|| {
        opened.set(opened.get() + 1);
        Box::new(folder.open_named(&format!("{}.db", opened.get())))
    });
}

/// The same commands to both, the file closed and opened again in between.
#[test]
fn sqlite_tells_the_same_histories_as_memory() {
    let folder = Folder::new();
    let mut seen = [0; 5];
    for seed in 0..40 {
        let name = format!("{seed}.db");
        let memory = MemoryStore::new();
        let mut history = History::new(seed);
        for _ in 0..2 {
            let sqlite: SqliteStore = folder.open_named(&name);
            history.run(&memory, &sqlite, 100);
        }
        let sqlite: &dyn Store = &folder.open_named(&name);
        history.run(&memory, sqlite, 0);
        let Seen { applied, conflict, claimed, guard, chain_moved } = history.seen();
        for (sum, n) in seen.iter_mut().zip([applied, conflict, claimed, guard, chain_moved]) {
            *sum += n;
        }
    }
    assert!(seen.iter().all(|n| *n >= 20), "every outcome was met: {seen:?}");
}

#[test]
#[should_panic(expected = "malformed commit")]
fn a_malformed_commit_is_a_bug_in_memory() {
    let _ = crate::block_on(MemoryStore::new().commit(malformed()));
}

#[test]
#[should_panic(expected = "malformed commit")]
fn a_malformed_commit_is_a_bug_in_sqlite() {
    let folder = Folder::new();
    let _ = crate::block_on(folder.open_named("a.db").commit(malformed()));
}

fn malformed() -> florin_core::commit::Commit {
    let key = florin_core::id::Key(1);
    let twice = vec![(key, florin_core::commit::Version(1)), (key, florin_core::commit::Version(1))];
    florin_core::commit::Commit { expect: twice, ..florin_core::commit::Commit::default() }
}

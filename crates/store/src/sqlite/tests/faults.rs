//! The disk fails at every write and every sync of a workload, one after the other, and the power is cut at each: what was acknowledged is
//! there afterwards, nothing is half there, and the writer asks a disk that failed for nothing more.

use super::vfs::{self, Cut, Fails, Shared, lock};
use super::{Folder, ROOT};
use crate::conformance::build::*;
use crate::{OpenError, Options, SqliteStore, block_on};
use florin_core::commit::Commit;
use florin_core::id::Key;
use florin_core::ledger::Book;
use florin_core::seal::Secret;
use florin_core::store::{CommitError, Query, Store, StoreTrouble};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Commits of the workload; the log is folded in several times on the way.
const COMMITS: i64 = 8;
/// Images of each power cut.
const IMAGES: u32 = 3;

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    let options = Options { checkpoint_pages: 24, readers: 1, ..Options::default() };
    SqliteStore::open(path, options, Secret::new(ROOT))
}

/// Two rows, two transfers, an event, a job and a claim.
fn payment(n: i64) -> Commit {
    let taken = transfer((7, Book::Receivable), (7, Book::Merchant), n);
    let refundable = transfer((7, Book::RefundableTotal), (n, Book::Refundable), n);
    let mut commit = moves(n, 1, vec![taken, refundable]);
    let second = step(n + 100, 1);
    commit.expect.extend(second.expect);
    commit.put.extend(second.put);
    commit.jobs.push(job(n * 1_000, n));
    commit.claim = Some(begin(n, DAY_MS));
    commit
}

/// Commits until one fails; after that none may succeed. Counts what was acknowledged.
fn work(store: &SqliteStore, disk: &Shared) {
    let acknowledged = Arc::clone(&lock(disk).acknowledged);
    let mut failed = false;
    for n in 1..=COMMITS {
        match block_on(store.commit(payment(n))) {
            Ok(()) => {
                assert!(!failed, "commit {n} succeeded after a failure");
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(CommitError::Trouble(StoreTrouble::Stopped(_))) => failed = true,
            Err(other) => panic!("{other:?}"),
        }
    }
    if !failed {
        // Empties the log; that it failed is told to whoever asked, and stops the writer as well.
        let erased = block_on(store.erase(Key(1)));
        assert!(erased.is_ok() || lock(disk).struck.is_some(), "{erased:?}");
    }
}

/// Everything acknowledged is there, what was not is there whole or not at all, and it goes on.
#[track_caller]
fn whole(path: &Path, acknowledged: usize, what: &str) {
    let store = open(path).unwrap_or_else(|e| panic!("{what}: {e}"));
    let there: Vec<bool> = (1..=COMMITS).map(|n| get(&store, n).is_some()).collect();
    let count = there.iter().filter(|there| **there).count();
    assert!(there.iter().take(acknowledged).all(|there| *there), "{what}: {acknowledged} acknowledged, {there:?}");
    assert!(there.iter().take(count).all(|there| *there), "{what}: not in order: {there:?}");
    for (n, there) in (1..).zip(&there) {
        let moved = find(&store, Query::Transfers { cause: Key(n) }).transfers().len();
        let claimed = find(&store, Query::Claim { slot: n }).claim().is_some();
        let second = get(&store, n + 100).is_some();
        let parts = (second, moved, claimed);
        assert_eq!(parts, (*there, if *there { 2 } else { 0 }, *there), "{what}: {n} is half there");
    }
    assert_eq!(find(&store, Query::Jobs { kind: None, limit: 100 }).jobs().len(), count, "{what}: jobs");
    let audit = store.audit(&|_, _| true, &|_, _| {}).unwrap_or_else(|e| panic!("{what}: {e:?}"));
    assert_eq!((audit.wrong, audit.links), (0, count as u64), "{what}: {:?}", audit.named);
    let next = i64::try_from(count).expect("few") + 1;
    if next <= COMMITS {
        apply(&store, payment(next));
    }
}

/// SplitMix64, one bit at a time.
fn coin(mut state: u64) -> impl FnMut() -> bool {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) & 1 == 1
    }
}

fn images(folder: &Folder, cut: &Cut, what: &str) {
    for n in 0..IMAGES {
        let image = folder.file(&format!("image-{n}.db"));
        // Only so that nothing waits for a real disk.
        vfs::put_under(&image);
        let mut some = coin(u64::from(n) << 32 | cut.acknowledged as u64);
        // Nothing that was not synced, all of it, and chance.
        cut.image(&image, &mut || n == 1 || (n > 1 && some()));
        whole(&image, cut.acknowledged, &format!("{what}, image {n}"));
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let _ = std::fs::remove_file(folder.file(&format!("image-{n}.db{suffix}")));
        }
        vfs::take_away(&image);
    }
}

/// A store that was made before anything fails, on a disk that counts from here on.
fn made(folder: &Folder) -> (std::path::PathBuf, Shared, SqliteStore) {
    let path = folder.file("a.db");
    let disk = vfs::put_under(&path);
    let store = open(&path).expect("it opens");
    lock(&disk).ops = 0;
    (path, disk, store)
}

/// Operations of the workload when nothing fails.
fn operations() -> u64 {
    let folder = Folder::new();
    let (path, disk, store) = made(&folder);
    work(&store, &disk);
    drop(store);
    vfs::take_away(&path);
    let ops = lock(&disk).ops;
    assert_eq!(lock(&disk).acknowledged.load(Ordering::SeqCst), COMMITS as usize);
    assert!(ops > 60, "{ops}: the workload writes, syncs and folds the log in");
    ops
}

#[test]
fn the_disk_fails_at_every_write_and_sync() {
    for at in 1..=operations() {
        let fails = [Fails::Io, Fails::Full, Fails::Half][at as usize % 3];
        let what = format!("{fails:?} at {at}");
        let folder = Folder::new();
        let (path, disk, store) = made(&folder);
        lock(&disk).fault = Some((at, fails));
        work(&store, &disk);
        let (struck, ops) = {
            let disk = lock(&disk);
            (disk.struck, disk.ops)
        };
        assert!(struck.is_none_or(|struck| struck == ops), "{what}: asked again");
        drop(store);
        assert!(struck.is_none() || lock(&disk).ops == ops, "{what}: asked again at the end");
        lock(&disk).fault = None;
        let cut = lock(&disk).power_cut();
        images(&folder, &cut, &what);
        // The process alone died: what was written is there, synced or not.
        whole(&path, cut.acknowledged, &what);
        vfs::take_away(&path);
    }
}

#[test]
fn a_file_that_could_not_be_made_is_in_nobodys_way() {
    for at in 1.. {
        let folder = Folder::new();
        let path = folder.file("a.db");
        let disk = vfs::put_under(&path);
        lock(&disk).fault = Some((at, Fails::Io));
        drop(open(&path));
        let struck = lock(&disk).struck.is_some();
        lock(&disk).fault = None;
        whole(&path, 0, &format!("made with a failure at {at}"));
        vfs::take_away(&path);
        if !struck {
            assert!(at > 10, "making a file takes {at} operations");
            return;
        }
    }
}

#[test]
fn the_power_is_cut_at_every_write_and_sync() {
    for at in 1..=operations() {
        let folder = Folder::new();
        let (path, disk, store) = made(&folder);
        lock(&disk).cut_at = Some(at);
        work(&store, &disk);
        drop(store);
        vfs::take_away(&path);
        // The writer and the end of the store do not always come to the same number.
        let Some(cut) = lock(&disk).cut.take() else { continue };
        images(&folder, &cut, &format!("cut at {at}"));
    }
}

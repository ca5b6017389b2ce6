//! Other keys for the same records: nothing is lost, nothing stays under the key before, whenever it is broken off.

use super::{Folder, ROOT, meddle, tamper};
use crate::conformance::build::*;
use crate::sqlite::chain::{Head, HeadKey};
use crate::sqlite::keys::{DataKey, Root};
use crate::{OpenError, Options, SqliteStore, belongs_to, block_on};
use florin_core::commit::{Claim, Commit, Personal, Row, Version};
use florin_core::id::Key;
use florin_core::ledger::Book;
use florin_core::seal::{Algorithm, Secret};
use florin_core::store::{Found, Query};
use florin_core::time::Time;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const AES: Algorithm = Algorithm::Aes256Gcm;
const CHACHA: Algorithm = Algorithm::ChaCha20Poly1305;

fn person(key: i64, version: u32, subject: i64, body: &str) -> Row {
    Row { personal: Some(Personal { subject: Key(subject), body: body.into() }), ..row(key, version) }
}

/// Rows with and without persons, one of them erased; claims with and without an answer, in both tables; money that moved.
fn fill(store: &SqliteStore) {
    for key in 1..=20 {
        apply(store, put(person(key, 1, 60 + key % 3, &format!("somebody {key}"))));
        apply(store, put(person(key, 2, 60 + key % 3, &format!("somebody else {key}"))));
    }
    apply(store, put(person(21, 1, 70, "to be erased")));
    block_on(store.erase(Key(70))).expect("erased");
    let taken = transfer((7, Book::Receivable), (7, Book::Merchant), 100);
    apply(store, moves(22, 1, vec![taken, transfer((7, Book::RefundableTotal), (22, Book::Refundable), 100)]));
    for (slot, day) in [(1, 1), (2, 2)] {
        let answer = b"an answer".to_vec();
        let (id, request, subject, at) = (claim_id(slot), [7; 32], Key(slot), Time(day * DAY_MS));
        apply(store, claims(Claim::Answer { id, request, subject, at, answer }));
    }
    apply(store, claims(begin(3, 2 * DAY_MS)));
}

/// Data keys by version, algorithm and records.
fn held(store: &SqliteStore) -> Vec<(u16, Algorithm, u64)> {
    let about = store.keys_about(true).expect("read");
    about.data_keys.iter().map(|key| (key.version, key.algorithm, key.records)).collect()
}

fn commitments(path: &Path) -> Vec<Vec<u8>> {
    let c = rusqlite::Connection::open(path).expect("SQLite opens it");
    let mut all = c.prepare("SELECT commitment FROM row ORDER BY n").expect("prepared");
    let all = all.query_map((), |row| row.get(0)).expect("read");
    all.collect::<Result<_, _>>().expect("read")
}

fn begin_to(store: &SqliteStore, algorithm: Algorithm) {
    assert!(block_on(store.rotate_begin(algorithm, Time(5))).expect("begun"));
}

fn finish(store: &SqliteStore) {
    while block_on(store.rotate_step()).expect("a step") {}
    store.forget_keys().expect("forgotten");
}

fn wrong(store: &SqliteStore) -> u64 {
    store.audit(&|_, _| true, &|_, _| {}).expect("every row can be read").wrong
}

/// From one algorithm to the other and back, reading all of it in between.
#[test]
fn everything_goes_under_the_new_key_and_back() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    fill(&store);
    let (before, pinned) = (everything(&store), commitments(&folder.file("a.db")));
    let [(1, AES, records)] = held(&store)[..] else { panic!("{:?}", held(&store)) };
    for (version, algorithm) in [(2, CHACHA), (3, AES), (4, AES)] {
        begin_to(&store, algorithm);
        assert_eq!(block_on(store.rotate_begin(algorithm, Time(6))), Ok(false), "one at a time");
        loop {
            assert_eq!(everything(&store), before, "version {version}");
            if !block_on(store.rotate_step()).expect("a step") {
                break;
            }
        }
        store.forget_keys().expect("forgotten");
        // The erased person's body goes with the first rotation.
        assert_eq!(held(&store), [(version, algorithm, records - 1)]);
    }
    assert_eq!(everything(&store), before);
    assert_eq!(commitments(&folder.file("a.db")), pinned, "the chain holds what it held");
    assert_eq!(wrong(&store), 0);
    drop(store);
    assert_eq!(everything(&folder.open_named("a.db")), before);
}

/// A crash after any step: the next process goes on, and what it reads is what there was.
#[test]
fn a_rotation_that_was_cut_off_goes_on() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    fill(&store);
    let before = everything(&store);
    begin_to(&store, CHACHA);
    let mut cuts = 0;
    loop {
        let image = format!("cut-{cuts}.db");
        folder.copy("a.db", &image);
        let after = folder.open_named(&image);
        assert_eq!(everything(&after), before, "{image}");
        apply(&after, put(person(30, 1, 61, "meanwhile")));
        finish(&after);
        assert_eq!(held(&after).iter().map(|key| (key.0, key.1)).collect::<Vec<_>>(), [(2, CHACHA)], "{image}");
        assert_eq!((wrong(&after), get(&after, 30)), (0, Some(person(30, 1, 61, "meanwhile"))), "{image}");
        cuts += 1;
        if !block_on(store.rotate_step()).expect("a step") {
            break;
        }
    }
    assert!(cuts > 8, "{cuts}");
}

/// Payments go on meanwhile, with persons old and new: none fails, all of it is readable, nothing is left behind.
#[test]
fn commits_go_on_while_keys_rotate() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    fill(&store);
    let over = AtomicBool::new(false);
    let written: Vec<i64> = std::thread::scope(|scope| {
        let writer = |thread: i64| {
            let (store, over) = (&store, &over);
            move || {
                let mut keys = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let key = 1_000 * thread + i64::try_from(keys.len()).expect("few");
                    apply(store, put(person(key, 1, 60 + key % 5, "under load")));
                    assert_eq!(get(store, key), Some(person(key, 1, 60 + key % 5, "under load")));
                    keys.push(key);
                }
                keys
            }
        };
        let threads = [2, 3].map(|thread| scope.spawn(writer(thread * 1_000)));
        for algorithm in [CHACHA, AES, CHACHA] {
            begin_to(&store, algorithm);
            while block_on(store.rotate_step()).expect("a step") {}
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().expect("no commit fails")).collect()
    });
    store.forget_keys().expect("forgotten");
    assert_eq!(held(&store).iter().map(|key| (key.0, key.1)).collect::<Vec<_>>(), [(4, CHACHA)]);
    let lost: Vec<&i64> = written.iter().filter(|key| get(&store, **key).is_none()).collect();
    assert_eq!((lost.len(), wrong(&store)), (0, 0));
}

/// What does not open keeps its key: an audit names it, and another rotation or a backup can still help.
#[test]
fn a_damaged_record_keeps_the_key_before() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    fill(&store);
    drop(store);
    tamper(&folder.file("a.db"), "UPDATE row SET sealed = substr(sealed, 1, 40) WHERE key = 3 AND version = 2");
    let store = folder.open_named("a.db");
    begin_to(&store, CHACHA);
    while block_on(store.rotate_step()).expect("a step") {}
    let left: Vec<(u16, u64)> = held(&store).iter().map(|key| (key.0, key.2)).filter(|(v, _)| *v == 1).collect();
    assert_eq!(left, [(1, 1)]);
    assert_eq!(wrong(&store), 1);
}

#[test]
fn another_root_wraps_the_same_keys() {
    let folder = Folder::new();
    let (path, other) = (folder.file("a.db"), || Secret::new([4; 32]));
    let store = folder.open_named("a.db");
    fill(&store);
    let before = everything(&store);
    block_on(store.rotate_root(other(), Time(77))).expect("wrapped anew");
    apply(&store, step(30, 1));
    begin_to(&store, CHACHA);
    finish(&store);
    assert_eq!(store.keys_about(true).expect("read").root_since, 77);
    let seed = *store.seed().expose();
    drop(store);
    assert_eq!([Secret::new(ROOT), other()].map(|root| belongs_to(&path, &root)), [false, true]);
    let refused = SqliteStore::open(&path, Options::default(), Secret::new(ROOT)).err();
    assert_eq!(refused, Some(OpenError::WrongKey(path.clone())));
    let store = SqliteStore::open(&path, Options::default(), other()).expect("it opens");
    assert_eq!(store.seed().expose(), &seed, "what rests on the seed stays");
    assert_eq!((get(&store, 30), wrong(&store)), (Some(row(30, 1)), 0));
    let now: Vec<Found> = (1..=20).map(|key| find(&store, Query::History { key: Key(key), limit: 9 })).collect();
    assert!(now.iter().all(|found| before.contains(found)));
}

/// A setting chooses what seals new records; what is there is read as before.
#[test]
fn another_algorithm_seals_what_is_new() {
    let folder = Folder::new();
    let open = |algorithm, now| {
        let options = Options { algorithm, now: Time(now), ..Options::default() };
        SqliteStore::open(&folder.file("a.db"), options, Secret::new(ROOT)).expect("it opens")
    };
    let store = open(None, 0);
    apply(&store, put(person(1, 1, 60, "Ada")));
    drop(store);
    let store = open(Some(CHACHA), 50);
    apply(&store, put(person(2, 1, 60, "Ada again")));
    // Who was known before keeps their key.
    assert_eq!(held(&store), [(1, AES, 4), (2, CHACHA, 1)]);
    let created: Vec<i64> = store.keys_about(true).expect("read").data_keys.iter().map(|key| key.created).collect();
    assert_eq!(created, [50, 50], "from when it is first known");
    drop(store);
    let store = open(Some(CHACHA), 60);
    assert_eq!(held(&store).len(), 2, "no more than one key for it");
    begin_to(&store, CHACHA);
    finish(&store);
    assert_eq!(held(&store), [(3, CHACHA, 5)]);
    assert_eq!([1, 2].map(|key| get(&store, key).is_some_and(|row| row.personal.is_some())), [true, true]);
}

/// Before format 4 everything was sealed under keys of the root itself.
#[test]
fn a_file_of_format_3_gets_its_keys() {
    let folder = Folder::new();
    drop(folder.open_named("a.db"));
    let (path, root) = (folder.file("a.db"), Root::new(Secret::new(ROOT)));
    let put_back = |sql: &str, value: Vec<u8>| {
        let c = rusqlite::Connection::open(&path).expect("SQLite opens it");
        assert_eq!(c.execute(sql, [value]), Ok(1));
    };
    let first = root.wrap(1, &DataKey::new(AES, root.itself())).expect("wrapped");
    put_back("UPDATE data_key SET wrapped = ?1", first);
    put_back("UPDATE meta SET value = ?1 WHERE name = 'seed'", root.wrap_seed(&root.itself()).expect("wrapped"));
    let head = HeadKey::new(&root.itself()).seal(&Head::NONE);
    put_back("UPDATE meta SET value = ?1 WHERE name = 'ledger_head'", head);
    let store = folder.open_named("a.db");
    fill(&store);
    let before = everything(&store);
    drop(store);
    let as_format_3 =
        "DROP TABLE data_key; DELETE FROM meta WHERE name IN ('seed', 'root_since'); DROP TRIGGER row_update;
        CREATE TRIGGER row_update BEFORE UPDATE ON row BEGIN SELECT raise(ABORT, 'rows are only added'); END;
        PRAGMA user_version = 3";
    meddle(&path, as_format_3);
    let store = folder.open_named("a.db");
    assert_eq!((everything(&store), store.seed().expose()), (before.clone(), &ROOT));
    begin_to(&store, CHACHA);
    finish(&store);
    assert_eq!((everything(&store), wrong(&store)), (before, 0));
    apply(&store, Commit { expect: vec![(Key(40), Version(0))], ..step(40, 1) });
}

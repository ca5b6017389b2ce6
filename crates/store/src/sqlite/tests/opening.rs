//! Opening: whose file it is, whether it is whole, who else has it, and what is left after a crash.

use super::{Folder, ROOT, meddle};
use crate::conformance::build::{apply, find, get, put, row, step};
use crate::sqlite::open::network_file_system;
use crate::{OpenError, Options, SqliteStore};
use florin_core::commit::{JobKind, Row, Version};
use florin_core::id::Kind;
use florin_core::seal::Secret;
use florin_core::store::Query;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, Options::default(), Secret::new(ROOT))
}

/// The error's name and whether its text names the file and says what to do.
#[track_caller]
fn check(path: &Path, expected: &str) {
    let error = open(path).err().expect("it does not open");
    let (name, text) = (format!("{error:?}"), error.to_string());
    assert!(name.starts_with(expected), "{name} instead of {expected}");
    assert!(text.contains(&*path.to_string_lossy()) && text.ends_with('.'), "{text}");
}

#[test]
fn refuses_what_is_not_its_own_or_not_whole() {
    let folder = Folder::new();
    let made = |name: &str| {
        let store = folder.open_named(name);
        (1..=200).for_each(|key| apply(&store, step(key, 1)));
        drop(store);
        folder.file(name)
    };

    let text = folder.file("letter.txt");
    fs::write(&text, "Dear customer,\n".repeat(1_000)).expect("a file is written");
    check(&text, "NotFlorin");
    let foreign = folder.file("foreign.db");
    meddle(&foreign, "CREATE TABLE mine (a)");
    check(&foreign, "NotFlorin");

    let newer = made("newer.db");
    meddle(&newer, "PRAGMA user_version = 5");
    check(&newer, "Newer");
    let older = made("older.db");
    meddle(&older, "PRAGMA user_version = 0");
    check(&older, "Damaged");

    let path = made("key.db");
    let other = SqliteStore::open(&path, Options::default(), Secret::new([8; 32]));
    assert_eq!(other.err(), Some(OpenError::WrongKey(path.clone())));
    assert!(get(&open(&path).expect("the right key opens it"), 1).is_some(), "nothing was changed");

    check(&folder.file("nowhere").join("a.db"), "Io");
    check(&folder.file(""), "Io");
}

#[test]
fn finds_damage_after_an_unclean_stop() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    (1..=300).for_each(|key| apply(&store, step(key, 1)));
    // Folds the log into the database, so that there is something to damage there; then more log.
    crate::block_on(store.erase(florin_core::id::Key(1))).expect("erased");
    apply(&store, step(301, 1));
    folder.copy("a.db", "torn.db");
    folder.copy("a.db", "gone.db");
    drop(store);

    let torn = folder.file("torn.db");
    let mut bytes = fs::read(&torn).expect("a file is read");
    // Every page but the first: those that the log holds anew are whole, the others are not.
    bytes.chunks_mut(4_096).skip(1).for_each(|page| page[..64].fill(0x33));
    fs::write(&torn, bytes).expect("a file is written");
    check(&torn, "Damaged");

    let gone = folder.file("gone.db");
    fs::remove_file(&gone).expect("a file is removed");
    check(&gone, "Damaged");
}

#[test]
fn one_process_at_a_time() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    check(&folder.file("a.db"), "InUse");
    drop(store);
    open(&folder.file("a.db")).expect("it is free again");
}

#[test]
fn files_are_for_their_owner_alone() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    fs::write(&path, "").expect("a file is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("a mode is set");
    let store = folder.open_named("a.db");
    apply(&store, step(1, 1));
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mode = fs::metadata(folder.file(&format!("a.db{suffix}"))).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "a.db{suffix}");
    }
}

#[test]
fn a_crash_loses_nothing_that_was_answered() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    for key in 1..=60 {
        apply(&store, step(key, 1));
        if key % 20 == 0 {
            let image = format!("crash-{key}.db");
            folder.copy("a.db", &image);
            let after = folder.open_named(&image);
            assert_eq!(get(&after, key), Some(row(key, 1)));
            assert_eq!(get(&after, key + 1), None);
            apply(&after, step(key + 1, 1));
        }
    }
}

#[test]
fn a_crash_while_the_file_is_made_leaves_nothing_in_the_way() {
    let folder = Folder::new();
    fs::write(folder.file("a.db"), "").expect("a file is written");
    apply(&folder.open_named("a.db"), step(1, 1));
}

#[test]
fn network_file_systems_are_known_by_number() {
    let cases = [
        (0x6969, Some("nfs")),
        (0xff53_4d42, Some("cifs")),
        (0xfe53_4d42, Some("smb2")),
        (0x00c3_6400, Some("ceph")),
        (0x0bd0_0bd0, Some("lustre")),
        (0xef53, None),
        (0x0102_1994, None),
        (0x5846_5342, None),
        (0x9123_683e, None),
        (0x794c_7630, None),
    ];
    for (magic, expected) in cases {
        assert_eq!(network_file_system(magic), expected, "{magic:#x}");
    }
}

/// What `core` stores of a thing: a payment that is held (7) or succeeded (8), a setup that waits for its cardholder (7).
fn stored(key: i64, kind: Kind, golden: &str, line: usize) -> Row {
    let digits = golden.lines().nth(line - 1).expect("a line").as_bytes();
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).expect("digits"), 16).expect("digits");
    Row { kind, body: digits.chunks(2).map(byte).collect(), ..row(key, 1) }
}

/// Holds end, and cardholders are looked for, in what an earlier Florin stored too.
#[test]
fn a_file_of_format_2_gets_its_jobs() {
    const PAYMENTS: &str = include_str!("../../../../core/tests/golden/payment_stages.hex");
    const SETUPS: &str = include_str!("../../../../core/tests/golden/setup_stages.hex");
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    apply(&store, put(stored(10, Kind::Payment, PAYMENTS, 7)));
    apply(&store, put(stored(11, Kind::Payment, PAYMENTS, 8)));
    apply(&store, put(stored(13, Kind::Setup, SETUPS, 7)));
    apply(&store, step(14, 1));
    let newer = Row { version: Version(2), ..stored(15, Kind::Payment, PAYMENTS, 8) };
    apply(&store, put(stored(15, Kind::Payment, PAYMENTS, 7)));
    apply(&store, put(newer));
    drop(store);
    meddle(&folder.file("a.db"), "PRAGMA user_version = 2");
    let jobs = || {
        let found = find(&folder.open_named("a.db"), Query::Jobs { kind: None, limit: 100 }).jobs();
        let mut found: Vec<_> = found.iter().map(|job| (job.subject.0, job.kind, job.attempt.0, job.id.0)).collect();
        found.sort_unstable();
        found
    };
    let expected = [(10, JobKind::Expire, 2000, 2000), (13, JobKind::Chase, 3000, 3000)];
    assert_eq!(jobs(), expected);
    meddle(&folder.file("a.db"), "PRAGMA user_version = 2; UPDATE job SET due = 5, tries = 3");
    assert_eq!(jobs(), expected, "what is there already stays");
    let kept: (i64, i64) = rusqlite::Connection::open(folder.file("a.db"))
        .and_then(|c| c.query_row("SELECT min(due), min(tries) FROM job", (), |row| Ok((row.get(0)?, row.get(1)?))))
        .expect("read");
    assert_eq!(kept, (5, 3));
}

//! The database at its boundary: what it refuses to open, and what a write promises.

use super::*;
use crate::testing::Folder;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::channel;

fn open(folder: &Folder) -> Result<Db, DbError> {
    Db::open(folder.root(), || Ok(vec![("kek check", vec![1])]))
}

fn name(error: &DbError) -> &'static str {
    match error {
        DbError::InUse(_) => "in use",
        DbError::Damaged { .. } => "damaged",
        DbError::NotOurs(_) => "not ours",
        DbError::Newer { .. } => "newer",
        DbError::WrongKek(_) => "wrong kek",
        DbError::OtherMode { .. } => "other mode",
        DbError::KeyDamaged { .. } => "key damaged",
        DbError::NetworkFileSystem(_) => "network",
        DbError::SqliteTooOld(_) => "old sqlite",
        DbError::NoChance => "no chance",
        DbError::Io { .. } => "io",
    }
}

#[test]
fn files_that_are_no_vault_are_refused_and_left_alone() {
    let check = |what: &str, make: &dyn Fn(&Path), expected: Option<&str>| {
        let folder = Folder::new();
        let path = folder.path("vault.db");
        make(&path);
        let before = std::fs::read(&path).unwrap_or_default();
        let opened = open(&folder);
        assert_eq!(opened.as_ref().err().map(name), expected, "{what}");
        if expected.is_some() {
            assert!(before == std::fs::read(&path).unwrap(), "{what}: changed");
        }
    };
    let ours = |path: &Path| drop(Db::open(path.parent().unwrap(), || Ok(Vec::new())).unwrap());
    let sql = |path: &Path, sql: &str| {
        let c = Connection::open(path).unwrap();
        c.execute_batch(sql).unwrap();
    };
    check("none", &|_| {}, None);
    check("empty", &|p| std::fs::write(p, b"").unwrap(), None);
    check("ours", &|p| ours(p), None);
    check(
        "a text",
        &|p| std::fs::write(p, "no database at all, but long enough to be read as one".repeat(9)).unwrap(),
        Some("damaged"),
    );
    check("another program's", &|p| sql(p, "CREATE TABLE t(a); PRAGMA user_version = 1"), Some("not ours"));
    check("another program's, marked", &|p| sql(p, "PRAGMA application_id = 7; CREATE TABLE t(a)"), Some("not ours"));
    check(
        "newer",
        &|p| {
            ours(p);
            sql(p, "PRAGMA user_version = 3")
        },
        Some("newer"),
    );
    check(
        "version zero",
        &|p| {
            ours(p);
            sql(p, "PRAGMA user_version = 0")
        },
        Some("not ours"),
    );
    let broken = |p: &Path| {
        ours(p);
        let mut bytes = std::fs::read(p).unwrap();
        for byte in &mut bytes[4096..8192] {
            *byte = 0xA5;
        }
        std::fs::write(p, bytes).unwrap();
    };
    check("a broken page", &broken, Some("damaged"));
    let cut = |p: &Path| {
        ours(p);
        let bytes = std::fs::read(p).unwrap();
        std::fs::write(p, &bytes[..bytes.len() - 4096]).unwrap();
    };
    check("cut", &cut, Some("damaged"));
    let folder = Folder::new();
    std::fs::create_dir(folder.path("vault.db")).unwrap();
    assert_eq!(open(&folder).err().as_ref().map(name), Some("io"), "a folder");
}

#[test]
fn one_vault_at_a_time_and_private_files() {
    let folder = Folder::new();
    let db = open(&folder).unwrap();
    assert_eq!(open(&folder).err().as_ref().map(name), Some("in use"));
    put(&db, 1);
    for file in std::fs::read_dir(folder.root()).unwrap() {
        let about = file.unwrap().metadata().unwrap();
        assert_eq!(about.mode() & 0o777, 0o600);
    }
    drop(db);
    assert!(open(&folder).is_ok());
}

fn card(n: i64) -> CardRow {
    let (key, account) = (Key(n), Key(1));
    CardRow { key, account, dek: 1, sealed: vec![7; 40], fingerprint: [3; 16], created: Time(5), last_used: Time(5) }
}

fn write(db: &Db, write: Write) -> Result<(), DbTrouble> {
    let (tell, told) = channel();
    db.write(write, Box::new(move |done| tell.send(done).unwrap()));
    told.recv().unwrap()
}

fn put(db: &Db, n: i64) {
    assert_eq!(write(db, Write::Card(card(n))), Ok(()));
}

#[test]
fn what_was_promised_is_there_after_a_restart() {
    let folder = Folder::new();
    let db = open(&folder).unwrap();
    let (tell, told) = channel();
    for n in 1..=3_000 {
        let tell = tell.clone();
        db.write(Write::Card(card(n)), Box::new(move |done| tell.send((n, done)).unwrap()));
    }
    let mut order = Vec::new();
    for _ in 0..3_000 {
        let (n, done) = told.recv().unwrap();
        assert_eq!(done, Ok(()));
        order.push(n);
    }
    assert!(order.is_sorted(), "answered in order");
    drop(db);
    let db = open(&folder).unwrap();
    assert_eq!(db.newest_card(), Ok(Some(Key(3_000))));
    assert_eq!(db.card(Key(17)), Ok(Some(card(17))));
    assert_eq!(db.card(Key(3_001)), Ok(None));
    assert_eq!(db.cards_under(1), Ok(3_000));
}

#[test]
fn a_failed_write_stops_the_writer() {
    let folder = Folder::new();
    let db = open(&folder).unwrap();
    put(&db, 1);
    assert_eq!(write(&db, Write::Card(card(1))), Err(DbTrouble::Stopped), "a key twice is a bug");
    assert_eq!(write(&db, Write::Card(card(2))), Err(DbTrouble::Stopped));
    drop(db);
    let db = open(&folder).unwrap();
    assert_eq!(db.newest_card(), Ok(Some(Key(1))));
}

#[test]
fn late_answers_stay_until_they_are_acknowledged() {
    let folder = Folder::new();
    let db = open(&folder).unwrap();
    let late = |id, at| Write::Late { id, late: vec![u8::try_from(id).unwrap()], at: Time(at) };
    for (id, at) in [(5, 20), (3, 30), (4, 10), (5, 40)] {
        assert_eq!(write(&db, late(id, at)), Ok(()));
    }
    drop(db);
    let db = open(&folder).unwrap();
    let ids = |db: &Db, limit| db.late(limit).unwrap().into_iter().map(|(id, _)| id).collect::<Vec<i64>>();
    assert_eq!(ids(&db, 10), [4, 5, 3], "oldest first, each once");
    assert_eq!(ids(&db, 1), [4]);
    assert_eq!(write(&db, Write::LateDone { id: 4 }), Ok(()));
    assert_eq!(write(&db, Write::LateDone { id: 99 }), Ok(()), "twice does no harm");
    assert_eq!(ids(&db, 10), [5, 3]);
}

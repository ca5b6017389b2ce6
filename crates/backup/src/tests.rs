//! Backups of a database that is written to, brought back and compared; and every way in which they may be wrong.

use crate::access::{Opener, Readers, keygen};
use crate::error::BackupError;
use crate::keep::{Keep, prune};
use crate::make::{MANIFEST, Making, OBJECT, make};
use crate::manifest::Manifest;
use crate::place::{Folder, Place};
use crate::restore::{Target, about, chain, ids, newest, restore};
use florin_core::seal::Secret;
use florin_core::time::Time;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const FILES: [&str; 2] = ["a/one.db", "two.db"];
/// A file that is in every backup.
const SMALL: &str = "keys/small";
const ALL: [&str; 3] = [FILES[0], FILES[1], SMALL];
const CANARY: &str = "words that no backup shows";

struct World {
    root: PathBuf,
    readers: Readers,
    opener: Opener,
    key: Secret,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

impl World {
    fn new() -> World {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("florin-backup-test-{}-{n}", std::process::id()));
        std::fs::create_dir_all(root.join("data/a")).unwrap();
        std::fs::create_dir_all(root.join("data/keys")).unwrap();
        std::fs::write(root.join("data").join(SMALL), CANARY).unwrap();
        let (identity, recipient) = keygen();
        let world = World {
            root,
            readers: Readers::recipients(&[recipient]).unwrap(),
            opener: Opener::identities(&identity).unwrap(),
            key: Secret::new([7; 32]),
        };
        for file in FILES {
            let db = world.open(file);
            db.pragma_update(None, "journal_mode", "wal").unwrap();
            db.execute_batch("CREATE TABLE t(n INTEGER PRIMARY KEY, text TEXT NOT NULL)").unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn open(&self, file: &str) -> Connection {
        Connection::open(self.path("data").join(file)).unwrap()
    }

    fn write(&self, file: &str, rows: u32) {
        let mut db = self.open(file);
        let all = db.transaction().unwrap();
        for n in 0..rows {
            all.execute("INSERT INTO t(text) VALUES (?1)", [format!("{CANARY} {n}")]).unwrap();
        }
        all.commit().unwrap();
    }

    fn place(&self) -> Folder {
        Folder::open(&self.path("place")).unwrap()
    }

    fn make_with(&self, at: i64, whole: bool, readers: &Readers) -> Option<Manifest> {
        let (place, root, scratch, memory) = (self.place(), self.path("data"), self.path(""), self.path("memory"));
        let m = Making {
            place: &place,
            root: &root,
            files: &FILES,
            small: &[SMALL],
            scratch: &scratch,
            memory: &memory,
            readers,
            key: &self.key,
            now: Time(at),
            chance: 1,
            whole,
            by: "test",
        };
        let mut told = (0, 1);
        let made = make(&m, &mut |done, total| told = (done, total)).unwrap();
        assert_eq!(told.0, told.1, "all of it was told");
        made
    }

    fn make(&self, at: i64) -> Option<Manifest> {
        self.make_with(at, false, &self.readers)
    }

    fn restore(&self, id: &str, to: &str) -> Result<Manifest, BackupError> {
        restore_to(&self.place(), (id, &self.key), &self.opener, (&self.path(to), &ALL))
    }

    fn rows(&self, folder: &str, file: &str) -> i64 {
        let db = Connection::open(self.path(folder).join(file)).unwrap();
        let whole: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
        assert_eq!(whole, "ok");
        db.query_row("SELECT count(*) FROM t", [], |r| r.get(0)).unwrap()
    }
}

#[test]
fn each_backup_of_a_chain_is_a_moment() {
    let w = World::new();
    let writer = w.open(FILES[0]);
    w.write(FILES[0], 5_000);
    let whole = w.make(1_000).unwrap();
    assert_eq!((whole.base.clone(), whole.databases.len()), (None, 2));
    assert!(whole.databases.iter().all(|d| d.changed == d.pages));
    assert_eq!(w.make(2_000), None, "nothing changed");
    w.write(FILES[0], 10);
    let first = w.make(3_000).unwrap();
    assert_eq!(first.base.as_deref(), Some(whole.id.as_str()));
    assert!(first.databases[0].changed < 10 && first.databases[1].changed == 0, "{first:?}");
    w.write(FILES[1], 7);
    writer.execute("DELETE FROM t WHERE n > 100", []).unwrap();
    let second = w.make(4_000).unwrap();
    writer.execute_batch("VACUUM").unwrap();
    let third = w.make(5_000).unwrap();
    assert!(third.databases[0].pages < second.databases[0].pages, "the database shrank");
    for (n, (manifest, rows)) in
        [(&whole, (5_000, 0)), (&first, (5_010, 0)), (&second, (100, 7)), (&third, (100, 7))].into_iter().enumerate()
    {
        let to = format!("back-{n}");
        assert_eq!(&w.restore(&manifest.id, &to).unwrap(), manifest);
        assert_eq!((w.rows(&to, FILES[0]), w.rows(&to, FILES[1])), rows, "{to}");
        assert_eq!(std::fs::read_to_string(w.path(&to).join(SMALL)).unwrap(), CANARY);
    }
    let at = |at| newest(&w.place(), at).unwrap();
    assert_eq!(at(None), Some(third.id.clone()));
    assert_eq!(at(Some(Time(3_999))), Some(first.id.clone()));
    assert_eq!(at(Some(Time(999))), None);
    assert!(matches!(w.restore(&whole.id, "back-0"), Err(BackupError::NotEmpty(_))));
}

#[test]
fn a_passphrase_opens_as_a_key_does() {
    let w = World::new();
    w.write(FILES[0], 3);
    let text = "correct horse battery\n";
    let made = w.make_with(1_000, true, &Readers::passphrase(text).unwrap()).unwrap();
    assert!(matches!(w.restore(&made.id, "no"), Err(BackupError::NoKey { .. })));
    let opened = |text: &str| {
        let (to, opener) = (w.path("yes"), Opener::passphrase(text).unwrap());
        restore_to(&w.place(), (&made.id, &w.key), &opener, (&to, &ALL)).map(|m| m.id)
    };
    assert!(matches!(opened("another horse battery"), Err(BackupError::NoKey { .. })));
    assert_eq!(opened("correct horse battery").unwrap(), made.id);
    assert!(matches!(Readers::passphrase("too short"), Err(BackupError::BadKey { .. })));
}

#[test]
fn nothing_in_the_place_can_be_read() {
    let w = World::new();
    w.write(FILES[0], 100);
    w.make(1_000).unwrap();
    for file in std::fs::read_dir(w.path("place")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()));
    }
    let left: Vec<_> = std::fs::read_dir(w.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().starts_with("copy-")), "copies stay: {left:?}");
}

fn restore_to(
    place: &dyn Place,
    what: (&str, &Secret),
    opener: &Opener,
    (root, allowed): (&Path, &[&str]),
) -> Result<Manifest, BackupError> {
    let mut told = (0, 1);
    let made = restore(place, what, opener, &Target { root, allowed }, &mut |done, total| told = (done, total))?;
    assert_eq!(told.0, told.1, "all of it was told");
    Ok(made)
}

fn change(path: &Path, with: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    with(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_changed_is_refused() {
    let w = World::new();
    w.write(FILES[0], 1_000);
    let whole = w.make(1_000).unwrap();
    w.write(FILES[0], 10);
    let more = w.make(2_000).unwrap();
    let object = w.path("place").join(format!("{}{OBJECT}", whole.id));
    let manifest = w.path("place").join(format!("{}{MANIFEST}", whole.id));
    let (good_object, good_manifest) = (std::fs::read(&object).unwrap(), std::fs::read(&manifest).unwrap());
    let check = |n: u32, expected: &str| {
        let got = w.restore(&more.id, &format!("try-{n}")).err().map(|e| e.code());
        assert_eq!(got, Some(expected), "{n}");
        std::fs::write(&object, &good_object).unwrap();
        std::fs::write(&manifest, &good_manifest).unwrap();
    };
    change(&object, |b| b[good_object.len() / 2] ^= 1);
    check(1, "backup_damaged");
    change(&object, |b| b.truncate(good_object.len() - 1));
    check(2, "backup_damaged");
    std::fs::remove_file(&object).unwrap();
    check(3, "backup_damaged");
    change(&manifest, |b| *b = String::from_utf8_lossy(b).replace("\"made_at\": 1000", "\"made_at\": 1001").into());
    check(4, "backup_not_ours");
    change(&manifest, |b| b.truncate(20));
    check(5, "backup_damaged");
    std::fs::remove_file(&manifest).unwrap();
    check(6, "backup_not_found");
    w.restore(&more.id, "good").unwrap();
    assert_eq!(w.rows("good", FILES[0]), 1_010);
    let other = chain(&w.place(), &more.id, &Secret::new([8; 32])).map(|c| c.len());
    assert!(matches!(other, Err(BackupError::NotOurs { .. })));
    // A file that is none of the allowed ones is never written.
    let (to, allowed) = (w.path("allowed"), [FILES[1]]);
    let refused = restore_to(&w.place(), (&whole.id, &w.key), &w.opener, (&to, &allowed));
    assert_eq!(refused.err().map(|e| e.code()), Some("backup_damaged"));
    assert!(!to.join(FILES[0]).exists());
}

#[test]
fn a_lost_memory_or_base_makes_a_whole_one() {
    let w = World::new();
    let first = w.make(1_000).unwrap();
    std::fs::remove_file(w.path("memory")).unwrap();
    w.write(FILES[0], 1);
    let second = w.make(2_000).unwrap();
    assert_eq!(second.base, None);
    w.place().remove(&format!("{}{MANIFEST}", second.id)).unwrap();
    w.write(FILES[0], 1);
    let third = w.make(3_000).unwrap();
    assert_eq!(third.base, None, "its base is gone");
    assert_eq!(ids(&w.place()).unwrap(), [first.id, third.id]);
}

#[test]
fn what_is_old_goes_and_what_broke_off_goes_with_it() {
    let w = World::new();
    let mut made = Vec::new();
    for (at, whole) in [(1_000, true), (2_000, false), (3_000, true), (4_000, false), (5_000, true)] {
        w.write(FILES[0], 1);
        made.push(w.make_with(at, whole, &w.readers).unwrap().id);
    }
    let place = w.place();
    let left = format!("{}{OBJECT}", crate::id::make(Time(1_500), 9, true));
    std::fs::write(w.path("place").join(&left), "half").unwrap();
    std::fs::write(w.path("place").join("somebody's"), "else").unwrap();
    let keep = |all, daily| Keep { all_from: Time(all), daily_from: Time(daily) };
    assert_eq!(ids(&place).unwrap(), made, "what broke off is none");
    assert_eq!(prune(&place, keep(3_000, 0)).unwrap(), made[1..2], "the first of the day stays");
    assert!(!place.names("").unwrap().contains(&left));
    assert_eq!(prune(&place, keep(9_000, 9_000)).unwrap(), [&made[3], &made[2], &made[0]].map(String::clone));
    assert_eq!(ids(&place).unwrap(), made[4..], "the newest stays");
    assert!(about(&place, &made[4]).unwrap().base.is_none());
    assert!(w.path("place").join("somebody's").exists());
}

#[test]
fn a_making_that_breaks_off_leaves_nothing_that_counts() {
    let w = World::new();
    w.write(FILES[0], 1);
    let first = w.make(1_000).unwrap().id;
    w.write(FILES[0], 1);
    let second = w.make(2_000).unwrap().id;
    // As a kill between the object and its manifest leaves it, and one before the pages were remembered.
    w.place().remove(&format!("{second}{MANIFEST}")).unwrap();
    assert_eq!(ids(&w.place()).unwrap(), std::slice::from_ref(&first));
    w.write(FILES[0], 1);
    let third = w.make(3_000).unwrap();
    assert_eq!(third.base, None);
    w.restore(&third.id, "back").unwrap();
    assert_eq!(w.rows("back", FILES[0]), 3);
    for id in ["../place/x", "", &format!("../{first}")] {
        assert_eq!(w.restore(id, "no").err().map(|e| e.code()), Some("backup_not_found"), "{id}");
    }
}

#[test]
fn what_a_kill_left_half_written_goes_after_an_hour() {
    let w = World::new();
    w.write(FILES[0], 1);
    let made = w.make(1_000).unwrap().id;
    let place = w.place();
    const BEFORE: i64 = 1_795_305_600_000;
    let check = |name: String, touched: i64, goes: bool| {
        let path = w.path("place").join(&name);
        let file = std::fs::File::create(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_millis(touched.cast_unsigned())).unwrap();
        place.sweep(Time(BEFORE)).unwrap();
        assert_eq!(path.exists(), !goes, "{name} {touched}");
    };
    let id = |at| crate::id::make(Time(at), 7, false);
    for ending in [OBJECT, MANIFEST] {
        check(format!("{}{ending}.part", id(BEFORE)), BEFORE, true);
        check(format!("{}{ending}.part", id(BEFORE - 86_400_000)), BEFORE - 5_000, true);
        // Written to still; begun later; not a part; not ours.
        check(format!("{}{ending}.part", id(BEFORE - 1_000)), BEFORE + 1, false);
        check(format!("{}{ending}.part", id(BEFORE + 1)), BEFORE, false);
        check(format!("{}{ending}", id(BEFORE - 1_000)), BEFORE - 1_000, false);
        check(format!("somebody's{ending}.part"), BEFORE - 1_000, false);
    }
    check(format!("{}.part", id(BEFORE)), BEFORE, false);
    w.restore(&made, "back").unwrap();
}

//! Backups while payments pour in, and kills in the middle of making and of restoring: what is listed is whole, what starts is whole.

use crate::backup::{Kept, text};
use crate::house::{House, column, id, look_until};
use rusqlite::{Connection, OpenFlags, types::Value as Sql};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(60);

/// All rows of a query.
fn rows(database: &Path, sql: &str) -> Vec<Vec<Sql>> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let mut query = db.prepare(sql).unwrap();
    let columns = query.column_count();
    let all = query.query_map([], |row| (0..columns).map(|n| row.get(n)).collect()).unwrap();
    all.map(Result::unwrap).collect()
}

/// What is only added to: what a backup has of it is how the live one begins.
const JOURNALS: [(&str, &str); 4] = [
    ("gateway/florin.db", "SELECT n, key, version, account, kind, at, sealed, commitment FROM row ORDER BY n"),
    ("gateway/florin.db", "SELECT * FROM transfer ORDER BY id"),
    ("gateway/florin.db", "SELECT * FROM ledger_link ORDER BY n"),
    ("vault/vault.db", "SELECT key, account, dek, sealed, fingerprint FROM card ORDER BY key"),
];

#[test]
fn backups_under_load_are_beginnings_of_what_came() {
    let kept = Kept::new("backup-load");
    let house = &kept.house;
    let demo = house.demo();
    house.pay(&["1", "eur"]);
    let (stop, paid) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let made: Vec<(String, Vec<String>)> = std::thread::scope(|scope| {
        for n in 0..2 {
            let (stop, paid) = (&stop, &paid);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let done = id(&house.pay(&[["2.37", "1.37"][n], "eur"]));
                    paid.lock().unwrap().push(done);
                }
            });
        }
        let made = (0..5).map(|_| {
            let before = paid.lock().unwrap().clone();
            (id(&kept.create()), before)
        });
        let made = made.collect();
        stop.store(true, Ordering::Relaxed);
        made
    });
    demo.stop();
    for (n, (backup, before)) in made.iter().enumerate() {
        let back = kept.restored(&format!("back-{n}"), &[backup]);
        for (file, sql) in JOURNALS {
            let (was, is) = (rows(&back.join(file), sql), rows(&house.file(file), sql));
            assert!(!was.is_empty() && is.starts_with(&was), "{backup}: {sql}: {} of {}", was.len(), is.len());
        }
        let told = house.run(&["--json", "--data", &text(&back), "list", "--limit", "100"], "").done();
        let has = column(&told["data"], "id");
        assert!(before.iter().all(|id| has.contains(id)), "{backup} lacks what was paid before it was made");
    }
}

#[test]
fn a_kill_while_backups_are_made_leaves_whole_ones() {
    let kept = Kept::new("backup-kill");
    let house = &kept.house;
    let demo = house.demo();
    let making = kept.making(&["backup", "schedule", "--every", "1s"]);
    let mut newest = Value::Null;
    for _ in 0..4 {
        house.pay(&["1", "eur"]);
        let mut schedule = house.start(&making);
        newest = schedule.line(WITHIN).unwrap()["id"].clone();
        house.pay(&["2", "eur"]);
        // Somewhere between a look, an object and its manifest.
        schedule.kill();
    }
    let listed = house.florin(&["backup", "list", "--place", &kept.place, "--limit", "1000"]).done();
    let ids = column(&listed["data"], "id");
    assert_eq!((&listed["damaged"], ids.contains(&newest.as_str().unwrap().to_owned())), (&json!(0), true));
    for backup in &ids {
        let verify = kept.opening(&["backup", "verify", backup]);
        assert_eq!(house.florin(&verify).done()["ok"], json!(true), "{backup}");
    }
    house.pay(&["3", "eur"]);
    kept.create();
    demo.stop();
}

/// A restore that is killed as soon as this path is there.
fn killed(house: &House, args: &[&str], when: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_florin"))
        .args(args)
        .current_dir(&house.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !when.exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    look_until(WITHIN, || child.try_wait().unwrap()).unwrap();
}

#[test]
fn a_kill_while_one_is_restored_leaves_nothing_that_starts() {
    let kept = Kept::new("backup-restore-kill");
    let house = &kept.house;
    let demo = house.demo();
    let paid = id(&house.pay(&["1", "eur"]));
    kept.create();
    demo.stop();
    let into = house.root.join("into");
    let (folder, data) = (text(&into), text(&house.data()));
    let restore = [&kept.opening(&["--json", "--data", &data, "backup", "restore"])[..], &["--into", &folder]].concat();
    let show = ["--json", "--data", &folder, "show", &paid];
    for when in ["backup/staging", "backup/staging/vault/vault.db", "backup/restoring", "gateway/restored.json"] {
        killed(house, &restore, &into.join(when));
        let (begun, fenced) = (into.join("backup/restoring").exists(), into.join("gateway/restored.json").exists());
        let placed = ["gateway/florin.db", "vault/vault.db"].map(|file| into.join(file).exists());
        match begun {
            true => assert_eq!(house.run(&show, "").refused().0, "restore_unfinished", "{when}"),
            // Before the first file was put in place, or after the last.
            false => assert_eq!(placed, [fenced, fenced], "{when}"),
        }
        if placed == [true, true] && !begun {
            std::fs::remove_dir_all(&into).unwrap();
        }
    }
    // As a kill between the vault and the gateway leaves it.
    if !into.join("gateway/florin.db").exists() {
        house.run(&restore, "").done();
    }
    std::fs::remove_file(into.join("gateway/florin.db")).unwrap();
    std::fs::write(into.join("backup/restoring"), "{}").unwrap();
    assert_eq!(house.run(&show, "").refused().0, "restore_unfinished");
    assert_eq!(house.run(&restore, "").done()["ok"], json!(true));
    std::fs::remove_file(into.join("gateway/restored.json")).unwrap();
    assert_eq!(house.run(&show, "").done()["status"], json!("succeeded"));
}

//! The data folder: what is refused at the start, what comes back after one, and that no card number is in it.

use super::*;
use crate::StartError;
use crate::disk::books::BooksFile;
use crate::disk::journal::JournalFile;
use crate::disk::{BOOKS_FILE, Folder, JOURNAL_FILE, KEY_FILE};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own that goes with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("florin-sandbox-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Every file below `folder` that holds the number: as text, spaced, packed two digits a byte, reversed, or in base64.
pub fn leaks(folder: &Path, number: &str) -> Vec<PathBuf> {
    let spaced: Vec<&str> = number.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap()).collect();
    let packed =
        number.as_bytes().chunks(2).filter(|c| c.len() == 2).map(|c| (c[0] - b'0') << 4 | (c[1] - b'0')).collect();
    let mut forms: Vec<Vec<u8>> = vec![number.into(), spaced.join(" ").into(), spaced.join("-").into(), packed];
    forms.push(number.bytes().rev().collect());
    // In base64 a text looks different by where it begins; cut to the characters that do not depend on its neighbours.
    for shift in 0..3 {
        let text = base64(format!("{}{number}", "x".repeat(shift)).as_bytes());
        forms.push(text[4..20].into());
    }
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let content = fs::read(&path).unwrap();
            if forms.iter().any(|form| content.windows(form.len()).any(|w| w == form.as_slice())) {
                found.push(path);
            }
        }
    }
    found
}

fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let group = |c: &[u8]| {
        let n = c.iter().chain([0u8; 2].iter()).take(3).fold(0usize, |n, b| n << 8 | usize::from(*b));
        [18, 12, 6, 0].map(|shift| letters[n >> shift & 63])
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let scratch = Scratch::new();
    assert_eq!(base64(b"hello!"), "aGVsbG8h");
    for (name, content) in [
        ("raw", format!("a{VISA}b").into_bytes()),
        ("base64", base64(format!("{{\"n\":\"{VISA}\"}}").as_bytes()).into_bytes()),
        ("packed", vec![0, 0x49, 0x29, 0x12, 0x34, 0x56, 0, 0, 0x09]),
    ] {
        let path = scratch.0.join(name);
        fs::write(&path, content).unwrap();
        assert_eq!(leaks(&scratch.0, VISA), std::slice::from_ref(&path));
        fs::remove_file(path).unwrap();
    }
    assert!(leaks(&scratch.0, VISA).is_empty());
}

#[test]
fn entries_come_back_from_disk() {
    let scratch = Scratch::new();
    let key = [7; 32];
    let path = scratch.0.join(BOOKS_FILE);
    let mut w = World::new();
    for (amount, card) in [(1000, VISA), (5, "5457623898000001"), (70, "4929123456000005")] {
        let sale = w.sale(card, amount).with(126, &subfields(&[(10, "987")]));
        let answer = w.answer(&sale);
        let reversal = w.reversal(&sale);
        let refund = w.refund(&sale, &answer, 3);
        w.answer(&refund);
        w.answer(&reversal);
        w.host.close_day(w.now);
        let unknown = w.hold(card, amount);
        let early = w.reversal(&unknown);
        w.answer(&early);
    }
    let records = w.host.take_records();
    let mut file = BooksFile::open(&path, Path::new("key"), &key).unwrap();
    let (first, second) = records.split_at(3);
    file.append(first).unwrap();
    file.append(second).unwrap();
    let mut journal = JournalFile::open(&scratch.0.join(JOURNAL_FILE)).unwrap();
    let hops = w.host.take_hops();
    journal.append(&hops).unwrap();
    let rrn = hops[0].rrn.clone();
    let expected: Vec<_> = hops.into_iter().filter(|h| h.rrn == rrn).collect();
    assert_eq!(journal.read(&rrn).unwrap(), expected);
    for number in [VISA, "5457623898000001", "4929123456000005"] {
        assert_eq!(leaks(&scratch.0, number), Vec::<PathBuf>::new());
    }
    drop((file, journal));
    let file = BooksFile::open(&path, Path::new("key"), &key).unwrap();
    assert_eq!(file.read(&path).unwrap(), records);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_folder_is_refused_by_name() {
    let check = |spoil: &dyn Fn(&Path), expected: &str| {
        let scratch = Scratch::new();
        let open = || {
            let folder = Folder::open(&scratch.0)?;
            let key = folder.hash_key()?;
            let path = folder.file(BOOKS_FILE);
            let file = BooksFile::open(&path, &folder.file(KEY_FILE), &key)?;
            file.read(&path).map(drop)
        };
        open().unwrap();
        open().unwrap();
        spoil(&scratch.0);
        let error: StartError = open().unwrap_err();
        assert_eq!(error.code(), expected);
        assert!(error.to_string().ends_with('.') || error.to_string().contains("chmod"), "{error}");
    };
    check(&|f| fs::remove_file(f.join(KEY_FILE)).unwrap(), "key_file_missing");
    check(&|f| fs::write(f.join(KEY_FILE), [1; 31]).unwrap(), "key_file_length");
    check(&|f| fs::write(f.join(KEY_FILE), [1; 32]).unwrap(), "wrong_key");
    check(&|f| fs::set_permissions(f.join(KEY_FILE), fs::Permissions::from_mode(0o640)).unwrap(), "key_file_open");
    check(&|f| fs::write(f.join(BOOKS_FILE), vec![b'x'; 8192]).unwrap(), "damaged_database");
    let sql = |f: &Path, sql: &str| rusqlite::Connection::open(f.join(BOOKS_FILE)).unwrap().execute_batch(sql).unwrap();
    check(&|f| sql(f, "PRAGMA user_version=3"), "newer_database");
    check(&|f| sql(f, "PRAGMA application_id=1"), "not_our_database");
    check(&|f| sql(f, "INSERT INTO day VALUES (9, 0)"), "damaged_database");
}

#[test]
fn one_sandbox_a_folder() {
    let scratch = Scratch::new();
    let first = Folder::open(&scratch.0).unwrap();
    assert_eq!(Folder::open(&scratch.0).err().map(|e| e.code()), Some("data_folder_in_use"));
    drop(first);
    assert!(Folder::open(&scratch.0).is_ok());
    fs::write(scratch.0.join("file"), "").unwrap();
    assert_eq!(Folder::open(&scratch.0.join("file/below")).err().map(|e| e.code()), Some("data_folder"));
}

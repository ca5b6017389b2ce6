//! What goes into the log comes out, filtered, in pages, and not for longer than it is kept.

use super::*;
use crate::block_on;

const ACCOUNT: Key = Key(7);

fn entry(n: i64) -> Entry {
    Entry {
        id: format!("req_{n}"),
        account: ACCOUNT,
        live: false,
        at: Time(n * 1_000),
        took_ms: 3,
        method: if n % 2 == 0 { "GET" } else { "POST" }.into(),
        path: "/v1/customers".into(),
        status: if n % 3 == 0 { 404 } else { 200 },
        error_type: None,
        error_code: None,
        error_param: None,
        // As large as keys are.
        key: Some(key(n)),
        key_tail: "abcd".into(),
        idempotency: (n % 2 == 1).then_some([9; 16]),
        replayed: false,
        version: "2026-10-28.endive".into(),
    }
}

fn key(n: i64) -> Key {
    Key((1_795_299_300_000 << 20) + n % 2)
}

fn filled(retention: Retention, count: i64) -> SqliteRequestLog {
    let log = SqliteRequestLog::in_memory(retention).unwrap();
    (1..=count).for_each(|n| log.note(entry(n)));
    log.note(Entry { account: Key(8), ..entry(count + 1) });
    log
}

#[test]
fn questions() {
    let log = filled(Retention::default(), 6);
    let check = |find: Find, expected: &[i64]| {
        let found = block_on(log.find(find.clone())).unwrap();
        let entries: Vec<Entry> = found.into_iter().map(|(_, e)| e).collect();
        assert_eq!(entries, expected.iter().map(|n| entry(*n)).collect::<Vec<_>>(), "{find:?}");
    };
    let all = Find::newest(ACCOUNT, 100);
    check(all.clone(), &[6, 5, 4, 3, 2, 1]);
    check(Find::newest(ACCOUNT, 2), &[6, 5]);
    check(Find::newest(Key(9), 2), &[]);
    check(Find { status: Some((400, 499)), ..all.clone() }, &[6, 3]);
    check(Find { method: Some("POST".into()), ..all.clone() }, &[5, 3, 1]);
    check(Find { id: Some("req_2".into()), ..all.clone() }, &[2]);
    check(Find { id: Some("req_7".into()), ..all.clone() }, &[]);
    check(Find { from: Time(2_000), to: Time(4_000), ..all.clone() }, &[4, 3, 2]);
    check(Find { after: Some(4), limit: 2, ..all.clone() }, &[3, 2]);
    check(Find { before: Some(2), limit: 2, ..all.clone() }, &[4, 3]);
    check(Find { before: Some(4), ..all }, &[6, 5]);
}

#[test]
fn old_entries_go() {
    let count = |retention: Retention, at: i64| {
        let log = filled(retention, 6);
        assert_eq!(
            block_on(log.find(Find::newest(ACCOUNT, 100))).unwrap().len(),
            6.min(retention.entries as usize - 1)
        );
        log.note(Entry { at: Time(at), ..entry(8) });
        block_on(log.find(Find::newest(ACCOUNT, 100))).unwrap().len()
    };
    assert_eq!(count(Retention { days: 1, entries: 100 }, 8_000), 7);
    assert_eq!(count(Retention { days: 1, entries: 4 }, 8_000), 3);
    assert_eq!(count(Retention { days: 1, entries: 100 }, 86_400_000 + 4_000), 4);
}

#[test]
fn last_use_is_kept_to_the_minute() {
    let log = filled(Retention::default(), 2);
    let used = |log: &SqliteRequestLog| block_on(log.used(&[key(0), key(1), Key(72)])).unwrap();
    assert_eq!(used(&log), [Some(Time(2_000)), Some(Time(1_000)), None]);
    log.note(Entry { at: Time(61_999), ..entry(2) });
    assert_eq!(used(&log)[0], Some(Time(2_000)));
    log.note(Entry { at: Time(62_000), ..entry(2) });
    assert_eq!(used(&log)[0], Some(Time(62_000)));
}

#[test]
fn entries_outlive_the_process() {
    let path = std::env::temp_dir().join(format!("florin-requests-{}.db", std::process::id()));
    let log = SqliteRequestLog::open(&path, Retention::default()).unwrap();
    log.note(entry(1));
    drop(log);
    let log = SqliteRequestLog::open(&path, Retention::default()).unwrap();
    assert_eq!(block_on(log.find(Find::newest(ACCOUNT, 9))).unwrap(), [(1, entry(1))]);
    drop(log);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

//! What is changed without the keys is refused, or found and named: rows, transfers, links of the ledger's chain, its end.

use super::{Folder, meddle, tamper};
use crate::conformance::build::*;
use crate::{Bad, What, block_on};
use florin_core::commit::{Commit, Personal, Row, Version};
use florin_core::id::Key;
use florin_core::ledger::Book;
use florin_core::store::{Store, StoreTrouble};

fn person(key: i64, subject: i64) -> Row {
    Row { personal: Some(Personal { subject: Key(subject), body: "Ada".into() }), ..row(key, 1) }
}

/// Five rows; the first, the fourth and the fifth move money.
fn filled(folder: &Folder, file: &str) {
    let store = folder.open_named(file);
    let paid = |payment: i64, amount: i64| {
        let taken = transfer((7, Book::Receivable), (7, Book::Merchant), amount);
        vec![taken, transfer((7, Book::RefundableTotal), (payment, Book::Refundable), amount)]
    };
    apply(&store, moves(1, 1, paid(1, 100)));
    apply(&store, put(person(2, 60)));
    apply(&store, step(3, 1));
    apply(&store, moves(4, 1, paid(4, 200)));
    apply(&store, moves(5, 1, paid(5, 300)));
    block_on(store.erase(Key(60))).expect("a person is erased");
}

/// What is done, in SQL, and what an audit finds.
type Case = (&'static str, &'static str, &'static [(i64, What)]);

const SWAPPED: &str =
    "UPDATE transfer SET id = -id; UPDATE transfer SET id = CASE -id / 256 WHEN 4 THEN 5 * 256 ELSE 4 * 256 END
    + -id % 256 WHERE -id / 256 IN (4, 5); UPDATE transfer SET id = -id WHERE id < 0";

/// Each is done to a copy of its own; what is found first is named, by the row's number in the journal.
#[test]
fn an_audit_names_the_first_row_that_was_changed() {
    use What::{Balance, Chain, Changed, End, Gap, Unlinked};
    let cases: &[Case] = &[
        ("untouched", "", &[]),
        (
            "an amount",
            "UPDATE transfer SET minor = minor + 1 WHERE id / 256 = 4",
            &[(4, Changed), (4, Chain), (5, Balance)],
        ),
        ("a side", "UPDATE transfer SET credit_book = 1 WHERE id = 256", &[(1, Changed), (1, Chain), (5, Balance)]),
        ("a transfer gone", "DELETE FROM transfer WHERE id = 1025", &[(4, Changed), (4, Chain), (5, Balance)]),
        (
            "a transfer more",
            "INSERT INTO transfer SELECT id + 2, 1, 1, 2, 2, 978, 5, 4 FROM transfer WHERE id = 256",
            &[(1, Changed), (1, Chain), (5, Balance)],
        ),
        (
            "a transfer of nobody",
            "INSERT INTO transfer SELECT 256 * 99, 1, 1, 2, 2, 978, 5, 4 FROM transfer WHERE id = 256",
            &[(99, Unlinked), (5, Balance)],
        ),
        ("order of transfers", SWAPPED, &[(4, Changed), (4, Chain), (5, Changed), (5, Chain)]),
        ("a link", "UPDATE ledger_link SET hash = zeroblob(32) WHERE n = 4", &[(4, Chain), (5, Chain)]),
        ("a link gone", "DELETE FROM ledger_link WHERE n = 1", &[(1, Unlinked), (4, Chain), (5, End)]),
        (
            "money that never moved",
            "DELETE FROM transfer WHERE id / 256 = 4; DELETE FROM ledger_link WHERE n = 4",
            &[(4, Changed), (5, Chain), (5, End), (5, Balance)],
        ),
        ("a balance", "UPDATE balance SET credits = credits + 1 WHERE owner = 7", &[(5, Balance)]),
        ("a balance gone", "DELETE FROM balance WHERE owner = 4", &[(5, Balance)]),
        ("a commitment", "UPDATE row SET commitment = zeroblob(32) WHERE key = 2", &[(2, Changed)]),
        ("a body", "UPDATE row SET sealed = x'00' WHERE key = 3", &[(3, Changed)]),
        ("a row gone", "DELETE FROM row WHERE n = 3", &[(4, Gap)]),
        (
            "the end cut off",
            "DELETE FROM row WHERE n = 5; DELETE FROM transfer WHERE id / 256 = 5; DELETE FROM ledger_link WHERE n = 5",
            &[(4, End), (4, Balance)],
        ),
        ("the mark of the end", "UPDATE meta SET value = zeroblob(88) WHERE name = 'ledger_head'", &[(5, End)]),
    ];
    let folder = Folder::new();
    for (name, sql, expected) in cases {
        let file = format!("audit {name}.db");
        filled(&folder, &file);
        tamper(&folder.file(&file), sql);
        let found = folder.open_named(&file).audit(&|_, _| true, &|_, _| {}).expect("every row can be read");
        let named: Vec<(i64, What)> = found.named.iter().map(|bad| (bad.n, bad.what)).collect();
        assert_eq!((named.as_slice(), found.wrong), (*expected, expected.len() as u64), "{name}");
    }
}

#[test]
fn a_bad_row_is_named_by_key_and_version() {
    let folder = Folder::new();
    filled(&folder, "a.db");
    tamper(&folder.file("a.db"), "UPDATE transfer SET reason = 2 WHERE id / 256 = 5");
    let found = folder.open_named("a.db").audit(&|_, _| true, &|_, _| {}).expect("every row can be read");
    assert_eq!(found.named[0], Bad { n: 5, step: Some((Key(5), Version(1))), what: What::Changed });
    assert_eq!((found.rows, found.links), (5, 3));
}

/// Whoever has the file open beside us changes nothing that is only added to.
#[test]
fn a_row_that_nobody_reads_is_named() {
    let folder = Folder::new();
    filled(&folder, "a.db");
    let store = folder.open_named("a.db");
    let all = store.audit(&|_, _| true, &|_, _| {}).expect("every row can be read");
    let none = store.audit(&|_, _| false, &|_, _| {}).expect("every row can be read");
    assert_eq!((all.wrong, none.wrong, none.rows), (0, all.rows, all.rows));
    assert_eq!(none.named.first().map(|bad| (bad.n, bad.what)), Some((1, What::Format)));
}

#[test]
fn what_is_only_added_to_refuses_changes() {
    let folder = Folder::new();
    filled(&folder, "a.db");
    let connection = rusqlite::Connection::open(folder.file("a.db")).expect("SQLite opens it");
    for table in ["row", "step", "transfer", "ledger_link", "event", "link"] {
        let column = if table == "step" || table == "link" || table == "event" { "rowid" } else { "n" };
        let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |r| r.get(0)).expect("read");
        for sql in
            [format!("DELETE FROM {table}"), format!("UPDATE {table} SET {} = 1", first_column(&connection, table))]
        {
            let changed = connection.execute(&sql, ());
            let refused = matches!(&changed, Err(e) if e.to_string().contains("only added"));
            assert!(refused || (rows == 0 && changed == Ok(0)), "{sql} ({column}): {changed:?}");
        }
    }
    drop(connection);
    let found = folder.open_named("a.db").audit(&|_, _| true, &|_, _| {}).expect("every row can be read");
    assert_eq!(found.wrong, 0);
}

fn first_column(connection: &rusqlite::Connection, table: &str) -> String {
    let sql = format!("SELECT name FROM pragma_table_info('{table}') LIMIT 1");
    connection.query_row(&sql, (), |row| row.get(0)).expect("a table has columns")
}

/// Nothing is added behind an end that is not ours.
#[test]
fn nothing_is_written_behind_a_changed_end() {
    let folder = Folder::new();
    filled(&folder, "a.db");
    tamper(&folder.file("a.db"), "DELETE FROM row WHERE n = 5");
    let store = folder.open_named("a.db");
    let refused = block_on(store.commit(step(6, 1)));
    let why = format!("{refused:?}");
    assert!(why.contains("Stopped") && why.contains("end of the ledger"), "{why}");
    assert!(get(&store, 1).is_some(), "reads go on");
    drop(store);
}

fn ends_of_chain(path: &std::path::Path) -> Vec<(i64, Vec<u8>)> {
    let connection = rusqlite::Connection::open(path).expect("SQLite opens it");
    let mut links = connection.prepare("SELECT n, hash FROM ledger_link ORDER BY n").expect("prepared");
    let found = links.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("read");
    found.map(|link| link.expect("read")).collect()
}

#[test]
fn a_file_of_format_1_gets_its_chain() {
    let folder = Folder::new();
    filled(&folder, "a.db");
    let before = ends_of_chain(&folder.file("a.db"));
    let older = "DROP TABLE ledger_link; DELETE FROM meta WHERE name = 'ledger_head'; PRAGMA user_version = 1";
    tamper(&folder.file("a.db"), older);
    let wrong = crate::SqliteStore::open(
        &folder.file("a.db"),
        crate::Options::default(),
        florin_core::seal::Secret::new([8; 32]),
    );
    assert!(matches!(wrong.err(), Some(crate::OpenError::WrongKey(_))), "nothing is changed under another key");
    let store = folder.open_named("a.db");
    assert_eq!(ends_of_chain(&folder.file("a.db")), before, "the same links as those that were made with the commits");
    apply(&store, Commit { ..step(6, 1) });
    apply(&store, moves(7, 1, vec![transfer((7, Book::Receivable), (7, Book::Merchant), 5)]));
    let found = store.audit(&|_, _| true, &|_, _| {}).expect("every row can be read");
    assert_eq!((found.rows, found.links, found.wrong), (7, 4, 0), "{found:?}");
    drop(store);
    meddle(&folder.file("a.db"), "PRAGMA user_version");
    let refused = block_on(folder.open_named("a.db").commit(Commit { ..step(6, 1) }));
    assert!(!matches!(refused, Err(florin_core::store::CommitError::Trouble(StoreTrouble::Stopped(_)))));
}

//! What lies on the disk: nothing that can be read, nothing that can be moved, nothing of who was erased.

use super::{Folder, tamper};
use crate::block_on;
use crate::conformance::build::*;
use florin_core::commit::{Claim, Commit, Personal, Row};
use florin_core::customer::Forget;
use florin_core::id::Key;
use florin_core::store::{Query, Store, StoreTrouble};
use florin_core::time::Time;

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn person(key: i64, version: u32, subject: i64, body: &str) -> Row {
    Row { personal: Some(Personal { subject: Key(subject), body: body.into() }), ..row(key, version) }
}

fn personal(store: &dyn Store, key: i64) -> Option<String> {
    let row = get(store, key).expect("the row is there");
    row.personal.map(|personal| String::from_utf8(personal.body).expect("text"))
}

#[test]
fn nothing_on_the_disk_can_be_read() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    let request = *b"the digest of a merchant request";
    let answer = |slot, at| {
        let answer = b"an answer in plain text".to_vec();
        Claim::Answer { id: claim_id(slot), request, subject: Key(9), at: Time(at), answer }
    };
    let body = Row { body: b"a body in plain text".to_vec(), ..person(1, 1, 60, "Ada Lovelace, plain text") };
    apply(&store, Commit { claim: Some(answer(1, DAY_MS)), ..put(body.clone()) });
    apply(&store, claims(answer(2, 2 * DAY_MS)));
    apply(&store, claims(begin(3, 2 * DAY_MS)));
    apply(&store, claims(Claim::Finish { id: claim_id(3), answer: b"an answer in plain text".to_vec() }));
    let while_open = folder.files();
    assert!(while_open.iter().any(|(name, bytes)| name == "a.db-wal" && !bytes.is_empty()));
    drop(store);
    let markers: [&[u8]; 5] = [b"plain text", b"Lovelace", b"digest of a merchant", &super::ROOT, &[7; 32]];
    for (name, bytes) in while_open.into_iter().chain(folder.files()) {
        for marker in markers {
            assert!(!holds(&bytes, marker), "{name} holds {:?}", String::from_utf8_lossy(marker));
        }
    }
    let store = folder.open_named("a.db");
    assert_eq!(get(&store, 1), Some(body));
    let held = find(&store, Query::Claim { slot: 3 }).claim().expect("it was begun");
    assert_eq!((held.request, held.answer), ([7; 32], Some(b"an answer in plain text".to_vec())));
}

/// Each case is done to a file of its own; afterwards neither of the two rows may be opened where it does not belong.
#[test]
fn a_body_opens_in_its_place_alone() {
    let cases = [
        ("bodies exchanged", "UPDATE row SET sealed = (SELECT o.sealed FROM old o WHERE o.n = 3 - row.n)"),
        ("account changed", "UPDATE row SET account = 1001"),
        ("kind changed", "UPDATE row SET kind = 3"),
        ("rolled back", "UPDATE row SET version = 2; UPDATE step SET version = 2"),
        ("cut short", "UPDATE row SET sealed = substr(sealed, 1, 20)"),
        ("emptied", "UPDATE row SET sealed = x''"),
        ("another algorithm", "UPDATE row SET sealed = CAST(x'02' || substr(sealed, 2) AS BLOB)"),
        ("personal moved", "UPDATE row SET personal = (SELECT o.personal FROM old o WHERE o.n = 3 - row.n)"),
        ("another person", "UPDATE row SET subject = 121 - subject"),
        (
            "keys exchanged",
            "UPDATE customer_key SET wrapped = (SELECT o.wrapped FROM wraps o
                            WHERE o.subject = 121 - customer_key.subject)",
        ),
    ];
    let folder = Folder::new();
    for (name, sql) in cases {
        let file = format!("{name}.db");
        let store = folder.open_named(&file);
        apply(&store, put(person(1, 1, 60, "Ada")));
        apply(&store, put(person(2, 1, 61, "Grace")));
        drop(store);
        let copies =
            "CREATE TEMP TABLE old AS SELECT * FROM row; CREATE TEMP TABLE wraps AS SELECT * FROM customer_key;";
        tamper(&folder.file(&file), &format!("{copies} {sql}"));
        let store = folder.open_named(&file);
        for key in [Key(1), Key(2)] {
            let found = block_on(store.get(&[key]));
            assert!(matches!(found, Err(StoreTrouble::Sealed(_))), "{name}: {found:?}");
        }
    }
}

#[test]
fn an_erased_person_is_gone_from_every_file() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    apply(&store, put(person(1, 1, 60, "Ada")));
    apply(&store, put(person(2, 1, 60, "Ada again")));
    apply(&store, put(person(3, 1, 61, "Grace")));
    let other = Row { account: Key(2_000), ..person(4, 1, 60, "Ada elsewhere") };
    apply(&store, put(other));
    let wraps: Vec<Vec<u8>> = {
        let file = rusqlite::Connection::open(folder.file("a.db")).expect("SQLite opens it");
        let mut statement = file.prepare("SELECT wrapped FROM customer_key WHERE subject = 60").expect("prepared");
        let wraps = statement.query_map((), |row| row.get(0)).expect("read");
        wraps.collect::<Result<_, _>>().expect("read")
    };
    assert_eq!(wraps.len(), 2, "one for each account");
    let on_disk = |wrap: &Vec<u8>| folder.files().iter().any(|(_, bytes)| holds(bytes, wrap));
    assert!(wraps.iter().all(on_disk), "the test looks at the right bytes");

    block_on(store.erase(Key(60))).expect("erased");
    assert!(!wraps.iter().any(on_disk), "the keys are gone from the database and from its log");
    let after = |store: &dyn Store| [1, 2, 3, 4].map(|key| personal(store, key));
    assert_eq!(after(&store), [None, None, Some("Grace".to_owned()), None]);
    assert_eq!(get(&store, 1).map(|row| row.body), Some(row(1, 1).body), "the payment itself stays");

    // Many at once are one request.
    apply(&store, put(person(8, 1, 70, "Eve")));
    apply(&store, put(person(9, 1, 71, "Fay")));
    block_on(store.forget(&[Key(70), Key(71)])).expect("forgotten");
    block_on(store.forget(&[])).expect("nobody");
    assert_eq!([3, 8, 9].map(|key| personal(&store, key)), [Some("Grace".to_owned()), None, None]);

    // What is put later for the erased person is dropped, under any account; so it is for one who was never there.
    block_on(store.erase(Key(62))).expect("erased");
    apply(&store, put(person(5, 1, 60, "Ada once more")));
    apply(&store, put(Row { account: Key(3_000), ..person(6, 1, 60, "Ada in a third place") }));
    apply(&store, put(person(7, 1, 62, "Nobody yet")));
    drop(store);
    let store = folder.open_named("a.db");
    block_on(store.erase(Key(60))).expect("erasing again does no harm");
    assert_eq!(after(&store), [None, None, Some("Grace".to_owned()), None]);
    assert_eq!([5, 6, 7].map(|key| personal(&store, key)), [None, None, None]);
}

/// The commitment of a row outlives the person's key: the chain still holds what it held.
#[test]
fn erasure_leaves_commitments_as_they_were() {
    let folder = Folder::new();
    let store = folder.open_named("a.db");
    apply(&store, Commit { events: vec![event(50, 1, 1)], ..put(person(1, 1, 60, "Ada")) });
    let at = florin_core::commit::shard(ACCOUNT);
    let before = unsequenced(&store, at);
    block_on(store.erase(Key(60))).expect("erased");
    assert_eq!(unsequenced(&store, at), before);
}

//! The shop's database as pages and notifications use it, in memory.

use super::notices::{self, By, Taken};
use super::orders::{self, Line, New, Placed};
use super::{Db, accounts, products, refunds, slots, wishes};
use crate::catalogue::{HOLD_SECONDS, Product};
use crate::money::Currency;
use crate::order::{Change, Stage};
use rusqlite::Transaction;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

const NOW: i64 = 1_800_000_000;

fn shop() -> Db {
    let db = Db::in_memory().unwrap();
    db.now(|tx| products::stock_up(tx, NOW)).unwrap();
    db
}

fn line(slug: &str, quantity: i64, slot: Option<i64>) -> Line {
    Line { slug: slug.to_owned(), quantity, unit: 1_000, slot }
}

fn place(db: &Db, id: &str, once: &str, lines: &[Line]) -> Placed {
    let new = New { id, once, visit: "v", account: None, currency: Currency::Eur, lines, person: b"sealed", now: NOW };
    db.now(|tx| orders::place(tx, &new)).unwrap()
}

fn stock(db: &Db, slug: &str) -> i64 {
    db.now(|tx| Ok(products::one(tx, slug)?.unwrap().stock)).unwrap()
}

fn stage(db: &Db, id: &str) -> Stage {
    db.now(|tx| Ok(orders::one(tx, id)?.unwrap().stage)).unwrap()
}

fn event(id: &str, status: &str, received: i64, currency: &str) -> Value {
    let object = json!({ "id": "pi_1", "object": "payment_intent", "status": status, "amount_received": received,
        "currency": currency, "metadata": { "order": "o1" } });
    json!({ "id": id, "sequence": 7, "type": format!("payment_intent.{status}"), "data": { "object": object } })
}

fn take(db: &Db, event: &Value) -> Taken {
    db.now(|tx| notices::take(tx, event, By::Webhook, NOW)).unwrap()
}

#[test]
fn the_same_page_sent_twice_is_one_order() {
    let db = shop();
    let before = stock(&db, "teapot");
    let lines = [line("teapot", 2, None)];
    assert_eq!(place(&db, "o1", "page", &lines), Placed::Done("o1".into()));
    assert_eq!(place(&db, "o2", "page", &lines), Placed::Done("o1".into()));
    assert_eq!(stock(&db, "teapot"), before - 2);
    let order = db.now(|tx| orders::one(tx, "o1")).unwrap().unwrap();
    assert_eq!((order.number, order.stage, order.total), (1_001, Stage::Placed, 2_000));
}

#[test]
fn what_is_sold_out_takes_nothing_else() {
    let db = shop();
    let (cups, blanket) = (stock(&db, "cups"), stock(&db, "blanket"));
    let lines = [line("cups", 3, None), line("blanket", blanket + 1, None), line("tea", 1, None)];
    assert_eq!(place(&db, "o1", "page", &lines), Placed::SoldOut("blanket".into()));
    assert_eq!((stock(&db, "cups"), stock(&db, "blanket")), (cups, blanket));
    assert!(db.now(|tx| orders::one(tx, "o1")).unwrap().is_none());
}

#[test]
fn an_order_that_is_given_up_gives_its_goods_back() {
    let db = shop();
    let before = stock(&db, "vase");
    let slot = db.now(|tx| slots::of(tx, "tasting", "v", NOW)).unwrap()[0].clone();
    place(&db, "o1", "page", &[line("vase", 1, None), line("tasting", 2, Some(slot.id))]);
    let free = || db.now(|tx| Ok(slots::one(tx, slot.id, "w", NOW)?.unwrap().free)).unwrap();
    assert_eq!((stock(&db, "vase"), free()), (before - 1, slot.free - 2));
    let cancel = |tx: &Transaction<'_>| {
        let order = orders::one(tx, "o1")?.unwrap();
        orders::apply(tx, &order, &Change { stage: Stage::Cancelled, ..Change::of(&order) }, "customer", NOW)
    };
    db.now(cancel).unwrap();
    assert_eq!((stock(&db, "vase"), free()), (before, slot.free));
}

#[test]
fn places_are_held_for_a_while() {
    let db = shop();
    let slot = db.now(|tx| slots::of(tx, "workshop", "a", NOW)).unwrap()[0].clone();
    #[track_caller]
    fn check(db: &Db, slot: i64, visit: &str, places: i64, now: i64, expected: bool) {
        assert_eq!(db.now(|tx| slots::hold(tx, slot, visit, places, now)).unwrap(), expected);
    }
    check(&db, slot.id, "a", slot.free, NOW, true);
    check(&db, slot.id, "b", 1, NOW, false);
    check(&db, slot.id, "a", slot.free - 1, NOW, true);
    check(&db, slot.id, "b", 1, NOW, true);
    check(&db, slot.id, "c", 1, NOW + HOLD_SECONDS - 1, false);
    check(&db, slot.id, "c", 1, NOW + HOLD_SECONDS, true);
    check(&db, slot.id, "c", slot.free + 1, NOW + HOLD_SECONDS, false);
}

#[test]
fn a_notification_is_taken_once() {
    let db = shop();
    place(&db, "o1", "page", &[line("teapot", 1, None)]);
    let paid = event("evt_1", "succeeded", 1_000, "eur");
    assert_eq!(take(&db, &paid), Taken::Changed("o1".into()));
    assert_eq!(stage(&db, "o1"), Stage::Paid);
    assert_eq!(take(&db, &paid), Taken::Nothing);
    // Older news that comes later, and news of somebody else.
    assert_eq!(take(&db, &event("evt_0", "processing", 0, "eur")), Taken::Nothing);
    let mut other = event("evt_2", "succeeded", 1_000, "eur");
    other["data"]["object"]["id"] = json!("pi_2");
    other["data"]["object"]["metadata"] = json!({});
    assert_eq!(take(&db, &other), Taken::Nothing);
    assert_eq!(stage(&db, "o1"), Stage::Paid);
    let told = db.now(|tx| notices::of_order(tx, "o1")).unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn what_was_paid_must_be_what_was_ordered() {
    #[track_caller]
    fn check(received: i64, currency: &str, expected: Stage) {
        let db = shop();
        place(&db, "o1", "page", &[line("teapot", 1, None)]);
        take(&db, &event("evt_1", "succeeded", received, currency));
        assert_eq!(stage(&db, "o1"), expected, "{received} {currency}");
    }
    check(1_000, "eur", Stage::Paid);
    check(999, "eur", Stage::Review);
    check(1_001, "eur", Stage::Review);
    check(1_000, "krw", Stage::Review);
}

#[test]
fn refunds_never_exceed_what_came_in() {
    let db = shop();
    place(&db, "o1", "page", &[line("teapot", 1, None)]);
    let ask = |amount| db.now(|tx| refunds::ask(tx, "o1", amount, None, "shop", NOW)).unwrap();
    assert_eq!(ask(1), None, "nothing came in yet");
    take(&db, &event("evt_1", "succeeded", 1_000, "eur"));
    assert_eq!(ask(1_001), None);
    assert_eq!(ask(0), None);
    assert_eq!(ask(-5), None);
    let first = ask(600).unwrap();
    assert_eq!(ask(401), None, "600 are under way");
    let second = ask(400).unwrap();
    assert_eq!((first.n, second.n), (1, 2));
    db.now(|tx| refunds::answered(tx, &first, None, NOW)).unwrap();
    assert_eq!(ask(601), None);
    assert_eq!(ask(600).map(|r| r.n), Some(3));
    assert_eq!(db.now(|tx| refunds::open(tx, NOW, NOW)).unwrap().len(), 2);
}

#[test]
fn a_service_that_is_not_offered_is_not_booked() {
    let db = shop();
    let slot = db.now(|tx| slots::of(tx, "tasting", "v", NOW)).unwrap()[0].clone();
    let hide = |tx: &Transaction<'_>| {
        let tasting = products::one(tx, "tasting")?.unwrap();
        products::change(tx, &Product { active: false, ..tasting })
    };
    db.now(hide).unwrap();
    let lines = [line("tasting", 1, Some(slot.id))];
    assert_eq!(place(&db, "o1", "page", &lines), Placed::SoldOut("tasting".into()));
}

/// A database of version 1 goes on: what it called done is read again, what is not sent is still set aside.
#[test]
fn a_database_of_the_first_version_is_opened() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    let first = include_str!("schema_1.sql");
    connection.execute_batch(&format!("BEGIN; {first} PRAGMA user_version = 1; COMMIT;")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO orders (id, number, once, stage, currency, total, received, intent, placed, changed, person)
                 VALUES ('o1', 1001, 'a', 'paid', 'eur', 1000, 1000, 'pi_1', 1, 1, x'00'),
                        ('o2', 1002, 'b', 'fulfilled', 'eur', 1000, 1000, 'pi_2', 1, 1, x'00');
             INSERT INTO item VALUES ('o1', 0, 'teapot', 1, 1000, NULL), ('o2', 0, 'teapot', 1, 1000, NULL);
             INSERT INTO refund VALUES ('o1', 1, 300, 'done', 're_1', 1), ('o2', 1, 300, 'failed', NULL, 1);
             INSERT INTO wish VALUES ('o1', 1, x'', 'granted'), ('o2', 1, x'', 'open');",
        )
        .unwrap();
    super::prepare(&mut connection).unwrap();
    let db = Db::of(connection);
    let stirred: Vec<String> = db.now(|tx| orders::stirred(tx, 9)).unwrap().into_iter().map(|(o, _)| o.id).collect();
    assert_eq!(stirred, ["o1"]);
    assert_eq!(db.now(|tx| refunds::under_way(tx, "o1")).unwrap(), 300);
    let wish = |id: &'static str| db.now(|tx| wishes::of(tx, id)).unwrap().map(|w| (w.state, w.refund));
    assert_eq!([wish("o1"), wish("o2")], [Some(("granted".into(), Some(1))), Some(("open".into(), None))]);
    let held = "SELECT order_id FROM item WHERE held = 1";
    assert_eq!(db.now(|tx| Ok(tx.query_row(held, [], |row| row.get::<_, String>(0))?)).unwrap(), "o1");
    let mut newer = rusqlite::Connection::open_in_memory().unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(super::prepare(&mut newer).map_err(|fail| fail.code), Err("shop_database"));
}

/// Two shops open a new database at a time: the second one waits, and finds it done.
#[test]
fn a_database_is_prepared_once() {
    static WAITS: AtomicBool = AtomicBool::new(false);
    let path = std::env::temp_dir().join(format!("florin-shop-twice-{}", std::process::id()));
    let open = || rusqlite::Connection::open(&path).unwrap();
    let first = open();
    // The first one has looked, and writes.
    let changes: String = super::SCHEMA.concat();
    first.execute_batch(&format!("BEGIN IMMEDIATE; {changes} PRAGMA user_version = {};", super::SCHEMA.len())).unwrap();
    let second = std::thread::spawn({
        let mut connection = open();
        move || {
            let heard = |_| {
                WAITS.store(true, Ordering::Release);
                std::thread::yield_now();
                true
            };
            connection.busy_handler(Some(heard)).unwrap();
            super::prepare(&mut connection).map_err(|fail| fail.message)
        }
    });
    while !WAITS.load(Ordering::Acquire) && !second.is_finished() {
        std::thread::yield_now();
    }
    first.execute_batch("COMMIT;").unwrap();
    let done = second.join().unwrap();
    drop(first);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(done, Ok(()));
}

#[test]
fn an_account_that_is_gone_owns_nothing() {
    let db = shop();
    let account = |tx: &Transaction<'_>| accounts::make(tx, "a1", "name", "hash", b"sealed", NOW);
    let ordered = |id: &str| {
        let lines = [line("teapot", 1, None)];
        let account = Some("a1");
        let new =
            New { id, once: id, visit: "v", account, currency: Currency::Eur, lines: &lines, person: b"p", now: NOW };
        db.now(|tx| orders::place(tx, &new)).unwrap();
    };
    let owned = || db.now(|tx| accounts::orders_of(tx, "a1", i64::MAX)).unwrap().len();
    db.now(account).unwrap();
    ordered("o1");
    assert_eq!(owned(), 1);
    // What was under way while it was deleted: an order, an order that it took over, a session.
    db.now(|tx| accounts::delete(tx, "a1")).unwrap();
    ordered("o2");
    place(&db, "o3", "o3", &[line("teapot", 1, None)]);
    db.now(|tx| accounts::adopt(tx, "a1", "o3")).unwrap();
    db.now(|tx| accounts::enter(tx, "a1", b"token", NOW)).unwrap();
    assert_eq!((owned(), db.now(|tx| accounts::sessions(tx, "a1")).unwrap()), (0, vec![]));
}

#[test]
fn sessions_of_an_account_have_a_limit() {
    let db = shop();
    db.now(|tx| accounts::make(tx, "a1", "name", "hash", b"sealed", NOW)).unwrap();
    let most = accounts::SESSIONS_LIMIT;
    let enter = |n: i64| db.now(|tx| accounts::enter(tx, "a1", &n.to_be_bytes(), NOW + n)).unwrap();
    let stands = |n: i64, now| db.now(|tx| accounts::of_session(tx, &n.to_be_bytes(), now)).unwrap().is_some();
    (0..most).for_each(enter);
    // The first one is used still: the second one is the longest idle.
    assert!(stands(0, NOW + most));
    enter(most + 1);
    assert_eq!([0, 1, 2, most + 1].map(|n| stands(n, NOW + most + 2)), [true, false, true, true]);
    assert_eq!(db.now(|tx| accounts::sessions(tx, "a1")).unwrap().len() as i64, most);
}

#[test]
fn wishes_have_their_stages_and_keep_no_words_of_the_forgotten() {
    #[track_caller]
    fn check(stage: Stage, forget: i64, expected: Option<&[u8]>) {
        let db = shop();
        place(&db, "o1", "page", &[line("teapot", 1, None)]);
        let set = "UPDATE orders SET stage = ?1, forget = ?2";
        db.now(|tx| Ok(tx.execute(set, (stage.name(), forget))?)).unwrap();
        let made = db.now(|tx| wishes::make(tx, "o1", b"words", NOW)).unwrap();
        let reason = db.now(|tx| wishes::of(tx, "o1")).unwrap().map(|wish| wish.reason);
        assert_eq!((made, reason.as_deref()), (expected.is_some(), expected), "{stage:?} {forget}");
    }
    for stage in [Stage::Paid, Stage::Fulfilled] {
        check(stage, 0, Some(b"words"));
        check(stage, 1, Some(b""));
        check(stage, 2, Some(b""));
    }
    for stage in [Stage::Placed, Stage::Paying, Stage::Confirming, Stage::Cancelled, Stage::Refunded, Stage::Review] {
        check(stage, 0, None);
    }
}

/// A refund of another kind that fails says nothing of a wish.
#[test]
fn a_wish_is_open_again_when_its_own_refund_fails() {
    let db = shop();
    place(&db, "o1", "page", &[line("teapot", 1, None)]);
    take(&db, &event("evt_1", "succeeded", 1_000, "eur"));
    let part = db.now(|tx| refunds::ask(tx, "o1", 100, None, "shop", NOW)).unwrap().unwrap();
    db.now(|tx| wishes::make(tx, "o1", b"words", NOW)).unwrap();
    let wishes::Granted::Asked(all) = db.now(|tx| wishes::grant(tx, "o1", NOW)).unwrap() else { panic!() };
    let wish = || db.now(|tx| wishes::of(tx, "o1")).unwrap().map(|w| (w.state, w.refund)).unwrap();
    db.now(|tx| refunds::answered(tx, &part, None, NOW)).unwrap();
    assert_eq!((all.n, wish()), (2, ("granted".to_owned(), Some(2))));
    db.now(|tx| refunds::answered(tx, &all, None, NOW)).unwrap();
    assert_eq!(wish(), ("open".to_owned(), None));
}

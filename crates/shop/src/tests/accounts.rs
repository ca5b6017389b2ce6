//! Customers' accounts at their pages: signing up and in, what comes with it, what is kept and what is forgotten.

use super::browser::{Answer, Browser};
use super::{PASSWORD, Shop};
use crate::db::{accounts, orders, wishes};
use crate::keeper;
use crate::order::{Change, Stage};
use crate::pay::now;
use crate::person::Person;
use crate::web::{Failures, Gate, edit};
use crate::words::{Lang, Words};
use serde_json::Value;
use zeroize::Zeroizing;

const ADA: &str = "ada%40lovelace.example";
const NEW: &str = "another+sentence+for+the+test";

async fn sign_up(browser: &mut Browser, email: &str) -> Answer {
    browser.post("/account/sign-up", &format!("email={email}&password={PASSWORD}&again={PASSWORD}")).await
}

async fn sign_in(browser: &mut Browser, email: &str, password: &str) -> Answer {
    browser.post("/account/sign-in", &format!("email={email}&password={password}")).await
}

fn word_en(key: &str) -> String {
    Words(Lang::En).t(key)
}

/// Orders a teapot; gives the id of the order.
async fn order(browser: &mut Browser, email: &str) -> String {
    assert_eq!(browser.post("/cart", "slug=teapot&quantity=1").await.location(), "/cart");
    let page = browser.get("/checkout").await;
    let once = page.body.split_once("name=\"once\" value=\"").unwrap().1.get(..32).unwrap();
    let form = format!(
        "once={once}&name=Ada+Lovelace&email={email}&line1=Keizersgracht+1&postal=1015+CC&city=Amsterdam&country=NL"
    );
    let placed = browser.post("/checkout", &form).await;
    placed.location().split('/').nth(2).unwrap().to_owned()
}

fn change(shop: &Shop, id: &str, stage: Stage) {
    shop.now(|tx| {
        let order = orders::one(tx, id)?.unwrap();
        orders::apply(tx, &order, &Change { stage, ..Change::of(&order) }, "shop", now())
    });
}

#[tokio::test]
async fn an_account_keeps_orders_together() {
    let shop = Shop::open().await;
    let mut ada = shop.browser();
    assert_eq!(ada.get("/account").await.location(), "/account/sign-in");
    // One order before there is an account, one of somebody else in the same browser, one after.
    let (before, other) = (order(&mut ada, "Ada%40Lovelace.example").await, order(&mut ada, "bob%40b.example").await);
    assert_eq!(sign_up(&mut ada, ADA).await.location(), "/account");
    let after = order(&mut ada, ADA).await;
    let mut elsewhere = shop.browser();
    assert_eq!(sign_in(&mut elsewhere, "ADA%40lovelace.example", PASSWORD).await.location(), "/account");
    for browser in [&mut ada, &mut elsewhere] {
        let page = browser.get("/account").await;
        let listed = [&before, &other, &after].map(|id| page.has(&format!("/orders/{id}?k=")));
        assert_eq!(listed, [true, false, true]);
    }
    // What was typed once is there the next time.
    elsewhere.post("/cart", "slug=cups").await;
    assert!(elsewhere.get("/checkout").await.has("value=\"Keizersgracht 1\""));
    // Signing out ends this session alone, and the browser forgets.
    assert_eq!(ada.post("/account/sign-out", "").await.location(), "/");
    assert_eq!(ada.get("/account").await.location(), "/account/sign-in");
    assert!(!ada.get("/orders").await.has(&before));
    assert_eq!(elsewhere.get("/account").await.status, 200);
}

#[tokio::test]
async fn doors_of_accounts() {
    let shop = Shop::open().await;
    let mut ada = shop.browser();
    sign_up(&mut ada, ADA).await;
    let mut thief = shop.browser();
    #[track_caller]
    fn said(answer: &Answer, key: &str) {
        assert_eq!((answer.status, answer.has(&word_en(key))), (422, true), "{key}: {}", answer.body);
    }
    said(&sign_up(&mut thief, ADA).await, "account-taken");
    said(&sign_up(&mut thief, "nobody").await, "fault-email");
    said(&thief.post("/account/sign-up", "email=e%40e.example&password=short&again=short").await, "password-short");
    said(&sign_in(&mut thief, "unknown%40e.example", PASSWORD).await, "account-wrong");
    // Ten wrong ones close it, also for the right one; another account is not touched.
    for _ in 0..10 {
        said(&sign_in(&mut thief, ADA, "wrong").await, "account-wrong");
    }
    said(&sign_in(&mut thief, ADA, PASSWORD).await, "account-wrong");
    assert_eq!(sign_up(&mut thief, "bob%40b.example").await.location(), "/account");
    // Who is in stays in; half an hour later the door is open again.
    assert_eq!(ada.get("/account").await.status, 200);
    let name = shop.app.keys.code("account", "ada@lovelace.example");
    let later = Failures { count: 10, last: now() - 1_801 };
    shop.now(|tx| accounts::note(tx, &accounts::named(tx, &name)?.unwrap().id, later));
    assert_eq!(sign_in(&mut thief, ADA, PASSWORD).await.location(), "/account");
    // A forged session is none.
    thief.cookies.insert("who".into(), "0".repeat(64));
    assert_eq!(thief.get("/account/download").await.location(), "/account/sign-in");
}

#[tokio::test]
async fn data_is_changed_by_whom_it_is_of() {
    let shop = Shop::open().await;
    let (mut ada, mut elsewhere, mut bob) = (shop.browser(), shop.browser(), shop.browser());
    sign_up(&mut ada, ADA).await;
    sign_in(&mut elsewhere, ADA, PASSWORD).await;
    sign_up(&mut bob, "bob%40b.example").await;
    let form = "name=Ada+L&line1=Here+1&postal=1&city=Delft&country=NL";
    assert_eq!(ada.post("/account/data", form).await.location(), "/account/data?said=saved");
    assert!(elsewhere.get("/account/data").await.has("value=\"Delft\""));
    assert_eq!(ada.post("/account/data", "name=Ada&country=XX").await.status, 422);
    // The way in is changed with the password alone, and not to somebody else's address.
    let access =
        |email: &str, password: &str, new: &str| format!("email={email}&password={password}&new={new}&again={new}");
    assert_eq!(ada.post("/account/access", &access("new%40a.example", "wrong", NEW)).await.status, 422);
    assert_eq!(ada.post("/account/access", &access("bob%40b.example", PASSWORD, "")).await.status, 422);
    assert_eq!(ada.post("/account/access", &access(ADA, PASSWORD, "short")).await.status, 422);
    assert_eq!(ada.post("/account/access", &access("new%40a.example", PASSWORD, NEW)).await.status, 303);
    assert!(ada.get("/account").await.has("new@a.example"));
    assert_eq!(elsewhere.get("/account").await.location(), "/account/sign-in", "other browsers are out");
    assert_eq!(sign_in(&mut elsewhere, ADA, PASSWORD).await.status, 422);
    assert_eq!(sign_in(&mut elsewhere, "new%40a.example", NEW).await.status, 303);
}

#[tokio::test]
async fn data_is_taken_along_and_forgotten() {
    let shop = Shop::open().await;
    let mut ada = shop.browser();
    sign_up(&mut ada, ADA).await;
    let (sent, paid) = (order(&mut ada, ADA).await, order(&mut ada, ADA).await);
    change(&shop, &sent, Stage::Paid);
    let link = |id: &str, under: &str| format!("/orders/{id}{under}?k={}", shop.app.keys.code("order", id));
    ada.post(&link(&sent, "/refund"), "reason=torn").await;
    change(&shop, &sent, Stage::Fulfilled);
    change(&shop, &paid, Stage::Paid);
    shop.till().refund(&sent, 300, None, "shop").await.unwrap();
    let told: Value = serde_json::from_str(&ada.get("/account/download").await.body).unwrap();
    assert_eq!(told["account"]["email"], "ada@lovelace.example");
    let shown = |at: usize| {
        let order = &told["orders"][at];
        (order["stage"].as_str().unwrap(), order["total"].as_i64().unwrap(), order["for"]["city"].as_str().unwrap())
    };
    assert_eq!((shown(0), shown(1)), (("paid", 4_800, "Amsterdam"), ("fulfilled", 4_800, "Amsterdam")));
    let wish = &told["orders"][1]["refund_request"];
    assert_eq!((wish["reason"].as_str(), wish["state"].as_str()), (Some("torn"), Some("open")));
    assert_eq!(told["orders"][0]["refund_request"], Value::Null);
    assert_eq!(told["sessions"].as_array().map(Vec::len), Some(1));
    // Only with the password; then the account is gone, and whoever ordered what is over.
    assert_eq!(ada.post("/account/delete", "password=wrong").await.status, 422);
    assert_eq!(ada.post("/account/delete", &format!("password={PASSWORD}")).await.status, 200);
    assert_eq!(ada.get("/account").await.location(), "/account/sign-in");
    assert_eq!(sign_in(&mut ada, ADA, PASSWORD).await.status, 422);
    let known = |id: &str| !shop.now(|tx| orders::person(tx, id)).is_empty();
    assert_eq!((known(&sent), known(&paid)), (false, true));
    assert_eq!(shop.now(|tx| wishes::of(tx, &sent)).unwrap().reason, b"");
    let page = ada.get(&link(&sent, "")).await;
    assert!(page.has(&word_en("forgotten")) && !page.has("Lovelace"));
    // The other one is sent first.
    keeper::one(shop.till(), 1).await.unwrap();
    assert!(known(&paid));
    change(&shop, &paid, Stage::Fulfilled);
    keeper::one(shop.till(), 1).await.unwrap();
    assert!(!known(&paid));
    // The address is free again, and begins with nothing.
    assert_eq!(sign_up(&mut ada, ADA).await.location(), "/account");
    assert!(!ada.get("/account").await.has("/orders/"));
}

#[tokio::test]
async fn all_orders_are_taken_along() {
    let shop = Shop::open().await;
    let mut ada = shop.browser();
    sign_up(&mut ada, ADA).await;
    let first = order(&mut ada, ADA).await;
    let copies = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO orders (id, number, once, stage, currency, total, placed, changed, person, account)
        SELECT 'copy' || i, number + i, 'copy' || i, stage, currency, total, placed, changed, x'', account FROM orders, n";
    shop.now(|tx| Ok(tx.execute(copies, [2 * accounts::ORDERS_LIMIT])?));
    let told: Value = serde_json::from_str(&ada.get("/account/download").await.body).unwrap();
    let numbers: Vec<i64> =
        told["orders"].as_array().unwrap().iter().filter_map(|order| order["number"].as_i64()).collect();
    let number = shop.now(|tx| orders::one(tx, &first)).unwrap().number;
    let expected: Vec<i64> = (number..=number + 2 * accounts::ORDERS_LIMIT).rev().collect();
    assert_eq!(numbers, expected);
}

/// Sends a form that has read who it is of and then waits to prove it, while `meanwhile` happens.
async fn meanwhile(shop: &Shop, browser: &Browser, path: &'static str, form: String, then: impl AsyncFnOnce()) -> u16 {
    let turn = shop.app.gate.turn().await.unwrap();
    let mut waits = browser.clone();
    let answer = tokio::spawn(async move { waits.post(path, &form).await.status });
    while shop.app.gate.inside() < 2 {
        assert!(!answer.is_finished(), "answered before it waited");
        tokio::task::yield_now().await;
    }
    then().await;
    drop(turn);
    answer.await.unwrap()
}

/// Two browsers change different things at a time: neither brings back what the other one changed.
#[tokio::test]
async fn changes_at_a_time_do_not_undo_each_other() {
    let shop = Shop::open().await;
    let mut ada = shop.browser();
    sign_up(&mut ada, ADA).await;
    let form = format!("email=new%40a.example&password={PASSWORD}");
    let mut other = ada.clone();
    let moved = async || {
        let form = "name=Ada+L&line1=Here+1&postal=1&city=Delft&country=NL";
        assert_eq!(other.post("/account/data", form).await.status, 303);
    };
    assert_eq!(meanwhile(&shop, &ada, "/account/access", form, moved).await, 303);
    let page = ada.get("/account/data").await;
    assert_eq!((page.has("value=\"Delft\""), page.has("value=\"new@a.example\"")), (true, true));
    // What a page saw of somebody is not written back, whatever it changes.
    let id = shop.now(|tx| accounts::named(tx, &shop.app.keys.code("account", "new@a.example"))).unwrap().id;
    let name = shop.app.keys.code("account", "third@a.example");
    shop.now(|tx| {
        accounts::set_access(tx, &id, &name, None, b"")?;
        edit(tx, &shop.app.keys, &id, |now| Some(Person { email: "third@a.example".into(), ..now }))
    });
    assert_eq!(shop.now(|tx| edit(tx, &shop.app.keys, "nobody", |_| panic!("there is none"))), ());
    let mut third = shop.browser();
    assert_eq!(sign_in(&mut third, "third%40a.example", PASSWORD).await.location(), "/account");
    assert!(third.get("/account").await.has("third@a.example"));
}

/// An address that somebody else has by now does not lend its password.
#[tokio::test]
async fn a_password_proves_its_own_account() {
    let shop = Shop::open().await;
    let mut ada = shop.browser();
    sign_up(&mut ada, ADA).await;
    let known = |email: &str| shop.now(|tx| accounts::named(tx, &shop.app.keys.code("account", email)));
    let id = known("ada@lovelace.example").unwrap().id;
    let hash = Gate::default().turn().await.unwrap().hash(Zeroizing::new(NEW.replace('+', " "))).await.unwrap();
    let taken = async || {
        let (old, new) = (known("ada@lovelace.example"), shop.app.keys.code("account", "new@a.example"));
        assert!(old.is_some());
        let kept = crate::seal::hash(&ada.cookies["who"]);
        shop.now(|tx| accounts::set_access(tx, &id, &new, None, &kept));
        let name = shop.app.keys.code("account", "ada@lovelace.example");
        shop.now(|tx| accounts::make(tx, "bob", &name, &hash, b"", now()));
    };
    let form = format!("password={NEW}");
    assert_eq!(meanwhile(&shop, &ada, "/account/delete", form, taken).await, 422);
    let there = |email: &str| known(email).is_some();
    assert_eq!((there("ada@lovelace.example"), there("new@a.example")), (true, true));
    // Its own one does, under whatever address.
    let mut same = ada.clone();
    assert_eq!(same.post("/account/delete", &format!("password={PASSWORD}")).await.status, 200);
    assert_eq!((there("ada@lovelace.example"), there("new@a.example")), (true, false));
}

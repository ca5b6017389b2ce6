//! What customers change in an order. Moving a booking: the new place is taken and the old one given back, or nothing happens.

use super::Shop;
use crate::db::bookings::{self, Moved};
use crate::db::orders::{self, Line};
use crate::db::{refunds, slots};
use crate::order::Stage;
use crate::pay::now;

fn tasting(slot: i64) -> Line {
    Line { slug: "tasting".into(), quantity: 3, unit: 100, slot: Some(slot) }
}

fn free(shop: &Shop, slot: i64) -> i64 {
    shop.now(|tx| slots::one(tx, slot, "w", now())).unwrap().free
}

#[tokio::test]
async fn a_booking_is_moved_to_a_free_time() {
    let shop = Shop::open().await;
    let times = shop.now(|tx| slots::of(tx, "tasting", "w", now()));
    let [from, to, full] = [0, 1, 2].map(|at: usize| times[at].id);
    shop.order_of(Stage::Paid, &[tasting(from)]);
    shop.now(|tx| slots::hold(tx, full, "somebody", 2, now()));
    let all = |shop: &Shop| [from, to, full].map(|slot| free(shop, slot));
    assert_eq!(all(&shop), [1, 4, 2]);
    let mut ada = shop.browser();
    let page = ada.get(&shop.link("")).await;
    let offered = [from, to, full].map(|slot| page.has(&format!("<option value=\"{slot}\"")));
    assert_eq!(offered, [false, true, false]);
    let form = |from: i64, to: i64| format!("line=0&from={from}&to={to}");
    let said = |answer: &super::browser::Answer| answer.location().split("said=").nth(1).map(str::to_owned).unwrap();
    assert_eq!(said(&ada.post(&shop.link("/move"), &form(from, full)).await), "full");
    assert_eq!(all(&shop), [1, 4, 2]);
    assert_eq!(said(&ada.post(&shop.link("/move"), &form(from, to)).await), "moved");
    assert_eq!(all(&shop), [4, 1, 2]);
    // Sent twice, it was done once.
    assert_eq!(said(&ada.post(&shop.link("/move"), &form(from, to)).await), "late");
    assert_eq!(all(&shop), [4, 1, 2]);
    assert_eq!(ada.post("/orders/o1/move?k=0", &form(to, from)).await.status, 404);
    // A refund gives back the place that it has now.
    shop.till().refund("o1", 300, None, "shop").await.unwrap();
    assert_eq!((shop.read().stage, all(&shop)), (Stage::Refunded, [4, 4, 2]));
}

#[tokio::test]
async fn what_cannot_be_moved() {
    async fn check(stage: Stage, to: &str, expected: Moved) {
        let shop = Shop::open().await;
        let slot = |slug: &str, at: usize| shop.now(|tx| slots::of(tx, slug, "w", now()))[at].id;
        let (from, to) = (slot("tasting", 0), slot(to, 1));
        shop.order_of(stage, &[tasting(from)]);
        let change = |line, to| shop.now(|tx| bookings::change(tx, "o1", line, from, to, now()));
        assert_eq!(change(1, to), Moved::Late, "there is no such line");
        assert_eq!(change(0, from), Moved::Late, "it is there already");
        assert_eq!(change(0, to), expected, "{stage:?}");
    }
    for stage in [Stage::Placed, Stage::Confirming, Stage::Paid, Stage::Fulfilled] {
        check(stage, "tasting", Moved::Done).await;
        check(stage, "workshop", Moved::Late).await;
    }
    for stage in [Stage::Paying, Stage::Cancelled, Stage::Refunded, Stage::Disputed, Stage::Review] {
        check(stage, "tasting", Moved::Late).await;
    }
    // Money on its way back, and a time that has begun.
    let shop = Shop::open().await;
    let times = shop.now(|tx| slots::of(tx, "tasting", "w", now()));
    shop.order_of(Stage::Paid, &[tasting(times[0].id)]);
    let change = |at| shop.now(|tx| bookings::change(tx, "o1", 0, times[0].id, times[1].id, at));
    assert_eq!(change(times[0].starts), Moved::Late);
    let asked = shop.now(|tx| refunds::ask(tx, "o1", 100, None, "shop", now())).unwrap();
    assert_eq!(change(now()), Moved::Late);
    shop.now(|tx| refunds::answered(tx, &asked, None, now()));
    assert_eq!(change(now()), Moved::Done);
    let steps = shop.now(|tx| orders::steps(tx, "o1"));
    assert_eq!(steps.last().map(|(_, what, by)| (what.as_str(), by.as_str())), Some(("moved", "customer")));
}

#[tokio::test]
async fn an_address_is_changed_until_it_is_sent() {
    async fn check(stage: Stage, lines: &[Line], form: &str, status: u16, said: Option<&str>) {
        let shop = Shop::open().await;
        shop.order_of(stage, lines);
        let mut ada = shop.browser();
        let answer = ada.post(&shop.link("/address"), form).await;
        assert_eq!((answer.status, answer.location().split("said=").nth(1)), (status, said), "{stage:?} {form}");
        let page = ada.get(&shop.link("")).await;
        let there = said == Some("address");
        assert_eq!((page.has("Delft"), page.has("Amsterdam")), (there, !there));
        assert!(page.has("ada@lovelace.example"));
    }
    const FORM: &str = "name=Ada&line1=Markt+1&postal=2611&city=Delft&country=NL&email=other%40e.example";
    let goods = [Line { slug: "teapot".into(), quantity: 1, unit: 1_000, slot: None }];
    for stage in [Stage::Placed, Stage::Paying, Stage::Confirming, Stage::Paid] {
        check(stage, &goods, FORM, 303, Some("address")).await;
    }
    for stage in [Stage::Fulfilled, Stage::Cancelled, Stage::Refunded, Stage::Disputed, Stage::Review] {
        check(stage, &goods, FORM, 303, Some("late")).await;
    }
    check(Stage::Paid, &goods, "name=Ada&city=Delft&country=NL", 422, None).await;
    check(Stage::Paid, &goods, &FORM.replace("country=NL", "country=XX"), 422, None).await;
}

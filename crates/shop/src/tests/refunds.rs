//! Money that goes back: never twice, never unseen, and not over before the gateway says so.

use super::Shop;
use super::gateway::refund;
use crate::db::notices::{self, By, Taken};
use crate::db::orders::Line;
use crate::db::refunds::{self, Progress};
use crate::db::{orders, products, slots, wishes};
use crate::keeper;
use crate::order::{Order, Stage};
use crate::pay::now;
use rusqlite::Transaction;
use serde_json::json;

fn stands(order: &Order) -> (Stage, i64) {
    (order.stage, order.refunded)
}

/// What an event says of a refund of `pi_1`, as a notification brings it.
fn hear(shop: &Shop, kind: &str, id: &str) -> Taken {
    let object = json!({ "object": "refund", "payment_intent": "pi_1" });
    let event = json!({ "id": id, "sequence": 9, "type": kind, "data": { "object": object } });
    shop.now(|tx| notices::take(tx, &event, By::Webhook, now()))
}

async fn round(shop: &Shop) {
    keeper::one(shop.till(), 1).await.unwrap();
}

#[tokio::test]
async fn a_pending_refund_is_not_over() {
    let shop = Shop::open().await;
    shop.order(Stage::Paid);
    shop.gateway.world().gives = Some("pending");
    let asked = shop.till().refund("o1", 1_000, Some(Stage::Paid), "customer").await.unwrap();
    assert_eq!(asked, Some(Progress::Asked));
    assert_eq!(stands(&shop.read()), (Stage::Paid, 0));
    assert!(shop.browser().get(&shop.link("")).await.has("€10.00 is on its way back"));
    // It fails: the order is paid as before, and the money may be given back again.
    shop.gateway.world().refunds = vec![refund("re_1", 1_000, "failed", Some(1))];
    assert_eq!(hear(&shop, "refund.failed", "evt_1"), Taken::Stirred);
    round(&shop).await;
    assert_eq!(stands(&shop.read()), (Stage::Paid, 0));
    assert_eq!(shop.now(|tx| refunds::left(tx, "o1")), 1_000);
    let steps = shop.now(|tx| orders::steps(tx, "o1"));
    assert_eq!(steps.last().map(|(_, what, _)| what.as_str()), Some("refund-failed"));
    // The next one is through.
    shop.gateway.world().gives = Some("succeeded");
    let again = shop.till().refund("o1", 1_000, None, "shop").await.unwrap();
    assert_eq!(again, Some(Progress::Done));
    assert_eq!(stands(&shop.read()), (Stage::Refunded, 1_000));
}

#[tokio::test]
async fn a_refund_that_the_bank_sends_back_is_for_a_person() {
    let shop = Shop::open().await;
    shop.order(Stage::Fulfilled);
    shop.till().refund("o1", 1_000, None, "shop").await.unwrap();
    assert_eq!(stands(&shop.read()), (Stage::Refunded, 1_000));
    shop.gateway.world().refunds = vec![refund("re_1", 1_000, "failed", Some(1))];
    hear(&shop, "refund.updated", "evt_1");
    round(&shop).await;
    assert_eq!(stands(&shop.read()), (Stage::Review, 0));
    // Older news changes nothing.
    shop.gateway.world().refunds = vec![refund("re_1", 1_000, "succeeded", Some(1))];
    hear(&shop, "refund.created", "evt_0");
    round(&shop).await;
    assert_eq!(stands(&shop.read()), (Stage::Review, 0));
}

#[tokio::test]
async fn refunds_of_others_count_too() {
    let shop = Shop::open().await;
    shop.order(Stage::Fulfilled);
    shop.gateway.world().refunds = vec![refund("re_9", 300, "succeeded", None), refund("re_8", 200, "pending", None)];
    let charge = json!({ "object": "charge", "payment_intent": "pi_1", "amount_refunded": 500 });
    let event = json!({ "id": "evt_1", "sequence": 9, "type": "charge.refunded", "data": { "object": charge } });
    assert_eq!(shop.now(|tx| notices::take(tx, &event, By::Webhook, now())), Taken::Stirred);
    round(&shop).await;
    assert_eq!(stands(&shop.read()), (Stage::Fulfilled, 300));
    assert_eq!(shop.now(|tx| refunds::left(tx, "o1")), 500, "200 are under way");
}

/// Its answer was lost, and its idempotency key is forgotten: what the gateway has is taken over.
#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_looked_for_first() {
    let shop = Shop::open().await;
    shop.order(Stage::Fulfilled);
    let asked = shop.now(|tx| refunds::ask(tx, "o1", 400, None, "shop", now() - 3 * 86_400)).unwrap();
    shop.gateway.world().refunds = vec![refund("re_1", 400, "succeeded", Some(1))];
    round(&shop).await;
    assert_eq!(shop.gateway.changes(), Vec::<String>::new());
    assert_eq!(shop.now(|tx| refunds::state(tx, &asked)), Some(Progress::Done));
    assert_eq!(stands(&shop.read()), (Stage::Fulfilled, 400));
    // One that never arrived is asked for, once.
    shop.now(|tx| refunds::ask(tx, "o1", 100, None, "shop", now() - 60)).unwrap();
    round(&shop).await;
    round(&shop).await;
    assert_eq!(shop.gateway.changes(), ["POST /v1/refunds order-o1-refund-2"]);
    assert_eq!(stands(&shop.read()), (Stage::Fulfilled, 500));
}

#[tokio::test]
async fn goods_go_out_or_money_goes_back() {
    let shop = Shop::open().await;
    shop.order(Stage::Paid);
    shop.gateway.world().gives = Some("pending");
    let mut customer = shop.browser();
    assert_eq!(customer.post(&shop.link("/cancel"), "").await.status, 303);
    let mut desk = super::desk(&shop).await;
    assert!(!desk.get("/admin/orders/o1").await.has("/fulfil"));
    assert_eq!(desk.post("/admin/orders/o1/fulfil", "").await.status, 409);
    assert_eq!(shop.read().stage, Stage::Paid);
    // The other way round: the page is open, and it was sent meanwhile.
    let shop = Shop::open().await;
    shop.order(Stage::Paid);
    let mut desk = super::desk(&shop).await;
    assert_eq!(desk.post("/admin/orders/o1/fulfil", "").await.status, 303);
    let asked = shop.till().refund("o1", 1_000, Some(Stage::Paid), "customer").await.unwrap();
    assert_eq!((asked, shop.gateway.changes()), (None, vec![]));
}

#[tokio::test]
async fn a_wish_is_granted_when_the_money_goes() {
    let shop = Shop::open().await;
    shop.order(Stage::Fulfilled);
    let mut customer = shop.browser();
    customer.post(&shop.link("/refund"), "reason=torn").await;
    let wish = |shop: &Shop| shop.now(|tx| wishes::of(tx, "o1")).unwrap().state;
    let mut desk = super::desk(&shop).await;
    shop.gateway.world().gives = None;
    assert_eq!(desk.post("/admin/refunds/o1", "answer=grant").await.status, 502);
    assert_eq!((wish(&shop).as_str(), stands(&shop.read())), ("open", (Stage::Fulfilled, 0)));
    // Under way it is granted; when it fails after all, a person decides again.
    shop.gateway.world().gives = Some("pending");
    assert_eq!(desk.post("/admin/refunds/o1", "answer=grant").await.status, 303);
    assert_eq!(wish(&shop), "granted");
    shop.gateway.world().refunds = vec![refund("re_1", 1_000, "failed", Some(2))];
    hear(&shop, "refund.failed", "evt_1");
    round(&shop).await;
    assert_eq!(wish(&shop), "open");
    shop.gateway.world().gives = Some("succeeded");
    assert_eq!(desk.post("/admin/refunds/o1", "answer=grant").await.status, 303);
    assert_eq!((wish(&shop).as_str(), stands(&shop.read())), ("granted", (Stage::Refunded, 1_000)));
    assert_eq!(desk.post("/admin/refunds/o1", "answer=grant").await.status, 409, "answered already");
}

#[tokio::test]
async fn what_was_not_sent_is_for_others_again() {
    #[track_caller]
    fn check(before: (i64, i64), after: (i64, i64), expected: (i64, i64)) {
        assert_eq!((after.0 - before.0, after.1 - before.1), expected);
    }
    async fn back(sent: bool, expected: (i64, i64)) {
        let shop = Shop::open().await;
        let slot = shop.now(|tx| slots::of(tx, "tasting", "w", now()))[0].id;
        let there = |shop: &Shop| {
            let free = |tx: &Transaction<'_>| Ok(slots::one(tx, slot, "w", now())?.map_or(0, |s| s.free));
            (shop.now(|tx| products::one(tx, "teapot")).unwrap().stock, shop.now(free))
        };
        let before = there(&shop);
        let line = |slug: &str, slot| Line { slug: slug.into(), quantity: 2, unit: 250, slot };
        shop.order_of(Stage::Paid, &[line("teapot", None), line("tasting", Some(slot))]);
        check(before, there(&shop), (-2, -2));
        if sent {
            super::desk(&shop).await.post("/admin/orders/o1/fulfil", "").await;
        }
        shop.till().refund("o1", 1_000, None, "shop").await.unwrap();
        assert_eq!(shop.read().stage, Stage::Refunded);
        check(before, there(&shop), expected);
        // Whatever comes of it then, nothing is given back twice.
        shop.gateway.world().refunds = vec![refund("re_1", 1_000, "failed", Some(1))];
        hear(&shop, "refund.failed", "evt_1");
        round(&shop).await;
        shop.till().refund("o1", 1_000, None, "shop").await.unwrap();
        assert_eq!(shop.read().stage, Stage::Refunded);
        check(before, there(&shop), expected);
    }
    back(false, (0, 0)).await;
    // The teapots are gone; the places, whose time is to come, are not.
    back(true, (-2, 0)).await;
}

/// Orders whose refunds cannot be read wait behind the others.
#[tokio::test]
async fn what_cannot_be_read_keeps_nobody_waiting() {
    let shop = Shop::open().await;
    shop.order(Stage::Paid);
    let others = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
        INSERT INTO orders (id, number, once, stage, currency, total, received, intent, placed, changed, person, stirred)
        SELECT 'x' || i, number + i, 'x' || i, stage, currency, total, received, 'pi_x' || i, 1, 1, x'', 1 FROM orders, n";
    shop.now(|tx| Ok(tx.execute(others, [])?));
    shop.gateway.world().deaf = true;
    shop.gateway.world().refunds = vec![refund("re_1", 1_000, "succeeded", None)];
    hear(&shop, "refund.created", "evt_1");
    for _ in 0..3 {
        round(&shop).await;
    }
    assert_eq!(stands(&shop.read()), (Stage::Refunded, 1_000));
}

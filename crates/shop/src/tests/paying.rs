//! Paying: one payment an order, and one try at a time.

use super::Shop;
use crate::db::orders;
use crate::order::{Change, Order, Stage};
use crate::words::{Lang, Words};
use serde_json::{Value, json};

#[tokio::test]
async fn a_card_is_asked_for_once() {
    async fn check(stage: Stage, status: &'static str, form: bool, shown: &str) {
        let shop = Shop::open().await;
        shop.order(stage);
        shop.gateway.world().status = status;
        let mut customer = shop.browser();
        let page = customer.get(&shop.link("/pay")).await;
        assert_eq!(page.has("id=\"card-form\""), form, "{stage:?} {status}");
        let order = customer.get(&shop.link("")).await;
        assert_eq!((order.stage(), order.has("/pay?k=")), (shown, form), "{stage:?} {status}");
    }
    check(Stage::Placed, "requires_payment_method", true, "placed").await;
    check(Stage::Paying, "requires_payment_method", true, "placed").await;
    check(Stage::Paying, "requires_action", true, "confirming").await;
    // The bank has not answered: no second form.
    check(Stage::Paying, "processing", false, "paying").await;
    check(Stage::Paying, "succeeded", false, "paid").await;
}

#[tokio::test]
async fn a_form_that_was_left_open_does_not_pay_twice() {
    let shop = Shop::open().await;
    shop.order(Stage::Paying);
    shop.gateway.world().status = "processing";
    let mut customer = shop.browser();
    let said = customer.post(&shop.link("/pay"), "confirmation_token=ctoken_2").await;
    assert!(said.has("\"state\":\"unknown\""), "{}", said.body);
    assert_eq!(shop.gateway.changes(), Vec::<String>::new());
    shop.gateway.world().status = "succeeded";
    assert!(customer.post(&shop.link("/pay"), "confirmation_token=ctoken_2").await.has("\"state\":\"settled\""));
    assert_eq!((shop.read().stage, shop.gateway.changes()), (Stage::Paid, vec![]));
}

/// Who still holds the order as it was before another try writes no code over that try's.
#[tokio::test]
async fn a_code_belongs_to_its_try() {
    let shop = Shop::open().await;
    shop.order(Stage::Placed);
    let unpaid = Change { intent: None, ..Change::of(&shop.read()) };
    let turns = |change: &Change| {
        let now = shop.read();
        shop.now(|tx| orders::apply(tx, &now, change, "test", 9));
        shop.read()
    };
    let check = |order: &Order, code: &str, noted: bool, expected: &str| {
        assert_eq!(shop.now(|tx| orders::signed(tx, order, code)), noted, "{code}");
        assert_eq!(shop.read().code.as_deref(), Some(expected));
    };
    let first = turns(&unpaid);
    check(&first, "one", true, "one");
    check(&first, "one", true, "one");
    let second = turns(&Change { attempt: first.attempt + 1, ..unpaid.clone() });
    check(&first, "one again", false, "one");
    check(&second, "two", true, "two");
    turns(&Change { intent: Some("pi_2".into()), attempt: second.attempt, ..unpaid });
    check(&second, "two again", false, "two");
}

#[tokio::test]
async fn a_no_is_said_in_the_language_of_the_page() {
    async fn check(lang: Lang, why: &'static str, expected: &str) {
        let shop = Shop::open().await;
        shop.order(Stage::Placed);
        shop.gateway.world().declines = Some(why);
        let mut customer = shop.browser();
        customer.cookies.insert("lang".into(), lang.code().into());
        let said = customer.post(&shop.link("/pay"), "confirmation_token=ctoken_1").await;
        let said: Value = serde_json::from_str(&said.body).unwrap();
        let own = Words(lang).t(expected);
        assert_eq!((&said["state"], &said["message"]), (&json!("declined"), &json!(own)), "{lang:?} {why}");
        assert_eq!(shop.read().stage, Stage::Placed);
    }
    for lang in Lang::ALL.iter().copied() {
        check(lang, "insufficient_funds", "pay-funds").await;
        check(lang, "expired_card", "pay-expired").await;
        check(lang, "incorrect_cvc", "pay-code").await;
        check(lang, "processing_error", "pay-later").await;
        // Whoever found a card does not learn that it is reported.
        for why in ["generic_decline", "lost_card", "stolen_card", "fraudulent", "do_not_honor"] {
            check(lang, why, "pay-declined").await;
        }
        // What was typed wrong the gateway names.
        check(lang, "incorrect_number", "The gateway's words.").await;
    }
}

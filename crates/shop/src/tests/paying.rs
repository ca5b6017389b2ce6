//! Paying: one payment an order, and one try at a time.

use super::Shop;
use crate::order::Stage;

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

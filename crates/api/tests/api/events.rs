//! Events: what happened, in order, with the things as they were.

use crate::world::Shop;
use serde_json::json;

#[track_caller]
fn check(shop: &Shop, expected: &[&str]) {
    shop.number();
    let got = shop.get("/v1/events?limit=100");
    let mut types: Vec<&str> =
        got.body["data"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    types.reverse();
    assert_eq!(types, expected);
}

#[test]
fn of_a_sale_and_its_refund() {
    let shop = Shop::open();
    let intent = shop.paid(1000);
    shop.post("/v1/refunds", &format!("payment_intent={}&amount=400", intent.text("/id")));
    check(
        &shop,
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.updated",
            "refund.created",
            "charge.refunded",
        ],
    );
    let refunded = shop.get("/v1/events?type=charge.refunded");
    assert_eq!(refunded.at("/data/0/data/object/amount_refunded"), &json!(400));
    let one = shop.get(&format!("/v1/events/{}", refunded.text("/data/0/id")));
    assert_eq!(one.body, refunded.body["data"][0]);
    let after = shop.get("/v1/events?after_sequence=0&limit=1");
    assert_eq!((after.text("/data/0/type"), after.at("/has_more")), ("payment_intent.created".into(), &json!(true)));
}

#[test]
fn of_a_decline() {
    let shop = Shop::open();
    shop.post("/v1/payment_intents", "amount=1000&currency=eur&payment_method=pm_card_chargeDeclined&confirm=true");
    check(&shop, &["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]);
}

/// A refused request makes no event; a change says what was before.
#[test]
fn of_a_customer() {
    let shop = Shop::open();
    let id = shop.post("/v1/customers", "name=Ana").text("/id");
    shop.post("/v1/customers", "email=nonsense");
    shop.post(&format!("/v1/customers/{id}"), "name=Bea");
    shop.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={id}"));
    shop.delete(&format!("/v1/customers/{id}"));
    let (attached, deleted) = ("payment_method.attached", "customer.deleted");
    check(&shop, &["customer.created", "customer.updated", attached, deleted, "payment_method.detached"]);
    let updated = shop.get("/v1/events?type=customer.updated");
    assert_eq!(updated.at("/data/0/data/previous_attributes"), &json!({ "name": "Ana" }));
    assert_eq!(updated.at("/data/0/data/object/name"), &json!("Bea"));
}

/// The clock was set back between a payment and its refund: the event tells of the charge all the same.
#[test]
fn a_refund_after_the_clock_went_back() {
    let shop = Shop::open();
    let paid = shop.paid(1_000);
    shop.pass(-3_600_000);
    shop.post("/v1/refunds", &format!("payment_intent={}&amount=400", paid.text("/id")));
    shop.number();
    let told = shop.get("/v1/events?type=charge.refunded");
    let object = told.at("/data/0/data/object");
    assert_eq!((&object["id"], &object["amount_refunded"]), (paid.at("/latest_charge"), &json!(400)));
}

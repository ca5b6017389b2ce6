//! The balance and its transactions: fees, nets, filters, and what they add up to.

use crate::world::{Got, Shop};
use serde_json::{Value, json};

const MOVES: &str = "/v1/balance_transactions";

/// amount, fee, net, type, status of each transaction of a list.
fn lines(got: &Got) -> Vec<String> {
    let line = |m: &Value| {
        let fees: i64 = m["fee_details"].as_array().unwrap().iter().map(|f| f["amount"].as_i64().unwrap()).sum();
        assert_eq!(json!(fees), m["fee"], "details add up to the fee");
        let text = |name| m[name].as_str().unwrap();
        format!("{} {} {} {} {}", m["amount"], m["fee"], m["net"], text("type"), text("status"))
    };
    got.body["data"].as_array().unwrap_or_else(|| panic!("no list: {}", got.body)).iter().map(line).collect()
}

#[test]
fn nothing_yet() {
    let shop = Shop::open();
    let zero = json!([{ "amount": 0, "currency": "eur", "source_types": { "card": 0 } }]);
    let balance = shop.get("/v1/balance");
    assert_eq!((balance.at("/pending"), balance.at("/available")), (&zero, &zero));
    assert_eq!(lines(&shop.get(MOVES)), Vec::<String>::new());
}

#[test]
fn what_was_captured_and_given_back() {
    let shop = Shop::open();
    let first = shop.paid(1000);
    shop.post("/v1/refunds", &format!("payment_intent={}&amount=300", first.text("/id")));
    shop.post("/v1/payment_intents", "amount=500&currency=jpy&payment_method=pm_card_visa&confirm=true");
    // Declined and held money is in no balance.
    shop.post("/v1/payment_intents", "amount=900&currency=eur&payment_method=pm_card_chargeDeclined&confirm=true");
    let held = shop.post(
        "/v1/payment_intents",
        "amount=2000&currency=eur&payment_method=pm_card_visa&confirm=true&capture_method=manual&description=tea",
    );
    let check = |query: &str, expected: &[&str]| {
        assert_eq!(lines(&shop.get(&format!("{MOVES}{query}"))), expected, "{query}");
    };
    check("", &["500 32 468 charge pending", "-300 0 -300 refund pending", "1000 39 961 charge pending"]);
    let later = shop.paid(100);
    shop.post(&format!("/v1/payment_intents/{}/capture", held.text("/id")), "amount_to_capture=1500");
    // A capture is newer than what was taken after its hold.
    check("?limit=2", &["1500 46 1454 charge pending", "100 26 74 charge pending"]);
    check("?type=refund", &["-300 0 -300 refund pending"]);
    check("?currency=jpy", &["500 32 468 charge pending"]);
    check(&format!("?source={}", first.text("/latest_charge")), &["1000 39 961 charge pending"]);
    let newest = shop.get(&format!("{MOVES}?limit=1")).text("/data/0/id");
    check(&format!("?starting_after={newest}&limit=1"), &["100 26 74 charge pending"]);
    let charge = shop.get(&format!("/v1/charges/{}?expand[]=balance_transaction", later.text("/latest_charge")));
    let created = charge.at("/balance_transaction/created").as_i64().unwrap();
    check(&format!("?created[gt]={created}"), &["1500 46 1454 charge pending"]);
    assert_eq!(charge.at("/balance_transaction/available_on"), &json!(created + 172_800));
    let one = shop.get(&format!("{MOVES}/{newest}?expand[]=source"));
    assert_eq!((one.text("/source/object"), one.text("/description")), ("charge".into(), "tea".into()));
    assert_eq!(one.text("/source/balance_transaction"), newest);

    let balance = shop.get("/v1/balance");
    let of =
        |amount: i64, code: &str| json!({ "amount": amount, "currency": code, "source_types": { "card": amount } });
    assert_eq!(balance.at("/pending"), &json!([of(961 - 300 + 74 + 1454, "eur"), of(468, "jpy")]));
    assert_eq!(balance.at("/available"), &json!([of(0, "eur"), of(0, "jpy")]));
}

#[test]
fn bad_questions() {
    let shop = Shop::open();
    let check = |path: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.get(path).error(), expected, "{path}");
    };
    check("/v1/balance?a=1", (400, "parameter_unknown", "a"));
    check("/v1/balance_transactions/txn_none", (404, "resource_missing", "id"));
    check("/v1/balance_transactions?currency=xxx", (400, "", "currency"));
    check("/v1/balance_transactions?limit=0", (400, "parameter_invalid_integer", "limit"));
    check("/v1/balance_transactions?payout=po_1", (400, "resource_missing", "payout"));
    check("/v1/balance_transactions?starting_after=txn_none", (400, "resource_missing", "starting_after"));
}

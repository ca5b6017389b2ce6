//! Settlement as a merchant and an operator see it: pending, a closed day, available; and reports that differ.

use crate::house::{House, wait};
use crate::web::{Api, Client};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// (pending, available) in euros.
fn balance(client: &mut Client) -> (i64, i64) {
    let found = client.get("/v1/balance").ok();
    (found.number("/pending/0/amount"), found.number("/available/0/amount"))
}

fn pay(client: &mut Client, amount: i64) -> String {
    let body = format!(
        "amount={amount}&currency=eur&payment_method=pm_card_visa&confirm=true&expand[]=latest_charge.balance_transaction"
    );
    let paid = client.post("/v1/payment_intents", &body).ok();
    assert_eq!(paid.text("/latest_charge/balance_transaction/status"), "pending");
    paid.text("/latest_charge/balance_transaction/id").to_owned()
}

/// Closes the acquirer's day; its report must have this number.
fn close_day(house: &House, report: u64) {
    let closed = house.florin(&["network", "close-day"]).done();
    assert_eq!(closed["report"], json!(report));
    wait("the report is applied", SOON, || {
        let reports = house.florin(&["settlement", "reports"]).done();
        (reports["data"][0]["report"] == json!(report)).then_some(())
    });
}

fn breaks(house: &House) -> Vec<(Value, Value)> {
    let found = house.florin(&["settlement", "breaks"]).done();
    let data = found["data"].as_array().unwrap().iter();
    data.map(|b| (b["reason"].clone(), b["lines"][0]["amount"].clone())).collect()
}

#[test]
fn pending_until_the_acquirer_settles() {
    // Days end by command alone here.
    let house = House::new("settlement").with("FLORIN_NETWORK_DAY_SECONDS", "0");
    let demo = house.demo();
    let client = &mut Api::new(&demo.ready).connect();
    let first = pay(client, 2_000);
    assert_eq!(balance(client), (1_947, 0));
    close_day(&house, 1);
    assert_eq!(balance(client), (0, 1_947));
    let settled = client.get(&format!("/v1/balance_transactions/{first}")).ok();
    assert_eq!((settled.text("/status"), settled.number("/net")), ("available", 1_947));
    // What was pulled is pulled: nothing comes twice.
    let again = house.florin(&["settlement", "pull"]).done();
    assert_eq!((&again["through"], &again["lines"], &again["settled"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!((balance(client), breaks(&house)), ((0, 1_947), vec![]));

    // Each break has its reason; what agrees is settled all the same.
    house.florin(&["network", "misbehave", "report-wrong-amount"]).done();
    pay(client, 700);
    pay(client, 900);
    close_day(&house, 2);
    house.florin(&["network", "misbehave", "report-unknown-line"]).done();
    pay(client, 800);
    close_day(&house, 3);
    assert_eq!(balance(client), (665, 1_947 + 862 + 764));
    let expected = [(json!("amount_differs"), json!(800)), (json!("unknown_to_us"), json!(800))];
    assert_eq!(breaks(&house), expected);
    let listed = client.get("/v1/florin/settlement_breaks").ok();
    assert_eq!((listed.text("/data/0/reason"), listed.text("/data/1/reason")), ("amount_differs", "unknown_to_us"));
    assert_eq!(client.get("/v1/florin/settlement_reports").ok().number("/data/0/report"), 3);
    let event = wait("balance.available", SOON, || {
        let found = client.get("/v1/events?type=balance.available&limit=1").ok();
        (found.body["data"][0]["data"]["object"]["available"][0]["amount"] == json!(3_573)).then_some(found)
    });
    assert_eq!(event.text("/data/0/data/object/object"), "balance");

    // After a restart of everything, reports and cursor are where they were.
    demo.stop();
    house.verified();
    let demo = house.demo();
    let client = &mut Api::new(&demo.ready).connect();
    pay(client, 100);
    close_day(&house, 4);
    assert_eq!(balance(client), (665, 3_573 + 74));
    demo.stop();
    house.verified();
}

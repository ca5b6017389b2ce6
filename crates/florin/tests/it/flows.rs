//! Capture, cancel and refund on one running system; the issuer's books agree after each step.

use crate::house::{House, Ran, column, id, rrn, standing};
use serde_json::{Value, json};

/// The issuer's books of a payment: (held, captured, refunded).
#[track_caller]
fn books(house: &House, journey: &Value, expected: (i64, i64, i64)) {
    assert_eq!(standing(&house.books(&rrn(journey))), expected);
}

#[track_caller]
fn refused(ran: &Ran, code: &str) {
    assert_eq!((ran.code, ran.refused().0.as_str()), (2, code));
}

/// Status, what may still be captured, what was received.
#[track_caller]
fn told(payment: &Value, status: &str, capturable: i64, received: i64) {
    let seen = (&payment["status"], &payment["amount_capturable"], &payment["amount_received"]);
    assert_eq!(seen, (&json!(status), &json!(capturable), &json!(received)));
}

fn held(house: &House, amount: &str) -> Value {
    let journey = house.florin(&["pay", amount, "eur", "--capture", "manual"]).done();
    told(&journey["story"]["payment"], "requires_capture", 8000, 0);
    books(house, &journey, (8000, 0, 0));
    journey
}

/// (reason, debit, credit, amount) of a payment's ledger entries.
fn ledger(house: &House, payment: &str) -> Vec<(String, String, String, i64)> {
    let story = house.florin(&["trace", payment]).done()["story"].clone();
    let transfers = &story["transfers"];
    let [reason, debit, credit] = ["reason", "debit", "credit"].map(|name| column(transfers, name));
    let amounts = transfers.as_array().unwrap().iter().map(|t| t["amount"].as_i64().unwrap());
    reason.into_iter().zip(debit).zip(credit).zip(amounts).map(|(((r, d), c), a)| (r, d, c, a)).collect()
}

fn entry(reason: &str, debit: &str, credit: &str, amount: i64) -> (String, String, String, i64) {
    (reason.to_owned(), debit.to_owned(), credit.to_owned(), amount)
}

fn captures(house: &House) {
    let whole = held(house, "80");
    told(&house.florin(&["capture", &id(&whole)]).done(), "succeeded", 0, 8000);
    books(house, &whole, (0, 8000, 0));

    let part = held(house, "80");
    let payment = id(&part);
    let capture = |amount: &str| house.florin(&["capture", &payment, "--amount", amount]);
    refused(&capture("80.01"), "amount_too_large");
    refused(&capture("0"), "parameter_invalid_integer");
    refused(&capture("-5"), "parameter_invalid_integer");
    refused(&house.florin(&["refund", &payment]), "payment_intent_unexpected_state");
    books(house, &part, (8000, 0, 0));
    told(&capture("50").done(), "succeeded", 0, 5000);
    // The host releases what was not claimed.
    books(house, &part, (0, 5000, 0));
    refused(&capture("10"), "payment_intent_unexpected_state");
    refused(&house.florin(&["cancel", &payment]), "payment_intent_unexpected_state");
    books(house, &part, (0, 5000, 0));
    let entries = [
        entry("hold", "holds", "held", 8000),
        entry("hold_claimed", "held", "holds", 8000),
        entry("capture", "receivable", "merchant", 5000),
        entry("refundable_up", "refundable_total", "refundable", 5000),
        entry("fee", "merchant", "fee_income", 95),
    ];
    assert_eq!(ledger(house, &payment), entries);
    let kinds: Vec<Value> = house.books(&rrn(&part)).iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds, ["hold", "completion"]);
}

fn cancels(house: &House) {
    let hold = held(house, "80");
    let canceled = house.florin(&["cancel", &id(&hold)]).done();
    told(&canceled, "canceled", 0, 0);
    assert_eq!(canceled["cancellation_reason"], "requested_by_customer");
    books(house, &hold, (0, 0, 0));
    refused(&house.florin(&["cancel", &id(&hold)]), "payment_intent_unexpected_state");
    refused(&house.florin(&["capture", &id(&hold)]), "payment_intent_unexpected_state");
    let entries = [entry("hold", "holds", "held", 8000), entry("hold_claimed", "held", "holds", 8000)];
    assert_eq!(ledger(house, &id(&hold)), entries);

    let declined = house.pay(&["8", "eur", "--card", "decline"]);
    refused(&house.florin(&["refund", &id(&declined)]), "payment_intent_unexpected_state");
    refused(&house.florin(&["capture", &id(&declined)]), "payment_intent_unexpected_state");
    told(&house.florin(&["cancel", &id(&declined)]).done(), "canceled", 0, 0);
    assert_eq!(ledger(house, &id(&declined)), []);

    let paid = house.florin(&["pay", "8", "eur"]).done();
    refused(&house.florin(&["cancel", &id(&paid)]), "payment_intent_unexpected_state");
    books(house, &paid, (0, 800, 0));
}

fn refunds(house: &House) {
    let paid = house.florin(&["pay", "50", "eur", "--card", "mastercard"]).done();
    let payment = id(&paid);
    let refund = |amount: &[&str]| house.florin(&[&["refund", &payment], amount].concat());
    refused(&refund(&["50.01"]), "amount_too_large");
    refused(&refund(&["0"]), "parameter_invalid_integer");
    let first = refund(&["20"]).done();
    assert_eq!(
        (&first["status"], &first["amount"], &first["payment_intent"]),
        (&json!("succeeded"), &json!(2000), &paid["id"])
    );
    books(house, &paid, (0, 5000, 2000));
    assert_eq!(house.florin(&["show", &id(&first)]).done(), first);
    refund(&["0.01"]).done();
    refused(&refund(&["30"]), "amount_too_large");
    let rest = refund(&[]).done();
    assert_eq!(rest["amount"], 2999);
    books(house, &paid, (0, 5000, 5000));
    refused(&refund(&[]), "charge_already_refunded");
    refused(&refund(&["1"]), "charge_already_refunded");
    books(house, &paid, (0, 5000, 5000));
    let entries = [
        entry("capture", "receivable", "merchant", 5000),
        entry("refundable_up", "refundable_total", "refundable", 5000),
        entry("fee", "merchant", "fee_income", 95),
        entry("refund_begun", "refundable", "refundable_total", 2000),
        entry("refund", "merchant", "receivable", 2000),
        entry("refund_begun", "refundable", "refundable_total", 1),
        entry("refund", "merchant", "receivable", 1),
        entry("refund_begun", "refundable", "refundable_total", 2999),
        entry("refund", "merchant", "receivable", 2999),
    ];
    assert_eq!(ledger(house, &payment), entries);
    // Each refund is a message of its own, with its own RRN, and names the sale.
    let refund_rrn = rest["attempts"][0]["rrn"].as_str().unwrap();
    let booked = house.books(refund_rrn);
    let sale = house.books(&rrn(&paid))[0]["id"].clone();
    assert_eq!(booked.len(), 1);
    let seen = ["kind", "amount", "original", "processing_code", "response"].map(|name| booked[0][name].clone());
    assert_eq!(seen, [json!("refund"), json!(2999), sale, json!("200000"), json!("00")]);
}

#[test]
fn captures_cancels_and_refunds() {
    let house = House::new("flows");
    let demo = house.demo();
    captures(&house);
    cancels(&house);
    refunds(&house);
    let listed = house.florin(&["list", "--limit", "3"]).done();
    let newest = column(&listed["data"], "status");
    assert_eq!(newest, ["succeeded", "succeeded", "canceled"]);
    demo.stop();
    house.verified();
}

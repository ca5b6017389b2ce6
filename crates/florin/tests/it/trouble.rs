//! Answers that are lost, late, doubled or altered, and an acquirer that is gone: nothing is held, nothing taken twice.

use crate::house::{House, id, rrn, standing, wait};
use serde_json::{Value, json};
use std::time::Duration;

/// Above two pauses between tries (10 s and 20 s).
const SETTLED_WITHIN: Duration = Duration::from_secs(80);

/// A folder whose vault waits two seconds for an answer.
fn house(name: &str) -> House {
    House::new(name).with("FLORIN_ANSWER_MS", "2000")
}

/// Waits until the outcome is known.
fn settled(house: &House, payment: &str) -> Value {
    wait("the outcome", SETTLED_WITHIN, || {
        let seen = house.florin(&["show", payment]).json();
        (seen["status"] != "processing" && seen["status"] != "pending").then_some(seen)
    })
}

fn held(house: &House) -> Value {
    house.florin(&["pay", "80", "eur", "--capture", "manual"]).done()
}

#[test]
fn a_sale_whose_answer_goes_wrong() {
    let house = house("sale-trouble");
    let demo = house.demo();
    let check = |kind: &str, status: &str, exit: i32| {
        house.misbehave(kind, "0200");
        let ran = house.florin(&["pay", "19.99", "eur"]);
        let paid = ran.json();
        assert_eq!((paid["story"]["payment"]["status"].as_str().unwrap(), ran.code), (status, exit), "{kind}");
        let taken = if exit == 0 { 1999 } else { 0 };
        let entries = house.books(&rrn(&paid));
        assert_eq!(standing(&entries), (0, taken, 0), "{kind}");
        let sales = entries.iter().filter(|e| e["kind"] == "sale").count();
        assert!(sales <= 1, "{kind}: {sales} sales");
        assert_eq!(paid["story"]["payment"]["amount_received"], taken, "{kind}");
    };
    check("doubled", "succeeded", 0);
    check(r#"{"what":"reorder","ms":100}"#, "succeeded", 0);
    check(r#"{"what":"slow","ms_per_byte":1}"#, "succeeded", 0);
    for kind in [
        "lost",
        "drop",
        "altered-amount",
        "altered-rrn",
        "altered-stan",
        "garbage",
        "unknown-mti",
        "close",
        "partial-frame",
    ] {
        check(kind, "requires_payment_method", 3);
    }
    check(r#"{"what":"late","ms":2500}"#, "requires_payment_method", 3);
    // All is as before.
    let paid = house.florin(&["pay", "19.99", "eur"]).done();
    assert_eq!(standing(&house.books(&rrn(&paid))), (0, 1999, 0));
    demo.stop();
    house.verified();
}

#[test]
fn cards_whose_answer_is_lost() {
    let house = house("timeout-cards");
    let demo = house.demo();
    for card in ["timeout", "timeout-declined", "mastercard-timeout", "late"] {
        let ran = house.florin(&["pay", "19.99", "eur", "--card", card]);
        let payment = &ran.json()["story"]["payment"];
        let seen = (payment["status"].as_str().unwrap(), payment["last_payment_error"]["code"].as_str(), ran.code);
        assert_eq!(seen, ("requires_payment_method", Some("processing_error"), 3), "{card}");
        assert_eq!(payment["attempts"][0]["state"], "reversed", "{card}");
        let entries = house.books(&rrn(&ran.json()));
        assert_eq!(standing(&entries), (0, 0, 0), "{card}");
        assert_eq!(entries.last().unwrap()["kind"], "reversal", "{card}");
        let hold = house.florin(&["pay", "80", "eur", "--card", card, "--capture", "manual"]);
        assert_eq!((hold.code, standing(&house.books(&rrn(&hold.json())))), (3, (0, 0, 0)), "{card}");
    }
    demo.stop();
    house.verified();
}

/// The faults in which an advice or a reversal must be repeated until its answer is read.
const WRONG_ANSWERS: [&str; 8] =
    ["lost", "drop", "doubled", "altered-amount", "altered-stan", "garbage", "unknown-mti", "close"];

/// Every fault falls on one of as many messages of type `mti`; `act` asks for them one after the other, and after all is settled
/// each payment has `status` and each book says `expected`.
fn each_repeated_until_answered(name: &str, mti: &str, act: &str, status: &str, expected: (i64, i64, i64)) {
    let house = house(name);
    let demo = house.demo();
    let payments: Vec<Value> = WRONG_ANSWERS.iter().map(|_| held(&house)).collect();
    for (payment, kind) in payments.iter().zip(WRONG_ANSWERS) {
        house.misbehave(kind, mti);
        let asked = house.florin(&[act, &id(payment)]);
        let seen = (asked.code, asked.json()["status"].as_str().unwrap().to_owned());
        assert!([(0, status.to_owned()), (4, "processing".to_owned())].contains(&seen), "{kind}: {seen:?}");
    }
    for (payment, kind) in payments.iter().zip(WRONG_ANSWERS) {
        assert_eq!(settled(&house, &id(payment))["status"], status, "{kind}");
        let entries = house.books(&rrn(payment));
        assert_eq!(standing(&entries), expected, "{kind}");
        assert_eq!(entries.len(), 2, "{kind}: {entries:?}");
    }
    demo.stop();
    house.verified();
}

#[test]
fn a_capture_is_repeated_until_it_is_answered() {
    each_repeated_until_answered("capture-trouble", "0220", "capture", "succeeded", (0, 8000, 0));
}

#[test]
fn a_void_is_repeated_until_it_is_answered() {
    each_repeated_until_answered("void-trouble", "0400", "cancel", "canceled", (0, 0, 0));
}

#[test]
fn a_refund_whose_answer_goes_wrong_is_taken_back() {
    let house = house("refund-trouble");
    let demo = house.demo();
    let paid = house.florin(&["pay", "50", "eur"]).done();
    for kind in ["lost", "altered-amount", "close"] {
        house.misbehave(kind, "0200");
        let asked = house.florin(&["refund", &id(&paid), "10"]).json();
        let refund = settled(&house, &id(&asked));
        assert_eq!(refund["status"], "failed", "{kind}");
        assert_eq!(standing(&house.books(&rrn(&paid))), (0, 5000, 0), "{kind}");
    }
    let refund = house.florin(&["refund", &id(&paid)]).done();
    assert_eq!((&refund["status"], &refund["amount"]), (&json!("succeeded"), &json!(5000)));
    assert_eq!(standing(&house.books(&rrn(&paid))), (0, 5000, 5000));
    demo.stop();
    house.verified();
}

/// A lost answer and then no way to reverse: the payment is `processing`, never failed and never paid, until the host is back.
#[test]
fn an_acquirer_that_is_down() {
    let house = house("down");
    let demo = house.demo();
    let hold = held(&house);
    house.florin(&["network", "misbehave", r#"{"what":"down","ms":4000}"#]).done();
    let refused = house.florin(&["pay", "19.99", "eur"]);
    let payment = &refused.json()["story"]["payment"];
    assert_eq!((refused.code, &payment["attempts"][0]["state"]), (3, &json!("not_sent")));
    assert_eq!(payment["last_payment_error"]["code"], "processing_error");
    let asked = house.florin(&["cancel", &id(&hold)]);
    assert!([0, 4].contains(&asked.code), "{}", asked.err);
    assert_eq!(settled(&house, &id(&hold))["status"], "canceled");
    assert_eq!(standing(&house.books(&rrn(&hold))), (0, 0, 0));
    // Nothing reached the issuer of what was not sent.
    assert_eq!(house.books(&rrn(&refused.json())), Vec::<Value>::new());
    let again = wait("the link", SETTLED_WITHIN, || {
        let ran = house.florin(&["pay", "19.99", "eur"]);
        (ran.code == 0).then(|| ran.json())
    });
    assert_eq!(standing(&house.books(&rrn(&again))), (0, 1999, 0));
    demo.stop();
    house.verified();
}

#[test]
fn a_link_that_is_half_open() {
    let house = house("half-open");
    let demo = house.demo();
    house.misbehave("half-open", "0200");
    let asked = house.florin(&["pay", "19.99", "eur"]).json();
    let payment = settled(&house, &id(&asked));
    assert_eq!(payment["status"], "requires_payment_method");
    assert_eq!(standing(&house.books(&rrn(&asked))), (0, 0, 0));
    let again = wait("the link", SETTLED_WITHIN, || {
        let ran = house.florin(&["pay", "19.99", "eur"]);
        (ran.code == 0).then(|| ran.json())
    });
    assert_eq!(standing(&house.books(&rrn(&again))), (0, 1999, 0));
    demo.stop();
    house.verified();
}

/// An approval that comes after its reversal makes no success.
#[test]
fn a_late_approval_is_undone() {
    let house = house("late");
    let demo = house.demo();
    house.misbehave(r#"{"what":"late","ms":3000}"#, "0200");
    let ran = house.florin(&["pay", "19.99", "eur"]);
    assert_eq!(ran.code, 3);
    let payment = id(&ran.json());
    let journey = wait("the late answer", SETTLED_WITHIN, || {
        let seen = house.florin(&["trace", &payment]).done();
        let late = seen["hops"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|h| h["by"] == "vault" && h["title"].as_str().unwrap().starts_with("0210"));
        (late.count() == 1).then_some(seen)
    });
    let settled = settled(&house, &payment);
    assert_eq!(settled["status"], "requires_payment_method");
    assert_eq!(standing(&house.books(&rrn(&journey))), (0, 0, 0));
    assert!(
        !house.florin(&["trace", &payment]).done()["story"]["transfers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|t| t["credit"] == "merchant")
    );
    demo.stop();
    house.verified();
}

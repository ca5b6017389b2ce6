//! One idempotency key, one payment: repeated calls get the first one's answer and move no money.

use crate::house::{Door, House, id, rrn, standing};
use serde_json::{Value, json};

#[test]
fn a_repeated_pay_charges_once() {
    let house = House::new("idem");
    let pay = |more: &[&str]| house.florin(&[&["pay"], more, &["--idempotency-key", "order-7"]].concat());
    let first = pay(&["19.99", "eur"]).done();
    // Each call is a system of its own: the key is in the database, not in a process.
    let second = pay(&["19.99", "eur"]).done();
    assert_eq!(id(&second), id(&first));
    assert_eq!(second["story"]["payment"], first["story"]["payment"]);
    let refused = pay(&["20.00", "eur"]);
    assert_eq!((refused.code, refused.refused().0.as_str()), (2, "idempotency_key_reused"));
    let refused = pay(&["19.99", "usd"]);
    assert_eq!((refused.code, refused.refused().0.as_str()), (2, "idempotency_key_reused"));
    let refused = pay(&["19.99", "eur", "--card", "mastercard"]);
    assert_eq!((refused.code, refused.refused().0.as_str()), (2, "idempotency_key_reused"));
    let demo = house.demo();
    let entries = house.books(&rrn(&first));
    assert_eq!((entries.len(), standing(&entries)), (1, (0, 1999, 0)));
    let payments = house.florin(&["list"]).done()["data"].as_array().unwrap().len();
    assert_eq!(payments, 1);
    let summary = house.florin(&["network", "summary"]).done();
    assert_eq!(summary["standing"]["eur"], json!({ "held": 0, "captured": 1999, "refunded": 0, "reversed": 0 }));
    demo.stop();
    house.verified();
}

#[test]
fn a_declined_pay_stays_declined() {
    let house = House::new("idem-no");
    let demo = house.demo();
    let pay = || house.florin(&["pay", "5", "eur", "--card", "decline", "--idempotency-key", "k"]);
    let (first, second) = (pay(), pay());
    assert_eq!((first.code, second.code), (3, 3));
    assert_eq!(first.json()["story"]["payment"], second.json()["story"]["payment"]);
    assert_eq!(house.books(&rrn(&first.json())).len(), 1);
    demo.stop();
}

#[test]
fn keys_at_the_door() {
    let house = House::new("idem-door");
    let demo = house.demo();
    let mut door = Door::open(demo.ready["gateway"].as_str().unwrap()).unwrap();
    let paid = house.florin(&["pay", "30", "eur"]).done();
    let payment = id(&paid);
    let mut refund = |amount: &str, key: &str| -> Value {
        door.ask(&json!({ "op": "refund", "id": payment, "amount": amount, "key": key })).unwrap()
    };
    let first = refund("5", "r1");
    assert_eq!(first["ok"]["status"], "succeeded");
    assert_eq!(refund("5", "r1"), first);
    assert_eq!(refund("6", "r1")["error"]["code"], "idempotency_key_reused");
    assert_eq!(refund("5", "r2")["ok"]["status"], "succeeded");
    assert_eq!(refund("5", "")["error"]["code"], "idempotency_key_invalid");
    assert_eq!(refund("5", &"k".repeat(256))["error"]["code"], "idempotency_key_invalid");
    assert_eq!(standing(&house.books(&rrn(&paid))), (0, 3000, 1000));
    demo.stop();
    house.verified();
}

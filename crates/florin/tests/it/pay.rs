//! `florin pay`: every outcome by card, the journey as its parts told it, and the issuer's books beside it.

use crate::house::{House, column, id, rrn, standing};
use serde_json::{Value, json};

const APPROVED: (&str, Option<&str>, i32) = ("succeeded", None, 0);
const REFUSED: &str = "requires_payment_method";

/// (status, decline code, exit code), DE 39 in the issuer's books, the kinds of its entries, who took part between acquirer and issuer.
struct Expected {
    told: (&'static str, Option<&'static str>, i32),
    response: &'static str,
    kinds: &'static [&'static str],
    network: &'static str,
}

fn check(house: &House, card: &str, expected: &Expected) {
    let ran = house.florin(&["pay", "19.99", "usd", "--card", card]);
    let journey = ran.json();
    let payment = &journey["story"]["payment"];
    let decline = payment["last_payment_error"]["decline_code"].as_str();
    assert_eq!((payment["status"].as_str().unwrap(), decline, ran.code), expected.told, "{card}: {payment}");
    let entries = house.books(&rrn(&journey));
    let kinds: Vec<&str> = entries.iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, expected.kinds, "{card}");
    let first = &entries[0];
    assert_eq!(
        (&first["response"], &first["network"]),
        (&json!(expected.response), &json!(expected.network)),
        "{card}"
    );
    assert_eq!((&first["asked"], &first["currency"]), (&json!(1999), &json!("usd")), "{card}");
    let taken = if expected.told == APPROVED { 1999 } else { 0 };
    assert_eq!(standing(&entries), (0, taken, 0), "{card}");
    assert_eq!(payment["amount_received"], taken, "{card}");
    let moved: i64 = journey["story"]["transfers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["credit"] == "merchant")
        .map(|t| t["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(moved, taken, "{card}");
    assert_eq!(journey["missing"], json!([]), "{card}");
}

#[test]
fn outcomes_by_card() {
    let house = House::new("cards");
    let demo = house.demo();
    let approves = |network| Expected { told: APPROVED, response: "00", kinds: &["sale"], network };
    for (card, network) in [
        ("visa", "visa"),
        ("mastercard", "mastercard"),
        ("amex", "amex"),
        ("discover", "discover"),
        ("jcb", "jcb"),
        ("diners", "diners"),
        ("unionpay", "unionpay"),
        ("cvc-fails", "visa"),
        ("postal-code-fails", "visa"),
        ("issuer-down", "visa"),
    ] {
        check(&house, card, &approves(network));
    }
    let declines = |card: &str, code, response, network| {
        check(&house, card, &Expected { told: (REFUSED, Some(code), 3), response, kinds: &["decline"], network });
    };
    declines("decline", "generic_decline", "5C", "visa");
    declines("insufficient-funds", "insufficient_funds", "51", "visa");
    declines("expired-card", "expired_card", "54", "visa");
    declines("incorrect-cvc", "incorrect_cvc", "N7", "visa");
    declines("lost-card", "lost_card", "41", "visa");
    declines("do-not-honor", "do_not_honor", "05", "visa");
    declines("processing-error", "processing_error", "06", "visa");
    declines("soft-decline", "authentication_required", "1A", "visa");
    declines("mastercard-soft-decline", "authentication_required", "65", "mastercard");
    declines("advice-03", "do_not_honor", "05", "mastercard");
    let undone = |card: &str, code, response, kinds| {
        check(&house, card, &Expected { told: (REFUSED, Some(code), 3), response, kinds, network: "visa" });
    };
    undone("partial", "insufficient_funds", "10", &["sale", "reversal"]);
    // The issuer may have approved before something broke: it is reversed before the merchant hears of it.
    undone("system-malfunction", "processing_error", "96", &["decline", "reversal"]);
    demo.stop();
    house.verified();
}

/// Who told of which message, from whom to whom.
fn hops(journey: &Value) -> Vec<String> {
    let text = |hop: &Value, name: &str| hop[name].as_str().unwrap().to_owned();
    let told = |hop: &Value| {
        let [by, from, to, title] = ["by", "from", "to", "title"].map(|name| text(hop, name));
        format!("{by}: {from} > {to} {}", &title[..4])
    };
    journey["hops"].as_array().unwrap().iter().map(told).collect()
}

fn element(hop: &Value, de: u8) -> Option<&str> {
    let fields = hop["fields"].as_array().unwrap();
    fields.iter().find(|f| f["de"] == de).and_then(|f| f["value"].as_str())
}

#[test]
fn the_journey_and_its_trace() {
    let house = House::new("journey");
    let paid = house.florin(&["pay", "19.99", "eur", "--card", "visa"]).done();
    assert_eq!(
        hops(&paid),
        [
            "vault: vault > acquirer 0200",
            "acquirer: vault > acquirer 0200",
            "acquirer: acquirer > visa 0200",
            "visa: visa > issuer 0200",
            "issuer: issuer > visa 0210",
            "visa: visa > acquirer 0210",
            "acquirer: acquirer > vault 0210",
            "vault: acquirer > vault 0210",
        ]
    );
    for hop in paid["hops"].as_array().unwrap() {
        let request = hop["title"].as_str().unwrap().starts_with("0200");
        let hidden = [(2, "424242…4242"), (14, "hidden"), (126, "10=hidden")];
        for (de, value) in hidden {
            assert_eq!(element(hop, de), request.then_some(value), "DE {de} of {}", hop["title"]);
        }
        assert_eq!((element(hop, 4), element(hop, 49)), (Some("000000001999"), Some("978")));
        assert_eq!(element(hop, 37), hop["rrn"].as_str());
    }
    let payment = &paid["story"]["payment"];
    assert_eq!(*payment, whole(payment));
    let entry = |reason: &str, debit: &str, credit: &str, amount: i64, shown: &str| json!({ "reason": reason, "debit": debit, "credit": credit, "amount": amount, "currency": "eur", "shown": shown, "version": 3 });
    let entries = [
        entry("capture", "receivable", "merchant", 1999, "19.99 EUR"),
        entry("refundable_up", "refundable_total", "refundable", 1999, "19.99 EUR"),
        entry("fee", "merchant", "fee_income", 53, "0.53 EUR"),
    ];
    assert_eq!(paid["story"]["transfers"], json!(entries));
    let says = column(&paid["story"]["steps"], "says");
    let statuses = ["requires_payment_method", "processing", "succeeded"];
    assert_eq!(says.len(), statuses.len());
    for (says, status) in says.iter().zip(statuses) {
        assert!(says.starts_with(&format!("payment is {status}")), "{says}");
    }

    // Everything was stopped in the meantime: the journey comes from what is stored.
    let again = house.florin(&["trace", &id(&paid)]).done();
    assert_eq!(again["hops"], paid["hops"]);
    for part in ["payment", "refunds", "steps", "transfers", "rrns"] {
        assert_eq!(again["story"][part], paid["story"][part], "{part}");
    }
    let events = [
        "payment_intent.created",
        "payment_intent.processing",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ];
    let mut told = column(&again["story"]["events"], "type");
    told.sort();
    let mut expected = events.map(str::to_owned);
    expected.sort();
    assert_eq!(told, expected);
    house.verified();
}

/// The whole payment as it should be; what differs from run to run is taken over and its form checked.
fn whole(seen: &Value) -> Value {
    let attempt = &seen["attempts"][0];
    let form = |value: &Value, prefix: &str, length: usize| {
        let text = value.as_str().unwrap();
        assert!(text.starts_with(prefix) && text.len() == length, "{text} is not {prefix}… of {length} characters");
        value.clone()
    };
    assert!(seen["created"].as_i64().unwrap() > 1_700_000_000);
    json!({
        "id": form(&seen["id"], "pi_", 25), "object": "payment_intent", "amount": 1999, "amount_capturable": 0,
        "amount_received": 1999, "currency": "eur", "status": "succeeded", "capture_method": "automatic",
        "created": seen["created"], "livemode": false, "latest_charge": form(&seen["latest_charge"], "ch_", 25),
        "card": { "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "network": "visa" },
        "canceled_at": null, "cancellation_reason": null, "last_payment_error": null,
        "attempts": [{
            "operation": "sale", "amount": 1999, "rrn": form(&attempt["rrn"], "", 12), "stan": form(&attempt["stan"], "", 6),
            "terminal": form(&attempt["terminal"], "FL", 8), "de7": form(&attempt["de7"], "", 10), "state": "approved",
            "approval_code": form(&attempt["approval_code"], "", 6),
            "network_transaction_id": form(&attempt["network_transaction_id"], "", 15),
            "checks": { "address_line1_check": "unavailable", "address_postal_code_check": "unavailable", "cvc_check": "pass" },
        }],
    })
}

#[test]
fn numbers_as_people_write_them() {
    let house = House::new("numbers");
    let demo = house.demo();
    let check = |number: &str, input: &str, more: &[&str], brand: &str, last4: &str| {
        let data = house.data();
        let args = ["--json", "--data", data.to_str().unwrap(), "pay", "7.50", "gbp", "--number", number];
        let payment = house.run(&[&args, more].concat(), input).done()["story"]["payment"].clone();
        let card = (payment["card"]["brand"].as_str().unwrap(), payment["card"]["last4"].as_str().unwrap());
        assert_eq!((card, &payment["status"]), ((brand, last4), &json!("succeeded")));
        payment["attempts"][0]["checks"]["cvc_check"].as_str().unwrap().to_owned()
    };
    assert_eq!(check("4242424242424242", "", &[], "visa", "4242"), "unavailable");
    assert_eq!(check("5555 5555 5555 4444", "", &["--exp", "01/40", "--cvc", "123"], "mastercard", "4444"), "pass");
    assert_eq!(check("3782-822463-10005", "", &["--cvc", "1234"], "amex", "0005"), "pass");
    assert_eq!(check("-", "4242 4242 4242 4242\n", &["--exp", "12/2040"], "visa", "4242"), "unavailable");
    assert_eq!(check("-", "6200000000000005", &[], "unionpay", "0005"), "unavailable");
    demo.stop();
}

/// (amount as typed, currency, API minor units, DE 4, DE 49, minor units in the issuer's books).
#[test]
fn amounts_on_the_wire() {
    let house = House::new("amounts");
    let demo = house.demo();
    for (typed, currency, minor, de4, de49, booked) in [
        ("19.99", "usd", 1999, "000000001999", "840", 1999),
        ("0.01", "eur", 1, "000000000001", "978", 1),
        ("5", "eur", 500, "000000000500", "978", 500),
        ("500", "jpy", 500, "000000000500", "392", 500),
        ("1.550", "kwd", 1550, "000000001550", "414", 1550),
        ("12.00", "isk", 1200, "000000000012", "352", 12),
        ("7", "ugx", 700, "000000000007", "800", 7),
        ("9", "mga", 9, "000000000900", "969", 900),
        ("999999.99", "gbp", 99_999_999, "000099999999", "826", 99_999_999),
    ] {
        let journey = house.pay(&[typed, currency]);
        let payment = &journey["story"]["payment"];
        let received = (&payment["status"], &payment["amount_received"]);
        assert_eq!(received, (&json!("succeeded"), &json!(minor)), "{typed} {currency}");
        for hop in journey["hops"].as_array().unwrap() {
            assert_eq!((element(hop, 4), element(hop, 49)), (Some(de4), Some(de49)), "{typed} {currency}");
        }
        assert_eq!(standing(&house.books(&rrn(&journey))), (0, booked, 0), "{typed} {currency}");
    }
    demo.stop();
    house.verified();
}

//! Intents, charges and refunds: from creation to the last refund.

use crate::world::{Request, Shop};
use florin_core::commit::JobKind;
use serde_json::{Value, json};

const INTENTS: &str = "/v1/payment_intents";

#[test]
fn a_sale() {
    let shop = Shop::open();
    let got = shop.post(
        INTENTS,
        "amount=1999&currency=EUR&payment_method=pm_card_visa&confirm=true&description=tea&metadata[order]=6735\
         &receipt_email=ana%40example.com&statement_descriptor=FLORIN&shipping[name]=Ana&shipping[address][city]=Delft&expand[]=latest_charge.balance_transaction",
    );
    assert_eq!(got.status, 200);
    for (path, expected) in [
        ("/status", json!("succeeded")),
        ("/amount", json!(1999)),
        ("/amount_received", json!(1999)),
        ("/currency", json!("eur")),
        ("/capture_method", json!("automatic_async")),
        ("/metadata/order", json!("6735")),
        ("/latest_charge/paid", json!(true)),
        ("/latest_charge/captured", json!(true)),
        ("/latest_charge/outcome/type", json!("authorized")),
        ("/latest_charge/payment_method_details/card/last4", json!("4242")),
        ("/latest_charge/metadata/order", json!("6735")),
        ("/latest_charge/balance_transaction/net", json!(1946)),
        ("/latest_charge/balance_transaction/type", json!("charge")),
    ] {
        assert_eq!(got.at(path), &expected, "{path}");
    }
    assert_eq!(shop.orders(), 1);
    let read = shop.get(&format!("{INTENTS}/{}", got.text("/id")));
    assert_eq!(read.text("/latest_charge"), got.text("/latest_charge/id"));
    assert_eq!(read.text("/shipping/address/city"), "Delft");
}

/// What is wrong with the parameters of a new intent.
#[test]
fn bad_parameters() {
    let shop = Shop::open();
    let check = |body: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.post(INTENTS, body).error(), expected, "{body}");
    };
    check("currency=eur", (400, "parameter_missing", "amount"));
    check("amount=100", (400, "parameter_missing", "currency"));
    check("amount=abc&currency=eur", (400, "parameter_invalid_integer", "amount"));
    check("amount=10.5&currency=eur", (400, "parameter_invalid_integer", "amount"));
    check("amount=0&currency=eur", (400, "parameter_invalid_integer", "amount"));
    check("amount=-1&currency=eur", (400, "parameter_invalid_integer", "amount"));
    check("amount=49&currency=usd", (400, "amount_too_small", "amount"));
    check("amount=100000000&currency=usd", (400, "amount_too_large", "amount"));
    check("amount=1234&currency=kwd", (400, "parameter_invalid_integer", "amount"));
    check("amount=100&currency=xxx", (400, "", "currency"));
    check("amount=100&currency=eur&amont=1", (400, "parameter_unknown", "amont"));
    check("amount=100&currency=eur&shipping[nam]=1", (400, "parameter_missing", "shipping[address]"));
    check("amount=100&currency=eur&capture_method=later", (400, "", "capture_method"));
    check("amount=100&currency=eur&confirm=maybe", (400, "", "confirm"));
    check("amount=100&currency=eur&confirm=true", (400, "payment_intent_unexpected_state", ""));
    check("amount=100&currency=eur&customer=cus_nobody", (400, "resource_missing", "customer"));
    check("amount=100&currency=eur&payment_method=pm_nothing", (400, "resource_missing", "payment_method"));
    check("amount=100&currency=eur&payment_method=pm_card_none", (400, "resource_missing", "payment_method"));
    check("amount=100&currency=eur&payment_method_types[]=card", (400, "parameter_unknown", "payment_method_types"));
    check("amount=100&currency=eur&expand[]=nothing", (400, "", "expand"));
    check("amount=100&currency=eur&expand[]=a.b.c.d.e", (400, "parameter_invalid", "expand"));
    check(
        "amount=100&currency=eur&payment_method_data[type]=card",
        (400, "parameter_missing", "payment_method_data[card]"),
    );
    assert_eq!(shop.orders(), 0);
}

#[test]
fn declines() {
    let shop = Shop::open();
    let check = |card: &str, code: &str, decline: &str| {
        let body = format!("amount=1000&currency=eur&payment_method={card}&confirm=true");
        let got = shop.post(INTENTS, &body);
        let intent = got.text("/error/payment_intent/id");
        let told = (got.status, got.text("/error/type"), got.text("/error/code"), got.text("/error/decline_code"));
        assert_eq!(told, (402, "card_error".into(), code.into(), decline.into()));
        assert_eq!(got.text("/error/payment_intent/status"), "requires_payment_method");
        assert_eq!(got.at("/error/payment_intent/payment_method"), &Value::Null);
        assert_eq!(got.at("/error/payment_intent/last_payment_error/code"), &json!(code));
        let charge = shop.get(&format!("/v1/charges/{}", got.text("/error/charge")));
        assert_eq!((charge.at("/paid"), charge.text("/failure_code")), (&json!(false), code.into()));
        assert_eq!((charge.text("/status"), charge.text("/outcome/type")), ("failed".into(), "issuer_declined".into()));
        // Another card pays.
        let paid = shop.post(&format!("{INTENTS}/{intent}/confirm"), "payment_method=pm_card_visa");
        assert_eq!((paid.status, paid.text("/status")), (200, "succeeded".into()));
    };
    check("pm_card_chargeDeclined", "card_declined", "generic_decline");
    check("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds");
    check("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card");
    check("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc");
    // Newest first: per intent one that failed and one that paid.
    let charges = shop.get("/v1/charges?limit=3");
    let paid: Vec<bool> =
        charges.body["data"].as_array().unwrap().iter().map(|c| c["paid"].as_bool().unwrap()).collect();
    assert_eq!((paid, charges.at("/has_more")), (vec![true, false, true], &json!(true)));
}

#[test]
fn an_unknown_outcome_is_neither_success_nor_failure() {
    let shop = Shop::open();
    let got = shop.post(INTENTS, "amount=1000&currency=eur&payment_method=pm_card_noAnswer&confirm=true");
    assert_eq!((got.status, got.text("/status")), (200, "processing".into()));
    let id = got.text("/id");
    for (operation, body) in [("confirm", ""), ("capture", ""), ("cancel", "")] {
        let refused = shop.post(&format!("{INTENTS}/{id}/{operation}"), body);
        assert_eq!(refused.error().1, "payment_intent_unexpected_state", "{operation}");
    }
}

#[test]
fn holds() {
    let shop = Shop::open();
    let hold = || {
        let body = "amount=1000&currency=eur&capture_method=manual&payment_method=pm_card_visa&confirm=true";
        let got = shop.post(INTENTS, body);
        assert_eq!((got.text("/status"), got.at("/amount_capturable")), ("requires_capture".into(), &json!(1000)));
        got.text("/id")
    };
    let check = |id: &str, path: &str, body: &str, expected: Result<(&str, i64), (u16, &str, &str)>| {
        let got = shop.post(&format!("{INTENTS}/{id}/{path}"), body);
        match expected {
            Ok((status, received)) => {
                assert_eq!((got.text("/status"), got.at("/amount_received")), (status.into(), &json!(received)));
            }
            Err(error) => assert_eq!(got.error(), error, "{body}"),
        }
    };
    let id = hold();
    let charge = shop.get(&format!("{INTENTS}/{id}?expand[]=latest_charge"));
    assert_eq!((charge.at("/latest_charge/paid"), charge.at("/latest_charge/captured")), (&json!(true), &json!(false)));
    assert_eq!(charge.at("/latest_charge/balance_transaction"), &Value::Null);
    check(&id, "capture", "amount_to_capture=0", Err((400, "parameter_invalid_integer", "amount_to_capture")));
    check(&id, "capture", "amount_to_capture=1001", Err((400, "amount_too_large", "amount_to_capture")));
    check(&id, "capture", "amount_to_capture=600", Ok(("succeeded", 600)));
    check(&id, "capture", "", Err((400, "payment_intent_unexpected_state", "")));
    check(&id, "cancel", "", Err((400, "payment_intent_unexpected_state", "")));
    let id = hold();
    check(&id, "cancel", "cancellation_reason=nonsense", Err((400, "", "cancellation_reason")));
    check(&id, "cancel", "cancellation_reason=duplicate", Ok(("canceled", 0)));
    assert_eq!(shop.get(&format!("{INTENTS}/{id}")).text("/cancellation_reason"), "duplicate");
    check(&id, "confirm", "", Err((400, "payment_intent_unexpected_state", "")));
}

#[test]
fn a_refund_that_failed_gave_nothing_back() {
    let shop = Shop::open();
    let pay = "amount=1000&currency=eur&payment_method=pm_card_refundFail&confirm=true";
    let intent = shop.post(INTENTS, pay);
    for amount in ["amount=300", "", "amount=1000"] {
        let refund = shop.post("/v1/refunds", &format!("payment_intent={}&{amount}", intent.text("/id")));
        assert_eq!(refund.text("/status"), "failed", "{}", refund.body);
        let charge = shop.get(&format!("/v1/charges/{}", intent.text("/latest_charge")));
        assert_eq!((charge.at("/amount_refunded"), charge.at("/refunded")), (&json!(0), &json!(false)));
    }
}

#[test]
fn refunds() {
    let shop = Shop::open();
    let intent = shop.paid(1000);
    let (id, charge) = (intent.text("/id"), intent.text("/latest_charge"));
    let check = |body: &str, expected: Result<i64, (u16, &str, &str)>| {
        let got = shop.post("/v1/refunds", body);
        match expected {
            Ok(amount) => assert_eq!((got.at("/amount"), got.text("/status")), (&json!(amount), "succeeded".into())),
            Err(error) => assert_eq!(got.error(), error, "{body}"),
        }
    };
    check("", Err((400, "parameter_missing", "payment_intent")));
    check("payment_intent=pi_none", Err((400, "resource_missing", "payment_intent")));
    check(&format!("payment_intent={id}&amount=1001"), Err((400, "amount_too_large", "amount")));
    check(&format!("payment_intent={id}&amount=0"), Err((400, "parameter_invalid_integer", "amount")));
    check(&format!("payment_intent={id}&amount=300&reason=duplicate&metadata[a]=b"), Ok(300));
    let part = shop.get(&format!("/v1/charges/{charge}?expand[]=refunds"));
    assert_eq!((part.at("/amount_refunded"), part.at("/refunded")), (&json!(300), &json!(false)));
    assert_eq!(part.at("/refunds/data/0/metadata/a"), &json!("b"));
    check(&format!("charge={charge}"), Ok(700));
    check(&format!("charge={charge}"), Err((400, "charge_already_refunded", "")));
    assert_eq!(shop.get(&format!("/v1/charges/{charge}")).at("/refunded"), &json!(true));
    assert_eq!(shop.get(&format!("{INTENTS}/{id}")).text("/status"), "succeeded");
    let list = shop.get(&format!("/v1/refunds?payment_intent={id}"));
    assert_eq!(list.body["data"].as_array().unwrap().len(), 2);
    let unpaid = shop.post(INTENTS, "amount=1000&currency=eur").text("/id");
    check(&format!("payment_intent={unpaid}"), Err((400, "charge_not_refundable", "")));
    // All of it left the balance again, movement by movement; the fee (1.4 % and 25) is not given back.
    let moves = shop.get("/v1/balance_transactions");
    let nets: i64 = moves.body["data"].as_array().unwrap().iter().map(|m| m["net"].as_i64().unwrap()).sum();
    assert_eq!((nets, shop.get("/v1/balance").at("/pending/0/amount")), (-39, &json!(-39)));
}

#[test]
fn updates() {
    let shop = Shop::open();
    let id = shop.post(INTENTS, "amount=1000&currency=eur&metadata[a]=1&metadata[b]=2").text("/id");
    let path = format!("{INTENTS}/{id}");
    let got = shop.post(&path, "amount=2000&metadata[a]=&metadata[c]=3&description=words");
    assert_eq!((got.at("/amount"), got.at("/metadata")), (&json!(2000), &json!({ "b": "2", "c": "3" })));
    assert_eq!(shop.post(&path, "description=").at("/description"), &Value::Null);
    assert_eq!(shop.post(&path, "amount=1").error(), (400, "amount_too_small", "amount"));
    let got = shop.post(&path, "payment_method=pm_card_visa");
    assert_eq!(got.text("/status"), "requires_confirmation");
    assert_eq!(shop.post(&format!("{path}/confirm"), "").text("/status"), "succeeded");
    // Words at any time, money no more.
    assert_eq!(shop.post(&path, "metadata[late]=yes").at("/metadata/late"), &json!("yes"));
    assert_eq!(shop.post(&path, "amount=3000").error().1, "payment_intent_unexpected_state");
    let charge = shop.get(&path).text("/latest_charge");
    assert_eq!(shop.get(&format!("/v1/charges/{charge}")).at("/metadata/late"), &json!("yes"));
}

#[test]
fn lists_and_their_cursors() {
    let shop = Shop::open();
    let ids: Vec<String> =
        (0..5).map(|n| shop.post(INTENTS, &format!("amount=10{n}0&currency=eur")).text("/id")).collect();
    let check = |query: &str, expected: &[usize], more: bool| {
        let got = shop.get(&format!("{INTENTS}?{query}"));
        let found: Vec<&str> = got.body["data"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap()).collect();
        let expected: Vec<&str> = expected.iter().map(|n| ids[*n].as_str()).collect();
        assert_eq!((found, got.at("/has_more")), (expected, &json!(more)), "{query}");
    };
    check("", &[4, 3, 2, 1, 0], false);
    check("limit=2", &[4, 3], true);
    check(&format!("limit=2&starting_after={}", ids[3]), &[2, 1], true);
    check(&format!("limit=2&ending_before={}", ids[0]), &[2, 1], true);
    check(&format!("limit=3&ending_before={}", ids[3]), &[4], false);
    let created = shop.get(&format!("{INTENTS}/{}", ids[2])).at("/created").as_i64().unwrap();
    check(&format!("created={created}"), &[2], false);
    check(&format!("created[gte]={created}&limit=2"), &[4, 3], true);
    check(&format!("created[lt]={created}"), &[1, 0], false);
    let bad = |query: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.get(&format!("{INTENTS}?{query}")).error(), expected, "{query}");
    };
    bad("limit=0", (400, "parameter_invalid_integer", "limit"));
    bad("limit=101", (400, "parameter_invalid_integer", "limit"));
    bad("starting_after=pi_none", (400, "resource_missing", "starting_after"));
    bad("created[after]=1", (400, "parameter_unknown", "created[after]"));
    bad("color=red", (400, "parameter_unknown", "color"));
}

#[test]
fn what_the_client_secret_opens() {
    let shop = Shop::open();
    let intent = shop.post(INTENTS, "amount=1000&currency=eur&metadata[a]=1&payment_method=pm_card_visa");
    let (id, secret) = (intent.text("/id"), intent.text("/client_secret"));
    assert!(secret.starts_with(&format!("{id}_secret_")));
    let public = |method: &str, path: &str, body: &str| Request::new(method, path, body).key(&shop.publishable);
    let send = |method: &str, path: &str, body: &str| {
        // Without private fields it is not the whole shape.
        let answer = florin_store::block_on(shop.api.handle(public(method, path, body).edge));
        (answer.status, serde_json::from_slice::<Value>(&answer.body).unwrap())
    };
    let (status, body) = send("GET", &format!("{INTENTS}/{id}?client_secret={secret}"), "");
    assert_eq!((status, body.get("metadata")), (200, None));
    assert_eq!(send("GET", &format!("{INTENTS}/{id}"), "").0, 401);
    assert_eq!(send("GET", &format!("{INTENTS}/{id}?client_secret={id}_secret_x"), "").0, 400);
    assert_eq!(send("POST", &format!("{INTENTS}/{id}"), &format!("client_secret={secret}&amount=1")).0, 403);
    assert_eq!(send("POST", &format!("{INTENTS}/{id}/capture"), &format!("client_secret={secret}")).0, 403);
    let (status, body) = send("POST", &format!("{INTENTS}/{id}/confirm"), &format!("client_secret={secret}"));
    assert_eq!((status, &body["status"]), (200, &json!("succeeded")));
}

#[test]
fn increments() {
    let shop = Shop::open();
    let body = |more: &str| {
        format!("amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true&capture_method=manual{more}")
    };
    const ASKED: &str = "&payment_method_options[card][request_incremental_authorization]=if_available";
    let held = shop.post(INTENTS, &body(ASKED));
    let at = |got: &crate::world::Got, step: &str| format!("{INTENTS}/{}{step}", got.text("/id"));
    let path = at(&held, "/increment_authorization");
    let check = |path: &str, body: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.post(path, body).error(), expected, "{body}");
    };
    check(&path, "", (400, "parameter_missing", "amount"));
    check(&path, "amount=1000", (400, "amount_too_small", "amount"));
    check(&path, "amount=999999999", (400, "amount_too_large", "amount"));
    check(&path, "amount=1500&colour=red", (400, "parameter_unknown", "colour"));
    let more = shop.post(&path, "amount=1500&description=two+nights&metadata[nights]=2");
    for (path, expected) in [
        ("/status", json!("requires_capture")),
        ("/amount", json!(1500)),
        ("/amount_capturable", json!(1500)),
        ("/description", json!("two nights")),
        ("/metadata/nights", json!("2")),
    ] {
        assert_eq!(more.at(path), &expected, "{path}");
    }
    let charge = shop.get(&format!("/v1/charges/{}", more.text("/latest_charge")));
    let card = "/payment_method_details/card";
    assert_eq!((charge.at("/amount"), charge.at(&format!("{card}/amount_authorized"))), (&json!(1500), &json!(1500)));
    assert_eq!(charge.text(&format!("{card}/incremental_authorization/status")), "available");
    let captured = shop.post(&at(&held, "/capture"), "");
    assert_eq!((captured.text("/status").as_str(), captured.at("/amount_received")), ("succeeded", &json!(1500)));
    check(&path, "amount=2000", (400, "payment_intent_unexpected_state", ""));
    // What was not captured, or went back, counts of all that was held.
    let went_back = |id: &str, expected: (i64, bool)| {
        let charge = shop.get(&format!("/v1/charges/{id}"));
        assert_eq!((charge.at("/amount_refunded"), charge.at("/refunded")), (&json!(expected.0), &json!(expected.1)));
    };
    let charge = captured.text("/latest_charge");
    went_back(&charge, (0, false));
    shop.post("/v1/refunds", &format!("charge={charge}&amount=1000"));
    went_back(&charge, (1000, false));
    shop.post("/v1/refunds", &format!("charge={charge}"));
    went_back(&charge, (1500, true));
    let incremented = || {
        let held = shop.post(INTENTS, &body(ASKED));
        shop.post(&at(&held, "/increment_authorization"), "amount=1500")
    };
    let part = shop.post(&at(&incremented(), "/capture"), "amount_to_capture=1200");
    went_back(&part.text("/latest_charge"), (300, false));
    let canceled = shop.post(&at(&incremented(), "/cancel"), "");
    went_back(&canceled.text("/latest_charge"), (1500, true));
    let plain = shop.post(INTENTS, &body(""));
    check(&at(&plain, "/increment_authorization"), "amount=1500", (400, "payment_intent_invalid_parameter", ""));
}

/// What nobody captured by `capture_before` is given up: canceled by nobody's wish, and the charge expired.
#[test]
fn holds_expire() {
    let shop = Shop::open();
    let held = "amount=1999&currency=eur&payment_method=pm_card_visa&confirm=true&capture_method=manual";
    let got = shop.post("/v1/payment_intents", &format!("{held}&expand[]=latest_charge"));
    let path = format!("/v1/payment_intents/{}", got.text("/id"));
    let before = got.at("/latest_charge/payment_method_details/card/capture_before").as_i64().unwrap();
    assert_eq!(before - got.at("/latest_charge/created").as_i64().unwrap(), 7 * 86_400);
    shop.work_after(7 * 86_400_000 - 60_000, JobKind::Expire);
    assert_eq!((shop.get(&path).text("/status").as_str(), shop.orders()), ("requires_capture", 1));
    shop.work_after(60_000, JobKind::Expire);
    let gone = shop.get(&format!("{path}?expand[]=latest_charge"));
    for (at, expected) in [
        ("/status", json!("canceled")),
        ("/cancellation_reason", json!("automatic")),
        ("/amount_capturable", json!(0)),
        ("/latest_charge/captured", json!(false)),
        ("/latest_charge/refunded", json!(true)),
        ("/latest_charge/amount_refunded", json!(1999)),
    ] {
        assert_eq!(gone.at(at), &expected, "{at}");
    }
    assert_eq!(shop.orders(), 2);
    assert_eq!(shop.post(&format!("{path}/capture"), "").error().1, "payment_intent_unexpected_state");
    shop.number();
    for kind in ["charge.expired", "payment_intent.canceled"] {
        let events = shop.get(&format!("/v1/events?type={kind}"));
        let object = if kind.starts_with("charge") { "charge" } else { "payment_intent" };
        assert_eq!(events.at("/data/0/data/object/object"), &json!(object), "{kind}");
    }
}

/// What a capture writes, and what it cannot be.
#[test]
fn what_goes_with_a_capture() {
    let shop = Shop::open();
    let hold = || {
        let more = "capture_method=manual&statement_descriptor_suffix=FIRST&metadata[a]=1";
        let got =
            shop.post(INTENTS, &format!("amount=1999&currency=eur&payment_method=pm_card_visa&confirm=true&{more}"));
        format!("{INTENTS}/{}/capture", got.text("/id"))
    };
    let got =
        shop.post(&hold(), "metadata[b]=2&statement_descriptor_suffix=LATER&final_capture=true&expand[]=latest_charge");
    assert_eq!(got.at("/metadata"), &json!({ "a": "1", "b": "2" }));
    assert_eq!(got.text("/latest_charge/statement_descriptor_suffix"), "LATER");
    let refused = shop.post(&hold(), "final_capture=false");
    assert_eq!((refused.status, refused.error().2), (400, "final_capture"));
    assert_eq!(shop.post(&hold(), "final_capture=maybe").error().2, "final_capture");
}

/// What is written on a charge is told as a change of the charge.
#[test]
fn a_charge_that_is_written_on() {
    let shop = Shop::open();
    let charge = shop.paid(1000).text("/latest_charge");
    shop.number();
    let before = shop.get("/v1/events?type=charge.updated").at("/data").as_array().map_or(0, Vec::len);
    shop.post(&format!("/v1/charges/{charge}"), "description=tea&metadata[a]=1");
    shop.number();
    let told = shop.get("/v1/events?type=charge.updated");
    assert_eq!(told.at("/data").as_array().map(Vec::len), Some(before + 1));
    let data = told.at("/data/0/data");
    assert_eq!((&data["object"]["id"], &data["object"]["description"]), (&json!(charge), &json!("tea")));
    assert_eq!(data["previous_attributes"], json!({ "description": null, "metadata": {} }));
}

//! Keys, versions, routes, idempotency: what stands before every endpoint.

use crate::world::{ACCOUNT, Request, Shop};
use florin_core::commit::{Commit, Row, Version};
use florin_core::id::Kind;
use florin_store::block_on;
use serde_json::json;

#[test]
fn keys() {
    let shop = Shop::open();
    let check = |request: Request, status: u16, part: &str| {
        let got = shop.send(request);
        let message = got.at("/error/message").as_str().unwrap_or("");
        assert_eq!((got.status, message.contains(part)), (status, true), "{message}");
        assert!(!message.contains(&shop.secret));
    };
    let account = || Request::new("GET", "/v1/account", "");
    check(account(), 401, "did not provide");
    check(account().key("sk_test_wrong"), 401, "Invalid API Key");
    check(account().key(&shop.secret.replace("sk_test_", "sk_live_")), 401, "sk_live_****");
    check(account().key(&shop.secret), 200, "");
    check(account().key(&shop.publishable), 403, "publishable");
    check(Request::new("GET", "/v1/nothing", "").key(&shop.secret), 404, "Unrecognized request URL");
    check(Request::new("PUT", "/v1/account", "").key(&shop.secret), 405, "Unrecognized request URL");
    check(account().key(&shop.secret).header("stripe-version", "soon"), 400, "version");
}

#[test]
fn another_accounts_things_do_not_exist() {
    let shop = Shop::open();
    let intent = shop.paid(1000);
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let paths = [
        format!("/v1/payment_intents/{}", intent.text("/id")),
        format!("/v1/charges/{}", intent.text("/latest_charge")),
        format!("/v1/payment_methods/{}", intent.text("/payment_method")),
        format!("/v1/customers/{customer}"),
    ];
    for path in &paths {
        let missing = format!("{}_0000000000000000000000", path.rsplit('/').next().unwrap().split('_').next().unwrap());
        let other = shop.send(Request::new("GET", path, "").key(&shop.other));
        let nothing = format!("{}/{missing}", path.rsplit_once('/').unwrap().0);
        let none = shop.send(Request::new("GET", &nothing, "").key(&shop.other));
        assert_eq!((other.status, none.status), (404, 404), "{path}");
        let id = path.rsplit('/').next().unwrap();
        assert_eq!(other.body.to_string().replace(id, "x"), none.body.to_string().replace(&missing, "x"));
    }
    for list in ["/v1/payment_intents", "/v1/charges", "/v1/customers", "/v1/refunds", "/v1/events"] {
        let got = shop.send(Request::new("GET", list, "").key(&shop.other));
        assert_eq!(got.body["data"], json!([]), "{list}");
    }
}

/// The client learns nothing of what is wrong with us but a request's id; the operator has the same id and the reason.
#[test]
fn what_fails_on_our_side_is_told_by_its_id() {
    let shop = Shop::open();
    let (key, kind) = (shop.world_key(), Kind::Customer);
    let row = Row {
        key,
        version: Version(1),
        kind,
        account: ACCOUNT,
        at: shop.now(),
        body: vec![0xff],
        personal: None,
        index: vec![],
    };
    let damaged = Commit { expect: vec![(key, Version::NONE)], put: vec![row], ..Commit::default() };
    block_on(shop.world.store.commit(damaged)).unwrap();
    let id = shop.id(kind, key);
    let asked = Request::new("GET", &format!("/v1/customers/{id}"), "").key(&shop.secret);
    let got = block_on(shop.api.handle(asked.edge));
    let said = String::from_utf8(got.body).unwrap();
    assert!(got.status == 500 && said.contains("\"api_error\"") && !said.contains("Body"), "{said}");
    let told = shop.world.lock().failed.clone();
    let wanted = format!("req_0123456789abcdefghijkl /v1/customers/{id} 500 Some(Body(");
    assert!(told.len() == 1 && told[0].starts_with(&wanted), "{told:?}");
    // A refusal is the caller's affair.
    assert_eq!(shop.send(Request::new("GET", "/v1/customers/cus_1", "").key(&shop.secret)).status, 404);
    assert_eq!(shop.world.lock().failed.len(), 1);
}

#[test]
fn idempotency() {
    let shop = Shop::open();
    let path = "/v1/payment_intents";
    let body = "amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true&expand[]=latest_charge";
    let first = shop.post_once("k1", path, body);
    let again = shop.post_once(
        "k1",
        path,
        "confirm=true&amount=1000&currency=eur&payment_method=pm_card_visa&expand[]=latest_charge",
    );
    assert_eq!(first.bytes, again.bytes);
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), (None, Some("true")));
    assert_eq!(shop.orders(), 1);
    let other = shop.post_once("k1", path, "amount=1001&currency=eur");
    assert_eq!((other.status, other.text("/error/type")), (400, "idempotency_error".into()));
    let elsewhere = shop.post_once("k1", "/v1/customers", body);
    assert_eq!((elsewhere.status, elsewhere.text("/error/type")), (400, "idempotency_error".into()));
    // Declines are answers too.
    let declined = "amount=1000&currency=eur&payment_method=pm_card_chargeDeclined&confirm=true";
    let first = shop.post_once("k2", path, declined);
    let again = shop.post_once("k2", path, declined);
    assert_eq!((first.status, again.status, first.bytes == again.bytes), (402, 402, true));
    assert_eq!(shop.orders(), 2);
    // What was refused before anything was done may be asked again.
    assert_eq!(shop.post_once("k3", path, "amount=1&currency=eur").status, 400);
    assert_eq!(shop.post_once("k3", path, "amount=1000&currency=eur").status, 200);
    let long = "k".repeat(256);
    assert_eq!(shop.post_once(&long, path, "amount=1000&currency=eur").status, 400);
    for path in ["/v1/customers", "/v1/products"] {
        let (first, again) = (shop.post_once(path, path, "name=x"), shop.post_once(path, path, "name=x"));
        assert_eq!((first.status, first.bytes), (200, again.bytes), "{path}");
    }
}

/// A retry with the same raw card has another token and is the same request.
#[test]
fn a_card_is_known_by_its_digest() {
    let shop = Shop::open();
    let request = || {
        let body = "amount=1000&currency=eur&confirm=true&payment_method_data[type]=card&payment_method_data[card][florin_card]=0";
        Request::new("POST", "/v1/payment_intents", body).key(&shop.secret).header("idempotency-key", "k")
    };
    let first = shop.with_card(request(), 1);
    assert_eq!((first.status, first.text("/status")), (200, "succeeded".into()));
    assert_eq!(shop.with_card(request(), 1).bytes, first.bytes);
    assert_eq!(shop.with_card(request(), 2).text("/error/type"), "idempotency_error");
}

#[test]
fn json_bodies_are_taken_too() {
    let shop = Shop::open();
    let body = r#"{"amount":1000,"currency":"eur","metadata":{"a":"b"},"confirm":false}"#;
    let request = Request::new("POST", "/v1/payment_intents", body).key(&shop.secret);
    let got = shop.send(request.header("content-type", "application/json"));
    assert_eq!((got.status, got.at("/metadata/a")), (200, &json!("b")));
}

/// Sixty-four at once under one key: one payment, and everybody hears of it or is told to wait.
#[test]
fn racers_under_one_key() {
    let shop = Shop::open();
    let body = "amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true";
    let answers: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> =
            (0..64).map(|_| scope.spawn(|| shop.post_once("race", "/v1/payment_intents", body))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let paid: Vec<_> = answers.iter().filter(|a| a.status == 200).collect();
    assert!(!paid.is_empty() && paid.iter().all(|a| a.bytes == paid[0].bytes));
    assert!(answers.iter().all(|a| a.status == 200 || a.error().1 == "idempotency_key_in_use"));
    assert_eq!(shop.orders(), 1);
    assert_eq!(shop.get("/v1/payment_intents").body["data"].as_array().unwrap().len(), 1);
}

/// Many confirms of one intent make one charge; many refunds never give back more than was taken.
#[test]
fn races_for_money() {
    let shop = Shop::open();
    let id = shop.post("/v1/payment_intents", "amount=1000&currency=eur").text("/id");
    let race = |path: &str, body: &str| -> Vec<u16> {
        std::thread::scope(|scope| {
            let racers: Vec<_> = (0..32).map(|_| scope.spawn(|| shop.post(path, body).status)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        })
    };
    let confirmed = race(&format!("/v1/payment_intents/{id}/confirm"), "payment_method=pm_card_visa");
    assert_eq!((confirmed.iter().filter(|s| **s == 200).count(), shop.orders()), (1, 1));
    let refunded = race("/v1/refunds", &format!("payment_intent={id}&amount=300"));
    assert!(refunded.iter().filter(|s| **s == 200).count() <= 3);
    let charge = shop.get(&format!("/v1/payment_intents/{id}?expand[]=latest_charge"));
    assert!(charge.at("/latest_charge/amount_refunded").as_i64().unwrap() <= 900);
}

/// An answer that is given again names the request that it was first given to.
#[test]
fn replays_name_their_original() {
    let shop = Shop::open();
    let body = "amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true";
    for (key, path, body) in [
        ("a", "/v1/payment_intents", body),
        ("b", "/v1/customers", "name=Ana"),
        ("c", "/v1/payment_intents", "amount=1000&currency=eur&payment_method=pm_card_chargeDeclined&confirm=true"),
    ] {
        let first = shop.post_once(key, path, body);
        let again = shop.post_once(key, path, body);
        let (id, original) = (first.header("request-id").unwrap(), again.header("original-request"));
        assert_eq!((first.header("original-request"), original), (None, Some(id)), "{path}");
        assert_ne!(again.header("request-id"), Some(id), "{path}");
    }
}

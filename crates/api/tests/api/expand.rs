//! `expand[]`, and answers under a key that stay what they were, whatever is expanded in them.

use crate::world::{Request, Shop};
use serde_json::json;

#[test]
fn which_paths_are_taken() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let body = format!("amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true&customer={customer}");
    let intent = format!("/v1/payment_intents/{}", shop.post("/v1/payment_intents", &body).text("/id"));
    let open =
        format!("/v1/payment_intents/{}", shop.post("/v1/payment_intents", "amount=100&currency=eur").text("/id"));
    let charge = format!("/v1/charges/{}", shop.get(&intent).text("/latest_charge"));
    let customer = format!("/v1/customers/{customer}");
    let check = |path: &str, expand: &str, at: &str, expected: &str| {
        let got = shop.get(&format!("{path}?expand[]={expand}"));
        assert_eq!((got.status, got.at(at).as_str()), (200, Some(expected)), "{path} {expand}");
    };
    check(&intent, "customer", "/customer/object", "customer");
    check(
        &intent,
        "latest_charge.payment_intent.latest_charge.customer",
        "/latest_charge/payment_intent/latest_charge/customer/object",
        "customer",
    );
    check(
        &intent,
        "latest_charge.balance_transaction.source",
        "/latest_charge/balance_transaction/source/object",
        "charge",
    );
    check(&charge, "refunds", "/refunds/object", "list");
    check(&charge, "refunds.data.payment_intent", "/refunds/url", &format!("{charge}/refunds"));
    check(&customer, "sources", "/sources/url", &format!("{customer}/sources"));
    check(&customer, "invoice_settings.default_payment_method", "/object", "customer");
    check("/v1/payment_intents", "data.customer", "/data/1/customer/object", "customer");

    let refused = |path: &str, expand: &str| {
        let got = shop.get(&format!("{path}?expand[]={expand}"));
        assert_eq!((got.error().0, got.error().2), (400, "expand"), "{path} {expand}");
    };
    refused(&intent, "foo");
    refused(&intent, "amount");
    refused(&intent, "customer.foo");
    refused(&intent, "data.customer");
    refused(&intent, "latest_charge.payment_intent.latest_charge.payment_intent.customer");
    refused(&open, "customer.foo");
    refused("/v1/payment_intents", "customer");
    refused("/v1/refunds", "data.foo");
    refused("/v1/balance", "available");
}

/// Whoever reads that a path is not taken knows that nothing was done: asking again without it does it once.
#[test]
fn a_wrong_path_moves_nothing() {
    let shop = Shop::open();
    let path = "/v1/payment_intents";
    let pay = "amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true";
    let refused = |key: &str, path: &str, body: &str| {
        let got = shop.post_once(key, path, body);
        assert_eq!((got.error().0, got.error().2), (400, "expand"), "{path} {body}");
    };
    refused("k", path, &format!("{pay}&expand[]=invoice"));
    refused("k", path, &format!("{pay}&expand[]=latest_charge&expand[]=data.customer"));
    refused("c", "/v1/customers", "expand[]=foo");
    for path in [path, "/v1/customers"] {
        assert_eq!((shop.orders(), shop.get(path).at("/data")), (0, &json!([])), "{path}");
    }
    // The key was not used up.
    let paid = shop.post_once("k", path, &format!("{pay}&expand[]=latest_charge"));
    assert_eq!((paid.text("/latest_charge/object"), shop.orders()), ("charge".into(), 1));
    refused("r", "/v1/refunds", &format!("payment_intent={}&expand[]=foo", paid.text("/id")));
    assert_eq!(shop.orders(), 1);
}

/// What was expanded changes afterwards; the answer under the key does not.
#[test]
fn replays_are_what_was_sent() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=before").text("/id");
    let path = "/v1/payment_intents";
    let body = format!(
        "amount=1000&currency=eur&customer={customer}&payment_method=pm_card_visa&confirm=true&expand[]=customer&expand[]=latest_charge"
    );
    let first = shop.post_once("k", path, &body);
    assert_eq!(first.text("/customer/name"), "before");
    shop.post(&format!("/v1/customers/{customer}"), "name=after");
    shop.post("/v1/refunds", &format!("charge={}", first.text("/latest_charge/id")));
    let again = shop.post_once("k", path, &body);
    assert_eq!((again.bytes == first.bytes, again.header("idempotent-replayed")), (true, Some("true")));
    // The same for a version in which intents carry their charges.
    let old = || {
        let request = Request::new("POST", path, "amount=500&currency=eur&payment_method=pm_card_visa&confirm=true");
        shop.send(request.key(&shop.secret).header("stripe-version", "2020-08-27").header("idempotency-key", "old"))
    };
    let first = old();
    shop.post("/v1/refunds", &format!("payment_intent={}", first.text("/id")));
    assert_eq!(old().bytes, first.bytes);
    // A capture by its charge answers with the charge, also the second time.
    let held =
        shop.post(path, "amount=900&currency=eur&payment_method=pm_card_visa&confirm=true&capture_method=manual");
    let capture = format!("/v1/charges/{}/capture", held.text("/latest_charge"));
    let (first, again) = (shop.post_once("c", &capture, "amount=400"), shop.post_once("c", &capture, "amount=400"));
    assert_eq!((first.text("/object"), first.bytes == again.bytes), ("charge".into(), true));
    assert_eq!((first.at("/amount_captured"), first.at("/amount_refunded")), (&json!(400), &json!(500)));
}

/// The holder of a client secret sees nothing private, the second time neither, and expands nothing but the method.
#[test]
fn what_browsers_are_not_shown() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let intent =
        shop.post("/v1/payment_intents", &format!("amount=1000&currency=eur&customer={customer}&metadata[a]=b"));
    let (id, secret) = (intent.text("/id"), intent.text("/client_secret"));
    let send = |method: &str, path: &str, body: &str| {
        let request = Request::new(method, path, body).key(&shop.publishable);
        shop.send(if method == "POST" { request.header("idempotency-key", "b") } else { request })
    };
    let read = |more: &str| send("GET", &format!("/v1/payment_intents/{id}?client_secret={secret}{more}"), "");
    assert_eq!(read("").status, 200);
    assert_eq!(read("&expand[]=payment_method").status, 200);
    for path in ["customer", "latest_charge", "payment_method.customer"] {
        assert_eq!(read(&format!("&expand[]={path}")).error(), (400, "", "expand"), "{path}");
    }
    let confirm = format!("/v1/payment_intents/{id}/confirm");
    let off = send("POST", &confirm, &format!("client_secret={secret}&payment_method=pm_card_visa&off_session=true"));
    assert_eq!(off.error(), (400, "secret_key_required", "off_session"));
    let body = format!("client_secret={secret}&payment_method=pm_card_visa");
    let (first, again) = (send("POST", &confirm, &body), send("POST", &confirm, &body));
    assert_eq!((first.status, first.bytes == again.bytes), (200, true));
    for got in [first, again, read("")] {
        assert!(got.at("/metadata").is_null() && got.at("/customer").is_null(), "{}", got.body);
    }
    let spent = send("POST", &confirm, &format!("{body}&return_url=https%3A%2F%2Fx.nl"));
    assert_eq!(spent.text("/error/type"), "idempotency_error");
    // Neither in an error that shows the intent.
    let over = shop.send(Request::new("POST", &confirm, &body).key(&shop.publishable));
    assert_eq!(over.error(), (400, "payment_intent_unexpected_state", ""));
    let shown = over.at("/error/payment_intent");
    assert_eq!((&shown["id"], &shown["metadata"], &shown["customer"]), (&json!(id), &json!(null), &json!(null)));
}

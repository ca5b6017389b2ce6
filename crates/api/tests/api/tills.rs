//! Confirmation tokens: what a customer gave at the till, for one confirmation.

use crate::world::{Request, Shop};
use serde_json::json;

const TOKENS: &str = "/v1/test_helpers/confirmation_tokens";
const INTENTS: &str = "/v1/payment_intents";

#[test]
fn a_token_confirms_once() {
    let shop = Shop::open();
    let made = shop.post(TOKENS, "payment_method=pm_card_visa&return_url=https%3A%2F%2Fx.nl&shipping[name]=Ana&shipping[address][line1]=L&setup_future_usage=off_session");
    let token = made.text("/id");
    assert_eq!(
        (made.at("/payment_method_preview/card/last4"), made.at("/payment_intent")),
        (&json!("4242"), &json!(null))
    );
    assert_eq!(made.at("/expires_at").as_i64().unwrap() - made.at("/created").as_i64().unwrap(), 43_200);
    let customer = shop.post("/v1/customers", "").text("/id");
    let body = format!("amount=1000&currency=eur&customer={customer}&confirm=true&confirmation_token={token}");
    let paid = shop.post_once("k", INTENTS, &body);
    assert_eq!((paid.text("/status"), paid.text("/shipping/name")), ("succeeded".into(), "Ana".into()));
    assert_eq!(paid.text("/setup_future_usage"), "off_session");
    let method = shop.get(&format!("/v1/payment_methods/{}", paid.text("/payment_method")));
    assert_eq!(method.text("/customer"), customer, "it is kept, as the customer agreed");
    let used = shop.get(&format!("/v1/confirmation_tokens/{token}"));
    assert_eq!((used.at("/payment_intent"), used.at("/expires_at")), (&paid.body["id"], &json!(null)));
    assert_eq!(shop.post_once("k", INTENTS, &body).bytes, paid.bytes, "a retry is answered, not refused");
    let other = format!("amount=1000&currency=eur&confirm=true&confirmation_token={token}");
    assert_eq!(shop.post(INTENTS, &other).error(), (400, "confirmation_token_already_used", "confirmation_token"));
    assert_eq!(shop.orders(), 1);
}

#[test]
fn from_a_browser() {
    let shop = Shop::open();
    let body = "payment_method_data[type]=card&payment_method_data[card][florin_card]=0&payment_method_data[billing_details][name]=Ana";
    let request = Request::new("POST", "/v1/confirmation_tokens", body).key(&shop.publishable);
    let token = shop.with_card(request, 1);
    assert_eq!((token.status, token.text("/payment_method_preview/billing_details/name")), (200, "Ana".into()));
    let intent = shop.post(INTENTS, "amount=1000&currency=eur");
    let body = format!("client_secret={}&confirmation_token={}", intent.text("/client_secret"), token.text("/id"));
    let path = format!("{INTENTS}/{}/confirm", intent.text("/id"));
    let paid = shop.send(Request::new("POST", &path, &body).key(&shop.publishable));
    assert_eq!(paid.text("/status"), "succeeded");
    let read =
        Request::new("GET", &format!("/v1/confirmation_tokens/{}", token.text("/id")), "").key(&shop.publishable);
    assert_eq!(shop.send(read).status, 403);
}

#[test]
fn what_is_refused() {
    let shop = Shop::open();
    let token = || shop.post(TOKENS, "payment_method=pm_card_visa").text("/id");
    let check = |path: &str, body: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.post(path, body).error(), expected, "{path} {body}");
    };
    check(TOKENS, "", (400, "parameter_missing", "payment_method_data"));
    check(TOKENS, "payment_method=pm_card_visa&foo=1", (400, "parameter_unknown", "foo"));
    check(TOKENS, "payment_method=pm_none", (400, "resource_missing", "payment_method"));
    let create = "amount=100&currency=eur&confirm=true";
    check(INTENTS, &format!("{create}&confirmation_token=ctoken_x"), (400, "resource_missing", "confirmation_token"));
    check(
        INTENTS,
        &format!("{create}&payment_method=pm_card_visa&confirmation_token={}", token()),
        (400, "", "confirmation_token"),
    );
    check(INTENTS, &format!("amount=100&currency=eur&confirmation_token={}", token()), (400, "", "confirmation_token"));
    let declined = shop.post(TOKENS, "payment_method=pm_card_chargeDeclined").text("/id");
    check(INTENTS, &format!("{create}&confirmation_token={declined}"), (402, "card_declined", ""));
    check(
        INTENTS,
        &format!("{create}&confirmation_token={declined}"),
        (400, "confirmation_token_already_used", "confirmation_token"),
    );
    let late = token();
    shop.pass(florin_core::confirmation::LIFE_MS);
    check(
        INTENTS,
        &format!("{create}&confirmation_token={late}"),
        (400, "confirmation_token_expired", "confirmation_token"),
    );
}

/// Many confirm with one token at once: one of them pays.
#[test]
fn a_race() {
    let shop = Shop::open();
    let token = shop.post(TOKENS, "payment_method=pm_card_visa").text("/id");
    let body = format!("amount=100&currency=eur&confirm=true&confirmation_token={token}");
    let paid: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..16).map(|_| scope.spawn(|| shop.post(INTENTS, &body).status)).collect();
        racers.into_iter().map(|racer| usize::from(racer.join().unwrap() == 200)).sum()
    });
    assert_eq!((paid, shop.orders()), (1, 1));
}

/// A setup takes a token, too, and with it the address that the customer comes back to.
#[test]
fn a_token_sets_a_card_up() {
    let shop = Shop::open();
    let made = shop.post(TOKENS, "payment_method=pm_card_visa&return_url=https%3A%2F%2Fx.nl");
    let token = made.text("/id");
    let customer = shop.post("/v1/customers", "").text("/id");
    let early = shop.post("/v1/setup_intents", &format!("confirmation_token={token}"));
    assert_eq!((early.status, early.error().2), (400, "confirmation_token"));
    let body = format!("customer={customer}&confirm=true&confirmation_token={token}");
    let kept = shop.post("/v1/setup_intents", &body);
    assert_eq!((kept.text("/status"), kept.text("/customer")), ("succeeded".into(), customer));
    let seen = shop.get(&format!("/v1/confirmation_tokens/{token}"));
    assert_eq!(seen.at("/setup_intent"), kept.at("/id"));
    assert_eq!(shop.post("/v1/setup_intents", &body).error().1, "confirmation_token_already_used");
    let other = shop.post(TOKENS, "payment_method=pm_card_visa").text("/id");
    let open = shop.post("/v1/setup_intents", "").text("/id");
    let confirmed = shop.post(&format!("/v1/setup_intents/{open}/confirm"), &format!("confirmation_token={other}"));
    assert_eq!(confirmed.text("/status"), "succeeded");
}

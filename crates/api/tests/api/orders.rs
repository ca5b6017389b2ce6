//! Signed orders: what is charged is what was signed, once, or nothing is.

use crate::world::{ACCOUNT, Got, Moment, OTHER_ACCOUNT, Request, Shop};
use florin_api::KeyClass;
use florin_api::keys::manage::{self, NewKey};
use florin_api::keys::rules::{self, NewRules};
use florin_api::order_keys::{self, Rolled};
use florin_core::account;
use florin_core::audit::By;
use florin_core::id::Kind;
use florin_merchant::{Digest, Item, Order, OrderKey, digest_of};
use florin_store::block_on;
use serde_json::json;

const INTENTS: &str = "/v1/payment_intents";
const ITEMS: &[Item<'_>] = &[Item { sku: "mug", name: "Tasse", quantity: 2, unit_amount: 500 }];

/// Signs as a merchant's server does.
struct Till {
    shop: Shop,
    key: OrderKey,
}

fn key_of(shop: &Shop, account: florin_core::id::Key) -> (OrderKey, String) {
    let issued =
        block_on(order_keys::issue(&By::SYSTEM, &shop.api, account, false, None)).map_err(|e| e.message).unwrap();
    let id = issued.shown["id"].as_str().unwrap().to_owned();
    (OrderKey::new(&id, &issued.text).unwrap(), id)
}

impl Till {
    fn open() -> Till {
        let shop = Shop::open();
        let (key, _) = key_of(&shop, ACCOUNT);
        Till { shop, key }
    }

    /// Parameters of an order over 1000 euro cents for nobody in particular.
    fn signed(&self, n: u32) -> String {
        self.sign(&self.key, n, 1_000, "", 3_600)
    }

    fn sign(&self, key: &OrderKey, n: u32, amount: i64, customer: &str, lives_seconds: i64) -> String {
        let items = digest_of(ITEMS);
        let order = Order { id: "1001", items, amount, currency: "eur", customer };
        let expires = self.shop.now().seconds() + lives_seconds;
        let code = key.sign(&order, expires, &format!("nonce-{n:08}")).unwrap();
        let customer = if customer.is_empty() { String::new() } else { format!("&order[customer]={customer}") };
        format!("&order_code={code}&order[id]=1001&order[items_digest]={items}{customer}")
    }

    fn create(&self, more: &str) -> Got {
        self.shop.post(INTENTS, &format!("amount=1000&currency=eur{more}"))
    }

    fn pay(&self, more: &str) -> Got {
        self.create(&format!("&payment_method=pm_card_visa&confirm=true{more}"))
    }
}

#[test]
fn the_code_travels_with_the_payment() {
    let till = Till::open();
    let signed = till.signed(1);
    let made = till.create(&format!("&payment_method=pm_card_visa{signed}"));
    assert_eq!(made.status, 200, "{:#}", made.body);
    let code = signed.split('&').nth(1).unwrap().trim_start_matches("order_code=");
    let expected = json!({
        "id": "1001", "amount": 1000, "code": code, "currency": "eur", "customer": null,
        "expires_at": till.shop.now().seconds() + 3_600 - 1, "items_digest": digest_of(ITEMS).to_string(),
    });
    assert_eq!(made.at("/order"), &expected);
    let path = format!("{INTENTS}/{}", made.text("/id"));
    let paid = till.shop.post(&format!("{path}/confirm"), "expand[]=latest_charge");
    assert_eq!((paid.text("/status").as_str(), paid.at("/order")), ("succeeded", &expected));
    assert_eq!(paid.at("/latest_charge/order"), &expected);
    assert_eq!(till.shop.get(&path).at("/order"), &expected);
    till.shop.number();
    let events = till.shop.get("/v1/events?limit=100");
    let told: Vec<&serde_json::Value> = events.at("/data").as_array().unwrap().iter().collect();
    assert!(told.len() >= 3);
    for event in told {
        assert_eq!(event.pointer("/data/object/order"), Some(&expected), "{}", event["type"]);
    }
    // Browsers do not see it, and a payment without an order has no such field.
    let secret = made.text("/client_secret");
    let public = format!("{path}?client_secret={secret}");
    let seen = till.shop.send(Request::new("GET", &public, "").key(&till.shop.publishable));
    assert_eq!((seen.status, seen.body.get("order")), (200, None));
    assert_eq!(till.create("").body.get("order"), None);
}

/// What was signed is compared before anything is sent.
#[test]
fn anything_else_than_what_was_signed_is_refused() {
    let till = Till::open();
    let customer = till.shop.post("/v1/customers", "name=Ana").text("/id");
    let other = till.shop.post("/v1/customers", "name=Bob").text("/id");
    #[track_caller]
    fn check(till: &Till, more: &str, code: &str, param: &str) {
        let got = till.pay(more);
        let expected = if code.is_empty() { (200, "", "") } else { (400, code, param) };
        assert_eq!(got.error(), expected, "{more}: {:#}", got.body);
    }
    let mismatch = "order_code_mismatch";
    let invalid = "order_code_invalid";
    let good = till.signed(1);
    check(&till, &good.replace("1001", "1002"), mismatch, "order_code");
    let digest = Digest([7; 32]).to_string();
    check(&till, &good.replace(&digest_of(ITEMS).to_string(), &digest), mismatch, "order_code");
    check(&till, &till.sign(&till.key, 1, 999, "", 3_600), mismatch, "order_code");
    check(&till, &format!("{good}&order[customer]=ana"), mismatch, "order_code");
    check(&till, &format!("{good}&customer={customer}"), mismatch, "order_code");
    check(&till, &format!("{good}&order[expires_at]=1"), mismatch, "order[expires_at]");
    let for_ana = till.sign(&till.key, 8, 1_000, &customer, 3_600);
    check(&till, &format!("{for_ana}&customer={other}"), mismatch, "customer");
    check(&till, &for_ana, mismatch, "customer");
    check(&till, &till.sign(&till.key, 1, 1_000, "", 0), "order_code_expired", "order_code");
    check(&till, &till.sign(&till.key, 1, 1_000, "", 32 * 86_400), invalid, "order_code");
    let short = till.pay("&order_code=v1.x&order[id]=1&order[items_digest]=00");
    assert_eq!((short.status, short.error().2), (400, "order[items_digest]"));
    let (theirs, _) = key_of(&till.shop, OTHER_ACCOUNT);
    check(&till, &till.sign(&theirs, 1, 1_000, "", 3_600), invalid, "order_code");
    check(&till, &good.replace("order_code=v1", "order_code=v2"), invalid, "order_code");
    check(&till, "&order[id]=1", "parameter_missing", "order[items_digest]");
    check(&till, "&order_code=v1", "parameter_missing", "order");
    assert_eq!(till.shop.orders(), 0);
    // Nothing of that took the code.
    check(&till, &good, "", "");
    check(&till, &format!("{for_ana}&customer={customer}"), "", "");
    check(&till, &till.sign(&till.key, 9, 1_000, "ana-5", 3_600), "", "");
    let items = "&order[items][0][sku]=mug&order[items][0][name]=Tasse&order[items][0][quantity]=2&order[items][0][unit_amount]=500";
    let listed = till.signed(10).replace(&format!("&order[items_digest]={}", digest_of(ITEMS)), items);
    check(&till, &listed, "", "");
    check(&till, &format!("{}{}", till.signed(11), items.replace("=500", "=501")), mismatch, "order[items]");
    assert_eq!(till.shop.orders(), 4);
}

/// A code serves one payment, however often and whenever it is given.
#[test]
fn a_code_pays_once() {
    let till = Till::open();
    let signed = till.signed(1);
    let reused = (400, "order_code_reused", "order_code");
    let first = till.create(&format!("&payment_method=pm_card_visa{signed}"));
    assert_eq!(till.pay(&signed).error(), reused);
    // The same payment may be given it again.
    let path = format!("{INTENTS}/{}", first.text("/id"));
    assert_eq!(till.shop.post(&path, signed.trim_start_matches('&')).status, 200);
    let paid = till.shop.post(&format!("{path}/confirm"), signed.trim_start_matches('&'));
    assert_eq!(paid.text("/status"), "succeeded");
    assert_eq!(till.pay(&signed).error(), reused);
    // Racers: the other one comes while this one is under way.
    for moment in [Moment::Naming, Moment::Numbering] {
        let till = Till::open();
        let signed = till.signed(2);
        let body = format!("amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true{signed}");
        till.shop.meanwhile(moment, INTENTS, &body);
        assert_eq!(till.shop.post(INTENTS, &body).error(), reused, "{moment:?}");
        assert_eq!(till.shop.orders(), 1);
    }
    // Under one idempotency key it is one payment.
    let signed = till.signed(3);
    let body = format!("amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true{signed}");
    let (once, again) = (till.shop.post_once("k", INTENTS, &body), till.shop.post_once("k", INTENTS, &body));
    assert_eq!((once.status, once.bytes), (again.status, again.bytes));
}

#[test]
fn what_changes_needs_another_code() {
    let till = Till::open();
    let customer = till.shop.post("/v1/customers", "name=Ana").text("/id");
    let made = till.create(&format!("&payment_method=pm_card_visa{}", till.signed(1)));
    let path = format!("{INTENTS}/{}", made.text("/id"));
    let check = |body: &str, code: &str, param: &str| {
        let expected = if code.is_empty() { (200, "", "") } else { (400, code, param) };
        assert_eq!(till.shop.post(&path, body).error(), expected, "{body}");
    };
    let mismatch = "order_code_mismatch";
    check("amount=900", mismatch, "amount");
    check("currency=usd", mismatch, "currency");
    check(&format!("customer={customer}"), mismatch, "customer");
    check("description=tea", "", "");
    check("order_code=&order[id]=", "parameter_invalid_empty", "order_code");
    check(&format!("amount=900{}", till.sign(&till.key, 2, 900, "", 3_600)), "", "");
    let confirm = format!("{path}/confirm");
    // The one before does not pay any more.
    assert_eq!(till.shop.post(&confirm, till.signed(1).trim_start_matches('&')).error().1, mismatch);
    // What expires between creation and confirmation is refused then.
    till.shop.pass(3_600_000);
    assert_eq!(till.shop.post(&confirm, "").error(), (400, "order_code_expired", "order_code"));
    let fresh = till.sign(&till.key, 3, 900, "", 3_600);
    let paid = till.shop.post(&confirm, fresh.trim_start_matches('&'));
    assert_eq!((paid.text("/status").as_str(), paid.at("/order/amount")), ("succeeded", &json!(900)));
}

/// More than was signed cannot be held either; less can be claimed.
#[test]
fn a_hold_of_an_order_is_not_raised() {
    let till = Till::open();
    let options = "&capture_method=manual&payment_method_options[card][request_incremental_authorization]=if_available";
    let held = till.pay(&format!("{}{options}", till.signed(1)));
    let path = format!("{INTENTS}/{}", held.text("/id"));
    let raised = till.shop.post(&format!("{path}/increment_authorization"), "amount=1100");
    assert_eq!(raised.error(), (400, "order_code_mismatch", "amount"));
    let claimed = till.shop.post(&format!("{path}/capture"), "amount_to_capture=600");
    assert_eq!(claimed.text("/status"), "succeeded");
}

#[test]
fn an_account_or_a_key_may_ask_for_codes() {
    let till = Till::open();
    let required = (400, "order_code_required", "order_code");
    let new = NewKey::plain(KeyClass::Secret, false);
    let strict = block_on(manage::issue(&By::SYSTEM, &till.shop.api, ACCOUNT, new)).map_err(|e| e.message).unwrap();
    let id = till.shop.id(Kind::ApiKey, strict.key);
    let wanted = NewRules { order_code: Some(true), ..NewRules::default() };
    let set = block_on(rules::set(&By::SYSTEM, &till.shop.api, ACCOUNT, &id, &wanted)).map_err(|e| e.message).unwrap();
    assert_eq!(set.0["require_order_code"], json!(true));
    let by = |key: &str, path: &str, body: &str| till.shop.send(Request::new("POST", path, body).key(key));
    let body = "amount=1000&currency=eur&payment_method=pm_card_visa";
    let made = by(&strict.text, INTENTS, body);
    assert_eq!(made.status, 200);
    let confirm = format!("{INTENTS}/{}/confirm", made.text("/id"));
    assert_eq!(by(&strict.text, &confirm, "").error(), required);
    assert_eq!(by(&strict.text, INTENTS, &format!("{body}&confirm=true")).error(), required);
    // A key that took its place asks for no less.
    let rolled = block_on(manage::roll(&By::SYSTEM, &till.shop.api, ACCOUNT, &id, 0)).map_err(|e| e.message).unwrap();
    assert_eq!(by(&rolled.text, &confirm, "").error(), required);
    // Other keys go on as they did, until the account asks for it: then no key pays without, browsers' neither.
    assert_eq!(till.pay("").text("/status"), "succeeded");
    let switch = |on| {
        block_on(account::change(&By::SYSTEM, &*till.shop.world, ACCOUNT, &|a| account::Account {
            require_order_code: on,
            ..a.clone()
        }))
    };
    switch(true).unwrap();
    assert_eq!(till.pay("").error(), required);
    let secret = made.text("/client_secret");
    let browser =
        till.shop.send(Request::new("POST", &confirm, &format!("client_secret={secret}")).key(&till.shop.publishable));
    assert_eq!(browser.error(), required);
    let code = till.shop.send(
        Request::new("POST", &confirm, &format!("client_secret={secret}{}", till.signed(5)))
            .key(&till.shop.publishable),
    );
    assert_eq!(code.error(), (400, "secret_key_required", "order_code"));
    assert_eq!(till.shop.post(&confirm, till.signed(1).trim_start_matches('&')).text("/status"), "succeeded");
    switch(false).unwrap();
    assert_eq!(till.pay("").text("/status"), "succeeded");
}

#[test]
fn two_keys_sign_while_one_rolls() {
    let till = Till::open();
    let api = &till.shop.api;
    let pays = |key: &OrderKey, n| till.pay(&till.sign(key, n, 1_000, "", 3_600)).status == 200;
    let issue = |id: &str, overlap_seconds| {
        let rolled = Some(Rolled { id, overlap_seconds });
        let made = block_on(order_keys::issue(&By::SYSTEM, api, ACCOUNT, false, rolled)).map_err(|e| e.message)?;
        let id = made.shown["id"].as_str().unwrap().to_owned();
        Ok::<_, String>((OrderKey::new(&id, &made.text).unwrap(), id))
    };
    let (new, id) = issue(till.key.id(), 3_600).unwrap();
    assert!(pays(&till.key, 1) && pays(&new, 2));
    till.shop.pass(3_600_000);
    assert!(!pays(&till.key, 3) && pays(&new, 4));
    let shown = block_on(order_keys::revoke(&By::SYSTEM, api, ACCOUNT, &id)).map_err(|e| e.message).unwrap();
    assert_eq!(shown["status"], json!("ended"));
    assert!(!pays(&new, 5));
    assert!(block_on(order_keys::revoke(&By::SYSTEM, api, OTHER_ACCOUNT, &id)).is_err());
    assert!(issue(&id, 0).is_err(), "a key that has ended is not rolled");
    assert!(issue(till.key.id(), 8 * 86_400).is_err());
    let listed = block_on(order_keys::list(api, ACCOUNT)).map_err(|e| e.message).unwrap();
    assert_eq!(listed.len(), 2);
    for _ in 0..10 {
        key_of(&till.shop, ACCOUNT);
    }
    let most = block_on(order_keys::issue(&By::SYSTEM, api, ACCOUNT, false, None)).map(|_| ()).map_err(|e| e.message);
    assert_eq!(most, Err("There are 10 order keys that hold already. Revoke one first.".into()));
    assert!(!format!("{listed:?}").contains("ordsec_"));
}

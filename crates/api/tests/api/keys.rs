//! Keys through their whole life, what each class may do at every route, how often they may ask, and what is written down of it.

use crate::world::{ACCOUNT, Request, Shop};
use florin_api::keys::manage::{self, NewKey};
use florin_api::{ApiError, KeyClass, LimitSettings, Rate, routes};
use florin_core::audit::By;
use florin_core::time::Time;
use florin_store::block_on;
use serde_json::{Value, json};
use std::fmt::Write;

fn account(key: &str) -> Request {
    Request::new("GET", "/v1/account", "").key(key)
}

impl Shop {
    fn issue(&self, new: NewKey) -> (String, Value) {
        let made = block_on(manage::issue(&By::SYSTEM, &self.api, ACCOUNT, new)).unwrap();
        (made.text, made.shown)
    }
    fn restricted(&self, permissions: &[&str]) -> String {
        let texts: Vec<String> = permissions.iter().map(|t| (*t).to_owned()).collect();
        let grants = manage::grants(&texts).unwrap();
        self.issue(NewKey { grants, ..NewKey::plain(KeyClass::Restricted, false) }).0
    }
    fn status(&self, key: &str) -> (u16, String) {
        let got = self.send(account(key));
        (got.status, got.at("/error/code").as_str().unwrap_or("").to_owned())
    }
}

#[test]
fn rolled_revoked_and_expired_keys() {
    let shop = Shop::open();
    let (open, over) = ((200, String::new()), (401, "api_key_expired".to_owned()));
    let (old, shown) = shop.issue(NewKey { name: Some("shop".into()), ..NewKey::plain(KeyClass::Secret, false) });
    assert_eq!(shop.status(&old), open);
    // The old key lives on for a minute beside the new one.
    let rolled = block_on(manage::roll(&By::SYSTEM, &shop.api, ACCOUNT, shown["id"].as_str().unwrap(), 60)).unwrap();
    assert_eq!((shop.status(&old), shop.status(&rolled.text)), (open.clone(), open.clone()));
    assert_eq!((&rolled.shown["name"], &rolled.shown["class"]), (&json!("shop"), &json!("secret")));
    shop.pass(61_000);
    assert_eq!((shop.status(&old), shop.status(&rolled.text)), (over.clone(), open.clone()));
    // A key that ended is not rolled again.
    let again = block_on(manage::roll(&By::SYSTEM, &shop.api, ACCOUNT, shown["id"].as_str().unwrap(), 0));
    assert_eq!(again.err().and_then(|e| e.param), Some("id".into()));
    // Revoked: at once, though the gate knew it a moment ago. Named by its last four characters.
    block_on(manage::revoke(&By::SYSTEM, &shop.api, ACCOUNT, &rolled.text[rolled.text.len() - 4..])).unwrap();
    assert_eq!(shop.status(&rolled.text), over);
    let (expiring, _) =
        shop.issue(NewKey { ends: Some(Time(shop.now().0 + 3_000)), ..NewKey::plain(KeyClass::Secret, false) });
    assert_eq!(shop.status(&expiring), open);
    shop.pass(3_000);
    assert_eq!(shop.status(&expiring), over);
    // A key of the other mode opens nothing.
    let (live, _) = shop.issue(NewKey::plain(KeyClass::Secret, true));
    assert_eq!(shop.status(&live), (401, String::new()));
    // Another account does not see them.
    let other =
        block_on(manage::revoke(&By::SYSTEM, &shop.api, crate::world::OTHER_ACCOUNT, shown["id"].as_str().unwrap()));
    assert_eq!(other.err().map(|e| e.status), Some(404));
    let listed = block_on(manage::list(&shop.api, ACCOUNT)).unwrap();
    assert_eq!(listed.iter().filter(|k| k.body.is_over(shop.now())).count(), 3);
}

#[test]
fn new_keys_are_checked() {
    let shop = Shop::open();
    let check = |new: NewKey, param: &str| {
        let refused: Option<ApiError> = block_on(manage::issue(&By::SYSTEM, &shop.api, ACCOUNT, new)).err();
        assert_eq!(refused.and_then(|e| e.param).as_deref(), Some(param));
    };
    let plain = || NewKey::plain(KeyClass::Secret, false);
    let grants = manage::grants(&["refunds:read".into()]).unwrap();
    check(NewKey::plain(KeyClass::Restricted, false), "permission");
    check(NewKey { grants, ..plain() }, "permission");
    check(NewKey { name: Some(String::new()), ..plain() }, "name");
    check(NewKey { name: Some("n".repeat(201)), ..plain() }, "name");
    check(NewKey { ends: Some(shop.now()), ..plain() }, "expires");
    for bad in ["refunds", "refunds:all", "money:read", ":read", ""] {
        assert_eq!(manage::grants(&[bad.into()]).unwrap_err().param.as_deref(), Some("permission"), "{bad}");
    }
    let last_wins = manage::grants(&["refunds:write".into(), "charges:read".into(), "refunds:none".into()]).unwrap();
    assert_eq!(last_wins.iter().map(|g| (g.resource.as_str(), g.write)).collect::<Vec<_>>(), [("charges", false)]);
}

#[test]
fn restricted_keys_do_what_they_may() {
    let shop = Shop::open();
    let intent = shop.paid(1_000);
    let id = intent.text("/id");
    let reads = shop.restricted(&["payment_intents:read"]);
    let check = |key: &str, method: &str, path: &str, status: u16, permission: &str| {
        let got = shop.send(Request::new(method, path, "").key(key));
        let message = got.at("/error/message").as_str().unwrap_or("").to_owned();
        assert_eq!((got.status, message.contains(permission)), (status, true), "{method} {path}: {message}");
        assert!(!message.contains(key));
    };
    check(&reads, "GET", &format!("/v1/payment_intents/{id}"), 200, "");
    check(&reads, "GET", "/v1/payment_intents", 200, "");
    check(&reads, "POST", &format!("/v1/payment_intents/{id}"), 403, "'rak_payment_intent_write'");
    check(&reads, "GET", "/v1/charges", 403, "'rak_charge_read'");
    // What may not be read may not be expanded.
    let expanded = format!("/v1/payment_intents/{id}?expand[]=latest_charge");
    check(&reads, "GET", &expanded, 403, "'rak_charge_read'");
    check(&shop.restricted(&["payment_intents:read", "charges:read"]), "GET", &expanded, 200, "");
    // Neither as a list within.
    let charge = format!("/v1/charges/{}?expand[]=refunds", intent.text("/latest_charge"));
    let charges = shop.restricted(&["charges:read"]);
    check(&charges, "GET", &charge, 403, "'rak_refund_read'");
    check(&shop.restricted(&["charges:read", "refunds:read"]), "GET", &charge, 200, "");
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let card = shop.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={customer}")).text("/id");
    let setup = shop.post("/v1/setup_intents", &format!("payment_method={card}&customer={customer}&confirm=true"));
    let tried = format!("/v1/setup_intents/{}?expand[]=latest_attempt", setup.text("/id"));
    check(&shop.restricted(&["setup_intents:read"]), "GET", &tried, 403, "'rak_setup_attempt_read'");
    check(&shop.restricted(&["setup_intents:read", "setup_attempts:read"]), "GET", &tried, 200, "");
    let old = |key: &str| {
        let request = Request::new("GET", &format!("/v1/payment_intents/{id}"), "");
        shop.send(request.key(key).header("stripe-version", "2020-08-27")).at("/charges/data/0/object").clone()
    };
    let both = shop.restricted(&["payment_intents:read", "charges:read"]);
    assert_eq!((old(&reads), old(&both)), (json!(null), json!("charge")));
    let writes = shop.restricted(&["payment_intents:write"]);
    check(&writes, "POST", &format!("/v1/payment_intents/{id}"), 200, "");
    check(&writes, "GET", &format!("/v1/payment_intents/{id}"), 200, "");
}

/// A table for reviews: which key gets past the gate at which route. `FLORIN_WRITE=1` writes it anew.
#[test]
fn what_each_class_of_key_may_do() {
    let shop = Shop::open();
    let keys: [(&str, String); 4] = [
        ("publishable", shop.publishable.clone()),
        ("restricted to balance:read", shop.restricted(&["balance:read"])),
        ("restricted to payment_intents:read", shop.restricted(&["payment_intents:read"])),
        ("restricted to payment_intents:write", shop.restricted(&["payment_intents:write"])),
    ];
    let mut table = String::from("method path | ");
    table += &keys.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | ");
    table.push('\n');
    for (method, path, _) in routes() {
        let asked = path.replace("{}", "x_1");
        let passes = |key: &str| {
            let got = shop.send(Request::new(method, &asked, "").key(key));
            let message = got.at("/error/message").as_str().unwrap_or("").to_owned();
            match (got.status, message.split('\'').nth(5)) {
                (403, Some(permission)) => format!("wants {permission}"),
                (403, None) | (401, _) => "no".to_owned(),
                _ => "yes".to_owned(),
            }
        };
        let cells: Vec<String> = keys.iter().map(|(_, key)| passes(key)).collect();
        let _ = writeln!(table, "{method} {path} | {}", cells.join(" | "));
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/permits.txt");
    if std::env::var_os("FLORIN_WRITE").is_some() {
        std::fs::write(file, &table).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(table == kept, "what keys may do has changed; write it anew with FLORIN_WRITE=1 and look at it:\n{table}");
}

#[test]
fn another_account_cannot_be_named() {
    let shop = Shop::open();
    let own = shop.send(account(&shop.secret)).text("/id");
    let other = shop.send(account(&shop.other)).text("/id");
    let named = |id: &str| {
        let got = shop.send(account(&shop.secret).header("stripe-account", id));
        (got.status, got.at("/error/code").as_str().unwrap_or("").to_owned())
    };
    assert_eq!(named(&own), (200, String::new()));
    assert_eq!(named(&other), (403, "account_invalid".into()));
    assert_eq!(named("acct_0000000000000000000000"), (403, "account_invalid".into()));
}

#[test]
fn who_asks_too_often_waits() {
    let limited = |limits| Shop::limited(LimitSettings { ..limits });
    let statuses = |shop: &Shop, key: &str, count: usize| -> Vec<u16> {
        (0..count).map(|_| shop.send_now(account(key)).status).collect()
    };
    let rate = Rate { per_second: 1, burst: 2 };
    // A key: others go on.
    let shop = limited(LimitSettings { key: rate, ..LimitSettings::NONE });
    assert_eq!(statuses(&shop, &shop.secret, 3), [200, 200, 429]);
    assert_eq!(statuses(&shop, &shop.other, 1), [200]);
    let got = shop.send_now(account(&shop.secret));
    let header = |name| got.header(name).unwrap_or("").to_owned();
    assert_eq!(
        (got.text("/error/code").as_str(), header("retry-after"), header("stripe-rate-limited-reason")),
        ("rate_limit", "1".into(), "global-rate".into())
    );
    assert_eq!(header("stripe-should-retry"), "false");
    shop.pass(1_000);
    assert_eq!(statuses(&shop, &shop.secret, 2), [200, 429]);
    // An address: before anything is read.
    let shop = limited(LimitSettings { address: rate, ..LimitSettings::NONE });
    assert_eq!(statuses(&shop, &shop.secret, 3), [200, 200, 429]);
    assert_eq!(statuses(&shop, "nonsense", 1), [429]);
    // Guessing: right keys of the same address go on.
    let shop = limited(LimitSettings { failures: rate, ..LimitSettings::NONE });
    assert_eq!(statuses(&shop, "nonsense", 3), [401, 401, 429]);
    assert_eq!(statuses(&shop, &shop.secret, 2), [200, 200]);
    // Nothing was done for who was turned away.
    let shop = limited(LimitSettings { key: Rate { per_second: 1, burst: 1 }, ..LimitSettings::NONE });
    let body = "amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true";
    let pay = || shop.send_now(Request::new("POST", "/v1/payment_intents", body).key(&shop.secret)).status;
    assert_eq!(([pay(), pay(), pay()], shop.orders()), ([200, 429, 429], 1));
}

#[test]
fn requests_are_written_down_without_what_they_hold() {
    let shop = Shop::open();
    let customer =
        shop.post_once("secret-key-text", "/v1/customers", "name=Ana+Secret&email=ana@secret.nl").text("/id");
    shop.get(&format!("/v1/customers/{customer}?expand[]=secret"));
    shop.get("/v1/customers/Ana%20Secret");
    shop.get("/v1/secret/url");
    shop.post("/v1/payment_intents", "amount=1000&currency=eur&payment_method=pm_card_chargeDeclined&confirm=true");
    shop.post("/v1/customers", "secret_name=1&metadata[secret]=x");
    let got = shop.get("/v1/florin/request_logs?limit=100");
    let told = |n: usize| {
        let e = got.at(&format!("/data/{n}"));
        let text = |path: &str| e.pointer(path).and_then(Value::as_str).unwrap_or("-").to_owned();
        format!("{} {} {} {} {}", text("/method"), text("/path"), e["status"], text("/error/type"), text("/error/code"))
    };
    let expected = [
        "POST /v1/customers 400 invalid_request_error parameter_unknown".to_owned(),
        "POST /v1/payment_intents 402 card_error card_declined".to_owned(),
        "GET /v1/{}/{} 404 invalid_request_error url_unknown".to_owned(),
        "GET /v1/customers/{} 404 invalid_request_error resource_missing".to_owned(),
        format!("GET /v1/customers/{customer} 400 invalid_request_error -"),
        "POST /v1/customers 200 - -".to_owned(),
    ];
    assert_eq!((0..6).map(told).collect::<Vec<_>>(), expected);
    assert!(!got.body.to_string().to_lowercase().contains("secret"));
    let first = got.at("/data/5");
    assert_eq!(first["api_key"]["last4"], shop.secret[shop.secret.len() - 4..]);
    assert_eq!(first["idempotency_key_hash"].as_str().map(str::len), Some(32));
    // By id, by status, and nobody else's.
    let id = first["id"].as_str().unwrap();
    let ids = |path: &str, key: &str| {
        let got = shop.send(Request::new("GET", path, "").key(key));
        got.body["data"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(shop.get(&format!("/v1/florin/request_logs/{id}")).body["id"], id);
    assert_eq!(ids("/v1/florin/request_logs?status=402", &shop.secret), 1);
    assert_eq!(ids("/v1/florin/request_logs?status=4xx&method=GET", &shop.secret), 3);
    assert_eq!(ids("/v1/florin/request_logs", &shop.other), 0);
    assert_eq!(shop.get("/v1/florin/request_logs?status=9xx").error(), (400, "", "status"));
}

#[test]
fn a_key_asks_from_where_it_may() {
    let shop = Shop::open();
    let of = |class, texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let allowed = manage::networks(&texts)?;
        let grants = if class == KeyClass::Restricted { manage::grants(&["account:read".to_owned()])? } else { vec![] };
        block_on(manage::issue(
            &By::SYSTEM,
            &shop.api,
            ACCOUNT,
            NewKey { allowed, grants, ..NewKey::plain(class, false) },
        ))
    };
    let asks = |key: &str, from: &str| {
        let mut request = account(key);
        request.edge.client = from.parse().unwrap();
        let got = shop.send(request);
        (got.status, got.at("/error/code").as_str().unwrap_or("").to_owned())
    };
    let (fine, refused) = ((200, String::new()), (403, "ip_address_not_allowed".to_owned()));
    for class in [KeyClass::Secret, KeyClass::Restricted] {
        let issued = of(class, &["203.0.113.0/24", "2001:db8::1"]).unwrap();
        assert_eq!(issued.shown["allowed_from"], json!(["203.0.113.0/24", "2001:db8::1"]));
        let key = issued.text;
        assert_eq!([asks(&key, "203.0.113.9"), asks(&key, "2001:db8::1")], [fine.clone(), fine.clone()]);
        assert_eq!([asks(&key, "203.0.114.9"), asks(&key, "2001:db8::2")], [refused.clone(), refused.clone()]);
        // Whoever rolls it keeps the list.
        let id = issued.shown["id"].as_str().unwrap();
        let rolled = block_on(manage::roll(&By::SYSTEM, &shop.api, ACCOUNT, id, 0)).unwrap().text;
        assert_eq!([asks(&rolled, "203.0.113.9"), asks(&rolled, "127.0.0.1")], [fine.clone(), refused.clone()]);
    }
    let param = |got: Result<_, ApiError>| got.err().and_then(|e| e.param);
    assert_eq!(param(of(KeyClass::Secret, &["203.0.113.1/24"])).as_deref(), Some("from"));
    assert_eq!(param(of(KeyClass::Publishable, &["203.0.113.1"])).as_deref(), Some("from"));
    assert_eq!(param(of(KeyClass::Secret, &["203.0.113.1"; 51])).as_deref(), Some("from"));
}

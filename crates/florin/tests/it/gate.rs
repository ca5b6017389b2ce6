//! The gate as its owner and its clients meet it: keys, accounts, the log of requests, the API's description.

use crate::house::House;
use crate::web::Api;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

fn with(ready: &Value, key: &str) -> Api {
    let mut ready = ready.clone();
    ready["secret_key"] = json!(key);
    Api::new(&ready)
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}")).to_owned()
}

#[test]
fn keys_and_accounts_of_a_running_system() {
    let house = House::new("keys");
    let demo = house.demo();
    let status = |key: &str, path: &str| with(&demo.ready, key).connect().get(path).status;
    // Two accounts that do not see each other.
    let account =
        house.florin(&["accounts", "create", "--name", "Second", "--country", "DE", "--currency", "usd"]).done();
    let id = text(&account, "/id");
    let made = house.florin(&["keys", "create", "--account", &id, "--name", "till"]).done();
    let (key, key_id) = (text(&made, "/key"), text(&made, "/id"));
    let own = with(&demo.ready, &key).connect().get("/v1/account").ok();
    assert_eq!((own.text("/id"), own.text("/country"), own.text("/default_currency")), (id.as_str(), "DE", "usd"));
    let customer = Api::new(&demo.ready).connect().post("/v1/customers", "name=Ana").ok();
    let path = format!("/v1/customers/{}", customer.text("/id"));
    assert_eq!(status(&key, &path), 404);
    // Rolled, the old key goes on for a while; revoked, it stops at once.
    let rolled = house.florin(&["keys", "roll", &key_id, "--overlap", "600", "--account", &id]).done();
    let next = text(&rolled, "/key");
    assert_eq!((status(&key, "/v1/account"), status(&next, "/v1/account")), (200, 200));
    house.florin(&["keys", "revoke", &key_id, "--account", &id]).done();
    assert_eq!((status(&key, "/v1/account"), status(&next, "/v1/account")), (401, 200));
    let listed = house.florin(&["keys", "list", "--account", &id]).done();
    assert!(!listed.to_string().contains(&key) && !listed.to_string().contains(&next));
    assert!(listed["data"][0]["last_used"].is_i64(), "{listed}");
    // Restricted.
    let made = house.florin(&["keys", "create", "--class", "restricted", "--permission", "customers:read"]).done();
    let key = text(&made, "/key");
    assert_eq!((status(&key, &path), status(&key, "/v1/charges")), (200, 403));
    let refused = house.florin(&["keys", "create", "--class", "restricted", "--permission", "money:read"]);
    assert_eq!((refused.code, refused.refused().0.as_str()), (2, "parameter_invalid"));
    demo.stop();
}

#[test]
fn requests_are_found_again_by_their_id() {
    let house = House::new("requests");
    let demo = house.demo();
    let mut client = Api::new(&demo.ready).connect();
    let missing = client.get("/v1/charges/ch_nobody?expand[]=customer");
    let id = missing.header("request-id").unwrap().to_owned();
    let found = client.get(&format!("/v1/florin/request_logs/{id}")).ok();
    assert_eq!((found.text("/path"), found.number("/status")), ("/v1/charges/{}", 404));
    let listed = house.florin(&["logs", "list", "--id", &id]).done();
    assert_eq!(listed["data"][0], found.body);
    assert_eq!(house.florin(&["logs", "list", "--status", "5xx"]).done()["data"], json!([]));
    // The description is everybody's.
    let described = client.get("/openapi.json").ok();
    assert_eq!(described.text("/openapi"), "3.1.0");
    for log in demo.ready["logs"].as_array().unwrap() {
        let mode = std::fs::metadata(log.as_str().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{log}");
    }
    demo.stop();
}

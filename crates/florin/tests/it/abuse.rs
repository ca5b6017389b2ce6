//! Card testing against a whole system: the buyer's browser is refused, the issuer hears nothing more, and the owner finds out.

use crate::house::House;
use crate::web::{Api, Client, plain};
use serde_json::{Value, json};

fn with(ready: &Value, key: &str) -> Client {
    let mut ready = ready.clone();
    ready["secret_key"] = json!(key);
    Api::new(&ready).connect()
}

/// An intent of the merchant's server, confirmed by a browser. Gives the decline code, or the status.
fn tries(server: &mut Client, browser: &mut Client, number: &str) -> String {
    let intent = server.post("/v1/payment_intents", "amount=100&currency=eur").ok();
    let (id, secret) = (intent.text("/id"), intent.text("/client_secret"));
    let card =
        format!("[number]={number}&payment_method_data[card][exp_month]=12&payment_method_data[card][exp_year]=2034");
    let body = format!("client_secret={secret}&payment_method_data[type]=card&payment_method_data[card]{card}");
    let got = browser.post(&format!("/v1/payment_intents/{id}/confirm"), &body);
    let code = got.body.pointer("/error/decline_code").or(got.body.pointer("/error/code"));
    code.or(got.body.pointer("/status")).and_then(Value::as_str).unwrap_or("").to_owned()
}

/// Messages that went to the acquirer: every line of the metric.
fn messages(ready: &Value) -> Vec<String> {
    let all = plain(ready["metrics"].as_str().unwrap(), "GET /metrics", "", "").unwrap().body;
    let lines: Vec<String> =
        all.lines().filter(|l| l.starts_with("florin_messages_total{")).map(str::to_owned).collect();
    assert!(!lines.is_empty());
    lines
}

#[test]
fn card_testing_is_refused_and_written_down() {
    let house = House::new("abuse").with("FLORIN_ABUSE_DEFENCE", "on");
    let demo = house.demo();
    let key = demo.ready["publishable_key"].as_str().unwrap().to_owned();
    let (mut server, mut browser) = (Api::new(&demo.ready).connect(), with(&demo.ready, &key));
    // Declined by its issuer, over a small amount: twice, each counting twice; then the cardholder would have to authenticate, which this
    // card cannot; at the sixth nobody is asked any more.
    let numbers = ["4000000000000002", "4000000000009995"];
    let mut got: Vec<String> = (0..7).map(|n| tries(&mut server, &mut browser, numbers[n % 2])).collect();
    let before = messages(&demo.ready);
    // Its own answer would be insufficient_funds: no issuer was asked.
    got.push(tries(&mut server, &mut browser, numbers[1]));
    assert_eq!(messages(&demo.ready), before);
    assert_eq!(got[..2], ["generic_decline", "insufficient_funds"]);
    assert_eq!(got[6..], ["generic_decline", "generic_decline"], "{got:?}");
    let told = house.florin(&["abuse", "log"]).done();
    assert_eq!(told["data"][0]["action"], "refused");
    assert_eq!(told["data"][0]["reason"], "address_declines");
    assert!(!told.to_string().contains("127.0.0.1"));
    assert_eq!(server.get("/v1/florin/abuse_decisions?limit=1").ok().text("/data/0/reason"), "address_declines");
    demo.stop();
}

#[test]
fn a_key_asks_from_its_networks_alone() {
    let house = House::new("key-networks");
    let demo = house.demo();
    let status = |args: &[&str]| {
        let made = house.florin(&[&["keys", "create"], args].concat()).done();
        with(&demo.ready, made["key"].as_str().unwrap()).get("/v1/account").status
    };
    assert_eq!(status(&["--from", "127.0.0.0/8"]), 200);
    assert_eq!(status(&["--from", "203.0.113.0/24"]), 403);
    let refused = house.florin(&["keys", "create", "--from", "203.0.113.1/24"]);
    assert_eq!((refused.code, refused.refused().0.as_str()), (2, "parameter_invalid"));
    // One that ends soon is told of.
    let soon =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 3 * 86_400 - 43_200;
    house.florin(&["keys", "create", "--expires", &soon.to_string()]).done();
    let doctor = house.florin(&["doctor"]);
    let checks = doctor.json()["checks"].as_array().cloned().unwrap_or_default();
    let keys = checks.iter().find(|check| check["name"] == "API keys").cloned().unwrap_or_default();
    assert_eq!(keys["ok"], false);
    assert!(keys["says"].as_str().is_some_and(|says| says.contains("ends in 3 days")), "{keys}");
    demo.stop();
}

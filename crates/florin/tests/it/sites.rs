//! The addresses of a running installation: what each serves, and what its operator is told.

use crate::house::House;
use crate::web::{Api, browse};
use serde_json::{Value, json};

/// Status, head in lower case, body.
fn get(url: &str, headers: &str) -> (u16, String, String) {
    let page = browse(url, headers);
    (page.status, page.head, page.body)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[test]
fn the_demo_serves_each_site_at_its_own_address() {
    let house = House::new("sites");
    let demo = house.demo();
    let ready = &demo.ready;
    let (card, dashboard, api) = (text(ready, "http_card"), text(ready, "http_dashboard"), text(ready, "http_api"));
    assert!(card.starts_with("http://card.localhost:") && dashboard.starts_with("http://dashboard.localhost:"));
    assert!(text(ready, "card").starts_with("https://localhost:"));

    let (status, head, script) = get(&format!("{card}/js/v1/florin.js"), "");
    assert_eq!((status, script.is_empty()), (200, false));
    assert!(head.contains("access-control-allow-origin: *") && !head.contains("strict-transport-security"), "{head}");
    let (status, _, body) = get(&format!("{api}/js/v1/florin.js"), "");
    assert!(status == 404 && body.contains("http_card"), "{body}");
    assert_eq!(get(&format!("{card}/v1/account"), "").0, 401);
    assert_eq!(get(&format!("{card}/v1/account"), &bearer(text(ready, "secret_key"))).0, 403, "a secret key");
    assert_eq!(get(&format!("{dashboard}/nowhere"), "").0, 404);

    // A domain that is registered counts at once.
    let frame = format!("{card}/frames/field?key={}", text(ready, "publishable_key"));
    let ancestors = || {
        let (status, head, _) = get(&frame, "");
        assert_eq!(status, 200, "{head}");
        head.split("frame-ancestors ").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    assert!(!ancestors().contains("shop.example"));
    Api::new(ready).connect().post("/v1/payment_method_domains", "domain_name=shop.example").ok();
    assert!(ancestors().ends_with(" https://shop.example"));
    let (status, _, body) = get(&frame, "Referer: https://other.example/\r\n");
    assert!(status == 403 && body.contains("https://other.example is not registered"), "{body}");

    // The scripts are those of this program.
    let told = house.florin(&["scripts"]).done();
    assert_eq!((&told["differs"], told["data"].as_array().map(Vec::len) > Some(5)), (&json!(0), true), "{told}");
    assert!(house.florin(&["scripts", "--url", "http://127.0.0.1:1"]).code != 0);
    demo.stop();
    assert_eq!(house.florin(&["scripts"]).done()["url"], Value::Null, "nothing to compare with");
}

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}

#[test]
fn the_sandboxs_token_stands_in_its_file_alone() {
    let house = House::new("token");
    let demo = house.demo();
    let token = std::fs::read_to_string(text(&demo.ready, "network_token_file")).unwrap();
    assert!(token.trim().len() >= 32);
    house.florin(&["network", "summary"]).done();
    for file in ["run/ready.json", "run/sandbox.log"] {
        let told = std::fs::read_to_string(house.file(file)).unwrap();
        assert!(!told.contains(token.trim()), "{file}");
    }
    let said = demo.stop();
    assert!(!said.contains(token.trim()));
}

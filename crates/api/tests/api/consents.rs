//! What customers agreed to: recorded, listed, refused by name, gone with its customer.

use crate::world::Shop;
use serde_json::{Value, json};

#[test]
fn consents_are_recorded_and_listed() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ada").text("/id");
    let path = format!("/v1/florin/customers/{customer}/consents");
    let made = shop.post(&path, "purpose=marketing_email&granted=true&text_version=2026-11&channel=checkout&at=1000");
    let expected = json!({
        "id": made.text("/id"), "object": "florin.consent", "at": 1000, "created": made.at("/created"),
        "customer": customer, "granted": true, "livemode": false, "purpose": "marketing_email", "channel": "checkout",
        "text_version": "2026-11",
    });
    assert_eq!((made.status, &made.body), (200, &expected));
    let taken_back = shop.post(&path, "purpose=marketing_email&granted=false&text_version=2026-11");
    assert_eq!(taken_back.at("/at"), taken_back.at("/created"), "now, when nothing else is said");
    assert_eq!(shop.post(&path, "purpose=language&granted=true&text_version=nl").status, 200);
    let check = |query: &str, expected: &[(&str, bool)]| {
        let got = shop.get(&format!("{path}?{query}"));
        let list = got.at("/data").as_array().cloned().unwrap_or_default();
        let told: Vec<(String, bool)> = list
            .iter()
            .map(|c| (c["purpose"].as_str().unwrap_or_default().to_owned(), c["granted"] == json!(true)))
            .collect();
        let expected: Vec<(String, bool)> = expected.iter().map(|(p, g)| ((*p).to_owned(), *g)).collect();
        assert_eq!(told, expected, "{query}");
    };
    check("", &[("language", true), ("marketing_email", false), ("marketing_email", true)]);
    check("purpose=marketing_email", &[("marketing_email", false), ("marketing_email", true)]);
    check("limit=1", &[("language", true)]);
    check("purpose=other", &[]);
}

#[test]
fn what_is_no_consent_is_refused_by_name() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ada").text("/id");
    let check = |customer: &str, body: &str, status: u16, param: &str| {
        let got = shop.post(&format!("/v1/florin/customers/{customer}/consents"), body);
        assert_eq!((got.status, got.at("/error/param").as_str()), (status, Some(param)), "{body}: {}", got.body);
    };
    check(&customer, "granted=true&text_version=1", 400, "purpose");
    check(&customer, "purpose=a+b&granted=true&text_version=1", 400, "purpose");
    check(&customer, &format!("purpose={}&granted=true&text_version=1", "a".repeat(65)), 400, "purpose");
    check(&customer, "purpose=a&text_version=1", 400, "granted");
    check(&customer, "purpose=a&granted=perhaps&text_version=1", 400, "granted");
    check(&customer, "purpose=a&granted=true", 400, "text_version");
    check(&customer, "purpose=a&granted=true&text_version=1&at=253402300799", 400, "at");
    check(&customer, "purpose=a&granted=true&text_version=1&at=-1", 400, "at");
    check(&customer, "purpose=a&granted=true&text_version=1&more=1", 400, "more");
    check("cus_nobody", "purpose=a&granted=true&text_version=1", 404, "id");
    assert_eq!(shop.get(&format!("/v1/florin/customers/{customer}/consents")).at("/data"), &Value::Array(vec![]));
    assert_eq!(shop.delete(&format!("/v1/customers/{customer}")).status, 200);
    check(&customer, "purpose=a&granted=true&text_version=1", 404, "id");
}

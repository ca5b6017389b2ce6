//! Domains whose pages may show the card form: what is registered, what is refused, and which origins a frame is allowed for.

use crate::world::{Request, Shop};
use florin_core::edge::{Identified, Identify, Site};
use florin_store::block_on;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};

const PATH: &str = "/v1/payment_method_domains";

/// The origins that frames of this key may be shown at, or the status that refuses it.
fn origins(shop: &Shop, key: &str) -> Result<Vec<String>, u16> {
    let (id, client) = ("req_1".to_owned(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let asked = Identify { authorization: None, key_param: Some(key.to_owned()), id, client, origins: true };
    match block_on(shop.api.identify(asked)) {
        Identified::Account { origins, .. } => Ok(origins),
        Identified::Refused(response) => Err(response.status),
    }
}

#[test]
fn a_domain_is_kept_and_shown_as_stripe_shows_it() {
    let shop = Shop::open();
    let made = shop.post(PATH, "domain_name=Shop.Example");
    let id = made.text("/id");
    let inactive = json!({ "status": "inactive" });
    let expected = json!({
        "id": id, "object": "payment_method_domain", "created": made.at("/created"), "domain_name": "shop.example",
        "enabled": true, "livemode": false, "amazon_pay": inactive, "apple_pay": inactive, "google_pay": inactive,
        "klarna": inactive, "link": inactive, "paypal": inactive,
    });
    assert_eq!((made.status, &made.body), (200, &expected));
    assert!(id.starts_with("pmd_"));
    assert_eq!(shop.get(&format!("{PATH}/{id}")).body, expected);
    assert_eq!(shop.post(&format!("{PATH}/{id}/validate"), "").body, expected);
    assert_eq!(shop.get(PATH).at("/data/0"), &expected);

    let off = shop.post(&format!("{PATH}/{id}"), "enabled=false");
    assert_eq!((off.at("/enabled"), off.at("/id")), (&json!(false), &json!(id)));
    let again = shop.post(PATH, "domain_name=shop.example");
    assert_eq!((again.text("/id"), again.at("/enabled")), (id.clone(), &json!(false)), "once, and as it is");
    assert_eq!(shop.post(PATH, "domain_name=shop.example&enabled=true").at("/enabled"), &json!(true));
    assert_eq!(shop.get(PATH).at("/data").as_array().map(Vec::len), Some(1));
}

#[test]
fn lists_are_filtered() {
    let shop = Shop::open();
    for body in ["domain_name=a.example", "domain_name=b.example&enabled=false", "domain_name=c.example"] {
        assert_eq!(shop.post(PATH, body).status, 200);
    }
    let check = |query: &str, expected: &[&str]| {
        let got = shop.get(&format!("{PATH}?{query}"));
        let list = got.at("/data").as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = list.iter().filter_map(|d| d["domain_name"].as_str()).collect();
        assert_eq!(names, expected, "{query}");
    };
    check("", &["c.example", "b.example", "a.example"]);
    check("limit=2", &["c.example", "b.example"]);
    check("enabled=false", &["b.example"]);
    check("enabled=true", &["c.example", "a.example"]);
    check("domain_name=A.example", &["a.example"]);
    check("domain_name=none.example", &[]);
}

#[test]
fn what_is_no_domain_is_refused_by_name() {
    let shop = Shop::open();
    let check = |body: &str, expected: (u16, &str, &str)| assert_eq!(shop.post(PATH, body).error(), expected, "{body}");
    let bad = "invalid_domain_name";
    check("", (400, "parameter_missing", "domain_name"));
    check("domain_name=", (400, "parameter_invalid_empty", "domain_name"));
    check("domain_name=shop.example&enabled=perhaps", (400, "", "enabled"));
    check("domain_name=shop.example&more=1", (400, "parameter_unknown", "more"));
    for name in ["https://shop.example", "shop.example:443", "*.shop.example", "localhost", "192.0.2.1", "a b.example"]
    {
        check(&format!("domain_name={name}"), (400, bad, "domain_name"));
    }
    assert_eq!(shop.get(&format!("{PATH}/pmd_none")).error(), (404, "resource_missing", "payment_method_domain"));
    let public = shop.send(Request::new("POST", PATH, "domain_name=a.example").key(&shop.publishable));
    assert_eq!((public.status, public.text("/error/code")), (403, "secret_key_required".into()));
}

#[test]
fn frames_are_allowed_for_enabled_domains() {
    let shop = Shop::open();
    assert_eq!(origins(&shop, &shop.publishable), Ok(vec![]));
    let id = shop.post(PATH, "domain_name=shop.example").text("/id");
    shop.post(PATH, "domain_name=xn--bcher-kva.example");
    let both = vec!["https://xn--bcher-kva.example".to_owned(), "https://shop.example".to_owned()];
    assert_eq!(origins(&shop, &shop.publishable), Ok(both), "a change counts at once");
    shop.post(&format!("{PATH}/{id}"), "enabled=false");
    assert_eq!(origins(&shop, &shop.publishable), Ok(vec!["https://xn--bcher-kva.example".to_owned()]));
    assert_eq!(origins(&shop, &shop.secret), Err(403), "a secret key in a page");
    assert_eq!(origins(&shop, "pk_test_none"), Err(401));
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    let shop = Shop::open();
    let first = shop.post_once("a", PATH, "domain_name=shop.example");
    shop.post(&format!("{PATH}/{}", first.text("/id")), "enabled=false");
    assert_eq!(shop.post_once("a", PATH, "domain_name=shop.example").body, first.body);
}

#[test]
fn the_card_site_takes_publishable_keys_alone() {
    let shop = Shop::open();
    let check = |key: &str, expected: (u16, &str)| {
        let mut request = Request::new("GET", "/v1/tokens/tok_none", "").key(key);
        request.edge.site = Site::Card;
        let got = shop.send(request);
        let code = got.at("/error/code").as_str().unwrap_or_default().to_owned();
        assert_eq!((got.status, code.as_str()), expected);
    };
    check(&shop.publishable, (404, "resource_missing"));
    check(&shop.secret, (403, "publishable_key_required"));
}

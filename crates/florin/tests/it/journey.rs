//! A payment's journey in the browser: the link that the API gives, the page that it opens, and what no page shows.

use crate::house::House;
use crate::web::{Api, browse};
use serde_json::Value;

const NUMBER: &str = "4929123456000009";
const EMAIL: &str = "canary-journey@example.com";
const DESCRIPTION: &str = "<script>canary-journey</script>";

/// A page as a browser gets it without TLS: status, head and body.
fn page(url: &str) -> (u16, String, String) {
    let page = browse(url, "Accept-Language: en\r\n");
    (page.status, page.head, page.body)
}

/// What a reader sees of it.
fn text(body: &str) -> String {
    let parts = body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(told: &str, words: &[&str]) {
    for word in words {
        assert!(told.contains(word), "{word} in {told}");
    }
}

#[track_caller]
fn keeps_quiet(bytes: &[u8], what: &str) {
    let text = String::from_utf8_lossy(bytes);
    for canary in [NUMBER, "4929 1234", EMAIL, "canary-journey", "&mac=", "?account="] {
        assert!(!text.contains(canary), "{canary} in {what}");
    }
}

fn paid(client: &mut crate::web::Client) -> Value {
    let form = format!(
        "amount=1999&currency=eur&confirm=true&receipt_email={EMAIL}&description=%3Cscript%3Ecanary-journey%3C%2Fscript%3E\
         &payment_method_data[type]=card&payment_method_data[card][number]={NUMBER}&payment_method_data[card][exp_month]=12\
         &payment_method_data[card][exp_year]=2034&payment_method_data[card][cvc]=373"
    );
    let intent = client.post("/v1/payment_intents", &form).ok();
    assert_eq!((intent.text("/status"), intent.text("/description")), ("succeeded", DESCRIPTION));
    intent.body
}

#[test]
fn a_link_opens_a_payments_journey() {
    let house = House::new("journey");
    let demo = house.demo();
    let mut client = Api::new(&demo.ready).connect();
    let intent = paid(&mut client);
    let id = intent["id"].as_str().unwrap();
    let link = client.get(&format!("/v1/florin/payments/{id}/journey")).ok();
    assert_eq!((link.text("/object"), link.text("/subject")), ("florin.journey_link", id));
    assert!(link.number("/expires_at") > intent["created"].as_i64().unwrap() + 86_000);
    let url = link.text("/url");
    assert!(url.starts_with(&format!("{}/journey/{id}?", demo.ready["http_dashboard"].as_str().unwrap())), "{url}");
    // Every hop, with what was sent, and the books.
    let (status, head, body) = page(url);
    assert_eq!(status, 200);
    says(&head, &["default-src 'none'", "referrer-policy: no-referrer", "cache-control: no-store"]);
    assert!(!head.contains("set-cookie"), "{head}");
    let told = text(&body);
    says(&told, &["19.99 EUR Succeeded", "Shop", "Card form", "Vault", "Gateway", "Acquirer", "Visa", "Issuer"]);
    says(&told, &["Vault → Acquirer 0200", "Acquirer → Visa 0200", "Visa → Issuer 0200"]);
    says(&told, &["Issuer → Visa 0210", "Visa → Acquirer 0210", "Acquirer → Vault 0210", "00 · approved"]);
    says(&told, &["2 Card number 492912…0009", "4 Amount 000000001999 19.99 EUR", "Debits equal credits"]);
    says(&told, &["Captured", "Owed by the acquirer", "payment_intent.succeeded", "charge.succeeded", "pending"]);
    assert!(!told.contains("No answer came from"), "{told}");
    keeps_quiet(body.replace("&#38;mac=", "").replace("?account=", "").as_bytes(), "the page");
    // Its refund has a page of its own, and stands on the payment's.
    let refund = client.post("/v1/refunds", &format!("payment_intent={id}&amount=500")).ok();
    let link = client.get(&format!("/v1/florin/refunds/{}/journey", refund.text("/id"))).ok();
    let told = text(&page(link.text("/url")).2);
    says(&told, &["The journey of a refund", "5.00 EUR Succeeded", "Payment of 19.99 EUR", "Refund begun"]);
    let told = text(&page(url).2);
    says(&told, &["Refund of 5.00 EUR", "one commit: the money went back", "financial request: refund"]);
    // The terminal gives the same page.
    let made = house.florin(&["trace", id, "--link"]).done();
    assert_eq!(page(made["url"].as_str().unwrap()).0, 200);
    // Nothing of links or people in any log.
    let logs: Vec<String> =
        demo.ready["logs"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_owned()).collect();
    keeps_quiet(demo.stop().as_bytes(), "what was printed");
    for log in logs.iter().map(String::as_str).chain([house.file("gateway/requests.db").to_str().unwrap()]) {
        keeps_quiet(&std::fs::read(log).unwrap(), log);
    }
}

#[test]
fn what_opens_nothing() {
    let house = House::new("journey-shut");
    let demo = house.demo();
    let mut client = Api::new(&demo.ready).connect();
    let intent = paid(&mut client);
    let id = intent["id"].as_str().unwrap();
    let link = client.get(&format!("/v1/florin/payments/{id}/journey")).ok();
    let url = link.text("/url");
    let origin = demo.ready["http_dashboard"].as_str().unwrap();
    let expires = link.number("/expires_at");
    #[track_caller]
    fn check(url: &str, status: u16) {
        let got = page(url);
        assert_eq!(got.0, status, "{url}: {}", text(&got.2));
        assert!(!got.2.contains("19.99"), "{url}");
    }
    check(&url.replace(&format!("expires={expires}"), &format!("expires={}", expires + 1)), 403);
    check(&url.replace("account=acct_", "account=acct_1"), 403);
    check(url.rsplit_once('&').unwrap().0, 403);
    check(&format!("{origin}/journey/{id}"), 403);
    check(&format!("{origin}/journey/pi_guessed"), 403);
    check(&format!("{origin}/v1/payment_intents"), 404);
    check(&format!("{origin}/"), 200);
    // Only whoever may read the payment gets a link, and only for payments that are there.
    assert_eq!(client.get("/v1/florin/payments/pi_nobody/journey").status, 404);
    let wrong = client.get(&format!("/v1/florin/payments/{id}/journey?days=9"));
    assert_eq!((wrong.status, wrong.text("/error/param")), (400, "days"));
    let restricted = |permission: &str| {
        let made = house.florin(&["keys", "create", "--class", "restricted", "--permission", permission]).done();
        let mut ready = demo.ready.clone();
        ready["secret_key"] = made["key"].clone();
        Api::new(&ready).connect().get(&format!("/v1/florin/payments/{id}/journey")).status
    };
    assert_eq!((restricted("payment_intents:read"), restricted("customers:write")), (200, 403));
    demo.stop();
    // Without a dashboard there is no page to open.
    let refused = house.florin(&["trace", id, "--link"]);
    assert_eq!(refused.refused().0, "no_dashboard");
}

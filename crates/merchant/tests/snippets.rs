//! The snippets of docs/orders.md are run, and make byte for byte what this crate makes. The one for the official SDK is run by
//! tests/sdk; PHP's is read by people alone.

use florin_merchant::request::{Request, SigningKey, With, sign};
use florin_merchant::{Item, Order, OrderKey, digest, digest_of};
use std::process::Command;

const PAGE: &str = include_str!("../../../docs/orders.md");
const BODY: &str = "amount=2000&currency=eur";

fn snippet(language: &str) -> String {
    let begin = format!("```{language}\n");
    let (_, rest) = PAGE.split_once(&begin).unwrap_or_else(|| panic!("no {language}"));
    rest.split_once("\n```").unwrap_or_else(|| panic!("no end of {language}")).0.to_owned()
}

/// A line each: the digest, the code, and the headers of three requests.
fn expected() -> String {
    let items = digest_of(&[
        Item { sku: "mug-blue", name: "Blaue Tässchen €", quantity: 2, unit_amount: 1250 },
        Item { sku: "gift", name: "", quantity: 1, unit_amount: -500 },
    ]);
    let key = OrderKey::new("ordkey_1", "ordsec_2").unwrap();
    let order = Order { id: "1001", items, amount: 2000, currency: "eur", customer: "cus_1" };
    let code = key.sign(&order, 1_800_000_000, "AAAAAAAAAAAAAAAA").unwrap();
    let mut lines = vec![items.to_string(), code.to_string()];
    let told = digest::header(BODY.as_bytes());
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", "Bearer sk_test_1"),
        ("idempotency-key", "order-1"),
        ("content-digest", &told),
    ];
    for (authority, method, query, has_body, headers) in [
        ("localhost:4242", "POST", "", true, &headers[..]),
        ("localhost:4242", "GET", "limit=3", false, &headers[1..2]),
        // As a URL with the usual port means it.
        ("pay.example", "GET", "", false, &headers[1..2]),
    ] {
        let (scheme, path) = ("https", "/v1/payment_intents");
        let request = Request { method, scheme, authority, path, query, headers: headers.to_vec(), has_body };
        let with = With { key_id: "key_1", created: 1_800_000_000, nonce: "BBBBBBBBBBBBBBBB" };
        let signed = sign(&request, &SigningKey::hmac(b"sigsec_2"), &with).unwrap();
        if has_body {
            lines.push(told.clone());
        }
        lines.extend([signed.signature_input, signed.signature]);
    }
    lines.join("\n")
}

#[track_caller]
fn check(command: &str, flag: &str, program: &str) {
    let ran = Command::new(command).args([flag, program]).output().unwrap_or_else(|e| panic!("{command}: {e}"));
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command}: {errors}");
    assert_eq!(String::from_utf8(ran.stdout).unwrap().trim(), expected(), "{command}");
}

#[test]
fn python_signs_the_same() {
    let call = r#"
items = [{"sku": "mug-blue", "name": "Blaue Tässchen €", "quantity": 2, "unit_amount": 1250},
         {"sku": "gift", "name": "", "quantity": 1, "unit_amount": -500}]
order = {"id": "1001", "items_digest": items_digest(items), "amount": 2000, "currency": "eur", "customer": "cus_1"}
print(order["items_digest"])
print(order_code("ordkey_1", "ordsec_2", order, 1800000000, "A" * 16))
own = {"authorization": "Bearer sk_test_1"}
post = {**own, "content-type": "application/x-www-form-urlencoded", "idempotency-key": "order-1"}
url = "https://localhost:4242/v1/payment_intents"
for made in (sign_request("key_1", "sigsec_2", "POST", url, post, b"amount=2000&currency=eur", 1800000000, "B" * 16),
             sign_request("key_1", "sigsec_2", "GET", url + "?limit=3", own, b"", 1800000000, "B" * 16),
             sign_request("key_1", "sigsec_2", "GET", "https://PAY.example:443/v1/payment_intents", own, b"", 1800000000, "B" * 16)):
    print("\n".join(made.values()))
"#;
    check("python3", "-c", &(snippet("python") + "\n" + call));
}

#[test]
fn node_signs_the_same() {
    let call = r#"
const items = [{ sku: "mug-blue", name: "Blaue Tässchen €", quantity: 2, unit_amount: 1250 },
  { sku: "gift", name: "", quantity: 1, unit_amount: -500 }];
const order = { id: "1001", items_digest: itemsDigest(items), amount: 2000, currency: "eur", customer: "cus_1" };
console.log(order.items_digest);
console.log(orderCode("ordkey_1", "ordsec_2", order, 1800000000, "A".repeat(16)));
const own = { authorization: "Bearer sk_test_1" };
const post = { ...own, "content-type": "application/x-www-form-urlencoded", "idempotency-key": "order-1" };
const url = "https://localhost:4242/v1/payment_intents";
for (const made of [signRequest("key_1", "sigsec_2", "POST", url, post, "amount=2000&currency=eur", 1800000000, "B".repeat(16)),
  signRequest("key_1", "sigsec_2", "GET", url + "?limit=3", own, "", 1800000000, "B".repeat(16)),
  signRequest("key_1", "sigsec_2", "GET", "https://PAY.example:443/v1/payment_intents", own, "", 1800000000, "B".repeat(16))])
  console.log(Object.values(made).join("\n"));
"#;
    check("node", "-e", &(snippet("js") + "\n" + call));
}

/// Each fits on a screen.
#[test]
fn snippets_are_short() {
    for language in ["python", "js", "php"] {
        let lines = snippet(language).lines().count();
        assert!(lines <= 45, "{language}: {lines} lines");
    }
}

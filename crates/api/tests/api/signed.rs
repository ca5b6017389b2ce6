//! Signed requests (RFC 9421): a key that needs them opens nothing without, and nothing twice.

use crate::world::{ACCOUNT, Got, Request, Shop};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use florin_api::KeyClass;
use florin_api::keys::manage::{self, NewKey};
use florin_api::keys::rules::{self, NewRules, NewSigning};
use florin_core::audit::By;
use florin_core::edge::{Identified, Identify};
use florin_core::id::Kind;
use florin_merchant::request::{self, SigningKey, With};
use florin_merchant::{digest, nonce};
use florin_store::block_on;
use std::net::{IpAddr, Ipv4Addr};

const BODY: &str = "amount=1000&currency=eur";
const INTENTS: &str = "/v1/payment_intents";

struct Signer {
    id: String,
    text: String,
    key: SigningKey,
}

fn make(shop: &Shop) -> (String, String) {
    let made = block_on(manage::issue(&By::SYSTEM, &shop.api, ACCOUNT, NewKey::plain(KeyClass::Secret, false)));
    let made = made.map_err(|e| e.message).unwrap();
    (shop.id(Kind::ApiKey, made.key), made.text)
}

/// A key whose requests must be signed with a shared secret.
fn signer(shop: &Shop) -> Signer {
    let (id, text) = make(shop);
    let wanted = NewRules { signing: Some(NewSigning::Hmac), signature_required: Some(true), order_code: None };
    let (_, secret) =
        block_on(rules::set(&By::SYSTEM, &shop.api, ACCOUNT, &id, &wanted)).map_err(|e| e.message).unwrap();
    Signer { id, text, key: SigningKey::hmac(secret.unwrap().as_bytes()) }
}

impl Signer {
    /// A request as a merchant's server signs it.
    fn sign(&self, path: &str, body: &str, created: i64, nonce: &str) -> Request {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let mut request = Request::new(method, path, body).key(&self.text).header("host", "api.test");
        if !body.is_empty() {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("content-digest", &digest::header(body.as_bytes()));
        }
        let edge = &request.edge;
        let wire = request::Request {
            method: &edge.method,
            scheme: if edge.tls { "https" } else { "http" },
            authority: "api.test",
            path: &edge.path,
            query: &edge.query,
            headers: edge.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            has_body: !body.is_empty(),
        };
        let signed = request::sign(&wire, &self.key, &With { key_id: &self.id, created, nonce }).unwrap();
        request.header("signature-input", &signed.signature_input).header("signature", &signed.signature)
    }

    fn now(&self, shop: &Shop, path: &str, body: &str) -> Request {
        self.sign(path, body, shop.now().seconds(), &nonce().unwrap())
    }
}

fn without(mut request: Request, name: &str) -> Request {
    request.edge.headers.retain(|(n, _)| n != name);
    request
}

#[test]
fn a_signed_request_is_taken_and_an_unsigned_one_is_not() {
    let shop = Shop::open();
    let signer = signer(&shop);
    let check = |request: Request, status: u16, code: &str, param: &str| {
        let got: Got = shop.send(request);
        assert_eq!(got.error(), (status, code, param), "{:#}", got.body);
    };
    let good = || signer.now(&shop, INTENTS, BODY);
    check(good(), 200, "", "");
    check(signer.now(&shop, &format!("{INTENTS}?limit=3"), ""), 200, "", "");
    check(Request::new("GET", INTENTS, "").key(&signer.text), 401, "signature_required", "");
    check(without(good(), "signature"), 401, "signature_required", "");
    check(without(good(), "content-digest"), 401, "signature_invalid", "");
    let mut other = good();
    other.edge.body = b"amount=9000&currency=eur".to_vec();
    check(other, 400, "content_digest_mismatch", "content-digest");
    let mut other = good();
    other.edge.path = "/v1/customers".into();
    check(other, 401, "signature_invalid", "");
    let mut other = good();
    other.edge.query = "expand[]=customer".into();
    check(other, 401, "signature_component_missing", "@query");
    check(good().header("idempotency-key", "k"), 401, "signature_component_missing", "idempotency-key");
    let now = shop.now().seconds();
    for (created, expected) in [(now - 290, 200), (now - 400, 401), (now + 290, 200), (now + 400, 401)] {
        let code = if expected == 200 { "" } else { "signature_time_skew" };
        check(signer.sign(INTENTS, BODY, created, &nonce().unwrap()), expected, code, "");
    }
    // Other keys go on as they did, also when they are signed for nobody.
    assert_eq!(shop.post(INTENTS, BODY).status, 200);
    check(without(good(), "authorization").key(&shop.secret), 200, "", "");
}

/// A nonce is taken once, by whichever process and after whatever restart: it is in the store.
#[test]
fn a_request_is_not_replayed() {
    let mut shop = Shop::open();
    let signer = signer(&shop);
    let request = signer.now(&shop, INTENTS, BODY);
    let again = |request: &Request| Request { edge: request.edge.clone() };
    assert_eq!(shop.send(again(&request)).status, 200);
    assert_eq!(shop.send(again(&request)).error(), (401, "signature_replayed", ""));
    shop.restart();
    assert_eq!(shop.send(again(&request)).error(), (401, "signature_replayed", ""));
    // What was refused took none.
    let early = signer.sign(INTENTS, BODY, shop.now().seconds() + 305, "nonce-of-tomorrow");
    assert_eq!(shop.send_now(again(&early)).error().1, "signature_time_skew");
    shop.pass(10_000);
    assert_eq!(shop.send_now(again(&early)).status, 200);
    assert_eq!(shop.send(again(&early)).error().1, "signature_replayed");
}

#[test]
fn keys_of_two_kinds() {
    let shop = Shop::open();
    let (id, text) = make(&shop);
    let pair = Ed25519KeyPair::generate().unwrap();
    let public: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
    let set = |new: NewRules| block_on(rules::set(&By::SYSTEM, &shop.api, ACCOUNT, &id, &new)).map_err(|e| e.message);
    let asks = |signing, required| NewRules { signing, signature_required: Some(required), order_code: None };
    assert!(set(asks(None, true)).is_err());
    let (shown, secret) = set(asks(Some(NewSigning::Ed25519(public)), true)).unwrap();
    assert_eq!(
        (shown["signing"].as_str(), shown["require_signature"].as_bool(), secret),
        (Some("ed25519"), Some(true), None)
    );
    let signer = Signer { id: id.clone(), text, key: SigningKey::Ed25519(Box::new(pair)) };
    assert_eq!(shop.send(signer.now(&shop, INTENTS, BODY)).status, 200);
    let hmac = Signer { key: SigningKey::hmac(b"guessed"), id: signer.id.clone(), text: signer.text.clone() };
    assert_eq!(shop.send(hmac.now(&shop, INTENTS, BODY)).error().1, "signature_invalid");
    // Looked at where one is sent, not asked for.
    set(asks(None, false)).unwrap();
    assert_eq!(shop.send(Request::new("GET", INTENTS, "").key(&signer.text)).status, 200);
    assert_eq!(shop.send(hmac.now(&shop, INTENTS, BODY)).error().1, "signature_invalid");
    set(asks(Some(NewSigning::None), false)).unwrap();
    assert_eq!(shop.send(hmac.now(&shop, INTENTS, BODY)).status, 200);
}

/// A card is swapped before anybody could compare a signature: so none is taken.
#[test]
fn a_key_that_signs_brings_no_cards() {
    let shop = Shop::open();
    let signer = signer(&shop);
    let asked = |text: &str, origins| Identify {
        authorization: Some(format!("Bearer {text}")),
        key_param: None,
        id: "req_1".into(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        origins,
    };
    match block_on(shop.api.identify(asked(&signer.text, false))) {
        Identified::Refused(answer) => {
            let body = String::from_utf8(answer.body).unwrap();
            assert!(answer.status == 400 && body.contains("card_in_signed_request"), "{body}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(block_on(shop.api.identify(asked(&shop.secret, false))), Identified::Account { .. }));
}

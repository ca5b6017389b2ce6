//! Cards on their way into the vault, and where they are refused.

use super::{ACCOUNT, CODE, Client, Got, NUMBER, World, get, post, post_as, within};
use crate::core::wire::Network;
use tokio::io::{AsyncRead, AsyncWrite};

fn card(prefix: &str, number: &str, month: &str, year: &str, code: &str) -> String {
    let field = |name: &str, value: &str| format!("{prefix}[{name}]={value}&");
    [field("number", number), field("exp_month", month), field("exp_year", year), field("cvc", code)].concat()
}

fn good(prefix: &str) -> String {
    card(prefix, NUMBER, "12", "2031", CODE)
}

#[test]
fn a_card_becomes_a_token_wherever_one_is_taken() {
    within(async {
        let world = World::new().await;
        let mut client = world.tls().await;
        for (path, param) in [
            ("/v1/tokens", "card"),
            ("/v1/payment_methods", "card"),
            ("/v1/payment_intents", "payment_method_data[card]"),
            ("/v1/payment_intents/pi_1", "payment_method_data[card]"),
            ("/v1/payment_intents/pi_1/confirm", "payment_method_data[card]"),
            ("/v1/setup_intents", "payment_method_data[card]"),
            ("/v1/setup_intents/seti_1/confirm", "payment_method_data[card]"),
            ("/v1/confirmation_tokens", "payment_method_data[card]"),
            ("/v1/test_helpers/confirmation_tokens", "payment_method_data[card]"),
            ("/v1/customers", "source"),
            ("/v1/customers/cus_1", "card"),
            ("/v1/customers/cus_1/sources", "source"),
            ("/v1/charges", "card"),
        ] {
            let got = client.ask(&post(path, &format!("{}a=b", good(param)))).await;
            assert_eq!((got.status, got.body.as_str()), (200, r#"{"ok":true}"#), "{path}");
            let request = world.seen.last();
            assert_eq!(String::from_utf8(request.body).unwrap(), format!("{param}[florin_card]=0&a=b"), "{path}");
            let [swapped] = request.cards.as_slice() else { panic!("{path}: one card") };
            let facts = &swapped.facts;
            assert_eq!((swapped.param.as_str(), swapped.cvc_given), (param, true), "{path}");
            assert_eq!((facts.network, &facts.last4, &facts.first6), (Network::Visa, b"0009", b"492912"), "{path}");
            assert_eq!((facts.exp_month, facts.exp_year), (12, 2031), "{path}");
            let kept = world
                .edge
                .cards
                .as_ref()
                .unwrap()
                .find(world.edge.clock.now().wall, ACCOUNT, false, facts.token)
                .unwrap();
            assert!(kept.is_some_and(|card| card.pan.reveal() == NUMBER), "{path}");
            let code = world.edge.cards.as_ref().unwrap().take_cvc(world.edge.clock.now().steady, facts.token);
            assert!(code.is_some_and(|code| code.reveal() == CODE), "{path}");
        }
        let digests: std::collections::BTreeSet<[u8; 32]> =
            world.seen.requests.lock().unwrap().iter().map(|r| r.cards[0].digest).collect();
        assert_eq!(digests.len(), 1, "the same card has the same digest");
        world.end().await;
    });
}

/// RFC 9530 over the bytes as they came; a signature (RFC 9421) could not be checked once a card was swapped.
#[test]
fn digests_are_of_the_bytes_that_came() {
    within(async {
        let world = World::new().await;
        let mut client = world.tls().await;
        let text = "amount=1000&currency=eur";
        let right = florin_merchant::digest::header(text.as_bytes());
        let wrong = florin_merchant::digest::header(b"amount=1&currency=eur");
        for (headers, status, part) in [
            (format!("Content-Digest: {right}\r\n"), 200, "ok"),
            (format!("Content-Digest: {right}\r\nContent-Digest: md5=:AAAA:\r\n"), 200, "ok"),
            ("Content-Digest: md5=:AAAA:\r\n".to_owned(), 200, "ok"),
            (format!("Content-Digest: {wrong}\r\n"), 400, "content_digest_mismatch"),
            (format!("Content-Digest: {right}\r\nContent-Digest: sha-512=:AAAA:\r\n"), 400, "content_digest_mismatch"),
            ("Content-Digest: sha-256=AAAA\r\n".to_owned(), 400, "content_digest_invalid"),
        ] {
            let got = client.ask(&with(&post("/v1/payment_intents", text), &headers)).await;
            assert_eq!(got.status, status, "{headers}: {}", got.body);
            assert!(got.body.contains(part), "{headers}: {}", got.body);
        }
        let before = world.seen.requests.lock().unwrap().len();
        let signed = "Signature-Input: a=()\r\nSignature: a=:AAAA:\r\n";
        let got = client.ask(&with(&post("/v1/tokens", &good("card")), signed)).await;
        assert!(got.status == 400 && got.body.contains("card_in_signed_request"), "{}", got.body);
        assert_eq!(world.seen.requests.lock().unwrap().len(), before, "the gateway hears nothing of it");
        world.end().await;
    });
}

/// The request with more headers.
fn with(request: &str, headers: &str) -> String {
    request.replacen("\r\n\r\n", &format!("\r\n{headers}\r\n"), 1)
}

#[test]
fn cards_in_json_and_codes_alone() {
    within(async {
        let world = World::new().await;
        let mut client = world.plain().await;
        let body = format!(r#"{{"card":{{"number":"{NUMBER}","exp_month":12,"exp_year":2031,"cvc":"{CODE}"}},"a":1}}"#);
        let got = client.ask(&post_as("/v1/tokens", "application/json; charset=utf-8", &body)).await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(world.seen.last().body, br#"{"card":{"florin_card":0},"a":1}"#);
        assert_eq!(world.seen.last().cards.len(), 1);
        let got = client.ask(&post("/v1/tokens", &format!("cvc_update[cvc]={CODE}"))).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let request = world.seen.last();
        assert_eq!(request.body, b"cvc_update[florin_code]=0");
        let code = world.edge.cards.as_ref().unwrap().take_cvc(world.edge.clock.now().steady, request.codes[0].token);
        assert!(code.is_some_and(|code| code.reveal() == CODE));
        assert_eq!(world.edge.counts().cards, 2);
        world.end().await;
    });
}

#[test]
fn the_card_is_kept_under_the_account_of_the_key() {
    within(async {
        let world = World::new().await;
        let mut client = world.plain().await;
        let body = good("card");
        let mut with = async |key: &str, body: String| {
            let header = if key.is_empty() { String::new() } else { format!("Authorization: {key}\r\n") };
            let length = body.len();
            let text = format!("POST /v1/tokens HTTP/1.1\r\nHost: a\r\n{header}Content-Length: {length}\r\n\r\n{body}");
            client.ask(&text).await.status
        };
        assert_eq!(with("Bearer sk_test_1", body.clone()).await, 200);
        assert_eq!(with("Basic c2tfdGVzdF8xOg==", body.clone()).await, 200);
        assert_eq!(with("", format!("{body}key=pk_test_1")).await, 200);
        assert_eq!(with("Bearer sk_wrong", body.clone()).await, 401);
        assert_eq!(with("", body.clone()).await, 401);
        assert_eq!(with("Bearer sk_live_1", body.clone()).await, 400, "of the other mode");
        assert_eq!(world.seen.count(), 3, "the others were not passed on");
        let asked = world.seen.identified.lock().unwrap().len();
        assert_eq!(with("Bearer sk_wrong", "a=b".into()).await, 200, "without a card the gateway looks at the key");
        assert_eq!(world.seen.identified.lock().unwrap().len(), asked);
        world.end().await;
    });
}

#[test]
fn wrong_cards_are_refused_as_card_errors() {
    within(async {
        let world = World::new().await;
        let mut client = world.plain().await;
        let mut check = async |number: &str, month: &str, year: &str, code: &str, expected: (u16, &str, &str)| {
            let got = client.ask(&post("/v1/tokens", &card("card", number, month, year, code))).await;
            let (error, param) = (got.error("code").unwrap_or_default(), got.error("param").unwrap_or_default());
            assert_eq!((got.status, error.as_str(), param.as_str()), expected, "{month} {year}");
            let kind = if expected.0 == 402 { "card_error" } else { "invalid_request_error" };
            assert_eq!(got.error("type").as_deref(), Some(kind));
            assert!(got.error("message").is_some_and(|message| message.ends_with('.')), "{}", got.body);
        };
        check("4242424242424241", "12", "2031", CODE, (402, "incorrect_number", "number")).await;
        check("4242424242424241", "13", "1", "", (402, "incorrect_number", "number")).await;
        check("4242", "12", "2031", CODE, (402, "invalid_number", "number")).await;
        check("abc", "12", "2031", CODE, (402, "invalid_number", "number")).await;
        check(NUMBER, "13", "2031", CODE, (402, "invalid_expiry_month", "exp_month")).await;
        check(NUMBER, "0", "2031", CODE, (402, "invalid_expiry_month", "exp_month")).await;
        check(NUMBER, "-1", "2031", CODE, (402, "invalid_expiry_month", "exp_month")).await;
        check(NUMBER, "12", "2020", CODE, (402, "invalid_expiry_year", "exp_year")).await;
        check(NUMBER, "12", "99999", CODE, (402, "invalid_expiry_year", "exp_year")).await;
        check(NUMBER, "12", "2031", "12", (402, "invalid_cvc", "cvc")).await;
        check(NUMBER, "12", "2031", "", (402, "invalid_cvc", "cvc")).await;
        check(NUMBER, "x", "2031", CODE, (400, "parameter_invalid_integer", "card[exp_month]")).await;
        check(NUMBER, "12", "", CODE, (400, "parameter_invalid_empty", "card[exp_year]")).await;
        check("", "12", "2031", CODE, (400, "parameter_invalid_empty", "card[number]")).await;
        let mut real = (0..10).map(|n| format!("453201511283036{n}"));
        let real = real.find(|n| florin_connect::card::luhn(n.as_bytes())).unwrap_or_default();
        check(&real, "12", "2031", CODE, (402, "card_declined", "number")).await;
        let got = client.ask(&post("/v1/tokens", &format!("card[number]={NUMBER}&card[exp_year]=2031"))).await;
        assert_eq!((got.status, got.error("param").as_deref()), (400, Some("card[exp_month]")));
        assert_eq!(world.seen.count(), 0);
        world.end().await;
    });
}

/// The answer to something that holds a card where none belongs.
async fn refused<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, text: &str, param: Option<&str>) -> Got {
    let got = client.ask(text).await;
    assert_eq!((got.status, got.error("code").as_deref()), (400, Some("card_number_in_field")), "{}", got.body);
    assert_eq!(got.error("param").as_deref(), param, "{}", got.body);
    assert!(!got.body.contains(NUMBER) && !got.head.contains(NUMBER));
    got
}

#[test]
fn card_numbers_in_other_places_are_refused_and_not_written_down() {
    within(async {
        let world = World::new().await;
        let mut client = world.tls().await;
        let spaced = "4929 1234 5600 0009";
        refused(&mut client, &post("/v1/customers", &format!("description={spaced}")), Some("description")).await;
        refused(&mut client, &get(&format!("/v1/charges?card[number]={NUMBER}")), Some("card[number]")).await;
        refused(&mut client, &get(&format!("/v1/charges/{NUMBER}")), Some("path")).await;
        refused(&mut client, &get(&format!("/v1/payment_intents/pi_{NUMBER}?a")), Some("path")).await;
        refused(&mut client, &get(&format!("/v1/charges?a=%34{}", &NUMBER[1..])), Some("a")).await;
        let header = |line: &str| format!("GET /v1/charges HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        refused(&mut client, &header(&format!("Idempotency-Key: {NUMBER}")), Some("Idempotency-Key")).await;
        refused(&mut client, &header(&format!("X-A: card {spaced}")), Some("X-A")).await;
        refused(&mut client, &header(&format!("Authorization: Bearer {NUMBER}")), Some("Authorization")).await;
        refused(&mut client, &header("Authorization: Basic NDkyOTEyMzQ1NjAwMDAwOTo="), Some("Authorization")).await;
        refused(&mut client, &header(&format!("X-{NUMBER}: a")), None).await;
        refused(&mut client, &header(&format!("Traceparent: 00-{NUMBER}-b7ad6b7169203331-01")), Some("Traceparent"))
            .await;
        assert_eq!((world.seen.count(), world.edge.counts().card_number_in_field), (0, 11));
        assert_eq!(client.ask(&get("/v1/charges")).await.status, 200, "the connection goes on");
        world.end().await;
    });
}

#[test]
fn card_numbers_in_the_gateways_errors_are_overwritten() {
    within(async {
        let world = World::new().await;
        let got = world.tls().await.ask(&get("/v1/leak")).await;
        assert_eq!((got.status, got.error("message").as_deref()), (404, Some("No such '************0009'")));
        assert_eq!(world.edge.counts().masked, 1);
        world.end().await;
    });
}

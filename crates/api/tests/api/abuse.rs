//! Card testing as a tester, a buyer and a merchant meet it: who is refused, what each is told, what is written down.

use crate::world::{Got, Request, Shop};
use florin_api::{GuardSettings, LimitSettings, Rate};
use serde_json::json;

const INTENTS: &str = "/v1/payment_intents";
const DECLINED: &str = "pm_card_chargeDeclined";
const OTHER: &str = "pm_card_chargeDeclinedInsufficientFunds";

/// A payment of its own, confirmed in a browser at this address.
fn tries(shop: &Shop, address: u8, amount: u32, card: &str) -> Got {
    let intent = shop.post(INTENTS, &format!("amount={amount}&currency=eur"));
    confirms(shop, address, &intent, card)
}

fn confirms(shop: &Shop, address: u8, intent: &Got, card: &str) -> Got {
    let (id, secret) = (intent.text("/id"), intent.text("/client_secret"));
    let body = format!("payment_method={card}&client_secret={secret}&return_url=https%3A%2F%2Fshop.test%2F");
    let mut request = Request::new("POST", &format!("{INTENTS}/{id}/confirm"), &body).key(&shop.publishable);
    request.edge.client = [203, 0, 113, address].into();
    shop.send(request)
}

/// Status and decline code of each, and how many messages the issuer got.
#[track_caller]
fn check(shop: &Shop, got: &[Got], expected: &[(u16, &str)], orders: usize) {
    let told: Vec<(u16, String)> = got.iter().map(|g| (g.status, g.text("/error/decline_code"))).collect();
    let told: Vec<(u16, &str)> = told.iter().map(|(status, code)| (*status, code.as_str())).collect();
    assert_eq!((told.as_slice(), shop.orders()), (expected, orders));
}

#[test]
fn an_address_that_tests_cards_is_refused_and_others_go_on() {
    let shop = Shop::guarded(GuardSettings::ON);
    let got: Vec<Got> = (0..7).map(|n| tries(&shop, 1, 100, if n % 2 == 0 { DECLINED } else { OTHER })).collect();
    // Over small amounts each decline counts twice: the sixth is refused, without a word that tells it from a decline.
    let (no, funds) = ((402, "generic_decline"), (402, "insufficient_funds"));
    check(&shop, &got, &[no, funds, no, funds, no, no, no], 5);
    assert_eq!(got[6].text("/error/code"), "card_declined");
    assert_eq!(got[6].text("/error/message"), "Your card was declined.");
    // Another buyer pays; the merchant sees what it was.
    assert_eq!(tries(&shop, 2, 1999, "pm_card_visa").status, 200);
    let id = got[6].text("/error/payment_intent/id");
    let seen = shop.get(&format!("{INTENTS}/{id}?expand[]=latest_charge"));
    for (path, expected) in [
        ("/status", json!("requires_payment_method")),
        ("/last_payment_error/decline_code", json!("fraudulent")),
        ("/latest_charge/outcome/type", json!("blocked")),
        ("/latest_charge/outcome/network_status", json!("not_sent_to_network")),
        ("/latest_charge/outcome/risk_level", json!("highest")),
    ] {
        assert_eq!(seen.at(path), &expected, "{path}");
    }
    let log = shop.get("/v1/florin/abuse_decisions");
    for (path, expected) in [
        ("/data/0/action", json!("refused")),
        ("/data/0/reason", json!("address_declines")),
        ("/data/0/payment_intent", json!(id)),
        ("/data/0/setup_intent", json!(null)),
        ("/data/0/declines/address", json!(10)),
        ("/has_more", json!(false)),
    ] {
        assert_eq!(log.at(path), &expected, "{path}");
    }
    assert!(!log.body.to_string().contains("203.0.113"));
    let of_others = shop.send(Request::new("GET", "/v1/florin/abuse_decisions", "").key(&shop.other));
    assert_eq!(of_others.at("/data"), &json!([]));
    // Whoever goes on all the same hears no more than that it is too much; nothing is written down of it.
    let mut last = tries(&shop, 1, 100, DECLINED);
    for _ in 0..20 {
        last = tries(&shop, 1, 100, DECLINED);
    }
    let header = |name| last.header(name).unwrap_or("").to_owned();
    assert_eq!((last.status, last.text("/error/code").as_str()), (429, "rate_limit"));
    assert_eq!(
        (header("retry-after"), header("stripe-rate-limited-reason")),
        ("600".into(), "resource-specific".into())
    );
    // After two hours it may try again.
    shop.pass(7_200_000);
    assert_eq!(tries(&shop, 1, 1999, "pm_card_visa").status, 200);
}

#[test]
fn a_suspect_is_asked_to_authenticate_where_the_card_can() {
    let shop = Shop::guarded(GuardSettings::ON);
    let enrolled = "pm_card_threeDSecureOptional";
    assert_eq!(tries(&shop, 1, 100, enrolled).text("/status"), "succeeded");
    let got: Vec<Got> = (0..2).map(|_| tries(&shop, 3, 100, DECLINED)).collect();
    check(&shop, &got, &[(402, "generic_decline"); 2], 3);
    let asked = tries(&shop, 3, 1999, enrolled);
    assert_eq!((asked.text("/status").as_str(), shop.orders()), ("requires_action", 3));
    assert_eq!(shop.get("/v1/florin/abuse_decisions").at("/data/0/action"), "challenged");
}

#[test]
fn one_payment_takes_so_many_cards_and_one_card_so_many_declines() {
    let settings = GuardSettings::ON;
    let shop = Shop::guarded(settings);
    // From ever new addresses.
    let got: Vec<Got> = (0..10).map(|n| tries(&shop, 10 + n, 1999, DECLINED)).collect();
    let no = (402, "generic_decline");
    check(&shop, &got, &[no; 10], 8);
    assert_eq!(shop.get("/v1/florin/abuse_decisions").at("/data/0/reason"), "card_declines");
    // The merchant's server is told the same, and named the reason.
    let bought = shop.post(INTENTS, &format!("amount=1999&currency=eur&payment_method={DECLINED}&confirm=true"));
    check(&shop, &[bought], &[(402, "fraudulent")], 8);
    let fresh = Shop::guarded(settings);
    let intent = fresh.post(INTENTS, "amount=1999&currency=eur");
    // Two minutes apart: faster, it would be an alarm for the account.
    let later = |n: u8| {
        fresh.pass(120_000);
        confirms(&fresh, 30 + n, &intent, [DECLINED, OTHER][usize::from(n) % 2])
    };
    let got: Vec<Got> = (0..11).map(later).collect();
    assert_eq!((got[9].text("/error/decline_code").as_str(), fresh.orders()), ("insufficient_funds", 10));
    assert_eq!(fresh.get("/v1/florin/abuse_decisions").at("/data/0/reason"), "intent_declines");
}

#[test]
fn without_the_defence_declines_are_the_issuers_alone() {
    let shop = Shop::open();
    let got: Vec<Got> = (0..12).map(|_| tries(&shop, 1, 100, DECLINED)).collect();
    check(&shop, &got, &[(402, "generic_decline"); 12], 12);
    assert_eq!(shop.get("/v1/florin/abuse_decisions").at("/data"), &json!([]));
}

#[test]
fn accounts_and_cards_have_limits_of_their_own() {
    let rate = Rate { per_second: 1, burst: 2 };
    // All keys of an account together.
    let shop = Shop::limited(LimitSettings { account: rate, ..LimitSettings::NONE });
    let asks = |key: &str| shop.send_now(Request::new("GET", "/v1/payment_intents", "").key(key)).status;
    assert_eq!([asks(&shop.secret), asks(&shop.secret), asks(&shop.secret), asks(&shop.other)], [200, 200, 429, 200]);
    // One card, whatever it is given for.
    let shop = Shop::limited(LimitSettings { card: rate, ..LimitSettings::NONE });
    let gives = || shop.declare(Request::new("POST", "/v1/tokens", "card[florin_card]=0").key(&shop.secret)).0;
    let statuses = [gives().status, gives().status];
    let third = gives();
    assert_eq!((statuses, third.status), ([200, 200], 429));
    assert_eq!(third.header("stripe-rate-limited-reason"), Some("resource-specific"));
}

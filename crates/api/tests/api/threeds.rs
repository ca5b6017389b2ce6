//! 3-D Secure as a merchant and a browser see it: `requires_action`, the way to the issuer and back, what the charge tells.

use crate::world::{Got, Shop};
use florin_core::commit::JobKind;
use florin_core::threeds::{Answer, Ask, Eci, Settled, TransId, TransStatus};
use serde_json::{Value, json};

const INTENTS: &str = "/v1/payment_intents";
const RETURN: &str = "return_url=https%3A%2F%2Fshop.test%2Fdone%3Forder%3D7";

fn buy(shop: &Shop, card: &str, more: &str) -> Got {
    shop.post(INTENTS, &format!("amount=1999&currency=eur&payment_method={card}&confirm=true&{more}"))
}

fn says(shop: &Shop, status: TransStatus) {
    let eci = status.is_proven().then_some(Eci(*b"05"));
    let settled = Settled { status, eci, directory: TransId([7; 16]), challenged: true };
    shop.world.lock().issuer_says = Answer::Settled(settled);
}

fn back(there: &str) -> String {
    there.replace("/3ds/authenticate/", "/3ds/return/")
}

/// To the issuer and back; gives where the browser ends.
pub fn walk(shop: &Shop, url: &str, status: TransStatus) -> String {
    assert_eq!(shop.browse("GET", url), (303, "http://bank.test/challenge?creq=e30".into()));
    says(shop, status);
    let (code, location) = shop.browse("GET", &back(url));
    assert_eq!(code, 303);
    location
}

#[test]
fn a_challenge_that_succeeds() {
    let shop = Shop::open();
    let got = buy(&shop, "pm_card_authenticationRequired", RETURN);
    let (id, secret) = (got.text("/id"), got.text("/client_secret"));
    for (path, expected) in [
        ("/status", json!("requires_action")),
        ("/next_action/type", json!("redirect_to_url")),
        ("/next_action/redirect_to_url/return_url", json!("https://shop.test/done?order=7")),
        ("/latest_charge", Value::Null),
        ("/amount_received", json!(0)),
        ("/last_payment_error", Value::Null),
    ] {
        assert_eq!(got.at(path), &expected, "{path}");
    }
    assert_eq!((got.status, shop.orders()), (200, 1));
    let url = got.text("/next_action/redirect_to_url/url");
    let location = walk(&shop, &url, TransStatus::Authenticated);
    let expected = format!(
        "https://shop.test/done?order=7&payment_intent={id}&payment_intent_client_secret={secret}&redirect_status=succeeded"
    );
    assert_eq!(location, expected);
    let paid = shop.get(&format!("{INTENTS}/{id}?expand[]=latest_charge"));
    let details = "/latest_charge/payment_method_details/card";
    for (path, expected) in [
        ("/status".to_owned(), json!("succeeded")),
        ("/next_action".to_owned(), Value::Null),
        ("/amount_received".to_owned(), json!(1999)),
        (format!("{details}/electronic_commerce_indicator"), json!("05")),
        (format!("{details}/three_d_secure/authentication_flow"), json!("challenge")),
        (format!("{details}/three_d_secure/result"), json!("authenticated")),
        (format!("{details}/three_d_secure/version"), json!("2.2.0")),
    ] {
        assert_eq!(paid.at(&path), &expected, "{path}");
    }
    // Once: the page again tells, and charges nobody.
    assert_eq!(shop.browse("GET", &back(&url)), (303, expected));
    assert_eq!(shop.orders(), 2);
    let charges = shop.get("/v1/charges");
    assert_eq!(charges.at("/data").as_array().map(Vec::len), Some(1));
}

#[test]
fn a_challenge_that_fails() {
    let shop = Shop::open();
    let got = buy(&shop, "pm_card_authenticationRequired", RETURN);
    let url = got.text("/next_action/redirect_to_url/url");
    assert!(walk(&shop, &url, TransStatus::Failed).ends_with("&redirect_status=failed"));
    let path = format!("{INTENTS}/{}", got.text("/id"));
    let failed = shop.get(&path);
    for (path, expected) in [
        ("/status", json!("requires_payment_method")),
        ("/last_payment_error/code", json!("payment_intent_authentication_failure")),
        ("/last_payment_error/type", json!("invalid_request_error")),
        ("/last_payment_error/payment_method/card/last4", json!("3184")),
        ("/latest_charge", Value::Null),
        ("/payment_method", Value::Null),
    ] {
        assert_eq!(failed.at(path), &expected, "{path}");
    }
    assert_eq!(shop.post(&format!("{path}/confirm"), "payment_method=pm_card_visa").text("/status"), "succeeded");
}

/// What a confirmation answers: (status, intent's status, kind of next action, messages sent).
#[test]
fn who_is_asked_and_when() {
    #[track_caller]
    fn check(card: &str, more: &str, expected: (u16, &str, &str, usize)) {
        let shop = Shop::open();
        let got = buy(&shop, card, more);
        let inner = if got.status == 200 { "" } else { "/error/payment_intent" };
        let next = got.at(&format!("{inner}/next_action/type")).as_str().unwrap_or("").to_owned();
        let told = (got.status, got.text(&format!("{inner}/status")), next, shop.orders());
        assert_eq!((told.0, told.1.as_str(), told.2.as_str(), told.3), expected, "{card} {more}");
    }
    const SOFT: &str = "pm_card_authenticationRequired";
    const OPTIONAL: &str = "pm_card_threeDSecureOptional";
    const ANY: &str = "payment_method_options[card][request_three_d_secure]=any";
    const CHALLENGE: &str = "payment_method_options[card][request_three_d_secure]=challenge";
    let (acts, done, fails) = ("requires_action", "succeeded", "requires_payment_method");
    check(SOFT, "", (200, acts, "use_stripe_sdk", 1));
    check(SOFT, RETURN, (200, acts, "redirect_to_url", 1));
    check(SOFT, &format!("{RETURN}&use_stripe_sdk=true"), (200, acts, "use_stripe_sdk", 1));
    check(SOFT, "capture_method=manual", (200, acts, "use_stripe_sdk", 1));
    check(SOFT, "error_on_requires_action=true", (402, fails, "", 1));
    check(SOFT, "off_session=true", (402, fails, "", 1));
    check(OPTIONAL, "", (200, done, "", 1));
    check(OPTIONAL, ANY, (200, acts, "use_stripe_sdk", 0));
    check(OPTIONAL, CHALLENGE, (200, acts, "use_stripe_sdk", 0));
    check(OPTIONAL, &format!("{ANY}&off_session=true"), (200, done, "", 1));
    check("pm_card_visa", ANY, (200, done, "", 1));
}

#[test]
fn what_the_issuer_is_asked() {
    let shop = Shop::open();
    let more = format!("{RETURN}&payment_method_options[card][request_three_d_secure]=challenge");
    let got = buy(&shop, "pm_card_threeDSecureOptional", &more);
    assert_eq!(got.text("/payment_method_options/card/request_three_d_secure"), "challenge");
    let url = got.text("/next_action/redirect_to_url/url");
    shop.browse("GET", &url);
    let asked = shop.world.lock().asked.pop();
    let Some(Ask::Begin(begin)) = asked else { panic!("{asked:?}") };
    assert_eq!((begin.money.minor, begin.mandated, begin.browser.language.as_str()), (1999, true, "ko-KR"));
    assert_eq!(begin.notification_url, back(&url));
}

#[test]
fn in_which_language_the_issuer_asks() {
    let shop = Shop::open();
    let url = buy(&shop, "pm_card_authenticationRequired", RETURN).text("/next_action/redirect_to_url/url");
    let check = |query: &str, expected: &str| {
        shop.browse("GET", &format!("{url}{query}"));
        let asked = shop.world.lock().asked.pop();
        let Some(Ask::Begin(begin)) = asked else { panic!("{asked:?}") };
        assert_eq!(begin.browser.language, expected, "{query}");
    };
    check("", "ko-KR");
    check("?lang=zh", "zh");
    check("?a=b&lang=en-GB", "en-GB");
    check("?lang=", "ko-KR");
    check("?lang=z", "ko-KR");
    check("?lang=zh-Hant-TW", "ko-KR");
    check("?lang=%3Cb%3E", "ko-KR");
}

#[test]
fn while_the_cardholder_is_asked() {
    let shop = Shop::open();
    let wait = || buy(&shop, "pm_card_authenticationRequired", RETURN);
    let at = |got: &Got, step: &str| format!("{INTENTS}/{}{step}", got.text("/id"));
    let got = wait();
    let url = got.text("/next_action/redirect_to_url/url");
    // Nobody answered yet: nothing is known, and the browser may go there again.
    let (code, location) = shop.browse("GET", &back(&url));
    assert_eq!(code, 303);
    assert!(location.ends_with("redirect_status=pending"), "{location}");
    assert_eq!(shop.post(&at(&got, "/capture"), "").error().1, "payment_intent_unexpected_state");
    assert_eq!(shop.post(&at(&got, ""), "metadata[a]=b").text("/status"), "requires_action");
    let changed = shop.post(&at(&got, ""), "amount=2500");
    assert_eq!((changed.text("/status").as_str(), changed.at("/next_action")), ("requires_confirmation", &Value::Null));
    says(&shop, TransStatus::Authenticated);
    // The proof would be for another amount.
    assert!(shop.browse("GET", &back(&url)).1.ends_with("redirect_status=failed"));
    let got = wait();
    assert_eq!(shop.post(&at(&got, "/cancel"), "").text("/status"), "canceled");
    assert!(shop.browse("GET", &back(&got.text("/next_action/redirect_to_url/url"))).1.ends_with("failed"));
    let got = wait();
    assert_eq!(shop.post(&at(&got, "/confirm"), "payment_method=pm_card_visa").text("/status"), "succeeded");
}

#[test]
fn pages_that_open_nothing() {
    let shop = Shop::open();
    let got = buy(&shop, "pm_card_authenticationRequired", RETURN);
    let url = got.text("/next_action/redirect_to_url/url");
    let other = buy(&shop, "pm_card_authenticationRequired", RETURN).text("/next_action/redirect_to_url/url");
    let token = |url: &str| url.rsplit('/').next().unwrap_or("").to_owned();
    let check = |method: &str, url: &str, expected: u16| {
        assert_eq!(shop.browse(method, url), (expected, String::new()), "{url}")
    };
    check("GET", "/3ds/", 404);
    check("GET", "/3ds/authenticate/pi_nothing/abc", 404);
    check("GET", &url.replace(&token(&url), &token(&other)), 404);
    check("GET", &url.replace(&token(&url), ""), 404);
    check("GET", &format!("{url}/more"), 404);
    check("GET", &url.replace("authenticate", "elsewhere"), 404);
    check("DELETE", &url, 405);
}

#[test]
fn events() {
    let shop = Shop::open();
    buy(&shop, "pm_card_authenticationRequired", RETURN);
    shop.number();
    let events = shop.get("/v1/events");
    let types: Vec<String> = events
        .at("/data")
        .as_array()
        .unwrap()
        .iter()
        .map(|e| format!("{} {}", e["type"].as_str().unwrap(), e["data"]["object"]["status"].as_str().unwrap_or("")))
        .collect();
    assert!(types.contains(&"payment_intent.requires_action requires_action".to_owned()), "{types:?}");
    assert!(types.contains(&"payment_intent.created requires_confirmation".to_owned()), "{types:?}");
    assert!(!types.iter().any(|t| t.starts_with("charge.") || t.contains("failed")), "{types:?}");
}

#[test]
fn options_of_cards() {
    let shop = Shop::open();
    let options = "payment_method_options[card]";
    let check = |more: &str, expected: (u16, &str)| {
        let got = shop.post(INTENTS, &format!("amount=1999&currency=eur&{more}"));
        assert_eq!((got.status, got.error().2), expected, "{more}");
    };
    check(
        &format!("{options}[request_three_d_secure]=sometimes"),
        (400, "payment_method_options[card][request_three_d_secure]"),
    );
    check(&format!("{options}[request_multicapture]=yes"), (400, "payment_method_options[card][request_multicapture]"));
    check(&format!("{options}[colour]=red"), (400, "payment_method_options[card][colour]"));
    check("payment_method_options[cards][network]=visa", (400, "payment_method_options[cards]"));
    check("payment_method_options[link][setup_future_usage]=none", (200, ""));
    let asked = [
        "request_extended_authorization",
        "request_incremental_authorization",
        "request_multicapture",
        "request_overcapture",
    ];
    let all: String = asked.iter().map(|name| format!("&{options}[{name}]=if_available")).collect();
    let got = shop.post(
        INTENTS,
        &format!(
            "amount=1999&currency=eur&{options}[capture_method]=manual{all}&payment_method=pm_card_visa&confirm=true"
        ),
    );
    assert_eq!(got.text("/status"), "requires_capture");
    for name in asked {
        assert_eq!(got.text(&format!("/payment_method_options/card/{name}")), "if_available");
    }
    assert_eq!(got.text("/payment_method_options/card/capture_method"), "manual");
}

const SETUPS: &str = "/v1/setup_intents";

fn set_up(shop: &Shop, card: &str, more: &str) -> Got {
    shop.post(SETUPS, &format!("payment_method={card}&confirm=true&{more}"))
}

/// A setup for later, with its cardholder: nothing is charged, and the card is the customer's once the issuer knows them.
#[test]
fn a_setup_with_a_challenge() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "").text("/id");
    let got = set_up(&shop, "pm_card_authenticationRequired", &format!("{RETURN}&customer={customer}"));
    let (id, secret) = (got.text("/id"), got.text("/client_secret"));
    for (path, expected) in [
        ("/status", json!("requires_action")),
        ("/next_action/type", json!("redirect_to_url")),
        ("/next_action/redirect_to_url/return_url", json!("https://shop.test/done?order=7")),
        ("/last_setup_error", Value::Null),
    ] {
        assert_eq!(got.at(path), &expected, "{path}");
    }
    let url = got.text("/next_action/redirect_to_url/url");
    let expected = format!(
        "https://shop.test/done?order=7&setup_intent={id}&setup_intent_client_secret={secret}&redirect_status=succeeded"
    );
    assert_eq!(walk(&shop, &url, TransStatus::Authenticated), expected);
    let done = shop.get(&format!("{SETUPS}/{id}?expand[]=latest_attempt"));
    let details = "/latest_attempt/payment_method_details/card/three_d_secure";
    for (path, expected) in [
        ("/status".to_owned(), json!("succeeded")),
        ("/next_action".to_owned(), Value::Null),
        ("/latest_attempt/status".to_owned(), json!("succeeded")),
        (format!("{details}/electronic_commerce_indicator"), json!("05")),
        (format!("{details}/authentication_flow"), json!("challenge")),
    ] {
        assert_eq!(done.at(&path), &expected, "{path}");
    }
    let cards = shop.get(&format!("/v1/customers/{customer}/payment_methods"));
    assert_eq!(cards.at("/data/0/id"), done.at("/payment_method"));
    assert_eq!(shop.browse("GET", &back(&url)), (303, expected_again(&done)));
    shop.number();
    let events = shop.get("/v1/events?type=setup_intent.requires_action");
    assert_eq!(events.at("/data/0/data/object/status"), &json!("requires_action"));
}

fn expected_again(done: &Got) -> String {
    let (id, secret) = (done.text("/id"), done.text("/client_secret"));
    format!(
        "https://shop.test/done?order=7&setup_intent={id}&setup_intent_client_secret={secret}&redirect_status=succeeded"
    )
}

#[test]
fn a_setup_whose_cardholder_fails() {
    let shop = Shop::open();
    let got = set_up(&shop, "pm_card_authenticationRequired", RETURN);
    let url = got.text("/next_action/redirect_to_url/url");
    assert!(walk(&shop, &url, TransStatus::Failed).ends_with("&redirect_status=failed"));
    let path = format!("{SETUPS}/{}", got.text("/id"));
    let failed = shop.get(&path);
    for (path, expected) in [
        ("/status", json!("requires_payment_method")),
        ("/last_setup_error/code", json!("setup_intent_authentication_failure")),
        ("/last_setup_error/payment_method/card/last4", json!("3184")),
        ("/payment_method", Value::Null),
    ] {
        assert_eq!(failed.at(path), &expected, "{path}");
    }
    assert_eq!(shop.post(&format!("{path}/confirm"), "payment_method=pm_card_visa").text("/status"), "succeeded");
}

/// (status of the setup, kind of next action, messages sent).
#[test]
fn whose_cardholder_a_setup_asks() {
    #[track_caller]
    fn check(card: &str, more: &str, expected: (&str, &str, usize)) {
        let shop = Shop::open();
        let got = set_up(&shop, card, more);
        let next = got.at("/next_action/type").as_str().unwrap_or("").to_owned();
        assert_eq!((got.text("/status").as_str(), next.as_str(), shop.orders()), expected, "{card} {more}");
    }
    const SOFT: &str = "pm_card_authenticationRequired";
    const OPTIONAL: &str = "pm_card_threeDSecureOptional";
    const ANY: &str = "payment_method_options[card][request_three_d_secure]=any";
    check(SOFT, "", ("requires_action", "use_stripe_sdk", 1));
    check(SOFT, RETURN, ("requires_action", "redirect_to_url", 1));
    check(SOFT, &format!("{RETURN}&use_stripe_sdk=true"), ("requires_action", "use_stripe_sdk", 1));
    check(OPTIONAL, "", ("succeeded", "", 1));
    check(OPTIONAL, ANY, ("requires_action", "use_stripe_sdk", 0));
    check("pm_card_visa", ANY, ("succeeded", "", 1));
}

/// A card whose issuer wants its cardholder goes to a customer all the same; nothing was agreed on for charges without them.
#[test]
fn attaching_asks_nobody() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "").text("/id");
    let card = shop.post("/v1/payment_methods/pm_card_authenticationRequired/attach", &format!("customer={customer}"));
    assert_eq!(card.text("/customer"), customer);
    let alone = format!("customer={customer}&payment_method={}&off_session=true", card.text("/id"));
    let got = shop.post(INTENTS, &format!("amount=1999&currency=eur&confirm=true&{alone}"));
    assert_eq!((got.status, got.error().1), (402, "authentication_required"));
}

/// The cardholder answered and their browser was lost: a worker asks. Those who never answer have an hour.
#[test]
fn nobody_comes_back() {
    let minute = 60_000;
    let shop = Shop::open();
    let got = buy(&shop, "pm_card_authenticationRequired", RETURN);
    let path = format!("{INTENTS}/{}", got.text("/id"));
    shop.work_after(minute, JobKind::Chase);
    assert_eq!(shop.get(&path).text("/status"), "requires_action");
    says(&shop, TransStatus::Authenticated);
    shop.work_after(2 * minute, JobKind::Chase);
    assert_eq!(shop.get(&path).text("/status"), "succeeded");
    let shop = Shop::open();
    let paid = buy(&shop, "pm_card_authenticationRequired", RETURN).text("/id");
    let kept = set_up(&shop, "pm_card_authenticationRequired", RETURN).text("/id");
    shop.work_after(61 * minute, JobKind::Chase);
    let payment = shop.get(&format!("{INTENTS}/{paid}"));
    let setup = shop.get(&format!("{SETUPS}/{kept}"));
    assert_eq!(payment.text("/last_payment_error/code"), "payment_intent_authentication_failure");
    assert_eq!(setup.text("/last_setup_error/code"), "setup_intent_authentication_failure");
}

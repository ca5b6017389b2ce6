//! Cards on file: verified before they are kept, charged by the merchant with the network's id, and security codes given anew.

use crate::world::{Request, Shop};
use florin_core::wire::{Act, Initiator, NetworkId};
use serde_json::{Value, json};

/// What the last message to the vault was.
fn last_act(shop: &Shop) -> Act {
    shop.sent().last().unwrap().act
}

fn customer(shop: &Shop) -> String {
    shop.post("/v1/customers", "name=Ana").text("/id")
}

/// The network's id of the sandbox's every approval.
const FIRST_USE: Option<NetworkId> = Some(NetworkId(123_456_789_012));

#[test]
fn who_is_said_to_start_a_payment() {
    let shop = Shop::open();
    let of = customer(&shop);
    let saved = shop.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={of}")).text("/id");
    assert_eq!(last_act(&shop), Act::Verification { initiator: Initiator::CustomerStoring });
    let check = |method: &str, more: &str, initiator: Initiator, network_id: Option<NetworkId>| {
        let body = format!("amount=1000&currency=eur&confirm=true&customer={of}&payment_method={method}&{more}");
        assert_eq!(shop.post("/v1/payment_intents", &body).text("/status"), "succeeded", "{body}");
        assert_eq!(last_act(&shop), Act::Sale { initiator, network_id }, "{body}");
    };
    check(&saved, "off_session=true", Initiator::Merchant, FIRST_USE);
    check(&saved, "off_session=recurring", Initiator::Merchant, FIRST_USE);
    check(&saved, "", Initiator::CustomerStored, None);
    check(&saved, "off_session=false", Initiator::CustomerStored, None);
    check(&saved, "setup_future_usage=off_session", Initiator::CustomerStored, None);
    // A card that was given just now: the cardholder is there, and nothing was agreed on before.
    check("pm_card_visa", "off_session=true", Initiator::Customer, None);
    check("pm_card_visa", "", Initiator::Customer, None);
    check("pm_card_visa", "setup_future_usage=off_session", Initiator::CustomerStoring, None);
}

/// However a card came to its customer, the merchant's charge names its first use.
#[test]
fn first_uses() {
    let shop = Shop::open();
    let check = |told: &str, of: &str, method: &str| {
        let body =
            format!("amount=1000&currency=eur&confirm=true&off_session=true&customer={of}&payment_method={method}");
        assert_eq!(shop.post("/v1/payment_intents", &body).text("/status"), "succeeded", "{told}");
        let expected = Act::Sale { initiator: Initiator::Merchant, network_id: FIRST_USE };
        assert_eq!(last_act(&shop), expected, "{told}");
    };
    let of = customer(&shop);
    let body = format!(
        "amount=1000&currency=eur&confirm=true&customer={of}&payment_method=pm_card_visa&setup_future_usage=off_session"
    );
    check("a payment that keeps its card", &of, &shop.post("/v1/payment_intents", &body).text("/payment_method"));
    let held = shop.post("/v1/payment_intents", &format!("{body}&capture_method=manual"));
    check("a hold that keeps its card", &of, &held.text("/payment_method"));
    let setup = shop.post("/v1/setup_intents", &format!("customer={of}&confirm=true&payment_method=pm_card_visa"));
    check("a setup", &of, &setup.text("/payment_method"));
    let alone = shop.post("/v1/setup_intents", "confirm=true&payment_method=pm_card_visa").text("/payment_method");
    let orders = shop.orders();
    let attached = shop.post(&format!("/v1/payment_methods/{alone}/attach"), &format!("customer={of}"));
    assert_eq!((attached.text("/customer"), shop.orders()), (of.clone(), orders), "it was verified already");
    check("a setup of nobody, attached later", &of, &alone);
    let made = shop.post("/v1/customers", "payment_method=pm_card_visa").text("/id");
    let listed = shop.get(&format!("/v1/customers/{made}/payment_methods")).text("/data/0/id");
    check("a customer made with it", &made, &listed);
    let made = shop.post("/v1/customers", "source=tok_visa");
    check("a customer's source", &made.text("/id"), &made.text("/default_source"));
}

#[test]
fn cards_that_cannot_be_kept() {
    let shop = Shop::open();
    let of = customer(&shop);
    let check = |card: &str, expected: (u16, &str, &str), decline: &str| {
        let attach = shop.post(&format!("/v1/payment_methods/{card}/attach"), &format!("customer={of}"));
        assert_eq!((attach.error(), attach.text("/error/decline_code")), (expected, decline.into()), "{card}");
        let made = shop.post("/v1/customers", &format!("payment_method={card}"));
        assert_eq!(made.error(), expected, "{card}");
        let setup = shop.post("/v1/setup_intents", &format!("customer={of}&confirm=true&payment_method={card}"));
        assert_eq!(setup.error(), expected, "{card}");
        let inside = (setup.text("/error/setup_intent/status"), setup.at("/error/setup_intent/payment_method"));
        assert_eq!(inside, ("requires_payment_method".into(), &Value::Null), "{card}");
        let id = setup.text("/error/setup_intent/id");
        let read = shop.get(&format!("/v1/setup_intents/{id}?expand[]=latest_attempt"));
        assert_eq!(read.text("/last_setup_error/code"), expected.1, "{card}");
        assert_eq!(read.text("/latest_attempt/status"), "failed", "{card}");
        assert_eq!(read.text("/latest_attempt/setup_error/code"), expected.1, "{card}");
        shop.number();
        assert_eq!(shop.get("/v1/events?type=setup_intent.setup_failed").text("/data/0/data/object/id"), id, "{card}");
    };
    check("pm_card_chargeDeclined", (402, "card_declined", ""), "generic_decline");
    check("pm_card_chargeDeclinedInsufficientFunds", (402, "card_declined", ""), "insufficient_funds");
    check("pm_card_chargeDeclinedExpiredCard", (402, "expired_card", ""), "expired_card");
    check("pm_card_chargeDeclinedIncorrectCvc", (402, "incorrect_cvc", "cvc"), "incorrect_cvc");
    // Nobody answered: nothing was verified, and nothing is left open.
    check("pm_card_noAnswer", (402, "processing_error", ""), "processing_error");
    assert_eq!(shop.get(&format!("/v1/customers/{of}/payment_methods")).at("/data"), &json!([]));
    // Only the one that was made first is there.
    assert_eq!(shop.get("/v1/customers").body["data"].as_array().unwrap().len(), 1);
    assert_eq!(shop.get("/v1/setup_intents").body["data"].as_array().unwrap().len(), 5);
}

#[test]
fn a_card_that_attaches_and_is_declined_at_each_charge() {
    let shop = Shop::open();
    let of = customer(&shop);
    let attach = shop.post("/v1/payment_methods/pm_card_chargeCustomerFail/attach", &format!("customer={of}"));
    assert_eq!(attach.text("/customer"), of);
    let body = format!(
        "amount=1000&currency=eur&confirm=true&off_session=true&customer={of}&payment_method={}",
        attach.text("/id")
    );
    assert_eq!(shop.post("/v1/payment_intents", &body).error(), (402, "card_declined", ""));
}

#[test]
fn setup_attempts() {
    let shop = Shop::open();
    let of = customer(&shop);
    let setup = shop.post("/v1/setup_intents", &format!("customer={of}")).text("/id");
    let confirm =
        |card: &str| shop.post(&format!("/v1/setup_intents/{setup}/confirm"), &format!("payment_method={card}"));
    assert_eq!(confirm("pm_card_chargeDeclined").status, 402);
    let done = confirm("pm_card_visa");
    assert_eq!((done.text("/status"), done.at("/last_setup_error")), ("succeeded".into(), &Value::Null));
    let list = shop.get(&format!("/v1/setup_attempts?setup_intent={setup}"));
    let status: Vec<&str> =
        list.body["data"].as_array().unwrap().iter().map(|a| a["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["succeeded", "failed"]);
    assert_eq!(list.text("/data/0/id"), done.text("/latest_attempt"));
    let first = shop.get(&format!("/v1/setup_attempts?setup_intent={setup}&limit=1"));
    assert_eq!(first.at("/has_more"), &json!(true));
    let rest = format!("/v1/setup_attempts?setup_intent={setup}&starting_after={}", first.text("/data/0/id"));
    assert_eq!(shop.get(&rest).text("/data/0/status"), "failed");
    assert_eq!(shop.get("/v1/setup_attempts").error(), (400, "parameter_missing", "setup_intent"));
    let missing = shop.get("/v1/setup_attempts?setup_intent=seti_1");
    assert_eq!(missing.error(), (400, "resource_missing", "setup_intent"));
    // The issuer is asked once more for another setup with the same card, which the customer has.
    let again = shop.post(
        "/v1/setup_intents",
        &format!("customer={of}&confirm=true&payment_method={}", done.text("/payment_method")),
    );
    assert_eq!(again.text("/status"), "succeeded");
}

/// What goes to the issuer once goes once, whatever the client repeats.
#[test]
fn under_an_idempotency_key() {
    let shop = Shop::open();
    let of = customer(&shop);
    let check = |key: &str, path: &str, body: &str, status: u16, messages: usize| {
        let before = shop.orders();
        let (one, two) = (shop.post_once(key, path, body), shop.post_once(key, path, body));
        assert_eq!((one.status, &one.body), (status, &two.body), "{path} {body}");
        assert_eq!(two.status, status, "{path} {body}");
        assert_eq!(two.header("idempotent-replayed"), Some("true"), "{path} {body}");
        assert_eq!(shop.orders() - before, messages, "{path} {body}");
    };
    let to = format!("customer={of}");
    check("a", "/v1/payment_methods/pm_card_visa/attach", &to, 200, 1);
    check("b", "/v1/payment_methods/pm_card_chargeDeclined/attach", &to, 402, 1);
    check("c", "/v1/customers", "source=tok_visa", 200, 1);
    check("d", "/v1/customers", "payment_method=pm_card_chargeDeclined", 402, 1);
    check("e", "/v1/setup_intents", &format!("{to}&confirm=true&payment_method=pm_card_visa"), 200, 1);
    check("f", "/v1/setup_intents", &format!("{to}&confirm=true&payment_method=pm_card_chargeDeclined"), 402, 1);
    let other = shop.post_once("a", "/v1/payment_methods/pm_card_mastercard/attach", &to);
    assert_eq!(other.status, 400);
}

#[test]
fn sources() {
    let shop = Shop::open();
    let made = shop.post("/v1/customers", "source=tok_visa");
    let (of, card) = (made.text("/id"), made.text("/default_source"));
    assert!(card.starts_with("card_"), "{card}");
    let token =
        shop.with_card(Request::new("POST", "/v1/tokens", "card[florin_card]=0").key(&shop.secret), 7).text("/id");
    let path = format!("/v1/customers/{of}");
    let changed = shop.post(&path, &format!("source={token}"));
    assert_ne!(changed.text("/default_source"), card);
    assert_eq!(shop.post(&path, &format!("source={token}")).error(), (400, "token_already_used", "source"));
    let typed = Request::new("POST", &path, "card[florin_card]=0&card[name]=Ana").key(&shop.secret);
    assert_eq!(shop.with_card(typed, 8).status, 200);
    assert_eq!(shop.get(&format!("{path}/payment_methods")).body["data"].as_array().unwrap().len(), 3);
    // As they are listed: newest first, in the shape of their time; one of them is the default again.
    let listed = shop.get(&format!("{path}/sources"));
    let newest = listed.text("/data/0/id");
    let told = ["/url", "/data/0/object", "/data/0/brand", "/data/0/name", "/data/0/customer", "/data/2/id"];
    let expected = [&*format!("{path}/sources"), "card", "Visa", "Ana", &*of, &*card];
    assert_eq!(told.map(|at| listed.text(at)), expected);
    assert_eq!(shop.get(&format!("{path}/sources?object=card&limit=1")).at("/has_more"), &json!(true));
    assert_eq!(shop.get(&format!("{path}/sources?object=bank_account")).at("/data"), &json!([]));
    assert_eq!(shop.get(&format!("{path}/sources?object=shell")).error().2, "object");
    assert_eq!(shop.get(&format!("{path}/sources?starting_after={newest}")).text("/data/1/id"), card);
    assert_eq!(shop.get(&format!("{path}/sources/{card}")).body, listed.body["data"][2]);
    assert_eq!(shop.get(&format!("{path}/sources/card_none")).error(), (404, "resource_missing", "id"));
    assert_eq!(shop.get(&format!("{path}?expand[]=sources")).at("/sources/data"), listed.at("/data"));
    let with_owner = shop.get(&format!("{path}/sources?expand[]=data.customer"));
    assert_eq!(with_owner.text("/data/0/customer/id"), of);
    assert_eq!(shop.post(&path, &format!("default_source={card}")).text("/default_source"), card);
    let expanded = shop.get(&format!("{path}?expand[]=default_source"));
    assert_eq!(expanded.at("/default_source"), &listed.body["data"][2]);
    let stranger = shop.post("/v1/customers", "source=tok_visa");
    let (theirs, other) = (stranger.text("/default_source"), stranger.text("/id"));
    for id in [&*theirs, "card_none"] {
        let refused = shop.post(&path, &format!("default_source={id}"));
        assert_eq!(refused.error(), (400, "resource_missing", "default_source"), "{id}");
    }
    assert_eq!(shop.get(&format!("/v1/customers/{other}/sources/{card}")).status, 404);
    assert_eq!(shop.post(&path, "source=tok_none").error(), (400, "resource_missing", "source"));
    assert_eq!(shop.post(&path, "source=tok_visa&card=tok_visa").error().2, "card");
    assert_eq!(shop.post(&path, "source[object]=bank_account").error().2, "source[object]");
    assert_eq!(shop.post(&path, "source[object]=card").error(), (400, "parameter_missing", "source[number]"));
}

/// The ways to pay that a setup names: cards, under the newer name and under the one that most code has, in every version.
#[test]
fn ways_to_pay_of_a_setup() {
    let shop = Shop::open();
    let made = shop.post("/v1/setup_intents", "payment_method_types[]=card");
    assert_eq!((made.status, made.at("/payment_method_types")), (200, &json!(["card"])));
    let path = format!("/v1/setup_intents/{}", made.text("/id"));
    for at in ["/v1/setup_intents", &*path, &*format!("{path}/confirm")] {
        for name in ["payment_method_types", "allowed_payment_method_types"] {
            let refused = shop.post(at, &format!("{name}[]=card&{name}[]=klarna&payment_method=pm_card_visa"));
            assert_eq!(refused.error(), (400, "setup_intent_invalid_parameter", name), "{at}");
        }
    }
    let confirm = "payment_method_types[]=card&payment_method=pm_card_visa";
    assert_eq!(shop.post(&format!("{path}/confirm"), confirm).text("/status"), "succeeded");
}

/// Options of ways to pay that there are not are refused by name, wherever they are given.
#[test]
fn options_of_unknown_ways_to_pay() {
    let shop = Shop::open();
    let check = |path: &str, form: &str| {
        let refused = shop.post(path, &format!("{form}&payment_method_options[shells][count]=3"));
        assert_eq!(refused.error(), (400, "parameter_unknown", "payment_method_options[shells]"), "{path}");
        assert_eq!(shop.post(path, &format!("{form}&payment_method_options[klarna][x]=3")).status, 200, "{path}");
    };
    check("/v1/payment_intents", "amount=1000&currency=eur");
    check("/v1/setup_intents", "");
    check("/v1/test_helpers/confirmation_tokens", "payment_method=pm_card_visa");
}

/// A security code that is given anew goes to the issuer with the one payment that names it.
#[test]
fn codes() {
    let shop = Shop::open();
    let of = customer(&shop);
    let saved = shop.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={of}")).text("/id");
    let make = || {
        let request = Request::new("POST", "/v1/tokens", "cvc_update[florin_code]=0").key(&shop.publishable);
        shop.with_code(request)
    };
    let (code, token) = make();
    let id = token.text("/id");
    assert!(id.starts_with("cvctok_"), "{id}");
    assert_eq!((token.text("/type"), token.at("/used")), ("cvc_update".into(), &json!(false)));
    let param = "payment_method_options[card][cvc_token]";
    let body = format!("amount=1000&currency=eur&customer={of}&payment_method={saved}");
    let pay = |id: &str| shop.post("/v1/payment_intents", &format!("{body}&confirm=true&{param}={id}"));
    assert_eq!(pay(&id).text("/status"), "succeeded");
    assert_eq!(shop.sent().last().unwrap().code, Some(code));
    assert_eq!(shop.get(&format!("/v1/tokens/{id}")).at("/used"), &json!(true));
    assert_eq!(pay(&id).error(), (400, "token_already_used", param));
    assert_eq!(pay("cvctok_1").error(), (400, "resource_missing", param));
    let (code, token) = make();
    let intent = shop.post("/v1/payment_intents", &body).text("/id");
    let confirm = format!("{param}={}", token.text("/id"));
    let paid = shop.post(&format!("/v1/payment_intents/{intent}/confirm?expand[]=latest_charge"), &confirm);
    assert_eq!(shop.sent().last().unwrap().code, Some(code));
    // The vault had lost it: not provided, and nobody's failure.
    let checks = paid.at("/latest_charge/payment_method_details/card/checks/cvc_check");
    assert_eq!(checks, &json!("unavailable"));
    let none = Request::new("POST", "/v1/tokens", "cvc_update[x]=1").key(&shop.secret);
    assert_eq!(shop.send(none).error(), (400, "parameter_missing", "cvc_update[cvc]"));
    assert_eq!(shop.post("/v1/tokens", "").error(), (400, "parameter_missing", "card"));
}

/// What the issuer is given to compare, and where it comes from.
#[test]
fn addresses() {
    let shop = Shop::open();
    let of = customer(&shop);
    let billing = "billing_details[address][line1]=1%20Main%20St&billing_details[address][postal_code]=94103";
    let address = || {
        let sent = shop.sent();
        let address = sent.last().unwrap().address;
        address.map(|a| (a.line1().unwrap().to_owned(), a.postal_code().unwrap().to_owned()))
    };
    let expected = Some(("1 Main St".to_owned(), "94103".to_owned()));
    let make = || {
        let request = Request::new("POST", "/v1/payment_methods", &format!("type=card&card[florin_card]=0&{billing}"));
        shop.with_card(request.key(&shop.secret), 1).text("/id")
    };
    let pay = |id: &str, more: &str| {
        let body = format!("amount=1000&currency=eur&confirm=true&payment_method={id}{more}");
        assert_eq!(shop.post("/v1/payment_intents", &body).text("/status"), "succeeded");
        address()
    };
    assert_eq!(pay("pm_card_visa", ""), None);
    assert_eq!(pay(&make(), ""), expected);
    let saved = make();
    assert_eq!(shop.post(&format!("/v1/payment_methods/{saved}/attach"), &format!("customer={of}")).status, 200);
    assert_eq!(address(), expected);
    assert_eq!(pay(&saved, &format!("&customer={of}&off_session=true")), expected);
    let setup = shop.post("/v1/setup_intents", &format!("confirm=true&payment_method={}", make()));
    assert_eq!((setup.text("/status"), address()), ("succeeded".into(), expected.clone()));
    let token = "card[florin_card]=0&card[address_line1]=1%20Main%20St&card[address_zip]=94103";
    let token = shop.with_card(Request::new("POST", "/v1/tokens", token).key(&shop.secret), 2).text("/id");
    assert_eq!(shop.post("/v1/customers", &format!("source={token}")).status, 200);
    assert_eq!(address(), expected);
}

/// What a customer's payments and setups leave under keys of their own: cards given with them, and what these were made of.
fn left_by(shop: &Shop, of: &str) -> Vec<String> {
    let token = |name: &str| {
        let body = format!("card[florin_card]=0&card[name]={name}");
        shop.with_card(Request::new("POST", "/v1/tokens", &body).key(&shop.secret), 1).text("/id")
    };
    let (first, second) = (token("Ana"), token("Ana"));
    let data = |token: &str| {
        format!("payment_method_data[type]=card&payment_method_data[card][token]={token}&customer={of}&confirm=true")
    };
    let paid = shop.post("/v1/payment_intents", &format!("amount=500&currency=eur&{}", data(&first)));
    let setup = shop.post("/v1/setup_intents", &data(&second).replace("&customer", "&usage=on_session&customer"));
    let name = "payment_method_data[billing_details][name]=Ana";
    let card = "payment_method_data[type]=card&payment_method_data[card][token]=tok_visa";
    let till = shop.post("/v1/test_helpers/confirmation_tokens", &format!("{card}&{name}")).text("/id");
    let body = format!("amount=500&currency=eur&customer={of}&confirm=true&confirmation_token={till}");
    let at_till = shop.post("/v1/payment_intents", &body);
    let source = token("Ana");
    assert_eq!(shop.post(&format!("/v1/customers/{of}"), &format!("source={source}")).status, 200);
    let method = |got: &crate::world::Got| format!("/v1/payment_methods/{}", got.text("/payment_method"));
    let token = |id: &str| format!("/v1/tokens/{id}");
    let all = vec![
        method(&paid),
        method(&setup),
        method(&at_till),
        token(&first),
        token(&second),
        token(&source),
        format!("/v1/confirmation_tokens/{till}"),
    ];
    for path in &all {
        assert!(shop.get(path).body.to_string().contains("Ana"), "{path}");
    }
    all
}

/// A card goes to no customer that was deleted while its issuer was asked, or the cardholder.
#[test]
fn no_card_for_a_deleted_customer() {
    let shop = Shop::open();
    let held = |got: &crate::world::Got| {
        let method = shop.get(&format!("/v1/payment_methods/{}", got.text("/payment_method")));
        method.at("/customer").clone()
    };
    // Set up: refused before anybody is asked.
    let of = customer(&shop);
    let setup = shop.post("/v1/setup_intents", &format!("customer={of}")).text("/id");
    shop.delete(&format!("/v1/customers/{of}"));
    let asked = shop.orders();
    let confirm = format!("/v1/setup_intents/{setup}/confirm");
    assert_eq!(shop.post(&confirm, "payment_method=pm_card_visa").error(), (400, "resource_missing", "customer"));
    assert_eq!(shop.orders(), asked);
    // Paid with, after a challenge: the payment stands, the card stays nobody's.
    let of = customer(&shop);
    let pay = format!("amount=1000&currency=eur&confirm=true&customer={of}&setup_future_usage=off_session");
    let back = "return_url=https%3A%2F%2Fshop.test%2Fdone";
    let got = shop.post("/v1/payment_intents", &format!("{pay}&{back}&payment_method=pm_card_authenticationRequired"));
    assert_eq!(got.text("/status"), "requires_action");
    shop.delete(&format!("/v1/customers/{of}"));
    let url = got.text("/next_action/redirect_to_url/url");
    crate::threeds::walk(&shop, &url, florin_core::threeds::TransStatus::Authenticated);
    let paid = shop.get(&format!("/v1/payment_intents/{}", got.text("/id")));
    assert_eq!((paid.text("/status"), held(&paid)), ("succeeded".into(), Value::Null));
    // Living: the card is the customer's.
    let of = customer(&shop);
    let pay = format!("amount=1000&currency=eur&confirm=true&customer={of}&setup_future_usage=off_session");
    let paid = shop.post("/v1/payment_intents", &format!("{pay}&payment_method=pm_card_visa"));
    assert_eq!(held(&paid), json!(of));
}

/// A default card that is detached is named nowhere any more.
#[test]
fn a_detached_default() {
    let shop = Shop::open();
    let of = shop.post("/v1/customers", "source=tok_visa").text("/id");
    let path = format!("/v1/customers/{of}");
    let card = shop.get(&format!("{path}/payment_methods")).text("/data/0/id");
    let other = shop.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={of}")).text("/id");
    let default = "/invoice_settings/default_payment_method";
    shop.post(&path, &format!("invoice_settings[default_payment_method]={card}"));
    let detach = |id: &str| assert_eq!(shop.post(&format!("/v1/payment_methods/{id}/detach"), "").status, 200);
    detach(&other);
    let kept = shop.get(&path);
    assert_eq!((kept.at(default), kept.at("/default_source").is_string()), (&json!(card), true));
    detach(&card);
    let left = shop.get(&path);
    assert_eq!((left.at(default), left.at("/default_source")), (&Value::Null, &Value::Null));
    shop.number();
    let events = shop.get("/v1/events?limit=100");
    let updated = events.body["data"].as_array().unwrap().iter().find(|e| e["type"] == "customer.updated").unwrap();
    assert_eq!(updated["data"]["previous_attributes"]["invoice_settings"]["default_payment_method"], json!(card));
}

/// A deleted customer: the cards are gone from it, nobody can pay as it, what was paid stays, and nothing personal can be read.
#[test]
fn deleted_customers() {
    let shop = Shop::open();
    let made = shop.post("/v1/customers", "name=Ana&email=ana%40x.nl&metadata[a]=1&payment_method=pm_card_visa");
    let of = made.text("/id");
    let path = format!("/v1/customers/{of}");
    let billing = "type=card&card[florin_card]=0&billing_details[name]=Ana";
    let saved = shop.with_card(Request::new("POST", "/v1/payment_methods", billing).key(&shop.secret), 1).text("/id");
    assert_eq!(shop.post(&format!("/v1/payment_methods/{saved}/attach"), &format!("customer={of}")).status, 200);
    let pay = format!("amount=1000&currency=eur&confirm=true&customer={of}&payment_method={saved}&description=a+book");
    let paid = shop.post("/v1/payment_intents", &pay).text("/id");
    let left = left_by(&shop, &of);
    let gone = json!({ "id": of, "object": "customer", "deleted": true });
    let bea = shop.post("/v1/customers", "name=Bea").text("/id");
    let others = shop.with_card(
        Request::new("POST", "/v1/payment_methods", "type=card&card[florin_card]=0&billing_details[name]=Bea")
            .key(&shop.secret),
        1,
    );
    let others = format!("/v1/payment_methods/{}", others.text("/id"));
    // Named with a payment of Ana's, and in the end the card of somebody else.
    let named = others.replace("/v1/payment_methods/", "");
    let begun = format!("amount=1000&currency=eur&customer={of}&payment_method={named}");
    assert_eq!(shop.post("/v1/payment_intents", &begun).status, 200);
    assert_eq!(shop.post(&format!("{others}/attach"), &format!("customer={bea}")).status, 200);
    assert_eq!(shop.delete(&path).body, gone);
    let read = |what: &str| shop.get(what);
    let check = || {
        assert_eq!(read(&path).body, gone);
        assert_eq!(shop.post(&path, "name=x").error(), (404, "resource_missing", "id"));
        assert_eq!(shop.delete(&path).error(), (404, "resource_missing", "id"));
        assert_eq!(read(&format!("{path}/payment_methods")).status, 404);
        assert_eq!(shop.post("/v1/payment_intents", &pay).error(), (400, "resource_missing", "customer"));
        let alone = format!("amount=1000&currency=eur&confirm=true&payment_method={saved}");
        assert_eq!(shop.post("/v1/payment_intents", &alone).error().1, "payment_method_unexpected_state");
        assert_eq!(read(&format!("/v1/payment_methods/{saved}")).at("/customer"), &Value::Null);
        let payment = read(&format!("/v1/payment_intents/{paid}"));
        assert_eq!((payment.text("/status"), payment.at("/amount_received")), ("succeeded".into(), &json!(1000)));
        assert_eq!(payment.text("/customer"), of);
    };
    check();
    assert_eq!(read(&format!("/v1/payment_intents/{paid}")).text("/description"), "a book");
    shop.erase();
    check();
    assert_eq!(read(&format!("/v1/payment_intents/{paid}")).at("/description"), &Value::Null);
    assert_eq!(read(&format!("/v1/payment_methods/{saved}")).at("/billing_details/name"), &Value::Null);
    for path in &left {
        let got = read(path);
        assert!(got.status == 200 && !got.body.to_string().contains("Ana"), "{path}: {}", got.body);
    }
    assert!(read(&others).body.to_string().contains("Bea"));
    shop.number();
    let events = read("/v1/events?limit=100");
    let text = events.body.to_string();
    assert!(!text.contains("Ana") && !text.contains("ana@x.nl") && !text.contains("a book"), "{text}");
    let kinds: Vec<&str> =
        events.body["data"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "payment_method.detached").count(), 4);
    assert!(kinds.contains(&"customer.deleted"));
}

//! Two requests about one thing at the same time: neither undoes what the other did.

use crate::world::{Moment, Shop};
use serde_json::json;

const INTENTS: &str = "/v1/payment_intents";

/// What the intent says when it is confirmed counts, not what it said when the request began.
#[test]
fn a_change_while_it_is_confirmed() {
    let shop = Shop::open();
    let made = |more: &str| {
        let made = shop.post(INTENTS, &format!("amount=1000&currency=eur&metadata[a]=1{more}"));
        format!("{INTENTS}/{}", made.text("/id"))
    };
    let path = made("");
    shop.meanwhile(Moment::Naming, &path, "metadata[order]=7&amount=2000");
    let body = "payment_method=pm_card_visa&receipt_email=ana%40b.nl";
    let paid = shop.post_once("k", &format!("{path}/confirm"), body);
    assert_eq!((paid.text("/status").as_str(), paid.at("/amount_received")), ("succeeded", &json!(2000)));
    assert_eq!(
        (paid.at("/metadata"), paid.at("/receipt_email")),
        (&json!({ "a": "1", "order": "7" }), &json!("ana@b.nl"))
    );
    // An amount that the customer did not agree to is not taken.
    let path = made("");
    shop.meanwhile(Moment::Naming, &path, "amount=2000");
    let refused = shop.post(&format!("{path}/confirm"), "payment_method=pm_card_visa&amount_to_confirm=1000");
    assert_eq!((refused.error(), shop.orders()), ((400, "", "amount_to_confirm"), 1));
    // The same for a setup.
    let setup = format!("/v1/setup_intents/{}", shop.post("/v1/setup_intents", "metadata[a]=1").text("/id"));
    shop.meanwhile(Moment::Naming, &setup, "metadata[order]=7&description=d");
    let done = shop.post(&format!("{setup}/confirm"), "payment_method=pm_card_visa");
    assert_eq!(
        (done.text("/status").as_str(), done.at("/metadata"), done.at("/description")),
        ("succeeded", &json!({ "a": "1", "order": "7" }), &json!("d"))
    );
}

/// What was written on an intent while it was captured stays written.
#[test]
fn a_change_while_it_is_captured() {
    let shop = Shop::open();
    let held = |body: &str| {
        let body =
            format!("amount=1000&currency=eur&capture_method=manual&payment_method=pm_card_visa&confirm=true{body}");
        format!("{INTENTS}/{}", shop.post(INTENTS, &body).text("/id"))
    };
    let path = held("&metadata[a]=1");
    shop.meanwhile(Moment::Numbering, &path, "metadata[order]=7&description=tea");
    let body = "amount_to_capture=600&metadata[b]=2&statement_descriptor_suffix=TEA";
    let taken = shop.post_once("k", &format!("{path}/capture"), body);
    assert_eq!((taken.text("/status").as_str(), taken.at("/amount_received")), ("succeeded", &json!(600)));
    let words = (taken.at("/metadata"), taken.at("/description"), taken.at("/statement_descriptor_suffix"));
    assert_eq!(words, (&json!({ "a": "1", "b": "2", "order": "7" }), &json!("tea"), &json!("TEA")));
    assert_eq!(shop.post_once("k", &format!("{path}/capture"), body).bytes, taken.bytes);

    // It was canceled meanwhile: then nothing is captured, and nothing is written.
    let path = held("");
    shop.meanwhile(Moment::Numbering, &format!("{path}/cancel"), "");
    let refused = shop.post(&format!("{path}/capture"), "metadata[b]=2");
    assert_eq!(refused.error(), (400, "payment_intent_unexpected_state", ""));
    let after = shop.get(&path);
    assert_eq!((after.text("/status").as_str(), after.at("/metadata")), ("canceled", &json!({})));
}

/// A setup that is confirmed while somebody changes it has succeeded: it does not go back to where it could be confirmed again.
#[test]
fn a_setup_is_confirmed_while_it_is_changed() {
    let shop = Shop::open();
    let made = shop.post("/v1/setup_intents", "payment_method=pm_card_visa&metadata[a]=1");
    let path = format!("/v1/setup_intents/{}", made.text("/id"));
    shop.meanwhile(Moment::Naming, &format!("{path}/confirm"), "");
    let refused = shop.post(&path, "payment_method=pm_card_mastercard");
    assert_eq!(refused.error(), (400, "setup_intent_unexpected_state", ""));
    let after = shop.get(&path);
    assert_eq!((after.text("/status").as_str(), shop.orders()), ("succeeded", 1));
    // Two that write on it: both are read afterwards.
    let made = shop.post("/v1/setup_intents", "metadata[a]=1");
    let path = format!("/v1/setup_intents/{}", made.text("/id"));
    shop.meanwhile(Moment::Naming, &path, "metadata[order]=7&use_stripe_sdk=true");
    let both = shop.post(&path, "payment_method=pm_card_visa&metadata[b]=2");
    assert_eq!(both.at("/metadata"), &json!({ "a": "1", "b": "2", "order": "7" }));
    assert_eq!(both.text("/status"), "requires_confirmation");
}

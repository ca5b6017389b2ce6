//! Sessions of the official command line: who may listen to what, and what is sent again to those who do.

use crate::world::{ACCOUNT, Request, Shop};
use florin_api::KeyClass;
use florin_api::keys::manage::{self, NewKey};
use florin_api::listen::Feature;
use florin_core::audit::By;
use florin_core::ports::Ports;
use florin_core::store::{Query, Store};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PATH: &str = "/v1/stripecli/sessions";

#[test]
fn a_session_says_where_to_listen() {
    let shop = Shop::open();
    let begin = |key: &str, body: &str| shop.send(Request::new("POST", PATH, body).key(key).header("host", "a:1"));
    let first = begin(&shop.secret, "device_name=laptop&websocket_features[]=webhooks&filters=null&forward_to_url=x");
    assert_eq!(first.status, 200, "{}", first.body);
    let (id, secret) = (first.text("/websocket_id"), first.text("/secret"));
    assert!(secret.starts_with("whsec_") && secret.len() == 70, "{secret}");
    let told = ["websocket_url", "websocket_authorized_feature", "display_connect_filter_warning", "reconnect_delay"];
    let told: Vec<_> = told.iter().map(|name| first.body[*name].clone()).collect();
    assert_eq!(json!(told), json!(["wss://a:1/v1/stripecli/subscribe", "webhooks", false, 600]));
    let found = shop.api.sessions.find(&id, shop.world.now()).unwrap();
    assert_eq!((found.whose.live, found.feature, found.secret.as_str()), (false, Feature::Webhooks, secret.as_str()));
    assert!(shop.api.sessions.find("cliws_0", shop.world.now()).is_none());
    let again = begin(&shop.secret, "device_name=laptop&websocket_features[]=webhooks");
    assert_eq!((again.text("/secret"), again.text("/websocket_id") == id), (secret.clone(), false));
    let elsewhere =
        begin(&shop.secret, "device_name=desktop&websocket_features[]=v2_events&websocket_features[]=webhooks");
    let other = begin(&shop.other, "device_name=laptop&websocket_features[]=webhooks");
    assert!(elsewhere.text("/secret") != secret && other.text("/secret") != secret);
    let filtered = begin(
        &shop.secret,
        "websocket_feature=request_logs&filters=%7B%22filter_account%22%3A%5B%22connect_in%22%5D%7D",
    );
    assert_eq!(filtered.at("/display_connect_filter_warning"), &json!(true), "{}", filtered.body);
}

#[test]
fn who_may_not_listen() {
    let shop = Shop::open();
    let check = |key: &str, body: &str, expected: (u16, &str)| {
        let got = shop.send(Request::new("POST", PATH, body).key(key));
        assert_eq!((got.status, got.error().2), expected, "{body}: {}", got.body);
    };
    check(&shop.publishable, "websocket_features[]=webhooks", (403, ""));
    check(&shop.secret, "", (400, "websocket_features"));
    check(&shop.secret, "websocket_features[]=other", (400, "websocket_features"));
    check(&shop.secret, "websocket_features[]=request_logs&filters=x", (400, "filters"));
    check(&shop.secret, "websocket_features[]=request_logs&filters=%5B1%5D", (400, "filters"));
    check(&shop.secret, "websocket_features[]=webhooks&x=1", (400, "x"));
}

#[test]
fn an_event_is_sent_again_to_those_who_listen() {
    let shop = Shop::open();
    shop.post("/v1/customers", "name=Ana");
    shop.number();
    let id = shop.get("/v1/events").text("/data/0/id");
    let retry = |id: &str, key: &str| {
        let path = format!("/v1/events/{id}/retry");
        shop.send(Request::new("POST", &path, "for_stripecli=true").key(key))
    };
    let told = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&told);
    shop.api.sessions.on_news(Box::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    let nobody = retry(&id, &shop.secret);
    assert_eq!((nobody.status, nobody.error().2), (400, "for_stripecli"), "{}", nobody.body);
    let begun = shop.post(PATH, "websocket_features[]=webhooks");
    let session = shop.api.sessions.find(&begun.text("/websocket_id"), shop.world.now()).unwrap();
    session.connected();
    assert_eq!((retry(&id, &shop.other).status, retry("evt_0", &shop.secret).status), (404, 404));
    let again = retry(&id, &shop.secret);
    assert_eq!((again.status, again.text("/id")), (200, id.clone()));
    assert_eq!((session.again().len(), told.load(Ordering::Relaxed)), (1, 1));
    // What the listener gets is what the API shows.
    let query = Query::OfAccount { account: session.whose.account, after: 0, before: 9, backwards: false, limit: 9 };
    let event = florin_store::block_on(Store::find(&*shop.world.store, query)).unwrap().sequenced().pop().unwrap();
    let text = florin_store::block_on(shop.api.told(session.whose.account, false, &event)).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), shop.get(&format!("/v1/events/{id}")).body);
}

#[test]
fn who_began_a_session_must_still_be_let_in() {
    let shop = Shop::open();
    let begun = shop.post(PATH, "websocket_features[]=webhooks").text("/websocket_id");
    let listener = || florin_store::block_on(shop.api.listener(&begun));
    let session = listener().unwrap();
    florin_store::block_on(manage::revoke(&By::SYSTEM, &shop.api, ACCOUNT, &shop.secret[shop.secret.len() - 4..]))
        .unwrap();
    assert!(listener().is_none() && !florin_store::block_on(shop.api.may_listen(&session)));
}

#[test]
fn a_restricted_key_listens_to_what_it_may_read() {
    let shop = Shop::open();
    let check = |permissions: &[&str], feature: &str, expected: u16| {
        let texts: Vec<String> = permissions.iter().map(|t| (*t).to_owned()).collect();
        let grants = manage::grants(&texts).unwrap();
        let new = NewKey { grants, ..NewKey::plain(KeyClass::Restricted, false) };
        let key = florin_store::block_on(manage::issue(&By::SYSTEM, &shop.api, ACCOUNT, new)).unwrap().text;
        let body = format!("websocket_features[]={feature}");
        assert_eq!(
            shop.send(Request::new("POST", PATH, &body).key(&key)).status,
            expected,
            "{permissions:?} {feature}"
        );
    };
    check(&["stripecli:write", "events:read"], "webhooks", 200);
    check(&["stripecli:write", "request_logs:read"], "request_logs", 200);
    check(&["stripecli:write", "request_logs:read"], "webhooks", 403);
    check(&["stripecli:write"], "request_logs", 403);
    check(&["events:read"], "webhooks", 403);
}

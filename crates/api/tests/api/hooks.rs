//! Webhook endpoints, their secrets and deliveries, and what events say of the request behind them.

use crate::world::{Request, Shop};
use florin_core::commit::JobKind;
use florin_core::deliver::{self, Composed, Lane, Letter, Outcome, Post, Reply, Round};
use florin_core::endpoint::Endpoint;
use florin_core::flow::{Failure, View};
use florin_core::ports::Ports;
use florin_core::store::{SequencedEvent, Wait};
use florin_store::block_on;
use serde_json::{Value, json};
use std::sync::Mutex;

/// An endpoint that answers as it is told to, and keeps what it got.
struct Receiver<'a> {
    shop: &'a Shop,
    status: Mutex<u16>,
    got: Mutex<Vec<Letter>>,
}

impl Post for Receiver<'_> {
    fn compose<'a>(
        &'a self,
        event: &'a SequencedEvent,
        endpoint: &'a View<Endpoint>,
    ) -> Wait<'a, Result<Option<Composed>, Failure>> {
        Box::pin(async move {
            let shown = self.shop.api.event(event, endpoint.body.api_version.as_deref(), 1).await.unwrap();
            Ok(shown
                .map(|(_, body)| Composed { id: body["id"].as_str().unwrap().into(), body: body.to_string().into() }))
        })
    }
    fn send<'a>(&'a self, letter: Letter) -> Wait<'a, Reply> {
        self.got.lock().unwrap().push(letter);
        let outcome = Outcome::Answered(*self.status.lock().unwrap());
        Box::pin(std::future::ready(Reply { outcome, took_ms: 7, body: b"4242 4242 4242 4242 ok".to_vec() }))
    }
}

impl Receiver<'_> {
    fn types(&self) -> Vec<String> {
        let got = std::mem::take(&mut *self.got.lock().unwrap());
        let types = got.iter().map(|l| serde_json::from_slice::<Value>(&l.body).unwrap()["type"].clone());
        types.map(|t| t.as_str().unwrap().to_owned()).collect()
    }
    /// Everything that is to be told to this endpoint now.
    fn rounds(&self, id: &str) -> Round {
        self.go_on(&mut self.lane(id))
    }
    /// A lane as a process begins it.
    fn lane(&self, id: &str) -> Lane {
        Lane::new(crate::world::ACCOUNT, self.shop.key(florin_core::id::Kind::Endpoint, id))
    }
    fn go_on(&self, lane: &mut Lane) -> Round {
        self.shop.number();
        loop {
            match block_on(deliver::round(&*self.shop.world, self, lane)).unwrap() {
                Round::Moved => {}
                end => return end,
            }
        }
    }
    /// Deliveries whose time has come.
    fn retries(&self) {
        let world = &*self.shop.world;
        let now = world.now();
        for job in block_on(world.store().lease(JobKind::Deliver, now, 100, now.plus_ms(1_000))).unwrap() {
            block_on(deliver::retry(world, self, &job)).unwrap();
        }
    }
}

fn receiver(shop: &Shop, status: u16) -> Receiver<'_> {
    Receiver { shop, status: Mutex::new(status), got: Mutex::default() }
}

fn endpoint(shop: &Shop, events: &str) -> String {
    let made = shop.post("/v1/webhook_endpoints", &format!("url=https://shop.example/hook&{events}"));
    assert_eq!(made.status, 200, "{}", made.body);
    made.text("/id")
}

#[test]
fn urls_that_are_no_endpoint() {
    let shop = Shop::open();
    for url in [
        "",
        "shop.example",
        "https://",
        "ftp://a.example",
        "http://127.0.0.1:1/",
        "https://localhost/x",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/",
        "https://u:p@a.example/",
        "https://a.example/4242424242424242",
        "http://2130706433/",
        "https://a.example:0/",
    ] {
        let got = shop.post("/v1/webhook_endpoints", &format!("url={url}&enabled_events[]=*"));
        assert_eq!((got.status, got.error().2), (400, "url"), "{url}: {}", got.body);
    }
}

#[test]
fn a_secret_is_shown_once_and_rolls() {
    let shop = Shop::open();
    let body = "url=https://shop.example/hook&enabled_events[]=*";
    let made = shop.post_once("a", "/v1/webhook_endpoints", body);
    let (id, secret) = (made.text("/id"), made.text("/secret"));
    assert_eq!((secret.len(), secret.starts_with("whsec_")), (38, true));
    assert_eq!(shop.post_once("a", "/v1/webhook_endpoints", body).body, made.body, "a repeated request");
    let shown = shop.get(&format!("/v1/webhook_endpoints/{id}"));
    assert_eq!(shown.at("/secret"), &Value::Null);
    let path = format!("/v1/florin/webhook_endpoints/{id}/roll");
    let rolled = shop.post(&path, "expires_after=60").text("/secret");
    assert_ne!(rolled, secret);
    for bad in ["-1", "604801", "x"] {
        assert_eq!(shop.post(&path, &format!("expires_after={bad}")).error().2, "expires_after");
    }
    let hook = receiver(&shop, 200);
    shop.post("/v1/customers", "name=Ana");
    hook.rounds(&id);
    let letters = hook.got.lock().unwrap();
    let signature = |letter: &Letter| letter.headers.iter().find(|(n, _)| *n == "stripe-signature").unwrap().1.clone();
    assert_eq!(signature(&letters[0]).matches(",v1=").count(), 2);
}

#[test]
fn what_an_endpoint_is_told() {
    let shop = Shop::open();
    shop.post("/v1/customers", "name=Before");
    let (all, some) = (endpoint(&shop, "enabled_events[]=*"), endpoint(&shop, "enabled_events[]=charge.succeeded"));
    let hook = receiver(&shop, 200);
    shop.paid(1000);
    hook.rounds(&all);
    let sale = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated"];
    assert_eq!(hook.types(), sale);
    hook.rounds(&some);
    assert_eq!(hook.types(), ["charge.succeeded"]);
    assert_eq!(hook.rounds(&all), Round::Idle);
    shop.post(&format!("/v1/webhook_endpoints/{all}"), "disabled=true");
    assert_eq!(hook.rounds(&all), Round::Off);
    shop.post("/v1/customers", "name=Meanwhile");
    shop.post(&format!("/v1/webhook_endpoints/{all}"), "disabled=false");
    shop.post("/v1/products", "name=Later");
    hook.rounds(&all);
    assert_eq!(hook.types(), ["product.created"], "what happened meanwhile is not told");
    shop.delete(&format!("/v1/webhook_endpoints/{all}"));
    assert_eq!(hook.rounds(&all), Round::Over);
}

/// What failed is tried again; later events of the same object wait for it, those of others do not.
#[test]
fn order_of_one_object() {
    let shop = Shop::open();
    let (id, hook) = (endpoint(&shop, "enabled_events[]=*"), receiver(&shop, 500));
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    shop.post(&format!("/v1/customers/{customer}"), "name=Bea");
    assert_eq!(hook.rounds(&id), Round::Failed);
    assert_eq!(hook.types(), ["customer.created"]);
    hook.retries();
    assert_eq!(hook.types(), [] as [&str; 0], "too early");
    shop.post(&format!("/v1/customers/{customer}"), "name=Cleo");
    shop.post("/v1/products", "name=Other");
    *hook.status.lock().unwrap() = 200;
    hook.rounds(&id);
    assert_eq!(hook.types(), ["product.created"]);
    let list = |status: &str| {
        let got = shop.get(&format!("/v1/florin/webhook_endpoints/{id}/deliveries?status={status}"));
        got.body["data"].as_array().unwrap().iter().map(|d| d["event_type"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(list("waiting"), ["customer.updated", "customer.updated"]);
    assert_eq!(
        (list("retrying"), list("succeeded")),
        (vec![json!("customer.created")], vec![json!("product.created")])
    );
    for expected in ["customer.created", "customer.updated", "customer.updated"] {
        shop.pass(5_000);
        hook.retries();
        assert_eq!(hook.types(), [expected]);
    }
    assert_eq!((list("waiting"), list("retrying"), list("succeeded").len()), (vec![], vec![], 4));
}

/// What failed before a long downtime comes before what is new, right after it and as long as it fails.
#[test]
fn order_after_a_downtime() {
    let shop = Shop::open();
    let (id, hook) = (endpoint(&shop, "enabled_events[]=*"), receiver(&shop, 500));
    let customer = format!("/v1/customers/{}", shop.post("/v1/customers", "name=Ana").text("/id"));
    hook.rounds(&id);
    assert_eq!(hook.types(), ["customer.created"]);
    shop.pass(40 * 3_600_000);
    let mut lane = hook.lane(&id);
    *hook.status.lock().unwrap() = 200;
    shop.post(&customer, "name=Bea");
    hook.go_on(&mut lane);
    assert_eq!(hook.types(), [] as [&str; 0], "an earlier one is open");
    *hook.status.lock().unwrap() = 500;
    hook.retries();
    assert_eq!(hook.types()[0], "customer.created");
    shop.pass(1_200_000);
    *hook.status.lock().unwrap() = 200;
    shop.post(&customer, "name=Cleo");
    hook.go_on(&mut lane);
    assert_eq!(hook.types(), [] as [&str; 0], "it is open still");
    hook.retries();
    assert_eq!(hook.types()[0], "customer.created");
}

/// An event waits for an earlier one of its object for a minute at most.
#[test]
fn nobody_waits_for_ever() {
    let shop = Shop::open();
    let (id, hook) = (endpoint(&shop, "enabled_events[]=*"), receiver(&shop, 500));
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    shop.post(&format!("/v1/customers/{customer}"), "name=Bea");
    hook.rounds(&id);
    hook.types();
    let mut seen = vec![];
    for _ in 0..60 {
        shop.pass(1_000);
        hook.retries();
        seen.extend(hook.types());
    }
    assert!(seen.contains(&"customer.updated".to_owned()), "{seen:?}");
    assert!(seen.iter().filter(|t| *t == "customer.created").count() >= 3, "{seen:?}");
}

#[test]
fn the_log_and_telling_again() {
    let shop = Shop::open();
    let (id, hook) = (endpoint(&shop, "enabled_events[]=customer.created"), receiver(&shop, 302));
    shop.post("/v1/customers", "name=Ana");
    shop.number();
    let at = shop.get("/v1/events").text("/data/0/id");
    assert_eq!(shop.get(&format!("/v1/events/{at}")).at("/pending_webhooks"), &json!(1));
    hook.rounds(&id);
    let log = format!("/v1/florin/webhook_endpoints/{id}/deliveries");
    let first = shop.get(&log);
    assert_eq!(first.at("/data/0/last_attempt/outcome"), &json!("redirected"));
    assert_eq!(first.at("/data/0/last_attempt/http_status"), &json!(302));
    assert_eq!(first.at("/data/0/last_attempt/response"), &json!("**** **** **** **** ok"));
    *hook.status.lock().unwrap() = 204;
    shop.pass(5_000);
    hook.retries();
    let one = shop.get(&format!("{log}/{}", first.text("/data/0/id")));
    let outcomes: Vec<_> = one.body["attempts_list"].as_array().unwrap().iter().map(|t| &t["outcome"]).collect();
    assert_eq!(
        (one.text("/status"), outcomes),
        ("succeeded".to_owned(), vec![&json!("redirected"), &json!("succeeded")])
    );
    assert_eq!(shop.get(&format!("/v1/events/{at}")).at("/pending_webhooks"), &json!(0));
    hook.types();
    let again = shop.post(&format!("/v1/events/{at}/retry"), &format!("webhook_endpoint={id}"));
    assert_eq!(again.text("/id"), at);
    hook.retries();
    assert_eq!((hook.types(), shop.get(&log).at("/data/0/attempts")), (vec!["customer.created".to_owned()], &json!(3)));
    // An endpoint that did not ask for the type gets it when somebody says so, and only then.
    let other = endpoint(&shop, "enabled_events[]=product.created");
    shop.post(&format!("/v1/events/{at}/retry"), "");
    shop.post(&format!("/v1/events/{at}/retry"), &format!("webhook_endpoint={other}"));
    hook.retries();
    assert_eq!(hook.types().len(), 2);
    for (body, param) in
        [("webhook_endpoint=we_nothing", "webhook_endpoint"), ("webhook_endpoint=", "webhook_endpoint"), ("x=1", "x")]
    {
        assert_eq!(shop.post(&format!("/v1/events/{at}/retry"), body).error().2, param);
    }
    assert_eq!(shop.post("/v1/events/evt_nothing/retry", "").error(), (404, "resource_missing", "id"));
    assert_eq!(shop.send(Request::new("GET", &log, "").key(&shop.other)).status, 404);
}

/// The request and its key, what differs, and what was deleted as it was.
#[test]
fn what_events_say() {
    let shop = Shop::open();
    let id = shop.post_once("order 7", "/v1/customers", "name=Ana").text("/id");
    shop.post(&format!("/v1/customers/{id}"), "metadata[a]=1");
    shop.delete(&format!("/v1/customers/{id}"));
    let intent = shop.paid(1000);
    shop.post("/v1/refunds", &format!("payment_intent={}&amount=300", intent.text("/id")));
    shop.post("/v1/refunds", &format!("payment_intent={}&amount=200", intent.text("/id")));
    shop.number();
    let of = |kind: &str| shop.get(&format!("/v1/events?type={kind}"));
    let made = of("customer.created");
    assert!(made.text("/data/0/request/id").starts_with("req_"));
    assert_eq!(made.at("/data/0/request/idempotency_key"), &json!("order 7"));
    assert_eq!(of("customer.updated").at("/data/0/request/idempotency_key"), &Value::Null);
    assert_eq!(of("customer.updated").at("/data/0/data/previous_attributes"), &json!({ "metadata": {} }));
    let gone = of("customer.deleted");
    assert_eq!(
        (gone.at("/data/0/data/object/name"), gone.at("/data/0/data/object/deleted")),
        (&json!("Ana"), &Value::Null)
    );
    assert_eq!(of("charge.succeeded").at("/data/0/data/object/balance_transaction"), &Value::Null);
    let updated = of("charge.updated");
    assert_eq!(updated.at("/data/0/data/previous_attributes"), &json!({ "balance_transaction": null }));
    assert!(updated.at("/data/0/data/object/balance_transaction").is_string());
    let refunded = of("charge.refunded");
    let refunds = |n: usize| {
        (
            refunded.at(&format!("/data/{n}/data/object/amount_refunded")).clone(),
            refunded.at(&format!("/data/{n}/data/previous_attributes")).clone(),
        )
    };
    assert_eq!(refunds(1), (json!(300), json!({ "amount_refunded": 0 })));
    assert_eq!(refunds(0), (json!(500), json!({ "amount_refunded": 300 })));
}

#[test]
fn lists_of_events() {
    let shop = Shop::open();
    for n in 0..5 {
        shop.post("/v1/customers", &format!("name=Nr{n}"));
    }
    shop.number();
    let ids = |query: &str| {
        let got = shop.get(&format!("/v1/events?{query}"));
        assert_eq!(got.status, 200, "{query}: {}", got.body);
        let ids: Vec<String> =
            got.body["data"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
        (ids, got.body["has_more"].as_bool().unwrap())
    };
    let (all, _) = ids("limit=100");
    assert_eq!(all.len(), 5);
    let part = |from: usize, to: usize| all[from..to].to_vec();
    assert_eq!(ids(&format!("limit=2&starting_after={}", all[0])), (part(1, 3), true));
    assert_eq!(ids(&format!("limit=2&starting_after={}", all[2])), (part(3, 5), false));
    assert_eq!(ids(&format!("limit=2&ending_before={}", all[4])), (part(2, 4), true));
    assert_eq!(ids(&format!("ending_before={}", all[2])), (part(0, 2), false));
    let mut oldest = part(3, 5);
    oldest.reverse();
    assert_eq!(ids("after_sequence=0&limit=2"), (oldest, true));
    let created = shop.get(&format!("/v1/events/{}", all[1])).at("/created").as_i64().unwrap();
    assert_eq!(ids(&format!("created={created}")), (part(1, 2), false));
    assert_eq!(ids(&format!("created[gt]={created}")), (part(0, 1), false));
    assert_eq!(ids("types[]=product.created&types[]=customer.created").0.len(), 5);
    assert_eq!(ids("delivery_success=true").0.len(), 5);
    assert_eq!(ids("delivery_success=false").0.len(), 0);
    assert_eq!(shop.get("/v1/events?type=a&types[]=b").error().2, "types");
    assert_eq!(shop.get("/v1/events?starting_after=evt_nothing").error().2, "starting_after");
    let other = shop.send(Request::new("GET", &format!("/v1/events/{}", all[0]), "").key(&shop.other));
    assert_eq!(other.error(), (404, "resource_missing", "id"));
}

/// An endpoint is told in the version that it was made with: older ones list an intent's charges.
#[test]
fn endpoints_speak_their_version() {
    let shop = Shop::open();
    let events = "enabled_events[]=payment_intent.succeeded";
    let (old, new) = (endpoint(&shop, &format!("{events}&api_version=2022-08-01")), endpoint(&shop, events));
    let hook = receiver(&shop, 200);
    let charge = shop.paid(1000).text("/latest_charge");
    let told = |id: &str| {
        hook.rounds(id);
        let letter = hook.got.lock().unwrap().pop().unwrap();
        serde_json::from_slice::<Value>(&letter.body).unwrap()
    };
    let (old, new) = (told(&old), told(&new));
    assert_eq!((&old["api_version"], &new["api_version"]), (&json!("2022-08-01"), &json!("2026-10-28.endive")));
    let listed = &old["data"]["object"]["charges"];
    assert_eq!((&listed["object"], &listed["data"][0]["id"]), (&json!("list"), &json!(charge)));
    assert_eq!(new["data"]["object"].get("charges"), None);
}

/// A deleted endpoint hears nothing more: not what happens, not what failed before, not what is told again.
#[test]
fn silence_after_deletion() {
    let shop = Shop::open();
    let (id, hook) = (endpoint(&shop, "enabled_events[]=*"), receiver(&shop, 500));
    shop.post("/v1/customers", "name=Ana");
    hook.rounds(&id);
    assert_eq!(hook.types(), ["customer.created"]);
    shop.delete(&format!("/v1/webhook_endpoints/{id}"));
    *hook.status.lock().unwrap() = 200;
    shop.post("/v1/customers", "name=Bea");
    assert_eq!(hook.rounds(&id), Round::Over);
    for _ in 0..10 {
        shop.pass(600_000);
        hook.retries();
    }
    let event = shop.get("/v1/events").text("/data/0/id");
    shop.post(&format!("/v1/events/{event}/retry"), "");
    shop.pass(600_000);
    hook.retries();
    assert_eq!(hook.types(), [] as [&str; 0]);
}

//! Webhooks of a running system: what a merchant's server gets, in which order, how it is signed, and that nothing is lost when the
//! gateway is killed or an endpoint is dead.

use crate::house::{House, Running, kill, wait};
use crate::web::Api;
use aws_lc_rs::hmac;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const CONFIRM: &str = "confirm=true&return_url=https://shop.example/back&payment_method=";

/// One delivery as it came.
#[derive(Clone)]
struct Got {
    signature: String,
    standard: [String; 3],
    bytes: Vec<u8>,
    event: Value,
}

/// A merchant's server. It answers with the status that it is told.
struct Receiver {
    port: u16,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    fn open() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (status, got) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(vec![])));
        let (says, keeps) = (Arc::clone(&status), Arc::clone(&got));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (says, keeps) = (Arc::clone(&says), Arc::clone(&keeps));
                std::thread::spawn(move || serve(&stream, &says, &keeps));
            }
        });
        Receiver { port, status, got }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until events of these types have come about this thing, and gives the types in the order of their coming.
    #[track_caller]
    fn told(&self, thing: &str, expected: &[&str]) {
        let types = || {
            let about = |g: &Got| g.bytes.windows(thing.len()).any(|w| w == thing.as_bytes());
            let of = self.got().into_iter().filter(about).map(|g| g.event["type"].as_str().unwrap().to_owned());
            of.collect::<Vec<_>>()
        };
        wait("webhooks", SOON, || (types().len() >= expected.len()).then_some(()));
        assert_eq!(types(), expected);
    }
}

/// Requests of one connection, until the other side ends it.
fn serve(stream: &TcpStream, status: &AtomicU16, got: &Mutex<Vec<Got>>) {
    let mut read = BufReader::new(stream.try_clone().unwrap());
    let mut write = stream.try_clone().unwrap();
    loop {
        let (mut headers, mut line) = (vec![], String::new());
        while read.read_line(&mut line).unwrap_or(0) > 2 {
            headers.push(line.trim().to_owned());
            line.clear();
        }
        if headers.is_empty() {
            return;
        }
        let header = |name: &str| {
            let with = |h: &&String| h.to_ascii_lowercase().starts_with(&format!("{name}: "));
            headers.iter().find(with).map(|h| h[name.len() + 2..].to_owned()).unwrap_or_default()
        };
        let mut bytes = vec![0; header("content-length").parse().unwrap()];
        read.read_exact(&mut bytes).unwrap();
        let standard = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
        let event = serde_json::from_slice(&bytes).unwrap();
        got.lock().unwrap().push(Got { signature: header("stripe-signature"), standard, bytes, event });
        let answer = format!("HTTP/1.1 {} x\r\ncontent-length: 0\r\n\r\n", status.load(Ordering::Relaxed));
        if write.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The signature as Stripe's documents describe it, made anew.
#[track_caller]
fn signed(got: &Got, secret: &str) {
    let (time, signatures) = got.signature.split_once(',').unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[time.as_bytes(), b".", &got.bytes].concat());
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert!(signatures.split(',').any(|s| s == format!("v1={hex}")), "{}", got.signature);
    assert_eq!((got.standard[0].as_str(), got.standard[1].as_str()), (got.event["id"].as_str().unwrap(), time));
    assert!(got.standard[2].starts_with("v1,"));
}

struct Shop {
    _house: House,
    demo: Running,
    api: Api,
    receiver: Receiver,
    id: String,
    secret: String,
    /// An endpoint that nobody serves.
    dead: String,
}

impl Shop {
    /// A demo with one endpoint for everything, beside one that nobody serves.
    fn open(name: &str) -> Shop {
        let house = House::new(name);
        let demo = house.demo();
        let (api, receiver) = (Api::new(&demo.ready), Receiver::open());
        let make =
            |url: &str| api.connect().post("/v1/webhook_endpoints", &format!("url={url}&enabled_events[]=*")).ok();
        let dead = make("http://127.0.0.1:9/dead").text("/id").to_owned();
        let made = make(&receiver.url());
        let (id, secret) = (made.text("/id").to_owned(), made.text("/secret").to_owned());
        Shop { _house: house, demo, api, receiver, id, secret, dead }
    }
    fn post(&self, path: &str, form: &str) -> String {
        let answer = self.api.connect().post(path, form);
        let id = if answer.status == 402 { "/error/payment_intent/id" } else { "/id" };
        answer.text(id).to_owned()
    }
    /// How many deliveries to an endpoint stand so.
    fn deliveries(&self, endpoint: &str, status: &str) -> usize {
        let path = format!("/v1/florin/webhook_endpoints/{endpoint}/deliveries?status={status}&limit=100");
        let list = self.api.connect().get(&path).ok().body;
        list["data"].as_array().unwrap().len()
    }
}

#[test]
fn what_a_merchant_is_told() {
    let shop = Shop::open("hooks");
    let sale = shop.post("/v1/payment_intents", &format!("amount=1999&currency=eur&{CONFIRM}pm_card_visa"));
    let declined =
        shop.post("/v1/payment_intents", &format!("amount=1999&currency=eur&{CONFIRM}pm_card_chargeDeclined"));
    let hold = shop
        .post("/v1/payment_intents", &format!("amount=500&currency=eur&capture_method=manual&{CONFIRM}pm_card_visa"));
    shop.post(&format!("/v1/payment_intents/{hold}/cancel"), "");
    shop.post("/v1/refunds", &format!("payment_intent={sale}&amount=500"));
    let hook = &shop.receiver;
    hook.told(
        &sale,
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.updated",
            "refund.created",
            "charge.refunded",
        ],
    );
    hook.told(&declined, &["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]);
    hook.told(
        &hold,
        &[
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "payment_intent.canceled",
        ],
    );
    for got in hook.got() {
        signed(&got, &shop.secret);
        let path = format!("/v1/events/{}", got.event["id"].as_str().unwrap());
        let mut shown = shop.api.connect().get(&path).ok().body;
        // Told to this endpoint meanwhile, or not yet.
        shown["pending_webhooks"] = got.event["pending_webhooks"].clone();
        assert_eq!(shown, got.event);
    }
    // Told again by hand, under the same id.
    let first = hook.got()[0].event["id"].as_str().unwrap().to_owned();
    shop.api.connect().post(&format!("/v1/events/{first}/retry"), &format!("webhook_endpoint={}", shop.id)).ok();
    let times = || hook.got().iter().filter(|g| g.event["id"] == first.as_str()).count();
    wait("the event again", SOON, || (times() == 2).then_some(()));
    // The dead endpoint held nobody up, and is still tried.
    assert_eq!(shop.deliveries(&shop.dead, "succeeded"), 0);
    assert!(shop.deliveries(&shop.dead, "retrying") > 0);
    shop.demo.stop();
}

#[test]
fn nothing_is_lost_when_the_gateway_dies() {
    let mut shop = Shop::open("hooks-killed");
    let mut gateway = shop.demo.pid("gateway");
    let customer = |n: usize| format!("name=Nr{n}");
    let mut made: BTreeSet<String> = BTreeSet::new();
    for round in 0..3 {
        // The endpoint refuses what it gets first, so that some of it waits for its next try when the process dies.
        shop.receiver.status.store(if round == 1 { 500 } else { 200 }, Ordering::Relaxed);
        made.extend((0..5).map(|n| shop.post("/v1/customers", &customer(round * 10 + n))));
        kill(gateway, Signal::KILL);
        let told = shop.demo.line(SOON).unwrap();
        assert_eq!(told["restarted"], "gateway");
        gateway = i32::try_from(told["pid"].as_i64().unwrap()).unwrap();
        wait("the API", SOON, || (shop.api.connect().get("/v1/account").status == 200).then_some(()));
    }
    let told = || {
        let got = shop.receiver.got();
        got.iter().map(|g| g.event["data"]["object"]["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    wait("every event", SOON, || made.is_subset(&told()).then_some(()));
    let taken = || shop.deliveries(&shop.id, "succeeded") >= made.len();
    wait("every event to be taken", SOON, || taken().then_some(()));
    shop.receiver.got().iter().for_each(|got| signed(got, &shop.secret));
}

/// The same from the terminal: made, told, told again.
#[test]
fn webhooks_in_the_terminal() {
    let house = House::new("hooks-terminal");
    let stopped = house.florin(&["webhooks", "list"]);
    assert_eq!((stopped.code, stopped.refused().0.as_str()), (1, "not_running"));
    let demo = house.demo();
    let hook = Receiver::open();
    let known = |url: &str| {
        house.florin(&["webhooks", "list"]).done()["data"].as_array().unwrap().iter().any(|e| e["url"] == url)
    };
    assert!(!known(&hook.url()));
    let made = house.florin(&["webhooks", "create", &hook.url(), "--event", "customer.created"]).done();
    let (id, secret) = (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned());
    assert!(known(&hook.url()));
    let refused = house.florin(&["webhooks", "create", "nowhere"]);
    assert_eq!((refused.code, refused.refused().0.as_str()), (1, "url_invalid"));
    let customer = Api::new(&demo.ready).connect().post("/v1/customers", "name=Ana").ok();
    hook.told(customer.text("/id"), &["customer.created"]);
    signed(&hook.got()[0], &secret);
    let delivered = || {
        let list = house.florin(&["webhooks", "deliveries", &id, "--status", "succeeded"]).done();
        list["data"].as_array().filter(|data| !data.is_empty()).map(|data| data[0].clone())
    };
    let delivery = wait("the delivery", SOON, delivered);
    assert_eq!(delivery["event_type"], "customer.created");
    let event = delivery["event"].as_str().unwrap();
    assert_eq!(house.florin(&["webhooks", "resend", event, "--endpoint", &id]).done()["id"], event);
    hook.told(customer.text("/id"), &["customer.created", "customer.created"]);
    demo.stop();
}

//! Card testing against a whole system: the buyer's browser is refused, the issuer hears nothing more, and the owner finds out.

use crate::house::House;
use crate::web::{Api, Client, plain};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

fn with(ready: &Value, key: &str) -> Client {
    let mut ready = ready.clone();
    ready["secret_key"] = json!(key);
    Api::new(&ready).connect()
}

fn tries(server: &mut Client, browser: &mut Client, number: &str) -> String {
    tries_with(server, browser, number, "").0
}

/// An intent of the merchant's server, confirmed by a browser. Gives the decline code, or the status, and with which key a service is to be
/// asked whether it is a person.
fn tries_with(server: &mut Client, browser: &mut Client, number: &str, headers: &str) -> (String, Option<String>) {
    let intent = server.post("/v1/payment_intents", "amount=100&currency=eur").ok();
    let (id, secret) = (intent.text("/id"), intent.text("/client_secret"));
    let card =
        format!("[number]={number}&payment_method_data[card][exp_month]=12&payment_method_data[card][exp_year]=2034");
    let body = format!("client_secret={secret}&payment_method_data[type]=card&payment_method_data[card]{card}");
    let got = browser.post_headed(&format!("/v1/payment_intents/{id}/confirm"), &body, headers);
    let code = got.body.pointer("/error/decline_code").or(got.body.pointer("/error/code"));
    let code = code.or(got.body.pointer("/status")).and_then(Value::as_str).unwrap_or("").to_owned();
    (code, got.header("florin-bot-check").map(str::to_owned))
}

/// Messages that went to the acquirer: every line of the metric.
fn messages(ready: &Value) -> Vec<String> {
    let all = plain(ready["metrics"].as_str().unwrap(), "GET /metrics", "", "").unwrap().body;
    let lines: Vec<String> =
        all.lines().filter(|l| l.starts_with("florin_messages_total{")).map(str::to_owned).collect();
    assert!(!lines.is_empty());
    lines
}

#[test]
fn card_testing_is_refused_and_written_down() {
    let house = House::new("abuse").with("FLORIN_ABUSE_DEFENCE", "on");
    let demo = house.demo();
    let key = demo.ready["publishable_key"].as_str().unwrap().to_owned();
    let (mut server, mut browser) = (Api::new(&demo.ready).connect(), with(&demo.ready, &key));
    // Declined by its issuer, over a small amount: twice, each counting twice; then the cardholder would have to authenticate, which this
    // card cannot; at the sixth nobody is asked any more.
    let numbers = ["4000000000000002", "4000000000009995"];
    let mut got: Vec<String> = (0..7).map(|n| tries(&mut server, &mut browser, numbers[n % 2])).collect();
    let before = messages(&demo.ready);
    // Its own answer would be insufficient_funds: no issuer was asked.
    got.push(tries(&mut server, &mut browser, numbers[1]));
    assert_eq!(messages(&demo.ready), before);
    assert_eq!(got[..2], ["generic_decline", "insufficient_funds"]);
    assert_eq!(got[6..], ["generic_decline", "generic_decline"], "{got:?}");
    let told = house.florin(&["abuse", "log"]).done();
    assert_eq!(told["data"][0]["action"], "refused");
    assert_eq!(told["data"][0]["reason"], "address_declines");
    assert!(!told.to_string().contains("127.0.0.1"));
    assert_eq!(server.get("/v1/florin/abuse_decisions?limit=1").ok().text("/data/0/reason"), "address_declines");
    demo.stop();
}

/// A service that tells people from programs: it believes one token. Gives its address, and the bodies that came.
fn vouching() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://127.0.0.1:{}/siteverify", listener.local_addr().unwrap().port());
    let came: Arc<Mutex<Vec<String>>> = Arc::default();
    let keep = Arc::clone(&came);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (mut read, mut write) = (BufReader::new(stream.try_clone().unwrap()), stream);
            let (mut line, mut length) = (String::new(), 0);
            while read.read_line(&mut line).unwrap_or(0) > 2 {
                let lower = line.to_ascii_lowercase();
                length = lower.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().unwrap());
                line.clear();
            }
            let mut body = vec![0; length];
            read.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let said = if body.ends_with("response=a+person") { r#"{"success":true}"# } else { r#"{"success":false}"# };
            keep.lock().unwrap().push(body);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
            write.write_all(format!("{head}{said}").as_bytes()).unwrap();
        }
    });
    (at, came)
}

/// Whom the service vouches for is asked to authenticate where a program is refused.
#[test]
fn a_person_behind_a_bad_address_goes_on() {
    let (at, came) = vouching();
    let house = House::new("bot-check").with("FLORIN_ABUSE_DEFENCE", "on").with("FLORIN_ABUSE_BOT_CHECK", &at);
    assert_eq!(house.florin(&["demo"]).refused(), ("invalid_setting".to_owned(), json!("abuse.bot_site_key")));
    let secret = house.root.join("bot.secret");
    std::fs::write(&secret, "s&cret\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let house = house.with("FLORIN_ABUSE_BOT_SITE_KEY", "site_1");
    let house = house.with("FLORIN_ABUSE_BOT_SECRET_FILE", secret.to_str().unwrap());
    let demo = house.demo();
    let key = demo.ready["publishable_key"].as_str().unwrap().to_owned();
    let (mut server, mut browser) = (Api::new(&demo.ready).connect(), with(&demo.ready, &key));
    let numbers = ["4000000000000002", "4000000000009995"];
    (0..7).for_each(|n| drop(tries(&mut server, &mut browser, numbers[n % 2])));
    let mut check = |token: &str, expected: (&str, Option<&str>)| {
        let headers = if token.is_empty() { String::new() } else { format!("florin-bot-check: {token}\r\n") };
        let got = tries_with(&mut server, &mut browser, "4000002760003184", &headers);
        assert_eq!((got.0.as_str(), got.1.as_deref()), expected, "{token}: {:?}", came.lock().unwrap());
    };
    check("", ("generic_decline", Some("site_1")));
    check("a program", ("generic_decline", Some("site_1")));
    check("a person", ("requires_action", None));
    assert_eq!(*came.lock().unwrap(), ["secret=s%26cret&response=a+program", "secret=s%26cret&response=a+person"]);
    demo.stop();
}

#[test]
fn a_key_asks_from_its_networks_alone() {
    let house = House::new("key-networks");
    let demo = house.demo();
    let status = |args: &[&str]| {
        let made = house.florin(&[&["keys", "create"], args].concat()).done();
        with(&demo.ready, made["key"].as_str().unwrap()).get("/v1/account").status
    };
    assert_eq!(status(&["--from", "127.0.0.0/8"]), 200);
    assert_eq!(status(&["--from", "203.0.113.0/24"]), 403);
    let refused = house.florin(&["keys", "create", "--from", "203.0.113.1/24"]);
    assert_eq!((refused.code, refused.refused().0.as_str()), (2, "parameter_invalid"));
    // One that ends soon is told of.
    let soon =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 3 * 86_400 - 43_200;
    house.florin(&["keys", "create", "--expires", &soon.to_string()]).done();
    let doctor = house.florin(&["doctor"]);
    let checks = doctor.json()["checks"].as_array().cloned().unwrap_or_default();
    let keys = checks.iter().find(|check| check["name"] == "API keys").cloned().unwrap_or_default();
    assert_eq!(keys["ok"], false);
    assert!(keys["says"].as_str().is_some_and(|says| says.contains("ends in 3 days")), "{keys}");
    demo.stop();
}

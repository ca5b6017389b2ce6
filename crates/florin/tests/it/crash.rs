//! kill -9 of gateway, vault and sandbox under load: the supervisor starts them anew, and in the end the issuer's books agree with
//! every payment.

use crate::house::{Door, House, Running, kill, standing, wait};
use florin_connect::core::id::Key;
use florin_connect::core::payment::{CardFacts, Funding};
use florin_vault::cards::{NewCard, Tokenised};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

const KILLS: usize = 8;
const CONNECTIONS: usize = 4;
/// Recovery begins 22 s after a payment's first commit, and repeats after pauses of 10 s and more.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
const RESTARTED_WITHIN: Duration = Duration::from_secs(30);
/// One payment is asked for again and again until it is answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// Cards as the gateway may know them, with the digest that goes with each.
fn cards(demo: &Running) -> Vec<(Value, String)> {
    let mut door = Door::open(demo.ready["gateway"].as_str().unwrap()).unwrap();
    let account = Key(door.ask(&json!({ "op": "health" })).unwrap()["ok"]["account_key"].as_i64().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = std::path::Path::new(demo.ready["vault"].as_str().unwrap()).to_owned();
        let vault = florin_vault::client::VaultClient::connect(&socket).await;
        let mut cards = Vec::new();
        for name in ["visa", "mastercard", "amex", "decline", "partial"] {
            let number = name.to_owned().into();
            let card = NewCard { account, live: false, number, exp_month: 0, exp_year: 0, cvc: None };
            let token = vault.tokenise(card).await.unwrap();
            let digest = token.card_digest.iter().map(|b| format!("{b:02x}")).collect();
            cards.push((serde_json::to_value(facts(&token)).unwrap(), digest));
        }
        cards
    })
}

fn facts(t: &Tokenised) -> CardFacts {
    CardFacts {
        token: t.token,
        network: t.network,
        first6: t.first6.as_str().as_bytes().try_into().unwrap(),
        last4: t.last4.as_str().as_bytes().try_into().unwrap(),
        exp_year: t.exp_year,
        exp_month: t.exp_month,
        fingerprint: t.fingerprint.as_bytes().try_into().unwrap(),
        funding: Funding::Credit,
        country: None,
    }
}

/// What one connection got done.
#[derive(Default)]
struct Done {
    /// Every payment that has an id.
    ids: Vec<String>,
    /// (id, status) of every answer to a confirm or capture.
    acknowledged: Vec<(String, String)>,
}

/// Asks until there is an answer: over new connections, always with the same idempotency key.
fn insist(path: &str, door: &mut Option<Door>, question: &Value) -> Value {
    wait("an answer", ANSWERED_WITHIN, || {
        if door.is_none() {
            *door = Door::open(path).ok();
        }
        match door.as_mut().map(|d| d.ask(question)) {
            Some(Ok(answer)) if answer["error"]["code"] != "idempotency_key_in_use" => return Some(answer),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => *door = None,
        }
        None
    })
}

/// Pays until told to stop. One in four payments is held and captured.
fn load(path: &str, seed: u64, cards: &[(Value, String)], stop: &AtomicBool, answered: &AtomicUsize) -> Done {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let (mut chance, mut door, mut done) = (Chance(seed), None, Done::default());
    while !stop.load(Ordering::Relaxed) {
        let key = format!("load-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let manual = chance.next(4) == 0;
        let amount = format!("{}.{:02}", 1 + chance.next(500), chance.next(100));
        let create = json!({ "op": "create", "amount": amount, "currency": "eur", "manual": manual, "key": format!("{key}/create") });
        let created = insist(path, &mut door, &create);
        let id = created["ok"]["id"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned();
        done.ids.push(id.clone());
        let at = usize::try_from(chance.next(u64::try_from(cards.len()).unwrap())).unwrap();
        let (card, digest) = &cards[at];
        let confirm =
            json!({ "op": "confirm", "id": id, "card": card, "card_digest": digest, "key": format!("{key}/confirm") });
        let mut answer = insist(path, &mut door, &confirm);
        if answer["ok"]["status"] == "requires_capture" {
            answer = insist(path, &mut door, &json!({ "op": "capture", "id": id, "key": format!("{key}/capture") }));
        }
        let status = answer["ok"]["status"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        done.acknowledged.push((id, status));
        answered.fetch_add(1, Ordering::Relaxed);
    }
    done
}

/// Kills processes at moments that the load sets, and waits for each to be started anew.
fn kill_all(demo: &mut Running, chance: &mut Chance, answered: &AtomicUsize) {
    let roles = ["gateway", "vault", "sandbox"];
    let mut pids = roles.map(|role| demo.pid(role));
    for n in 0..KILLS {
        let some_more = answered.load(Ordering::Relaxed) + 3 + usize::try_from(chance.next(20)).unwrap();
        wait("load", ANSWERED_WITHIN, || (answered.load(Ordering::Relaxed) >= some_more).then_some(()));
        // Each in turn, and the last two times all together.
        let victims = if n >= KILLS - 2 { 0..3 } else { n % 3..n % 3 + 1 };
        for at in victims.clone() {
            kill(pids[at], rustix::process::Signal::KILL);
        }
        for _ in victims {
            let line = demo.line(RESTARTED_WITHIN).expect("nothing was started anew");
            let at = roles.iter().position(|role| line["restarted"] == *role).unwrap();
            pids[at] = i32::try_from(line["pid"].as_i64().unwrap()).unwrap();
        }
    }
}

/// Compares one payment with the issuer's books.
fn reconcile(house: &House, payment: &Value) {
    let rrns: std::collections::BTreeSet<&str> =
        payment["attempts"].as_array().unwrap().iter().map(|a| a["rrn"].as_str().unwrap()).collect();
    let entries: Vec<Value> = rrns.iter().flat_map(|rrn| house.books(rrn)).collect();
    let amount = payment["amount"].as_i64().unwrap();
    let expected = match payment["status"].as_str().unwrap() {
        "succeeded" => (0, amount, 0),
        "requires_capture" => (amount, 0, 0),
        "requires_payment_method" | "requires_confirmation" | "canceled" => (0, 0, 0),
        other => panic!("{other}: {payment}"),
    };
    assert_eq!(standing(&entries), expected, "{payment}\n{entries:#?}");
    let live = entries
        .iter()
        .filter(|e| e["standing"]["captured"].as_i64().unwrap_or(0) + e["standing"]["held"].as_i64().unwrap_or(0) > 0);
    assert!(live.count() <= 1, "charged twice: {payment}\n{entries:#?}");
}

#[test]
fn kill_nine_under_load() {
    let seed = std::env::var("FLORIN_TEST_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    println!("FLORIN_TEST_SEED={seed}");
    let house = House::new("crash").with("FLORIN_ANSWER_MS", "1000");
    let mut demo = house.demo();
    let cards = cards(&demo);
    let path = demo.ready["gateway"].as_str().unwrap().to_owned();
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut chance = Chance(seed);
    let done: Vec<Done> = std::thread::scope(|scope| {
        let (path, cards, stop, answered) = (&path, &cards, &stop, &answered);
        let seeds: Vec<u64> = (0..CONNECTIONS).map(|_| chance.next(u64::MAX)).collect();
        let workers: Vec<_> =
            seeds.into_iter().map(|seed| scope.spawn(move || load(path, seed, cards, stop, answered))).collect();
        let killed =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| kill_all(&mut demo, &mut chance, answered)));
        stop.store(true, Ordering::Relaxed);
        let done = workers.into_iter().map(|w| w.join().unwrap()).collect();
        if let Err(why) = killed {
            std::panic::resume_unwind(why);
        }
        done
    });
    let mut door = Door::open(&path).unwrap();
    let mut payments = Vec::new();
    for id in done.iter().flat_map(|d| &d.ids) {
        payments.push(wait("the outcome of a payment", SETTLED_WITHIN, || {
            let seen = door.ask(&json!({ "op": "show", "id": id })).unwrap()["ok"].clone();
            (seen["status"] != "processing").then_some(seen)
        }));
    }
    for (id, status) in done.iter().flat_map(|d| &d.acknowledged) {
        let now = &payments.iter().find(|p| p["id"] == **id).unwrap()["status"];
        // What was told as unknown may have become anything; all else stays what was told.
        assert!(status == "processing" || now == status, "{id} was told as {status} and is {now}");
    }
    for payment in &payments {
        reconcile(&house, payment);
    }
    let succeeded = payments.iter().filter(|p| p["status"] == "succeeded").count();
    assert!(succeeded > KILLS, "{succeeded} of {} payments succeeded", payments.len());
    println!("{} payments, {succeeded} succeeded", payments.len());
    // Nothing that the tests did not ask for stands at the issuer.
    let summary = house.florin(&["network", "summary"]).done();
    let sum = |name: &str| payments.iter().map(|p| p[name].as_i64().unwrap()).sum::<i64>();
    let stands = &summary["standing"]["eur"];
    assert_eq!(
        (&stands["captured"], &stands["held"]),
        (&json!(sum("amount_received")), &json!(sum("amount_capturable")))
    );
    demo.stop();
    house.verified();
}

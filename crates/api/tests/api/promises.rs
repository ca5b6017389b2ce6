//! What is promised of idempotency keys and of money that many ask for at once, sentence by sentence, in memory and in SQLite.

use crate::world::{Engine, Got, Moment, Request, Shop};
use florin_api::LimitSettings;
use florin_core::seal::Secret;
use florin_store::{MemoryStore, Options, SqliteStore};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const INTENTS: &str = "/v1/payment_intents";
const PAY: &str = "amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true";
const HOUR_MS: i64 = 3_600_000;

/// A file of its own, removed at the end.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open_file(file: &File) -> SqliteStore {
    SqliteStore::open(&file.0.join("a.db"), Options::default(), Secret::new([9; 32])).unwrap()
}

/// Runs a promise on both engines.
fn on_each_engine(promise: impl Fn(&Shop)) {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let name = format!("florin-api-{}-{}", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
    let file = File(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&file.0).unwrap();
    let engines: [Box<dyn Engine>; 2] = [Box::new(MemoryStore::new()), Box::new(open_file(&file))];
    for engine in engines {
        promise(&Shop::on(engine, LimitSettings::NONE));
    }
}

fn once(shop: &Shop, key: &str, path: &str, body: &str) -> Request {
    Request::new("POST", path, body).key(&shop.secret).header("idempotency-key", key)
}

fn replayed(got: &Got) -> bool {
    got.header("idempotent-replayed") == Some("true")
}

/// All at once, each on a thread.
fn race(shop: &Shop, requests: Vec<Request>) -> Vec<Got> {
    std::thread::scope(|scope| {
        let racers: Vec<_> = requests.into_iter().map(|request| scope.spawn(|| shop.send_now(request))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

/// The same key and body: the stored answer, byte for byte, marked as such. Another body, or another path: refused.
#[test]
fn one_key_is_one_request() {
    on_each_engine(|shop| {
        let declined = PAY.replace("visa", "chargeDeclined");
        let asked = [(INTENTS, PAY, 200), (INTENTS, &declined, 402), ("/v1/customers", "name=Ana", 200)];
        for (n, (path, body, status)) in asked.into_iter().enumerate() {
            let key = format!("key-{n}");
            let first = shop.send(once(shop, &key, path, body));
            assert_eq!((first.status, replayed(&first)), (status, false), "{path}");
            let before = shop.orders();
            for _ in 0..3 {
                let again = shop.send(once(shop, &key, path, body));
                assert_eq!((again.status, replayed(&again), &again.bytes), (status, true, &first.bytes), "{path}");
            }
            for (path, body) in [(path, "amount=2000&currency=eur"), ("/v1/products", body)] {
                let other = shop.send(once(shop, &key, path, body));
                assert_eq!((other.status, other.text("/error/type").as_str()), (400, "idempotency_error"), "{path}");
            }
            assert_eq!(shop.orders(), before, "nothing more was sent");
        }
    });
}

/// While the first is under way the second is told so, and what the first came to afterwards.
#[test]
fn in_flight() {
    on_each_engine(|shop| {
        shop.meanwhile_told(Moment::Asking, once(shop, "k", INTENTS, PAY), 409);
        let first = shop.send(once(shop, "k", INTENTS, PAY));
        assert_eq!((first.status, shop.orders()), (200, 1));
        let again = shop.send(once(shop, "k", INTENTS, PAY));
        assert_eq!((replayed(&again), again.bytes == first.bytes), (true, true));
        // Another body hears that it is another request, under way or not.
        let other = once(shop, "l", INTENTS, "amount=5&currency=eur");
        shop.meanwhile_told(Moment::Asking, other, 400);
        assert_eq!(shop.send(once(shop, "l", INTENTS, PAY)).status, 200);
    });
}

/// Kept for 24 hours whatever the time of day; gone after two days at the latest, and then the key is free.
#[test]
fn kept_for_a_day() {
    on_each_engine(|shop| {
        for begin in [0, 1, 12, 23] {
            let key = format!("at-{begin}");
            shop.pass(begin * HOUR_MS);
            let first = shop.send(once(shop, &key, INTENTS, PAY));
            shop.pass(24 * HOUR_MS - 2_000);
            let others = shop.send(once(shop, &format!("{key}-other"), INTENTS, PAY));
            assert_eq!((others.status, replayed(&others)), (200, false));
            let again = shop.send_now(once(shop, &key, INTENTS, PAY));
            assert_eq!((replayed(&again), again.bytes == first.bytes), (true, true), "{key}");
            shop.pass(24 * HOUR_MS);
            // Whatever takes a key empties what is old.
            shop.send(once(shop, &format!("{key}-later"), INTENTS, PAY));
            let anew = shop.send(once(shop, &key, INTENTS, PAY.replace("1000", "700").as_str()));
            assert_eq!((anew.status, replayed(&anew), anew.text("/id") == first.text("/id")), (200, false, false));
        }
    });
}

/// Sixty-four at once under each key: one execution, and whoever is not told to wait hears the same.
#[test]
fn sixty_four_racers() {
    on_each_engine(|shop| {
        for n in 0..8 {
            let before = shop.orders();
            let answers = race(shop, (0..64).map(|_| once(shop, &format!("race-{n}"), INTENTS, PAY)).collect());
            let (told, waits): (Vec<&Got>, Vec<&Got>) = answers.iter().partition(|got| got.status == 200);
            assert_eq!(told.iter().filter(|got| !replayed(got)).count(), 1, "one ran");
            assert!(told.iter().all(|got| got.bytes == told[0].bytes));
            assert!(waits.iter().all(|got| (got.status, got.error().1) == (409, "idempotency_key_in_use")));
            assert_eq!(shop.orders(), before + 1);
        }
        assert_eq!(shop.get("/v1/payment_intents?limit=100").body["data"].as_array().unwrap().len(), 8);
    });
}

/// Captures and cancels of one hold, 32 at once: one wins, and what the issuer is told is what is shown.
#[test]
fn a_hold_ends_once() {
    on_each_engine(|shop| {
        for _ in 0..16 {
            let held = shop.post(INTENTS, &format!("{PAY}&capture_method=manual")).text("/id");
            let before = shop.orders();
            let ask = |n: usize| {
                let (what, body) = [("capture", format!("amount_to_capture={}", 100 + n)), ("cancel", String::new())]
                    .into_iter()
                    .nth(n % 2)
                    .unwrap();
                Request::new("POST", &format!("{INTENTS}/{held}/{what}"), &body).key(&shop.secret)
            };
            let answers = race(shop, (0..32).map(ask).collect());
            let won: Vec<&Got> = answers.iter().filter(|got| got.status == 200).collect();
            assert_eq!((won.len(), shop.orders() - before), (1, 1));
            let shown = shop.get(&format!("{INTENTS}/{held}"));
            let what = |got: &Got| (got.text("/status"), got.at("/amount_received").clone());
            assert_eq!(what(&shown), what(won[0]));
        }
    });
}

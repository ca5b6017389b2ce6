//! The gateway's keys as their owner rotates them: while payments go on, through a kill, from one algorithm to the other and back; and
//! what `doctor` says of keys.

use crate::house::{House, id, kill};
use crate::web::Api;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Every key that seals, with its algorithm.
fn seals(status: &Value) -> Vec<(u64, String)> {
    let keys = status["data_keys"].as_array().unwrap();
    keys.iter().map(|key| (key["version"].as_u64().unwrap(), key["algorithm"].as_str().unwrap().to_owned())).collect()
}

/// Customers and payments are made and read all the while. Nothing fails, and at the end nothing is under an older key.
#[test]
fn keys_rotate_while_payments_go_on() {
    let house = House::new("rotate");
    let demo = house.demo();
    let (api, over, stories) = (Api::new(&demo.ready), AtomicBool::new(false), AtomicUsize::new(0));
    let paid = id(&house.pay(&["5", "eur", "--description", "before"]));
    let with = |algorithm: &str, args: &[&str]| {
        let data = house.data();
        let all = [&["--json", "--data", data.to_str().unwrap(), "keys", "rotate"], args].concat();
        house.run_with(("FLORIN_SEAL_ALGORITHM", algorithm), &all).done()
    };
    std::thread::scope(|scope| {
        for name in ["ada", "grace"] {
            let (api, over, stories) = (&api, &over, &stories);
            scope.spawn(move || {
                let mut client = api.connect();
                while !over.load(Ordering::Relaxed) {
                    let customer = client.post("/v1/customers", &format!("name={name}&email={name}@example.com")).ok();
                    let customer = customer.text("/id").to_owned();
                    let body = format!(
                        "amount=500&currency=eur&customer={customer}&payment_method=pm_card_visa&confirm=true&description={name}\
                         &automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never"
                    );
                    let made = client.post("/v1/payment_intents", &body).ok();
                    let read = client.get(&format!("/v1/payment_intents/{}", made.text("/id"))).ok();
                    assert_eq!((read.text("/status"), read.text("/description")), ("succeeded", name));
                    let read = client.get(&format!("/v1/customers/{customer}")).ok();
                    assert_eq!(read.text("/email"), format!("{name}@example.com"));
                    stories.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let stop = Stop(&over);
        // Each rotation has somebody's whole story before it, and the last one after it.
        let another = |what: &str| {
            let seen = stories.load(Ordering::Relaxed);
            crate::house::wait(what, std::time::Duration::from_secs(60), || {
                (stories.load(Ordering::Relaxed) > seen).then_some(())
            });
        };
        for (version, algorithm) in [(2, "chacha20-poly1305"), (3, "aes-256-gcm")] {
            another("a story before the rotation");
            assert_eq!(seals(&with(algorithm, &["accounts"])), [(version, algorithm.to_owned())]);
            assert_eq!(seals(&with(algorithm, &["data"])), [(version, algorithm.to_owned())]);
            let before = std::fs::read(house.file("keys/gateway.root")).unwrap();
            with(algorithm, &["root"]);
            assert_ne!(std::fs::read(house.file("keys/gateway.root")).unwrap(), before);
        }
        another("a story after the rotations");
        drop(stop);
    });
    house.florin(&["refund", &paid]).done();
    // A kill in the middle: the next process finishes it.
    let (gateway, data) = (demo.pid("gateway"), house.data());
    let rotating = std::thread::scope(|scope| {
        let rotating =
            scope.spawn(|| house.run(&["--json", "--data", data.to_str().unwrap(), "keys", "rotate", "accounts"], ""));
        crate::house::wait("a fourth key", std::time::Duration::from_secs(30), || {
            let c = rusqlite::Connection::open(house.file("gateway/florin.db")).unwrap();
            let newest = c.query_row("SELECT max(version) FROM data_key", (), |row| row.get::<_, i64>(0));
            (newest == Ok(4)).then_some(())
        });
        kill(gateway, Signal::KILL);
        rotating.join().unwrap()
    });
    // It waits for the next process, or was asking just when this one died.
    assert!(rotating.code == 0 || rotating.err.contains("gateway_lost"), "{}", rotating.err);
    crate::house::wait("the end of the rotation", std::time::Duration::from_secs(60), || {
        // Until the next gateway serves, the vault's keys alone are told.
        let accounts = house.florin(&["keys", "status"]).json()["accounts"].clone();
        (accounts.is_object() && seals(&accounts) == [(4, "aes-256-gcm".to_owned())]).then_some(())
    });
    demo.stop();
    house.verified();
    // Roots from before are kept beside the newest, for backups of that time.
    let kept = std::fs::read_dir(house.file("keys")).unwrap();
    let kept = kept.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains(".retired-")).count();
    assert_eq!(kept, 2);
    let demo = house.demo();
    assert_eq!(house.florin(&["show", &paid]).done()["status"], json!("succeeded"));
    demo.stop();
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The start takes whichever root the database is under.
#[test]
fn a_root_that_was_left_half_way_is_put_in_its_place() {
    let house = House::new("root-half");
    let paid = id(&house.pay(&["5", "eur"]));
    let (root, next) = (house.file("keys/gateway.root"), house.file("keys/gateway.root.next"));
    // One that wraps nothing does no harm.
    private(&next, &[7; 32]);
    assert_eq!(house.florin(&["show", &paid]).done()["status"], json!("succeeded"));
    let demo = house.demo();
    let before = std::fs::read(&root).unwrap();
    house.florin(&["keys", "rotate", "root"]).done();
    demo.stop();
    // As a crash before the last step would have left it.
    std::fs::rename(&root, &next).unwrap();
    private(&root, &before);
    for retired in std::fs::read_dir(house.file("keys")).unwrap().map(|file| file.unwrap().path()) {
        if retired.to_string_lossy().contains(".retired-") {
            std::fs::remove_file(retired).unwrap();
        }
    }
    assert_eq!(house.florin(&["show", &paid]).done()["status"], json!("succeeded"));
    assert!(!next.exists());
    house.verified();
}

fn private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn doctor_looks_where_keys_lie() {
    let house = House::new("key-places");
    let place = house.root.join("backups");
    std::fs::create_dir_all(&place).unwrap();
    let house = house.with("FLORIN_BACKUP_PLACE", place.to_str().unwrap());
    house.pay(&["5", "eur"]);
    let check = |name: &str, expected: (bool, &str)| {
        let doctor = house.florin(&["doctor"]).json();
        let found = doctor["checks"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone();
        let says = found["says"].as_str().unwrap();
        assert!(found["ok"] == json!(expected.0) && says.contains(expected.1), "{name}: {found}");
    };
    check("key places", (true, "as in a demo"));
    check("public ids", (true, "no backup yet"));
    check("key ages", (true, "none is near"));
    check("logs", (true, "no card number"));
    // The key in a data folder that is live, or a copy of it among the backups.
    private(&house.file("keys/live"), b"");
    check("key places", (false, "lies in the data folder"));
    std::fs::remove_file(house.file("keys/live")).unwrap();
    for key in ["keys/vault.kek", "keys/gateway.root"] {
        let copy = place.join("old-keys");
        std::fs::copy(house.file(key), &copy).unwrap();
        check("key places", (false, "is a copy of"));
        std::fs::remove_file(copy).unwrap();
    }
    check("key places", (true, ""));
    // The key of the public ids: another one, or one that is in no backup.
    let (identity, ids) = (house.root.join("identity"), house.file("keys/ids.key"));
    let made = house.florin(&["backup", "keygen", "--to", identity.to_str().unwrap()]).done();
    let recipient = made["recipient"].as_str().unwrap();
    house.florin(&["backup", "create", "--recipient", recipient]).done();
    check("public ids", (true, "and is in 2"));
    let right = std::fs::read(&ids).unwrap();
    private(&ids, &[7; 16]);
    check("public ids", (false, "is not the key"));
    private(&ids, &right);
    let manifest = std::fs::read_dir(&place).unwrap().map(|file| file.unwrap().path());
    let manifest = manifest.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "json")).unwrap();
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("keys/ids.key", "keys/other.key")).unwrap();
    check("public ids", (false, "is without the key"));
    std::fs::write(&manifest, text).unwrap();
    // What is older than it may be.
    let c = rusqlite::Connection::open(house.file("gateway/florin.db")).unwrap();
    c.execute("UPDATE data_key SET created = 1000", ()).unwrap();
    drop(c);
    check("key ages", (false, "florin keys rotate accounts"));
}

/// A log that holds a card number is a finding.
#[test]
fn doctor_looks_into_logs() {
    let house = House::new("key-logs");
    house.pay(&["5", "eur"]);
    private(&house.file("run/other.log"), b"a line with 4929 1234 5600 0009 in it\n");
    let doctor = house.florin(&["doctor"]).json();
    let found = doctor["checks"].as_array().unwrap().iter().find(|c| c["name"] == "logs").unwrap().clone();
    assert!(found["ok"] == json!(false) && !found.to_string().contains("4929"), "{found}");
}

#[test]
fn the_inventory_lists_algorithms_and_keys() {
    let house = House::new("inventory");
    house.pay(&["5", "eur"]);
    let told = house.florin(&["keys", "inventory"]).done();
    let used = told["used"].as_array().unwrap();
    for (place, algorithm) in [("vault", "AES-256-GCM"), ("gateway", "ChaCha20-Poly1305"), ("backup", "HMAC-SHA256")] {
        assert!(used.iter().any(|u| u["place"] == place && u["algorithm"] == algorithm), "{place}: {algorithm}");
    }
    let keys: Vec<&str> = told["keys"].as_array().unwrap().iter().map(|key| key["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["kek", "data", "root", "accounts"]);
    let limits: Vec<i64> = told["keys"].as_array().unwrap().iter().map(|k| k["limit_days"].as_i64().unwrap()).collect();
    assert_eq!(limits, [730, 365, 730, 365]);
}

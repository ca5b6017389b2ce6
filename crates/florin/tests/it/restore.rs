//! An installation that came back from a backup: fenced, compared with the acquirer's journal, opened; with the issuers' books as
//! witness. The backup is a copy of what stood on the disk at one instant.

use crate::house::{House, Running, kill, wait};
use crate::web::{Api, Client};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SOON: Duration = Duration::from_secs(20);
const PAY: &str = "currency=eur&payment_method=pm_card_visa&confirm=true&return_url=https://shop.example/back";

struct Scene {
    house: House,
    demo: Running,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

impl Scene {
    fn new(name: &str) -> Scene {
        // Days end by command alone, and no answer is waited for longer than the test wants.
        let house = House::new(name).with("FLORIN_NETWORK_DAY_SECONDS", "0");
        let demo = house.demo();
        Scene { house, demo }
    }

    fn client(&self) -> Client {
        Api::new(&self.demo.ready).connect()
    }

    /// Copies gateway, then vault, as they stand on the disk while their process stands still.
    fn back_up(&self) -> u64 {
        let made = now();
        for part in ["gateway", "vault"] {
            let pid = self.demo.pid(part);
            kill(pid, Signal::STOP);
            copy(&self.house.file(part), &self.house.root.join("backup").join(part));
            kill(pid, Signal::CONT);
        }
        made
    }

    /// Everything dies at once; gateway and vault come back from the copies, and what a restore leaves behind is there.
    fn disaster(self, made: u64) -> Scene {
        self.destroy(made).started()
    }

    fn destroy(self, made: u64) -> House {
        let Scene { house, demo } = self;
        let supervisor = i32::try_from(demo.ready["supervisor"].as_i64().unwrap()).unwrap();
        for pid in [supervisor].into_iter().chain(["gateway", "vault", "sandbox", "shop"].map(|part| demo.pid(part))) {
            kill(pid, Signal::KILL);
        }
        drop(demo);
        for part in ["gateway", "vault"] {
            std::fs::remove_dir_all(house.file(part)).unwrap();
            copy(&house.root.join("backup").join(part), &house.file(part));
        }
        let fence = json!({ "backup": "copy", "made_at": made, "restored_at": now() });
        std::fs::write(house.file("gateway/restored.json"), fence.to_string()).unwrap();
        // Ids are compared to the second; nothing is given out within the second of the last lost one.
        let lost = now();
        wait("the next second", SOON, || (now() > lost + 1).then_some(()));
        house
    }

    fn issuers(&self) -> (i64, i64, i64) {
        let summary = self.house.florin(&["network", "summary"]).done();
        let part = |name: &str| summary["standing"]["eur"][name].as_i64().unwrap_or(0);
        (part("held"), part("captured"), part("refunded"))
    }

    fn reconcile(&self, more: &[&str]) -> (i32, Value) {
        let ran = self.house.florin(&[&["restore", "reconcile"], more].concat());
        (ran.code, ran.json())
    }

    fn end(self) {
        self.demo.stop();
        self.house.verified();
    }
}

trait Started {
    fn started(self) -> Scene;
}

impl Started for House {
    fn started(self) -> Scene {
        let demo = self.demo();
        Scene { house: self, demo }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap).filter(|e| e.path().is_file()) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A payment: captured at once or held.
fn pay(client: &mut Client, amount: u32, held: bool) -> String {
    let method = if held { "manual" } else { "automatic" };
    let paid = client.post("/v1/payment_intents", &format!("amount={amount}&capture_method={method}&{PAY}")).ok();
    let expected = if held { "requires_capture" } else { "succeeded" };
    assert_eq!(paid.text("/status"), expected, "{}", paid.body);
    paid.text("/id").to_owned()
}

fn charge(client: &mut Client, payment: &str) -> Value {
    client.get(&format!("/v1/payment_intents/{payment}?expand[]=latest_charge")).ok().body
}

fn refund(client: &mut Client, payment: &str, amount: u32) {
    let refunded = client.post("/v1/refunds", &format!("payment_intent={payment}&amount={amount}")).ok();
    assert_eq!(refunded.text("/status"), "succeeded");
}

fn counts(told: &Value) -> Vec<(String, u64)> {
    told["counts"].as_object().unwrap().iter().map(|(done, n)| (done.clone(), n.as_u64().unwrap())).collect()
}

#[test]
fn what_was_lost_is_found_at_the_acquirer() {
    let scene = Scene::new("restore");
    let client = &mut scene.client();
    let sale = pay(client, 1_000, false);
    let [claimed, given_up, waiting] = [2_000, 3_000, 4_000].map(|amount| pay(client, amount, true));
    let customer = client.post("/v1/customers", "name=Erika&email=erika@example.com").ok().text("/id").to_owned();
    // One is under way when the backup is made: its issuer has approved it, and the answer never comes.
    scene.house.misbehave("lost", "0200");
    let api = Api::new(&scene.demo.ready);
    let hanging = std::thread::spawn(move || {
        let form = format!("amount=500&capture_method=automatic&{PAY}");
        drop(api.connect().try_post_with("/v1/payment_intents", &form, "hangs"));
    });
    wait("the issuer approves what hangs", SOON, || (scene.issuers().1 == 1_500).then_some(()));
    let made = scene.back_up();

    // The lost time.
    pay(client, 100, false);
    let orphan = pay(client, 700, false);
    refund(client, &orphan, 200);
    pay(client, 900, true);
    refund(client, &sale, 300);
    let captured = client.post(&format!("/v1/payment_intents/{claimed}/capture"), "amount_to_capture=1500").ok();
    assert_eq!(captured.text("/status"), "succeeded");
    refund(client, &claimed, 400);
    assert_eq!(client.post(&format!("/v1/payment_intents/{given_up}/cancel"), "").ok().text("/status"), "canceled");
    assert_eq!(client.delete(&format!("/v1/customers/{customer}")).ok().body["deleted"], true);
    let before = scene.issuers();
    assert_eq!(before, (4_000 + 900, 1_000 + 500 + 100 + 700 + 1_500, 200 + 300 + 400));
    let scene = scene.disaster(made);
    hanging.join().unwrap();

    // Reads are answered, nothing else is.
    let client = &mut scene.client();
    assert_eq!(charge(client, &sale)["latest_charge"]["amount_refunded"], 0);
    let refused = client.post("/v1/payment_intents", &format!("amount=1&{PAY}"));
    assert_eq!((refused.status, refused.text("/error/code")), (503, "installation_restored"));
    assert_eq!(scene.house.florin(&["refund", &sale]).refused().0, "installation_restored");
    // A rehearsal says what will be, and does nothing.
    let expected = [
        ("capture_taken_up", 1),
        ("concluded", 1),
        ("known", 3),
        ("nothing_stands", 1),
        ("orphan_reversed", 3),
        ("refund_taken_up", 2),
        ("void_taken_up", 1),
    ];
    let expected: Vec<(String, u64)> = expected.into_iter().map(|(done, n)| (done.to_owned(), n)).collect();
    let (code, told) = scene.reconcile(&["--dry-run"]);
    assert_eq!((code, told["status"].as_str(), scene.issuers()), (0, Some("dry_run"), before));
    let (code, told) = scene.reconcile(&[]);
    assert_eq!((code, told["status"].as_str()), (0, Some("open")), "{told}");
    assert_eq!(
        (told["breaks"].as_u64(), told["unsettled"].as_u64(), told["erased"].as_u64()),
        (Some(0), Some(0), Some(1))
    );
    let mut found = counts(&told);
    // The void of the lost time is a message of the journal as well.
    found.iter_mut().filter(|(done, _)| done == "known").for_each(|(_, n)| *n -= 1);
    assert_eq!(found, expected);

    // The issuers' books are ours again.
    // What the orphan's refund gave back is not taken back twice.
    assert_eq!(scene.issuers(), (4_000, 1_000 + 500 + 1_500 + 200, 300 + 400 + 200));
    let client = &mut scene.client();
    assert_eq!(charge(client, &sale)["latest_charge"]["amount_refunded"], 300);
    let now_claimed = charge(client, &claimed);
    assert_eq!((&now_claimed["status"], &now_claimed["amount_received"]), (&json!("succeeded"), &json!(1_500)));
    // What was held and not claimed counts as given back.
    assert_eq!(now_claimed["latest_charge"]["amount_refunded"], 500 + 400);
    assert_eq!(charge(client, &given_up)["status"], "canceled");
    assert_eq!(charge(client, &waiting)["status"], "requires_capture");
    assert_eq!(client.get(&format!("/v1/customers/{customer}")).ok().body["deleted"], true);
    let list = client.get("/v1/payment_intents?limit=100").ok();
    let succeeded = list.body["data"].as_array().unwrap().iter().filter(|p| p["status"] == "succeeded");
    assert_eq!(succeeded.filter_map(|p| p["amount_received"].as_i64()).sum::<i64>(), 1_000 + 500 + 1_500);
    let orphans = scene.house.florin(&["restore", "orphans"]).done();
    let mut undone: Vec<(i64, &str)> = orphans["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["amount_taken"].as_i64().unwrap(), o["status"].as_str().unwrap()))
        .collect();
    undone.sort_unstable();
    assert_eq!(undone, [(0, "reversed"), (100, "reversed"), (500, "reversed")]);

    // Once more is nothing more; and life goes on.
    assert_eq!(scene.reconcile(&[]), (0, json!({ "object": "florin.restore", "status": "not_fenced" })));
    pay(client, 50, false);
    let claim = client.post(&format!("/v1/payment_intents/{waiting}/capture"), "").ok();
    assert_eq!(claim.text("/status"), "succeeded");
    refund(client, &claimed, 1_100);
    assert_eq!(scene.issuers(), (0, 1_000 + 500 + 1_500 + 200 + 50 + 4_000, 300 + 1_500 + 200));
    scene.end();
}

/// The comparison dies while the host says nothing to a reversal; the next one ends what it began, and nothing happens twice.
#[test]
fn a_comparison_that_dies_is_run_again() {
    let scene = Scene::new("restore-again");
    let client = &mut scene.client();
    pay(client, 1_000, false);
    let made = scene.back_up();
    for amount in [100, 200, 300] {
        pay(client, amount, amount == 300);
    }
    let house = scene.destroy(made);
    let scene = house.started();
    scene.house.misbehave("drop", "0400");
    let data = scene.house.data();
    let asked = std::thread::spawn({
        let (root, data) = (scene.house.root.clone(), data.clone());
        move || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_florin"));
            command.current_dir(&root).env("HOME", &root);
            command.args(["--json", "--data", data.to_str().unwrap(), "restore", "reconcile"]).output().unwrap()
        }
    });
    let orphans = || {
        let found = scene.house.florin(&["restore", "orphans"]).done();
        (found["data"].as_array().unwrap().len() == 3).then_some(())
    };
    wait("the orphans are booked", SOON, orphans);
    kill(scene.demo.pid("gateway"), Signal::KILL);
    assert!(!asked.join().unwrap().status.success());
    wait("the gateway is back", SOON, || scene.house.florin(&["restore", "orphans"]).code.eq(&0).then_some(()));
    let (code, told) = scene.reconcile(&[]);
    assert_eq!((code, told["status"].as_str()), (0, Some("open")), "{told}");
    assert_eq!(scene.issuers(), (0, 1_000, 0));
    let books = scene.house.florin(&["network", "books"]).done();
    let undone = books["entries"].as_array().unwrap().iter().filter(|e| e["kind"] == "reversal" && e["amount"] != 0);
    let mut amounts: Vec<i64> = undone.map(|e| e["amount"].as_i64().unwrap()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [100, 200, 300]);
    scene.end();
}

/// What we say was paid and the acquirer does not know keeps the doors closed until a person has seen it.
#[test]
fn what_the_acquirer_does_not_know_is_a_break() {
    let scene = Scene::new("restore-break");
    let client = &mut scene.client();
    pay(client, 1_000, false);
    let made = scene.back_up();
    let house = scene.destroy(made);
    // Another bank: it has never heard of us.
    std::fs::remove_dir_all(house.file("sandbox")).unwrap();
    let scene = house.started();
    let (code, told) = scene.reconcile(&[]);
    assert_eq!((code, told["status"].as_str(), told["breaks"].as_u64()), (1, Some("fenced"), Some(1)), "{told}");
    assert_eq!(
        (&told["findings"][0]["done"], &told["findings"][0]["amount"]),
        (&json!("unknown_to_acquirer"), &json!(1_000))
    );
    let refused = scene.client().post("/v1/payment_intents", &format!("amount=1&{PAY}"));
    assert_eq!(refused.status, 503);
    assert_eq!(scene.reconcile(&["--accept"]).1["status"], "open");
    pay(&mut scene.client(), 100, false);
    scene.end();
}

/// A clock that stands before the restore would give ids out twice.
#[test]
fn a_clock_that_went_back_is_refused() {
    let scene = Scene::new("restore-clock");
    let made = scene.back_up();
    let house = scene.destroy(made);
    let fence = json!({ "backup": "copy", "made_at": made, "restored_at": now() + 1_000 });
    std::fs::write(house.file("gateway/restored.json"), fence.to_string()).unwrap();
    assert_eq!(house.florin(&["list"]).refused().0, "clock_went_back");
    let refused = house.florin(&["restore", "release"]).refused();
    assert_eq!(refused, ("not_compared".to_owned(), json!("--without-comparing")));
}

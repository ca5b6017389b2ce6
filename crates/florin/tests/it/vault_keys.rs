//! The vault's keys as their custodians use them: each place that a key-encryption key can be kept in, entered at the start, rotated while
//! payments go on. The hardware module is SoftHSM: a real PKCS#11 library with a token in files.

use crate::house::{House, Running, id, wait};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
const PASSPHRASE: &str = "six random words are long enough";

/// A house whose vault's key lies beside the data, not in it.
fn house(name: &str) -> (House, PathBuf) {
    let house = House::new(name);
    let kek = house.root.join("vault.kek");
    let house = house.with("FLORIN_VAULT_KEK", kek.to_str().unwrap());
    (house, kek)
}

fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Starts a demo whose vault is locked, and opens it by these, one after the other. Gives what each entry was answered.
fn unlocked(house: &House, entries: &[PathBuf]) -> (Running, Vec<Value>) {
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| house.demo());
        let mut answers = vec![];
        for entry in entries {
            let from = entry.to_str().unwrap();
            let answer = wait("a locked vault", SOON, || {
                let ran = house.florin(&["keys", "unlock", "--from", from]);
                // Until the vault listens there is nobody to enter it at.
                (ran.code == 0 || !ran.err.contains("not_locked")).then_some(ran)
            });
            answers.push(if answer.code == 0 { answer.json() } else { json!(answer.refused().0) });
        }
        (starting.join().unwrap(), answers)
    })
}

fn paid(house: &House) -> String {
    let journey = house.pay(&["5", "eur", "--card", "visa"]);
    let payment = &journey["story"]["payment"];
    assert_eq!(payment["status"], "succeeded", "{payment}");
    id(payment)
}

#[test]
fn a_passphrase_opens_the_vault_and_its_keys_rotate() {
    let (house, kek) = house("passphrase");
    let file = |name: &str, text: &str| {
        let path = house.root.join(name);
        private(&path, text);
        path
    };
    let (short, right, wrong) = (
        file("short", "too short\n"),
        file("right", &format!("{PASSPHRASE}\n")),
        file("wrong", "not those words at all"),
    );
    let init = |from: &Path| {
        let (to, from) = (kek.to_str().unwrap(), from.to_str().unwrap());
        house.florin(&["keys", "init", "--kind", "passphrase", "--passphrase-file", from, "--to", to])
    };
    assert_eq!(init(&short).refused(), ("passphrase_too_short".to_owned(), json!("passphrase")));
    let made = init(&right).done();
    assert_eq!(init(&right).refused(), ("key_exists".to_owned(), json!("to")));
    assert!(!std::fs::read_to_string(&kek).unwrap().contains(PASSPHRASE));

    let (demo, answers) = unlocked(&house, &[wrong, right.clone()]);
    assert_eq!(answers, [json!("wrong_passphrase"), json!({ "opened": true })]);
    let payment = paid(&house);
    let status = house.florin(&["keys", "status"]).done();
    assert_eq!((&status["kek"], &status["kind"]), (&made["check"], &json!("passphrase")));
    assert_eq!(status["data_keys"].as_array().unwrap().len(), 1);

    // Both while it runs; what was paid before can be refunded after, which needs its card.
    let rotated = house.florin(&["keys", "rotate", "data"]).done();
    assert_eq!((&rotated["resealing"], &rotated["data_keys"][0]["version"]), (&Value::Null, &json!(2)), "{rotated}");
    let data = house.data();
    let args = ["--json", "--data", data.to_str().unwrap(), "keys", "rotate", "kek"];
    assert_eq!(house.run(&args, "wrong words").refused().0, "wrong_passphrase");
    let rotated = house.run(&args, PASSPHRASE).done();
    assert_ne!(rotated["kek"], made["check"]);
    let retired = format!("vault.kek.retired-{}", made["check"].as_str().unwrap());
    assert!(house.root.join(retired).exists(), "backups from before need it");
    house.florin(&["refund", &payment]).done();
    demo.stop();

    let house = house.with("FLORIN_VAULT_PASSPHRASE_FILE", right.to_str().unwrap());
    let demo = house.demo();
    house.florin(&["refund", &paid(&house)]).done();
    assert_eq!(house.florin(&["keys", "status"]).done()["kek"], rotated["kek"]);
    assert_eq!(house.florin(&["keys", "unlock", "--from", right.to_str().unwrap()]).refused().0, "not_locked");
    demo.stop();
}

/// A share with a letter too many.
fn slip_of(house: &House) -> PathBuf {
    house.root.join("slip")
}

#[test]
fn custodians_open_the_vault_together() {
    let (house, kek) = house("custodians");
    let shares = house.root.join("shares");
    let people = ["--custodian", "anna", "--custodian", "ben", "--custodian", "chris"];
    let init = |rest: &[&str]| {
        let to = ["keys", "init", "--kind", "shares", "--to", kek.to_str().unwrap()];
        house.florin(&[&to, rest].concat())
    };
    assert_eq!(init(&people).refused(), ("custodians".to_owned(), json!("needed")));
    assert_eq!(
        init(&["--custodian", "anna", "--needed", "1"]).refused(),
        ("custodians".to_owned(), json!("custodian"))
    );
    let made = init(&[&people[..], &["--needed", "2", "--shares-to", shares.to_str().unwrap()]].concat()).done();
    assert_eq!(made["shares"].as_array().unwrap().len(), 3);
    let share = |folder: &Path, n: u32| folder.join(format!("{n}.share"));
    let slip = slip_of(&house);
    private(&slip, &std::fs::read_to_string(share(&shares, 2)).unwrap().replace("FLORIN-SHARE-", "FLORIN-SHARE-A"));

    let entered = [slip, share(&shares, 3), share(&shares, 3), share(&shares, 1)];
    let (demo, answers) = unlocked(&house, &entered);
    let chris = json!({ "opened": false, "from": "chris", "have": 1, "needed": 2 });
    assert_eq!(answers, [json!("not_a_share"), chris.clone(), chris, json!({ "opened": true })]);
    let payment = paid(&house);

    // Who has one, and whether it is still what it was: nothing is opened for that.
    let fits = |from: &[&Path]| {
        let from = from.iter().flat_map(|path| ["--from", path.to_str().unwrap()]);
        house.florin(&["keys", "custodians"].into_iter().chain(from).collect::<Vec<_>>())
    };
    let told = fits(&[&share(&shares, 3)]).done();
    let person = |name: &str, checked: bool| json!({ "name": name, "checked": checked });
    let all = [person("anna", false), person("ben", false), person("chris", true)];
    assert_eq!((&told["needed"], &told["custodians"]), (&json!(2), &json!(all)));
    assert_eq!(fits(&[&slip_of(&house)]).refused().0, "not_a_share");

    // A rotation gives everybody a new share; the old ones open nothing any more.
    let newer = house.root.join("newer");
    let rotate = |first: u32, second: u32| {
        let (first, second) = (share(&shares, first), share(&shares, second));
        let from = ["--from", first.to_str().unwrap(), "--from", second.to_str().unwrap()];
        house.florin(&[&["keys", "rewrap", "--shares-to", newer.to_str().unwrap()], &from[..]].concat())
    };
    let alone = rotate(3, 3);
    assert_eq!((alone.code, newer.exists()), (1, false), "one of them is not enough: {}", alone.err);
    assert_eq!(rotate(3, 1).code, 0);
    assert_eq!(fits(&[&share(&shares, 3)]).refused().0, "wrong_share");
    demo.stop();
    let entered = [share(&shares, 1), share(&newer, 1), share(&newer, 2)];
    let (demo, answers) = unlocked(&house, &entered);
    assert_eq!((&answers[0], &answers[2]), (&json!("wrong_share"), &json!({ "opened": true })));
    house.florin(&["refund", &payment]).done();
    demo.stop();
}

/// A token in files of this test, with a PIN.
fn token(house: &House, pin: &str) -> (PathBuf, PathBuf) {
    let (folder, conf) = (house.root.join("tokens"), house.root.join("softhsm2.conf"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&conf, format!("directories.tokendir = {}\nlog.level = ERROR\n", folder.display())).unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "florin", "--so-pin", "so-pin-of-a-test", "--pin", pin])
        .env("SOFTHSM2_CONF", &conf)
        .output()
        .expect("softhsm2-util is installed (on Debian: apt-get install softhsm2)");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (folder, conf)
}

#[test]
fn a_hardware_module_keeps_the_key() {
    let (house, kek) = house("hsm");
    let (folder, conf) = token(&house, "user-pin-of-a-test");
    let conf = conf.to_str().unwrap().to_owned();
    let house = house.with("SOFTHSM2_CONF", &conf);
    let pin = house.root.join("pin");
    private(&pin, "not the pin\n");
    let module = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
    let module = module.into_iter().find(|path| Path::new(path).exists()).expect("SoftHSM's library");
    let variable = format!("SOFTHSM2_CONF={conf}");
    let (to, from, tokens) = (kek.to_str().unwrap(), pin.to_str().unwrap(), folder.to_str().unwrap());
    let init = || {
        let place = ["keys", "init", "--kind", "pkcs11", "--to", to, "--module", module, "--token", "florin"];
        house.florin(&[&place[..], &["--pin-file", from, "--folder", tokens, "--env", &variable]].concat())
    };
    assert_eq!(init().refused().0, "wrong_pin");
    private(&pin, "user-pin-of-a-test\n");
    let made = init().done();
    assert!(!kek_is_in(&folder, &kek));

    let demo = house.demo();
    let payment = paid(&house);
    let status = house.florin(&["keys", "status"]).done();
    assert_eq!((&status["kek"], &status["kind"]), (&made["check"], &json!("pkcs11")));
    let rotated = house.florin(&["keys", "rotate", "kek"]).done();
    assert_ne!(rotated["kek"], made["check"]);
    house.florin(&["keys", "rotate", "data"]).done();
    house.florin(&["refund", &payment]).done();
    demo.stop();

    // Without its PIN or its token the vault does not start, and says why; nothing is lost.
    private(&pin, "another pin");
    assert_eq!(house.florin(&["demo"]).refused().0, "wrong_pin");
    private(&pin, "user-pin-of-a-test\n");
    let away = house.root.join("away");
    std::fs::rename(&folder, &away).unwrap();
    assert_eq!(house.florin(&["demo"]).refused().0, "hsm_error");
    std::fs::rename(&away, &folder).unwrap();
    let demo = house.demo();
    house.florin(&["refund", &paid(&house)]).done();
    demo.stop();
}

/// The description names the key; the key itself is nowhere but in the token, and there it is encrypted.
fn kek_is_in(folder: &Path, description: &Path) -> bool {
    let text = std::fs::read_to_string(description).unwrap();
    text.contains("sealed") || !text.contains("pkcs11") || std::fs::read_dir(folder).unwrap().next().is_none()
}

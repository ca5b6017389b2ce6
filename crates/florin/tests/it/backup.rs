//! Backups are made while payments go on, tried out, and restored; what broke off or was changed is never one.

use crate::house::{House, column, id};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EMAIL: &str = "canary.backup@example.com";
const WITHIN: Duration = Duration::from_secs(60);

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn holds(folder: &Path, words: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap();
    let mut bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    bytes.any(|bytes| bytes.windows(words.len()).any(|part| part == words))
}

/// A house with an identity and a place.
pub struct Kept {
    pub house: House,
    identity: String,
    recipient: String,
    pub place: String,
}

impl Kept {
    pub fn new(name: &str) -> Kept {
        let house = House::new(name);
        let (identity, place) = (text(&house.root.join("identity")), text(&house.root.join("backups")));
        let made = house.florin(&["backup", "keygen", "--to", &identity]).done();
        Kept { house, identity, recipient: made["recipient"].as_str().unwrap().to_owned(), place }
    }

    pub fn making<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--place", &self.place, "--recipient", &self.recipient]].concat()
    }

    pub fn create(&self) -> Value {
        self.house.florin(&self.making(&["backup", "create"])).done()
    }

    pub fn opening<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--place", &self.place, "--identity", &self.identity]].concat()
    }

    /// The folder that a backup was brought back into, with its fence taken away.
    pub fn restored(&self, name: &str, which: &[&str]) -> PathBuf {
        let into = self.house.root.join(name);
        let (args, folder) = ([&["backup", "restore"], which].concat(), text(&into));
        let told = self.house.florin(&[&self.opening(&args)[..], &["--into", &folder]].concat()).done();
        assert_eq!((&told["ok"], &told["problems"]), (&json!(true), &json!([])));
        let fence: Value = serde_json::from_slice(&std::fs::read(into.join("gateway/restored.json")).unwrap()).unwrap();
        assert_eq!(fence, told["fence"]);
        std::fs::remove_file(into.join("gateway/restored.json")).unwrap();
        into
    }

    fn finding(&self) -> (Value, String) {
        let doctor = self.house.run(&["doctor", "--json", "--data", &text(&self.house.data())], "").json();
        let told = doctor["checks"].as_array().unwrap().iter().find(|c| c["name"] == "backups").unwrap();
        (told["ok"].clone(), told["says"].as_str().unwrap().to_owned())
    }
}

#[test]
fn what_was_backed_up_comes_back() {
    let kept = Kept::new("backup");
    let (house, place) = (&kept.house, kept.place.as_str());
    assert_eq!(
        house.florin(&["backup", "keygen", "--to", &kept.identity]).refused().0,
        "io_error",
        "never overwritten"
    );
    let create = ["backup", "create", "--place", place, "--recipient", kept.recipient.as_str()];
    assert_eq!(house.florin(&create).refused().0, "no_data");

    let demo = house.demo();
    let first = id(&house.pay(&["12.34", "eur", "--email", EMAIL]));
    assert_eq!(house.florin(&create[..4]).refused().0, "backup_bad_key");
    assert_eq!(house.florin(&["backup", "create"]).refused(), ("no_place".to_owned(), json!("--place")));
    let whole = kept.create();
    assert_eq!(
        (&whole["whole"], column(&whole["databases"], "file")),
        (&json!(true), FILES.map(str::to_owned).to_vec())
    );
    let second = id(&house.pay(&["5", "usd", "--capture", "manual"]));
    let more = kept.create();
    assert_eq!((&more["whole"], &more["base"]), (&json!(false), &whole["id"]));
    let listed = house.florin(&["backup", "list", "--place", place]).done();
    assert_eq!(column(&listed["data"], "id"), [id(&more), id(&whole)]);
    assert_eq!(kept.finding().0, json!(false), "never tried out");
    let verify = kept.opening(&["backup", "verify"]);
    assert_eq!(house.florin(&verify[..4]).refused(), ("backup_no_key".to_owned(), json!("--identity")));
    let tried = house.florin(&verify).done();
    assert_eq!((&tried["ok"], &tried["id"], &tried["cards"]), (&json!(true), &more["id"], &json!(2)));
    assert!(tried["rows"].as_u64().unwrap() > 4, "{tried}");
    assert_eq!(kept.finding().0, json!(true));
    let third = id(&house.pay(&["7", "eur"]));
    // Nothing in the place is readable, and the key of the vault is in no form there.
    let kek = std::fs::read(house.file("keys/vault.kek")).unwrap();
    for secret in [EMAIL.as_bytes(), first.as_bytes(), &kek] {
        assert!(!holds(Path::new(place), secret));
    }
    let open = |mode| std::fs::set_permissions(&kept.identity, std::fs::Permissions::from_mode(mode)).unwrap();
    open(0o604);
    assert_eq!(house.florin(&verify).refused().0, "key_too_open");
    open(0o600);
    let live = kept.opening(&["backup", "restore"]);
    assert_eq!(house.florin(&live).refused().0, "already_running");
    demo.stop();
    assert_eq!(house.florin(&live).refused().0, "folder_not_empty", "what is there stays");

    let into = text(&kept.restored("restored", &[]));
    let at = |args: &[&str]| house.run(&[&["--json", "--data", into.as_str()], args].concat(), "");
    assert_eq!(at(&["ledger", "verify"]).done()["ok"], json!(true));
    assert_eq!(at(&["show", &first]).done()["status"], json!("succeeded"));
    assert_eq!(at(&["show", &second]).done()["status"], json!("requires_capture"));
    assert_eq!(at(&["show", &third]).refused().0, "resource_missing");

    // The whole one alone, as it was before the second payment; by id and by time.
    let stamp = id(&whole);
    let part = |from: usize, to: usize| &stamp[from..to];
    let (day, time) =
        ([part(0, 4), part(4, 6), part(6, 8)].join("-"), [part(9, 11), part(11, 13), part(13, 15)].join(":"));
    let time = format!("{day}T{time}.{}Z", part(15, 18));
    for (n, which) in [vec![id(&whole)], vec!["--at".to_owned(), time]].iter().enumerate() {
        let which: Vec<&str> = which.iter().map(String::as_str).collect();
        let moment = text(&kept.restored(&format!("moment-{n}"), &which));
        assert_eq!(house.run(&["--json", "--data", &moment, "show", &second], "").refused().0, "resource_missing");
        assert_eq!(house.run(&["--json", "--data", &moment, "show", &first], "").done()["status"], json!("succeeded"));
    }

    // One byte of the whole one: both that rest on it are refused, and the trial says so.
    let object = Path::new(place).join(format!("{}.age", id(&whole)));
    let mut bytes = std::fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    assert_eq!(house.florin(&verify).refused().0, "backup_damaged");
    assert_eq!(kept.finding().0, json!(false));
    let into = text(&house.root.join("damaged"));
    let restore = [&live[..], &["--into", &into]].concat();
    assert_eq!(house.florin(&restore).refused().0, "backup_damaged");
    assert!(!house.root.join("damaged/gateway/florin.db").exists());
    house.verified();
}

const FILES: [&str; 3] = ["shop/shop.db", "gateway/florin.db", "vault/vault.db"];

#[test]
fn a_schedule_makes_what_changed() {
    let house = House::new("backup-schedule");
    let place = text(&house.root.join("backups"));
    std::fs::write(house.root.join("words"), "correct horse battery staple\n").unwrap();
    let words = text(&house.root.join("words"));
    let demo = house.demo();
    house.pay(&["1", "eur"]);
    let flags = ["backup", "schedule", "--place", &place, "--passphrase-file", &words, "--every", "1s"];
    // What others can read too is no secret.
    std::fs::set_permissions(&words, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(house.florin(&flags).refused().0, "key_too_open");
    std::fs::set_permissions(&words, std::fs::Permissions::from_mode(0o600)).unwrap();
    // Of a kill long ago.
    let left = Path::new(&place).join("20200101T000000000Z-00000001-whole.age.part");
    std::fs::create_dir(&place).unwrap();
    std::fs::File::create(&left).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut schedule = house.start(&flags);
    assert_eq!(schedule.line(WITHIN).unwrap()["whole"], json!(true));
    assert!(!left.exists());
    let paid = id(&house.pay(&["2", "eur"]));
    assert_eq!(schedule.line(WITHIN).unwrap()["whole"], json!(false));
    schedule.stop();
    demo.stop();
    let opening = ["--place", &place, "--passphrase-file", &words];
    assert_eq!(house.florin(&[&["backup", "verify"], &opening[..]].concat()).done()["ok"], json!(true));

    // Into the place of what was lost: the keys are there, so nothing else is asked for.
    for file in ["gateway/florin.db", "vault/vault.db", "shop/shop.db"] {
        std::fs::remove_file(house.file(file)).unwrap();
    }
    assert_eq!(house.florin(&[&["backup", "restore"], &opening[..]].concat()).done()["ok"], json!(true));
    std::fs::remove_file(house.file("gateway/restored.json")).unwrap();
    assert_eq!(house.florin(&["show", &paid]).done()["status"], json!("succeeded"));
}

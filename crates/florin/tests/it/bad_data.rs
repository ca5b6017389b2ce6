//! Damaged, newer or foreign data, keys and certificates: a named error that says what to do, and the files stay as they are.

use crate::house::{House, id};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder in which one payment was made, and its id.
fn lived_in(name: &str) -> (House, String) {
    let house = House::new(name);
    let paid = house.florin(&["pay", "19.99", "eur"]).done();
    (house, id(&paid))
}

/// Contents of the databases and keys.
fn contents(data: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let files = [
        "gateway/florin.db",
        "vault/vault.db",
        "sandbox/books.db",
        "keys/gateway.root",
        "keys/ids.key",
        "keys/vault.kek",
        "sandbox/card-hash.key",
    ];
    files.iter().map(|file| (data.join(file), std::fs::read(data.join(file)).ok())).collect()
}

fn write_at(path: &Path, at: usize, bytes: &[u8]) {
    let mut file = std::fs::read(path).unwrap();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    std::fs::write(path, file).unwrap();
}

/// Spoils a fresh copy of the folder, and asks for a payment.
struct Spoilt {
    house: House,
    copy: PathBuf,
}

impl Spoilt {
    fn check(&self, what: &str, spoil: &dyn Fn(&Path), code: &str) {
        drop(std::fs::remove_dir_all(&self.copy));
        copy(&self.house.data(), &self.copy);
        spoil(&self.copy);
        let before = contents(&self.copy);
        let ran = self.house.run(&["--json", "--data", self.copy.to_str().unwrap(), "pay", "1", "eur"], "");
        assert_eq!(ran.code, 1, "{what}: {}", ran.err);
        assert_eq!(ran.refused().0, code, "{what}: {}", ran.err);
        let after = contents(&self.copy);
        let changed: Vec<&PathBuf> = before.keys().filter(|file| before[*file] != after[*file]).collect();
        // The vault counts its starts before the gateway looks at its own data.
        let vault = self.copy.join("vault/vault.db");
        let started = !what.starts_with("the vault");
        assert!(changed.iter().all(|file| started && **file == vault), "{what} changed {changed:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn open_to_others(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn databases_and_keys() {
    let (house, _) = lived_in("spoilt");
    let copy = house.root.join("copy");
    let spoilt = Spoilt { house, copy };
    let databases =
        [("gateway/florin.db", "gateway"), ("vault/vault.db", "the vault"), ("sandbox/books.db", "sandbox")];
    for (file, part) in databases {
        let header = if part == "gateway" { "database_not_florin" } else { "database_damaged" };
        spoilt.check(&format!("{part}: header"), &|data| write_at(&data.join(file), 0, &[0x5a; 100]), header);
        let truncated = |data: &Path| {
            let bytes = std::fs::read(data.join(file)).unwrap();
            std::fs::write(data.join(file), &bytes[..4096]).unwrap();
        };
        spoilt.check(&format!("{part}: truncated"), &truncated, "database_damaged");
        let pages = |data: &Path| {
            let length = std::fs::metadata(data.join(file)).unwrap().len();
            write_at(&data.join(file), 4096, &vec![0x5a; usize::try_from(length).unwrap() - 4096]);
        };
        spoilt.check(&format!("{part}: pages"), &pages, "database_damaged");
        // SQLite's user_version: byte 60, four bytes, big-endian.
        let newer = |data: &Path| write_at(&data.join(file), 60, &9_999u32.to_be_bytes());
        spoilt.check(&format!("{part}: newer"), &newer, "database_newer");
    }
    for (key, bytes) in
        [("keys/gateway.root", 32), ("keys/vault.kek", 32), ("sandbox/card-hash.key", 32), ("keys/ids.key", 16)]
    {
        spoilt.check(&format!("{key} missing"), &|data| std::fs::remove_file(data.join(key)).unwrap(), "key_missing");
        spoilt.check(
            &format!("{key} wrong"),
            &|data| std::fs::write(data.join(key), vec![7; bytes]).unwrap(),
            "wrong_key",
        );
        spoilt.check(&format!("{key} open"), &|data| open_to_others(&data.join(key), 0o644), "key_too_open");
        let unusable = if key.starts_with("sandbox") { "key_unusable" } else { "key_damaged" };
        spoilt.check(&format!("{key} short"), &|data| std::fs::write(data.join(key), [7; 5]).unwrap(), unusable);
    }
    spoilt.check("folder open", &|data| open_to_others(data, 0o755), "folder_too_open");
    spoilt.check("keys' folder open", &|data| open_to_others(&data.join("keys"), 0o750), "folder_too_open");
    // What was copied from is as good as before.
    spoilt.house.verified();
}

/// A certificate that ended long ago, with its key, as PEM.
fn expired(name: &str) -> [String; 2] {
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(2020, 3, 1);
    let key = KeyPair::generate().unwrap();
    [leaf.signed_by(&key, &ca).unwrap().pem(), key.serialize_pem()]
}

#[test]
fn certificates() {
    let (house, _) = lived_in("certificate");
    let copy = house.root.join("copy");
    let spoilt = Spoilt { house, copy };
    for (what, name) in [("acquirer", "localhost"), ("link", "vault.florin.internal")] {
        let [certificate, key] = expired(name);
        let put = |data: &Path| {
            std::fs::write(data.join(format!("tls/{what}.pem")), &certificate).unwrap();
            std::fs::write(data.join(format!("tls/{what}.key")), &key).unwrap();
        };
        spoilt.check(&format!("{what} expired"), &put, "certificate_expired");
        let nonsense = |data: &Path| std::fs::write(data.join(format!("tls/{what}.pem")), "no certificate").unwrap();
        spoilt.check(&format!("{what} is none"), &nonsense, "certificate_unusable");
        let other_key = |data: &Path| std::fs::write(data.join(format!("tls/{what}.key")), &key).unwrap();
        spoilt.check(&format!("{what} with another's key"), &other_key, "certificate_unusable");
    }
    spoilt.house.verified();
}

#[test]
fn ports_and_folders_in_use() {
    let house = House::new("in-use");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for flags in [
        ["--port", &port, "--plain-port", "0"],
        ["--port", "0", "--plain-port", &port],
        ["--port", "0", "--control-port", &port],
    ] {
        let ran = house.florin(&[&["network"], &flags[..]].concat());
        assert_eq!((ran.code, ran.refused().0.as_str()), (1, "port_in_use"), "{flags:?}");
    }
    let demo = house.demo();
    for command in [&["demo"][..], &["verify"], &["network", "--port", "0"]] {
        let ran = house.florin(command);
        assert_eq!((ran.code, ran.refused().0.as_str()), (1, "already_running"), "{command:?}");
    }
    demo.stop();
    std::fs::write(house.root.join("file"), "").unwrap();
    let ran = house.run(&["--json", "--data", "file", "pay", "1", "eur"], "");
    assert_eq!((ran.code, ran.refused().0.as_str()), (1, "not_a_folder"));
    let empty = House::new("empty").florin(&["verify"]);
    assert_eq!((empty.code, empty.refused().0.as_str()), (1, "no_data"));
    // Another payment on the same data after all of that.
    house.florin(&["pay", "1", "eur"]).done();
    house.verified();
}

#[test]
fn doctor_names_what_is_wrong() {
    let (house, _) = lived_in("doctor");
    let check = |name: &str, ok: bool| {
        let ran = house.florin(&["doctor"]);
        let told = ran.json();
        let found = told["checks"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone();
        assert_eq!((ran.code, &told["ok"], &found["ok"]), (i32::from(!ok), &json!(ok), &json!(ok)), "{found}");
        found["says"].as_str().unwrap().to_owned()
    };
    check("vault key", true);
    open_to_others(&house.file("keys/vault.kek"), 0o640);
    assert!(check("vault key", false).contains("chmod 600"));
    open_to_others(&house.file("keys/vault.kek"), 0o600);
    std::fs::rename(house.file("keys/gateway.root"), house.root.join("root")).unwrap();
    assert!(check("gateway key", false).contains("backup"));
    std::fs::rename(house.root.join("root"), house.file("keys/gateway.root")).unwrap();
    check("gateway key", true);
    open_to_others(&house.data(), 0o755);
    assert!(check("data", false).contains("chmod 700"));
}

//! Releases as a merchant meets them: whole ones, and everything that must not be installed. Signatures are made here with the key's owner's
//! means; `ssh-keygen` makes the same, see the tests of the command.

use crate::house::{House, Ran};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::HEXLOWER;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PublicKey, Signature, SshSig};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NAMESPACE: &str = "release@florin";

struct Signer(Ed25519KeyPair);

impl Signer {
    fn new() -> Signer {
        Signer(Ed25519KeyPair::generate().unwrap())
    }
    fn data(&self) -> KeyData {
        KeyData::Ed25519(Ed25519PublicKey(self.0.public_key().as_ref().try_into().unwrap()))
    }
    /// As it stands in settings.
    fn line(&self) -> String {
        PublicKey::new(self.data(), "a test").to_openssh().unwrap()
    }
    fn sign(&self, bytes: &[u8], namespace: &str) -> String {
        let data = SshSig::signed_data(namespace, HashAlg::Sha512, bytes).unwrap();
        let signature = Signature::new(Algorithm::Ed25519, self.0.sign(&data).as_ref().to_vec()).unwrap();
        SshSig::new(self.data(), namespace, HashAlg::Sha512, signature).unwrap().to_pem(LineEnding::LF).unwrap()
    }
}

fn version_of(house: &House) -> (String, String) {
    let told = house.run(&["version", "--json"], "").done();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("florin"), text("target"))
}

/// A program that says it is this version, as the real one does.
fn program(version: &str, target: &str) -> String {
    format!("#!/bin/sh\necho '{}'\n", json!({ "florin": version, "target": target }))
}

/// A house that trusts a key, and a release in a folder.
struct Shelf {
    house: House,
    signer: Signer,
    target: String,
    folder: PathBuf,
}

impl Shelf {
    fn new(name: &str) -> Shelf {
        let signer = Signer::new();
        let house = House::new(name).with("FLORIN_UPGRADE_KEYS", &signer.line());
        let (_, target) = version_of(&house);
        let folder = house.root.join("release");
        std::fs::create_dir(&folder).unwrap();
        Shelf { house, signer, target, folder }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.join(name), bytes).unwrap();
    }

    /// A whole release of this version, changed before it is signed.
    fn release(&self, version: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
        let program = program(version, &self.target);
        let mut manifest = json!({
            "format": 1, "product": "florin", "version": version, "target": self.target, "min_upgrade_from": "0.1.0",
            "files": [self.file("program", "florin-new", program.as_bytes()), self.file("sbom", "bill.json", b"{}")],
        });
        change(&mut manifest);
        let bytes = manifest.to_string().into_bytes();
        self.write("manifest.json", &bytes);
        self.write("manifest.json.sig", self.signer.sign(&bytes, NAMESPACE).as_bytes());
        bytes
    }

    fn file(&self, is: &str, name: &str, bytes: &[u8]) -> Value {
        self.write(name, bytes);
        json!({ "is": is, "name": name, "bytes": bytes.len(), "sha256": HEXLOWER.encode(digest(&SHA256, bytes).as_ref()) })
    }

    fn folder(&self) -> &str {
        self.folder.to_str().unwrap()
    }
    fn verify(&self) -> Ran {
        self.house.run(&["--json", "upgrade", "verify", self.folder()], "")
    }

    /// Verify and apply both refuse, by this name and exit code, and touch nothing.
    #[track_caller]
    fn refuses(&self, code: &str, exit: i32) {
        let installed = self.house.root.join("installed");
        std::fs::write(&installed, "the old one").unwrap();
        let apply = ["--json", "upgrade", "apply", self.folder(), "--program", installed.to_str().unwrap()];
        for ran in [self.verify(), self.house.run(&apply, "")] {
            assert_eq!((ran.refused().0.as_str(), ran.code), (code, exit));
        }
        assert_eq!(std::fs::read_to_string(&installed).unwrap(), "the old one");
        assert!(
            !self.house.root.join("installed.next").exists() && !self.house.root.join("installed.previous").exists()
        );
    }
}

#[test]
fn a_release_is_verified_and_a_newer_one_told() {
    let shelf = Shelf::new("upgrade");
    let (here, _) = version_of(&shelf.house);
    let check = || shelf.house.run(&["--json", "upgrade", "check", "--from", shelf.folder()], "");
    shelf.release("99.0.0", |_| ());
    let told = shelf.verify().done();
    assert_eq!((&told["verified"], &told["version"], &told["here"]), (&json!(true), &json!("99.0.0"), &json!(here)));
    assert_eq!(told["signed_by"], json!("a test"));
    let told = check();
    assert_eq!((told.code, &told.json()["newer"]), (10, &json!(true)));
    shelf.release(&here, |_| ());
    let told = check();
    assert_eq!((told.code, &told.json()["newer"]), (0, &json!(false)));
    let untold = House::new("upgrade-untold").run(&["--json", "upgrade", "check", "--from", shelf.folder()], "");
    assert_eq!((untold.refused().0.as_str(), untold.code), ("no_upgrade_keys", 2));
    let nowhere = shelf.house.run(&["--json", "upgrade", "check"], "");
    assert_eq!(nowhere.refused(), ("no_place".to_owned(), json!("--from")));
    for address in ["http://localhost/a", "ftp://a.example", "https://u:p@a.example/", "https://a.example/?b"] {
        let ran = shelf.house.run(&["--json", "upgrade", "check", "--from", address], "");
        assert_eq!(ran.refused(), ("bad_place".to_owned(), json!("--from")), "{address}");
    }
}

#[test]
fn what_must_not_be_installed_is_refused_by_name() {
    let shelf = Shelf::new("upgrade-refused");
    let good = shelf.release("99.0.0", |_| ());
    let signature = || std::fs::read(shelf.folder.join("manifest.json.sig")).unwrap();
    // Flipped bytes: in the program, in its bill, in the manifest, in the signature.
    for name in ["florin-new", "bill.json"] {
        let mut bytes = std::fs::read(shelf.folder.join(name)).unwrap();
        bytes[0] ^= 1;
        shelf.write(name, &bytes);
        shelf.refuses("release_damaged", 14);
        shelf.release("99.0.0", |_| ());
    }
    let at = good.windows(6).position(|part| part == b"99.0.0").unwrap();
    let mut flipped = good.clone();
    flipped[at] = b'8';
    shelf.write("manifest.json", &flipped);
    shelf.refuses("release_altered", 13);
    shelf.write("manifest.json", &good);
    let mut flipped = signature();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    shelf.write("manifest.json.sig", &flipped);
    assert!(matches!(shelf.verify().code, 11..=13), "a flipped byte of the signature");
    // Cut off, longer, missing.
    for change in [|bytes: &mut Vec<u8>| bytes.truncate(5), |bytes: &mut Vec<u8>| bytes.push(b'#')] {
        shelf.release("99.0.0", |_| ());
        let mut bytes = std::fs::read(shelf.folder.join("florin-new")).unwrap();
        change(&mut bytes);
        shelf.write("florin-new", &bytes);
        shelf.refuses("release_damaged", 14);
    }
    shelf.release("99.0.0", |_| ());
    std::fs::remove_file(shelf.folder.join("bill.json")).unwrap();
    shelf.refuses("release_damaged", 14);
    // Signatures: none, somebody else's, one for another use.
    let bytes = shelf.release("99.0.0", |_| ());
    std::fs::remove_file(shelf.folder.join("manifest.json.sig")).unwrap();
    shelf.refuses("release_unsigned", 11);
    shelf.write("manifest.json.sig", b"signed, honestly");
    shelf.refuses("release_unsigned", 11);
    shelf.write("manifest.json.sig", Signer::new().sign(&bytes, NAMESPACE).as_bytes());
    shelf.refuses("release_foreign_key", 12);
    shelf.write("manifest.json.sig", shelf.signer.sign(&bytes, "file").as_bytes());
    shelf.refuses("release_foreign_key", 12);
    // Well signed, and not for here.
    shelf.release("0.0.9", |_| ());
    shelf.refuses("release_older", 15);
    shelf.release("99.0.0", |m| m["target"] = json!("sparc-sun-solaris"));
    shelf.refuses("release_other_target", 16);
    shelf.release("99.0.0", |m| m["min_upgrade_from"] = json!("98.0.0"));
    shelf.refuses("release_skips", 17);
    shelf.release("99.0.0", |m| m["format"] = json!(2));
    shelf.refuses("release_unreadable", 18);
    shelf.release("99.0.0", |m| m["files"][0]["name"] = json!("../florin-new"));
    shelf.refuses("release_unreadable", 18);
}

#[test]
fn a_release_takes_the_programs_place_and_the_old_one_stays() {
    let shelf = Shelf::new("upgrade-apply");
    let installed = shelf.house.root.join("installed");
    std::fs::write(&installed, "the old one").unwrap();
    std::fs::set_permissions(&installed, std::fs::Permissions::from_mode(0o750)).unwrap();
    let apply = ["--json", "upgrade", "apply", shelf.folder(), "--program", installed.to_str().unwrap()];
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let beside = |word: &str| shelf.house.root.join(format!("installed.{word}"));
    // It says that it is another version than was signed: nothing changes.
    let lying = program("98.0.0", &shelf.target);
    let file = shelf.file("program", "florin-new", lying.as_bytes());
    shelf.release("99.0.0", |m| m["files"][0] = file.clone());
    shelf.write("florin-new", lying.as_bytes());
    let ran = shelf.house.run(&apply, "");
    assert_eq!((ran.refused().0.as_str(), ran.code), ("release_does_not_run", 19));
    assert_eq!((read(&installed).as_str(), beside("next").exists()), ("the old one", false));

    shelf.release("99.0.0", |_| ());
    let told = shelf.house.run(&apply, "").done();
    assert_eq!(told["next_command"], json!("florin restart"));
    assert_eq!(read(&installed), program("99.0.0", &shelf.target));
    assert_eq!(installed.metadata().unwrap().mode() & 0o777, 0o750);
    assert_eq!((read(&beside("previous")).as_str(), beside("next").exists()), ("the old one", false));
    // Once more changes nothing: the way back stays.
    assert_eq!(shelf.house.run(&apply, "").done()["already"], json!(true));
    assert_eq!(read(&beside("previous")).as_str(), "the old one");
    // What is there counts, not the program that asks.
    shelf.release("98.5.0", |_| ());
    assert_eq!(shelf.house.run(&apply, "").refused().0, "release_older");
    assert_eq!(read(&installed), program("99.0.0", &shelf.target));
    // The next one keeps the one before it.
    shelf.release("99.1.0", |_| ());
    shelf.house.run(&apply, "").done();
    assert_eq!(read(&beside("previous")), program("99.0.0", &shelf.target));
}

/// Serves a folder over TLS under `/releases/`, one connection for each request. Ends with the test.
fn serve(folder: PathBuf) -> (u16, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = own.cert.pem();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key.into()).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (port, config) = (listener.local_addr().unwrap().port(), Arc::new(config));
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut stream =
                BufReader::new(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket.unwrap()));
            let mut asked = String::new();
            if stream.read_line(&mut asked).unwrap_or(0) == 0 {
                continue;
            }
            let mut line = asked.clone();
            while line.trim_end() != "" {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            let name = asked.strip_prefix("GET /releases/").and_then(|rest| rest.split(' ').next());
            let found = name.and_then(|name| std::fs::read(folder.join(name)).ok());
            let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
            let body = found.unwrap_or_default();
            let stream = stream.get_mut();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).unwrap();
            stream.write_all(&body).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    (port, pem)
}

#[test]
fn a_release_is_fetched_over_https() {
    let shelf = Shelf::new("upgrade-fetch");
    shelf.release("99.0.0", |_| ());
    let (port, pem) = serve(shelf.folder.clone());
    let (ca, to) = (shelf.house.root.join("ca.pem"), shelf.house.root.join("fetched"));
    std::fs::write(&ca, pem).unwrap();
    let address = format!("https://localhost:{port}/releases");
    let fetch = ["--json", "upgrade", "fetch", "--from", &address, "--to", to.to_str().unwrap()];
    assert_eq!(shelf.house.run(&fetch, "").refused().0, "not_fetched", "a certificate that nobody vouches for");
    let house = &shelf.house;
    let trusting = |args: &[&str]| house.run_with(("FLORIN_UPGRADE_CA", ca.to_str().unwrap()), args);
    assert_eq!(trusting(&["--json", "upgrade", "check", "--from", &address]).code, 10);
    trusting(&fetch).done();
    house.run(&["--json", "upgrade", "verify", to.to_str().unwrap()], "").done();
    let nothing = format!("{address}/elsewhere");
    assert_eq!(trusting(&["--json", "upgrade", "check", "--from", &nothing]).refused().0, "no_release");
    // What was altered on the way is not kept.
    shelf.write("florin-new", b"#!/bin/sh\n");
    let other = house.root.join("other");
    let ran = trusting(&["--json", "upgrade", "fetch", "--from", &address, "--to", other.to_str().unwrap()]);
    assert_eq!((ran.refused().0.as_str(), other.join("florin-new").exists()), ("release_damaged", false));
}

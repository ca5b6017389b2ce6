//! What the processes of a running system have given up, as the kernel tells it of every thread.

use crate::house::{House, id};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// The right to lock memory: kept by the vault where there is a limit on locked memory.
const CAP_IPC_LOCK: u64 = 1 << 14;

/// A line of `/proc/…/status`.
fn status<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

#[test]
fn every_process_gives_up_what_it_does_not_need() {
    let house = House::new("hardened");
    let demo = house.demo();
    let processes = demo.ready["processes"].as_object().unwrap();
    assert_eq!(processes.len(), 5, "{processes:?}");
    for (role, pid) in processes {
        let proc = |path: &str| format!("/proc/{pid}/{path}");
        let limits = fs::read_to_string(proc("limits")).unwrap();
        let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{role}");
        let threads: Vec<_> = fs::read_dir(proc("task")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!threads.is_empty(), "{role}");
        for thread in threads {
            // One that has ended since gives up everything.
            let Ok(text) = fs::read_to_string(thread.join("status")) else { continue };
            let at = format!("{role}: {text}");
            assert_eq!(status(&text, "NoNewPrivs"), "1", "{at}");
            let rights = |name| u64::from_str_radix(status(&text, name), 16).unwrap();
            let kept = if role == "vault" { CAP_IPC_LOCK } else { 0 };
            assert_eq!((rights("CapEff") | rights("CapPrm")) & !kept, 0, "{at}");
            assert_eq!(rights("CapInh") | rights("CapAmb"), 0, "{at}");
            if role == "vault" || role == "front" {
                assert_eq!(status(&text, "Seccomp"), "2", "{at}");
            }
        }
    }
    let told = &demo.ready["hardened"];
    for what in ["no_core_dumps", "not_dumpable", "memory_wiped", "no_capabilities", "paths_confined", "calls_confined"]
    {
        assert_eq!(told[what], true, "{what}: {told}");
    }
    // A crash of any of them leaves no core behind, and the system goes on.
    demo.stop();
}

/// Nobody has this number.
const USER: u32 = 64_123;

/// As root the vault is a user of its own, and what it shares with the gateway is open to the two alone; nobody else can ask for it.
#[test]
fn the_vault_is_a_user_of_its_own() {
    let house = House::new("vault-user").with("FLORIN_VAULT_USER", &USER.to_string());
    if !rustix::process::geteuid().is_root() {
        assert_eq!(house.florin(&["pay", "5", "eur"]).refused(), ("needs_root".to_owned(), json!("vault.user")));
        return;
    }
    // The way to the data folder must be open to it.
    fs::set_permissions(&house.root, fs::Permissions::from_mode(0o700)).unwrap();
    let refused = house.florin(&["pay", "5", "eur"]).refused();
    assert_eq!(refused, ("vault_out_of_reach".to_owned(), json!("vault.user")));
    // A temporary folder is open to everybody.
    let house = House::at(&std::env::temp_dir().join(format!("florin-vault-user-{}", std::process::id())));
    fs::set_permissions(&house.root, fs::Permissions::from_mode(0o711)).unwrap();
    let paid = id(&house.pay(&["5", "eur"]));
    // What was root's until now is handed over.
    let house = house.with("FLORIN_VAULT_USER", &USER.to_string());
    let demo = house.demo();
    for role in ["vault", "gateway"] {
        let text = fs::read_to_string(format!("/proc/{}/status", demo.pid(role))).unwrap();
        let user = if role == "vault" { USER } else { 0 };
        let expected = |id: u32| [id; 4].map(|id| id.to_string()).join("\t");
        assert_eq!((status(&text, "Uid"), status(&text, "Gid")), (&*expected(user), &*expected(USER)), "{role}");
        assert_eq!(status(&text, "Groups"), "", "{role}");
    }
    let told = &demo.ready["hardened"];
    for what in ["no_core_dumps", "not_dumpable", "no_capabilities", "paths_confined", "calls_confined"] {
        assert_eq!(told[what], true, "{what}: {told}");
    }
    for (file, owner, mode) in [
        ("vault", USER, 0o700),
        ("vault/vault.db", USER, 0o600),
        ("keys/vault.kek", USER, 0o600),
        ("keys/gateway.root", 0, 0o600),
        ("gateway", 0, 0o700),
        ("gateway/florin.db", 0, 0o600),
        ("run/vault.sock", USER, 0o660),
        ("run", 0, 0o1770),
        ("", 0, 0o710),
    ] {
        let about = fs::symlink_metadata(house.file(file)).unwrap();
        assert_eq!((about.uid(), about.mode() & 0o7777), (owner, mode), "{file}");
    }
    // Everything works: cards are stored, keys rotate, the vault is started anew, backups are made.
    house.florin(&["refund", &paid]).done();
    house.florin(&["keys", "rotate", "data"]).done();
    house.florin(&["keys", "rotate", "kek"]).done();
    house.florin(&["restart"]).done();
    house.florin(&["refund", &id(&house.pay(&["7", "eur"]))]).done();
    assert_eq!(house.florin(&["doctor"]).json()["ok"], json!(true));
    demo.stop();
    house.verified();
    // And back.
    let house = house.without();
    assert_eq!(house.florin(&["show", &paid]).done()["status"], json!("succeeded"));
}

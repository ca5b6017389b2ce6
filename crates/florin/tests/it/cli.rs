//! The command line itself: help that teaches, completions, version, wrong usage, the simulation's command.

use crate::house::House;
use serde_json::{Value, json};

#[test]
fn help_of_every_command() {
    let house = House::new("help");
    let check = |command: &[&str], words: &[&str]| {
        let ran = house.run(&[command, &["--help"]].concat(), "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command:?}");
        for word in words {
            assert!(ran.out.contains(word), "{command:?} does not tell of {word}");
        }
    };
    check(
        &[],
        &[
            "pay",
            "capture",
            "cancel",
            "refund",
            "trace",
            "prove",
            "network",
            "demo",
            "serve",
            "keys",
            "accounts",
            "logs",
            "doctor",
            "ledger",
            "Exit codes",
            "FLORIN_",
        ],
    );
    check(
        &["pay"],
        &[
            "hop by hop",
            "--card",
            "--number",
            "--exp",
            "--cvc",
            "--capture",
            "--idempotency-key",
            "ISO 4217",
            "--json",
            "--data",
        ],
    );
    check(&["capture"], &["Claim", "--capture manual", "--amount", "all that is held"]);
    check(&["cancel"], &["nothing is taken", "hold is released"]);
    check(&["refund"], &["Give money back", "all that is left"]);
    check(&["show"], &["payment or a refund"]);
    check(&["list"], &["newest first", "--limit"]);
    check(&["trace"], &["journey again"]);
    check(&["prove"], &["simulation", "the issuer's", "--seeds", "--from"]);
    check(&["network"], &["acquirer", "--port", "--plain-port", "--magic-amounts", "8583", "misbehave", "books"]);
    check(&["network", "books"], &["--rrn", "DE 37", "--stan", "--de7", "--terminal"]);
    check(&["network", "misbehave"], &["lost", "half-open", "--mti", "--count"]);
    check(&["demo"], &["sandbox, vault, front, gateway and a shop", "--open", "--trust"]);
    check(&["serve"], &["acquirer of the settings"]);
    check(&["keys"], &["list", "create", "roll", "revoke", "--account"]);
    check(&["keys", "create"], &["--class", "--permission", "--expires", "once"]);
    check(&["accounts", "create"], &["--name", "--country", "--currency"]);
    check(&["logs"], &["list", "tail", "--account"]);
    check(&["webhooks"], &["list", "create", "deliveries", "resend"]);
    check(&["webhooks", "create"], &["signing secret, once", "--event"]);
    check(&["doctor"], &["settings", "what to do"]);
    check(&["ledger", "verify"], &["balance", "chain", "commitment", "nothing may run"]);
    check(&["verify"], &["florin ledger verify"]);
    check(&["prove", "crash"], &["-9", "--kills", "--seconds", "--seed", "--races", "--keep"]);
    check(&["completions"], &["bash", "zsh", "fish"]);
    check(&["version"], &["version", "--sbom"]);
    check(&["upgrade"], &["upgrade.keys", "none is built in", "Exit codes", "check", "fetch", "verify", "apply"]);
    check(&["upgrade", "apply"], &["--program", ".previous"]);
}

#[test]
fn completions_version_and_cards() {
    let house = House::new("plain-commands");
    for (shell, marker) in [("bash", "complete -F"), ("zsh", "#compdef florin"), ("fish", "complete -c florin")] {
        let ran = house.run(&["completions", shell], "");
        assert_eq!(ran.code, 0);
        for word in [marker, "misbehave", "idempotency-key"] {
            assert!(ran.out.contains(word), "{shell}: {word}");
        }
    }
    let version = house.run(&["version", "--json"], "").done();
    assert_eq!(version["florin"], env!("CARGO_PKG_VERSION"));
    assert!(version["sqlite"].as_str().is_some_and(|v| v.starts_with("3.")), "{version}");
    assert!(version["schema"].is_number() && version["tls"].is_string(), "{version}");
    for name in ["rustc", "target", "profile", "commit", "cargo_lock_sha256"] {
        assert!(version[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {version}");
    }
    let bill = house.run(&["version", "--sbom"], "").done();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&json!("CycloneDX"), &json!("1.6")));
    let cards = house.run(&["pay", "1", "eur", "--card", "list", "--json"], "").done();
    let names: Vec<&str> = cards["cards"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for name in
        ["visa", "mastercard", "amex", "decline", "insufficient-funds", "timeout", "soft-decline", "response-96"]
    {
        assert!(names.contains(&name), "{name}");
    }
    assert!(!house.data().exists(), "commands that need no data made a folder");
}

#[test]
fn wrong_usage() {
    let house = House::new("usage");
    for args in [
        &["nope"][..],
        &["pay"],
        &["pay", "1"],
        &["pay", "1", "eur", "--card", "visa", "--number", "4242"],
        &["pay", "1", "eur", "--capture", "later"],
        &["list", "--limit", "0"],
        &["list", "--limit", "101"],
        &["prove", "--seeds", "0"],
        &["completions", "tcsh"],
        &["network", "misbehave"],
        &[],
    ] {
        let ran = house.run(args, "");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains("Usage") || ran.err.contains("--help"), "{args:?}: {}", ran.err);
    }
    assert!(!house.data().exists());
    assert!(!house.root.join("florin-data").exists());
}

#[test]
fn the_simulation() {
    let house = House::new("prove");
    let prove =
        |from: &str| house.run(&["prove", "--seeds", "50", "--from", from, "--threads", "1", "--json"], "").done();
    let report = prove("0");
    let seen = ["proved", "seeds", "failures"].map(|name| report[name].clone());
    assert_eq!(seen, [json!(true), json!(50), json!([])]);
    assert!(report["payments"].as_u64().unwrap() >= 50);
    assert!(report["faults"].as_object().is_some_and(|f| !f.is_empty()), "no fault was injected");
    assert!(!house.data().exists());
}

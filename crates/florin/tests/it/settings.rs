//! Where settings come from, and what `florin serve` asks of them.

use crate::house::{House, Ran, hold_port};
use crate::web::Api;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// (value, source) of a setting, as `doctor` tells it.
fn setting(house: &House, flags: &[&str], key: &str) -> (String, String) {
    let told = house.run(&[&["doctor", "--json"], flags].concat(), "").done();
    let found = told["settings"].as_array().unwrap().iter().find(|s| s["key"] == key).unwrap().clone();
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    (text("value"), text("source"))
}

fn told(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

#[test]
fn flags_over_variables_over_files_over_defaults() {
    let house = House::new("settings");
    assert_eq!(setting(&house, &[], "answer_ms"), told("15000", "default"));
    assert_eq!(setting(&house, &[], "data"), told("./florin-data", "default"));
    let users = house.root.join(".config/florin/config.toml");
    std::fs::create_dir_all(users.parent().unwrap()).unwrap();
    std::fs::write(&users, "answer_ms = 9000\ndata = \"users\"\n[network]\nport = 9001\n").unwrap();
    assert_eq!(setting(&house, &[], "answer_ms"), told("9000", users.to_str().unwrap()));
    std::fs::write(house.root.join("florin.toml"), "answer_ms = 8000\ndata = \"folders\"\n").unwrap();
    assert_eq!(setting(&house, &[], "answer_ms"), told("8000", "florin.toml"));
    assert_eq!(setting(&house, &[], "network.port"), told("9001", users.to_str().unwrap()));
    std::fs::write(house.root.join("other.toml"), "answer_ms = 7000\n").unwrap();
    assert_eq!(setting(&house, &["--config", "other.toml"], "answer_ms"), told("7000", "other.toml"));
    let house =
        house.with("FLORIN_ANSWER_MS", "6000").with("FLORIN_DATA", "variables").with("FLORIN_NETWORK_PORT", "9002");
    assert_eq!(setting(&house, &["--config", "other.toml"], "answer_ms"), told("6000", "FLORIN_ANSWER_MS"));
    assert_eq!(setting(&house, &[], "network.port"), told("9002", "FLORIN_NETWORK_PORT"));
    assert_eq!(setting(&house, &[], "data"), told("variables", "FLORIN_DATA"));
    assert_eq!(setting(&house, &["--data", "flags"], "data"), told("flags", "flag"));
}

#[track_caller]
fn refused(ran: &Ran, exit: i32, code: &str, param: Value) {
    assert_eq!(ran.code, exit, "{}", ran.err);
    assert_eq!(ran.refused(), (code.to_owned(), param));
}

#[test]
fn wrong_settings() {
    let house = House::new("wrong-settings");
    let file = house.root.join("florin.toml");
    for (text, exit, code, param) in [
        ("answer_sm = 9000", 2, "unknown_setting", json!("answer_sm")),
        ("[network]\nports = 1", 2, "unknown_setting", json!("network.ports")),
        ("answer_ms = ", 1, "invalid_settings_file", Value::Null),
        ("answer_ms = 99", 2, "invalid_setting", json!("answer_ms")),
        ("answer_ms = 60001", 2, "invalid_setting", json!("answer_ms")),
        ("answer_ms = \"soon\"", 2, "invalid_setting", json!("answer_ms")),
        ("answer_ms = -5", 2, "invalid_setting", json!("answer_ms")),
        ("[network]\nmagic_amounts = \"yes\"", 2, "invalid_setting", json!("network.magic_amounts")),
        ("[network]\ncontrol_port = 70000", 2, "invalid_setting", json!("network.control_port")),
    ] {
        std::fs::write(&file, text).unwrap();
        refused(&house.florin(&["pay", "1", "eur"]), exit, code, param);
    }
    std::fs::remove_file(&file).unwrap();
    refused(&house.florin(&["doctor", "--config", "missing.toml"]), 1, "io_error", Value::Null);
    let house = house.with("FLORIN_ANSWER_MS", "x");
    refused(&house.florin(&["pay", "1", "eur"]), 2, "invalid_setting", json!("answer_ms"));
    assert_eq!(house.florin(&["list"]).refused().0, "invalid_setting");
}

#[test]
fn serve_against_an_acquirer() {
    let house = House::new("serve");
    let acquirer = House::new("acquirer");
    let banks = acquirer.start(&["network", "--port", "0"]);
    let serve = |house: &House| house.florin(&["serve"]);
    refused(&serve(&house), 2, "setting_missing", json!("vault.kek"));
    let inside = house.file("keys/own.kek");
    std::fs::write(&inside, [3; 32]).unwrap();
    let write = |kek: &str, more: &str| {
        std::fs::write(house.root.join("florin.toml"), format!("[vault]\nkek = \"{kek}\"\n{more}")).unwrap();
    };
    write(inside.to_str().unwrap(), "");
    refused(&serve(&house), 2, "kek_in_data_folder", json!("vault.kek"));
    let kek = house.root.join("outside.kek");
    write(kek.to_str().unwrap(), "");
    refused(&serve(&house), 2, "key_missing", json!("vault.kek"));
    std::fs::write(&kek, [3; 32]).unwrap();
    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o640)).unwrap();
    refused(&serve(&house), 1, "key_too_open", Value::Null);
    std::fs::set_permissions(&kek, std::fs::Permissions::from_mode(0o600)).unwrap();
    refused(&serve(&house), 2, "setting_missing", json!("acquirer.address"));
    let text = |name: &str| banks.ready[name].as_str().unwrap();
    let link = |cert: &str| {
        let (address, ca, key) = (text("acquirer"), text("ca"), text("client_key"));
        format!(
            "[acquirer]\naddress = \"{address}\"\nname = \"localhost\"\nca = \"{ca}\"\ncert = \"{cert}\"\nkey = \"{key}\"\n"
        )
    };
    let linked = link(text("client_cert"));
    write(kek.to_str().unwrap(), &linked);
    refused(&serve(&house), 2, "setting_missing", json!("api.cert"));
    // Another installation's certificate stands for the merchant's own; the demo's of this folder does not.
    let api = |folder: &House| {
        let file = |name: &str| folder.file(&format!("tls/{name}")).display().to_string();
        format!("[api]\naddress = \"127.0.0.1:0\"\ncert = \"{}\"\nkey = \"{}\"\n", file("api.pem"), file("api.key"))
    };
    for name in ["api.pem", "api.key"] {
        std::fs::copy(acquirer.file(&format!("tls/{name}")), house.file(&format!("tls/{name}"))).unwrap();
    }
    write(kek.to_str().unwrap(), &format!("{linked}{}", api(&house)));
    refused(&serve(&house), 2, "sample_certificate", json!("api.cert"));
    write(kek.to_str().unwrap(), &format!("{}{}", link("/nowhere.pem"), api(&acquirer)));
    refused(&serve(&house), 1, "certificate_unusable", Value::Null);
    // Browsers are told a name, so the port must be known before.
    let (_held, port) = hold_port();
    let at = |port: u16| format!("127.0.0.1:{port}");
    let card = |name: &str| api(&acquirer).replace("[api]", "[card]").replace(&at(0), &at(port)) + name;
    write(kek.to_str().unwrap(), &format!("{linked}{}{}", api(&acquirer), card("")));
    refused(&serve(&house), 2, "setting_missing", json!("card.name"));
    write(kek.to_str().unwrap(), &format!("{linked}{}{}", api(&acquirer), card("name = \"https://localhost\"\n")));
    refused(&serve(&house), 2, "invalid_setting", json!("card.name"));
    // The certificate that is at hand is for localhost.
    write(
        kek.to_str().unwrap(),
        &format!("{linked}{}{}", api(&acquirer), card(&format!("name = \"localhost:{port}\"\n"))),
    );
    let running = house.start(&["serve"]);
    let card = format!("https://localhost:{port}");
    assert_eq!((&running.ready["card"], &running.ready["http_card"]), (&json!(card), &Value::Null));
    assert_eq!((&running.ready["sandbox"], &running.ready["http_api"]), (&Value::Null, &Value::Null));
    // There are no keys but those that somebody makes.
    assert_eq!(house.florin(&["keys", "list"]).done()["data"], json!([]));
    let key = house.florin(&["keys", "create"]).done()["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("sk_live_"), "{key}");
    let reached = json!({ "api": running.ready["api"], "ca_cert": text("ca"), "secret_key": key });
    assert_eq!(Api::new(&reached).connect().get("/v1/account").ok().text("/object"), "account");
    assert!(!house.file("keys/vault.kek").exists(), "serve made a key of its own");
    // In live mode the form is shown at registered domains alone, and says so elsewhere.
    let public = house.florin(&["keys", "create", "--class", "publishable"]).done()["key"].as_str().unwrap().to_owned();
    let mut browser = Api::new(&json!({ "api": card, "ca_cert": text("ca"), "secret_key": public })).connect();
    let frame = format!("/frames/field?key={public}");
    let told = browser.get(&frame);
    assert_eq!((told.status, told.header("content-type")), (403, Some("text/html; charset=utf-8")));
    assert!(told.header("strict-transport-security").is_some());
    Api::new(&reached).connect().post("/v1/payment_method_domains", "domain_name=shop.example").ok();
    let form = browser.get(&frame);
    let policy = form.header("content-security-policy").unwrap_or_default();
    assert!(form.status == 200 && policy.contains("frame-ancestors https://shop.example;"), "{policy}");
    // A live vault takes no test card, and nothing is left of the try.
    let ran = house.florin(&["pay", "1", "eur"]);
    assert!(ran.code != 0);
    ran.refused();
    assert_eq!(house.florin(&["list"]).done()["data"], json!([]));
    running.stop();
    house.verified();
    banks.stop();
    // A demo keeps off the folder, and `serve` keeps off a demo's.
    refused(&house.florin(&["demo"]), 1, "live_data_folder", Value::Null);
    std::fs::write(house.file("keys/test.json"), "{}").unwrap();
    refused(&serve(&house), 2, "demo_data_folder", json!("data"));
}

//! The demo's shop: a process that gets addresses, listeners and API keys of its own, as any merchant's server would. Knows no order.

use super::system::{System, write_json};
use crate::config::Config;
use crate::fail::{Fail, io};
use crate::gateway::api::TestKeys;
use crate::gateway::manage::Manage;
use crate::gateway::ops::Ask;
use crate::home::Home;
use crate::process::settings::ShopSettings;
use crate::process::supervise::{Log, Part};
use crate::process::{hand, ready};
use serde_json::json;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;

/// What a shop's server does, and no more.
const PERMISSIONS: &[&str] =
    &["payment_intents:write", "refunds:write", "charges:read", "events:read", "webhook_endpoints:write"];

/// Starts the shop beside the system that runs.
pub async fn open(system: &mut System, config: &Config) -> Result<(), Fail> {
    let told = |name: &str, begins: &str| {
        let vault = system.parts.iter().find(|part| part.role == "vault");
        vault.and_then(|part| ready::at("vault", name, &part.ready, begins))
    };
    let missing = || Fail::new("bad_ready", "the vault told no address of the API or of the card form");
    // The shop's server trusts the demo's authority; browsers of people do not, and are given names without TLS.
    let api = told("api", "https://localhost").ok_or_else(missing)?;
    let card = told("card", "https://localhost").ok_or_else(missing)?;
    let http_card = told("http_card", "http://card.localhost");
    hand_keys(system).await?;
    let home = &system.home;
    let settings = ShopSettings {
        data: home.shop(),
        key_file: home.shop_key(),
        handed: home.shop_handed(),
        api,
        ca: home.tls("ca.pem"),
        card,
        http_card,
        cert: home.tls("api.pem"),
        key: home.tls("api.key"),
    };
    let at = |name| config.port(name).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let listeners = vec![hand::open(at("shop.port")?)?, hand::open(at("shop.http_port")?)?];
    let part = Part::start_with(home, "shop", &settings, Log::File, listeners).await?;
    system.parts.push(part);
    write_json(&system.home.ready(), &system.facts())
}

/// At the first start: a key that opens what a shop needs. It lies in a file of its own until the shop has sealed it.
async fn hand_keys(system: &System) -> Result<(), Fail> {
    let home = &system.home;
    if home.shop().join("shop.db").exists() || home.shop_handed().exists() {
        return Ok(());
    }
    let publishable = TestKeys::read(&home.test_keys()).map(|keys| keys.publishable_key);
    let publishable = publishable.ok_or_else(|| Fail::new("key_missing", "the demo has no publishable key"))?;
    let question = Manage::NewKey {
        account: None,
        class: "restricted".to_owned(),
        name: Some("shop".to_owned()),
        permissions: PERMISSIONS.iter().map(|p| (*p).to_owned()).collect(),
        from: vec![],
        ends: None,
    };
    let mut gateway = system.gateway().await?;
    let made = gateway.ask(&Ask::Manage(question)).await?;
    let ordered = gateway.ask(&Ask::Manage(Manage::NewOrderKey { account: None, rolled: None })).await?;
    // Whoever has the shop's key and not what it signs with can take no money by it.
    let rules = Manage::SetKey {
        account: None,
        id: made["id"].as_str().unwrap_or_default().to_owned(),
        require_order_code: Some(true),
        signing: None,
        require_signature: None,
    };
    gateway.ask(&Ask::Manage(rules)).await?;
    let order_key = match (ordered["id"].as_str(), ordered["secret"].as_str()) {
        (Some(id), Some(secret)) => format!("{id} {secret}"),
        _ => return Err(Fail::new("key_missing", "the gateway made no key for orders")),
    };
    let keys = json!({ "secret_key": made["key"], "publishable_key": publishable, "order_key": order_key });
    write_private(home, &keys.to_string())
}

fn write_private(home: &Home, text: &str) -> Result<(), Fail> {
    let path = home.shop_handed();
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let written = file.and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()));
    written.and_then(|()| std::fs::rename(&part, &path)).map_err(|e| io("write", &path, &e))
}

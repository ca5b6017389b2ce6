//! keys, accounts, logs: what the owner of an installation asks of the running gateway.

use super::manage::ask;
use super::system::System;
use super::{custodians, inventory, vault_keys};
use crate::cli::{Abuse, Accounts, Class, Common, Keys, Logs, OrderKeys, Rotate};
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::gateway::manage::Manage;
use crate::gateway::ops::Ask;
use crate::out::out;
use crate::process::supervise::Log;
use crate::process::{asked_to_stop, block_on};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

pub fn keys(common: &Common, asked: &Keys, account: Option<&str>) -> Outcome {
    let account = account.map(str::to_owned);
    let question = match asked {
        Keys::List => Manage::Keys { account },
        Keys::Create { class, name, permissions, from, expires } => {
            let class = match class {
                Class::Secret => "secret",
                Class::Publishable => "publishable",
                Class::Restricted => "restricted",
            };
            let (class, permissions, from) = (class.to_owned(), permissions.clone(), from.clone());
            Manage::NewKey { account, class, name: name.clone(), permissions, from, ends: *expires }
        }
        Keys::Roll { id, overlap } => Manage::RollKey { account, id: id.clone(), overlap_seconds: *overlap },
        Keys::Revoke { id } => Manage::RevokeKey { account, id: id.clone() },
        Keys::Set { id, require_order_code, signing, require_signature } => {
            let signing = signing.as_deref().map(how_signed).transpose()?;
            let (require_order_code, require_signature) = (*require_order_code, *require_signature);
            let rules = Manage::SetKey { account, id: id.clone(), require_order_code, signing, require_signature };
            return set_rules(common, rules);
        }
        Keys::Status => return vault_keys::status(common),
        Keys::Inventory => return inventory::run(common),
        Keys::Init(new) => return vault_keys::init(common, new),
        Keys::Unlock { from } => return vault_keys::unlock(common, from.as_deref()),
        Keys::Custodians { from } => return custodians::run(common, from),
        Keys::Rewrap { from, shares_to } => {
            return vault_keys::rotate(common, Rotate::Kek, from, shares_to.as_deref());
        }
        Keys::Rotate { what, from, shares_to } => {
            return vault_keys::rotate(common, *what, from, shares_to.as_deref());
        }
    };
    let answer = ask(common, Ask::Manage(question))?;
    print(&answer, common.json, "No keys yet. Make one: florin keys create", &key);
    if let (Some(text), false) = (answer["key"].as_str(), common.json) {
        out!("{text}\nKeep it: it is shown this once.");
    }
    Ok(0)
}

fn set_rules(common: &Common, rules: Manage) -> Outcome {
    let answer = ask(common, Ask::Manage(rules))?;
    print(&answer, common.json, "", &|r| {
        let says = |name: &str| if r[name] == true { "required" } else { "not required" };
        let signing = r["signing"].as_str().unwrap_or("none");
        let (order, signature) = (says("require_order_code"), says("require_signature"));
        format!("{}  order code {order}  signature {signature} ({signing})", text(r, "id"))
    });
    if let (Some(secret), false) = (answer["secret"].as_str(), common.json) {
        out!("{secret}\nKeep it: it is shown this once.");
    }
    Ok(0)
}

/// `hmac` and `none` as they are; of a PEM file the digits of the public key in it.
fn how_signed(how: &str) -> Result<String, Fail> {
    if matches!(how, "hmac" | "none") {
        return Ok(how.to_owned());
    }
    let wrong =
        |why: &str| Fail::usage("bad_signing", "signing", format!("{how}: {why}. Say hmac, none, or a PEM file."));
    let key = SubjectPublicKeyInfoDer::from_pem_file(how).map_err(|_| wrong("no public key can be read from it"))?;
    // RFC 8410 §4: ed25519's SubjectPublicKeyInfo is these twelve bytes and the key.
    const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let raw = key.as_ref().strip_prefix(&ED25519).filter(|raw| raw.len() == 32);
    raw.map(|raw| data_encoding::HEXLOWER.encode(raw)).ok_or_else(|| wrong("its key is not one of ed25519"))
}

pub fn order_keys(common: &Common, asked: &OrderKeys, account: Option<&str>) -> Outcome {
    let account = account.map(str::to_owned);
    let (question, to) = match asked {
        OrderKeys::List => (Manage::OrderKeys { account }, None),
        OrderKeys::Create { to } => (Manage::NewOrderKey { account, rolled: None }, to.as_ref()),
        OrderKeys::Roll { id, overlap, to } => {
            (Manage::NewOrderKey { account, rolled: Some((id.clone(), *overlap)) }, to.as_ref())
        }
        OrderKeys::Revoke { id } => (Manage::RevokeOrderKey { account, id: id.clone() }, None),
    };
    if let Some(path) = to.filter(|path| path.exists()) {
        return Err(Fail::usage("file_exists", "to", format!("{} is there already.", path.display())));
    }
    let mut answer = ask(common, Ask::Manage(question))?;
    let secret = answer["secret"].as_str().map(str::to_owned);
    if let (Some(path), Some(secret)) = (to, &secret) {
        let line = format!("{} {secret}\n", text(&answer, "id"));
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut f| f.write_all(line.as_bytes()).and_then(|()| f.sync_all()))
            .map_err(|e| io("write", path, &e))?;
        answer.as_object_mut().map(|shown| shown.remove("secret"));
    }
    print(&answer, common.json, "No order keys yet. Make one: florin order-keys create", &|k| {
        let ends = k["ends"].as_i64().map_or(String::new(), |at| format!("  ends {}", moment(at)));
        format!("{}  {}{ends}", text(k, "id"), text(k, "status"))
    });
    if let (Some(secret), None, false) = (secret, to, common.json) {
        out!("{secret}\nKeep it: it is shown this once.");
    }
    Ok(0)
}

pub fn accounts(common: &Common, asked: &Accounts) -> Outcome {
    let question = match asked {
        Accounts::List => Manage::Accounts,
        Accounts::Create { name, country, currency } => {
            Manage::NewAccount { name: name.clone(), country: country.clone(), currency: currency.clone() }
        }
        Accounts::Set { account, require_order_code } => {
            Manage::SetAccount { account: account.clone(), require_order_code: *require_order_code }
        }
    };
    let answer = ask(common, Ask::Manage(question))?;
    print(&answer, common.json, "No accounts.", &|a| {
        let required = if a["require_order_code"] == true { "  (signed orders alone)" } else { "" };
        let (id, country, currency) = (text(a, "id"), text(a, "country"), text(a, "default_currency"));
        format!("{id}  {country}  {currency}  {}{required}", text(a, "name"))
    });
    Ok(0)
}

pub fn logs(common: &Common, asked: &Logs, account: Option<&str>) -> Outcome {
    let account = account.map(str::to_owned);
    match asked {
        Logs::List { limit, status, method, id } => {
            let (status, method, id, limit) = (status.clone(), method.clone(), id.clone(), *limit);
            let answer = ask(common, Ask::Manage(Manage::Requests { account, status, method, id, limit }))?;
            print(&answer, common.json, "No requests yet.", &request);
            Ok(0)
        }
        Logs::Tail => tail(common, account),
    }
}

pub fn abuse(common: &Common, asked: &Abuse, account: Option<&str>) -> Outcome {
    let (account, Abuse::Log { limit }) = (account.map(str::to_owned), asked);
    let answer = ask(common, Ask::Manage(Manage::Decisions { account, limit: *limit }))?;
    let nothing = "Nothing was refused. The defence is on in live mode, and where abuse.defence is on.";
    print(&answer, common.json, nothing, &|d| {
        let who = |name| format!("{name} {}", d[name].as_str().unwrap_or("-"));
        let about = text(d, if d["payment_intent"].is_null() { "setup_intent" } else { "payment_intent" });
        let at = moment(d["created"].as_i64().unwrap_or(0));
        format!(
            "{at}  {:<10}  {:<17}  {}  {}  {about}",
            text(d, "action"),
            text(d, "reason"),
            who("address"),
            who("card")
        )
    });
    Ok(0)
}

fn tail(common: &Common, account: Option<String>) -> Outcome {
    let config = Config::load(common)?;
    block_on(async {
        let system = System::demo(&config, Log::File).await?;
        let followed = tokio::select! {
            followed = follow(&system, account, common.json) => followed,
            () = asked_to_stop(false) => Ok(()),
        };
        system.stop().await;
        followed
    })?;
    Ok(0)
}

/// Prints what comes after now, oldest first.
async fn follow(system: &System, account: Option<String>, json: bool) -> Result<(), Fail> {
    let mut gateway = system.gateway().await?;
    let mut place = None;
    loop {
        // An empty log has no newest entry: then all that comes is new.
        let asked = Ask::Manage(Manage::RequestsAfter { account: account.clone(), place });
        let answer = gateway.ask(&asked).await?;
        let entries = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in entries.iter().rev().filter(|_| place.is_some()) {
            if json { out!("{entry}") } else { out!("{}", request(entry)) }
        }
        place = answer["newest"].as_i64().or(place).or(Some(0));
    }
}

fn print(answer: &Value, as_json: bool, nothing: &str, line: &dyn Fn(&Value) -> String) {
    if as_json {
        out!("{answer}");
        return;
    }
    match answer["data"].as_array() {
        Some(list) if list.is_empty() => out!("{nothing}"),
        Some(list) => list.iter().for_each(|one| out!("{}", line(one))),
        None => out!("{}", line(answer)),
    }
}

fn text<'a>(thing: &'a Value, name: &str) -> &'a str {
    thing[name].as_str().unwrap_or("")
}

fn key(key: &Value) -> String {
    let list = |v: &Value| {
        v.as_array().map_or(String::new(), |l| l.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
    };
    let used = key["last_used"].as_i64().map_or("never used".to_owned(), |at| format!("used {}", moment(at)));
    let ends = key["ends"].as_i64().map_or(String::new(), |at| format!("  ends {}", moment(at)));
    let (id, shown, status) = (text(key, "id"), text(key, "redacted"), text(key, "status"));
    let soon = key["ends_in_days"].as_i64().map_or(String::new(), |days| format!(" (in {days} days)"));
    let from = match list(&key["allowed_from"]) {
        from if from.is_empty() => from,
        from => format!("  from {from}"),
    };
    format!("{id}  {shown}  {status}  {used}{ends}{soon}{from}  {} {}", text(key, "name"), list(&key["permissions"]))
        .trim_end()
        .to_owned()
}

fn request(e: &Value) -> String {
    let error = match (e["error"]["code"].as_str(), e["error"]["type"].as_str()) {
        (Some(code), _) => format!("  {code}"),
        (None, Some(kind)) => format!("  {kind}"),
        (None, None) => String::new(),
    };
    let at = moment(e["created"].as_i64().unwrap_or(0));
    let (status, took) = (e["status"].as_u64().unwrap_or(0), e["duration_ms"].as_u64().unwrap_or(0));
    format!("{at}  {status}  {:<6} {}  {took} ms  {}{error}", text(e, "method"), text(e, "path"), text(e, "id"))
}

/// UTC, ISO 8601.
pub fn moment(seconds: i64) -> String {
    let c = florin_core::time::Time(seconds.saturating_mul(1_000)).civil();
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

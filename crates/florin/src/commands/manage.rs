//! capture, cancel, refund, show, list: one question to the gateway, its answer printed.

use super::system::System;
use crate::cli::Common;
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::gateway::ops::Ask;
use crate::out::out;
use crate::process::block_on;
use crate::process::supervise::Log;
use serde_json::Value;

pub fn capture(common: &Common, id: &str, amount: Option<&str>) -> Outcome {
    shown(common, Ask::Capture { id: id.to_owned(), amount: amount.map(str::to_owned), key: None })
}

pub fn cancel(common: &Common, id: &str) -> Outcome {
    shown(common, Ask::Cancel { id: id.to_owned(), key: None })
}

pub fn refund(common: &Common, id: &str, amount: Option<&str>) -> Outcome {
    shown(common, Ask::Refund { id: id.to_owned(), amount: amount.map(str::to_owned), key: None })
}

pub fn show(common: &Common, id: &str) -> Outcome {
    shown(common, Ask::Show { id: id.to_owned() })
}

pub fn list(common: &Common, limit: u32) -> Outcome {
    shown(common, Ask::List { limit })
}

fn shown(common: &Common, asked: Ask) -> Outcome {
    let answer = ask(common, asked)?;
    print(&answer, common.json);
    Ok(exit_code(&answer))
}

/// Asks the gateway that runs on the data folder, or one for the question's own time.
pub fn ask(common: &Common, ask: Ask) -> Result<Value, Fail> {
    let config = Config::load(common)?;
    block_on(async {
        let system = System::demo(&config, Log::File).await?;
        let answer = match system.gateway().await {
            Ok(mut gateway) => gateway.ask(&ask).await,
            Err(fail) => Err(fail),
        };
        system.stop().await;
        answer
    })
}

pub fn print(answer: &Value, json: bool) {
    if json {
        out!("{answer}");
        return;
    }
    match answer["data"].as_array() {
        Some(list) if list.is_empty() => out!("No payments yet. Make one: florin pay 19.99 eur"),
        Some(list) => list.iter().for_each(|one| out!("{}", line(one))),
        None => out!("{}", line(answer)),
    }
}

/// One line on a payment or refund.
pub fn line(thing: &Value) -> String {
    let text = |key: &str| thing[key].as_str().unwrap_or("");
    let amount = amount(thing);
    let card = match thing["card"]["last4"].as_str() {
        Some(last4) => format!("  {} ····{last4}", thing["card"]["brand"].as_str().unwrap_or("card")),
        None => String::new(),
    };
    let error = match thing["last_payment_error"]["decline_code"].as_str() {
        Some(code) => format!("  ({code})"),
        None => thing["last_payment_error"]["code"].as_str().map(|c| format!("  ({c})")).unwrap_or_default(),
    };
    format!("{}  {amount:>14}  {}{card}{error}", text("id"), text("status"))
}

pub fn amount(thing: &Value) -> String {
    let currency = thing["currency"].as_str().and_then(florin_core::money::Currency::parse);
    match (currency, thing["amount"].as_i64()) {
        (Some(currency), Some(minor)) => florin_core::money::Money::new(minor, currency).to_string(),
        _ => String::new(),
    }
}

/// 0 when what was asked is done, 3 for a declined card, 4 while the outcome is unknown.
pub fn exit_code(thing: &Value) -> u8 {
    match thing["status"].as_str() {
        Some("processing" | "pending") => 4,
        Some("requires_payment_method" | "failed")
            if !thing["last_payment_error"].is_null() || !thing["failure"].is_null() =>
        {
            3
        }
        _ => 0,
    }
}

/// The id a command was given must look like one.
pub fn check_id(id: &str) -> Result<(), Fail> {
    if id.starts_with("pi_") || id.starts_with("re_") {
        return Ok(());
    }
    Err(Fail::usage("invalid_id", "id", "ids begin with pi_ (payments) or re_ (refunds). `florin list` shows them."))
}

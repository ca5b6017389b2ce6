//! `florin pay`: a card goes to the vault, a payment through the gateway, and the journey is printed.

use super::system::System;
use super::{manage, trace};
use crate::cli::{Common, Pay, When};
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::gateway::client::Gateway;
use crate::gateway::ops::Ask;
use crate::out::out;
use crate::process::block_on;
use crate::process::supervise::Log;
use florin_connect::testcards;
use florin_core::id::Key;
use florin_core::money::{Currency, Money};
use florin_core::payment::{CardFacts, Funding};
use florin_vault::cards::{NewCard, Tokenised};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long `pay` waits for a reversal to be answered before it leaves that to a later start.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);

pub fn run(common: &Common, args: &Pay) -> Outcome {
    if args.card == "list" {
        return list_cards(common.json);
    }
    let config = Config::load(common)?;
    check_amount(args)?;
    let entry = entry(args)?;
    let shown = block_on(async {
        let waiting = spinner(common.json);
        let system = System::demo(&config, Log::File).await?;
        let result = pay(&system, args, entry).await;
        if let Some(bar) = waiting {
            bar.finish_and_clear();
        }
        system.stop().await;
        result
    })?;
    let payment = &shown["story"]["payment"];
    if common.json {
        out!("{shown}");
    } else {
        trace::print(&shown);
        out!("\n{}", manage::line(payment));
        if let Some(id) = payment["id"].as_str() {
            out!("Again: florin trace {id}");
        }
    }
    Ok(manage::exit_code(payment))
}

/// Wrong amounts are refused before anything starts.
fn check_amount(args: &Pay) -> Result<(), Fail> {
    let told = |refusal: florin_core::refusal::Refusal| {
        let told = refusal.told();
        Fail::usage(told.code, told.param.unwrap_or("amount"), told.message)
    };
    let unknown = || told(florin_core::refusal::Refusal::UnknownCurrency);
    let currency = Currency::parse(&args.currency).ok_or_else(unknown)?;
    Money::parse(&args.amount, currency).map_err(|bad| told(florin_core::refusal::Refusal::Amount(bad)))?;
    Ok(())
}

async fn pay(system: &System, args: &Pay, entry: Entry) -> Result<Value, Fail> {
    let mut gateway = system.gateway().await?;
    let key = |part: &str| args.idempotency_key.as_ref().map(|k| format!("{k}/{part}"));
    // The card first: a card that is not taken leaves no payment behind.
    let account = Key(gateway.ask(&Ask::Health).await?["account_key"].as_i64().unwrap_or(0));
    let tokenised = system.vault().await.tokenise(entry.of(account)).await.map_err(|refusal| Fail {
        code: refusal.code().to_owned(),
        message: refusal.to_string(),
        param: Some(refusal.param().unwrap_or("card").to_owned()),
        exit: 2,
    })?;
    let create = Ask::Create {
        amount: args.amount.clone(),
        currency: args.currency.clone(),
        manual: args.capture == When::Manual,
        description: args.description.clone(),
        email: args.email.clone(),
        key: key("create"),
    };
    let created = gateway.ask(&create).await?;
    let id = created["id"].as_str().unwrap_or_default().to_owned();
    let card_digest = tokenised.card_digest.iter().map(|b| format!("{b:02x}")).collect();
    let confirm = Ask::Confirm { id: id.clone(), card: facts(&tokenised), card_digest, key: key("confirm") };
    let confirmed = gateway.ask(&confirm).await?;
    settle(&mut gateway, &id, &confirmed).await?;
    trace::gather(system, &mut gateway, &id).await
}

/// Waits while the outcome is unknown: the gateway takes the payment back until the host has answered.
async fn settle(gateway: &mut Gateway, id: &str, confirmed: &Value) -> Result<(), Fail> {
    let mut open = confirmed["status"] == "processing";
    let until = tokio::time::Instant::now() + SETTLE_WITHIN;
    while open && tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
        open = gateway.ask(&Ask::Show { id: id.to_owned() }).await?["status"] == "processing";
    }
    Ok(())
}

/// What the gateway may know of a card.
pub fn facts(t: &Tokenised) -> CardFacts {
    let country = t.country.as_ref().and_then(|c| c.as_bytes().try_into().ok());
    let fingerprint = t.fingerprint.as_bytes().try_into().unwrap_or_default();
    CardFacts {
        token: t.token,
        network: t.network,
        first6: t.first6.as_str().as_bytes().try_into().unwrap_or_default(),
        last4: t.last4.as_str().as_bytes().try_into().unwrap_or_default(),
        exp_year: t.exp_year,
        exp_month: t.exp_month,
        fingerprint,
        funding: match t.funding.as_deref() {
            Some("credit") => Funding::Credit,
            Some("debit") => Funding::Debit,
            Some("prepaid") => Funding::Prepaid,
            _ => Funding::Unknown,
        },
        country,
    }
}

/// A card as the command line gave it, on its way to the vault.
struct Entry {
    number: Zeroizing<String>,
    month: u8,
    year: u16,
    cvc: Option<Zeroizing<String>>,
}

impl Entry {
    fn of(self, account: Key) -> NewCard {
        let Entry { number, month: exp_month, year: exp_year, cvc } = self;
        NewCard { account, live: false, number, exp_month, exp_year, cvc }
    }
}

fn entry(args: &Pay) -> Result<Entry, Fail> {
    let Some(number) = &args.number else {
        if testcards::by_name(&args.card).is_none() {
            return Err(Fail::usage(
                "unknown_card",
                "card",
                "there is no test card of this name. `florin pay 1 eur --card list` prints all names.",
            ));
        }
        return Ok(Entry { number: Zeroizing::new(args.card.clone()), month: 0, year: 0, cvc: None });
    };
    let number = if number == "-" { read_number()? } else { Zeroizing::new(number.clone()) };
    let bad = || Fail::usage("invalid_expiry", "exp", "write the expiry as MM/YY, for example 12/34");
    let (month, year) = args.exp.split_once('/').ok_or_else(bad)?;
    let month: u8 = month.parse().map_err(|_| bad())?;
    let year: u16 = year.parse().map_err(|_| bad())?;
    let year = if year < 100 { 2000 + year } else { year };
    Ok(Entry { number, month, year, cvc: args.cvc.clone().map(Zeroizing::new) })
}

fn read_number() -> Result<Zeroizing<String>, Fail> {
    let mut line = Zeroizing::new(String::new());
    if std::io::stdin().is_terminal() {
        eprint!("Card number: ");
    }
    let read = std::io::stdin().read_line(&mut line);
    read.map_err(|e| io("read the card number from", std::path::Path::new("standard input"), &e))?;
    Ok(Zeroizing::new(line.trim().to_owned()))
}

fn spinner(json: bool) -> Option<indicatif::ProgressBar> {
    if json || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message("paying …");
    bar.enable_steady_tick(Duration::from_millis(100));
    Some(bar)
}

fn list_cards(json: bool) -> Outcome {
    let names: Vec<&str> = testcards::names().collect();
    if json {
        out!("{}", json!({ "cards": names }));
    } else {
        names.iter().for_each(|n| out!("{n}"));
    }
    Ok(0)
}

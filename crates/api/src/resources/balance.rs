//! `/v1/balance` and `/v1/balance_transactions`: every movement of the merchant's money. Florin takes no fee of its own.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, noun};
use crate::list::{self, Collector};
use crate::look::Look;
use crate::params::Params;
use crate::resources::charges;
use florin_core::attempt::Attempt;
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Book, LedgerAccount};
use florin_core::money::{Currency, Money};
use florin_core::payment::PaymentView;
use florin_core::refund::{RefundStage, RefundView};
use florin_core::store::Query;
use florin_core::time::Time;
use serde_json::{Value, json};

/// What the merchant is owed until the acquirer settles it: all of it is pending.
pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let currencies: Vec<Currency> = Currency::all().collect();
    let account =
        |currency: &Currency| LedgerAccount { owner: ask.account(), book: Book::Merchant, currency: *currency };
    let accounts = currencies.iter().map(account).collect();
    let balances = ask.store().find(Query::Balances { accounts }).await?.balances();
    let (mut pending, mut available) = (vec![], vec![]);
    for (currency, balance) in currencies.iter().zip(balances) {
        if balance.credits == 0 && balance.debits == 0 && *currency != Currency::EUR {
            continue;
        }
        let amount = balance.credits - balance.debits;
        let line =
            |amount: i64| json!({ "amount": amount, "currency": currency.code(), "source_types": { "card": amount } });
        pending.push(line(amount));
        available.push(line(0));
    }
    Ok(Answer::ok(json!({
        "object": "balance", "available": available, "livemode": ask.caller.live, "pending": pending,
    })))
}

/// One movement.
struct Movement {
    key: Key,
    at: Time,
    money: Money,
    /// Charges and refunds have ids of their own.
    source: (Kind, Key),
    description: Option<String>,
}

fn shape(look: &Look, m: &Movement) -> Value {
    let kind = if m.source.0 == Kind::Refund { "refund" } else { "charge" };
    json!({
        "id": look.id(Kind::Movement, m.key),
        "object": "balance_transaction",
        "amount": m.money.minor,
        "available_on": m.at.seconds(),
        "balance_type": "payments",
        "created": m.at.seconds(),
        "currency": m.money.currency.code(),
        "description": m.description,
        "exchange_rate": null,
        "fee": 0,
        "fee_details": [],
        "net": m.money.minor,
        "reporting_category": kind,
        "source": look.id(m.source.0, m.source.1),
        "status": "pending",
        "type": kind,
    })
}

fn of_charge(view: &PaymentView, attempt: &Attempt) -> Option<Movement> {
    let captured = charges::captured(&view.body, attempt.key)?;
    let personal: florin_core::payment::PaymentPersonal = view.personal().unwrap_or_default();
    Some(Movement {
        key: attempt.key,
        at: charges::captured_at(&view.body, attempt.key),
        money: view.body.money.with_minor(captured),
        source: (Kind::Charge, attempt.key),
        description: personal.description,
    })
}

fn of_refund(view: &RefundView) -> Option<Movement> {
    let RefundStage::Succeeded { at } = view.body.stage else { return None };
    let money = view.body.money.with_minor(-view.body.money.minor);
    Some(Movement { key: view.key, at, money, source: (Kind::Refund, view.key), description: None })
}

/// A movement has the key of its charge or of its refund.
pub async fn find(ask: &Ask<'_>, id: &str) -> Result<Value, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Movement), id, "id");
    let key = ask.look().key(Kind::Movement, id).ok_or_else(missing)?;
    let charge = ask.look().id(Kind::Charge, key);
    let movement = match charges::find(ask, &charge, "id").await {
        Ok((view, attempt)) => of_charge(&view, &attempt),
        Err(error) if error.status == 404 => {
            let loaded = flow::load(ask.store(), ask.account(), Kind::Refund, key).await;
            of_refund(&loaded.map_err(ask.missing(Kind::Movement, id, "id"))?)
        }
        Err(error) => return Err(error),
    };
    Ok(shape(ask.look(), &movement.ok_or_else(missing)?))
}

pub async fn retrieve_transaction(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(find(ask, ask.path_id()).await?))
}

/// Charges and refunds, merged by key, newest first.
pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Movement)?;
    let currency = params.currency("currency")?;
    let wanted = params.text("type", 40)?;
    let source = params.text("source", 255)?;
    params.ignore(&["payout"]);
    params.done()?;
    let look = ask.look();
    let fits = |m: &Movement| {
        let kind = if m.source.0 == Kind::Refund { "refund" } else { "charge" };
        currency.is_none_or(|c| c == m.money.currency)
            && wanted.as_ref().is_none_or(|t| t == kind)
            && source.as_ref().is_none_or(|s| *s == look.id(m.source.0, m.source.1))
    };
    // As many of each as the page may need: the newest of both together are among them.
    let need = page.limit + 1;
    let before = page.before;
    let start = page.after;
    let mut found: Vec<Movement> = vec![];
    let mut count = 0;
    charges::each(ask, start, &mut |view, attempt| {
        if before.is_some_and(|b| attempt.key <= b) {
            return false;
        }
        if let Some(movement) = of_charge(&view, &attempt).filter(&fits) {
            found.push(movement);
            count += 1;
        }
        before.is_some() || count < need
    })
    .await?;
    let refunds = list::Page { limit: list::MOST_ROWS_READ, ..page.clone() };
    let limit = if before.is_some() { refunds.limit } else { need };
    let read = |row: &florin_core::commit::Row| Ok(of_refund(&flow::read(row)?).filter(&fits));
    let (given_back, _) =
        list::rows(ask, list::Page { limit, ..refunds }, (ask.account(), Kind::Refund), &read).await?;
    found.extend(given_back);
    found.sort_by_key(|m| std::cmp::Reverse(m.key));
    let mut collector = Collector::new(page);
    for movement in found {
        if collector.over(movement.key) {
            break;
        }
        if collector.wants(movement.key) && !collector.push(movement) {
            break;
        }
    }
    let (items, more) = collector.done();
    let data = items.iter().map(|m| shape(look, m)).collect();
    Ok(list::answer("/v1/balance_transactions", (data, more)))
}

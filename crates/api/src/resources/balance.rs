//! `/v1/balance` and `/v1/balance_transactions`: every movement of the merchant's money, pending until the acquirer has settled it.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::Look;
use crate::params::Params;
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Balance, Book, LedgerAccount};
use florin_core::money::Currency;
use florin_core::movement::{Movement, MovementView, Source};
use florin_core::payment::{Payment, PaymentPersonal};
use florin_core::settlement::Owed;
use florin_core::store::Query;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The balance object. Without any movement it shows zero euros.
pub fn shape(owed: &[Owed], live: bool) -> Value {
    let nothing = [Owed { currency: Currency::EUR, pending: 0, available: 0 }];
    let owed = if owed.is_empty() { &nothing } else { owed };
    let line = |amount: i64, currency: Currency| json!({ "amount": amount, "currency": currency.code(), "source_types": { "card": amount } });
    let pending: Vec<Value> = owed.iter().map(|o| line(o.pending, o.currency)).collect();
    let available: Vec<Value> = owed.iter().map(|o| line(o.available, o.currency)).collect();
    json!({ "object": "balance", "available": available, "livemode": live, "pending": pending })
}

/// What the merchant is owed, in each currency that it ever had.
pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let account = |book| move |currency| LedgerAccount { owner: ask.account(), book, currency };
    let pending = Currency::all().map(account(Book::Merchant));
    let accounts: Vec<LedgerAccount> = pending.chain(Currency::all().map(account(Book::Available))).collect();
    let balances = ask.store().find(Query::Balances { accounts }).await?.balances();
    let (pending, available) = balances.split_at(balances.len() / 2);
    let unused = |b: &Balance| *b == Balance::default();
    let mut owed = vec![];
    for (currency, (pending, available)) in Currency::all().zip(pending.iter().zip(available)) {
        if !unused(pending) || !unused(available) {
            let (pending, available) = (pending.credits - pending.debits, available.credits - available.debits);
            owed.push(Owed { currency, pending, available });
        }
    }
    Ok(Answer::ok(shape(&owed, ask.caller.live)))
}

const fn type_of(source: Source) -> &'static str {
    match source {
        Source::Charge { .. } => "charge",
        Source::Refund { .. } => "refund",
    }
}

fn source_id(look: &Look, source: Source) -> String {
    match source {
        Source::Charge { charge, .. } => look.id(Kind::Charge, charge),
        Source::Refund { refund, .. } => look.id(Kind::Refund, refund),
    }
}

fn transaction(look: &Look, view: &MovementView, description: Option<&str>) -> Value {
    let m = &view.body;
    let code = m.money.currency.code();
    let fee = json!({
        "amount": m.fee, "application": null, "currency": code, "description": "Florin processing fees",
        "type": "stripe_fee",
    });
    let kind = type_of(m.source);
    json!({
        "id": look.id(Kind::Movement, view.key),
        "object": "balance_transaction",
        "amount": m.money.minor,
        "available_on": m.available().seconds(),
        "balance_type": "payments",
        "created": view.key.time().seconds(),
        "currency": code,
        "description": description,
        "exchange_rate": null,
        "fee": m.fee,
        "fee_details": if m.fee == 0 { vec![] } else { vec![fee] },
        "net": m.net(),
        "reporting_category": kind,
        "source": source_id(look, m.source),
        "status": if m.is_pending() { "pending" } else { "available" },
        "type": kind,
    })
}

/// The movements as they are shown: what was written on its payment is read with each.
async fn shapes(ask: &Ask<'_>, found: &[MovementView]) -> Result<Vec<Value>, ApiError> {
    let mut keys: Vec<Key> = found.iter().map(|view| view.body.payment).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut written: BTreeMap<Key, String> = BTreeMap::new();
    for row in ask.store().get(&keys).await?.into_iter().flatten() {
        let personal: PaymentPersonal = flow::read::<Payment>(&row)?.personal().unwrap_or_default();
        written.extend(personal.description.map(|text| (row.key, text)));
    }
    let described = |view: &MovementView| match view.body.source {
        Source::Charge { .. } => written.get(&view.body.payment).map(String::as_str),
        Source::Refund { .. } => None,
    };
    Ok(found.iter().map(|view| transaction(ask.look(), view, described(view))).collect())
}

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<Value, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Movement), id, "id");
    let key = ask.look().key(Kind::Movement, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Movement, key).await;
    let view: MovementView = loaded.map_err(ask.missing(Kind::Movement, id, "id"))?;
    shapes(ask, &[view]).await?.pop().ok_or_else(missing)
}

pub async fn retrieve_transaction(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(find(ask, ask.path_id()).await?))
}

/// Newest first. Payouts are not offered, so none has any transaction.
pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Movement)?;
    let currency = params.currency("currency")?;
    let wanted = params.text("type", 40)?;
    let source = params.text("source", 255)?;
    let payout = params.text("payout", 255)?;
    params.done()?;
    if let Some(id) = payout {
        return Err(ApiError::missing_value("payout", &id, "payout"));
    }
    let look = ask.look();
    let fits = |row: &florin_core::commit::Row| {
        let view = flow::read::<Movement>(row)?;
        let m = &view.body;
        let fits = currency.is_none_or(|c| c == m.money.currency)
            && wanted.as_ref().is_none_or(|t| t == type_of(m.source))
            && source.as_ref().is_none_or(|s| *s == source_id(look, m.source));
        Ok(fits.then_some(view))
    };
    let (found, more) = list::rows(ask, page, (ask.account(), Kind::Movement), &fits).await?;
    Ok(list::answer("/v1/balance_transactions", (shapes(ask, &found).await?, more)))
}

//! `/v1/prices`: an amount never changes once it is made.

use super::products::{self, PriceView};
use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params};
use crate::resources::metadata;
use florin_core::catalog::{Interval, Price};
use florin_core::commit::{Beside, EventKind, IndexEntry, Row, Version};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::money::{LARGEST, Money};
use florin_core::record::{self, Change};
use serde_json::{Value, json};

/// Intervals of a recurring price: three years at most.
const LONGEST_DAYS: u16 = 1_095;

pub fn shape(look: &Look, view: &PriceView) -> Value {
    let p = &view.body;
    let recurring = p.recurring.map(|(interval, count)| {
        json!({ "interval": interval.as_str(), "interval_count": count, "meter": null, "trial_period_days": null, "usage_type": "licensed" })
    });
    json!({
        "id": look.id(Kind::Price, view.key),
        "object": "price",
        "active": p.active,
        "billing_scheme": "per_unit",
        "created": view.key.time().seconds(),
        "currency": p.money.currency.code(),
        "custom_unit_amount": null,
        "livemode": p.live,
        "lookup_key": p.lookup_key,
        "metadata": metadata(&p.metadata),
        "nickname": p.nickname,
        "product": look.id(Kind::Product, p.product),
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": null,
        "transform_quantity": null,
        "type": if p.recurring.is_some() { "recurring" } else { "one_time" },
        "unit_amount": p.money.minor,
        "unit_amount_decimal": p.money.minor.to_string(),
    })
}

/// A new price of a product.
pub fn read(ask: &Ask<'_>, params: &Params, product: Key) -> Result<Price, ApiError> {
    let currency = params.currency("currency")?.ok_or_else(|| params.missing("currency"))?;
    let whole = params.integer("unit_amount")?;
    let decimal = match params.text("unit_amount_decimal", 40)? {
        None => None,
        Some(text) => {
            let digits = text.trim_end_matches('0').trim_end_matches('.');
            let digits = if text.contains('.') { digits } else { text.as_str() };
            let message = "Invalid decimal: parts of a minor unit are not offered.";
            Some(digits.parse::<i64>().map_err(|_| params.bad("unit_amount_decimal", message))?)
        }
    };
    let minor = whole.or(decimal).ok_or_else(|| params.missing("unit_amount"))?;
    if !(0..=LARGEST).contains(&minor) {
        let message = format!("Invalid integer: between 0 and {LARGEST}.");
        return Err(params.bad("unit_amount", message).code("parameter_invalid_integer"));
    }
    let recurring = match params.object("recurring")? {
        None => None,
        Some(inner) => {
            let words = Interval::ALL.map(|i| (i.as_str(), i));
            let interval = inner.choice("interval", &words)?.ok_or_else(|| inner.missing("interval"))?;
            let count = inner.integer("interval_count")?.unwrap_or(1);
            let count = u16::try_from(count).ok().filter(|n| (1..=LONGEST_DAYS).contains(n));
            let count = count.ok_or_else(|| inner.bad("interval_count", "At least 1, and three years at most."))?;
            inner.ignore(&["usage_type", "trial_period_days", "meter"]);
            inner.done()?;
            Some((interval, count))
        }
    };
    let mut price = Price {
        live: ask.caller.live,
        active: params.boolean("active")?.unwrap_or(true),
        product,
        money: Money::new(minor, currency),
        recurring,
        nickname: params.patch("nickname", LONGEST_TEXT)?.value(),
        lookup_key: params.patch("lookup_key", 200)?.value(),
        metadata: vec![],
    };
    params.metadata(&mut price.metadata)?;
    params.ignore(&["billing_scheme", "tax_behavior", "transfer_lookup_key"]);
    Ok(price)
}

/// The first version of a price.
pub fn first(ask: &Ask<'_>, body: Price) -> PriceView {
    let (key, account, at) = (ask.ports().fresh_key(), ask.account(), ask.now());
    View { key, account, version: Version(1), at, body, personal: None }
}

fn index(view: &PriceView) -> IndexEntry {
    IndexEntry { under: view.body.product, kind: Kind::Price, key: view.key }
}

/// For the commit that makes its product.
pub fn beside(view: &PriceView) -> Beside {
    Beside { from: Version::NONE, row: record::row(view, vec![index(view)]), event: EventKind::PriceCreated }
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let named = params.text("product", 255)?;
    let data = params.object("product_data")?;
    let (product, beside) = match (named, data) {
        (Some(id), None) => {
            let found = products::find(ask, &id).await.map_err(|e| ApiError { status: 400, ..e }.param("product"))?;
            (found.key, vec![])
        }
        (None, Some(data)) => {
            let made = products::beside(ask, &data)?;
            data.done()?;
            (made.row.key, vec![made])
        }
        _ => return Err(params.missing("product")),
    };
    let price = read(ask, params, product)?;
    params.done()?;
    let view = first(ask, price);
    let mut change = Change::to(view.body.clone(), EventKind::PriceCreated);
    change.index = vec![index(&view)];
    change.beside = beside;
    let render = |view: &PriceView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), view.key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<PriceView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Price), id, "id");
    let key = ask.look().key(Kind::Price, id).ok_or_else(missing)?;
    flow::load(ask.store(), ask.account(), Kind::Price, key).await.map_err(ask.missing(Kind::Price, id, "id"))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id()).await?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    let merge = |into: &mut Price| -> Result<(), ApiError> {
        into.active = params.boolean("active")?.unwrap_or(into.active);
        params.patch("nickname", LONGEST_TEXT)?.apply(&mut into.nickname);
        params.patch("lookup_key", 200)?.apply(&mut into.lookup_key);
        params.metadata(&mut into.metadata)
    };
    merge(&mut view.body.clone())?;
    params.ignore(&["tax_behavior", "transfer_lookup_key"]);
    params.done()?;
    let decide = |from: &PriceView| {
        let mut body = from.body.clone();
        let _ = merge(&mut body);
        Ok(Change::to(body, EventKind::PriceUpdated))
    };
    let render = |view: &PriceView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Price)?;
    let (active, currency) = (params.boolean("active")?, params.currency("currency")?);
    let (product, lookup) = (params.text("product", 255)?, params.texts("lookup_keys")?);
    let kind = params.choice("type", &[("one_time", false), ("recurring", true)])?;
    params.done()?;
    let product = match &product {
        None => None,
        Some(id) => {
            Some(products::find(ask, id).await.map_err(|e| ApiError { status: 400, ..e }.param("product"))?.key)
        }
    };
    let filter = |row: &Row| {
        let view: PriceView = flow::read(row)?;
        let p = &view.body;
        let fits = active.is_none_or(|a| a == p.active)
            && currency.is_none_or(|c| c == p.money.currency)
            && product.is_none_or(|k| k == p.product)
            && kind.is_none_or(|r| r == p.recurring.is_some())
            && lookup.as_ref().is_none_or(|l| p.lookup_key.as_ref().is_some_and(|k| l.contains(k)));
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/prices", list::rows(ask, page, (ask.account(), Kind::Price), &filter).await?))
}

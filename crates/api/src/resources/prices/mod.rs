//! `/v1/prices`: an amount never changes once it is made.

mod lookup;
mod read;

pub use read::{not_offered, read};

use super::products;
use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params};
use crate::resources::metadata;
use crate::search::{self, Subject};
use florin_core::catalog::{Interval, Price};
use florin_core::commit::{Beside, EventKind, IndexEntry, Row, Version};
use florin_core::flow::{self, View};
use florin_core::id::Kind;
use florin_core::record::{self, Change};
use serde_json::{Value, json};

pub type PriceView = View<Price>;

/// Lookup keys of one list.
const MOST_LOOKUPS: usize = 10;

pub fn shape(look: &Look, view: &PriceView) -> Value {
    let p = &view.body;
    let recurring = p.recurring.map(|r| {
        json!({
            "interval": r.interval.as_str(), "interval_count": r.count, "meter": null, "trial_period_days": r.trial_days,
            "usage_type": "licensed",
        })
    });
    let whole = (p.custom.is_none() && p.decimal.is_none()).then_some(p.money.minor);
    let decimal = p.decimal.clone().or_else(|| whole.map(|n| n.to_string()));
    let custom = p.custom.map(|c| json!({ "maximum": c.maximum, "minimum": c.minimum, "preset": c.preset }));
    let divide = p.divide.map(|(by, up)| json!({ "divide_by": by, "round": if up { "up" } else { "down" } }));
    json!({
        "id": look.id(Kind::Price, view.key),
        "object": "price",
        "active": p.active,
        "billing_scheme": "per_unit",
        "created": view.key.time().seconds(),
        "currency": p.money.currency.code(),
        "custom_unit_amount": custom,
        "livemode": p.live,
        "lookup_key": p.lookup_key,
        "metadata": metadata(&p.metadata),
        "nickname": p.nickname,
        "product": look.id(Kind::Product, p.product),
        "recurring": recurring,
        "tax_behavior": p.tax_behavior.as_str(),
        "tiers_mode": null,
        "transform_quantity": divide,
        "type": if p.recurring.is_some() { "recurring" } else { "one_time" },
        "unit_amount": whole,
        "unit_amount_decimal": decimal,
    })
}

/// `currency_options` of a price as it is shown: its own currency is the one there is.
pub fn options(price: &Value) -> Value {
    let field = |name: &str| price.get(name).cloned().unwrap_or(Value::Null);
    let own = json!({
        "custom_unit_amount": field("custom_unit_amount"), "tax_behavior": field("tax_behavior"),
        "unit_amount": field("unit_amount"), "unit_amount_decimal": field("unit_amount_decimal"),
    });
    json!({ price.get("currency").and_then(Value::as_str).unwrap_or(""): own })
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
pub async fn beside(ask: &Ask<'_>, params: &Params, view: &PriceView) -> Result<Vec<Beside>, ApiError> {
    let mut beside = lookup::take(ask, params, view.body.lookup_key.as_deref(), view.key).await?;
    let row = record::row(view, vec![index(view)]);
    beside.push(Beside { from: Version::NONE, row, event: EventKind::PriceCreated });
    Ok(beside)
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let named = params.text("product", 255)?;
    let data = params.object("product_data")?;
    let (product, mut beside) = match (named, data) {
        (Some(id), None) => {
            let found = products::find(ask, &id).await.map_err(|e| e.of_a_parameter().param("product"))?;
            (found.key, vec![])
        }
        (None, Some(data)) => {
            let made = products::beside(ask, &data)?;
            data.done()?;
            (made.row.key, vec![made])
        }
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: product, product_data.";
            return Err(params.bad("product_data", message));
        }
        (None, None) => return Err(params.missing("product")),
    };
    let price = read(ask, params, product)?;
    params.done()?;
    let view = first(ask, price);
    beside.extend(lookup::take(ask, params, view.body.lookup_key.as_deref(), view.key).await?);
    let mut change = Change::to(view.body.clone(), EventKind::PriceCreated);
    change.index = vec![index(&view)];
    change.beside = beside;
    let render = |view: &PriceView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), view.key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<PriceView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Price), id, "price");
    let key = ask.look().key(Kind::Price, id).ok_or_else(missing)?;
    flow::load(ask.store(), ask.account(), Kind::Price, key).await.map_err(ask.missing(Kind::Price, id, "price"))
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
        into.tax_behavior = read::tax_behavior(params)?.unwrap_or(into.tax_behavior);
        params.metadata(&mut into.metadata)
    };
    let mut next = view.body.clone();
    merge(&mut next)?;
    params.boolean("transfer_lookup_key")?;
    read::not_offered(params, &["currency_options"])?;
    params.done()?;
    if view.body.active && !next.active {
        let product: View<florin_core::catalog::Product> =
            flow::load(ask.store(), ask.account(), Kind::Product, view.body.product).await?;
        if product.body.default_price == Some(view.key) {
            let message = "This price cannot be archived because it is the default price of its product.";
            return Err(params.bad("active", message));
        }
    }
    let mut beside = vec![];
    if next.lookup_key != view.body.lookup_key {
        beside = lookup::take(ask, params, next.lookup_key.as_deref(), view.key).await?;
        beside.extend(lookup::leave(ask, view.body.lookup_key.as_deref(), view.key).await?);
    }
    let decide = |from: &PriceView| {
        let mut body = from.body.clone();
        let _ = merge(&mut body);
        let mut change = Change::to(body, EventKind::PriceUpdated);
        change.beside = beside.clone();
        Ok(change)
    };
    let render = |view: &PriceView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

/// How often the wanted prices are asked for again.
fn wanted_interval(params: &Params) -> Result<Option<Interval>, ApiError> {
    let Some(inner) = params.object("recurring")? else { return Ok(None) };
    let words = Interval::ALL.map(|i| (i.as_str(), i));
    let interval = inner.choice("interval", &words)?;
    inner.choice("usage_type", &[("licensed", ())])?;
    read::not_offered(&inner, &["meter"])?;
    inner.done()?;
    Ok(interval)
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Price)?;
    let (active, currency) = (params.boolean("active")?, params.currency("currency")?);
    let (product, lookup) = (params.text("product", 255)?, params.texts("lookup_keys")?);
    let kind = params.choice("type", &[("one_time", false), ("recurring", true)])?;
    let interval = wanted_interval(params)?;
    params.done()?;
    if lookup.as_ref().is_some_and(|l| l.len() > MOST_LOOKUPS) {
        return Err(
            params.bad("lookup_keys", format!("At most {MOST_LOOKUPS} lookup keys can be asked for at a time."))
        );
    }
    let under = match &product {
        None => ask.account(),
        Some(id) => match ask.look().key(Kind::Product, id) {
            Some(key) => key,
            None => return Err(ApiError::missing_value("product", id, "product")),
        },
    };
    let filter = |row: &Row| {
        let view: PriceView = flow::read(row)?;
        let p = &view.body;
        let fits = active.is_none_or(|a| a == p.active)
            && currency.is_none_or(|c| c == p.money.currency)
            && kind.is_none_or(|r| r == p.recurring.is_some())
            && interval.is_none_or(|i| p.recurring.is_some_and(|r| r.interval == i))
            && lookup.as_ref().is_none_or(|l| p.lookup_key.as_ref().is_some_and(|k| l.contains(k)));
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/prices", list::rows(ask, page, (under, Kind::Price), &filter).await?))
}

pub async fn search(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    search::rows(ask, params, Subject::Price, &|row| Ok(Some(shape(ask.look(), &flow::read(row)?)))).await
}

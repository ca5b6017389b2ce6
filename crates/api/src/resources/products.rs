//! `/v1/products`.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params, Patch};
use crate::resources::metadata;
use crate::search::{self, Subject};
use florin_core::catalog::{Package, Product};
use florin_core::commit::{Beside, EventKind, Row, Version};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::record::{self, Change};
use florin_core::store::Query;
use serde_json::{Value, json};

pub type ProductView = View<Product>;

/// Marketing features of one product.
const MOST_FEATURES: usize = 15;

pub fn shape(look: &Look, view: &ProductView) -> Value {
    let p = &view.body;
    let id = look.id(Kind::Product, view.key);
    if p.deleted {
        return json!({ "id": id, "object": "product", "deleted": true });
    }
    let features: Vec<Value> = p.features.iter().map(|name| json!({ "name": name })).collect();
    json!({
        "id": id,
        "object": "product",
        "active": p.active,
        "created": view.key.time().seconds(),
        "default_price": p.default_price.map(|k| look.id(Kind::Price, k)),
        "description": p.description,
        "images": p.images,
        "livemode": p.live,
        "marketing_features": features,
        "metadata": metadata(&p.metadata),
        "name": p.name,
        "package_dimensions": p.package.as_ref().map(package),
        "shippable": p.shippable,
        "statement_descriptor": p.statement_descriptor,
        "tax_code": p.tax_code,
        "tax_details": null,
        "type": "service",
        "unit_label": p.unit_label,
        "updated": view.at.seconds(),
        "url": p.url,
    })
}

fn merge(params: &Params, into: &mut Product) -> Result<(), ApiError> {
    if let Some(name) = params.text("name", LONGEST_TEXT)? {
        into.name = name;
    }
    into.active = params.boolean("active")?.unwrap_or(into.active);
    params.patch("description", 40_000)?.apply(&mut into.description);
    params.patch("url", LONGEST_TEXT)?.apply(&mut into.url);
    params.patch("unit_label", 12)?.apply(&mut into.unit_label);
    params.patch("statement_descriptor", 22)?.apply(&mut into.statement_descriptor);
    if let Some(images) = params.texts("images")? {
        if images.len() > 8 {
            return Err(params.bad("images", "At most 8 images."));
        }
        into.images = images;
    }
    if let Some(shippable) = params.boolean("shippable")? {
        into.shippable = Some(shippable);
    }
    params.metadata(&mut into.metadata)?;
    params.patch("tax_code", 255)?.apply(&mut into.tax_code);
    if let Some(list) = params.objects("marketing_features", MOST_FEATURES)? {
        let name = |one: &Params| {
            let name = one.needed("name", 80)?;
            one.done().map(|()| name)
        };
        into.features = list.iter().map(name).collect::<Result<_, _>>()?;
    }
    if params.is_unset("package_dimensions") {
        into.package = None;
    } else if let Some(inner) = params.object("package_dimensions")? {
        let side = |name| inner.decimal(name, 2)?.ok_or_else(|| inner.missing(name));
        let package = Package {
            height: side("height")?,
            length: side("length")?,
            weight: side("weight")?,
            width: side("width")?,
        };
        inner.done()?;
        into.package = Some(package);
    }
    params.choice("type", &[("good", ()), ("service", ())])?;
    super::prices::not_offered(params, &["tax_details"])
}

/// Numbers as JSON has them: a decimal's digits, not a calculation.
fn package(package: &Package) -> Value {
    let number = |text: &String| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    json!({
        "height": number(&package.height), "length": number(&package.length), "weight": number(&package.weight),
        "width": number(&package.width),
    })
}

/// A new product without anything but a name.
fn named(ask: &Ask<'_>, name: String) -> Product {
    Product {
        live: ask.caller.live,
        active: true,
        deleted: false,
        name,
        description: None,
        images: vec![],
        url: None,
        shippable: None,
        unit_label: None,
        statement_descriptor: None,
        default_price: None,
        features: vec![],
        package: None,
        tax_code: None,
        metadata: vec![],
    }
}

/// For the commit that makes its first price.
pub fn beside(ask: &Ask<'_>, params: &Params) -> Result<Beside, ApiError> {
    let mut body = named(ask, params.needed("name", LONGEST_TEXT)?);
    merge(params, &mut body)?;
    let (key, account, at) = (ask.ports().fresh_key(), ask.account(), ask.now());
    let view = View { key, account, version: Version(1), at, body, personal: None };
    Ok(Beside { from: Version::NONE, row: record::row(&view, vec![]), event: EventKind::ProductCreated })
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let mut body = named(ask, params.needed("name", LONGEST_TEXT)?);
    merge(params, &mut body)?;
    let price = params.object("default_price_data")?;
    if params.has("id") {
        let message = "Ids of one's own are not offered: leave id out.";
        return Err(params.bad("id", message).code("parameter_not_offered"));
    }
    params.done()?;
    let key = ask.ports().fresh_key();
    let mut change = Change::to(body, EventKind::ProductCreated);
    if let Some(data) = price {
        let price = super::prices::read(ask, &data, key)?;
        data.done()?;
        let view = super::prices::first(ask, price);
        change.body.default_price = Some(view.key);
        change.beside = super::prices::beside(ask, &data, &view).await?;
    }
    let render = |view: &ProductView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<ProductView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Product), id, "id");
    let key = ask.look().key(Kind::Product, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Product, key).await;
    let view: ProductView = loaded.map_err(ask.missing(Kind::Product, id, "id"))?;
    if view.body.deleted { Err(missing()) } else { Ok(view) }
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id()).await?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    merge(params, &mut view.body.clone())?;
    let price = match params.patch("default_price", 255)? {
        Patch::Keep => Patch::Keep,
        Patch::Unset => Patch::Unset,
        Patch::Set(id) => {
            let found = super::prices::find(ask, &id).await.map_err(|e| e.of_a_parameter().param("default_price"))?;
            if found.body.product != view.key || !found.body.active {
                let message = format!("The price {id} is not an active price of this product.");
                return Err(params.bad("default_price", message));
            }
            Patch::Set(found.key)
        }
    };
    params.done()?;
    let decide = |from: &ProductView| {
        let mut body = from.body.clone();
        let _ = merge(params, &mut body);
        price.clone().apply(&mut body.default_price);
        Ok(Change::to(body, EventKind::ProductUpdated))
    };
    let render = |view: &ProductView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

/// A product with prices stays: what was sold must keep its name.
pub async fn delete(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id()).await?;
    if has_prices(ask, view.key).await? {
        let message = "This product cannot be deleted because it has one or more prices. Make it inactive instead.";
        return Err(ApiError::invalid(message));
    }
    let decide = |from: &ProductView| {
        Ok(Change::to(Product { deleted: true, active: false, ..from.body.clone() }, EventKind::ProductDeleted))
    };
    let done = record::change(ask.ports(), ask.account(), view.key, None, &decide, &|_| vec![]).await?;
    told(done, |view| shape(ask.look(), view))
}

async fn has_prices(ask: &Ask<'_>, product: Key) -> Result<bool, ApiError> {
    let query = Query::List { under: product, kind: Kind::Price, before: None, limit: 1 };
    Ok(!ask.store().find(query).await?.rows().is_empty())
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Product)?;
    let (active, shippable) = (params.boolean("active")?, params.boolean("shippable")?);
    let (ids, url) = (params.texts("ids")?, params.text("url", LONGEST_TEXT)?);
    params.ignore(&["type"]);
    params.done()?;
    let filter = |row: &Row| {
        let view: ProductView = flow::read(row)?;
        let p = &view.body;
        let fits = !p.deleted
            && active.is_none_or(|a| a == p.active)
            && shippable.is_none_or(|s| p.shippable == Some(s))
            && url.is_none_or_eq(&p.url)
            && ids.as_ref().is_none_or(|i| i.contains(&ask.look().id(Kind::Product, view.key)));
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/products", list::rows(ask, page, (ask.account(), Kind::Product), &filter).await?))
}

/// A filter that is absent fits everything.
trait Filter {
    fn is_none_or_eq(&self, value: &Self) -> bool;
}

impl Filter for Option<String> {
    fn is_none_or_eq(&self, value: &Option<String>) -> bool {
        self.is_none() || self == value
    }
}

pub async fn search(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    search::rows(ask, params, Subject::Product, &|row| {
        let view: ProductView = flow::read(row)?;
        Ok((!view.body.deleted).then(|| shape(ask.look(), &view)))
    })
    .await
}

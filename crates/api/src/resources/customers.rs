//! `/v1/customers`.

use crate::ask::{Answer, Ask, told};
use crate::error::ApiError;
use crate::list::{self, Created, Page};
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params, Patch};
use crate::resources::{address, metadata, payment_methods, shipping};
use florin_core::commit::{EventKind, Row};
use florin_core::customer::{Customer, CustomerPersonal};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::record::{self, Change};
use serde_json::{Value, json};

pub type CustomerView = View<Customer>;

pub fn shape(look: &Look, view: &CustomerView) -> Value {
    let id = look.id(Kind::Customer, view.key);
    if view.body.deleted.is_some() {
        return json!({ "id": id, "object": "customer", "deleted": true });
    }
    let personal: CustomerPersonal = view.personal().unwrap_or_default();
    let contact = &personal.contact;
    let prefix: String = id.chars().rev().filter(char::is_ascii_alphanumeric).take(8).collect();
    json!({
        "id": id,
        "object": "customer",
        "address": contact.address.as_ref().map(address),
        "balance": 0,
        "created": view.key.time().seconds(),
        "currency": null,
        "customer_account": null,
        "default_source": null,
        "delinquent": false,
        "description": personal.description,
        "discount": null,
        "email": contact.email,
        "invoice_prefix": prefix.to_ascii_uppercase(),
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": view.body.default_method.map(|m| look.id(Kind::Method, m)),
            "footer": null, "rendering_options": null,
        },
        "livemode": view.body.live,
        "metadata": metadata(&personal.metadata),
        "name": contact.name,
        "next_invoice_sequence": 1,
        "phone": contact.phone,
        "preferred_locales": personal.locales,
        "shipping": shipping(personal.shipping.as_ref()),
        "tax_exempt": "none",
        "test_clock": null,
    })
}

fn merge(params: &Params, into: &mut CustomerPersonal) -> Result<(), ApiError> {
    params.patch("name", 256)?.apply(&mut into.contact.name);
    params.email("email")?.apply(&mut into.contact.email);
    params.patch("phone", 20)?.apply(&mut into.contact.phone);
    if params.is_unset("address") {
        into.contact.address = None;
    } else if let Some(address) = params.address("address")? {
        into.contact.address = Some(address);
    }
    params.patch("description", LONGEST_TEXT)?.apply(&mut into.description);
    params.shipping()?.apply(&mut into.shipping);
    params.metadata(&mut into.metadata)?;
    if let Some(locales) = params.texts("preferred_locales")? {
        into.locales = locales;
    }
    params.ignore(&["tax_exempt", "tax", "cash_balance", "next_invoice_sequence", "invoice_prefix", "balance"]);
    Ok(())
}

/// `payment_method` attaches, `invoice_settings[default_payment_method]` chooses.
async fn default_method(ask: &Ask<'_>, params: &Params) -> Result<Patch<Key>, ApiError> {
    let Some(inner) = params.object("invoice_settings")? else { return Ok(Patch::Keep) };
    let given = inner.patch("default_payment_method", 255)?;
    inner.ignore(&["custom_fields", "footer", "rendering_options"]);
    inner.done()?;
    Ok(match given {
        Patch::Keep => Patch::Keep,
        Patch::Unset => Patch::Unset,
        Patch::Set(id) => {
            let name = "invoice_settings[default_payment_method]";
            let view = payment_methods::find(ask, &id, name).await.map_err(|e| ApiError { status: 400, ..e })?;
            Patch::Set(view.key)
        }
    })
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let mut personal = CustomerPersonal::default();
    merge(params, &mut personal)?;
    let method = params.text("payment_method", 255)?;
    let chosen = default_method(ask, params).await?;
    params.done()?;
    let key = ask.ports().fresh_key();
    let mut body = Customer { live: ask.caller.live, deleted: None, default_method: chosen.value() };
    let mut beside = vec![];
    if let Some(id) = method {
        let (of, row) = payment_methods::given(ask, &id, key).await?;
        body.default_method = body.default_method.filter(|m| *m == of);
        beside = row;
    }
    let mut change = Change::to(body, EventKind::CustomerCreated).personal(key, &personal);
    change.beside = beside;
    let render = |view: &CustomerView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

/// The customer behind an id, deleted or not.
pub async fn find(ask: &Ask<'_>, id: &str, param: &str) -> Result<CustomerView, ApiError> {
    let missing = || ApiError::missing("customer", id, param);
    let key = ask.look().key(Kind::Customer, id).ok_or_else(missing)?;
    flow::load(ask.store(), ask.account(), Kind::Customer, key).await.map_err(ask.missing(Kind::Customer, id, param))
}

async fn living(ask: &Ask<'_>, id: &str) -> Result<CustomerView, ApiError> {
    let view = find(ask, id, "id").await?;
    match view.body.deleted {
        None => Ok(view),
        Some(_) => Err(ApiError::missing("customer", id, "id")),
    }
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id(), "id").await?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = living(ask, ask.path_id()).await?;
    let mut probe: CustomerPersonal = view.personal()?;
    merge(params, &mut probe)?;
    let chosen = default_method(ask, params).await?;
    params.done()?;
    let decide = |from: &CustomerView| {
        let mut personal: CustomerPersonal = from.personal().unwrap_or_default();
        let _ = merge(params, &mut personal);
        let mut body = from.body.clone();
        match &chosen {
            Patch::Keep => {}
            Patch::Unset => body.default_method = None,
            Patch::Set(key) => body.default_method = Some(*key),
        }
        if body.deleted.is_some() {
            return Err(florin_core::refusal::Refusal::NoSuch(Kind::Customer));
        }
        Ok(Change::to(body, EventKind::CustomerUpdated).personal(from.key, &personal))
    };
    let render = |view: &CustomerView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn delete(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = living(ask, ask.path_id()).await?;
    let now = ask.now();
    let decide = |from: &CustomerView| {
        let body = Customer { deleted: Some(now), ..from.body.clone() };
        Ok(Change::to(body, EventKind::CustomerDeleted).personal(from.key, &CustomerPersonal::default()))
    };
    let done = record::change(ask.ports(), ask.account(), view.key, None, &decide, &|_| vec![]).await?;
    told(done, |view| shape(ask.look(), view))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Customer)?;
    let email = params.text("email", 512)?;
    params.ignore(&["test_clock"]);
    params.done()?;
    let filter = |row: &Row| {
        let view: CustomerView = flow::read(row)?;
        let personal: CustomerPersonal = view.personal()?;
        let fits = view.body.deleted.is_none() && (email.is_none() || personal.contact.email == email);
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/customers", list::rows(ask, page, (ask.account(), Kind::Customer), &filter).await?))
}

pub async fn payment_methods(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Method)?;
    let wanted = params.text("type", 40)?;
    params.ignore(&["allow_redisplay"]);
    params.done()?;
    let customer = living(ask, ask.path_id()).await?;
    let url = format!("/v1/customers/{}/payment_methods", ask.path_id());
    if wanted.is_some_and(|t| t != "card") {
        return Ok(list::answer(&url, (vec![], false)));
    }
    Ok(list::answer(&url, payment_methods::of_customer(ask, page, customer.key).await?))
}

pub async fn payment_method(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let customer = living(ask, ask.path_id()).await?;
    let id = ask.ids.get(1).map_or("", String::as_str);
    let view = payment_methods::find(ask, id, "payment_method").await?;
    if view.body.customer() != Some(customer.key) {
        return Err(ApiError::missing("PaymentMethod", id, "payment_method"));
    }
    Ok(Answer::ok(payment_methods::shape(ask.look(), &view)))
}

pub async fn search(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    searched(ask, params, "/v1/customers/search", Kind::Customer, &|row| {
        let view: CustomerView = flow::read(row)?;
        Ok(view.body.deleted.is_none().then(|| shape(ask.look(), &view)))
    })
    .await
}

/// `query`, `limit` and `page` over all things of a kind. Reads rows, newest first: made for shops, not for archives.
pub async fn searched(
    ask: &Ask<'_>,
    params: &Params,
    url: &str,
    kind: Kind,
    read: &(dyn Fn(&Row) -> Result<Option<Value>, ApiError> + Sync),
) -> Result<Answer, ApiError> {
    let query = crate::search::parse(&params.needed("query", LONGEST_TEXT)?)?;
    let limit = params.integer_within("limit", 1, list::LARGEST_LIMIT as i64)?;
    let limit = limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(list::DEFAULT_LIMIT);
    let after = match params.text("page", 255)? {
        None => None,
        Some(id) => Some(ask.look().key(kind, &id).ok_or_else(|| params.bad("page", "There is no such page."))?),
    };
    params.done()?;
    let created = Created { from: i64::MIN, to: i64::MAX };
    let page = Page { limit, after, before: None, created };
    let filter = |row: &Row| Ok(read(row)?.filter(|value| crate::search::fits(&query, value)));
    let (data, more) = list::rows(ask, page, (ask.account(), kind), &filter).await?;
    let next = data.last().filter(|_| more).and_then(|v| v.get("id")).cloned();
    Ok(Answer::ok(json!({
        "object": "search_result", "data": data, "has_more": more, "next_page": next, "url": url,
    })))
}

//! `/v1/customers`.

use crate::ask::{Answer, Ask, told};
use crate::error::ApiError;
use crate::list;
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params, Patch};
use crate::resources::{address, metadata, payment_methods, prices, shipping, sources};
use crate::search::{self, Subject};
use florin_core::commit::{EventKind, Row};
use florin_core::customer::{self, Customer, CustomerPersonal, Invoicing, TaxExempt};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::money::LARGEST;
use florin_core::record::{self, Change};
use serde_json::{Value, json};

pub type CustomerView = View<Customer>;

/// Fields of one's own on a customer's invoices.
const MOST_FIELDS: usize = 4;

pub fn shape(look: &Look, view: &CustomerView) -> Value {
    let id = look.id(Kind::Customer, view.key);
    if view.body.deleted.is_some() {
        return json!({ "id": id, "object": "customer", "deleted": true });
    }
    let personal: CustomerPersonal = view.personal().unwrap_or_default();
    let contact = &personal.contact;
    let prefix: String = id.chars().rev().filter(char::is_ascii_alphanumeric).take(8).collect();
    let invoicing = &personal.invoicing;
    let field = |(name, value): &(String, String)| json!({ "name": name, "value": value });
    let fields = (!invoicing.fields.is_empty()).then(|| invoicing.fields.iter().map(field).collect::<Vec<_>>());
    let mut shown = json!({
        "id": id,
        "object": "customer",
        "address": contact.address.as_ref().map(address),
        "balance": invoicing.balance,
        "created": view.key.time().seconds(),
        "currency": null,
        "customer_account": null,
        "default_source": view.body.default_source.map(|m| look.id(Kind::Card, m)),
        "delinquent": false,
        "description": personal.description,
        "discount": null,
        "email": contact.email,
        "invoice_prefix": invoicing.prefix.clone().unwrap_or_else(|| prefix.to_ascii_uppercase()),
        "invoice_settings": {
            "custom_fields": fields, "default_payment_method": view.body.default_method.map(|m| look.id(Kind::Method, m)),
            "footer": invoicing.footer, "rendering_options": null,
        },
        "livemode": view.body.live,
        "metadata": metadata(&personal.metadata),
        "name": contact.name,
        "next_invoice_sequence": invoicing.next_number.unwrap_or(1),
        "phone": contact.phone,
        "preferred_locales": personal.locales,
        "shipping": shipping(personal.shipping.as_ref()),
        "tax_exempt": invoicing.tax_exempt.as_str(),
        "test_clock": null,
    });
    // Names that are only there when they were given.
    let names = [("business_name", &personal.business_name), ("individual_name", &personal.individual_name)];
    if let Some(map) = shown.as_object_mut() {
        map.extend(names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
    }
    shown
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
    params.patch("business_name", 150)?.apply(&mut into.business_name);
    params.patch("individual_name", 150)?.apply(&mut into.individual_name);
    invoicing(params, &mut into.invoicing)?;
    prices::not_offered(params, &["tax_id_data", "test_clock"])?;
    params.boolean("validate")?;
    params.ignore(&["tax", "cash_balance"]);
    Ok(())
}

fn invoicing(params: &Params, into: &mut Invoicing) -> Result<(), ApiError> {
    into.balance = params.integer_within("balance", -LARGEST, LARGEST)?.unwrap_or(into.balance);
    into.next_number = params.integer_within("next_invoice_sequence", 1, 1_000_000_000)?.or(into.next_number);
    if let Some(prefix) = params.text("invoice_prefix", 12)? {
        if prefix.len() < 3 || !prefix.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            let message = "Invalid invoice_prefix: three to twelve capital letters or digits.";
            return Err(params.bad("invoice_prefix", message));
        }
        into.prefix = Some(prefix);
    }
    let words: Vec<(&str, TaxExempt)> = TaxExempt::ALL.iter().map(|t| (t.as_str(), *t)).collect();
    if params.is_unset("tax_exempt") {
        into.tax_exempt = TaxExempt::None;
    } else if let Some(exempt) = params.choice("tax_exempt", &words)? {
        into.tax_exempt = exempt;
    }
    let Some(inner) = params.object("invoice_settings")? else { return Ok(()) };
    inner.patch("footer", LONGEST_TEXT)?.apply(&mut into.footer);
    if let Some(list) = inner.objects("custom_fields", MOST_FIELDS)? {
        let field = |one: &Params| {
            let pair = (one.needed("name", 40)?, one.needed("value", 140)?);
            one.done().map(|()| pair)
        };
        into.fields = list.iter().map(field).collect::<Result<_, _>>()?;
    }
    Ok(())
}

/// `payment_method` attaches, `invoice_settings[default_payment_method]` chooses.
async fn default_method(ask: &Ask<'_>, params: &Params, customer: Option<Key>) -> Result<Patch<Key>, ApiError> {
    let Some(inner) = params.object("invoice_settings")? else { return Ok(Patch::Keep) };
    let given = inner.patch("default_payment_method", 255)?;
    inner.known_elsewhere(&["custom_fields", "footer"]);
    inner.ignore(&["rendering_options"]);
    inner.done()?;
    Ok(match given {
        Patch::Keep => Patch::Keep,
        Patch::Unset => Patch::Unset,
        Patch::Set(id) => {
            let name = "invoice_settings[default_payment_method]";
            let view = payment_methods::find(ask, &id, name).await.map_err(ApiError::of_a_parameter)?;
            if customer.is_none() || view.body.customer() != customer {
                let message = format!("The payment method {id} is not attached to this customer: attach it first.");
                return Err(ApiError::invalid(message).code("resource_missing").param(name));
            }
            Patch::Set(view.key)
        }
    })
}

/// Whether the method that comes with a new customer is to be its default.
fn chosen_with(params: &Params, method: &str) -> Result<bool, ApiError> {
    let Some(inner) = params.object("invoice_settings")? else { return Ok(false) };
    let given = inner.patch("default_payment_method", 255)?.value();
    inner.known_elsewhere(&["custom_fields", "footer"]);
    inner.ignore(&["rendering_options"]);
    inner.done()?;
    match given {
        Some(other) if other != method => {
            let message = format!("The payment method {other} is not attached to this customer: attach it first.");
            let name = "invoice_settings[default_payment_method]";
            Err(ApiError::invalid(message).code("resource_missing").param(name))
        }
        given => Ok(given.is_some()),
    }
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let mut personal = CustomerPersonal::default();
    merge(params, &mut personal)?;
    let method = params.text("payment_method", 255)?;
    // Of a customer who is made with a method, that one may be named at once.
    let chosen = match &method {
        Some(id) => chosen_with(params, id)?,
        None => default_method(ask, params, None).await?.value().is_some(),
    };
    params.known_elsewhere(&["source", "card"]);
    params.done()?;
    let key = ask.ports().fresh_key();
    let mut body = Customer { live: ask.caller.live, deleted: None, default_method: None, default_source: None };
    let mut beside = vec![];
    if let Some(id) = method {
        let given = payment_methods::given(ask, &id, key).await?;
        body.default_method = chosen.then_some(given.key);
        beside = given.beside;
    }
    if let Some(given) = payment_methods::source(ask, params, key).await? {
        body.default_source = Some(given.key);
        beside.extend(given.beside);
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

pub async fn living(ask: &Ask<'_>, id: &str) -> Result<CustomerView, ApiError> {
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
    let chosen = default_method(ask, params, Some(view.key)).await?;
    let source = sources::chosen(ask, params, view.key).await?;
    params.known_elsewhere(&["source", "card"]);
    params.done()?;
    let given = payment_methods::source(ask, params, view.key).await?;
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
        body.default_source = source.or(given.as_ref().map(|g| g.key)).or(body.default_source);
        let mut change = Change::to(body, EventKind::CustomerUpdated).personal(from.key, &personal);
        change.beside = given.as_ref().map(|g| g.beside.clone()).unwrap_or_default();
        Ok(change)
    };
    let render = |view: &CustomerView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

/// Its cards are detached, and everything personal becomes unreadable a moment later: what was paid stays.
pub async fn delete(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = living(ask, ask.path_id()).await?;
    let deleted = customer::delete(None, ask.ports(), ask.account(), view.key).await;
    let deleted = deleted.map_err(ask.missing(Kind::Customer, ask.path_id(), "id"))?;
    Ok(Answer::ok(shape(ask.look(), &deleted)))
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
    payment_methods::known_type(params, wanted.as_ref())?;
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
    search::rows(ask, params, Subject::Customer, &|row| {
        let view: CustomerView = flow::read(row)?;
        Ok(view.body.deleted.is_none().then(|| shape(ask.look(), &view)))
    })
    .await
}

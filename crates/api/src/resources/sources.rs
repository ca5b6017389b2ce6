//! `/v1/customers/{}/sources`: a customer's cards in the shape that they had before there were payment methods. Knows no other source.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::list;
use crate::look::Look;
use crate::params::Params;
use crate::resources::customers::{self, CustomerView};
use crate::resources::payment_methods::{self, MethodView, country, fingerprint, funding};
use crate::resources::{charges, metadata};
use florin_core::commit::Row;
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::method::MethodPersonal;
use florin_core::payment::CardFacts;
use florin_core::wire::Network;
use serde_json::{Value, json};

/// How cards of this shape spell their brand.
const fn brand(network: Network) -> &'static str {
    match network {
        Network::Mastercard => "MasterCard",
        Network::Visa | Network::Amex | Network::Discover | Network::Jcb | Network::Diners | Network::UnionPay => {
            network.name()
        }
    }
}

/// A card that nobody was asked about yet.
pub fn card(look: &Look, key: Key, card: &CardFacts, personal: &MethodPersonal) -> Value {
    let address = personal.billing.address.clone().unwrap_or_default();
    json!({
        "id": look.id(Kind::Card, key),
        "object": "card",
        "address_city": address.city,
        "address_country": address.country,
        "address_line1": address.line1,
        "address_line1_check": null,
        "address_line2": address.line2,
        "address_state": address.state,
        "address_zip": address.postal_code,
        "address_zip_check": null,
        "brand": brand(card.network),
        "country": country(card),
        "cvc_check": "unchecked",
        "dynamic_last4": null,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": fingerprint(card),
        "funding": funding(card),
        "last4": card.last4_text(),
        "metadata": metadata(&personal.metadata),
        "name": personal.billing.name,
        "networks": { "preferred": null },
        "regulated_status": "unregulated",
        "tokenization_method": null,
    })
}

/// A customer's card, with what its issuer said when it was set up.
pub fn shape(look: &Look, view: &MethodView) -> Value {
    let mut shown = card(look, view.key, &view.body.card, &view.personal().unwrap_or_default());
    let said = view.body.checks.as_ref().map(|checks| charges::checks(checks, false));
    let check = |name: &str| said.as_ref().map(|said| said.get(name).cloned().unwrap_or(Value::Null));
    let fields = [
        ("customer", Some(json!(view.body.customer().map(|c| look.id(Kind::Customer, c))))),
        ("address_line1_check", check("address_line1_check")),
        ("address_zip_check", check("address_postal_code_check")),
        ("cvc_check", check("cvc_check")),
    ];
    if let Some(map) = shown.as_object_mut() {
        map.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    shown
}

/// The card behind an id, if it is this customer's.
pub async fn find(ask: &Ask<'_>, customer: Key, id: &str, param: &str) -> Result<MethodView, ApiError> {
    let missing = || ApiError::missing("source", id, param);
    let named = |error: ApiError| if error.status == 404 { missing() } else { error };
    let view = payment_methods::find(ask, id, param).await.map_err(named)?;
    if view.body.customer() == Some(customer) { Ok(view) } else { Err(missing()) }
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Card)?;
    let wanted = params.text("object", 40)?;
    params.done()?;
    let customer = customers::living(ask, ask.path_id()).await?;
    let url = format!("/v1/customers/{}/sources", ask.path_id());
    match wanted.as_deref() {
        None | Some("card") => Ok(list::answer(&url, of_customer(ask, page, &customer).await?)),
        Some("bank_account" | "source" | "account" | "bitcoin_receiver") => Ok(list::answer(&url, (vec![], false))),
        Some(_) => Err(params.bad("object", "Invalid object: must be card or bank_account.")),
    }
}

pub async fn of_customer(
    ask: &Ask<'_>,
    page: list::Page,
    customer: &CustomerView,
) -> Result<(Vec<Value>, bool), ApiError> {
    let filter = |row: &Row| {
        let view: MethodView = flow::read(row)?;
        Ok((view.body.customer() == Some(customer.key)).then(|| shape(ask.look(), &view)))
    };
    list::rows(ask, page, (customer.key, Kind::Method), &filter).await
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let customer = customers::living(ask, ask.path_id()).await?;
    let id = ask.ids.get(1).map_or("", String::as_str);
    let view = find(ask, customer.key, id, "id").await?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

/// `default_source`: one of the customer's cards.
pub async fn chosen(ask: &Ask<'_>, params: &Params, customer: Key) -> Result<Option<Key>, ApiError> {
    let name = "default_source";
    let Some(id) = params.text(name, 255)? else { return Ok(None) };
    let view = find(ask, customer, &id, name).await.map_err(ApiError::of_a_parameter)?;
    Ok(Some(view.key))
}

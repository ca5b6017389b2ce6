//! `/v1/payment_methods`: cards of the vault in the merchant's hands.

mod choose;
mod hand;
mod verified;

pub use choose::{Chosen, Payer, choose, made, of_card, of_name, of_view};
pub use hand::{attach, detach};
pub use verified::{given, source};

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, ErrorType, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::Params;
use crate::resources::{billing, charges, metadata};
use crate::{Expires, NotRenewed};
use florin_core::commit::EventKind;
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::method::{MethodPersonal, PaymentMethod, Redisplay};
use florin_core::payment::{CardFacts, Contact, Funding, Method, PaymentView};
use florin_core::record::{self, Change};
use florin_core::wire::Checks;
use serde_json::{Value, json};

pub type MethodView = View<PaymentMethod>;

pub fn shape(look: &Look, view: &MethodView) -> Value {
    let personal: MethodPersonal = view.personal().unwrap_or_default();
    let method = Method { key: view.key, card: view.body.card.clone() };
    let customer = view.body.customer();
    body(look, &method, (view.body.live, customer), &personal, view.body.checks.as_ref())
}

/// The method of a charge, as the payment knows it.
pub fn of_payment(look: &Look, view: &PaymentView, method: &Method, contact: Option<&Contact>) -> Value {
    let personal = MethodPersonal { billing: contact.cloned().unwrap_or_default(), ..MethodPersonal::default() };
    body(look, method, (view.body.live, None), &personal, None)
}

/// A method as a setup knows it.
pub fn of_setup(look: &Look, live: bool, method: &Method, contact: Option<&Contact>) -> Value {
    let personal = MethodPersonal { billing: contact.cloned().unwrap_or_default(), ..MethodPersonal::default() };
    body(look, method, (live, None), &personal, None)
}

fn body(
    look: &Look,
    method: &Method,
    (live, customer): (bool, Option<Key>),
    personal: &MethodPersonal,
    checks: Option<&Checks>,
) -> Value {
    json!({
        "id": look.id(Kind::Method, method.key),
        "object": "payment_method",
        "allow_redisplay": personal.redisplay.as_str(),
        "billing_details": billing(Some(&personal.billing)),
        "card": card(&method.card, checks),
        "created": method.key.time().seconds(),
        "customer": customer.map(|c| look.id(Kind::Customer, c)),
        "customer_account": null,
        "livemode": live,
        "metadata": metadata(&personal.metadata),
        "type": "card",
    })
}

/// `checks`: what the issuer said when the card was set up; unchecked before.
pub fn card(card: &CardFacts, checks: Option<&Checks>) -> Value {
    let unchecked =
        || json!({ "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "unchecked" });
    json!({
        "brand": card.network.as_str(),
        "checks": checks.map_or_else(unchecked, |c| charges::checks(c, false)),
        "country": country(card),
        "display_brand": card.network.as_str(),
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": fingerprint(card),
        "funding": funding(card),
        "generated_from": null,
        "last4": card.last4_text(),
        "networks": { "available": [card.network.as_str()], "preferred": null },
        "regulated_status": "unregulated",
        "three_d_secure_usage": { "supported": true },
        "wallet": null,
    })
}

pub fn country(card: &CardFacts) -> Option<String> {
    card.country.map(|c| c.iter().map(|b| char::from(*b)).collect())
}

/// Equal for equal numbers of one account; says nothing else.
pub fn fingerprint(card: &CardFacts) -> String {
    card.fingerprint.iter().map(|b| if b.is_ascii_alphanumeric() { char::from(*b) } else { '0' }).collect()
}

pub fn funding(card: &CardFacts) -> &'static str {
    match card.funding {
        Funding::Credit => "credit",
        Funding::Debit => "debit",
        Funding::Prepaid => "prepaid",
        Funding::Unknown => "unknown",
    }
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let chosen = of_card(ask, params, "type").await?;
    params.ignore(&["customer"]);
    params.done()?;
    let mut change = Change::to(PaymentMethod::free(ask.caller.live, chosen.card), EventKind::MethodCreated)
        .personal(chosen.key, &chosen.personal);
    change.beside = chosen.beside;
    let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
    let (ports, account) = (ask.ports(), ask.account());
    let made = record::make(ports, account, chosen.key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

/// The method behind an id, whatever became of it.
pub async fn find(ask: &Ask<'_>, id: &str, param: &str) -> Result<MethodView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Method), id, param);
    // A card that came as a source is a method too, under another name.
    let look = ask.look();
    let key = look.key(Kind::Method, id).or_else(|| look.key(Kind::Card, id)).ok_or_else(missing)?;
    flow::load(ask.store(), ask.account(), Kind::Method, key).await.map_err(ask.missing(Kind::Method, id, param))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id(), "payment_method").await?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id(), "payment_method").await?;
    let mut probe: MethodPersonal = view.personal()?;
    merge(params, &mut probe)?;
    let expires = expires(params, &view.body.card)?;
    super::prices::not_offered(params, &["us_bank_account"])?;
    params.done()?;
    if view.body.customer().is_none() {
        let message = "You must save this PaymentMethod to a customer before you can update it.";
        return Err(ApiError::invalid(message).code("payment_method_unexpected_state"));
    }
    let renewed = match expires {
        Some(expires) => Some(renewed(ask, &view.body.card, expires).await?),
        None => None,
    };
    let decide = |from: &MethodView| {
        let mut personal: MethodPersonal = from.personal().unwrap_or_default();
        let _ = merge(params, &mut personal);
        let subject = from.personal.as_ref().map_or(from.key, |p| p.subject);
        let mut body = from.body.clone();
        body.card = renewed.clone().unwrap_or(body.card);
        Ok(Change::to(body, EventKind::MethodUpdated).personal(subject, &personal))
    };
    let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
    let (ports, account) = (ask.ports(), ask.account());
    let done = record::change(ports, account, view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

/// `card[exp_month]`, `card[exp_year]`: the new date of a card that was reissued. What is not given stays.
fn expires(params: &Params, now: &CardFacts) -> Result<Option<Expires>, ApiError> {
    let Some(card) = params.object("card")? else { return Ok(None) };
    let (month, year) = (card.integer("exp_month")?, card.integer("exp_year")?);
    card.ignore(&["networks"]);
    card.done()?;
    if month.is_none() && year.is_none() {
        return Ok(None);
    }
    let refused = |what: &str| {
        ApiError::new(402, ErrorType::Card, format!("Your card's expiration {what} is invalid."))
            .code(&format!("invalid_expiry_{what}"))
            .param(&format!("exp_{what}"))
    };
    let month = month.map_or(Ok(now.exp_month), u8::try_from).map_err(|_| refused("month"))?;
    let year = year.map_or(Ok(now.exp_year), u16::try_from).map_err(|_| refused("year"))?;
    Ok(Some(Expires { month, year }))
}

/// The card's facts under another date, and under the token that the vault knows it by from now on.
async fn renewed(ask: &Ask<'_>, card: &CardFacts, expires: Expires) -> Result<CardFacts, ApiError> {
    match ask.api.house.renewed(ask.account(), ask.caller.live, card.token, expires).await {
        Ok(facts) => Ok(facts),
        Err(NotRenewed::Refused { code, param, message }) => {
            Err(ApiError::new(402, ErrorType::Card, message).code(code).param(param))
        }
        Err(NotRenewed::NoVault) => Err(ApiError::trouble()),
    }
}

fn merge(params: &Params, into: &mut MethodPersonal) -> Result<(), ApiError> {
    if let Some(billing) = params.billing()? {
        let old = std::mem::take(&mut into.billing);
        into.billing = Contact {
            name: billing.name.or(old.name),
            email: billing.email.or(old.email),
            phone: billing.phone.or(old.phone),
            address: billing.address.or(old.address),
            ..Contact::default()
        };
    }
    into.redisplay = redisplay(params)?.unwrap_or(into.redisplay);
    params.metadata(&mut into.metadata)
}

/// `allow_redisplay`.
pub fn redisplay(params: &Params) -> Result<Option<Redisplay>, ApiError> {
    let words: Vec<(&str, Redisplay)> = Redisplay::ALL.iter().map(|r| (r.as_str(), *r)).collect();
    params.choice("allow_redisplay", &words)
}

/// Of one customer, which must be named: methods of nobody are not listed.
pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Method)?;
    let wanted = params.patch("type", 40)?.value();
    let id = params.text("customer", 255)?;
    params.ignore(&["allow_redisplay"]);
    super::payment_intents::no_other_account(params, &["customer_account"])?;
    params.done()?;
    let of = match &id {
        None => None,
        Some(id) => Some(super::customers::find(ask, id, "customer").await.map_err(ApiError::of_a_parameter)?.key),
    };
    known_type(params, wanted.as_ref())?;
    if wanted.as_ref().is_some_and(|other| other != "card") {
        return Ok(list::answer("/v1/payment_methods", (vec![], false)));
    }
    let Some(of) = of else { return Ok(list::answer("/v1/payment_methods", (vec![], false))) };
    Ok(list::answer("/v1/payment_methods", of_customer(ask, page, of).await?))
}

/// Refuses a type that Stripe's API does not have; there are no methods of those that Florin does not offer.
pub fn known_type(params: &Params, wanted: Option<&String>) -> Result<(), ApiError> {
    match wanted.filter(|t| !super::payment_intents::is_method_type(t)) {
        None => Ok(()),
        Some(unknown) => {
            let shown: String = unknown.chars().take(40).collect();
            Err(params.bad("type", format!("Invalid type: there is no payment method type \"{shown}\".")))
        }
    }
}

pub async fn of_customer(ask: &Ask<'_>, page: list::Page, customer: Key) -> Result<(Vec<Value>, bool), ApiError> {
    let filter = |row: &florin_core::commit::Row| {
        let view: MethodView = flow::read(row)?;
        Ok((view.body.customer() == Some(customer)).then(|| shape(ask.look(), &view)))
    };
    list::rows(ask, page, (customer, Kind::Method), &filter).await
}

//! `/v1/tokens`: a card that is handed on once.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::look::{self, Look};
use crate::params::Params;
use crate::resources::payment_methods::{country, fingerprint, funding};
use florin_core::commit::EventKind;
use florin_core::edge::CARD_FIELD;
use florin_core::flow::{self, View};
use florin_core::id::Kind;
use florin_core::method::{CardOnce, MethodPersonal};
use florin_core::payment::{Address, Contact};
use florin_core::record::{self, Change};
use serde_json::{Value, json};

type TokenView = View<CardOnce>;

fn shape(look: &Look, view: &TokenView) -> Value {
    let card = &view.body.card;
    let personal: MethodPersonal = view.personal().unwrap_or_default();
    let address = personal.billing.address.unwrap_or_default();
    json!({
        "id": look.id(Kind::CardToken, view.key),
        "object": "token",
        "card": {
            "id": look.id(Kind::Card, view.key),
            "object": "card",
            "address_city": address.city,
            "address_country": address.country,
            "address_line1": address.line1,
            "address_line1_check": null,
            "address_line2": address.line2,
            "address_state": address.state,
            "address_zip": address.postal_code,
            "address_zip_check": null,
            "brand": card.network.name(),
            "country": country(card),
            "cvc_check": "unchecked",
            "dynamic_last4": null,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": fingerprint(card),
            "funding": funding(card),
            "last4": card.last4_text(),
            "metadata": {},
            "name": personal.billing.name,
            "networks": { "preferred": null },
            "regulated_status": "unregulated",
            "tokenization_method": null,
        },
        "client_ip": null,
        "created": view.key.time().seconds(),
        "livemode": view.body.live,
        "type": "card",
        "used": view.body.used,
    })
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let inner = params.object("card")?.ok_or_else(|| params.missing("card"))?;
    let index = inner.integer(CARD_FIELD)?;
    let card = ask.card(index).ok_or_else(|| inner.missing("number"))?.facts.clone();
    let text = |name| inner.patch(name, 500).map(crate::params::Patch::value);
    let address = Address {
        city: text("address_city")?,
        country: text("address_country")?,
        line1: text("address_line1")?,
        line2: text("address_line2")?,
        postal_code: text("address_zip")?,
        state: text("address_state")?,
    };
    let billing = Contact { name: text("name")?, address: Some(address), ..Contact::default() };
    inner.ignore(&["currency", "networks", "metadata"]);
    inner.done()?;
    params.done()?;
    let key = ask.ports().fresh_key();
    let body = CardOnce { live: ask.caller.live, card, used: false };
    let change = Change::to(body, EventKind::CardTokenChanged)
        .personal(key, &MethodPersonal { billing, ..MethodPersonal::default() });
    let render = |view: &TokenView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let id = ask.path_id();
    let missing = || ApiError::missing(noun(Kind::CardToken), id, "token");
    let key = ask.look().key(Kind::CardToken, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::CardToken, key).await;
    let view: TokenView = loaded.map_err(ask.missing(Kind::CardToken, id, "token"))?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

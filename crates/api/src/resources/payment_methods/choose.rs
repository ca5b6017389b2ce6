//! Which card a request means: a payment method's id, the name of a test card, a token, or a card that the edge swapped.

use super::MethodView;
use crate::NotNamed;
use crate::ask::Ask;
use crate::error::{ApiError, ErrorType, noun};
use crate::params::Params;
use florin_core::codec::Body;
use florin_core::commit::{Beside, EventKind, IndexEntry, Personal, Version};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::method::{CardOnce, Hold, MethodPersonal, PaymentMethod, Unusable, handed};
use florin_core::payment::{CardFacts, Method};
use florin_core::record;
use florin_core::wire::NetworkId;

/// A card to pay with, and the rows that change when it is used.
pub struct Chosen {
    pub key: Key,
    pub card: CardFacts,
    pub personal: MethodPersonal,
    /// It is a customer's already.
    pub stored: bool,
    /// The network's id of the first use that the cardholder agreed to.
    pub network_id: Option<NetworkId>,
    pub beside: Vec<Beside>,
}

impl Chosen {
    pub fn method(&self) -> Method {
        Method { key: self.key, card: self.card.clone() }
    }
}

/// Who pays.
#[derive(Clone, Copy, Debug)]
pub struct Payer {
    /// The payment or setup that uses the card.
    pub by: Key,
    pub customer: Option<Key>,
    /// It is used now, not only named.
    pub uses: bool,
}

/// Reads `payment_method` and `payment_method_data`.
pub async fn choose(ask: &Ask<'_>, params: &Params, payer: Payer) -> Result<Option<Chosen>, ApiError> {
    let id = params.text("payment_method", 255)?;
    let data = params.object("payment_method_data")?;
    match (id, data) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: payment_method, payment_method_data.";
            Err(params.bad("payment_method_data", message))
        }
        (None, None) => Ok(None),
        (Some(id), None) => of_id(ask, &id, payer).await.map(Some),
        (None, Some(data)) => {
            let chosen = of_card(ask, &data, "type").await?;
            data.done()?;
            Ok(Some(made(ask, chosen, payer)))
        }
    }
}

/// A method that is made in the same commit as its use.
pub fn made(ask: &Ask<'_>, mut chosen: Chosen, payer: Payer) -> Chosen {
    let hold = if payer.uses { Hold::UsedBy(payer.by) } else { Hold::Free };
    let view = View {
        key: chosen.key,
        account: ask.account(),
        version: Version(1),
        at: ask.now(),
        body: PaymentMethod { hold, ..PaymentMethod::free(ask.caller.live, chosen.card.clone()) },
        personal: Some(Personal { subject: chosen.key, body: chosen.personal.encode() }),
    };
    let (row, event) = (record::row(&view, vec![]), EventKind::MethodCreated);
    chosen.beside.push(Beside { from: Version::NONE, row, event });
    chosen
}

async fn of_id(ask: &Ask<'_>, id: &str, payer: Payer) -> Result<Chosen, ApiError> {
    if let Some(card) = named(ask, id, "payment_method").await? {
        return Ok(made(ask, fresh(ask, card), payer));
    }
    let view = super::find(ask, id, "payment_method").await.map_err(ApiError::of_a_parameter)?;
    of_view(ask, &view, payer)
}

/// A method that is stored, if this payer may use it.
pub fn of_view(ask: &Ask<'_>, view: &MethodView, payer: Payer) -> Result<Chosen, ApiError> {
    let hold = view.body.used(payer.by, payer.customer).map_err(unusable)?;
    let beside = match payer.uses && hold != view.body.hold {
        true => vec![handed(view, hold, ask.now())],
        false => vec![],
    };
    let stored = view.body.customer().is_some();
    let (card, network_id) = (view.body.card.clone(), view.body.network_id);
    Ok(Chosen { key: view.key, card, personal: view.personal()?, stored, network_id, beside })
}

pub fn unusable(why: Unusable) -> ApiError {
    let (code, message) = match why {
        Unusable::Detached | Unusable::UsedBefore => (
            "payment_method_unexpected_state",
            "The provided PaymentMethod was used before, or was detached from a customer. It may not be used again.",
        ),
        Unusable::OfAnotherCustomer => (
            "payment_method_customer_mismatch",
            "The provided PaymentMethod belongs to a customer. Name that customer with the payment.",
        ),
    };
    ApiError::invalid(message).code(code).param("payment_method")
}

/// A card to be made into a method under the name of a test card. None when the text is no such name.
pub async fn of_name(ask: &Ask<'_>, name: &str) -> Result<Option<Chosen>, ApiError> {
    Ok(named(ask, name, "payment_method").await?.map(|card| fresh(ask, card)))
}

fn fresh(ask: &Ask<'_>, card: CardFacts) -> Chosen {
    let (key, personal) = (ask.ports().fresh_key(), MethodPersonal::default());
    Chosen { key, card, personal, stored: false, network_id: None, beside: vec![] }
}

/// A new card under the name of a test card. None when the text is no such name.
pub async fn named(ask: &Ask<'_>, name: &str, param: &str) -> Result<Option<CardFacts>, ApiError> {
    if !(name.starts_with("pm_card_") || name.starts_with("tok_")) || ask.look().key(Kind::CardToken, name).is_some() {
        return Ok(None);
    }
    let kind = if name.starts_with("tok_") { Kind::CardToken } else { Kind::Method };
    if ask.caller.live {
        return Err(ApiError::missing_value(noun(kind), name, param));
    }
    match ask.api.house.named(ask.account(), name).await {
        Ok(named) => Ok(Some(named.facts)),
        Err(NotNamed::Unknown) => Err(ApiError::missing_value(noun(kind), name, param)),
        Err(NotNamed::NoVault) => {
            let error = ApiError::new(503, ErrorType::Api, "The vault cannot be reached. Try again.");
            Err(ApiError { retry_after_seconds: Some(1), ..error })
        }
    }
}

/// Reads `type`, `card`, `billing_details` and `metadata`: the parameters of a new method.
pub async fn of_card(ask: &Ask<'_>, params: &Params, type_name: &'static str) -> Result<Chosen, ApiError> {
    params.choice(type_name, &[("card", ())])?.ok_or_else(|| params.missing(type_name))?;
    let inner = params.object("card")?.ok_or_else(|| params.missing("card"))?;
    let token = inner.text("token", 255)?;
    let index = inner.integer(florin_core::edge::CARD_FIELD)?;
    inner.ignore(&["networks"]);
    let (mut used, mut told) = (None, MethodPersonal::default());
    let card = match (token, ask.card(index)) {
        (None, Some(swapped)) => swapped.facts.clone(),
        (Some(token), None) => {
            let once = once(ask, &token, &inner.name("token")).await?;
            (told, used) = (once.personal, once.used);
            once.card
        }
        _ => return Err(inner.missing("number")),
    };
    inner.done()?;
    let mut chosen = fresh(ask, card);
    chosen.beside.extend(used.map(|used| became(used, chosen.key)));
    chosen.personal.billing = params.billing()?.unwrap_or(told.billing);
    params.metadata(&mut chosen.personal.metadata)?;
    chosen.personal.redisplay = super::redisplay(params)?.unwrap_or_default();
    Ok(chosen)
}

/// The card of a token, with what is used up by that.
pub struct Once {
    pub card: CardFacts,
    pub used: Option<Beside>,
    /// What the token says of the cardholder.
    pub personal: MethodPersonal,
}

/// A used token, found by the method that was made of it: who forgets the one forgets the other.
pub fn became(mut used: Beside, method: Key) -> Beside {
    used.row.index.push(IndexEntry { under: method, kind: Kind::CardToken, key: used.row.key });
    used
}

/// The card of a token, which is used up by that.
pub async fn once(ask: &Ask<'_>, id: &str, param: &str) -> Result<Once, ApiError> {
    if let Some(card) = named(ask, id, param).await? {
        return Ok(Once { card, used: None, personal: MethodPersonal::default() });
    }
    let missing = || ApiError::missing_value("token", id, param);
    let key = ask.look().key(Kind::CardToken, id).ok_or_else(missing)?;
    let found: Result<View<CardOnce>, _> = flow::load(ask.store(), ask.account(), Kind::CardToken, key).await;
    let view = match found {
        Ok(view) => view,
        Err(flow::Failure::Refused(_)) => return Err(missing()),
        Err(trouble) => return Err(trouble.into()),
    };
    if view.body.used {
        let message = "You cannot use a token more than once.";
        return Err(ApiError::invalid(message).code("token_already_used").param(param));
    }
    let (card, personal) = (view.body.card.clone(), view.personal()?);
    let body = CardOnce { used: true, ..view.body.clone() };
    let next = View { version: view.version.next(), at: ask.now(), body, ..view.clone() };
    let (row, event) = (record::row(&next, vec![]), EventKind::CardTokenChanged);
    Ok(Once { card, used: Some(Beside { from: view.version, row, event }), personal })
}

//! Cards on their way to a customer: the issuer is asked first, and the card is the customer's only when it said yes.

use super::choose::{Once, became, named, of_view, once};
use super::{Payer, find};
use crate::ask::Ask;
use crate::error::{ApiError, ErrorType};
use crate::look;
use crate::params::Params;
use crate::resources::{card_billing, payment_intents};
use florin_core::codec::Body;
use florin_core::commit::{Beside, Personal, Version};
use florin_core::edge::CARD_FIELD;
use florin_core::flow::View;
use florin_core::id::Key;
use florin_core::method::{Hold, MethodPersonal, PaymentMethod, handed};
use florin_core::payment::{Contact, Method, PaymentError};
use florin_core::record;
use florin_core::setup::{self, SetupStage, Verify};
use florin_core::wire::Approval;

/// A card that goes to a customer in the commit that makes or changes the customer.
pub struct Given {
    pub key: Key,
    pub beside: Vec<Beside>,
}

/// Asks the issuer. 402 when it says no, or nothing that can be relied on. None when it says no more than that the cardholder must be
/// authenticated: the card is the customer's, and nothing was agreed on for charges without them.
pub async fn verified(
    ask: &Ask<'_>,
    customer: Key,
    method: Method,
    billing: Contact,
) -> Result<Option<Approval>, ApiError> {
    let command = Verify { account: ask.account(), live: ask.caller.live, customer, method, billing };
    let view = setup::verify(ask.ports(), &command).await?;
    match view.body.stage {
        SetupStage::Succeeded { attempt, .. } => {
            let approval = view.body.attempt(attempt).and_then(|a| a.approval().copied());
            approval.map(Some).ok_or_else(ApiError::trouble)
        }
        SetupStage::RequiresPaymentMethod { last_error: Some(error) } if error.is_soft() => Ok(None),
        SetupStage::RequiresPaymentMethod { last_error: Some(error) } => Err(refused(ask, view.key, &error).await),
        SetupStage::RequiresPaymentMethod { last_error: None }
        | SetupStage::RequiresConfirmation
        | SetupStage::Processing { .. }
        | SetupStage::RequiresAction { .. }
        | SetupStage::Canceled { .. } => Err(ApiError::trouble()),
    }
}

/// The 402, kept as the answer under the request's idempotency key.
async fn refused(ask: &Ask<'_>, of: Key, error: &PaymentError) -> ApiError {
    let mut fields = payment_intents::card_error(error);
    let mut take = |name: &str| fields.remove(name).and_then(|v| v.as_str().map(str::to_owned));
    let (code, message, param) = (take("code"), take("message").unwrap_or_default(), take("param"));
    take("type");
    let told = ApiError { code, param, more: fields, ..ApiError::new(402, ErrorType::Card, message) };
    let answer = look::stored(told.status, &told.body());
    // Somebody else's answer under the key comes out at the gate.
    match record::answered(ask.ports(), of, ask.claim.as_ref(), answer).await {
        Ok(()) | Err(florin_core::flow::Failure::Refused(_)) => told,
        Err(trouble) => trouble.into(),
    }
}

/// A method by its id or the name of a test card, for a customer that is being made.
pub async fn given(ask: &Ask<'_>, id: &str, customer: Key) -> Result<Given, ApiError> {
    if let Some(card) = named(ask, id, "payment_method").await? {
        let key = ask.ports().fresh_key();
        let approval = verified(ask, customer, Method { key, card: card.clone() }, Contact::default()).await?;
        return Ok(made(ask, (key, customer), PaymentMethod::free(ask.caller.live, card), approval.as_ref(), None));
    }
    let view = find(ask, id, "payment_method").await.map_err(ApiError::of_a_parameter)?;
    of_view(ask, &view, Payer { by: customer, customer: None, uses: false })?;
    let body = match view.body.is_verified() {
        true => view.body.clone(),
        false => {
            let method = Method { key: view.key, card: view.body.card.clone() };
            let personal: MethodPersonal = view.personal()?;
            view.body.clone().known(verified(ask, customer, method, personal.billing).await?.as_ref())
        }
    };
    let known = View { body, ..view };
    Ok(Given { key: known.key, beside: vec![handed(&known, Hold::Customer(customer), ask.now())] })
}

/// `source` or `card` of a customer: a token, or a card that the edge swapped. Verified, and the customer's.
pub async fn source(ask: &Ask<'_>, params: &Params, customer: Key) -> Result<Option<Given>, ApiError> {
    let mut found = None;
    for name in ["source", "card"] {
        if !params.has(name) {
            continue;
        }
        if found.is_some() {
            return Err(params.bad("card", "You may only specify one of these parameters: source, card."));
        }
        found = Some(read(ask, params, name).await?);
    }
    let Some(Once { card, used, personal }) = found else { return Ok(None) };
    let key = ask.ports().fresh_key();
    let approval = verified(ask, customer, Method { key, card: card.clone() }, personal.billing.clone()).await?;
    let body = PaymentMethod::free(ask.caller.live, card);
    let mut given = made(ask, (key, customer), body, approval.as_ref(), Some(&personal));
    given.beside.extend(used.map(|used| became(used, key)));
    Ok(Some(given))
}

async fn read(ask: &Ask<'_>, params: &Params, name: &'static str) -> Result<Once, ApiError> {
    if !params.is_object(name) {
        let id = params.needed(name, 255)?;
        return once(ask, &id, name).await;
    }
    let inner = params.object(name)?.ok_or_else(|| params.missing(name))?;
    inner.choice("object", &[("card", ())])?;
    let index = inner.integer(CARD_FIELD)?;
    let card = ask.card(index).ok_or_else(|| inner.missing("number"))?.facts.clone();
    let mut personal = MethodPersonal { billing: card_billing(&inner)?, ..MethodPersonal::default() };
    inner.metadata(&mut personal.metadata)?;
    inner.ignore(&["currency", "default_for_currency"]);
    inner.done()?;
    Ok(Once { card, used: None, personal })
}

/// A new method, a customer's from the start.
fn made(
    ask: &Ask<'_>,
    (key, customer): (Key, Key),
    body: PaymentMethod,
    approval: Option<&Approval>,
    personal: Option<&MethodPersonal>,
) -> Given {
    let personal = personal.map(|p| Personal { subject: customer, body: p.encode() });
    let (account, at) = (ask.account(), ask.now());
    let none = View { key, account, version: Version::NONE, at, body: body.known(approval), personal };
    Given { key, beside: vec![handed(&none, Hold::Customer(customer), at)] }
}

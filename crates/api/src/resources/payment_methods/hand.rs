//! Attach and detach: in whose hands a method is.

use super::{MethodView, choose::unusable, find, shape};
use crate::ask::{Answer, Ask, told};
use crate::error::ApiError;
use crate::look;
use crate::params::Params;
use florin_core::commit::EventKind;
use florin_core::id::{Key, Kind};
use florin_core::method::{Hold, MethodPersonal, PaymentMethod, Unusable};
use florin_core::record::{self, Change};

pub async fn attach(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let id = params.needed("customer", 255)?;
    params.done()?;
    let customer =
        crate::resources::customers::find(ask, &id, "customer").await.map_err(|e| ApiError { status: 400, ..e })?;
    if customer.body.deleted.is_some() {
        return Err(ApiError::missing_value("customer", &id, "customer"));
    }
    let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
    let (ports, account) = (ask.ports(), ask.account());
    if let Some(card) = super::choose::named(ask, ask.path_id(), "payment_method").await? {
        // A new method at each use of the name, and a customer's from the start.
        let key = ports.fresh_key();
        let body = PaymentMethod { live: ask.caller.live, card, hold: Hold::Customer(customer.key) };
        let change = Change::to(body, EventKind::MethodAttached)
            .personal(customer.key, &MethodPersonal::default())
            .index(customer.key, Kind::Method, key);
        let made = record::make(ports, account, key, change, ask.claim.as_ref(), &render).await?;
        return told(made, |view| shape(ask.look(), view));
    }
    let view = find(ask, ask.path_id(), "payment_method").await?;
    match view.body.hold {
        Hold::Free => {}
        Hold::Customer(of) if of == customer.key => return Ok(Answer::ok(shape(ask.look(), &view))),
        Hold::Customer(_) => {
            let message = "The payment method you provided is already attached to a customer.";
            return Err(ApiError::invalid(message).code("payment_method_unexpected_state"));
        }
        Hold::UsedBy(_) => return Err(unusable(Unusable::UsedBefore)),
        Hold::Detached => return Err(unusable(Unusable::Detached)),
    }
    let done = hand(ask, view.key, customer.key, |hold| hold == Hold::Free, ask.claim.is_some()).await?;
    told(done, |view| shape(ask.look(), view))
}

/// Gives a method to a customer if `may` says so of the hand that it is in.
async fn hand(
    ask: &Ask<'_>,
    key: Key,
    customer: Key,
    may: impl Fn(Hold) -> bool + Sync,
    claim: bool,
) -> Result<florin_core::flow::Done<MethodView>, ApiError> {
    let decide = |from: &MethodView| {
        if !may(from.body.hold) {
            return Err(florin_core::refusal::Refusal::Contended);
        }
        let body = PaymentMethod { hold: Hold::Customer(customer), ..from.body.clone() };
        let mut change = Change::to(body, EventKind::MethodAttached).index(customer, Kind::Method, key);
        change.personal = from.personal.clone();
        Ok(change)
    };
    let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
    let claim = ask.claim.as_ref().filter(|_| claim);
    Ok(record::change(ask.ports(), ask.account(), key, claim, &decide, &render).await?)
}

/// After a payment or setup that was to keep its card: the customer has it from now on.
pub async fn keep(ask: &Ask<'_>, key: Key, by: Key, customer: Key) -> Result<(), ApiError> {
    match hand(ask, key, customer, |hold| hold == Hold::UsedBy(by), false).await {
        Ok(_) => Ok(()),
        // The customer has it already.
        Err(error) if error.status == 429 => Ok(()),
        Err(error) => Err(error),
    }
}

pub async fn detach(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id(), "payment_method").await?;
    if view.body.customer().is_none() {
        let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(ApiError::invalid(message).code("payment_method_unexpected_state"));
    }
    let decide = |from: &MethodView| {
        let body = PaymentMethod { hold: Hold::Detached, ..from.body.clone() };
        let mut change = Change::to(body, EventKind::MethodDetached);
        change.personal = from.personal.clone();
        Ok(change)
    };
    let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
    let (ports, account) = (ask.ports(), ask.account());
    let done = record::change(ports, account, view.key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

//! Attach and detach: in whose hands a method is.

use super::verified::verified;
use super::{MethodView, choose::unusable, find, shape};
use crate::ask::{Answer, Ask, told};
use crate::error::ApiError;
use crate::look;
use crate::params::Params;
use florin_core::commit::{EventKind, Personal};
use florin_core::customer::{self, Customer};
use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::method::{Hold, MethodPersonal, PaymentMethod, Unusable};
use florin_core::payment::Method;
use florin_core::record::{self, Change};
use florin_core::refusal::Refusal;

/// The issuer is asked before a card goes to a customer, unless it was set up already.
pub async fn attach(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let id = params.needed("customer", 255)?;
    params.done()?;
    let customer = crate::resources::customers::find(ask, &id, "customer").await.map_err(ApiError::of_a_parameter)?;
    if customer.body.deleted.is_some() {
        return Err(ApiError::missing_value("customer", &id, "customer"));
    }
    let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
    let (ports, account) = (ask.ports(), ask.account());
    if let Some(card) = super::choose::named(ask, ask.path_id(), "payment_method").await? {
        // A new method at each use of the name, and a customer's from the start.
        let key = ports.fresh_key();
        let method = Method { key, card: card.clone() };
        let approval = verified(ask, customer.key, method, Default::default()).await?;
        let free = PaymentMethod::free(ask.caller.live, card).known(approval.as_ref());
        let body = PaymentMethod { hold: Hold::Customer(customer.key), ..free };
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
    hand(ask, &view, customer.key).await
}

/// Gives a free method to a customer.
async fn hand(ask: &Ask<'_>, view: &MethodView, customer: Key) -> Result<Answer, ApiError> {
    let key = view.key;
    let approval = match view.body.is_verified() {
        true => None,
        false => {
            let personal: MethodPersonal = view.personal()?;
            let method = Method { key, card: view.body.card.clone() };
            verified(ask, customer, method, personal.billing).await?
        }
    };
    let decide = |from: &MethodView| {
        if from.body.hold != Hold::Free {
            return Err(Refusal::Contended);
        }
        let known = from.body.clone().known(approval.as_ref());
        let body = PaymentMethod { hold: Hold::Customer(customer), ..known };
        let mut change = Change::to(body, EventKind::MethodAttached).index(customer, Kind::Method, key);
        change.personal = from.personal.as_ref().map(|p| Personal { subject: customer, body: p.body.clone() });
        Ok(change)
    };
    let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), key, ask.claim.as_ref(), &decide, &render).await?;
    told(done, |view| shape(ask.look(), view))
}

/// A default card that leaves its customer is no default any more.
pub async fn detach(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id(), "payment_method").await?;
        let Some(holder) = view.body.customer() else {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(ApiError::invalid(message).code("payment_method_unexpected_state"));
        };
        let customer: View<Customer> = flow::load(ask.store(), ask.account(), Kind::Customer, holder).await?;
        let beside = customer::without(&customer, view.key, ask.now());
        let decide = |from: &MethodView| {
            if from.body.hold != view.body.hold {
                return Err(Refusal::Contended);
            }
            let body = PaymentMethod { hold: Hold::Detached, ..from.body.clone() };
            let mut change = Change::to(body, EventKind::MethodDetached);
            change.personal = from.personal.clone();
            change.beside = beside.iter().cloned().collect();
            Ok(change)
        };
        let render = |view: &MethodView| look::stored(200, &shape(ask.look(), view));
        let (ports, account) = (ask.ports(), ask.account());
        match record::change(ports, account, view.key, ask.claim.as_ref(), &decide, &render).await {
            Ok(done) => return told(done, |view| shape(ask.look(), view)),
            // The card or its customer changed meanwhile: look at both anew.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

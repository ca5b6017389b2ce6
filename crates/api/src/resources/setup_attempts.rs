//! `/v1/setup_attempts`: each time that a card's issuer was asked for a setup intent.

use super::setup_intents::{self, error_of};
use crate::ask::{Answer, Ask};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::Look;
use crate::params::Params;
use crate::resources::{charges, payment_methods};
use florin_core::attempt::{Attempt, State};
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::payment::PaymentError;
use florin_core::setup::{Setup, SetupPersonal, SetupStage, SetupView};
use florin_core::store::Query;
use serde_json::{Value, json};

/// Stripe's word for where an attempt stands, and why it failed if it did.
fn status(setup: &Setup, attempt: &Attempt) -> (&'static str, Option<PaymentError>) {
    if setup.stage == (SetupStage::RequiresAction { authentication: attempt.key }) {
        return ("requires_action", None);
    }
    match &attempt.state {
        State::Sent | State::Reversing { .. } | State::Repeating { .. } => ("processing", None),
        State::Approved { .. } => ("succeeded", None),
        State::Declined { decline, .. } => ("failed", Some(PaymentError::Declined(*decline))),
        State::NotSent { why, .. } => ("failed", Some(PaymentError::NotSent(*why))),
        State::Unanswered { .. } | State::Reversed { .. } => ("failed", Some(PaymentError::Unanswered)),
    }
}

pub fn shape(look: &Look, view: &SetupView, attempt: &Attempt) -> Value {
    let (setup, personal) = (&view.body, view.personal::<SetupPersonal>().unwrap_or_default());
    let (status, error) = status(setup, attempt);
    let method = setup.method_of(attempt.card);
    let checks = attempt.approval().map(|approval| charges::checks(&approval.checks, false));
    let card = method.map(|method| {
        let card = &method.card;
        json!({
            "brand": card.network.as_str(),
            "checks": checks,
            "country": payment_methods::country(card),
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": payment_methods::fingerprint(card),
            "funding": payment_methods::funding(card),
            "last4": card.last4_text(),
            "network": card.network.as_str(),
            "three_d_secure": attempt.proof.and_then(|proof| charges::proven(setup.authentication(proof.authentication)?)),
            "wallet": null,
        })
    });
    json!({
        "id": look.id(Kind::Attempt, attempt.key),
        "object": "setup_attempt",
        "application": null,
        "created": attempt.key.time().seconds(),
        "customer": setup.customer.map(|c| look.id(Kind::Customer, c)),
        "customer_account": null,
        "flow_directions": null,
        "livemode": setup.live,
        "on_behalf_of": null,
        "payment_method": method.map(|m| look.id(Kind::Method, m.key)),
        "payment_method_details": { "card": card, "type": "card" },
        "setup_error": error.map(|error| error_of(look, setup.live, &error, method, &personal)),
        "setup_intent": look.id(Kind::Setup, view.key),
        "status": status,
        "usage": setup.usage.as_str(),
    })
}

/// The attempt behind an id, for `expand`.
pub async fn find(ask: &Ask<'_>, id: &str) -> Result<(SetupView, Attempt), ApiError> {
    let missing = || ApiError::missing(noun(Kind::Attempt), id, "id");
    let key = ask.look().key(Kind::Attempt, id).ok_or_else(missing)?;
    let query = Query::Holder { under: ask.account(), kind: Kind::Attempt, key };
    let row = ask.store().find(query).await?.rows().into_iter().next().ok_or_else(missing)?;
    let view: SetupView = flow::read(&row)?;
    let attempt = view.body.attempt(key).cloned().ok_or_else(missing)?;
    Ok((view, attempt))
}

/// Of one setup intent, which must be named; newest first.
pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Attempt)?;
    let id = params.needed("setup_intent", 255)?;
    params.done()?;
    let found = setup_intents::find(ask, &id).await;
    let view = found.map_err(|e| e.of_a_parameter().param("setup_intent"))?;
    let mut collector = list::Collector::new(page);
    let start: Option<Key> = collector.start();
    for attempt in view.body.attempts.iter().rev().filter(|a| start.is_none_or(|s| a.key < s)) {
        if collector.over(attempt.key) {
            break;
        }
        if collector.wants(attempt.key) && !collector.push(shape(ask.look(), &view, attempt)) {
            break;
        }
    }
    Ok(list::answer("/v1/setup_attempts", collector.done()))
}

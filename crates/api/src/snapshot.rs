//! An event as clients see it: the thing as it was, what differs from before, the request behind it. Knows no caller.

use crate::error::ApiError;
use crate::list;
use crate::look::Look;
use crate::resources::{
    charges, customers, orphans, payment_intents, payment_methods, prices, products, refunds, settlement, setup_intents,
};
use crate::version::ApiVersion;
use florin_core::commit::{EventKind, Row, Version};
use florin_core::flow;
use florin_core::id::Kind;
use florin_core::mutants::{Mutant, planted};
use florin_core::payment::{Payment, PaymentView, Stage};
use florin_core::refund::{Refund, RefundStage, RefundView};
use florin_core::store::{Query, SequencedEvent, Step, Store};
use serde_json::{Map, Value, json};

/// Where snapshots are read.
#[derive(Clone, Copy)]
pub struct Album<'a> {
    pub store: &'a dyn Store,
    pub look: &'a Look,
}

/// An event as a version shows it, without what only its reader knows: `pending_webhooks`.
pub struct Snapshot {
    pub live: bool,
    body: Map<String, Value>,
}

impl Snapshot {
    /// `pending` endpoints are still to be told.
    pub fn shown(mut self, pending: u32) -> Value {
        self.body.insert("pending_webhooks".into(), json!(pending));
        Value::Object(self.body)
    }
}

impl Album<'_> {
    /// None when the thing is one that the API does not show.
    pub async fn event(&self, event: &SequencedEvent, version: &str) -> Result<Option<Snapshot>, ApiError> {
        let told = &event.stored.event;
        if !told.kind.is_public() {
            return Ok(None);
        }
        let Some(Step { row, origin }) = self.step(told.cause, told.version).await? else { return Ok(None) };
        let kind = told.kind;
        // What is deleted is shown as it was.
        let gone = matches!(kind, EventKind::CustomerDeleted | EventKind::ProductDeleted);
        let differs = kind.as_str().ends_with(".updated");
        let before = match told.version.0.checked_sub(1).filter(|n| *n > 0 && (gone || differs)) {
            Some(n) => self.step(told.cause, Version(n)).await?.map(|step| step.row),
            None => None,
        };
        let shown = if gone { before.as_ref().unwrap_or(&row) } else { &row };
        let Some(mut object) = self.object(kind, shown).await? else { return Ok(None) };
        let mut data = Map::new();
        if let Some(previous) = self.previous(kind, &row, before.as_ref(), &object).await? {
            data.insert("previous_attributes".into(), previous);
        }
        let lists = || ApiVersion::parse(Some(version)).is_ok_and(|version| version.lists_charges());
        if let Some(intent) =
            object.as_object_mut().filter(|map| map.get("object").is_some_and(|of| of == "payment_intent"))
            && lists()
        {
            intent.insert("charges".into(), listed(self.look, &flow::read(shown)?));
        }
        let live = object.get("livemode").and_then(Value::as_bool).unwrap_or(false);
        data.insert("object".into(), object);
        let request = json!({
            "id": origin.as_ref().map(|o| o.request.clone()),
            "idempotency_key": origin.and_then(|o| o.idempotency_key),
        });
        let body = json!({
            "id": self.look.id(Kind::Event, told.id),
            "object": "event",
            "api_version": version,
            "created": row.at.seconds(),
            "data": data,
            "livemode": live,
            "request": request,
            "sequence": event.link.sequence,
            "type": kind.as_str(),
        });
        match body {
            Value::Object(body) => Ok(Some(Snapshot { live, body })),
            _ => Ok(None),
        }
    }

    async fn step(&self, key: florin_core::id::Key, version: Version) -> Result<Option<Step>, ApiError> {
        Ok(self.store.find(Query::Step { key, version }).await?.step())
    }

    /// What differs, as it was.
    async fn previous(
        &self,
        kind: EventKind,
        row: &Row,
        before: Option<&Row>,
        object: &Value,
    ) -> Result<Option<Value>, ApiError> {
        if kind == EventKind::RefundSucceeded {
            let refund: RefundView = flow::read(row)?;
            let was = self.charge_with(&refund, false).await?;
            return Ok(was.map(|was| differences(&was, object)));
        }
        let Some(before) = before.filter(|_| kind.as_str().ends_with(".updated")) else { return Ok(None) };
        if kind == EventKind::ChargeUpdated && settles(before, row)? {
            // The money's way into the balance is told a moment after the charge.
            return Ok(Some(json!({ "balance_transaction": null })));
        }
        Ok(self.object(kind, before).await?.map(|was| differences(&was, object)))
    }

    #[allow(clippy::wildcard_enum_match_arm)]
    async fn object(&self, kind: EventKind, row: &Row) -> Result<Option<Value>, ApiError> {
        let look = self.look;
        Ok(match row.kind {
            Kind::Payment => payment(look, kind, flow::read(row)?),
            Kind::Refund => {
                let view: RefundView = flow::read(row)?;
                match kind {
                    EventKind::RefundSucceeded => self.charge_with(&view, true).await?,
                    _ => Some(refunds::shape(look, &view)),
                }
            }
            Kind::Customer => Some(customers::shape(look, &flow::read(row)?)),
            Kind::Method => Some(payment_methods::shape(look, &flow::read(row)?)),
            Kind::Setup => Some(setup_intents::shape(look, &flow::read(row)?)),
            Kind::Product => Some(products::shape(look, &flow::read(row)?)),
            Kind::Price => Some(prices::shape(look, &flow::read(row)?)),
            Kind::Settlement => Some(settlement::balance_after(&flow::read(row)?)),
            Kind::Orphan => Some(orphans::shape(look, &flow::read(row)?)),
            _ => None,
        })
    }

    /// The charge as it was when this refund succeeded: with its money given back, or just before.
    async fn charge_with(&self, refund: &RefundView, itself: bool) -> Result<Option<Value>, ApiError> {
        let history = self.store.find(Query::History { key: refund.body.payment, limit: 1_000 }).await?.rows();
        let views: Vec<PaymentView> = history.iter().map(flow::read).collect::<Result<_, _>>()?;
        // Nothing is given back before it was taken. Of the steps since, times say which: unless the clock was set back between.
        let mut paid = views.into_iter().filter(|view| view.body.received() > 0).peekable();
        let Some(mut payment) = paid.next().filter(|view| view.at <= refund.at || !planted(Mutant::EventByClock))
        else {
            return Ok(None);
        };
        while let Some(next) = paid.next_if(|view| view.at <= refund.at) {
            payment = next;
        }
        let Some(attempt) = payment.body.attempt(refund.body.charge) else { return Ok(None) };
        let query = Query::List { under: payment.key, kind: Kind::Refund, before: None, limit: 1_000 };
        let mut given_back = 0;
        for row in self.store.find(query).await?.rows() {
            let other: RefundView = flow::read::<Refund>(&row)?;
            given_back += match other.body.stage {
                _ if other.key == refund.key => i64::from(itself) * refund.body.money.minor,
                RefundStage::Succeeded { at } if at <= refund.at => other.body.money.minor,
                RefundStage::Succeeded { .. } | RefundStage::Pending | RefundStage::Failed { .. } => 0,
            };
        }
        Ok(Some(charges::shape(self.look, &payment, attempt, given_back)))
    }
}

#[allow(clippy::wildcard_enum_match_arm)]
fn payment(look: &Look, kind: EventKind, mut view: PaymentView) -> Option<Value> {
    let confirmed = !view.body.attempts.is_empty() || !view.body.authentications.is_empty();
    if kind == EventKind::PaymentCreated && confirmed {
        // Made and confirmed in one commit: as it was made.
        view.body.attempts.clear();
        view.body.authentications.clear();
        view.body.stage = Stage::RequiresConfirmation;
    }
    let charge = || {
        let attempt = view.body.attempts.iter().rev().find(|a| view.body.is_charge(a))?;
        Some(charges::shape(look, &view, attempt, 0))
    };
    match kind {
        EventKind::ChargeSucceeded => {
            let mut shown = charge()?;
            if let Some(map) = shown.as_object_mut() {
                // It follows with `charge.updated`.
                map.insert("balance_transaction".into(), Value::Null);
            }
            Some(shown)
        }
        EventKind::ChargeFailed | EventKind::ChargeCaptured | EventKind::ChargeExpired | EventKind::ChargeUpdated => {
            charge()
        }
        _ => Some(payment_intents::shape(look, &view)),
    }
}

/// The charges of an intent, newest first, as older versions list them.
fn listed(look: &Look, view: &PaymentView) -> Value {
    let charges = view.body.attempts.iter().rev().filter(|a| view.body.is_charge(a)).take(list::DEFAULT_LIMIT);
    let data = charges.map(|attempt| charges::shape(look, view, attempt, 0)).collect();
    list::body(&format!("/v1/charges?payment_intent={}", look.id(Kind::Payment, view.key)), (data, false))
}

/// Whether this step is the one in which the payment succeeded.
fn settles(before: &Row, row: &Row) -> Result<bool, ApiError> {
    let received = |row: &Row| flow::read::<Payment>(row).map(|p| p.body.received());
    Ok(received(before)? == 0 && received(row)? > 0)
}

fn differences(was: &Value, is: &Value) -> Value {
    let Some(was) = was.as_object() else { return json!({}) };
    let differs = was.iter().filter(|(name, value)| is.get(name.as_str()) != Some(value));
    Value::Object(differs.map(|(n, v)| (n.clone(), v.clone())).collect())
}

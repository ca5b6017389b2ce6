//! Everything that is kept about one customer, in the shapes of the API: for the answer that a person has a right to (GDPR 15 and 20).

use crate::error::ApiError;
use crate::look::Look;
use crate::resources::{charges, consents, customers, payment_intents, payment_methods, refunds, setup_intents};
use florin_core::commit::Row;
use florin_core::customer::Customer;
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::payment::PaymentView;
use florin_core::refund::RefundView;
use florin_core::store::{Query, Store};
use serde_json::{Value, json};

/// Rows read at a time.
const AT_ONCE: u32 = 1_000;
/// Versions of the customer itself that are told; older ones are the same fields with older values.
const VERSIONS: u32 = 1_000;

/// `id` is of a customer of this account. Errors: there is none, or the store has trouble.
pub async fn of(store: &dyn Store, look: &Look, account: Key, id: &str) -> Result<Value, ApiError> {
    let missing = || ApiError::missing("customer", id, "id");
    let key = look.key(Kind::Customer, id).ok_or_else(missing)?;
    let view: View<Customer> = flow::load(store, account, Kind::Customer, key).await.map_err(|_| missing())?;
    let mut versions = Vec::new();
    for row in store.find(Query::History { key, limit: VERSIONS }).await?.rows() {
        let mut shown = customers::shape(look, &flow::read(&row)?);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("as_of".to_owned(), json!(row.at.seconds()));
        }
        versions.push(shown);
    }
    let (mut intents, mut paid, mut given_back) = (Vec::new(), Vec::new(), Vec::new());
    for row in under(store, key, Kind::Payment).await? {
        let payment: PaymentView = flow::read(&row)?;
        // It may be another's by now.
        if payment.body.customer != Some(key) {
            continue;
        }
        intents.push(payment_intents::shape(look, &payment));
        let attempts = payment.body.attempts.iter().filter(|attempt| payment.body.is_charge(attempt));
        paid.extend(attempts.map(|attempt| charges::shape(look, &payment, attempt, 0)));
        for row in under(store, payment.key, Kind::Refund).await? {
            let refund: RefundView = flow::read(&row)?;
            given_back.push(refunds::shape(look, &refund));
        }
    }
    let mut setups = Vec::new();
    for row in under(store, key, Kind::Setup).await? {
        setups.push(setup_intents::shape(look, &flow::read(&row)?));
    }
    let mut methods = Vec::new();
    for row in under(store, key, Kind::Method).await? {
        methods.push(payment_methods::shape(look, &flow::read(&row)?));
    }
    let mut agreed = Vec::new();
    for row in under(store, key, Kind::Consent).await? {
        agreed.push(consents::shape(look, &flow::read(&row)?));
    }
    Ok(json!({
        "object": "florin.customer_export",
        "customer": customers::shape(look, &view),
        "versions": versions,
        "consents": agreed,
        "payment_methods": methods,
        "payment_intents": intents,
        "charges": paid,
        "refunds": given_back,
        "setup_intents": setups,
    }))
}

/// All current rows of a kind under a parent, newest first.
async fn under(store: &dyn Store, parent: Key, kind: Kind) -> Result<Vec<Row>, ApiError> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let rows = store.find(Query::List { under: parent, kind, before, limit: AT_ONCE }).await?.rows();
        let last = rows.last().map(|row| row.key);
        let more = rows.len() >= AT_ONCE as usize;
        all.extend(rows);
        match last {
            Some(key) if more => before = Some(key),
            Some(_) | None => return Ok(all),
        }
    }
}

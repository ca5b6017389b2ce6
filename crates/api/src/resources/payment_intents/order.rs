//! `order_code` and `order`: what the merchant signed of a payment, checked here, before anything is charged. Knows no other parameter.

use crate::ask::Ask;
use crate::error::ApiError;
use crate::look::Look;
use crate::params::Params;
use florin_core::account;
use florin_core::commit::Beside;
use florin_core::flow::{self, Failure};
use florin_core::id::{Key, Kind};
use florin_core::money::Money;
use florin_core::order::{Buyer, LONGEST_CODE_MS, OrderKeyView, SignedOrder};
use florin_core::refusal::Refusal;
use florin_core::time::Time;
use florin_merchant::{Digest, Item, LONGEST_CODE_BYTES, LONGEST_TEXT_BYTES, Order, OrderCode, OrderKey, digest_of};
use serde_json::{Value, json};

/// Items of an order that are given one by one; more are given as their digest.
const MOST_ITEMS: usize = 100;
const LONGEST_NAME: usize = 1_000;

/// What a request says of an order: well formed, and not yet believed.
pub struct Given {
    code: OrderCode,
    id: String,
    items: Digest,
    customer: Option<String>,
}

/// Reads both parameters; one without the other is a mistake.
pub fn given(ask: &Ask<'_>, params: &Params) -> Result<Option<Given>, ApiError> {
    let code = params.text("order_code", LONGEST_CODE_BYTES)?;
    let order = params.object("order")?;
    let Some(order) = order else {
        return if code.is_some() { Err(params.missing("order")) } else { Ok(None) };
    };
    let id = order.needed("id", LONGEST_TEXT_BYTES)?;
    let customer = order.text("customer", LONGEST_TEXT_BYTES)?;
    let expires = order.integer("expires_at")?;
    let items = items(&order)?;
    order.done()?;
    let code = code.ok_or_else(|| params.missing("order_code"))?;
    if !ask.is_secret() {
        let message = "Signed orders are for your server, with the secret key: give them before the browser confirms.";
        return Err(params.bad("order_code", message).code("secret_key_required"));
    }
    let code = OrderCode::parse(&code).map_err(|bad| invalid(params, &format!("Not an order code: {bad}.")))?;
    if expires.is_some_and(|at| at != code.expires) {
        return Err(order.bad("expires_at", "The order's expiry is not the code's.").code("order_code_mismatch"));
    }
    Ok(Some(Given { code, id, items, customer }))
}

fn invalid(params: &Params, message: &str) -> ApiError {
    params.bad("order_code", message).code("order_code_invalid")
}

/// `items_digest`, or `items`, or both when they say the same.
fn items(order: &Params) -> Result<Digest, ApiError> {
    let told = order.text("items_digest", 64)?;
    let told = told
        .map(|text| Digest::parse(&text).map_err(|bad| order.bad("items_digest", format!("Invalid digest: {bad}."))))
        .transpose()?;
    let Some(list) = order.objects("items", MOST_ITEMS)? else {
        return told.ok_or_else(|| order.missing("items_digest"));
    };
    let mut read = vec![];
    for item in &list {
        let quantity = item.integer_within("quantity", 0, i64::MAX)?.ok_or_else(|| item.missing("quantity"))?;
        let amount = item.integer("unit_amount")?.ok_or_else(|| item.missing("unit_amount"))?;
        let name = item.text("name", LONGEST_NAME)?.unwrap_or_default();
        let sku = item.text("sku", LONGEST_TEXT_BYTES)?.unwrap_or_default();
        item.done()?;
        read.push((sku, name, quantity.unsigned_abs(), amount));
    }
    let items: Vec<Item<'_>> = read
        .iter()
        .map(|(sku, name, quantity, unit_amount)| Item { sku, name, quantity: *quantity, unit_amount: *unit_amount })
        .collect();
    let digest = digest_of(&items);
    match told {
        Some(told) if told != digest => {
            Err(order.bad("items", "The items are not those of items_digest.").code("order_code_mismatch"))
        }
        Some(_) | None => Ok(digest),
    }
}

impl Given {
    /// The order as it was signed, for a payment of this money and customer, and the row that gives the code to it.
    pub async fn checked(
        self,
        ask: &Ask<'_>,
        params: &Params,
        payment: Key,
        (money, customer): (Money, Option<Key>),
    ) -> Result<(SignedOrder, Option<Beside>), ApiError> {
        let now = ask.now();
        let key = self.key(ask, now).await?.ok_or_else(|| {
            invalid(params, "No order key of this account made this code, or the key has ended. Sign with a key of `florin order-keys`.")
        })?;
        let ours = customer.map(|key| ask.look().id(Kind::Customer, key));
        let named = self.customer.clone().or_else(|| ours.clone()).unwrap_or_default();
        let secret = OrderKey::new(&self.code.key, key.body.secret.reveal()).map_err(|_| ApiError::trouble())?;
        let signed = Order {
            id: &self.id,
            items: self.items,
            amount: money.minor,
            currency: money.currency.code(),
            customer: &named,
        };
        if !secret.is_mine(&self.code, &signed) {
            let message = "The order code was not made over this order: its id, items, amount, currency, customer or expiry differ.";
            return Err(params.bad("order_code", message).code("order_code_mismatch"));
        }
        let buyer = match (customer, ask.look().key(Kind::Customer, &named)) {
            (Some(customer), _) if ours.as_deref() == Some(named.as_str()) => Buyer::Customer(customer),
            (None, None) => Buyer::named(&named),
            // A name where the payment has a customer of ours, or another one, or one where it has none.
            (Some(_) | None, _) => return Err(Refusal::OrderMismatch { param: "customer" }.into()),
        };
        let expires = Time(self.code.expires.saturating_mul(1_000));
        if expires.since(now) > LONGEST_CODE_MS {
            return Err(invalid(params, "An order code holds for at most 31 days. Sign it with an earlier expiry."));
        }
        let OrderCode { nonce, mac, .. } = self.code;
        let order = SignedOrder { id: self.id, items: self.items.0, money, buyer, key: key.key, expires, nonce, mac };
        // What does not pay takes no place.
        order.pays(money, customer, now).map_err(ApiError::from)?;
        let place = order.take(ask.ports(), ask.account(), payment).await?;
        Ok((order, place))
    }

    async fn key(&self, ask: &Ask<'_>, now: Time) -> Result<Option<OrderKeyView>, ApiError> {
        let Some(key) = ask.look().key(Kind::OrderKey, &self.code.key) else { return Ok(None) };
        let found: Result<OrderKeyView, Failure> = flow::load(ask.store(), ask.account(), Kind::OrderKey, key).await;
        match found {
            Ok(view) if view.body.live == ask.caller.live && !view.body.is_over(now) => Ok(Some(view)),
            Ok(_) | Err(Failure::Refused(_)) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// Whether this key, or its account, confirms nothing without a signed order.
pub async fn required(ask: &Ask<'_>) -> Result<bool, ApiError> {
    Ok(ask.caller.rules.order_code || account::requires_order(ask.ports(), ask.account()).await?)
}

/// What a race for a code comes to: whoever lost it hears that the code is another payment's.
pub async fn lost(ask: &Ask<'_>, order: Option<&SignedOrder>, payment: Key, failure: Failure) -> ApiError {
    match (&failure, order) {
        (Failure::Refused(Refusal::Contended), Some(order)) => {
            match order.take(ask.ports(), ask.account(), payment).await {
                Err(reused) => reused.into(),
                Ok(_) => failure.into(),
            }
        }
        _ => failure.into(),
    }
}

/// The order as intents and charges show it.
pub fn shape(look: &Look, order: &SignedOrder) -> Value {
    let (expires, key) = (order.expires.seconds(), look.id(Kind::OrderKey, order.key));
    let customer = match order.buyer {
        Buyer::Customer(key) => Some(look.id(Kind::Customer, key)),
        Buyer::Nobody | Buyer::Named(_) => None,
    };
    let code = OrderCode { key, expires, nonce: order.nonce.clone(), mac: order.mac };
    json!({
        "id": order.id,
        "amount": order.money.minor,
        "code": code.to_string(),
        "currency": order.money.currency.code(),
        "customer": customer,
        "expires_at": expires,
        "items_digest": Digest(order.items).to_string(),
    })
}

//! The endpoints, one file a resource: strings become types here, or become an error that names the parameter.

pub mod abuse_decisions;
pub mod account;
pub mod balance;
pub mod charges;
pub mod confirmation_tokens;
pub mod consents;
pub mod customers;
pub mod deliveries;
pub mod events;
pub mod journeys;
pub mod orphans;
pub mod payment_intents;
pub mod payment_method_domains;
pub mod payment_methods;
pub mod prices;
pub mod products;
pub mod refunds;
pub mod request_logs;
pub mod settlement;
pub mod setup_attempts;
pub mod setup_intents;
pub mod sources;
pub mod stripecli;
pub mod threeds;
pub mod tokens;
pub mod webhook_endpoints;

use crate::error::ApiError;
use crate::params::{Params, Patch};
use florin_core::payment::{Address, Contact};
use serde_json::{Map, Value, json};

pub fn metadata(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(n, v)| (n.clone(), json!(v))).collect::<Map<_, _>>())
}

pub fn address(address: &Address) -> Value {
    json!({
        "city": address.city, "country": address.country, "line1": address.line1, "line2": address.line2,
        "postal_code": address.postal_code, "state": address.state,
    })
}

pub fn billing(contact: Option<&Contact>) -> Value {
    let contact = contact.cloned().unwrap_or_default();
    json!({
        "address": address(&contact.address.unwrap_or_default()), "email": contact.email, "name": contact.name,
        "phone": contact.phone, "tax_id": null,
    })
}

/// The address fields of a card as older clients write them, in a token or a source.
pub fn card_billing(inner: &Params) -> Result<Contact, ApiError> {
    let text = |name| inner.patch(name, 500).map(Patch::value);
    let address = Address {
        city: text("address_city")?,
        country: text("address_country")?,
        line1: text("address_line1")?,
        line2: text("address_line2")?,
        postal_code: text("address_zip")?,
        state: text("address_state")?,
    };
    Ok(Contact { name: text("name")?, address: Some(address), ..Contact::default() })
}

pub fn shipping(contact: Option<&Contact>) -> Value {
    let Some(contact) = contact else { return Value::Null };
    json!({
        "address": address(&contact.address.clone().unwrap_or_default()), "carrier": contact.carrier, "name": contact.name,
        "phone": contact.phone, "tracking_number": contact.tracking_number,
    })
}

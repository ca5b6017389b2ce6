//! `/v1/account`: the merchant whose key asks.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::params::Params;
use florin_core::id::Kind;
use serde_json::json;

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(json!({
        "id": ask.look().id(Kind::Account, ask.account()),
        "object": "account",
        "business_profile": null,
        "capabilities": { "card_payments": "active" },
        "charges_enabled": true,
        "country": "NL",
        "created": ask.account().time().seconds(),
        "default_currency": "eur",
        "details_submitted": true,
        "email": null,
        "metadata": {},
        "payouts_enabled": false,
        "settings": null,
        "type": "standard",
    })))
}

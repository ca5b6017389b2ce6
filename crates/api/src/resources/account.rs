//! `/v1/account`: the merchant whose key asks.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, ErrorType};
use crate::params::Params;
use florin_core::account;
use florin_core::id::Kind;
use serde_json::{Value, json};

/// What cardholders read on their statements when the payment says nothing.
pub const STATEMENT_PREFIX: &str = "FLORIN";

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(shape(ask).await?))
}

/// The same under its id: other accounts are nobody's affair.
pub async fn retrieve_by_id(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let id = ask.path_id();
    if ask.look().key(Kind::Account, id) == Some(ask.account()) {
        return Ok(Answer::ok(shape(ask).await?));
    }
    let shown: String = id.chars().take(100).collect();
    let message =
        format!("The provided key does not have access to account '{shown}' (or that account does not exist).");
    Err(ApiError::new(403, ErrorType::InvalidRequest, message).code("account_invalid"))
}

async fn shape(ask: &Ask<'_>) -> Result<Value, ApiError> {
    let account = account::load(ask.ports(), ask.account()).await?.body;
    Ok(json!({
        "id": ask.look().id(Kind::Account, ask.account()),
        "object": "account",
        "business_profile": {
            "mcc": null, "minority_owned_business_designation": null, "name": null, "product_description": null,
            "specified_commercial_transactions_act_url": null, "support_address": null, "support_email": null,
            "support_phone": null, "support_url": null, "url": null,
        },
        "business_type": null,
        "capabilities": { "card_payments": "active" },
        "charges_enabled": true,
        "controller": { "type": "account" },
        "country": account.country_text(),
        "created": ask.account().time().seconds(),
        "default_currency": account.currency.code(),
        "details_submitted": true,
        "email": null,
        "future_requirements": nothing_due(),
        "metadata": {},
        "payouts_enabled": false,
        "requirements": nothing_due(),
        "settings": settings(),
        "type": "standard",
    }))
}

fn nothing_due() -> Value {
    json!({
        "alternatives": [], "current_deadline": null, "currently_due": [], "disabled_reason": null, "errors": [],
        "eventually_due": [], "past_due": [], "pending_verification": [],
    })
}

fn settings() -> Value {
    json!({
        "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
        "card_payments": {
            "decline_on": { "avs_failure": false, "cvc_failure": false },
            "statement_descriptor_prefix": STATEMENT_PREFIX,
            "statement_descriptor_prefix_kana": null,
            "statement_descriptor_prefix_kanji": null,
        },
        "dashboard": { "display_name": null, "timezone": "Etc/UTC" },
        "payments": {
            "statement_descriptor": STATEMENT_PREFIX,
            "statement_descriptor_kana": null,
            "statement_descriptor_kanji": null,
            "statement_descriptor_prefix_kana": null,
            "statement_descriptor_prefix_kanji": null,
        },
    })
}

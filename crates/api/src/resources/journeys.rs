//! `/v1/florin/payments/{}/journey` and the same for refunds: a link that opens the thing's journey in a browser for a day.
//! Knows no page.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, ErrorType};
use crate::params::Params;
use crate::resources::{payment_intents, refunds};
use florin_core::id::{Key, Kind};
use serde_json::json;

pub async fn of_payment(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = payment_intents::find(ask, ask.path_id()).await?;
    link(ask, Kind::Payment, view.key)
}

pub async fn of_refund(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = refunds::find(ask, ask.path_id()).await?;
    link(ask, Kind::Refund, view.key)
}

fn link(ask: &Ask<'_>, kind: Kind, key: Key) -> Result<Answer, ApiError> {
    let none = || {
        let message = "This installation serves no dashboard, so there is no page to open. Set dashboard.address.";
        ApiError::new(404, ErrorType::InvalidRequest, message).code("dashboard_not_served")
    };
    let made = ask.api.house.journey(ask.account(), kind, key).ok_or_else(none)?;
    Ok(Answer::ok(json!({
        "object": "florin.journey_link",
        "expires_at": made.expires.seconds(),
        "livemode": ask.caller.live,
        "subject": ask.look().id(kind, key),
        "url": made.url,
    })))
}

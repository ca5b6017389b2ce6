//! `/v1/florin/request_logs`: the account's requests, found again by id, status or method. Florin's own: Stripe shows these on its
//! dashboard.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::list::{self, DEFAULT_LIMIT, LARGEST_LIMIT};
use crate::look::Look;
use crate::params::Params;
use florin_core::id::Kind;
use florin_core::request_log::{Entry, Find, Placed};
use florin_core::time::Time;
use serde_json::{Value, json};

const URL: &str = "/v1/florin/request_logs";

/// An entry as people and programs see it.
pub fn shape(look: &Look, e: &Entry) -> Value {
    let hex = |bytes: &[u8; 16]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let error = e.error_type.as_ref().map(|kind| json!({ "type": kind, "code": e.error_code, "param": e.error_param }));
    json!({
        "id": e.id,
        "object": "florin.request_log",
        "api_key": { "id": e.key.map(|k| look.id(Kind::ApiKey, k)), "last4": e.key_tail },
        "api_version": e.version,
        "created": e.at.seconds(),
        "duration_ms": e.took_ms,
        "error": error,
        "idempotency_key_hash": e.idempotency.as_ref().map(hex),
        "livemode": e.live,
        "method": e.method,
        "path": e.path,
        "replayed": e.replayed,
        "status": e.status,
    })
}

/// `404`, or `4xx` for all of a hundred.
fn status(params: &Params) -> Result<Option<(u16, u16)>, ApiError> {
    let Some(text) = params.text("status", 3)? else { return Ok(None) };
    let bad = || params.bad("status", "Invalid status: give one such as 404, or 4xx for all of its kind.");
    let number = text.strip_suffix("xx").map_or_else(|| text.clone(), |hundred| format!("{hundred}00"));
    let from = number.parse::<u16>().ok().filter(|n| (100..=599).contains(n)).ok_or_else(bad)?;
    Ok(Some((from, if text.ends_with("xx") { from + 99 } else { from })))
}

async fn place(ask: &Ask<'_>, params: &Params, name: &'static str) -> Result<Option<i64>, ApiError> {
    let Some(id) = params.text(name, 255)? else { return Ok(None) };
    let found = by_id(ask, &id).await?.ok_or_else(|| ApiError::missing_value("request", &id, name))?;
    Ok(Some(found.0))
}

async fn by_id(ask: &Ask<'_>, id: &str) -> Result<Option<Placed>, ApiError> {
    let find = Find { id: Some(id.to_owned()), ..Find::newest(ask.account(), 1) };
    Ok(ask.api.house.requests().find(find).await?.pop())
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let limit = params.integer_within("limit", 1, LARGEST_LIMIT as i64)?.and_then(|n| usize::try_from(n).ok());
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let created = list::created(params)?;
    let status = status(params)?;
    let method = params.choice("method", &["GET", "POST", "DELETE"].map(|m| (m, m)))?;
    let id = params.text("request_id", 255)?;
    let (after, before) = (place(ask, params, "starting_after").await?, place(ask, params, "ending_before").await?);
    params.done()?;
    if after.is_some() && before.is_some() {
        let message = "You cannot parameterize both starting_after and ending_before.";
        return Err(ApiError::invalid(message).param("starting_after"));
    }
    let find = Find {
        account: ask.account(),
        id,
        status,
        method: method.map(str::to_owned),
        from: Time(created.from.saturating_mul(1_000)),
        to: Time(created.to.saturating_mul(1_000).saturating_add(999)),
        after,
        before,
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let mut found = ask.api.house.requests().find(find).await?;
    let more = found.len() > limit;
    if more && before.is_some() {
        found.remove(0);
    }
    let data = found.iter().take(limit).map(|(_, entry)| shape(ask.look(), entry)).collect();
    Ok(list::answer(URL, (data, more)))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let id = ask.path_id();
    let found = by_id(ask, id).await?.ok_or_else(|| ApiError::missing("request", id, "id"))?;
    Ok(Answer::ok(shape(ask.look(), &found.1)))
}

//! `/v1/florin/abuse_decisions`: what the defence against card testing asked more of, and refused. Florin's own: Stripe shows such on its
//! dashboard. Addresses and cards are keyed hashes: equal ones are the same, and nobody's.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::list::{self, DEFAULT_LIMIT, LARGEST_LIMIT};
use crate::look::Look;
use crate::params::Params;
use florin_core::abuse_log::Entry;
use florin_core::id::{Key, Kind};
use serde_json::{Value, json};

const URL: &str = "/v1/florin/abuse_decisions";

/// An entry as people and programs see it.
pub fn shape(look: &Look, e: &Entry) -> Value {
    let hex = |bytes: &[u8; 8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let id = |key: Key, kind: Kind| look.id(kind, key);
    let [address, card, intent] = e.declines;
    json!({
        "object": "florin.abuse_decision",
        "action": e.measure.as_str(),
        "address": e.address.as_ref().map(hex),
        "card": e.card.as_ref().map(hex),
        "created": e.at.seconds(),
        "declines": { "address": address, "card": card, "intent": intent },
        "livemode": e.live,
        "payment_intent": e.intent.filter(|_| !e.setup).map(|key| id(key, Kind::Payment)),
        "reason": e.reason.as_str(),
        "request": e.request,
        "setup_intent": e.intent.filter(|_| e.setup).map(|key| id(key, Kind::Setup)),
    })
}

/// The newest; those of one day are many only while somebody tests cards.
pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let limit = params.integer_within("limit", 1, LARGEST_LIMIT as i64)?.and_then(|n| usize::try_from(n).ok());
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    params.done()?;
    let wanted = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let found = match ask.api.house.abuse() {
        Some(log) => log.find(ask.account(), None, wanted).await?,
        None => vec![],
    };
    let data = found.iter().take(limit).map(|(_, entry)| shape(ask.look(), entry)).collect();
    Ok(list::answer(URL, (data, found.len() > limit)))
}

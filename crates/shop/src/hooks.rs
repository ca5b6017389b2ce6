//! The shop's endpoint at the gateway: made once, kept at the shop's present address, its secret sealed.

use crate::Fail;
use crate::db::Db;
use crate::db::meta::{self, Secret};
use crate::florin::{Florin, Trouble};
use crate::seal::Keys;
use serde_json::Value;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What the shop wants to be told of.
const EVENTS: &[&str] = &[
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.canceled",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
];

/// The endpoint's id and secret.
struct Endpoint {
    id: String,
    secret: Zeroizing<String>,
}

async fn read(db: &Db, keys: &Arc<Keys>) -> Result<Option<Endpoint>, Fail> {
    let keys = Arc::clone(keys);
    let kept = db.run(move |tx| meta::read(tx, &keys, Secret::Endpoint)).await?;
    Ok(kept.and_then(|kept| {
        let (id, secret) = kept.split_once(' ')?;
        Some(Endpoint { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }))
}

/// These fields, and the events that the shop wants.
fn wanted<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().chain(EVENTS.iter().map(|event| ("enabled_events[]", *event))).collect()
}

fn tells_all(endpoint: &Value) -> bool {
    let told = endpoint["enabled_events"].as_array();
    told.is_some_and(|told| EVENTS.iter().all(|event| told.iter().any(|t| t == event)))
}

/// Sees to it that the gateway tells this address. Gives the secret that it signs with.
pub async fn ensure(db: &Db, keys: &Arc<Keys>, florin: &Florin, url: &str) -> Result<Zeroizing<String>, Fail> {
    let failed = |trouble: &Trouble| {
        Fail::new("shop_endpoint", format!("the gateway takes no webhook endpoint of the shop ({})", trouble.code()))
    };
    let known = read(db, keys).await?;
    let first = known.is_none();
    if let Some(known) = known {
        let path = format!("/v1/webhook_endpoints/{}", known.id);
        match florin.get(&path).await {
            Ok(there) if there["url"] == url && there["status"] == "enabled" && tells_all(&there) => {
                return Ok(known.secret);
            }
            Ok(_) => {
                let key = format!("shop-endpoint-{}-{}", known.id, crate::seal::random_id()?);
                let moved = florin.post(&path, &wanted(&[("url", url), ("disabled", "false")]), &key).await;
                return moved.map(|_| known.secret).map_err(|trouble| failed(&trouble));
            }
            // It was deleted: another one is made.
            Err(Trouble::Refused { status: 404, .. }) => {}
            Err(trouble) => return Err(failed(&trouble)),
        }
    }
    let fields = wanted(&[("url", url), ("description", "The shop's orders")]);
    // Asked again after a crash, it is the same endpoint with the same secret.
    let key = format!("shop-endpoint-{}", db.run(meta::identity).await?);
    let key = if first { key } else { format!("{key}-{}", crate::seal::random_id()?) };
    let made = florin.post("/v1/webhook_endpoints", &fields, &key).await.map_err(|trouble| failed(&trouble))?;
    let (Some(id), Some(secret)) = (made["id"].as_str(), made["secret"].as_str()) else {
        return Err(failed(&Trouble::Unknown));
    };
    let kept = Zeroizing::new(format!("{id} {secret}"));
    let keys = Arc::clone(keys);
    db.run(move |tx| meta::keep(tx, &keys, Secret::Endpoint, &kept)).await?;
    Ok(Zeroizing::new(secret.to_owned()))
}

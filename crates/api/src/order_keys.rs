//! Making, listing and ending the keys that merchants sign orders with. The text of one is shown once. Knows no code.

use crate::Api;
use crate::error::{ApiError, noun};
use crate::keys::base62;
use florin_core::audit::{Action, By};
use florin_core::commit::{Beside, EventKind};
use florin_core::flow::{self, Done};
use florin_core::id::{Key, Kind};
use florin_core::order::{self, MOST_KEYS, OrderKey, OrderKeyView, SharedSecret};
use florin_core::record::{self, Change};
use florin_core::time::Time;
use serde_json::{Value, json};

/// How long the key before goes on beside a new one: seven days.
pub const LONGEST_OVERLAP_SECONDS: i64 = 7 * 86_400;
/// 62^43 > 2^256.
const SECRET_DIGITS: usize = 43;

/// A key and its text, which is not shown again.
pub struct Issued {
    pub text: String,
    pub shown: Value,
}

/// A fresh secret of 256 bits behind a prefix that says what it is for.
pub fn secret(api: &Api, prefix: &str) -> String {
    let mut random = [0u8; 32];
    api.house.random(&mut random);
    format!("{prefix}{}", base62(&random, SECRET_DIGITS))
}

/// The key whose place a new one takes, and how long it goes on beside it.
#[derive(Clone, Copy, Debug)]
pub struct Rolled<'a> {
    pub id: &'a str,
    pub overlap_seconds: i64,
}

/// Makes a key, beside the others or in the place of one; all of it is one commit.
pub async fn issue(
    by: &By,
    api: &Api,
    account: Key,
    live: bool,
    rolled: Option<Rolled<'_>>,
) -> Result<Issued, ApiError> {
    let now = api.ports.now();
    let mut valid = list(api, account).await?;
    valid.retain(|key| !key.body.is_over(now));
    if valid.len() >= MOST_KEYS {
        let message = format!("There are {MOST_KEYS} order keys that hold already. Revoke one first.");
        return Err(ApiError::invalid(message));
    }
    let ends = match &rolled {
        None => now,
        Some(Rolled { overlap_seconds, .. }) if !(0..=LONGEST_OVERLAP_SECONDS).contains(overlap_seconds) => {
            let message = format!("The key before may go on for at most {LONGEST_OVERLAP_SECONDS} seconds.");
            return Err(ApiError::invalid(message).param("overlap"));
        }
        Some(Rolled { overlap_seconds, .. }) => now.plus_ms(overlap_seconds.saturating_mul(1_000)),
    };
    let old = match rolled {
        None => None,
        Some(Rolled { id, .. }) => {
            let named = api.look.key(Kind::OrderKey, id);
            let found = valid.into_iter().find(|key| Some(key.key) == named);
            Some(found.ok_or_else(|| ApiError::missing(noun(Kind::OrderKey), id, "id"))?)
        }
    };
    let text = secret(api, "ordsec_");
    let body = OrderKey { live, secret: SharedSecret::new(text.clone()), ends: None };
    let key = api.ports.fresh_key();
    let entry = by.did(Action::OrderKeyMake).account(account).subject(Kind::OrderKey, key);
    let mut change = Change::to(body, EventKind::OrderKeyChanged).audit(entry);
    if let Some(old) = old {
        let (body, from) = (old.body.ended(ends), old.version);
        let ended = OrderKeyView { version: from.next(), at: now, body, ..old };
        let row = record::row(&ended, vec![]);
        change.beside.push(Beside { from, row, event: EventKind::OrderKeyChanged });
    }
    match record::make(&*api.ports, account, key, change, None, &|_| vec![]).await? {
        Done::Fresh(view) => Ok(Issued { text, shown: shape(api, &view) }),
        Done::Replayed(_) => Err(ApiError::trouble()),
    }
}

/// Keys of an account, newest first, ended ones too.
pub async fn list(api: &Api, account: Key) -> Result<Vec<OrderKeyView>, ApiError> {
    Ok(order::keys(api.ports.store(), account).await?)
}

/// Ends a key now: what it signed is taken no more.
pub async fn revoke(by: &By, api: &Api, account: Key, id: &str) -> Result<Value, ApiError> {
    let missing = || ApiError::missing(noun(Kind::OrderKey), id, "id");
    let key = api.look.key(Kind::OrderKey, id).ok_or_else(missing)?;
    let now = api.ports.now();
    let entry = || by.did(Action::OrderKeyEnd).account(account).subject(Kind::OrderKey, key);
    let decide = |from: &OrderKeyView| Ok(Change::to(from.body.ended(now), EventKind::OrderKeyChanged).audit(entry()));
    match record::change(&*api.ports, account, key, None, &decide, &|_| vec![]).await {
        Ok(Done::Fresh(view)) => Ok(shape(api, &view)),
        Ok(Done::Replayed(_)) => Err(ApiError::trouble()),
        Err(flow::Failure::Refused(_)) => Err(missing()),
        Err(failure) => Err(failure.into()),
    }
}

/// A key as people see it.
pub fn shape(api: &Api, view: &OrderKeyView) -> Value {
    let k = &view.body;
    json!({
        "id": api.look.id(Kind::OrderKey, view.key),
        "object": "florin.order_key",
        "created": view.key.time().seconds(),
        "ends": k.ends.map(Time::seconds),
        "livemode": k.live,
        "status": if k.is_over(api.ports.now()) { "ended" } else { "active" },
    })
}

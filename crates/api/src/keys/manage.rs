//! Making, listing, rolling and revoking keys. Their texts are shown once; only hashes are kept.

use super::{Caller, text};
use crate::error::{ApiError, noun};
use crate::{Api, permission};
use florin_core::access::{ApiKey, Grant, KeyClass, place};
use florin_core::commit::{Beside, EventKind};
use florin_core::flow::{self, Done, View};
use florin_core::id::{Key, Kind};
use florin_core::record::{self, Change};
use florin_core::store::Query;
use florin_core::terminal::HOUSE;
use florin_core::time::Time;
use serde_json::{Value, json};

/// Keys of one account that have not ended.
pub const MOST_KEYS: usize = 100;
/// Characters of a key's name.
pub const LONGEST_NAME: usize = 200;
/// How long the old key may live beside the new one: seven days.
pub const LONGEST_OVERLAP_SECONDS: i64 = 7 * 86_400;
/// Rows read for a list of keys.
const MOST_ROWS: u32 = 1_000;

pub type KeyView = View<ApiKey>;

/// What a new key is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    pub class: KeyClass,
    pub live: bool,
    pub name: Option<String>,
    /// Of a restricted key, as `grants` reads them.
    pub grants: Vec<Grant>,
    pub ends: Option<Time>,
}

impl NewKey {
    pub fn plain(class: KeyClass, live: bool) -> NewKey {
        NewKey { class, live, name: None, grants: vec![], ends: None }
    }
}

/// A key and its text, which nobody can read again.
pub struct Issued {
    pub key: Key,
    pub text: String,
    pub shown: Value,
}

/// Reads `payment_intents:write`, `charges:read` or `charges:none`; later ones win.
pub fn grants(texts: &[String]) -> Result<Vec<Grant>, ApiError> {
    let mut grants: Vec<Grant> = vec![];
    for text in texts {
        let bad = |what: &str| {
            let known = permission::resources().join(", ");
            let shown: String = text.chars().take(60).collect();
            ApiError::invalid(format!("Invalid permission {shown}: {what}. Resources: {known}."))
                .param("permission")
                .code("parameter_invalid")
        };
        let (resource, access) = text.split_once(':').ok_or_else(|| bad("write RESOURCE:none, :read or :write"))?;
        if !permission::resources().contains(&resource) {
            return Err(bad("there is no such resource"));
        }
        grants.retain(|g| g.resource != resource);
        match access {
            "none" => {}
            "read" | "write" => grants.push(Grant { resource: resource.to_owned(), write: access == "write" }),
            _ => return Err(bad("write none, read or write")),
        }
    }
    grants.sort_by(|a, b| a.resource.cmp(&b.resource));
    Ok(grants)
}

/// A fresh text and the body that is stored of it.
fn fresh(api: &Api, new: NewKey) -> (String, ApiKey) {
    let mut random = [0u8; 32];
    api.house.random(&mut random);
    let text = text::write(new.class, new.live, &random);
    let tail = text.chars().skip(text.len().saturating_sub(4)).collect();
    let NewKey { class, live, name, grants, ends } = new;
    let hash = api.keys.mac(&[text.as_bytes()]);
    (text, ApiKey { class, live, hash, tail, name, grants, ends, successor: None })
}

fn fits(new: &NewKey, now: Time) -> Result<(), ApiError> {
    let bad = |param: &str, message: &str| Err(ApiError::invalid(message).param(param));
    match new.class {
        KeyClass::Restricted if new.grants.is_empty() => bad("permission", "A restricted key needs a permission."),
        KeyClass::Secret | KeyClass::Publishable if !new.grants.is_empty() => {
            bad("permission", "Only restricted keys have permissions.")
        }
        KeyClass::Secret | KeyClass::Publishable | KeyClass::Restricted => {
            if new.name.as_ref().is_some_and(|n| n.is_empty() || n.chars().count() > LONGEST_NAME) {
                return bad("name", "A name has 1 to 200 characters.");
            }
            if new.ends.is_some_and(|ends| ends <= now) {
                return bad("expires", "That time has passed.");
            }
            Ok(())
        }
    }
}

pub async fn issue(api: &Api, account: Key, new: NewKey) -> Result<Issued, ApiError> {
    let now = api.ports.now();
    fits(&new, now)?;
    if list(api, account).await?.iter().filter(|k| !k.body.is_over(now)).count() >= MOST_KEYS {
        return Err(ApiError::invalid(format!("There are {MOST_KEYS} keys already. Revoke one first.")));
    }
    let (text, body) = fresh(api, new);
    make(api, (account, api.ports.fresh_key()), (text, body), vec![]).await
}

async fn make(
    api: &Api,
    (account, key): (Key, Key),
    (text, body): (String, ApiKey),
    beside: Vec<Beside>,
) -> Result<Issued, ApiError> {
    let at = place(&body.hash);
    let mut change = Change::to(body, EventKind::ApiKeyChanged).index(HOUSE, Kind::ApiKey, at);
    change.beside = beside;
    let made = record::make(&*api.ports, account, key, change, None, &|_| vec![]).await;
    api.cache.forget();
    match made? {
        Done::Fresh(view) => Ok(Issued { key, text, shown: shape(api, &view, None) }),
        Done::Replayed(_) => Err(ApiError::trouble()),
    }
}

/// Keys of an account, newest first, ended ones too.
pub async fn list(api: &Api, account: Key) -> Result<Vec<KeyView>, ApiError> {
    let query = Query::List { under: account, kind: Kind::ApiKey, before: None, limit: MOST_ROWS };
    let rows = api.ports.store().find(query).await?.rows();
    Ok(rows.iter().map(flow::read).collect::<Result<Vec<KeyView>, _>>()?)
}

async fn find(api: &Api, account: Key, id: &str) -> Result<KeyView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::ApiKey), id, "id");
    // By its id, or by its last four characters when they say which.
    if let Some(key) = api.look.key(Kind::ApiKey, id) {
        return flow::load(api.ports.store(), account, Kind::ApiKey, key).await.map_err(|failure| match failure {
            flow::Failure::Refused(_) => missing(),
            flow::Failure::Trouble(_) => failure.into(),
        });
    }
    let now = api.ports.now();
    let mut fitting = list(api, account).await?.into_iter().filter(|k| k.body.tail == id && !k.body.is_over(now));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(missing()),
    }
}

/// A new key of the same kind; the old one ends after the overlap. Both changes are one commit.
pub async fn roll(api: &Api, account: Key, id: &str, overlap_seconds: i64) -> Result<Issued, ApiError> {
    if !(0..=LONGEST_OVERLAP_SECONDS).contains(&overlap_seconds) {
        let message = format!("The old key may live for at most {LONGEST_OVERLAP_SECONDS} seconds more.");
        return Err(ApiError::invalid(message).param("overlap"));
    }
    let now = api.ports.now();
    let old = find(api, account, id).await?;
    if old.body.is_over(now) {
        return Err(ApiError::invalid("That key has ended. Create a new one.").param("id"));
    }
    let ApiKey { class, live, name, grants, ends, .. } = old.body.clone();
    let (text, body) = fresh(api, NewKey { class, live, name, grants, ends });
    let ended = old.body.ended(now.plus_ms(overlap_seconds.saturating_mul(1_000)));
    let successor = api.ports.fresh_key();
    let view =
        View { version: old.version.next(), at: now, body: ApiKey { successor: Some(successor), ..ended }, ..old };
    let beside = Beside { from: old.version, row: record::row(&view, vec![]), event: EventKind::ApiKeyChanged };
    make(api, (account, successor), (text, body), vec![beside]).await
}

/// Ends a key now.
pub async fn revoke(api: &Api, account: Key, id: &str) -> Result<Value, ApiError> {
    let old = find(api, account, id).await?;
    let now = api.ports.now();
    let decide = |from: &KeyView| Ok(Change::to(from.body.ended(now), EventKind::ApiKeyChanged));
    let done = record::change(&*api.ports, account, old.key, None, &decide, &|_| vec![]).await;
    api.cache.forget();
    match done? {
        Done::Fresh(view) => Ok(shape(api, &view, None)),
        Done::Replayed(_) => Err(ApiError::trouble()),
    }
}

/// A key as people see it.
pub fn shape(api: &Api, view: &KeyView, used: Option<Time>) -> Value {
    let k = &view.body;
    let class = match k.class {
        KeyClass::Secret => "secret",
        KeyClass::Publishable => "publishable",
        KeyClass::Restricted => "restricted",
    };
    let grant = |g: &Grant| format!("{}:{}", g.resource, if g.write { "write" } else { "read" });
    json!({
        "id": api.look.id(Kind::ApiKey, view.key),
        "object": "florin.api_key",
        "class": class,
        "created": view.key.time().seconds(),
        "ends": k.ends.map(Time::seconds),
        "last_used": used.map(Time::seconds),
        "livemode": k.live,
        "name": k.name,
        "permissions": k.grants.iter().map(grant).collect::<Vec<_>>(),
        "redacted": text::shown(k.class, k.live, &k.tail),
        "status": if k.is_over(api.ports.now()) { "ended" } else { "active" },
        "successor": k.successor.map(|s| api.look.id(Kind::ApiKey, s)),
    })
}

/// What the gate makes of a stored key.
pub fn caller(view: &KeyView) -> Caller {
    let k = &view.body;
    let (tail, grants) = (k.tail.as_str().into(), k.grants.as_slice().into());
    Caller { account: view.account, class: k.class, live: k.live, key: view.key, tail, grants }
}

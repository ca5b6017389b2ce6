//! Making, listing, rolling and revoking keys. Their texts are shown once; only hashes are kept.

use super::{Caller, text};
use crate::error::{ApiError, noun};
use crate::{Api, permission};
use florin_core::access::{ApiKey, Grant, KeyClass, place};
use florin_core::audit::{Action, By, Entry};
use florin_core::commit::{Beside, EventKind};
use florin_core::flow::{self, Done, View};
use florin_core::id::{Key, Kind};
use florin_core::key_rules::KeyRules;
use florin_core::network::Network;
use florin_core::record::{self, Change};
use florin_core::store::Query;
use florin_core::terminal::HOUSE;
use florin_core::time::Time;
use serde_json::{Value, json};

/// Keys of one account that have not ended.
pub const MOST_KEYS: usize = 100;
/// Characters of a key's name.
pub const LONGEST_NAME: usize = 200;
/// Networks of one key.
pub const MOST_NETWORKS: usize = 50;
/// Keys that end sooner are told of.
pub const WARNED_DAYS: i64 = 14;
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
    /// From where it may be used; empty for everywhere.
    pub allowed: Vec<Network>,
}

impl NewKey {
    pub fn plain(class: KeyClass, live: bool) -> NewKey {
        NewKey { class, live, name: None, grants: vec![], ends: None, allowed: vec![] }
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

/// Reads `203.0.113.7` or `203.0.113.0/24`.
pub fn networks(texts: &[String]) -> Result<Vec<Network>, ApiError> {
    let read = |text: &String| {
        let shown: String = text.chars().take(60).collect();
        let message = format!("{shown} is no network: write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.");
        Network::parse(text).ok_or_else(|| ApiError::invalid(message).param("from").code("parameter_invalid"))
    };
    texts.iter().map(read).collect()
}

/// A fresh text and the body that is stored of it.
fn fresh(api: &Api, new: NewKey) -> (String, ApiKey) {
    let mut random = [0u8; 32];
    api.house.random(&mut random);
    let text = text::write(new.class, new.live, &random);
    let tail = text.chars().skip(text.len().saturating_sub(4)).collect();
    let NewKey { class, live, name, grants, ends, allowed } = new;
    let hash = api.keys.mac(&[text.as_bytes()]);
    (text, ApiKey { class, live, hash, tail, name, grants, ends, successor: None, allowed })
}

fn fits(new: &NewKey, now: Time) -> Result<(), ApiError> {
    let bad = |param: &str, message: &str| Err(ApiError::invalid(message).param(param));
    match new.class {
        KeyClass::Restricted if new.grants.is_empty() => bad("permission", "A restricted key needs a permission."),
        KeyClass::Secret | KeyClass::Publishable if !new.grants.is_empty() => {
            bad("permission", "Only restricted keys have permissions.")
        }
        KeyClass::Publishable if !new.allowed.is_empty() => {
            bad("from", "Publishable keys are in browsers, which are everywhere.")
        }
        KeyClass::Secret | KeyClass::Publishable | KeyClass::Restricted => {
            if new.allowed.len() > MOST_NETWORKS {
                return bad("from", "A key takes at most 50 networks.");
            }
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

pub async fn issue(by: &By, api: &Api, account: Key, new: NewKey) -> Result<Issued, ApiError> {
    let now = api.ports.now();
    fits(&new, now)?;
    if list(api, account).await?.iter().filter(|k| !k.body.is_over(now)).count() >= MOST_KEYS {
        return Err(ApiError::invalid(format!("There are {MOST_KEYS} keys already. Revoke one first.")));
    }
    let (text, body) = fresh(api, new);
    make(by.did(Action::ApiKeyMake), api, (account, api.ports.fresh_key()), (text, body), vec![]).await
}

async fn make(
    entry: Entry,
    api: &Api,
    (account, key): (Key, Key),
    (text, body): (String, ApiKey),
    beside: Vec<Beside>,
) -> Result<Issued, ApiError> {
    let at = place(&body.hash);
    let entry = entry.account(account).subject(Kind::ApiKey, key);
    let mut change = Change::to(body, EventKind::ApiKeyChanged).index(HOUSE, Kind::ApiKey, at).audit(entry);
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

pub(super) async fn find(api: &Api, account: Key, id: &str) -> Result<KeyView, ApiError> {
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
pub async fn roll(by: &By, api: &Api, account: Key, id: &str, overlap_seconds: i64) -> Result<Issued, ApiError> {
    if !(0..=LONGEST_OVERLAP_SECONDS).contains(&overlap_seconds) {
        let message = format!("The old key may live for at most {LONGEST_OVERLAP_SECONDS} seconds more.");
        return Err(ApiError::invalid(message).param("overlap"));
    }
    let now = api.ports.now();
    let old = find(api, account, id).await?;
    if old.body.is_over(now) {
        return Err(ApiError::invalid("That key has ended. Create a new one.").param("id"));
    }
    let ApiKey { class, live, name, grants, ends, allowed, .. } = old.body.clone();
    let (text, body) = fresh(api, NewKey { class, live, name, grants, ends, allowed });
    let ended = old.body.ended(now.plus_ms(overlap_seconds.saturating_mul(1_000)));
    let successor = api.ports.fresh_key();
    let view =
        View { version: old.version.next(), at: now, body: ApiKey { successor: Some(successor), ..ended }, ..old };
    let beside = Beside { from: old.version, row: record::row(&view, vec![]), event: EventKind::ApiKeyChanged };
    let rules = super::rules::handed_on(api, account, view.key, successor).await?;
    make(
        by.did(Action::ApiKeyRoll),
        api,
        (account, successor),
        (text, body),
        [beside].into_iter().chain(rules).collect(),
    )
    .await
}

/// In how many days, begun ones counted, the key ends; none if it does not soon, did already, or has a successor.
pub fn ends_in_days(key: &ApiKey, now: Time) -> Option<i64> {
    let left = key.ends?.since(now);
    let days = (left + DAY_MS - 1) / DAY_MS;
    (left > 0 && days <= WARNED_DAYS && key.successor.is_none()).then_some(days)
}

const DAY_MS: i64 = 86_400_000;

/// Ends a key now.
pub async fn revoke(by: &By, api: &Api, account: Key, id: &str) -> Result<Value, ApiError> {
    let old = find(api, account, id).await?;
    let now = api.ports.now();
    let entry = || by.did(Action::ApiKeyEnd).account(account).subject(Kind::ApiKey, old.key);
    let decide = |from: &KeyView| Ok(Change::to(from.body.ended(now), EventKind::ApiKeyChanged).audit(entry()));
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
        "allowed_from": k.allowed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "ends": k.ends.map(Time::seconds),
        "ends_in_days": ends_in_days(k, api.ports.now()),
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
pub fn caller(view: &KeyView, rules: KeyRules) -> Caller {
    let k = &view.body;
    let (tail, grants, allowed) = (k.tail.as_str().into(), k.grants.as_slice().into(), k.allowed.as_slice().into());
    let rules = rules.into();
    Caller { account: view.account, class: k.class, live: k.live, key: view.key, tail, grants, allowed, rules }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_keys_are_told_of() {
        #[track_caller]
        fn check(ends_ms: Option<i64>, successor: Option<Key>, expected: Option<i64>) {
            let (hash, tail, class) = ([0; 32], String::new(), KeyClass::Secret);
            let ends = ends_ms.map(|ms| Time(1_000 + ms));
            let key =
                ApiKey { class, live: true, hash, tail, name: None, grants: vec![], ends, successor, allowed: vec![] };
            assert_eq!(ends_in_days(&key, Time(1_000)), expected);
        }
        check(None, None, None);
        check(Some(1), None, Some(1));
        check(Some(DAY_MS), None, Some(1));
        check(Some(DAY_MS + 1), None, Some(2));
        check(Some(WARNED_DAYS * DAY_MS), None, Some(WARNED_DAYS));
        check(Some(WARNED_DAYS * DAY_MS + 1), None, None);
        check(Some(0), None, None);
        check(Some(1), Some(Key(7)), None);
    }
}

//! Keys, accounts and the log of requests through the gateway's door: for the terminal of the machine's owner. Knows no payment.

use super::account;
use super::ops::{Answer, Desk};
use super::ports::Real;
use crate::log::{Words, log};
use florin_api::keys::manage::{self, Issued, NewKey};
use florin_api::keys::rules::{self, NewRules, NewSigning};
use florin_api::order_keys::{self, Rolled};
use florin_api::{Api, ApiError, KeyClass, shape_of_decision, shape_of_request};
use florin_core::abuse_log::AbuseLog;
use florin_core::account::{Account, AccountView, LONGEST_NAME, MOST_ACCOUNTS, all, change, make};
use florin_core::audit::{self, Action, By, Outcome};
use florin_core::flow::{Failure, load};
use florin_core::id::{Key, Kind};
use florin_core::money::Currency;
use florin_core::ports::Ports;
use florin_core::request_log::{Find, RequestLog};
use florin_core::terminal::HOUSE;
use florin_core::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What can be asked. `account` is an id; without one it is the first account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "manage", rename_all = "snake_case")]
pub enum Manage {
    Accounts,
    NewAccount {
        name: String,
        country: Option<String>,
        currency: Option<String>,
    },
    Keys {
        account: Option<String>,
    },
    NewKey {
        account: Option<String>,
        class: String,
        name: Option<String>,
        permissions: Vec<String>,
        #[serde(default)]
        from: Vec<String>,
        ends: Option<i64>,
    },
    /// Keys of all accounts that end soon.
    Expiring,
    RollKey {
        account: Option<String>,
        id: String,
        overlap_seconds: i64,
    },
    RevokeKey {
        account: Option<String>,
        id: String,
    },
    /// What an account asks for; none leaves as it is.
    SetAccount {
        account: Option<String>,
        require_order_code: Option<bool>,
    },
    /// What is asked of the requests of one key.
    SetKey {
        account: Option<String>,
        id: String,
        require_order_code: Option<bool>,
        /// `hmac`, `none`, or the hexadecimal digits of a public key of ed25519.
        signing: Option<String>,
        require_signature: Option<bool>,
    },
    OrderKeys {
        account: Option<String>,
    },
    NewOrderKey {
        account: Option<String>,
        /// The key whose place it takes, and for how long that one goes on.
        rolled: Option<(String, i64)>,
    },
    RevokeOrderKey {
        account: Option<String>,
        id: String,
    },
    /// Everything that is kept about a customer.
    ExportCustomer {
        account: Option<String>,
        id: String,
    },
    /// The end of it, but for money and books.
    EraseCustomer {
        account: Option<String>,
        id: String,
    },
    Requests {
        account: Option<String>,
        status: Option<String>,
        method: Option<String>,
        id: Option<String>,
        limit: u32,
    },
    /// What the defence against card testing did, newest first.
    Decisions {
        account: Option<String>,
        limit: u32,
    },
    /// Those after this place, as soon as there are any; the newest's place comes with the answer. Without a place: the newest.
    RequestsAfter {
        account: Option<String>,
        place: Option<i64>,
    },
}

impl Manage {
    /// Whether it writes: a restored installation that is not open yet takes none of those.
    pub const fn changes(&self) -> bool {
        match self {
            Manage::NewAccount { .. }
            | Manage::NewKey { .. }
            | Manage::RollKey { .. }
            | Manage::RevokeKey { .. }
            | Manage::SetAccount { .. }
            | Manage::SetKey { .. }
            | Manage::NewOrderKey { .. }
            | Manage::RevokeOrderKey { .. }
            | Manage::EraseCustomer { .. } => true,
            Manage::ExportCustomer { .. }
            | Manage::Accounts
            | Manage::Keys { .. }
            | Manage::OrderKeys { .. }
            | Manage::Expiring
            | Manage::Decisions { .. }
            | Manage::Requests { .. }
            | Manage::RequestsAfter { .. } => false,
        }
    }
}

/// How long a question for what comes next waits for it.
const LISTENS: Duration = Duration::from_secs(20);
/// Entries that one look at the log shows.
const MOST_ENTRIES: u32 = 1_000;

pub async fn answer(desk: &Desk, asked: Manage) -> Answer {
    match perform(desk, asked).await {
        Ok(value) => Answer::Ok(value),
        Err(e) => {
            let code = e.code.unwrap_or_else(|| e.kind.as_str().to_owned());
            Answer::Error { code, message: e.message, param: e.param, status: e.status }
        }
    }
}

async fn perform(desk: &Desk, asked: Manage) -> Result<Value, ApiError> {
    let ports: &dyn Ports = &*desk.ports;
    match asked {
        Manage::Accounts => {
            let data: Vec<Value> = all(ports).await?.iter().map(|view| shape(desk, view)).collect();
            Ok(json!({ "object": "list", "data": data }))
        }
        Manage::NewAccount { name, country, currency } => new_account(desk, name, country, currency).await,
        Manage::Keys { account } => keys(desk, of(desk, account).await?).await,
        Manage::NewKey { account, class, name, permissions, from, ends } => {
            let account = of(desk, account).await?;
            let (class, grants) = (self::class(&class)?, manage::grants(&permissions)?);
            let allowed = manage::networks(&from)?;
            let ends = ends.map(|seconds| Time(seconds.saturating_mul(1_000)));
            let live = live(desk, account).await?;
            Ok(once(
                manage::issue(&By::LOCAL, &desk.api, account, NewKey { class, live, name, grants, ends, allowed })
                    .await?,
            ))
        }
        Manage::Expiring => Ok(json!({ "object": "list", "data": expiring(&desk.ports, &desk.api).await? })),
        Manage::RollKey { account, id, overlap_seconds } => {
            let account = of(desk, account).await?;
            Ok(once(manage::roll(&By::LOCAL, &desk.api, account, &id, overlap_seconds).await?))
        }
        Manage::RevokeKey { account, id } => manage::revoke(&By::LOCAL, &desk.api, of(desk, account).await?, &id).await,
        Manage::SetAccount { account, require_order_code } => {
            let set = |a: &Account| Account {
                require_order_code: require_order_code.unwrap_or(a.require_order_code),
                ..a.clone()
            };
            Ok(shape(desk, &change(&By::LOCAL, ports, of(desk, account).await?, &set).await?))
        }
        Manage::SetKey { account, id, require_order_code, signing, require_signature } => {
            let signing = signing.as_deref().map(self::signing).transpose()?;
            let new = NewRules { order_code: require_order_code, signing, signature_required: require_signature };
            let (mut shown, secret) = rules::set(&By::LOCAL, &desk.api, of(desk, account).await?, &id, &new).await?;
            if let Some(text) = secret {
                shown["secret"] = json!(text);
            }
            Ok(shown)
        }
        Manage::OrderKeys { account } => {
            let views = order_keys::list(&desk.api, of(desk, account).await?).await?;
            let data: Vec<Value> = views.iter().map(|view| order_keys::shape(&desk.api, view)).collect();
            Ok(json!({ "object": "list", "data": data }))
        }
        Manage::NewOrderKey { account, rolled } => {
            let account = of(desk, account).await?;
            let live = live(desk, account).await?;
            let rolled = rolled.as_ref().map(|(id, overlap)| Rolled { id, overlap_seconds: *overlap });
            let issued = order_keys::issue(&By::LOCAL, &desk.api, account, live, rolled).await?;
            let mut shown = issued.shown;
            shown["secret"] = json!(issued.text);
            Ok(shown)
        }
        Manage::RevokeOrderKey { account, id } => {
            order_keys::revoke(&By::LOCAL, &desk.api, of(desk, account).await?, &id).await
        }
        Manage::ExportCustomer { account, id } => {
            let account = of(desk, account).await?;
            // Written down before it is shown, and not shown if it cannot be.
            let customer = desk.ports.ids.decode(Kind::Customer, &id);
            let entry = By::LOCAL.did(Action::CustomerExport).account(account).outcome(Outcome::Begun);
            let entry = customer.map_or(entry.clone(), |key| entry.subject(Kind::Customer, key));
            audit::before_read(ports, entry).await?;
            florin_api::person::of(ports.store(), &desk.ports.look, account, &id).await
        }
        Manage::EraseCustomer { account, id } => {
            let account = of(desk, account).await?;
            let missing = || ApiError::missing("customer", &id, "id");
            let key = desk.ports.ids.decode(Kind::Customer, &id).ok_or_else(missing)?;
            florin_core::customer::delete(Some(&By::LOCAL), ports, account, key).await.map_err(
                |failure| match failure {
                    Failure::Refused(_) => missing(),
                    Failure::Trouble(_) => failure.into(),
                },
            )?;
            Ok(json!({ "id": id, "object": "customer", "deleted": true }))
        }
        Manage::Requests { account, status, method, id, limit } => {
            let account = of(desk, account).await?;
            let status = status.as_deref().map(self::status).transpose()?;
            let method = method.map(|m| m.to_ascii_uppercase());
            let find = Find { status, method, id, ..Find::newest(account, limit.clamp(1, MOST_ENTRIES)) };
            entries(desk, find).await
        }
        Manage::Decisions { account, limit } => {
            let account = of(desk, account).await?;
            let found = AbuseLog::find(&*desk.requests, account, None, limit.clamp(1, MOST_ENTRIES)).await?;
            let data: Vec<Value> = found.iter().map(|(_, entry)| shape_of_decision(&desk.ports.look, entry)).collect();
            Ok(json!({ "object": "list", "data": data }))
        }
        Manage::RequestsAfter { account, place } => {
            let account = of(desk, account).await?;
            let Some(place) = place else { return entries(desk, Find::newest(account, 1)).await };
            let mut told = desk.requests.listen();
            let after = || entries(desk, Find { before: Some(place), ..Find::newest(account, MOST_ENTRIES) });
            let found = after().await?;
            if found["newest"].is_i64() {
                return Ok(found);
            }
            // Whoever is too far behind to be told looks again, too.
            let next = async { while matches!(told.recv().await, Ok(entry) if entry.account != account) {} };
            let _ = tokio::time::timeout(LISTENS, next).await;
            after().await
        }
    }
}

/// How requests are signed from now on.
fn signing(text: &str) -> Result<NewSigning, ApiError> {
    let bytes = match text {
        "hmac" => return Ok(NewSigning::Hmac),
        "none" => return Ok(NewSigning::None),
        hex => data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok().and_then(|b| b.try_into().ok()),
    };
    bytes.map(NewSigning::Ed25519).ok_or_else(|| bad("signing", "Say hmac, none, or the public key of ed25519."))
}

fn bad(param: &str, message: &str) -> ApiError {
    ApiError::invalid(message).param(param)
}

fn class(text: &str) -> Result<KeyClass, ApiError> {
    match text {
        "secret" => Ok(KeyClass::Secret),
        "publishable" => Ok(KeyClass::Publishable),
        "restricted" => Ok(KeyClass::Restricted),
        _ => Err(bad("class", "A key is secret, publishable or restricted.")),
    }
}

/// `404`, or `4xx`.
fn status(text: &str) -> Result<(u16, u16), ApiError> {
    let number = text.strip_suffix("xx").map_or_else(|| text.to_owned(), |hundred| format!("{hundred}00"));
    let from = number.parse::<u16>().ok().filter(|n| (100..=599).contains(n));
    let from = from.ok_or_else(|| bad("status", "Give a status such as 404, or 4xx for all of its kind."))?;
    Ok((from, if text.ends_with("xx") { from + 99 } else { from }))
}

/// The account that is meant.
async fn of(desk: &Desk, account: Option<String>) -> Result<Key, ApiError> {
    let Some(id) = account else { return Ok(desk.account) };
    let missing = || ApiError::missing("account", &id, "account");
    let key = desk.ports.ids.decode(Kind::Account, &id).ok_or_else(missing)?;
    load::<Account>(desk.ports.store(), HOUSE, Kind::Account, key).await.map_err(|failure| match failure {
        Failure::Refused(_) => missing(),
        Failure::Trouble(_) => failure.into(),
    })?;
    Ok(key)
}

async fn live(desk: &Desk, account: Key) -> Result<bool, ApiError> {
    Ok(florin_core::account::load(&*desk.ports, account).await?.body.live)
}

async fn new_account(
    desk: &Desk,
    name: String,
    country: Option<String>,
    currency: Option<String>,
) -> Result<Value, ApiError> {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(bad("name", "A name has 1 to 100 characters."));
    }
    let mut account = account::plain(name, desk.live);
    if let Some(text) = country {
        account.country =
            Account::country(&text).ok_or_else(|| bad("country", "Two letters of ISO 3166-1, for example NL."))?;
    }
    if let Some(text) = currency {
        account.currency =
            Currency::parse(&text).ok_or_else(|| bad("currency", "Three letters of ISO 4217, for example eur."))?;
    }
    let ports: &dyn Ports = &*desk.ports;
    if all(ports).await?.len() >= MOST_ACCOUNTS as usize {
        return Err(bad("name", "There are 1,000 accounts already."));
    }
    Ok(shape(desk, &make(&By::LOCAL, ports, account).await?))
}

fn shape(desk: &Desk, view: &AccountView) -> Value {
    let a = &view.body;
    json!({
        "id": desk.ports.ids.encode(Kind::Account, view.key), "object": "account", "name": a.name,
        "country": a.country_text(), "default_currency": a.currency.code(), "livemode": a.live,
        "created": view.key.time().seconds(), "default": view.key == desk.account,
        "require_order_code": a.require_order_code,
    })
}

async fn keys(desk: &Desk, account: Key) -> Result<Value, ApiError> {
    let views = manage::list(&desk.api, account).await?;
    let keys: Vec<Key> = views.iter().map(|view| view.key).collect();
    let used = desk.requests.used(&keys).await?;
    let data: Vec<Value> = views.iter().zip(used).map(|(view, used)| manage::shape(&desk.api, view, used)).collect();
    Ok(json!({ "object": "list", "data": data }))
}

/// Keys of all accounts that end within two weeks and have no successor, the account named with each.
pub async fn expiring(ports: &Real, api: &Api) -> Result<Vec<Value>, ApiError> {
    let mut found = vec![];
    for account in all(ports).await? {
        for key in manage::list(api, account.key).await? {
            if manage::ends_in_days(&key.body, ports.now()).is_some() {
                let mut shown = manage::shape(api, &key, None);
                shown["account"] = json!(ports.ids.encode(Kind::Account, account.key));
                found.push(shown);
            }
        }
    }
    Ok(found)
}

/// Says which keys end soon, at the start and each day, in the log of the process.
pub async fn warn_of_keys(ports: Arc<Real>, api: Arc<Api>) {
    let mut daily = tokio::time::interval(Duration::from_secs(86_400));
    loop {
        daily.tick().await;
        // What cannot be read now is asked again tomorrow.
        for key in expiring(&ports, &api).await.unwrap_or_default() {
            let text = |name: &str| key[name].as_str().unwrap_or("").to_owned();
            let (shown, account, days) = (text("redacted"), text("account"), key["ends_in_days"].as_i64().unwrap_or(0));
            log!(
                "florin gateway",
                "the API key {} of {} ends in {} days: florin keys roll {} --account {}",
                Words(&shown),
                Words(&account),
                days,
                Words(&text("id")),
                Words(&account),
            );
        }
    }
}

/// A key with its text: the only time that it is shown.
fn once(issued: Issued) -> Value {
    let mut shown = issued.shown;
    shown["key"] = json!(issued.text);
    shown
}

async fn entries(desk: &Desk, find: Find) -> Result<Value, ApiError> {
    let found = RequestLog::find(&*desk.requests, find).await?;
    let newest = found.first().map(|(place, _)| *place);
    let data: Vec<Value> = found.iter().map(|(_, entry)| shape_of_request(&desk.ports.look, entry)).collect();
    Ok(json!({ "object": "list", "data": data, "newest": newest }))
}

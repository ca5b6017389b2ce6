//! The way into every endpoint: request id, version, key, permit, idempotency; and the way out. Knows no endpoint.

use crate::ask::{Answer, Ask};
use crate::declare::Declared;
use crate::error::{ApiError, ErrorType};
use crate::guard::{Watch, person};
use crate::keys::{self, Caller};
use crate::note::{self, Fault, Told};
use crate::origin::Sourced;
use crate::params::Params;
use crate::resources::threeds;
use crate::respond::LONGEST_KEY;
use crate::router::{self, Found, Permit, Route};
use crate::version::{ApiVersion, PRESENT};
use crate::{Api, Failed, KeyClass, expand, form, look, openapi, permission, respond, signed};
use florin_core::commit::{ClaimId, Origin, Version};
use florin_core::decline::DeclineCode;
use florin_core::edge::{CARD_FIELD, EdgeRequest, EdgeResponse, Identified, Identify, Site};
use florin_core::flow::{self, Claiming};
use florin_core::id::Kind;
use florin_core::refusal::Refusal;
use florin_core::store::Query;
use florin_core::time::Time;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub async fn handle(api: &Api, request: EdgeRequest, declared: Option<Arc<Declared>>) -> EdgeResponse {
    let began = api.ports.now();
    if let Err(error) = api.limits.address(request.client, began) {
        return finish(api, &request, began, &mut Passed::default(), Err(error));
    }
    if request.method == "OPTIONS" {
        return respond::preflight(&request);
    }
    if request.path == openapi::PATH && matches!(request.method.as_str(), "GET" | "HEAD") {
        return respond::description(&request);
    }
    if let Some(page) = threeds::serve(api, &request).await {
        return page;
    }
    let mut passed = Passed { declared, ..Passed::default() };
    let mut answered = answer(api, &request, &mut passed).await;
    if passed.caller.as_ref().is_some_and(|caller| caller.class == KeyClass::Publishable) {
        match &mut answered {
            Ok(answer) => without_private(&mut answer.body),
            Err(error) => {
                let mut more = Value::Object(std::mem::take(&mut error.more));
                without_private(&mut more);
                if let Value::Object(more) = more {
                    error.more = more;
                }
            }
        }
    }
    finish(api, &request, began, &mut passed, answered)
}

/// What is known of a request so far: its log tells of it whatever comes.
#[derive(Default)]
struct Passed {
    version: Option<ApiVersion>,
    /// It was refused for its address; a person could have gone on.
    wants_person: bool,
    caller: Option<Caller>,
    declared: Option<Arc<Declared>>,
}

async fn answer(api: &Api, request: &EdgeRequest, passed: &mut Passed) -> Result<Answer, ApiError> {
    let version = ApiVersion::asked(header(request, "stripe-version"), header(request, "user-agent"))?;
    passed.version = Some(version.clone());
    let (route, ids) = match router::find(&request.method, &request.path) {
        Found::Route(route, ids) => (route, ids),
        other => {
            // Whose mistake it was is worth knowing; without a key it is told all the same.
            let given = keys::given(header(request, "authorization"), None);
            passed.caller = keys::caller(api, given.as_deref()).await.ok();
            return Err(no_route(request, matches!(other, Found::OtherMethod)));
        }
    };
    // A key in a header is looked at before anything of the body is read.
    let given = keys::given(header(request, "authorization"), None);
    let early = match header(request, "authorization") {
        Some(_) => Some(admitted(api, request, given.as_deref()).await?),
        None => None,
    };
    let mut map = parameters(request)?;
    let key_param = map.remove("key").and_then(|k| k.as_str().map(str::to_owned));
    let caller = match early {
        Some(caller) => caller,
        None => admitted(api, request, key_param.as_deref().filter(|k| !k.is_empty())).await?,
    };
    passed.caller = Some(caller.clone());
    api.limits.key(caller.key, api.ports.now(), false)?;
    own_account(api, request, &caller)?;
    if request.site == Site::Card && caller.class != KeyClass::Publishable {
        return Err(publishable_needed());
    }
    permit(api, route, &caller)?;
    api.limits.account(caller.account, api.ports.now())?;
    cards_may_come(api, request, &caller)?;
    signed::admit(api, request, &caller).await?;
    let claim = claiming(api, request, &caller, &map)?;
    let paths = expand::asked(&mut map)?;
    let idempotency_key = claim.as_ref().and_then(|_| header(request, "idempotency-key")).map(str::to_owned);
    let origin = Origin { request: request.id.clone(), idempotency_key };
    let person = person::is_person(api, request, &caller).await;
    let ports = Sourced::new(&*api.ports, origin, watch(api, request, &caller, person));
    let ask = Ask { api, request, caller, version, ids, claim, expand: paths, ports };
    if let Some(stored) = replay(&ask).await? {
        return sent(&ask, stored).await;
    }
    expand::check(route, &ask.expand, ask.is_secret())?;
    let params = Params::declaring(map, passed.declared.take());
    let answered = (route.handler)(&ask, &params).await;
    passed.wants_person = ask.ports.watch.wants_person.load(Ordering::Relaxed);
    let answered = match answered {
        Ok(answer) => answer,
        // Another request under the same key may have changed what this one met: then its answer is this one's too.
        Err(error) => match replay(&ask).await? {
            Some(stored) => stored,
            None => return Err(error),
        },
    };
    sent(&ask, answered).await
}

/// The answer as it goes out: expanded, and under an idempotency key kept like that, so that it stays the same byte for byte.
async fn sent(ask: &Ask<'_>, answered: Answer) -> Result<Answer, ApiError> {
    let (fresh, plain) = (!answered.replayed, ask.expand.is_empty() && !ask.version.lists_charges());
    let mut answer = expand::all(ask, answered, &ask.expand).await?;
    if !fresh {
        answer.original = original(ask).await?;
    }
    if let (true, false, 200, Some(claiming)) = (fresh, plain, answer.status, &ask.claim) {
        flow::amend(ask.store(), &claiming.id, look::stored_whole(answer.status, &answer.body)).await?;
    }
    Ok(answer)
}

/// Steps of a thing that are looked through for the request that took an idempotency key.
const STEPS_LOOKED_AT: u32 = 200;

/// The request that this one's idempotency key was first used with: what it did knows it.
async fn original(ask: &Ask<'_>) -> Result<Option<String>, ApiError> {
    let (Some(claiming), Some(given)) = (&ask.claim, header(ask.request, "idempotency-key")) else { return Ok(None) };
    let Some(claimed) = ask.store().find(Query::Claim { slot: claiming.id.slot }).await?.claim() else {
        return Ok(None);
    };
    let key = claimed.subject;
    let newest = ask.store().get(&[key]).await?.into_iter().next().flatten().map_or(0, |row| row.version.0);
    for version in (1..=newest).rev().take(STEPS_LOOKED_AT as usize).map(Version) {
        let step = ask.store().find(Query::Step { key, version }).await?.step();
        if let Some(origin) = step.and_then(|step| step.origin)
            && origin.idempotency_key.as_deref() == Some(given)
        {
            return Ok(Some(origin.request));
        }
    }
    Ok(None)
}

/// What a holder of a client secret is not shown of an intent.
const PRIVATE: &[&str] =
    &["metadata", "customer", "order", "application_fee_amount", "review", "transfer_data", "on_behalf_of"];

fn without_private(body: &mut Value) {
    match body {
        Value::Object(map) => {
            // As with Stripe: a thief must not learn that the card is known to be lost, nor that somebody watches.
            let told = map.get("decline_code").and_then(Value::as_str).and_then(DeclineCode::named);
            if told.is_some_and(|code| code.for_shopper() != code) {
                map.insert("decline_code".into(), DeclineCode::GenericDecline.as_str().into());
                ["network_decline_code", "network_advice_code"].iter().for_each(|name| drop(map.remove(*name)));
            }
            if map.get("object").is_some_and(|o| o == "payment_intent" || o == "setup_intent") {
                PRIVATE.iter().for_each(|name| drop(map.remove(*name)));
            }
            map.values_mut().for_each(without_private);
        }
        Value::Array(list) => list.iter_mut().for_each(without_private),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Publishable keys are in browsers: who asks with one is the buyer. Whoever has a secret key is the merchant's server, and no address of
/// its says anything of buyers.
fn watch<'a>(api: &'a Api, request: &'a EdgeRequest, caller: &Caller, person: bool) -> Watch<'a> {
    let browser = (caller.class == KeyClass::Publishable).then_some(request.client);
    let (guard, log, asks) = (&api.guard, api.house.abuse(), api.look.is_public());
    let wants_person = AtomicBool::new(false);
    Watch { guard, log, request: &request.id, browser, asks, person, wants_person }
}

/// Whoever was refused too often brings no cards for a while, and no card comes too often.
fn cards_may_come(api: &Api, request: &EdgeRequest, caller: &Caller) -> Result<(), ApiError> {
    let now = api.ports.now();
    if caller.class == KeyClass::Publishable && request.method == "POST" {
        api.guard.admits(caller.account, request.client, now)?;
    }
    let cards = request.cards.iter().map(|card| card.facts.fingerprint);
    cards.into_iter().try_for_each(|card| api.limits.card(caller.account, card, now))
}

/// The caller behind a key. Wrong keys are counted by address.
async fn admitted(api: &Api, request: &EdgeRequest, given: Option<&str>) -> Result<Caller, ApiError> {
    match keys::caller(api, given).await {
        Err(error) if error.status == 401 => {
            api.limits.failure(request.client, api.ports.now())?;
            Err(error)
        }
        Ok(caller) if !caller.may_ask_from(request.client) => Err(elsewhere(&caller, request.client)),
        found => found,
    }
}

/// Stripe's words. The address is the caller's own, so it may be repeated to it.
fn elsewhere(caller: &Caller, client: IpAddr) -> ApiError {
    let message = format!(
        "The API key provided ({}) does not allow requests from your IP address, {client}. `florin keys list` shows from where it does.",
        caller.shown()
    );
    ApiError::new(403, ErrorType::InvalidRequest, message).code("ip_address_not_allowed")
}

pub fn header<'a>(request: &'a EdgeRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

/// `Stripe-Account` names another account to act for: there is nothing of the kind here, so only the key's own is taken.
fn own_account(api: &Api, request: &EdgeRequest, caller: &Caller) -> Result<(), ApiError> {
    let Some(named) = header(request, "stripe-account") else { return Ok(()) };
    if api.look.key(Kind::Account, named) == Some(caller.account) {
        return Ok(());
    }
    let (shown, named): (String, String) = (caller.shown(), named.chars().take(40).collect());
    let message = format!(
        "The provided key '{shown}' does not have access to account '{named}' (or that account does not exist). \
         Connect is not offered: each account has keys of its own."
    );
    Err(ApiError::new(403, ErrorType::InvalidRequest, message).code("account_invalid"))
}

/// The query and, but for GET and DELETE, the body.
fn parameters(request: &EdgeRequest) -> Result<Map<String, Value>, ApiError> {
    let json = header(request, "content-type").is_some_and(|t| t.trim_start().starts_with("application/json"));
    let mut map = if request.method != "GET" && json {
        form::parse_json(&request.body)?
    } else {
        let body = std::str::from_utf8(&request.body).map_err(|_| ApiError::invalid("The body is not UTF-8."))?;
        form::parse(body)?
    };
    for (name, value) in form::parse(&request.query)? {
        if map.insert(name.clone(), value).is_some() {
            let message = format!("The parameter {name} is given in the query and in the body.");
            return Err(ApiError::invalid(message).param(&name));
        }
    }
    Ok(map)
}

fn no_route(request: &EdgeRequest, other_method: bool) -> ApiError {
    let path: String = request.path.chars().take(200).collect();
    let status = if other_method { 405 } else { 404 };
    let message = format!("Unrecognized request URL ({}: {path}). The README lists what is offered.", request.method);
    let code = if other_method { "method_not_allowed" } else { "url_unknown" };
    ApiError::new(status, ErrorType::InvalidRequest, message).code(code)
}

fn permit(api: &Api, route: &Route, caller: &Caller) -> Result<(), ApiError> {
    match (route.permit, caller.class) {
        (_, KeyClass::Secret) | (Permit::Any, KeyClass::Publishable) => Ok(()),
        (Permit::Secret, KeyClass::Publishable) => Err(secret_needed()),
        (Permit::Any | Permit::Secret, KeyClass::Restricted) => {
            let needed = permission::of(route);
            match caller.may(needed.resource, needed.write) {
                true => Ok(()),
                false => Err(permission::lacking(&api.look, caller, &needed)),
            }
        }
    }
}

/// Nothing that browsers are shown needs more, and a secret key there is one that leaks.
fn publishable_needed() -> ApiError {
    ApiError::new(
        403,
        ErrorType::InvalidRequest,
        "The card form takes publishable API keys (pk_…) alone. Keep secret keys on your server, and use them at the address of the API.",
    )
    .code("publishable_key_required")
}

pub fn secret_needed() -> ApiError {
    ApiError::new(
        403,
        ErrorType::InvalidRequest,
        "This API call cannot be made with a publishable API key. Use a secret key, on your server.",
    )
    .code("secret_key_required")
}

/// The place of the idempotency key, and the digest of the request: method, path and parameters, with each card's digest in place of
/// its token, which is fresh at each try.
fn claiming(
    api: &Api,
    request: &EdgeRequest,
    caller: &Caller,
    map: &Map<String, Value>,
) -> Result<Option<Claiming>, ApiError> {
    let key = header(request, "idempotency-key").filter(|_| request.method == "POST");
    let Some(key) = key.filter(|k| !k.is_empty()) else { return Ok(None) };
    if key.chars().count() > LONGEST_KEY {
        let error: ApiError = Refusal::IdempotencyKeyLength.into();
        return Err(error);
    }
    let account = caller.account.0.to_be_bytes();
    let digest = api.claims.mac(&[b"key", &account, &[u8::from(caller.live)], key.as_bytes()]);
    let mut params = Value::Object(map.clone());
    digests(&mut params, request);
    let told = [request.method.as_str(), request.path.as_str(), &params.to_string()].join("\0");
    // What a browser may see of an answer is less: its requests are others than the server's.
    let class = [caller.class as u8];
    let request = api.claims.mac(&[b"request", &account, &class, told.as_bytes()]);
    let slot = digest.first_chunk::<8>().map_or(0, |b| i64::from_be_bytes(*b));
    Ok(Some(Claiming { id: ClaimId { slot, digest }, request }))
}

/// Puts the digests of cards where their places are. Maps are sorted, so the text of equal parameters is equal.
fn digests(value: &mut Value, request: &EdgeRequest) {
    match value {
        Value::Object(map) => {
            if let Some(place) = map.get_mut(CARD_FIELD) {
                let index = place.as_str().and_then(|t| t.parse::<usize>().ok());
                let index = index.or_else(|| place.as_u64().and_then(|n| usize::try_from(n).ok()));
                if let Some(card) = index.and_then(|n| request.cards.get(n)) {
                    let hex: String = card.digest.iter().map(|b| format!("{b:02x}")).collect();
                    *place = Value::String(hex);
                }
            }
            map.values_mut().for_each(|v| digests(v, request));
        }
        Value::Array(list) => list.iter_mut().for_each(|v| digests(v, request)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The answer of the first request under this key, if there was one.
async fn replay(ask: &Ask<'_>) -> Result<Option<Answer>, ApiError> {
    let Some(claiming) = &ask.claim else { return Ok(None) };
    match ask.store().find(Query::Claim { slot: claiming.id.slot }).await?.claim() {
        Some(found) => Answer::replay(&claiming.judge(found)?).map(Some),
        None => Ok(None),
    }
}

/// Whose pages may show frames, if that is asked.
async fn origins(api: &Api, caller: &Caller, asked: bool) -> Result<Vec<String>, ApiError> {
    if !asked {
        return Ok(vec![]);
    }
    if caller.class != KeyClass::Publishable {
        return Err(publishable_needed());
    }
    Ok(api.origins.of(api.ports.store(), caller.account, caller.live, api.ports.now()).await?.to_vec())
}

pub async fn identify(api: &Api, asked: Identify) -> Identified {
    let given = keys::given(asked.authorization.as_deref(), asked.key_param.as_deref());
    let now = api.ports.now();
    let found = match keys::caller(api, given.as_deref()).await {
        // The request itself comes next, and is counted then.
        Ok(caller) if !caller.may_ask_from(asked.client) => Err(elsewhere(&caller, asked.client)),
        // Asked for a request that brings a card.
        Ok(caller) if caller.rules.signature_required && !asked.origins => Err(signed::tokenise_first()),
        Ok(caller) => api.limits.key(caller.key, now, true).map(|()| caller),
        Err(error) if error.status == 401 => api.limits.failure(asked.client, now).and(Err(error)),
        Err(error) => Err(error),
    };
    match found {
        Ok(caller) => match origins(api, &caller, asked.origins).await {
            Ok(origins) => Identified::Account { account: caller.account, live: caller.live, origins },
            Err(error) => Identified::Refused(respond::respond(&asked.id, PRESENT, None, Err(error))),
        },
        Err(error) => Identified::Refused(respond::respond(&asked.id, PRESENT, None, Err(error))),
    }
}

/// The answer as it leaves, and what is written down of it.
fn finish(
    api: &Api,
    request: &EdgeRequest,
    began: Time,
    passed: &mut Passed,
    answered: Result<Answer, ApiError>,
) -> EdgeResponse {
    let version = passed.version.as_ref().map_or(PRESENT, ApiVersion::as_str);
    let told = Told {
        caller: passed.caller.as_ref(),
        status: answered.as_ref().map_or_else(|e| e.status, |a| a.status),
        error: Fault::of(&answered),
        replayed: answered.as_ref().is_ok_and(|a| a.replayed),
        version,
    };
    api.house.requests().note(note::entry(api, request, began, &told));
    if told.status >= 500 {
        let trouble = answered.as_ref().err().and_then(|error| error.trouble.as_ref());
        api.house.failed(&Failed {
            request: &request.id,
            path: &note::path(&api.look, request),
            status: told.status,
            trouble,
        });
    }
    let mut response = respond::respond(&request.id, version, header(request, "idempotency-key"), answered);
    if let Some(site_key) = api.house.bot_check().filter(|_| passed.wants_person) {
        response.headers.push((person::HEADER.to_owned(), site_key.to_owned()));
    }
    response
}

//! The way into every endpoint: request id, version, key, permit, idempotency; and the way out. Knows no endpoint.

use crate::ask::{Answer, Ask};
use crate::declare::Declared;
use crate::error::{ApiError, ErrorType};
use crate::keys::{self, Caller};
use crate::origin::Sourced;
use crate::params::Params;
use crate::router::{self, Found, Permit, Route};
use crate::version::{ApiVersion, PRESENT};
use crate::{Api, KeyClass, expand, form, look, openapi};
use florin_core::commit::{ClaimId, Origin};
use florin_core::edge::{CARD_FIELD, EdgeRequest, EdgeResponse, Identified, Identify};
use florin_core::flow::{self, Claiming};
use florin_core::refusal::Refusal;
use florin_core::store::Query;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Characters of an idempotency key.
const LONGEST_KEY: usize = 255;

pub async fn handle(api: &Api, request: EdgeRequest, declared: Option<Arc<Declared>>) -> EdgeResponse {
    if request.method == "OPTIONS" {
        return preflight(&request);
    }
    if request.path == openapi::PATH && matches!(request.method.as_str(), "GET" | "HEAD") {
        return description(&request);
    }
    let header = |name: &str| request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let version = match ApiVersion::parse(header("stripe-version")) {
        Ok(version) => version,
        Err(error) => return finish(&request, PRESENT, Err(error)),
    };
    let answer = answer(api, &request, version.clone(), declared).await;
    finish(&request, version.as_str(), answer)
}

async fn answer(
    api: &Api,
    request: &EdgeRequest,
    version: ApiVersion,
    declared: Option<Arc<Declared>>,
) -> Result<Answer, ApiError> {
    let (route, ids) = match router::find(&request.method, &request.path) {
        Found::Route(route, ids) => (route, ids),
        other => return Err(no_route(request, matches!(other, Found::OtherMethod))),
    };
    let mut map = parameters(request)?;
    let key_param = map.remove("key").and_then(|k| k.as_str().map(str::to_owned));
    let given = keys::given(header(request, "authorization"), key_param.as_deref());
    let caller = keys::caller(api, given.as_deref()).await?;
    permit(route, caller)?;
    let claim = claiming(api, request, caller, &map)?;
    let paths = expand::asked(&mut map)?;
    let idempotency_key = claim.as_ref().and_then(|_| header(request, "idempotency-key")).map(str::to_owned);
    let ports = Sourced::new(&*api.ports, Origin { request: request.id.clone(), idempotency_key });
    let ask = Ask { api, request, caller, version, ids, claim, expand: paths, ports };
    if let Some(stored) = replay(&ask).await? {
        return sent(&ask, stored).await;
    }
    let params = Params::declaring(map, declared);
    let answered = match (route.handler)(&ask, &params).await {
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
    if let (true, false, 200, Some(claiming)) = (fresh, plain, answer.status, &ask.claim) {
        flow::amend(ask.store(), &claiming.id, look::stored_whole(answer.status, &answer.body)).await?;
    }
    if !ask.is_secret() {
        without_private(&mut answer.body);
    }
    Ok(answer)
}

/// What a holder of a client secret is not shown of an intent.
const PRIVATE: &[&str] = &["metadata", "customer", "application_fee_amount", "review", "transfer_data", "on_behalf_of"];

fn without_private(body: &mut Value) {
    match body {
        Value::Object(map) => {
            if map.get("object").is_some_and(|o| o == "payment_intent" || o == "setup_intent") {
                PRIVATE.iter().for_each(|name| drop(map.remove(*name)));
            }
            map.values_mut().for_each(without_private);
        }
        Value::Array(list) => list.iter_mut().for_each(without_private),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn header<'a>(request: &'a EdgeRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
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

fn permit(route: &Route, caller: Caller) -> Result<(), ApiError> {
    match (route.permit, caller.class) {
        (_, KeyClass::Secret) | (Permit::Any, KeyClass::Publishable) => Ok(()),
        (Permit::Secret, KeyClass::Publishable) => Err(secret_needed()),
    }
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
    caller: Caller,
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

pub async fn identify(api: &Api, asked: Identify) -> Identified {
    let given = keys::given(asked.authorization.as_deref(), asked.key_param.as_deref());
    match keys::caller(api, given.as_deref()).await {
        Ok(caller) => Identified::Account { account: caller.account, live: caller.live },
        Err(error) => Identified::Refused(respond(&asked.id, PRESENT, None, Err(error))),
    }
}

fn finish(request: &EdgeRequest, version: &str, answer: Result<Answer, ApiError>) -> EdgeResponse {
    respond(&request.id, version, header(request, "idempotency-key"), answer)
}

fn respond(id: &str, version: &str, idempotency: Option<&str>, answer: Result<Answer, ApiError>) -> EdgeResponse {
    let mut headers = vec![
        ("request-id".to_owned(), id.to_owned()),
        ("stripe-version".to_owned(), version.to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-cache, no-store".to_owned()),
    ];
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    let fits = |k: &&str| k.len() <= LONGEST_KEY && k.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if let Some(key) = idempotency.filter(fits) {
        add("idempotency-key", key);
    }
    let (status, body) = match answer {
        Ok(answer) => {
            if answer.replayed {
                add("idempotent-replayed", "true");
            }
            (answer.status, answer.body)
        }
        Err(error) => {
            if let Some(seconds) = error.retry_after_seconds {
                add("retry-after", &seconds.to_string());
                add("stripe-should-retry", "true");
            }
            if error.status == 401 {
                add("www-authenticate", "Basic realm=\"Florin\"");
            }
            (error.status, error.body())
        }
    };
    EdgeResponse { status, headers, body: body.to_string().into_bytes() }
}

/// The API's description, for everybody: it holds nothing of anybody.
fn description(request: &EdgeRequest) -> EdgeResponse {
    let headers = [
        ("request-id", request.id.as_str()),
        ("content-type", "application/json"),
        ("cache-control", "max-age=300"),
        ("access-control-allow-origin", "*"),
    ];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    EdgeResponse { status: 200, headers, body: openapi::text().as_bytes().to_vec() }
}

/// What stripe.js and the SDKs send.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Accept, Idempotency-Key, Stripe-Version, Stripe-Account, \
    X-Stripe-Client-User-Agent, X-Stripe-Client-Telemetry, X-Requested-With";

/// Browsers ask before they send a key to another origin (CORS).
fn preflight(request: &EdgeRequest) -> EdgeResponse {
    let headers = [
        ("request-id", request.id.as_str()),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, DELETE"),
        ("access-control-allow-headers", ALLOWED_HEADERS),
        ("access-control-max-age", "300"),
    ];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    EdgeResponse { status: 200, headers, body: vec![] }
}

//! `/3ds/…`: where a cardholder's browser is sent to be authenticated, and where it comes back. The only pages without an API key: an
//! unguessable part of the address opens one authentication. Knows no card, and believes nothing that the browser says.

use crate::ask::{Ask, Telling};
use crate::error::ApiError;
use crate::guard::Watch;
use crate::keys::Caller;
use crate::origin::Sourced;
use crate::version::ApiVersion;
use crate::{Api, KeyClass};
use florin_core::commit::{Origin, Row};
use florin_core::edge::{EdgeRequest, EdgeResponse, Site, ancestors};
use florin_core::flow::{self, Failure};
use florin_core::id::{Key, Kind};
use florin_core::payment::{self, PaymentPersonal, PaymentView, Stage};
use florin_core::refusal::Refusal;
use florin_core::setup::{self, SetupPersonal, SetupStage, SetupView};
use florin_core::threeds::{Answer, Ask as AskVault, Authentication, Begin, Browser, Settled};
use std::sync::atomic::AtomicBool;

/// `browserLanguage`, in characters.
const LANGUAGE_LIMIT_CHARS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The browser is on its way to the issuer.
    There,
    /// It comes back: the issuer has the result.
    Back,
}

/// Answers requests for pages of an authentication; None for all others.
pub async fn serve(api: &Api, request: &EdgeRequest) -> Option<EdgeResponse> {
    let rest = request.path.strip_prefix("/3ds/").filter(|_| request.site == Site::Card)?;
    let parts: Vec<&str> = rest.split('/').collect();
    let (step, id, token) = match parts.as_slice() {
        ["authenticate", id, token] => (Step::There, *id, *token),
        ["return", id, token] => (Step::Back, *id, *token),
        _ => return Some(page(404, UNKNOWN)),
    };
    if !matches!(request.method.as_str(), "GET" | "POST") {
        return Some(page(405, UNKNOWN));
    }
    let (waits, authentication) = match found(api, id, token).await {
        Ok(Some(found)) => found,
        Ok(None) => return Some(page(404, UNKNOWN)),
        Err(_) => return Some(page(503, TRY_AGAIN)),
    };
    let (account, live) = waits.of();
    let answered = proceed(api, request, waits, authentication, step).await;
    let mut response = answered.unwrap_or_else(|_| page(503, TRY_AGAIN));
    allow(api, &mut response, account, live).await;
    Some(response)
}

/// florin.js shows these pages over the merchant's, in a frame of ours: both may.
async fn allow(api: &Api, response: &mut EdgeResponse, account: Key, live: bool) {
    let origins = api.origins.of(api.ports.store(), account, live, api.ports.now()).await;
    // Without an answer it is shown as a page of its own at least.
    let ancestors = origins.map(|origins| ancestors(live, &origins, None)).unwrap_or_default();
    for (_, policy) in response.headers.iter_mut().filter(|(name, _)| name == "content-security-policy") {
        policy.push_str("; frame-ancestors 'self' ");
        policy.push_str(&ancestors);
    }
}

/// What waits for its cardholder.
enum Waits {
    Payment(PaymentView),
    Setup(SetupView),
}

impl Waits {
    fn read(row: &Row) -> Result<Option<Waits>, Failure> {
        Ok(match row.kind {
            Kind::Payment => Some(Waits::Payment(flow::read(row)?)),
            Kind::Setup => Some(Waits::Setup(flow::read(row)?)),
            _ => None,
        })
    }
    fn place(&self) -> (Kind, Key) {
        match self {
            Waits::Payment(view) => (Kind::Payment, view.key),
            Waits::Setup(view) => (Kind::Setup, view.key),
        }
    }
    /// Whose it is, and in which mode.
    fn of(&self) -> (Key, bool) {
        match self {
            Waits::Payment(view) => (view.account, view.body.live),
            Waits::Setup(view) => (view.account, view.body.live),
        }
    }
    fn authentications(&self) -> &[Authentication] {
        match self {
            Waits::Payment(view) => &view.body.authentications,
            Waits::Setup(view) => &view.body.authentications,
        }
    }
    /// It waits for this authentication now.
    fn waits_for(&self, authentication: Key) -> bool {
        match self {
            Waits::Payment(view) => view.body.stage == (Stage::RequiresAction { authentication }),
            Waits::Setup(view) => view.body.stage == (SetupStage::RequiresAction { authentication }),
        }
    }
    /// It was confirmed with `use_stripe_sdk`.
    fn is_by_library(&self) -> bool {
        match self {
            Waits::Payment(view) => view.body.terms.by_library,
            Waits::Setup(view) => view.body.asking.by_library,
        }
    }
    /// Stripe's word for how it went, and where the merchant wants the customer.
    fn went(&self) -> (&'static str, Option<String>) {
        match self {
            Waits::Payment(view) => {
                let word = match view.body.stage {
                    Stage::Succeeded { .. } | Stage::RequiresCapture { .. } => "succeeded",
                    Stage::Processing { .. } | Stage::RequiresAction { .. } => "pending",
                    Stage::RequiresPaymentMethod { .. } | Stage::RequiresConfirmation | Stage::Canceled { .. } => {
                        "failed"
                    }
                };
                (word, view.personal::<PaymentPersonal>().unwrap_or_default().return_url)
            }
            Waits::Setup(view) => {
                let word = match view.body.stage {
                    SetupStage::Succeeded { .. } => "succeeded",
                    SetupStage::Processing { .. } | SetupStage::RequiresAction { .. } => "pending",
                    SetupStage::RequiresPaymentMethod { .. }
                    | SetupStage::RequiresConfirmation
                    | SetupStage::Canceled { .. } => "failed",
                };
                (word, view.personal::<SetupPersonal>().unwrap_or_default().return_url)
            }
        }
    }
}

/// What has that id, and its authentication that the token opens.
async fn found(api: &Api, id: &str, token: &str) -> Result<Option<(Waits, Authentication)>, ApiError> {
    let kind = if id.starts_with("seti_") { Kind::Setup } else { Kind::Payment };
    let Some(key) = api.look.key(kind, id) else { return Ok(None) };
    let row = api.ports.store().get(&[key]).await?.into_iter().next().flatten();
    let Some(row) = row.filter(|row| row.kind == kind) else { return Ok(None) };
    let Some(waits) = Waits::read(&row)? else { return Ok(None) };
    let opens = |a: &&Authentication| same(api.look.threeds_token(a.key).as_bytes(), token.as_bytes());
    Ok(waits.authentications().iter().find(opens).copied().map(|a| (waits, a)))
}

/// In a time that does not tell how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
}

async fn proceed(
    api: &Api,
    request: &EdgeRequest,
    waits: Waits,
    authentication: Authentication,
    step: Step,
) -> Result<EdgeResponse, ApiError> {
    if !waits.waits_for(authentication.key) {
        return Ok(to_merchant(api, &waits));
    }
    let Authentication { key, money, card, mandated, .. } = authentication;
    let (account, live) = waits.of();
    let asked = match step {
        Step::There => AskVault::Begin(Box::new(Begin {
            account,
            live,
            authentication: key,
            card,
            money,
            mandated,
            notification_url: api.look.threeds_url("return", waits.place(), key),
            browser: browser(request),
        })),
        Step::Back => AskVault::Result { account, live, authentication: key, card, money },
    };
    match api.ports.authenticate(asked).await {
        Answer::Challenge { url } => Ok(redirect(&url)),
        Answer::Settled(settled) => finish(api, request, waits, key, settled).await,
        Answer::Waiting => Ok(to_merchant(api, &waits)),
        Answer::Trouble | Answer::Enrolled(_) => Ok(page(503, TRY_AGAIN)),
    }
}

/// Goes on, once, and sends the browser to the merchant.
async fn finish(
    api: &Api,
    request: &EdgeRequest,
    waits: Waits,
    authentication: Key,
    settled: Settled,
) -> Result<EdgeResponse, ApiError> {
    let ((account, live), (_, owner)) = (waits.of(), waits.place());
    // Nobody's key: the cardholder came back, and the gateway goes on by itself.
    let (key, tail, grants, allowed) = (account, "".into(), [].into(), [].into());
    let caller =
        Caller { account, class: KeyClass::Secret, live, key, tail, grants, allowed, rules: Default::default() };
    let (version, ids, expand) = (ApiVersion::parse(None)?, vec![], vec![]);
    let origin = Origin { request: request.id.clone(), idempotency_key: None };
    // Whoever was asked for a proof is not asked again: cards and payments are counted, the address is not.
    let watch = Watch {
        guard: &api.guard,
        log: api.house.abuse(),
        request: &request.id,
        browser: None,
        asks: false,
        person: false,
        wants_person: AtomicBool::new(false),
    };
    let ports = Sourced::new(&*api.ports, origin, watch);
    let ask = Ask { api, request, caller, version, ids, claim: None, expand, ports };
    let ports = ask.asked(Telling::Intent);
    let done = match waits {
        Waits::Payment(_) => {
            let command = payment::Authenticated { account, payment: owner, authentication, settled };
            payment::authenticated(&ports, &command).await.map(drop)
        }
        Waits::Setup(_) => {
            let command = setup::AuthenticatedSetup { account, setup: owner, authentication, settled };
            setup::authenticated(&ports, &command).await.map(drop)
        }
    };
    match done {
        // It went on already: the page was opened twice, or a worker asked.
        Ok(()) | Err(Failure::Refused(Refusal::UnexpectedState { .. } | Refusal::SetupState { .. })) => {}
        Err(failure) => return Err(failure.into()),
    }
    let row = api.ports.store().get(&[owner]).await?.into_iter().next().flatten();
    let now = row.map(|row| Waits::read(&row)).transpose()?.flatten();
    Ok(now.map_or_else(|| page(404, UNKNOWN), |now| to_merchant(api, &now)))
}

/// What the browser says of itself.
fn browser(request: &EdgeRequest) -> Browser {
    let header = |name: &str| {
        let found = request.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone()).unwrap_or_default()
    };
    let accepted = header("accept-language");
    let accepted = || accepted.split([',', ';']).next().unwrap_or("").trim().to_owned();
    // The form's language, if the library says it, before the browser's: the issuer's page is shown over that form.
    let language = language(&request.query).map_or_else(accepted, str::to_owned);
    let (accept, user_agent) = (header("accept"), header("user-agent"));
    Browser { accept, user_agent, language, address: Some(request.client) }
}

/// `lang=ko` of a query: a tag as long as an issuer is told (`browserLanguage`, EMV 3DS A.4).
fn language(query: &str) -> Option<&str> {
    let tag = query.split('&').find_map(|pair| pair.strip_prefix("lang="))?;
    let is_tag = (2..=LANGUAGE_LIMIT_CHARS).contains(&tag.len());
    (is_tag && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')).then_some(tag)
}

/// Back to the merchant's page, with what Stripe adds to its address.
fn to_merchant(api: &Api, waits: &Waits) -> EdgeResponse {
    // The library shows these pages over the merchant's own, and goes on there by itself.
    if waits.is_by_library() {
        return page(200, DONE);
    }
    let (status, return_url) = waits.went();
    let Some(url) = return_url else { return page(200, DONE) };
    let (kind, key) = waits.place();
    let name = if kind == Kind::Setup { "setup_intent" } else { "payment_intent" };
    let (id, secret) = (api.look.id(kind, key), api.look.client_secret(kind, key));
    redirect(&with_query(&url, &format!("{name}={id}&{name}_client_secret={secret}&redirect_status={status}")))
}

/// Adds parameters to an address, before its fragment.
fn with_query(url: &str, added: &str) -> String {
    let (before, fragment) = match url.split_once('#') {
        Some((before, fragment)) => (before, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let sign = match before.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{before}{sign}{added}{fragment}")
}

fn redirect(url: &str) -> EdgeResponse {
    // A header is ASCII (RFC 9110 §5.5): what is not is percent-encoded.
    let mut location = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() {
            location.push(char::from(byte));
        } else {
            location.push_str(&format!("%{byte:02X}"));
        }
    }
    let mut response = page(303, DONE);
    response.headers.push(("location".into(), location));
    response
}

const UNKNOWN: &str = "This confirmation is not known, or no longer. Go back to the shop and pay again.";
const TRY_AGAIN: &str =
    "Your bank cannot be reached at the moment. Nothing was charged. Load this page again in a moment.";
const DONE: &str = "You can close this page and go back to the shop.";

/// One sentence, without scripts or styles.
fn page(status: u16, sentence: &str) -> EdgeResponse {
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Payment</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head><body><main><p>{sentence}</p></main></body></html>\n"
    );
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; base-uri 'none'"),
    ];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    EdgeResponse { status, headers, body: body.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_to_addresses() {
        #[track_caller]
        fn check(url: &str, expected: &str) {
            assert_eq!(with_query(url, "a=1"), expected);
        }
        check("https://shop.test/done", "https://shop.test/done?a=1");
        check("https://shop.test/done?", "https://shop.test/done?a=1");
        check("https://shop.test/done?b=2", "https://shop.test/done?b=2&a=1");
        check("https://shop.test/done?b=2&", "https://shop.test/done?b=2&a=1");
        check("https://shop.test/#/done", "https://shop.test/?a=1#/done");
        check("myapp://done", "myapp://done?a=1");
    }

    #[test]
    fn addresses_are_ascii() {
        let at = |url: &str| {
            let response = redirect(url);
            response.headers.into_iter().find(|(n, _)| n == "location").map(|(_, v)| v)
        };
        assert_eq!(at("https://shop.test/감사").as_deref(), Some("https://shop.test/%EA%B0%90%EC%82%AC"));
        assert_eq!(at("https://shop.test/\r\nx: y").as_deref(), Some("https://shop.test/%0D%0Ax:%20y"));
    }
}

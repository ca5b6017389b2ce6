//! One request from its head and body to the gateway's answer. First all that looks at the client's bytes, which then go; then all that
//! waits. Knows no socket.

use super::answer::{API_VERSION, mask};
use super::gateway::NoAnswer;
use super::head::Head;
use super::inbound::{keep_card, keep_code};
use super::numbers;
use super::pages::{self, Page};
use super::places;
use super::policy::{self, Problem, Showing};
use super::refusal::Refusal;
use super::swap::{self, Found};
use super::{Edge, count, sites};
use crate::core::edge::{EdgeRequest, EdgeResponse, FrameKind, Identified, Identify, Site, payload};
use crate::core::network::{Network, client};
use florin_merchant::digest::Wrong;
use serde::Deserialize;
use std::net::IpAddr;

/// The edge's own health: it serves, and whether it reaches the gateway.
const HEALTH_PATH: &str = "/healthz";
pub const METHODS: [&str; 7] = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"];
const VERSION_LIMIT_BYTES: usize = 40;

/// Headers that the gateway gets. All others end here: those of this hop, those that say who the client is, and those that would only
/// carry what clients and their networks put into requests by chance.
const PASSED_ON: [&str; 21] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "content-digest",
    "content-type",
    "cookie",
    "date",
    "florin-bot-check",
    "host",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "last-event-id",
    "origin",
    "signature",
    "signature-input",
    TRACE,
    "user-agent",
    "x-csrf-token",
];
const PASSED_ON_BEGIN: [&str; 4] = ["access-control-request-", "sec-fetch-", "stripe-", "x-stripe-"];
/// W3C Trace Context §3.2: random digits in a fixed shape.
const TRACE: &str = "traceparent";

fn is_passed_on(name: &str, value: &[u8]) -> bool {
    let known = PASSED_ON.contains(&name) || PASSED_ON_BEGIN.iter().any(|begin| name.starts_with(begin));
    known && (name != TRACE || is_trace(value))
}

/// `00-<32 hex>-<16 hex>-<2 hex>`.
fn is_trace(value: &[u8]) -> bool {
    let shape: Vec<usize> = value.split(|b| *b == b'-').map(<[u8]>::len).collect();
    shape == [2, 32, 16, 2] && value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-')
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Asker {
    pub address: IpAddr,
    pub site: Site,
    pub tls: bool,
}

impl Asker {
    /// Who is behind a proxy of ours.
    pub fn behind(self, proxies: &[Network], head: &Head<'_>) -> Asker {
        let named = head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
        let lines: Vec<&str> = named.filter_map(|(_, value)| std::str::from_utf8(value).ok()).collect();
        Asker { address: client(self.address, proxies, &lines), ..self }
    }
}

/// A request of which nothing stands in the client's buffers any more.
pub enum Asked {
    Health,
    /// Known as it is.
    Answered(EdgeResponse),
    /// A frame of the card origin, for the pages of the account that has the key.
    Frame {
        page: Page,
        asked: Identify,
        /// The origin of the page that shows it, if its browser says so.
        shown_by: Option<String>,
    },
    Gateway(Box<Forward>),
}

/// For the gateway, once its cards are in the vault.
pub struct Forward {
    request: EdgeRequest,
    cards: Vec<Found>,
    codes: Vec<Found>,
    key_param: Option<String>,
}

/// Looks at everything that the client sent.
pub fn prepare(id: &str, asker: Asker, head: &Head<'_>, body: &[u8]) -> Result<Asked, Refusal> {
    if !METHODS.contains(&head.method) {
        return Err(Refusal::Method);
    }
    let query_key = check_head(head)?;
    if head.path == HEALTH_PATH && matches!(head.method, "GET" | "HEAD") {
        return Ok(Asked::Health);
    }
    sites::check(asker, head)?;
    if asker.site == Site::Card
        && let Some(asked) = page(id, asker, head, &query_key)
    {
        return Ok(asked);
    }
    digest(head, body)?;
    let places = match asker.site {
        Site::Api | Site::Card => places::of(head.method, head.path),
        // No card belongs there: each is refused by name.
        Site::Dashboard => &[],
    };
    let clean = match kind(head, body)? {
        Kind::Nothing => swap::form(&[], &[])?,
        Kind::Form => swap::form(body, places)?,
        Kind::Json => swap::json(body, places)?,
    };
    if (!clean.cards.is_empty() || !clean.codes.is_empty()) && head.header("signature-input").is_some() {
        return Err(Refusal::SignedCard);
    }
    let request = EdgeRequest { body: clean.body, ..Forward::bare(id, asker, head) };
    let (cards, codes, key_param) = (clean.cards, clean.codes, clean.key.or(query_key));
    if !cards.is_empty() || !codes.is_empty() {
        crate::wipe::touched();
    }
    Ok(Asked::Gateway(Box::new(Forward { request, cards, codes, key_param })))
}

/// What the card origin serves by itself.
fn page(id: &str, asker: Asker, head: &Head<'_>, key: &Option<String>) -> Option<Asked> {
    if head.path == pages::REPORTS && head.method == "POST" {
        // Which page tried what is the merchant's affair; that it happened is counted with the requests.
        return Some(Asked::Answered(EdgeResponse { status: 204, headers: Vec::new(), body: Vec::new() }));
    }
    let page = matches!(head.method, "GET" | "HEAD").then(|| pages::find(head.path))??;
    let fixed = pages::fixed(page, head.header("if-none-match"));
    let frame = || {
        let (id, key_param) = (id.to_owned(), key.clone());
        Asked::Frame {
            page,
            asked: Identify { authorization: None, key_param, id, client: asker.address, origins: true },
            shown_by: head.header("referer").and_then(policy::origin_of),
        }
    };
    Some(fixed.map_or_else(frame, Asked::Answered))
}

/// The bytes that came are those that `Content-Digest` tells of, where it is sent and names a digest that is known: afterwards a card may
/// have been swapped, and nobody could tell.
fn digest(head: &Head<'_>, body: &[u8]) -> Result<(), Refusal> {
    let lines = head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-digest"));
    let Ok(lines) = lines.map(|(_, value)| std::str::from_utf8(value)).collect::<Result<Vec<&str>, _>>() else {
        return Err(Refusal::DigestUnreadable);
    };
    if lines.is_empty() {
        return Ok(());
    }
    match florin_merchant::digest::check(&lines.join(", "), body) {
        Ok(()) | Err(Wrong::Unknown) => Ok(()),
        Err(Wrong::Differs) => Err(Refusal::DigestDiffers),
        Err(Wrong::Unreadable) => Err(Refusal::DigestUnreadable),
    }
}

enum Kind {
    Nothing,
    Form,
    Json,
}

/// Bodies that could not be looked through are not taken.
fn kind(head: &Head<'_>, body: &[u8]) -> Result<Kind, Refusal> {
    if head.header("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentEncoding);
    }
    if body.is_empty() {
        return Ok(Kind::Nothing);
    }
    let content_type = head.header("content-type").unwrap_or(b"application/x-www-form-urlencoded");
    let media = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    match media.to_ascii_lowercase().as_slice() {
        b"application/x-www-form-urlencoded" => Ok(Kind::Form),
        b"application/json" => Ok(Kind::Json),
        _ => Err(Refusal::ContentType),
    }
}

/// No card number in the path, the query or a header. Gives the parameter `key` of the query.
pub fn check_head(head: &Head<'_>) -> Result<Option<String>, Refusal> {
    if swap::has_card(head.path.as_bytes(), numbers::has_card) {
        return Err(Refusal::CardNumber(Some("path".into())));
    }
    let key = swap::check_query(head.query.as_bytes())?;
    for (name, value) in &head.headers {
        let known = is_passed_on(&name.to_ascii_lowercase(), value) && !name.eq_ignore_ascii_case(TRACE);
        let look = if known { numbers::has_card } else { numbers::has_test_card };
        let basic = value.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case(b"basic "));
        let credentials = basic.map(|_| base64(value.get(6..).unwrap_or_default()));
        if look(name.as_bytes()) {
            return Err(Refusal::CardNumber(None));
        }
        if swap::has_card(value, look) || credentials.is_some_and(|text| swap::has_card(&text, look)) {
            return Err(Refusal::CardNumber(Some((*name).to_owned())));
        }
    }
    Ok(key)
}

/// RFC 4648 §4. What is no letter of it is looked over: this is read for card numbers alone.
fn base64(text: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let value = |b: &u8| match b {
        b'A'..=b'Z' => Some(u32::from(b - b'A')),
        b'a'..=b'z' => Some(u32::from(b - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(b - b'0') + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let letters: zeroize::Zeroizing<Vec<u32>> = zeroize::Zeroizing::new(text.iter().filter_map(value).collect());
    let mut out = zeroize::Zeroizing::new(Vec::with_capacity(letters.len()));
    for four in letters.chunks(4) {
        let bits = four.iter().fold(0, |bits, n| bits << 6 | n) << (6 * (4 - four.len()));
        out.extend(bits.to_be_bytes().into_iter().skip(1).take(four.len() - 1));
    }
    out
}

/// The headers that the gateway gets: those that it always gets, or only those that are asked for.
pub fn headers(head: &Head<'_>, more: fn(&str) -> bool) -> Vec<(String, String)> {
    head.headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, value)| is_passed_on(name, value) || more(name))
        .map(|(name, value)| (name, String::from_utf8_lossy(value).into_owned()))
        .collect()
}

/// The version of the API that the client names, if it looks like one.
pub fn api_version(head: Option<&Head<'_>>) -> String {
    let named = head.and_then(|head| head.header("stripe-version"));
    let fits = |text: &&str| {
        (1..=VERSION_LIMIT_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    };
    named.and_then(|text| std::str::from_utf8(text).ok()).filter(fits).unwrap_or(API_VERSION).to_owned()
}

/// The path as it may be written down: every part that is not a plain word is an id.
pub fn route(path: &str) -> String {
    let word =
        |part: &str| part.len() <= 40 && part.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.'));
    let known = |part: &str| part.is_empty() || part == "v1" || part == "v2" || (word(part) && !is_name(part));
    path.split('/').take(12).map(|part| if known(part) { part } else { "{id}" }).collect::<Vec<_>>().join("/")
}

/// Words that a person may have given, as `pm_card_visa`.
fn is_name(part: &str) -> bool {
    part.starts_with("pm_") || part.starts_with("tok_")
}

/// Does what waits: asks whose key it is, keeps the cards, asks the gateway.
pub async fn perform(edge: &Edge, asked: Asked) -> EdgeResponse {
    match asked {
        Asked::Health => health(edge),
        Asked::Answered(response) => response,
        Asked::Frame { page, asked, shown_by } => {
            frame(edge, page, &asked, shown_by).await.unwrap_or_else(|refusal| refusal.response())
        }
        Asked::Gateway(forward) => match forward.perform(edge).await {
            Ok(mut response) => {
                if mask(&mut response) {
                    count(&edge.counts.masked, 1);
                }
                response
            }
            Err(refusal) => {
                if refusal == Refusal::Overloaded {
                    count(&edge.counts.overloaded, 1);
                }
                refusal.response()
            }
        },
    }
}

/// Asks whose key it is, and which pages may show its frames.
async fn frame(edge: &Edge, page: Page, asked: &Identify, shown_by: Option<String>) -> Result<EdgeResponse, Refusal> {
    let _place = edge.gateway.enter()?;
    match identify(edge, asked).await? {
        Identified::Account { live, origins, .. } => {
            pages::frame(page, &Showing { live, origins, page: shown_by }).ok_or(Refusal::BadAnswer)
        }
        Identified::Refused(response) if matches!(response.status, 401 | 403) => Ok(pages::refused(&Problem::Key)),
        Identified::Refused(response) => Ok(response),
    }
}

/// Nothing was done yet, whatever became of the question.
async fn identify(edge: &Edge, asked: &Identify) -> Result<Identified, Refusal> {
    let answer = edge.gateway.ask(FrameKind::Identify, asked).await;
    let (kind, bytes) = answer.map_err(|none| match none {
        NoAnswer::Busy => Refusal::Overloaded,
        NoAnswer::Gone | NoAnswer::Unknown => Refusal::GatewayGone,
    })?;
    read(kind, FrameKind::Identified, &bytes)
}

fn health(edge: &Edge) -> EdgeResponse {
    let gateway = if edge.gateway.is_up() { "up" } else { "down" };
    let body = serde_json::json!({ "status": "ok", "gateway": gateway });
    EdgeResponse { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

impl From<NoAnswer> for Refusal {
    fn from(none: NoAnswer) -> Refusal {
        match none {
            NoAnswer::Busy => Refusal::Overloaded,
            NoAnswer::Gone => Refusal::GatewayGone,
            NoAnswer::Unknown => Refusal::OutcomeUnknown,
        }
    }
}

/// The answer, if it is of the kind that was asked for.
fn read<'a, T: Deserialize<'a>>(kind: FrameKind, expected: FrameKind, bytes: &'a [u8]) -> Result<T, Refusal> {
    let answer = if kind == expected { payload(bytes) } else { None };
    answer.ok_or(Refusal::BadAnswer)
}

impl Forward {
    /// The request without its body.
    pub fn bare(id: &str, asker: Asker, head: &Head<'_>) -> EdgeRequest {
        EdgeRequest {
            id: id.to_owned(),
            method: head.method.to_owned(),
            path: head.path.to_owned(),
            query: head.query.to_owned(),
            headers: headers(head, |_| false),
            body: Vec::new(),
            client: asker.address,
            site: asker.site,
            tls: asker.tls,
            cards: Vec::new(),
            codes: Vec::new(),
        }
    }

    async fn perform(mut self, edge: &Edge) -> Result<EdgeResponse, Refusal> {
        let _place = edge.gateway.enter()?;
        let swapped = !self.cards.is_empty() || !self.codes.is_empty();
        if swapped && let Some(refused) = self.keep(edge).await? {
            return Ok(refused);
        }
        let (kind, bytes) = edge.gateway.ask(FrameKind::Request, &self.request).await?;
        read(kind, FrameKind::Response, &bytes)
    }

    /// Keeps the cards under the account of the key. Gives the gateway's answer if it does not know the key.
    async fn keep(&mut self, edge: &Edge) -> Result<Option<EdgeResponse>, Refusal> {
        let headers = &self.request.headers;
        let authorization = headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.clone());
        let (id, client) = (self.request.id.clone(), self.request.client);
        let asked = Identify { authorization, key_param: self.key_param.take(), id, client, origins: false };
        let (account, live) = match identify(edge, &asked).await? {
            Identified::Account { account, live, .. } => (account, live),
            Identified::Refused(response) => return Ok(Some(response)),
        };
        let cards = edge.cards.as_ref().ok_or(Refusal::CardNumber(None))?;
        for found in std::mem::take(&mut self.cards) {
            self.request.cards.push(keep_card(cards, edge.clock.now(), account, live, found).await?);
        }
        for found in std::mem::take(&mut self.codes) {
            self.request.codes.push(keep_code(cards, edge.clock.now(), live, found)?);
        }
        count(&edge.counts.cards, (self.request.cards.len() + self.request.codes.len()) as u64);
        Ok(None)
    }
}

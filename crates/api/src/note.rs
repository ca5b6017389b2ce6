//! What is written down of a request once it is answered. Knows no storage; takes nothing from body, query or client.

use crate::ask::Answer;
use crate::gate::header;
use crate::keys::Caller;
use crate::look::Look;
use crate::router::{self, Found, ROUTES};
use crate::{Api, error::ApiError};
use florin_core::edge::EdgeRequest;
use florin_core::id::{Key, Kind};
use florin_core::request_log::Entry;
use florin_core::time::Time;
use serde_json::Value;

/// Parts of a path that are written down; what follows is left out.
const MOST_PARTS: usize = 8;

/// Literal parts of routes and ids of ours. Whatever else a client wrote there could be somebody's name.
pub fn path(look: &Look, request: &EdgeRequest) -> String {
    let route = match router::find(&request.method, &request.path) {
        Found::Route(route, _) => Some(route.path),
        Found::OtherMethod | Found::Nothing => None,
    };
    let literal = |part: &str, n: usize| match route {
        Some(path) => path.split('/').nth(n) == Some(part),
        None => ROUTES.iter().any(|r| r.path.split('/').any(|p| p == part)),
    };
    let shown = |(n, part): (usize, &str)| {
        if literal(part, n) || is_id(look, part) { part.to_owned() } else { "{}".to_owned() }
    };
    let parts: Vec<String> =
        request.path.trim_end_matches('/').split('/').enumerate().take(MOST_PARTS).map(shown).collect();
    parts.join("/")
}

fn is_id(look: &Look, part: &str) -> bool {
    let Some((prefix, _)) = part.rsplit_once('_') else { return false };
    Kind::ALL.iter().any(|kind| kind.prefix() == prefix && look.key(*kind, part).is_some())
}

/// What came of a request, for the log.
pub struct Told<'a> {
    pub caller: Option<&'a Caller>,
    pub status: u16,
    /// Of a refusal, or within an answer that tells of one: a decline.
    pub error: Option<Fault>,
    pub replayed: bool,
    pub version: &'a str,
}

/// Type, code and parameter of an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    kind: String,
    code: Option<String>,
    param: Option<String>,
}

impl Fault {
    /// The parameter's name, unless it is the client's own text.
    fn own_param(&self) -> Option<String> {
        self.param.clone().filter(|param| self.code.as_deref() != Some("parameter_unknown") && is_name(param))
    }

    pub fn of(answered: &Result<Answer, ApiError>) -> Option<Fault> {
        match answered {
            Err(e) => Some(Fault { kind: e.kind.as_str().to_owned(), code: e.code.clone(), param: e.param.clone() }),
            Ok(answer) => {
                let error = answer.body.get("error").filter(|_| answer.status >= 400)?;
                let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
                Some(Fault { kind: text("type").unwrap_or_default(), code: text("code"), param: text("param") })
            }
        }
    }
}

pub fn entry(api: &Api, request: &EdgeRequest, began: Time, told: &Told<'_>) -> Entry {
    let took = api.ports.now().since(began).clamp(0, i64::from(u32::MAX));
    let key = header(request, "idempotency-key").filter(|k| !k.is_empty() && request.method == "POST");
    let hashed = |key: &str| {
        let account = told.caller.map_or(Key(0), |c| c.account).0.to_be_bytes();
        let hash = api.claims.mac(&[b"log", &account, key.as_bytes()]);
        hash.first_chunk::<16>().copied().unwrap_or_default()
    };
    Entry {
        id: request.id.clone(),
        account: told.caller.map_or(Key(0), |c| c.account),
        live: told.caller.is_some_and(|c| c.live),
        at: began,
        took_ms: u32::try_from(took).unwrap_or(0),
        method: request.method.clone(),
        path: path(&api.look, request),
        status: told.status,
        error_type: told.error.as_ref().map(|e| e.kind.clone()),
        error_code: told.error.as_ref().and_then(|e| e.code.clone()),
        error_param: told.error.as_ref().and_then(|e| e.own_param()),
        key: told.caller.map(|c| c.key),
        key_tail: told.caller.map_or_else(String::new, |c| c.tail.to_string()),
        idempotency: key.map(hashed),
        replayed: told.replayed,
        version: told.version.to_owned(),
    }
}

/// Names of parameters that look like ours: an unknown one is the client's own text, and so are names of metadata.
fn is_name(param: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || matches!(b, b'_' | b'[' | b']' | b'0'..=b'9');
    param.len() <= 100 && !param.contains("metadata[") && param.bytes().all(letters)
}

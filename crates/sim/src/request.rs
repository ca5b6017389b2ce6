//! Requests as merchants and browsers send them, and answers as they read them: the edge's form of HTTP. Knows paths and parameters only
//! as text.

use crate::audit::{Heard, Of};
use crate::world::World;
use florin_api::Look;
use florin_core::edge::{CARD_FIELD, EdgeRequest, EdgeResponse, Site, SwappedCard};
use florin_core::id::{Key, Kind};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};

/// One request, as often as it may be tried.
#[derive(Clone, Debug)]
pub struct Request {
    pub account: Key,
    pub method: &'static str,
    pub path: String,
    /// A form, or the query of a GET.
    pub text: String,
    /// Place of the card that is typed in. Each try has a token of its own, as the vault makes one for each.
    pub card: Option<usize>,
    /// The idempotency key.
    pub claim: Option<i64>,
    pub site: Site,
}

impl Request {
    pub fn post(account: Key, path: String, text: String) -> Request {
        Request { account, method: "POST", path, text, card: None, claim: None, site: Site::Api }
    }
    pub fn get(account: Key, path: String, text: String) -> Request {
        Request { method: "GET", ..Request::post(account, path, text) }
    }
    /// A browser's, for a page of the card origin.
    pub fn page(account: Key, path: String) -> Request {
        Request { site: Site::Card, ..Request::get(account, path, String::new()) }
    }
    /// The same with a card that is typed in.
    pub fn with_card(mut self, place: usize) -> Request {
        let data = format!("payment_method_data[type]=card&payment_method_data[card][{CARD_FIELD}]=0");
        self.text = if self.text.is_empty() { data } else { format!("{}&{data}", self.text) };
        self.card = Some(place);
        self
    }
}

/// What a client sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Answer {
        status: u16,
        body: Vec<u8>,
    },
    /// The connection broke, or nobody took it.
    Reset,
}

impl Reply {
    pub fn of(answer: EdgeResponse) -> Reply {
        Reply::Answer { status: answer.status, body: answer.body }
    }
    /// From what is stored under an idempotency key: status, then body.
    pub fn of_stored(stored: &[u8]) -> Option<Reply> {
        let (status, body) = stored.split_first_chunk::<2>()?;
        Some(Reply::Answer { status: u16::from_be_bytes(*status), body: body.to_vec() })
    }
}

/// What an answer means to a client that keeps asking.
pub enum Meaning {
    /// What it is about, as it was told: also of a payment that was declined.
    Told(Heard),
    /// A refusal for good.
    Refused(String),
    /// Ask again with the same idempotency key.
    Again,
}

impl Meaning {
    pub fn of(look: &Look, status: u16, body: &[u8]) -> Meaning {
        if matches!(status, 409 | 429) || status >= 500 {
            return Meaning::Again;
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Meaning::Refused(format!("{status} without JSON"));
        };
        let inside = ["payment_intent", "setup_intent"].map(|name| &body["error"][name]);
        let object = match status {
            402 => inside.into_iter().find(|value| value.is_object()),
            200 => Some(&body),
            _ => None,
        };
        match object.and_then(|object| heard(look, object)) {
            Some(heard) => Meaning::Told(heard),
            None => Meaning::Refused(format!("{status} {}", body["error"])),
        }
    }
}

fn heard(look: &Look, object: &Value) -> Option<Heard> {
    let (kind, of, amount) = match object["object"].as_str()? {
        "payment_intent" => (Kind::Payment, Of::Payment, "amount_received"),
        "refund" => (Kind::Refund, Of::Refund, "amount"),
        "setup_intent" => (Kind::Setup, Of::Setup, ""),
        _ => return None,
    };
    let key = look.key(kind, object["id"].as_str()?)?;
    let amount = object[amount].as_i64().unwrap_or(0);
    Some(Heard { key, status: object["status"].as_str()?.to_owned(), amount, of })
}

impl World {
    /// A request as the edge hands it to a gateway: the card is swapped for a fresh token, its digest stays the same.
    pub fn edge(&mut self, number: u64, request: &Request) -> EdgeRequest {
        let mut headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        if request.site == Site::Api {
            let secret = self.secrets.get(&request.account).map_or("", String::as_str);
            headers.push(("authorization".into(), format!("Bearer {secret}")));
        }
        if let Some(claim) = request.claim {
            headers.push(("idempotency-key".into(), format!("order-{claim}")));
        }
        let mut cards = vec![];
        if let Some(place) = request.card {
            let count = i64::try_from(self.cards.len()).unwrap_or(1);
            self.next_token += 1;
            let mut facts = self.cards[place].facts.clone();
            // Vaults find the card by what is left of the token when whole rounds are taken off.
            facts.token.key = Key(facts.token.key.0 + count * self.next_token);
            let digest = [u8::try_from(place).unwrap_or(0); 32];
            cards.push(SwappedCard { param: "payment_method_data[card]".into(), facts, digest, cvc_given: true });
        }
        let (query, body) = match request.method {
            "GET" => (request.text.clone(), vec![]),
            _ => (String::new(), request.text.clone().into_bytes()),
        };
        EdgeRequest {
            id: format!("req_{number:022}"),
            method: request.method.into(),
            path: request.path.clone(),
            query,
            headers,
            body,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            site: request.site,
            tls: true,
            cards,
            codes: vec![],
        }
    }
}

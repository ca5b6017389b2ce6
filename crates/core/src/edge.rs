//! What the vault's edge and the gateway say to each other: requests whose cards were swapped for tokens, and answers, as frames.
//! Knows no socket, no HTTP library and no card number.
//!
//! `length u32 | id u32 | kind u8 | payload`, big-endian; the length counts what follows it; payloads are postcard.
//! The gateway listens on a Unix socket, the edge connects. The answer to a request has its id.
//!
//! What does not fit one frame each way takes a connection of its own, which begins with `Open`: a long or endless answer, a large body, a
//! WebSocket. The gateway says `Response` (the whole answer, and nothing follows) or `Opened`. Then come `Part`s and an `End`; behind an
//! upgrade the bytes of the other protocol come as they are, both ways.

use crate::id::Key;
use crate::payment::CardFacts;
use crate::wire::CardToken;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Largest body of a request. The edge answers 413 to more.
pub const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// Largest frame towards the gateway: a body, a head of 16 KiB, and what the edge adds.
pub const REQUEST_FRAME_LIMIT_BYTES: usize = 128 * 1024;
/// Largest frame towards the edge.
pub const RESPONSE_FRAME_LIMIT_BYTES: usize = 1024 * 1024;
/// Largest piece of a body that comes in parts.
pub const PART_LIMIT_BYTES: usize = 64 * 1024;
/// The field that stands for a card: `<param>[florin_card]=<index into cards>`, in JSON `"florin_card": index`. Never from outside.
pub const CARD_FIELD: &str = "florin_card";
/// The same for a security code without a card: `cvc_update[florin_code]=<index into codes>`.
pub const CODE_FIELD: &str = "florin_code";

/// One of the installation's addresses. For browsers each is an origin of its own (RFC 6454), so that what runs under one cannot reach
/// into another. The numbers of variants are not stored: both sides are one binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// For programs, with a key.
    Api,
    /// The browser library, the frames that cards are typed into, and what those ask.
    Card,
    /// Pages for the merchant's people.
    Dashboard,
}

impl Site {
    pub const ALL: &[Site] = &[
        Site::Api, //
        Site::Card,
        Site::Dashboard,
    ];

    /// Its name in settings and in the ready line.
    pub fn name(self) -> &'static str {
        match self {
            Site::Api => "api",
            Site::Card => "card",
            Site::Dashboard => "dashboard",
        }
    }
}

/// Pages that may show ours under a test key, besides those that are registered: the developer's own machine.
pub const OWN_MACHINE: &str = "http://localhost:* https://localhost:* http://*.localhost:* https://*.localhost:* http://127.0.0.1:* https://127.0.0.1:*";
/// Browsers refuse heads of 256 KiB, and proxies far smaller ones.
const ANCESTORS_LIMIT_BYTES: usize = 6 * 1024;

/// The sources of `frame-ancestors` (CSP 3 §6.4.2) for pages of these origins; empty for nobody. The page that asks, where it is known, is
/// named first, since not every name fits.
pub fn ancestors(live: bool, origins: &[String], asking: Option<&str>) -> String {
    let first = origins.iter().filter(|origin| Some(origin.as_str()) == asking);
    let others = origins.iter().filter(|origin| Some(origin.as_str()) != asking);
    let mut out = String::from(if live { "" } else { OWN_MACHINE });
    for origin in first.chain(others).filter(|origin| is_origin(origin)) {
        if out.len() + origin.len() > ANCESTORS_LIMIT_BYTES {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(origin);
    }
    out
}

/// Scheme, host and perhaps port (RFC 6454 §6.2), and nothing that could end a policy or widen it.
pub fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
    host.is_some_and(|host| !host.is_empty() && text.len() <= 300 && host.bytes().all(known))
}

/// One request of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeRequest {
    /// `req_` and 22 base-62 characters, made by the edge. The edge itself sends it back as `Request-Id`.
    pub id: String,
    /// In capitals.
    pub method: String,
    /// As the client wrote it, percent-encoding included; begins with `/`.
    pub path: String,
    /// What follows `?`, as the client wrote it; empty without one.
    pub query: String,
    /// Names in lower case. What is between two hops, forwarding headers and `x-florin-…` from outside are not among them.
    pub headers: Vec<(String, String)>,
    /// As the client wrote it, but that fields of cards are replaced by `CARD_FIELD`.
    #[serde(with = "raw")]
    pub body: Vec<u8>,
    pub client: IpAddr,
    /// Where it came to.
    pub site: Site,
    /// Came over TLS.
    pub tls: bool,
    pub cards: Vec<SwappedCard>,
    pub codes: Vec<SwappedCode>,
}

/// A card that stood in the body. It is in the vault now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwappedCard {
    /// Where it stood, for example `payment_method_data[card]`.
    pub param: String,
    pub facts: CardFacts,
    /// Keyed hash of account, number and expiry: stands for the card in idempotency fingerprints, since its token is fresh each time.
    pub digest: [u8; 32],
    pub cvc_given: bool,
}

/// A security code that stood in the body without a card (`cvc_update`). It is in the vault's memory for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwappedCode {
    /// Where it stood: `cvc_update`.
    pub param: String,
    /// Names the code, as a card's token would.
    pub token: CardToken,
}

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeResponse {
    pub status: u16,
    /// What belongs to the connection (length, keep-alive) is the edge's affair and is not taken from here.
    pub headers: Vec<(String, String)>,
    #[serde(with = "raw")]
    pub body: Vec<u8>,
}

/// Whose key is this? Asked before a card is kept, so only for requests with a card, and for the frames of a page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identify {
    /// The `Authorization` header as it came.
    pub authorization: Option<String>,
    /// The parameter `key`, as browsers send it.
    pub key_param: Option<String>,
    /// The request's id.
    pub id: String,
    /// Whoever guesses keys is slowed down by address.
    pub client: IpAddr,
    /// Also which pages may show frames under this key.
    pub origins: bool,
}

/// Why a request has a connection of its own. The numbers of variants are not stored: both sides are one binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// The answer's body comes in parts, for as long as it takes.
    Answer,
    /// The request's body comes in parts.
    Body,
    /// RFC 6455: what follows is a WebSocket, whose handshake the edge does.
    WebSocket,
}

/// The first frame of a connection of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub way: Way,
    /// Without a body.
    pub request: EdgeRequest,
}

/// The head of an answer whose body follows in parts. After an upgrade: 101.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identified {
    Account {
        account: Key,
        live: bool,
        /// Origins of pages (RFC 6454) that the account registered; empty unless asked for.
        origins: Vec<String>,
    },
    /// The whole answer to the client.
    Refused(EdgeResponse),
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// An `EdgeRequest` -> Response.
    Request = 1,
    /// An `EdgeResponse`.
    Response = 2,
    /// An `Identify` -> Identified.
    Identify = 3,
    /// An `Identified`.
    Identified = 4,
    /// The gateway can take no more now. Nothing was done. No payload.
    Busy = 5,
    /// An `Open` -> Response or Opened.
    Open = 6,
    /// An `Opened`; parts follow.
    Opened = 7,
    /// Some bytes of a body, as they are: at most `PART_LIMIT_BYTES`.
    Part = 8,
    /// The body is whole. A connection that ends without it broke off. No payload.
    End = 9,
    /// The gateway stops: no new request, it answers those that it has. The edge sends no more and reads to the end. No payload.
    Closing = 10,
}

impl FrameKind {
    pub const ALL: &[FrameKind] = &[
        FrameKind::Request,
        FrameKind::Response,
        FrameKind::Identify,
        FrameKind::Identified,
        FrameKind::Busy,
        FrameKind::Open,
        FrameKind::Opened,
        FrameKind::Part,
        FrameKind::End,
        FrameKind::Closing,
    ];
}

pub struct Frame<'a> {
    pub id: u32,
    pub kind: FrameKind,
    pub payload: &'a [u8],
}

/// The other side does not speak this protocol: the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    TooLong,
    TooShort,
    UnknownKind,
}

const LENGTH_BYTES: usize = 4;
/// id and kind.
const HEAD_BYTES: usize = 5;

/// Appends a frame. False, and nothing appended, if it is longer than `limit_bytes`.
pub fn put_frame<T: Serialize>(
    out: &mut Vec<u8>,
    id: u32,
    kind: FrameKind,
    payload: Option<&T>,
    limit_bytes: usize,
) -> bool {
    let start = out.len();
    let mut frame = std::mem::take(out);
    frame.extend_from_slice(&[0; LENGTH_BYTES]);
    frame.extend_from_slice(&id.to_be_bytes());
    frame.push(kind as u8);
    let whole = match payload {
        None => Ok(frame),
        Some(payload) => postcard::to_extend(payload, frame),
    };
    let Ok(mut whole) = whole else { unreachable!("plain data always serializes") };
    let length = whole.len() - start - LENGTH_BYTES;
    let fits = length <= limit_bytes;
    match (u32::try_from(length), whole.get_mut(start..start + LENGTH_BYTES)) {
        (Ok(length), Some(place)) if fits => place.copy_from_slice(&length.to_be_bytes()),
        _ => whole.truncate(start),
    }
    *out = whole;
    out.len() > start
}

/// Appends a frame whose payload is these bytes, at most `PART_LIMIT_BYTES` of them: says how many it took.
pub fn put_part(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    let part = bytes.get(..PART_LIMIT_BYTES).unwrap_or(bytes);
    let length = u32::try_from(HEAD_BYTES + part.len()).unwrap_or(0);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&0u32.to_be_bytes());
    out.push(FrameKind::Part as u8);
    out.extend_from_slice(part);
    part.len()
}

/// The first frame of `bytes` and how many bytes it takes; nothing while it is not whole.
pub fn next_frame(bytes: &[u8], limit_bytes: usize) -> Result<Option<(Frame<'_>, usize)>, BadFrame> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BadFrame::TooLong)?;
    if length > limit_bytes {
        return Err(BadFrame::TooLong);
    }
    if length < HEAD_BYTES {
        return Err(BadFrame::TooShort);
    }
    let Some(frame) = rest.get(..length) else { return Ok(None) };
    let Some(([i1, i2, i3, i4, kind], payload)) = frame.split_first_chunk::<HEAD_BYTES>() else {
        return Err(BadFrame::TooShort);
    };
    let kind = FrameKind::ALL.iter().copied().find(|k| *k as u8 == *kind).ok_or(BadFrame::UnknownKind)?;
    Ok(Some((Frame { id: u32::from_be_bytes([*i1, *i2, *i3, *i4]), kind, payload }, LENGTH_BYTES + length)))
}

/// Reads the payload of a frame: all of it, and nothing else.
pub fn payload<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

/// Bytes in one piece, not element by element.
mod raw {
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        d.deserialize_byte_buf(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> EdgeRequest {
        EdgeRequest {
            id: "req_0123456789abcdefghijkl".into(),
            method: "POST".into(),
            path: "/v1/tokens".into(),
            query: String::new(),
            headers: vec![("accept".into(), "*/*".into())],
            body: b"card[florin_card]=0".to_vec(),
            client: IpAddr::from([127, 0, 0, 1]),
            site: Site::Api,
            tls: true,
            cards: Vec::new(),
            codes: vec![SwappedCode { param: "cvc_update".into(), token: CardToken { key: Key(7), vault: 9 } }],
        }
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut out = Vec::new();
        assert!(put_frame(&mut out, 7, FrameKind::Request, Some(&request()), REQUEST_FRAME_LIMIT_BYTES));
        assert!(put_frame::<()>(&mut out, u32::MAX, FrameKind::Busy, None, REQUEST_FRAME_LIMIT_BYTES));
        let (first, taken) = next_frame(&out, REQUEST_FRAME_LIMIT_BYTES).unwrap().unwrap();
        assert_eq!((first.id, first.kind, payload(first.payload)), (7, FrameKind::Request, Some(request())));
        let (second, rest) = next_frame(&out[taken..], REQUEST_FRAME_LIMIT_BYTES).unwrap().unwrap();
        assert_eq!((second.id, second.kind, second.payload), (u32::MAX, FrameKind::Busy, &[][..]));
        assert_eq!(taken + rest, out.len());
        for cut in 0..taken {
            assert!(next_frame(&out[..cut], REQUEST_FRAME_LIMIT_BYTES).unwrap().is_none(), "{cut}");
        }
        let whole = out.clone();
        assert_eq!(payload::<EdgeRequest>(&[first.payload, &[0]].concat()), None, "with something behind it");
        assert!(!put_frame(&mut out, 8, FrameKind::Request, Some(&request()), 20));
        assert_eq!(out, whole, "nothing of a frame that is too long");
    }

    #[test]
    fn a_thousand_domains_fit_and_the_page_that_asks_is_among_them() {
        let origins: Vec<String> = (0..1_000).map(|n| format!("https://shop-number-{n}.example")).collect();
        let got = ancestors(true, &origins, Some("https://shop-number-999.example"));
        assert!(got.starts_with("https://shop-number-999.example https://shop-number-0.example "));
        assert!((ANCESTORS_LIMIT_BYTES - 100..=ANCESTORS_LIMIT_BYTES + 1).contains(&got.len()), "{}", got.len());
    }

    #[test]
    fn parts_are_bytes_as_they_are() {
        let (mut out, bytes) = (Vec::new(), vec![7; PART_LIMIT_BYTES + 1]);
        assert_eq!((put_part(&mut out, &bytes), put_part(&mut out, b"")), (PART_LIMIT_BYTES, 0));
        let (first, taken) = next_frame(&out, REQUEST_FRAME_LIMIT_BYTES).unwrap().unwrap();
        assert_eq!((first.kind, first.payload), (FrameKind::Part, &bytes[1..]));
        let (second, _) = next_frame(&out[taken..], REQUEST_FRAME_LIMIT_BYTES).unwrap().unwrap();
        assert_eq!((second.kind, second.payload), (FrameKind::Part, &[][..]));
    }

    #[test]
    fn what_is_no_frame_is_refused_by_name() {
        let check = |bytes: &[u8], expected: Option<BadFrame>| {
            assert_eq!(next_frame(bytes, 64).err(), expected, "{bytes:?}");
        };
        check(&[0, 0, 0, 65], Some(BadFrame::TooLong));
        check(&[0, 0, 0, 4], Some(BadFrame::TooShort));
        check(&[0, 0, 0, 5, 0, 0, 0, 1, 0], Some(BadFrame::UnknownKind));
        check(&[0, 0, 0, 5, 0, 0, 0, 1, 11], Some(BadFrame::UnknownKind));
        check(&[0, 0, 0, 5, 0, 0, 0, 1], None);
    }
}

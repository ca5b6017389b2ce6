//! Requests that take a connection of their own to the gateway: which they are, and what they look like without the client's bytes.
//! No route that takes a card is among them. Knows no socket.

use super::head::{Framing, Head};
use super::refusal::Refusal;
use super::request::{Asker, Forward, check_head, headers};
use crate::core::edge::{EdgeRequest, Open, Site, Way};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// A route whose requests are carried apart. `{}` stands for one part of the path.
struct Route {
    method: &'static str,
    path: &'static str,
    way: Way,
    /// An answer that ends when somebody wants it to.
    endless: bool,
    /// Largest body.
    body_limit_bytes: usize,
}

const fn route(method: &'static str, path: &'static str, way: Way) -> Route {
    Route { method, path, way, endless: false, body_limit_bytes: 0 }
}

const ROUTES: &[Route] = &[
    Route { endless: true, ..route("GET", "/v1/stripecli/subscribe", Way::WebSocket) },
    Route { endless: true, ..route("GET", "/v1/florin/events/stream", Way::Answer) },
    Route { body_limit_bytes: 16 * 1024 * 1024, ..route("POST", "/v1/files", Way::Body) },
    route("GET", "/v1/files/{}/contents", Way::Answer),
];

/// A request of which nothing stands in the client's buffers any more, but a body that is yet to come.
pub struct Own {
    pub open: Open,
    pub framing: Framing,
    pub body_limit_bytes: usize,
    pub endless: bool,
    /// `Sec-WebSocket-Accept` of a WebSocket's handshake.
    pub accept: String,
    pub expects_continue: bool,
}

/// The route of a request that is carried apart. Only as it is written there: any other spelling is an ordinary request.
fn find(head: &Head<'_>) -> Option<&'static Route> {
    let fits = |route: &&Route| route.method == head.method && matches(route.path, head.path);
    let route = ROUTES.iter().find(fits)?;
    (route.way != Way::Body || is_opaque(head)).then_some(route)
}

fn matches(template: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let same = template.split('/').all(|part| parts.next().is_some_and(|given| part == "{}" || part == given));
    same && parts.next().is_none()
}

/// A body that is neither form nor JSON: those are looked through whole.
fn is_opaque(head: &Head<'_>) -> bool {
    let media = head.header("content-type").and_then(|value| value.split(|b| *b == b';').next()).unwrap_or_default();
    media.trim_ascii().to_ascii_lowercase().starts_with(b"multipart/")
}

/// Nothing if the request is an ordinary one.
pub fn prepare(id: &str, asker: Asker, head: &Head<'_>) -> Option<Result<Own, Refusal>> {
    let route = (asker.site == Site::Api).then(|| find(head))?;
    route.map(|route| prepared(id, asker, head, route))
}

fn prepared(id: &str, asker: Asker, head: &Head<'_>, route: &Route) -> Result<Own, Refusal> {
    check_head(head)?;
    let bodiless = head.framing == Framing::Length(0);
    if route.way != Way::Body && !bodiless {
        return Err(Refusal::BodyTooLarge);
    }
    let accept = match route.way {
        Way::WebSocket => accept(head).ok_or(Refusal::NotWebSocket)?,
        Way::Answer | Way::Body => String::new(),
    };
    let mut request: EdgeRequest = Forward::bare(id, asker, head);
    if route.way == Way::WebSocket {
        request.headers = headers(head, |name| matches!(name, "websocket-id" | "sec-websocket-protocol"));
    }
    let (framing, expects_continue) = (head.framing, head.expects_continue);
    let (body_limit_bytes, endless) = (route.body_limit_bytes, route.endless);
    let open = Open { way: route.way, request };
    Ok(Own { open, framing, body_limit_bytes, endless, accept, expects_continue })
}

/// RFC 6455 §4.2.1: what a handshake must have; and the answer to its key (§4.2.2).
fn accept(head: &Head<'_>) -> Option<String> {
    const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let names = |header: &str, token: &[u8]| {
        let value = head.header(header).unwrap_or_default();
        value.split(|b| *b == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
    };
    let key = head.header("sec-websocket-key").unwrap_or_default();
    // 16 bytes in base64.
    let is_key = key.len() == 24 && key.ends_with(b"==");
    let fits = head.keep_alive && names("connection", b"upgrade") && names("upgrade", b"websocket") && is_key;
    let version = head.header("sec-websocket-version") == Some(b"13");
    (fits && version).then(|| base64(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, SUFFIX].concat()).as_ref()))
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, n| bits << 8 | u32::from(three.get(n).copied().unwrap_or(0)));
        for n in 0..4 {
            let six = usize::try_from(bits >> (18 - 6 * n) & 63).unwrap_or(0);
            let letter = LETTERS.get(six).map_or('=', |b| char::from(*b));
            out.push(if n <= three.len() { letter } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn ask(text: &str) -> Option<Result<Own, Refusal>> {
        let asker = Asker { address: IpAddr::V4(Ipv4Addr::LOCALHOST), site: Site::Api, tls: true };
        prepare("req_1", asker, &super::super::head::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn requests_that_are_carried_apart() {
        let check = |line: &str, headers: &str, expected: Option<Way>| {
            let asked = ask(&format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
            assert_eq!(asked.and_then(Result::ok).map(|own| own.open.way), expected, "{line} {headers}");
        };
        let upload = "Content-Type: Multipart/form-data; boundary=x\r\nContent-Length: 9\r\n";
        check("GET /v1/florin/events/stream?a=b", "", Some(Way::Answer));
        check("GET /v1/files/file_1/contents", "", Some(Way::Answer));
        check("POST /v1/files", upload, Some(Way::Body));
        check("POST /v1/files", "Content-Type: application/json\r\nContent-Length: 9\r\n", None);
        check("POST /v1/files/", upload, None);
        check("POST /v1/%66iles", upload, None);
        check("POST /v1/tokens", upload, None);
        check("GET /v1/files", "", None);
        check("GET /v1/stripecli/sessions", "", None);
        check("GET /v1/files/4242424242424242/contents", "", None);
    }

    #[test]
    fn handshakes() {
        let check = |headers: &str, expected: Result<&str, Refusal>| {
            let asked = ask(&format!("GET /v1/stripecli/subscribe HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
            let got = asked.unwrap().map(|own| own.accept);
            assert_eq!(got, expected.map(str::to_owned), "{headers}");
        };
        // The example of RFC 6455 §1.3.
        let whole = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        check(whole, Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        check("", Err(Refusal::NotWebSocket));
        for (part, other) in [("websocket\r", "h2c\r"), ("Upgrade\r", "close\r"), (" 13", " 8"), ("dGh", "")] {
            check(&whole.replacen(part, other, 1), Err(Refusal::NotWebSocket));
        }
        check(&format!("{whole}Content-Length: 1\r\n"), Err(Refusal::BodyTooLarge));
    }

    #[test]
    fn no_route_that_takes_a_card_is_carried_apart() {
        for route in ROUTES {
            assert!(places::of(route.method, route.path).is_empty(), "{}", route.path);
        }
    }
}

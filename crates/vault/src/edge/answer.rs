//! Answers as HTTP/1.1: status line, headers that every answer has, length, body. Knows no request but whether its connection goes on.

use super::numbers;
use crate::core::edge::{EdgeResponse, Site};
use crate::core::time::Time;
use std::fmt::Write;

/// The version of the API that is said when a request names none.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Headers that belong to the connection or would say what runs here: never taken from the gateway.
const NOT_PASSED_ON: [&str; 12] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "request-id",
    "sec-websocket-accept",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-powered-by",
];

/// What an answer has unless the gateway says otherwise: a browser is to show, frame, guess and keep nothing of it.
const DEFAULTS: [(&str, &str); 6] = [
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];
/// At the API's address scripts of any origin may read answers (CORS): keys are in no cookie, so who asks has a key or gets nothing.
const OF_API: [(&str, &str); 2] = [("access-control-allow-origin", "*"), ("access-control-expose-headers", EXPOSED)];
/// Elsewhere they may not, and pages there ask for nothing of the machine.
const OF_DASHBOARD: [(&str, &str); 3] = [
    // Shares nothing with pages that open it or that it opens (HTML §7.1.3). Shops may open an issuer's page in a window and wait for it,
    // so that the card form's address does not say this.
    ("cross-origin-opener-policy", "same-origin"),
    OF_PAGES[0],
    OF_PAGES[1],
];
const OF_PAGES: [(&str, &str); 2] = [
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];
/// What scripts may read of the head.
const EXPOSED: &str =
    "Request-Id, Retry-After, Stripe-Should-Retry, Stripe-Version, Idempotent-Replayed, Original-Request";
const ONLY_TLS: (&str, &str) = ("strict-transport-security", "max-age=63072000; includeSubDomains");

/// How an answer goes out.
pub struct Manner<'a> {
    pub request_id: &'a str,
    /// As the request named it.
    pub api_version: &'a str,
    pub keep_alive: bool,
    /// Without its body: the answer to HEAD.
    pub head_only: bool,
    pub site: Site,
    /// Browsers are to ask over TLS alone from now on (RFC 6797).
    pub only_tls: bool,
    pub now: Time,
}

/// What comes behind an answer's head.
#[derive(Clone, Copy)]
pub enum Follows<'a> {
    Body(&'a [u8]),
    /// Chunks (RFC 9112 §7.1), for as long as it takes.
    Chunks,
    /// Another protocol: the WebSocket's accept key and the subprotocol that was chosen (RFC 6455 §4.2.2).
    WebSocket {
        accept: &'a str,
    },
}

/// The whole answer in one piece.
pub fn write(response: &EdgeResponse, manner: &Manner<'_>) -> Vec<u8> {
    head(response.status, &response.headers, manner, Follows::Body(&response.body))
}

/// The head of an answer, with the body if that is known.
pub fn head(status: u16, headers: &[(String, String)], manner: &Manner<'_>, follows: Follows<'_>) -> Vec<u8> {
    let known = (200..=599).contains(&status) || (status == 101 && matches!(follows, Follows::WebSocket { .. }));
    let status = if known { status } else { 502 };
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    let mut line = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    };
    let passed = |name: &str, value: &str| {
        let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        token && !NOT_PASSED_ON.contains(&name) && value.bytes().all(|b| b == b'\t' || !b.is_ascii_control())
    };
    for (name, value) in headers.iter().filter(|(name, value)| passed(name, value)) {
        line(name, value);
    }
    let own = [("stripe-version", manner.api_version)];
    let tls = manner.only_tls.then_some(ONLY_TLS);
    let of_site = match manner.site {
        Site::Api => &OF_API[..],
        Site::Card => &OF_PAGES[..],
        Site::Dashboard => &OF_DASHBOARD[..],
    };
    for (name, value) in of_site.iter().copied().chain(DEFAULTS).chain(tls).chain(own) {
        // A policy of its own says who may frame it; the older header would contradict it.
        let framed = name == "x-frame-options" && headers.iter().any(|(given, _)| given == "content-security-policy");
        if status != 101 && !framed && !headers.iter().any(|(given, _)| given == name) {
            line(name, value);
        }
    }
    line("request-id", manner.request_id);
    line("date", &date(manner.now));
    // RFC 9110 §8.6: these have no body and no length.
    let bodiless = matches!(status, 204 | 304);
    match follows {
        Follows::Body(_) if bodiless => {}
        Follows::Body(body) => line("content-length", &body.len().to_string()),
        Follows::Chunks => line("transfer-encoding", "chunked"),
        Follows::WebSocket { accept } => {
            line("sec-websocket-accept", accept);
            line("upgrade", "websocket");
            line("connection", "Upgrade");
        }
    }
    if status == 426 {
        line("upgrade", "websocket");
    }
    if !manner.keep_alive && status != 101 {
        line("connection", "close");
    }
    head.push_str("\r\n");
    let mut out = head.into_bytes();
    if let Follows::Body(body) = follows
        && !bodiless
        && !manner.head_only
    {
        out.extend_from_slice(body);
    }
    out
}

/// One chunk of a body; nothing for no bytes, which would end it.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}

/// The body is wanted (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// The end of a body in chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Overwrites what could be a card number in an error. True if there was one.
pub fn mask(response: &mut EdgeResponse) -> bool {
    let masked = (response.status >= 400).then(|| numbers::masked(&response.body)).flatten();
    let found = masked.is_some();
    if let Some(body) = masked {
        response.body = body;
    }
    found
}

fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        421 => "Misdirected Request",
        409 => "Conflict",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Other",
    }
}

/// RFC 9110 §5.6.7: `Sat, 21 Nov 2026 22:15:00 GMT`.
fn date(now: Time) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let c = now.civil();
    // 1970-01-01 was a Thursday.
    let day = usize::try_from(now.day_number().rem_euclid(7)).ok().and_then(|n| DAYS.get(n)).unwrap_or(&"Thu");
    let month = MONTHS.get(usize::from(c.month) - 1).unwrap_or(&"Jan");
    format!("{day}, {:02} {month} {} {:02}:{:02}:{:02} GMT", c.day, c.year, c.hour, c.minute, c.second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> EdgeResponse {
        let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        EdgeResponse { status, headers, body: body.as_bytes().to_vec() }
    }

    fn written(response: &EdgeResponse, keep_alive: bool, head_only: bool) -> String {
        let now = Time(1_795_299_300_123);
        let manner = Manner {
            request_id: "req_1",
            api_version: API_VERSION,
            keep_alive,
            head_only,
            site: Site::Api,
            only_tls: true,
            now,
        };
        String::from_utf8(write(response, &manner)).unwrap()
    }

    #[test]
    fn an_answer_as_a_whole() {
        let expected = "HTTP/1.1 200 OK\r\nx-a: b\r\naccess-control-allow-origin: *\r\n\
            access-control-expose-headers: Request-Id, Retry-After, Stripe-Should-Retry, Stripe-Version, Idempotent-Replayed, Original-Request\r\n\
            content-type: application/json\r\ncache-control: no-store\r\n\
            content-security-policy: default-src 'none'; frame-ancestors 'none'\r\nreferrer-policy: no-referrer\r\n\
            x-content-type-options: nosniff\r\nx-frame-options: DENY\r\n\
            strict-transport-security: max-age=63072000; includeSubDomains\r\nstripe-version: 2026-10-28.endive\r\n\
            request-id: req_1\r\ndate: Sat, 21 Nov 2026 22:15:00 GMT\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(written(&answer(200, &[("x-a", "b")], "{}"), true, false), expected);
    }

    #[test]
    fn what_goes_out_and_what_does_not() {
        let check = |response: EdgeResponse, with: &[&str], without: &[&str]| {
            let text = written(&response, false, false);
            assert!(with.iter().all(|part| text.contains(part)), "{text}");
            assert!(!without.iter().any(|part| text.contains(part)), "{text}");
        };
        check(
            answer(200, &[("content-type", "text/html")], "x"),
            &["content-type: text/html\r\n", "connection: close"],
            &["json"],
        );
        check(
            answer(200, &[("server", "axum"), ("connection", "keep-alive")], ""),
            &["content-length: 0"],
            &["axum", "keep-alive"],
        );
        check(answer(200, &[("x-a", "b\r\nx-zz: d")], ""), &[], &["x-zz"]);
        check(answer(200, &[("x a", "b"), ("", "ccc")], ""), &[], &["x a", "ccc"]);
        check(answer(200, &[("request-id", "req_2")], ""), &["request-id: req_1"], &["req_2"]);
        check(answer(200, &[("stripe-version", "2024-04-10")], ""), &["stripe-version: 2024-04-10"], &[API_VERSION]);
        check(answer(204, &[], ""), &["204 No Content"], &["content-length"]);
        check(answer(101, &[], ""), &["502 Bad Gateway"], &["101"]);
        assert!(written(&answer(200, &[], "body"), true, true).ends_with("content-length: 4\r\n\r\n"));
    }

    #[test]
    fn card_numbers_in_errors_are_overwritten() {
        let check = |status: u16, expected: &str, found: bool| {
            let mut response = answer(status, &[], "No such payment_intent: 'pi_4242424242424242'");
            assert_eq!(mask(&mut response), found);
            assert_eq!(response.body, format!("No such payment_intent: 'pi_{expected}'").into_bytes());
        };
        check(404, "************4242", true);
        check(200, "4242424242424242", false);
    }
}

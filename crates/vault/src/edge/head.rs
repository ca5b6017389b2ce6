//! The head of an HTTP/1.1 request (RFC 9112), read strictly: what two readers could understand in two ways is refused.
//! Knows no socket and no route.

/// Header lines of one request.
pub const HEADERS_LIMIT: usize = 64;
const METHOD_LIMIT_BYTES: usize = 16;

/// A head, as slices of what was read. Nothing that outlives the request may hold one of them.
pub struct Head<'a> {
    pub method: &'a str,
    /// Begins with `/`.
    pub path: &'a str,
    /// What follows `?`; empty without one.
    pub query: &'a str,
    /// As they were written, in their order.
    pub headers: Vec<(&'a str, &'a [u8])>,
    pub framing: Framing,
    /// The client will send another request on the connection, or may.
    pub keep_alive: bool,
    /// The client waits to be told that its body is wanted (RFC 9110 §10.1.1).
    pub expects_continue: bool,
}

/// How the body's end is found (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(usize),
    Chunked,
}

/// Why a head is refused. The connection is closed after the answer: where the next request begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// A line break that is not CR LF, a control character, or a folded line.
    Line,
    RequestLine,
    Method,
    Target,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    Version,
    HeaderName,
    TooManyHeaders,
    /// None, several, or not that of an absolute target.
    Host,
    /// Several, with a transfer coding, or not a number.
    ContentLength,
    /// Anything but one `chunked` in HTTP/1.1.
    TransferEncoding,
}

/// Reads a head that ends with an empty line.
pub fn parse(head: &[u8]) -> Result<Head<'_>, BadHead> {
    let text = head.strip_suffix(b"\r\n\r\n").ok_or(BadHead::Line)?;
    let mut lines = Lines(Some(text));
    let (method, target, modern) = request_line(lines.next().ok_or(BadHead::RequestLine)?)?;
    let mut headers = Vec::new();
    for line in lines {
        if headers.len() == HEADERS_LIMIT {
            return Err(BadHead::TooManyHeaders);
        }
        headers.push(header(line)?);
    }
    let (path, query) = path_and_query(target, &headers, modern)?;
    let framing = framing(&headers, modern)?;
    let closes = values(&headers, "connection").flat_map(tokens).any(|token| token.eq_ignore_ascii_case(b"close"));
    let keep_alive = modern && !closes;
    let expects_continue = modern && values(&headers, "expect").any(|v| v.eq_ignore_ascii_case(b"100-continue"));
    Ok(Head { method, path, query, headers, framing, keep_alive, expects_continue })
}

impl<'a> Head<'a> {
    /// The value of the first header of that name (given in lower case).
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        values(&self.headers, name).next()
    }
}

fn values<'a, 'h>(headers: &'h [(&'a str, &'a [u8])], name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
    headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

/// Lines between CR LF. A lone CR or LF stays in its line and is refused there.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else { return self.0.take() };
        self.0 = rest.get(end + 2..);
        rest.get(..end)
    }
}

fn request_line(line: &[u8]) -> Result<(&str, &str, bool), BadHead> {
    let line = std::str::from_utf8(line).map_err(|_| BadHead::Target)?;
    if line.bytes().any(|b| b.is_ascii_control()) {
        return Err(BadHead::Line);
    }
    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(BadHead::RequestLine);
    };
    if method.is_empty() || method.len() > METHOD_LIMIT_BYTES || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(BadHead::Method);
    }
    let modern = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return Err(BadHead::Version),
    };
    if target.is_empty() || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(BadHead::Target);
    }
    Ok((method, target, modern))
}

fn header(line: &[u8]) -> Result<(&str, &[u8]), BadHead> {
    // A line that begins with a space continues the one before (obs-fold, RFC 9112 §5.2): readers differ on it.
    if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') || matches!(line.first(), Some(b' ' | b'\t') | None) {
        return Err(BadHead::Line);
    }
    let colon = line.iter().position(|b| *b == b':').ok_or(BadHead::HeaderName)?;
    let (name, value) = (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
    // No space before the colon: RFC 9112 §5.1.
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    match std::str::from_utf8(name) {
        Ok(name) if !name.is_empty() && name.bytes().all(|b| token(&b)) => Ok((name, value.trim_ascii())),
        Ok(_) | Err(_) => Err(BadHead::HeaderName),
    }
}

/// Takes `/path?query`, and the same behind the scheme and host that the request is for.
fn path_and_query<'a>(
    target: &'a str,
    headers: &[(&'a str, &'a [u8])],
    modern: bool,
) -> Result<(&'a str, &'a str), BadHead> {
    let mut hosts = values(headers, "host");
    let host = hosts.next();
    if hosts.next().is_some() || (modern && host.is_none()) {
        return Err(BadHead::Host);
    }
    let behind_scheme = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    let local = match behind_scheme {
        None => target,
        Some(rest) => {
            let (authority, local) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if !host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_bytes())) {
                return Err(BadHead::Host);
            }
            local
        }
    };
    if !local.starts_with('/') || local.contains('#') {
        return Err(BadHead::Target);
    }
    Ok(local.split_once('?').unwrap_or((local, "")))
}

fn framing(headers: &[(&str, &[u8])], modern: bool) -> Result<Framing, BadHead> {
    let mut lengths = values(headers, "content-length");
    let mut codings = values(headers, "transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(_), Some(_)) => Err(BadHead::ContentLength),
        (Some(length), None) => {
            let digits = !length.is_empty() && length.len() <= 10 && length.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(length).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            match (number, lengths.next()) {
                (Some(length), None) => Ok(Framing::Length(length)),
                (_, _) => Err(BadHead::ContentLength),
            }
        }
        (None, Some(coding)) => {
            let one = coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
            if modern && one { Ok(Framing::Chunked) } else { Err(BadHead::TransferEncoding) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, &str, &str, Framing, bool), BadHead>) {
        let got = parse(text.as_bytes()).map(|h| (h.method, h.path, h.query, h.framing, h.keep_alive));
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn heads() {
        let none = Framing::Length(0);
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(("GET", "/", "", none, true)));
        check("GET /a?b=c?d HTTP/1.1\r\nHost: a\r\n\r\n", Ok(("GET", "/a", "b=c?d", none, true)));
        check("GET /a HTTP/1.0\r\n\r\n", Ok(("GET", "/a", "", none, false)));
        check(
            "POST /a HTTP/1.1\r\nhost:a\r\nCONTENT-LENGTH:  12 \r\n\r\n",
            Ok(("POST", "/a", "", Framing::Length(12), true)),
        );
        check(
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
            Ok(("POST", "/a", "", Framing::Chunked, true)),
        );
        check("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", Ok(("GET", "/", "", none, false)));
        check("GET http://a:1/b?c HTTP/1.1\r\nHost: A:1\r\n\r\n", Ok(("GET", "/b", "c", none, true)));
    }

    #[test]
    fn heads_that_are_refused() {
        let refused = |text: &str, why: BadHead| check(text, Err(why));
        let line = |first: &str| format!("{first}\r\nHost: a\r\n\r\n");
        refused(&line("GET /  HTTP/1.1"), BadHead::RequestLine);
        refused(&line("GET / HTTP/1.1 "), BadHead::RequestLine);
        refused(&line("GET /"), BadHead::RequestLine);
        refused(&line(" GET / HTTP/1.1"), BadHead::RequestLine);
        refused(&line("get / HTTP/1.1"), BadHead::Method);
        refused(&line("GE\tT / HTTP/1.1"), BadHead::Line);
        refused(&line("GET / HTTP/2.0"), BadHead::Version);
        refused(&line("GET / HTTP/1.11"), BadHead::Version);
        refused(&line("PRI * HTTP/2.0"), BadHead::Version);
        refused(&line("OPTIONS * HTTP/1.1"), BadHead::Target);
        refused(&line("GET a HTTP/1.1"), BadHead::Target);
        refused(&line("GET /a#b HTTP/1.1"), BadHead::Target);
        refused(&line("GET /\u{e9} HTTP/1.1"), BadHead::Target);
        refused(&line("GET http://b/ HTTP/1.1"), BadHead::Host);
        refused(&line("GET http://a HTTP/1.1"), BadHead::Target);
        refused("GET / HTTP/1.1\r\n\r\n", BadHead::Host);
        refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", BadHead::Host);
        refused("GET / HTTP/1.1\nHost: a\r\n\r\n", BadHead::Line);
    }

    #[test]
    fn headers_that_are_refused() {
        let refused =
            |headers: &str, why: BadHead| check(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n"), Err(why));
        refused("A: b\n c", BadHead::Line);
        refused("A: b\r\n c", BadHead::Line);
        refused("A: b\r\n\tc", BadHead::Line);
        refused("A: b\nContent-Length: 3", BadHead::Line);
        refused("A: b\rc", BadHead::Line);
        refused("A: \0", BadHead::Line);
        refused("A : b", BadHead::HeaderName);
        refused("A", BadHead::HeaderName);
        refused(": b", BadHead::HeaderName);
        refused("\u{e9}: b", BadHead::HeaderName);
        refused("Content-Length: 3\r\nContent-Length: 3", BadHead::ContentLength);
        refused("Content-Length: 3\r\nContent-Length: 4", BadHead::ContentLength);
        refused("Content-Length: 3, 3", BadHead::ContentLength);
        refused("Content-Length: +3", BadHead::ContentLength);
        refused("Content-Length: 0x3", BadHead::ContentLength);
        refused("Content-Length:", BadHead::ContentLength);
        refused("Content-Length: 99999999999", BadHead::ContentLength);
        refused("Content-Length: 3\r\nTransfer-Encoding: chunked", BadHead::ContentLength);
        refused("Transfer-Encoding: chunked\r\nContent-Length: 3", BadHead::ContentLength);
        refused("Transfer-Encoding: gzip, chunked", BadHead::TransferEncoding);
        refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", BadHead::TransferEncoding);
        refused("Transfer-Encoding: xchunked", BadHead::TransferEncoding);
        refused("Transfer-Encoding : chunked", BadHead::HeaderName);
        refused(&vec!["a: b"; HEADERS_LIMIT].join("\r\n"), BadHead::TooManyHeaders);
        check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(BadHead::TransferEncoding));
    }

    /// Whatever stands in a head, reading it ends with an answer.
    #[test]
    fn any_bytes_are_read() {
        let good = b"POST /v1/tokens?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n";
        let mut accepted = 0;
        for at in 0..good.len() {
            for byte in 0..=255 {
                let mut bytes = *good;
                bytes[at] = byte;
                accepted += usize::from(parse(&bytes).is_ok());
            }
            assert!(parse(&good[..at]).is_err());
        }
        assert!(accepted > 0 && accepted < good.len() * 256);
    }
}

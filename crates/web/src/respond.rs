//! Heads of pages: the strictest policy that they work under, and the one cookie. Knows no content.

use crate::words::Language;
use florin_core::edge::EdgeResponse;

/// Nothing from elsewhere, nothing inline, no frame, no form to elsewhere; scripts cannot write markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";
/// Nothing of the machine but the reader's own passkeys.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=(), \
    publickey-credentials-get=(self), publickey-credentials-create=(self)";
/// Remembers the language that a reader chose.
const COOKIE: &str = "florin_lang";
const COOKIE_SECONDS: u32 = 31_536_000;

pub fn html(status: u16, body: String) -> EdgeResponse {
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", PERMISSIONS),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex, nofollow"),
        ("vary", "Accept-Language, Cookie"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    EdgeResponse { status, headers, body: body.into_bytes() }
}

pub fn json(status: u16, body: &str) -> EdgeResponse {
    let headers = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    EdgeResponse { status, headers, body: body.as_bytes().to_vec() }
}

/// On to another page of ours.
pub fn redirect(path: &str) -> EdgeResponse {
    let mut answer = html(303, String::new());
    answer.headers.push(("location".to_owned(), path.to_owned()));
    answer
}

/// Forms say where they come from (`Origin`) only under a policy that lets our own pages know it. Nobody else hears of it.
pub fn same_origin(mut answer: EdgeResponse) -> EdgeResponse {
    for (_, value) in answer.headers.iter_mut().filter(|(name, _)| name == "referrer-policy") {
        "same-origin".clone_into(value);
    }
    answer
}

/// What the browser kept of our pages (Clear Site Data §3.1).
pub fn forget(answer: &mut EdgeResponse) {
    answer.headers.push(("clear-site-data".to_owned(), "\"cache\", \"storage\"".to_owned()));
}

/// With the language that was chosen, if one was. It is no secret, and no script needs it.
pub fn remember(mut answer: EdgeResponse, chosen: Option<Language>, tls: bool) -> EdgeResponse {
    if let Some(language) = chosen {
        let secure = if tls { "; Secure" } else { "" };
        let code = language.code();
        let value = format!("{COOKIE}={code}; Path=/; Max-Age={COOKIE_SECONDS}; SameSite=Lax; HttpOnly{secure}");
        answer.headers.push(("set-cookie".to_owned(), value));
    }
    answer
}

pub fn remembered(cookies: &str) -> Option<Language> {
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).and_then(|(_, code)| Language::parse(code))
}

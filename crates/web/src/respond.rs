//! Heads of pages: the strictest policy that they work under, and the one cookie. Knows no content.

use crate::words::Language;
use florin_core::edge::EdgeResponse;

/// Nothing from elsewhere, nothing inline, no frame, no form to elsewhere; scripts cannot write markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";
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
        ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()"),
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

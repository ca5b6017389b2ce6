//! What all pages have: language, currency, the cart's size; how they are rendered, and what is said when something is not there.

use super::{At, assets, cart, cookies};
use crate::Fail;
use crate::catalogue::Product;
use crate::dates;
use crate::money::{self, Currency};
use crate::pay::Till;
use crate::words::{Lang, Words};
use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use std::borrow::Borrow;
use std::convert::Infallible;
use std::sync::Arc;
use time::OffsetDateTime;

/// What a template asks for beside its own things.
pub struct Page {
    pub lang: Lang,
    pub currency: Currency,
    /// Things in the cart.
    pub cart: i64,
    /// Where a choice of language leads back to.
    pub path: String,
    /// Seconds until a page without scripts is loaded again.
    pub refresh: Option<u32>,
    /// Modules of `assets/` that the page improves itself with.
    pub script: Option<&'static str>,
    pub headers: HeaderMap,
    till: Arc<Till>,
}

impl FromRequestParts<At> for Page {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, at: &At) -> Result<Page, Infallible> {
        let headers = parts.headers.clone();
        let cookie = |name| cookies::get(&headers, name, at.secure);
        let accepted = || headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let lang = cookie("lang").and_then(|c| Lang::parse(&c)).unwrap_or_else(|| Lang::accepted(accepted()));
        let usual = match lang {
            Lang::En => Currency::Eur,
            Lang::Ko => Currency::Krw,
            Lang::Zh => Currency::Usd,
        };
        let currency = cookie("currency").and_then(|c| Currency::parse(&c)).unwrap_or(usual);
        let cart = cart::Cart::read(&headers, at.secure).count();
        let path = parts.uri.path_and_query().map(|p| p.as_str().to_owned()).unwrap_or_default();
        let till = Arc::clone(&at.till);
        Ok(Page { lang, currency, cart, path, refresh: None, script: None, headers, till })
    }
}

/// A whole number, however many times a template put it behind a reference.
pub trait Whole {
    fn whole(self) -> i64;
}

impl Whole for i64 {
    fn whole(self) -> i64 {
        self
    }
}

impl<T: Whole + Copy> Whole for &T {
    fn whole(self) -> i64 {
        (*self).whole()
    }
}

impl Page {
    pub fn t(&self, key: impl AsRef<str>) -> String {
        Words(self.lang).t(key.as_ref())
    }
    pub fn n(&self, key: &str, n: impl Whole) -> String {
        Words(self.lang).n(key, n.whole())
    }
    pub fn s(&self, key: &str, x: impl AsRef<str>) -> String {
        Words(self.lang).s(key, x.as_ref())
    }
    pub fn code(&self) -> &'static str {
        self.lang.code()
    }
    pub fn langs(&self) -> &'static [Lang] {
        Lang::ALL
    }
    pub fn currencies(&self) -> &'static [Currency] {
        Currency::ALL
    }
    pub fn asset(&self, name: impl AsRef<str>) -> String {
        assets::url(name.as_ref())
    }
    /// A product's name.
    pub fn product(&self, slug: impl AsRef<str>) -> String {
        self.t(crate::catalogue::name_key(slug.as_ref()))
    }
    pub fn money(&self, minor: impl Whole) -> String {
        money::shown(minor.whole(), self.currency)
    }
    pub fn price(&self, product: &Product) -> String {
        money::shown(product.price(self.currency), self.currency)
    }
    pub fn in_currency(&self, minor: impl Whole, currency: impl Borrow<Currency>) -> String {
        money::shown(minor.whole(), *currency.borrow())
    }
    /// When something happened.
    pub fn time(&self, seconds: impl Whole) -> String {
        dates::time(self.lang, seconds.whole())
    }
    /// When something will be, with the day of the week.
    pub fn appointment(&self, seconds: impl Whole) -> String {
        dates::appointment(self.lang, seconds.whole())
    }
    pub fn day(&self, seconds: impl Whole) -> String {
        dates::day(self.lang, seconds.whole())
    }
    pub fn hour(&self, seconds: impl Whole) -> String {
        dates::hour(seconds.whole())
    }
    /// RFC 3339, for `<time datetime>`.
    pub fn stamp(&self, seconds: impl Whole) -> String {
        let Ok(at) = OffsetDateTime::from_unix_timestamp(seconds.whole()) else { return String::new() };
        let (month, day) = (u8::from(at.month()), at.day());
        format!("{}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", at.year(), at.hour(), at.minute(), at.second())
    }
}

/// What is said of a page that cannot be given.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    page: &'a Page,
    title: String,
    text: String,
}

pub fn render(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.").into_response(),
    }
}

pub fn message(page: &Page, status: StatusCode, title: &str, text: &str) -> Response {
    let (title, text) = (page.t(title), page.t(text));
    (status, render(&Message { page, title, text })).into_response()
}

pub fn missing(page: &Page) -> Response {
    message(page, StatusCode::NOT_FOUND, word("missing-title"), word("missing-text"))
}

pub async fn nowhere(State(_): State<At>, page: Page) -> Response {
    missing(&page)
}

/// A failure of our own: logged here, once, without anything of the customer.
pub fn failed(page: &Page, fail: &Fail) -> Response {
    page.till.note(fail);
    message(page, StatusCode::INTERNAL_SERVER_ERROR, word("failed-title"), word("failed-text"))
}

/// Marks a key of `words/` that is looked up elsewhere, for the test that finds missing ones.
pub const fn word(key: &'static str) -> &'static str {
    key
}

/// 303: a change leads to the page that shows it.
pub fn see(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())]).into_response()
}

/// Fields of a form: names and values, the first of each name.
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn read(body: &str) -> Form {
        Form(body.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (decode(n), decode(v))).collect())
    }
    /// Without the blanks around it; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }
}

/// `application/x-www-form-urlencoded`; what is not UTF-8 becomes U+FFFD.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let two = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                std::str::from_utf8(&two).ok().and_then(|t| u8::from_str_radix(t, 16).ok()).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One value of a query.
pub fn query(parts: &str, name: &str) -> String {
    Form::read(parts.split_once('?').map_or("", |(_, query)| query)).get(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let form = Form::read("name=Ada+L%C3%B6ve&x=&name=second&broken&y=%&z=%ff%C3");
        assert_eq!(form.get("name"), "Ada Löve");
        assert_eq!((form.get("x"), form.get("broken"), form.get("nothing")), ("", "", ""));
        assert_eq!(form.get("z"), "\u{fffd}\u{fffd}");
    }
}

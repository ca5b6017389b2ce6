//! The cart: a list of things in a cookie, priced by the server whenever it is looked at. Knows no order.

use super::page::{Form, Page, failed, missing, render, see};
use super::{At, cookies};
use crate::Fail;
use crate::catalogue::Product;
use crate::db::{products, slots};
use crate::money::Currency;
use crate::pay::now;
use crate::seal::random_id;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use rusqlite::Transaction;

const COOKIE: &str = "cart";
/// A random name of the browser, for places that it holds.
const VISIT: &str = "visit";
const MOST_LINES: usize = 20;
pub const MOST_OF_ONE: i64 = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub slug: String,
    pub quantity: i64,
    pub slot: Option<i64>,
}

/// Written `teapot-2_tasting-1-17`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cart(pub Vec<Wanted>);

impl Cart {
    pub fn read(headers: &HeaderMap, secure: bool) -> Cart {
        Cart::parse(&cookies::get(headers, COOKIE, secure).unwrap_or_default())
    }

    fn parse(text: &str) -> Cart {
        let line = |text: &str| {
            let mut parts = text.split('-');
            let slug = parts.next().filter(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase()))?.to_owned();
            let quantity = parts.next()?.parse().ok().filter(|n| (1..=MOST_OF_ONE).contains(n))?;
            let slot = parts.next().map(str::parse).transpose().ok()?;
            parts.next().is_none().then_some(Wanted { slug, quantity, slot })
        };
        let mut cart = Cart::default();
        for wanted in text.split('_').filter_map(line) {
            cart.put(&wanted.slug, wanted.quantity, wanted.slot);
        }
        cart
    }

    fn text(&self) -> String {
        let lines = self.0.iter().map(|w| match w.slot {
            Some(slot) => format!("{}-{}-{slot}", w.slug, w.quantity),
            None => format!("{}-{}", w.slug, w.quantity),
        });
        lines.collect::<Vec<_>>().join("_")
    }

    pub fn count(&self) -> i64 {
        self.0.iter().map(|w| w.quantity).sum()
    }

    fn of(&self, slug: &str, slot: Option<i64>) -> i64 {
        self.0.iter().find(|w| w.slug == slug && w.slot == slot).map_or(0, |w| w.quantity)
    }

    /// So many of it; none takes it out.
    fn put(&mut self, slug: &str, quantity: i64, slot: Option<i64>) {
        let quantity = quantity.min(MOST_OF_ONE);
        let room = self.0.len() < MOST_LINES;
        match self.0.iter_mut().find(|w| w.slug == slug && w.slot == slot) {
            Some(wanted) => wanted.quantity = quantity,
            None if room => self.0.push(Wanted { slug: slug.to_owned(), quantity, slot }),
            None => {}
        }
        self.0.retain(|w| w.quantity > 0);
    }
}

pub fn visit(headers: &HeaderMap, secure: bool) -> Option<String> {
    cookies::get(headers, VISIT, secure).filter(|v| v.len() == 32 && v.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A line of the cart, as it stands in the shop now.
pub struct Shown {
    pub product: Product,
    pub quantity: i64,
    pub unit: i64,
    pub sum: i64,
    pub slot: Option<i64>,
    pub starts: Option<i64>,
    /// When the place is given up.
    pub until: Option<i64>,
    /// It is not there any more, or not so many.
    pub short: bool,
}

/// The cart of this browser, priced now.
pub async fn of_browser(at: &At, page: &Page) -> Result<Vec<Shown>, Fail> {
    let cart = Cart::read(&page.headers, at.secure);
    let (visit, currency) = (visit(&page.headers, at.secure).unwrap_or_default(), page.currency);
    at.till.db.run(move |tx| priced(tx, &cart, currency, &visit, now())).await
}

/// Prices a cart. What the shop does not know is left out.
fn priced(tx: &Transaction<'_>, cart: &Cart, currency: Currency, visit: &str, now: i64) -> Result<Vec<Shown>, Fail> {
    let mut lines = vec![];
    for wanted in &cart.0 {
        let Some(product) = products::one(tx, &wanted.slug)? else { continue };
        let (mut starts, mut until) = (None, None);
        let short = match (product.service, wanted.slot) {
            (true, Some(slot)) => {
                let found = slots::one(tx, slot, visit, now)?.filter(|s| s.slug == product.slug);
                starts = found.as_ref().map(|s| s.starts);
                until = slots::held_until(tx, slot, visit, now)?;
                found.is_none_or(|s| s.free < wanted.quantity)
            }
            (false, None) => product.stock < wanted.quantity,
            (true, None) | (false, Some(_)) => continue,
        };
        let unit = product.price(currency);
        let sum = unit.saturating_mul(wanted.quantity);
        let short = short || !product.active;
        let (quantity, slot) = (wanted.quantity, wanted.slot);
        lines.push(Shown { product, quantity, unit, sum, slot, starts, until, short });
    }
    Ok(lines)
}

#[derive(Template)]
#[template(path = "cart.html")]
struct CartPage {
    page: Page,
    lines: Vec<Shown>,
    total: i64,
    short: bool,
    gone: bool,
    now: i64,
}

pub async fn show(State(at): State<At>, mut page: Page) -> Response {
    match of_browser(&at, &page).await {
        Ok(lines) => {
            let total = lines.iter().map(|l| l.sum).sum();
            let short = lines.iter().any(|l| l.short);
            let gone = super::page::query(&page.path, "gone") == "1";
            page.script = lines.iter().any(|l| l.until.is_some()).then_some("hold.js");
            render(&CartPage { page, lines, total, short, gone, now: now() })
        }
        Err(fail) => failed(&page, &fail),
    }
}

/// `add` puts one more in; `quantity` says how many there shall be. A time of a service is held as long as it lies in the cart.
pub async fn change(State(at): State<At>, page: Page, body: String) -> Response {
    let form = Form::read(&body);
    let slug = form.get("slug").to_owned();
    let slot: Option<i64> = form.get("slot").parse().ok();
    let mut cart = Cart::read(&page.headers, at.secure);
    let before = cart.of(&slug, slot);
    let wanted = match form.get("quantity").parse::<i64>() {
        Ok(quantity) => quantity,
        Err(_) => before + 1,
    };
    let fresh = match visit(&page.headers, at.secure).map_or_else(random_id, Ok) {
        Ok(id) => id,
        Err(fail) => return failed(&page, &fail),
    };
    let visit = fresh.clone();
    let kept = slug.clone();
    let done = at.till.db.run(move |tx| {
        let Some(product) = products::one(tx, &kept)?.filter(|p| p.active) else { return Ok(None) };
        match (product.service, slot) {
            (true, Some(slot)) if wanted > 0 => {
                let right = slots::one(tx, slot, &visit, now())?.is_some_and(|s| s.slug == kept);
                Ok(right.then_some(slots::hold(tx, slot, &visit, wanted.min(MOST_OF_ONE), now())?))
            }
            (true, Some(slot)) => slots::release(tx, slot, &visit).map(|()| Some(true)),
            (false, None) => Ok(Some(wanted <= 0 || product.stock >= wanted.min(MOST_OF_ONE))),
            (true, None) | (false, Some(_)) => Ok(None),
        }
    });
    match done.await {
        Ok(Some(true)) => cart.put(&slug, wanted, slot),
        Ok(Some(false)) => return see("/cart?gone=1"),
        Ok(None) => return missing(&page),
        Err(fail) => return failed(&page, &fail),
    }
    let headers = [cookies::set(COOKIE, &cart.text(), at.secure)];
    let visit = axum::response::AppendHeaders([cookies::set(VISIT, &fresh, at.secure)]);
    (headers, visit, see("/cart")).into_response()
}

/// The cookie of an empty cart.
pub fn emptied(secure: bool) -> (axum::http::HeaderName, axum::http::HeaderValue) {
    cookies::forget(COOKIE, secure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carts() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(Cart::parse(text).text(), expected, "{text}");
        }
        check("", "");
        check("teapot-2", "teapot-2");
        check("teapot-2_tasting-1-17", "teapot-2_tasting-1-17");
        check("teapot-0_cups-1", "cups-1");
        check("teapot-21_cups--1_x", "");
        check("Teapot-1_te apot-1_<-1_-1", "");
        check("cups-1_cups-3", "cups-3");
        check("cups-1-2-3", "");
        let long = (0..30).map(|n| format!("cups-1-{n}")).collect::<Vec<_>>().join("_");
        assert_eq!(Cart::parse(&long).0.len(), MOST_LINES);
    }
}

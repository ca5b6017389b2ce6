//! An order's pages, for whoever has its signed link: how it stands, its receipt, giving it up, wishing money back. Nothing of the customer is
//! in a link.

use super::booking::{self, Movable};
use super::page::{Form, Page, failed, message, query, render, see, word};
use super::{At, address, checkout, cookies, guard};
use crate::Fail;
use crate::db::orders::Line;
use crate::db::refunds::Progress;
use crate::db::wishes::{self, Wish};
use crate::db::{orders, refunds, slots};
use crate::order::{Order, Stage};
use crate::person::Person;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

const PURPOSE: &str = "order";
/// Orders of this browser, as `id.code_id.code`.
const COOKIE: &str = "orders";
const MOST_REMEMBERED: usize = 20;
/// Of a wish's reason.
const LONGEST_REASON: usize = 500;
/// A page without scripts looks again after so many seconds.
const LOOK_AGAIN_SECONDS: u32 = 4;

/// The signed link of an order, or of a page under it.
pub fn link(at: &At, id: &str, under: &str) -> String {
    format!("/orders/{id}{under}?k={}", at.keys.code(PURPOSE, id))
}

/// The order of this link, if its code is right.
pub async fn of_link(at: &At, id: &str, page: &Page) -> Result<Option<Order>, Fail> {
    if !at.keys.is_code(PURPOSE, id, &query(&page.path, "k")) {
        return Ok(None);
    }
    at.till.order(id).await
}

/// The order of this link, or the page that says that there is none.
macro_rules! ordered {
    ($at:expr, $id:expr, $page:expr) => {
        match $crate::web::order::of_link(&$at, &$id, &$page).await {
            Ok(Some(order)) => order,
            Ok(None) => return $crate::web::page::missing(&$page),
            Err(fail) => return $crate::web::page::failed(&$page, &fail),
        }
    };
}
pub(super) use ordered;

pub fn remembered(at: &At, headers: &HeaderMap) -> Vec<String> {
    let kept = cookies::get(headers, COOKIE, at.secure).unwrap_or_default();
    let known = |pair: &str| {
        let (id, code) = pair.split_once('.')?;
        at.keys.is_code(PURPOSE, id, code).then(|| id.to_owned())
    };
    kept.split('_').take(MOST_REMEMBERED).filter_map(known).collect()
}

/// The cookie with this order in front.
pub fn remember(at: &At, headers: &HeaderMap, id: &str) -> (HeaderName, HeaderValue) {
    let mut all = remembered(at, headers);
    all.retain(|known| known != id);
    all.insert(0, id.to_owned());
    all.truncate(MOST_REMEMBERED);
    let pairs: Vec<String> = all.iter().map(|id| format!("{id}.{}", at.keys.code(PURPOSE, id))).collect();
    cookies::set(COOKIE, &pairs.join("_"), at.secure)
}

/// The cookie of a browser that remembers none.
pub fn forgotten(secure: bool) -> (HeaderName, HeaderValue) {
    cookies::forget(COOKIE, secure)
}

/// A line of an order, for people.
pub struct Shown {
    pub line: Line,
    pub sum: i64,
    pub starts: Option<i64>,
}

pub fn shown(tx: &rusqlite::Transaction<'_>, id: &str) -> Result<Vec<Shown>, Fail> {
    let lines = orders::lines(tx, id)?.into_iter().map(|line| {
        let starts = line.slot.map_or(Ok(None), |slot| slots::starts(tx, slot))?;
        Ok(Shown { sum: line.unit.saturating_mul(line.quantity), starts, line })
    });
    lines.collect()
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    page: Page,
    order: Order,
    lines: Vec<Shown>,
    person: Person,
    wish: Option<Wish>,
    bookings: Vec<Movable>,
    /// Minor units that are on their way back.
    under_way: i64,
    /// `key`, `when`.
    steps: Vec<(String, i64)>,
    code: String,
    /// The page of the payment's whole way, where the gateway offers one.
    journey: Option<String>,
    /// What came of something that was just asked for.
    said: Option<&'static str>,
}

impl OrderPage {
    fn stage_key(&self) -> String {
        format!("stage-{}", self.order.stage.name())
    }
    fn stage_text(&self) -> String {
        format!("stage-{}-text", self.order.stage.name())
    }
    fn look(&self) -> &'static str {
        look(self.order.stage)
    }
    fn can_wish(&self) -> bool {
        self.wish.is_none() && self.under_way == 0 && matches!(self.order.stage, Stage::Paid | Stage::Fulfilled)
    }
    fn can_cancel_paid(&self) -> bool {
        self.order.stage == Stage::Paid && self.under_way == 0
    }
    fn can_readdress(&self) -> bool {
        let sends = self.lines.iter().any(|shown| shown.line.slot.is_none());
        sends && address::is_open(&self.order) && !self.person.name.is_empty()
    }
    fn countries(&self) -> &'static [&'static str] {
        checkout::COUNTRIES
    }
    fn has_receipt(&self) -> bool {
        self.order.received > 0
    }
}

/// The badge's colour.
pub fn look(stage: Stage) -> &'static str {
    match stage {
        Stage::Placed => "",
        Stage::Paying | Stage::Confirming | Stage::Review => "wait",
        Stage::Paid | Stage::Fulfilled => "good",
        Stage::Cancelled | Stage::Disputed => "bad",
        Stage::Refunded => "info",
    }
}

pub async fn show(State(at): State<At>, Path(id): Path<String>, mut page: Page) -> Response {
    let order = ordered!(at, id, page);
    let read = {
        let (id, keys, order) = (id.clone(), Arc::clone(&at.keys), order.clone());
        at.till.db.run(move |tx| {
            let person = Person::open(&keys, &id, &orders::person(tx, &id)?)?;
            let (wish, back) = (wishes::of(tx, &id)?, refunds::under_way(tx, &id)?);
            Ok((shown(tx, &id)?, person, wish, booking::of_order(tx, &order)?, back, orders::steps(tx, &id)?))
        })
    };
    let (lines, person, wish, bookings, under_way, steps) = match read.await {
        Ok(read) => read,
        Err(fail) => return failed(&page, &fail),
    };
    let journey = match (&order.intent, order.stage) {
        (Some(_), Stage::Placed) | (None, _) => None,
        (Some(intent), _) => journey(&at, intent).await,
    };
    if !matches!(order.stage, Stage::Placed | Stage::Cancelled | Stage::Refunded) {
        page.script = Some("live.js");
    }
    if order.stage == Stage::Paying {
        page.refresh = Some(LOOK_AGAIN_SECONDS);
    }
    let said = match query(&page.path, "said").as_str() {
        "wished" => Some(word("said-wished")),
        "late" => Some(word("said-late")),
        "no-refund" => Some(word("said-no-refund")),
        "moved" => Some(word("said-moved")),
        "full" => Some(word("said-full")),
        "address" => Some(word("said-address")),
        _ => None,
    };
    let steps = steps.into_iter().map(|(at, what, _)| (format!("step-{what}"), at)).collect();
    let code = at.keys.code(PURPOSE, &id);
    let remember = axum::response::AppendHeaders([remember(&at, &page.headers, &id)]);
    let shown = OrderPage { page, order, lines, person, wish, bookings, under_way, steps, code, journey, said };
    (remember, render(&shown)).into_response()
}

pub async fn journey(at: &At, intent: &str) -> Option<String> {
    let answer = at.till.florin.glance(&format!("/v1/florin/payments/{intent}/journey")).await?;
    let url = answer["url"].as_str()?;
    (url.starts_with("https://") || url.starts_with("http://")).then(|| url.to_owned())
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct Receipt {
    page: Page,
    order: Order,
    lines: Vec<Shown>,
    person: Person,
    back: String,
}

pub async fn receipt(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    let order = ordered!(at, id, page);
    if order.received == 0 {
        return see(&link(&at, &id, ""));
    }
    let keys = Arc::clone(&at.keys);
    let back = link(&at, &id, "");
    let read = at.till.db.run(move |tx| Ok((shown(tx, &id)?, Person::open(&keys, &id, &orders::person(tx, &id)?)?)));
    match read.await {
        Ok((lines, person)) => render(&Receipt { page, order, lines, person, back }),
        Err(fail) => failed(&page, &fail),
    }
}

#[derive(Template)]
#[template(path = "orders.html")]
struct List {
    page: Page,
    /// Order, things in it, link.
    orders: Vec<(Order, i64, String)>,
}

impl List {
    fn stage_key(&self, order: &Order) -> String {
        format!("stage-{}", order.stage.name())
    }
    fn look(&self, order: &Order) -> &'static str {
        look(order.stage)
    }
}

/// The orders of this browser.
pub async fn list(State(at): State<At>, page: Page) -> Response {
    let ids = remembered(&at, &page.headers);
    let found = at.till.db.run(move |tx| {
        let mut found = vec![];
        for id in ids {
            if let Some(order) = orders::one(tx, &id)? {
                let things = orders::lines(tx, &id)?.iter().map(|l| l.quantity).sum();
                found.push((order, things));
            }
        }
        Ok(found)
    });
    match found.await {
        Ok(found) => {
            let orders = found.into_iter().map(|(o, n)| {
                let link = link(&at, &o.id, "");
                (o, n, link)
            });
            render(&List { page, orders: orders.collect() })
        }
        Err(fail) => failed(&page, &fail),
    }
}

/// Gives an order up: an unpaid one ends at once, a paid one that was not sent goes back whole.
pub async fn cancel(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    let order = ordered!(at, id, page);
    let said = match order.stage {
        Stage::Placed | Stage::Paying | Stage::Confirming => {
            at.till.cancel(&order, "customer").await.map(|done| if done { "" } else { "&said=late" })
        }
        // Not if it was sent since this was asked for.
        Stage::Paid => {
            at.till.refund(&id, order.refundable(), Some(Stage::Paid), "customer").await.map(|asked| match asked {
                Some(Progress::Asked | Progress::Done) => "",
                Some(Progress::Failed) => "&said=no-refund",
                None => "&said=late",
            })
        }
        Stage::Fulfilled | Stage::Cancelled | Stage::Refunded | Stage::Disputed | Stage::Review => Ok("&said=late"),
    };
    match said {
        Ok(said) => see(&format!("{}{said}", link(&at, &id, ""))),
        Err(fail) => failed(&page, &fail),
    }
}

/// A wish to have the money back, for the people of the shop to decide.
pub async fn wish(State(at): State<At>, Path(id): Path<String>, page: Page, body: String) -> Response {
    let _ = ordered!(at, id, page);
    let reason: String = Form::read(&body).get("reason").chars().take(LONGEST_REASON).collect();
    let sealed = match wishes::seal(&at.keys, &id, &reason) {
        Ok(sealed) => sealed,
        Err(fail) => return failed(&page, &fail),
    };
    let of = id.clone();
    match at.till.db.run(move |tx| wishes::make(tx, &of, &sealed, crate::pay::now())).await {
        Ok(false) => message(&page, StatusCode::CONFLICT, word("late-title"), word("late-text")),
        Ok(true) => see(&format!("{}&said=wished", link(&at, &id, ""))),
        Err(fail) => failed(&page, &fail),
    }
}

/// The whole address of an order's page, for other sites to lead back to.
pub fn whole_link(at: &At, headers: &HeaderMap, id: &str, under: &str) -> String {
    format!("{}{}", guard::origin(at, headers), link(at, id, under))
}

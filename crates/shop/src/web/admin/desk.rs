//! Orders, for the people of the shop: a list by stage, one order with all that happened to it, and what they may do about it.

use super::sign::signed_in;
use crate::db::refunds::{self, Refund};
use crate::db::wishes::{self, Wish};
use crate::db::{notices, orders};
use crate::money::{parse, plain};
use crate::order::{Change, Order, Stage};
use crate::pay::now;
use crate::person::Person;
use crate::web::At;
use crate::web::order::{Shown, look, shown};
use crate::web::page::{Form, Page, failed, message, missing, query, render, see, word};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;

const AT_ONCE: i64 = 50;

#[derive(Template)]
#[template(path = "admin/orders.html")]
struct Orders {
    page: Page,
    stage: Option<Stage>,
    /// Stage, how many.
    counts: Vec<(Stage, i64)>,
    orders: Vec<Order>,
    /// The number that the next page begins below.
    next: Option<i64>,
}

impl Orders {
    fn key(&self, stage: &Stage) -> String {
        format!("stage-{}", stage.name())
    }
    fn look(&self, stage: &Stage) -> &'static str {
        look(*stage)
    }
    fn is(&self, stage: &Stage) -> bool {
        self.stage == Some(*stage)
    }
}

pub async fn list(State(at): State<At>, page: Page) -> Response {
    signed_in!(at, page);
    let stage = Stage::parse(&query(&page.path, "stage"));
    let before = query(&page.path, "before").parse().unwrap_or(i64::MAX);
    let read = at.till.db.run(move |tx| Ok((orders::counts(tx)?, orders::list(tx, stage, before, AT_ONCE + 1)?))).await;
    match read {
        Ok((counts, mut orders)) => {
            let more = orders.len() > AT_ONCE as usize;
            orders.truncate(AT_ONCE as usize);
            let next = orders.last().filter(|_| more).map(|o| o.number);
            render(&Orders { page, stage, counts, orders, next })
        }
        Err(fail) => failed(&page, &fail),
    }
}

#[derive(Template)]
#[template(path = "admin/order.html")]
struct One {
    page: Page,
    order: Order,
    lines: Vec<Shown>,
    person: Person,
    steps: Vec<(i64, String, String)>,
    notices: Vec<(i64, String, String, String)>,
    refunds: Vec<Refund>,
    wish: Option<(Wish, String)>,
    /// Minor units that may be given back, and that are on their way.
    left: i64,
    under_way: i64,
    journey: Option<String>,
}

impl One {
    fn key(&self) -> String {
        format!("stage-{}", self.order.stage.name())
    }
    fn look(&self) -> &'static str {
        look(self.order.stage)
    }
    fn step_key(&self, what: &str) -> String {
        format!("step-{what}")
    }
    fn by_key(&self, by: &str) -> String {
        format!("by-{by}")
    }
    fn refund_key(&self, refund: &Refund) -> String {
        format!("refund-{}", refund.state.name())
    }
    fn wish_key(&self, wish: &Wish) -> String {
        format!("wish-{}", wish.state)
    }
    fn left_plain(&self) -> String {
        plain(self.left, self.order.currency)
    }
    fn can_fulfil(&self) -> bool {
        self.order.stage == Stage::Paid && self.under_way == 0
    }
    fn in_review(&self) -> bool {
        self.order.stage == Stage::Review
    }
}

pub async fn show(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    signed_in!(at, page);
    let keys = Arc::clone(&at.keys);
    let read = at.till.db.run(move |tx| {
        let Some(order) = orders::one(tx, &id)? else { return Ok(None) };
        let person = Person::open(&keys, &id, &orders::person(tx, &id)?)?;
        let wish = match wishes::of(tx, &id)? {
            Some(wish) => {
                let reason = wish.words(&keys)?;
                Some((wish, reason))
            }
            None => None,
        };
        let (steps, told) = (orders::steps(tx, &id)?, notices::of_order(tx, &id)?);
        let money = (refunds::of_order(tx, &id)?, refunds::left(tx, &id)?, refunds::under_way(tx, &id)?);
        Ok(Some((order, shown(tx, &id)?, person, steps, told, money, wish)))
    });
    match read.await {
        Ok(Some((order, lines, person, steps, notices, (refunds, left, under_way), wish))) => {
            let journey = match &order.intent {
                Some(intent) => crate::web::order::journey(&at, intent).await,
                None => None,
            };
            render(&One { page, order, lines, person, steps, notices, refunds, wish, left, under_way, journey })
        }
        Ok(None) => missing(&page),
        Err(fail) => failed(&page, &fail),
    }
}

fn place(id: &str) -> String {
    format!("/admin/orders/{id}")
}

/// All or a part of what is left.
pub async fn refund(State(at): State<At>, Path(id): Path<String>, page: Page, body: String) -> Response {
    signed_in!(at, page);
    let order = match at.till.order(&id).await {
        Ok(Some(order)) => order,
        Ok(None) => return missing(&page),
        Err(fail) => return failed(&page, &fail),
    };
    let Some(amount) = parse(Form::read(&body).get("amount"), order.currency) else {
        return message(&page, StatusCode::UNPROCESSABLE_ENTITY, word("refund-bad-title"), word("refund-bad-text"));
    };
    match at.till.refund(&id, amount, None, "shop").await {
        // How it ended stands on the page.
        Ok(Some(_)) => see(&place(&id)),
        Ok(None) => message(&page, StatusCode::UNPROCESSABLE_ENTITY, word("refund-bad-title"), word("refund-bad-text")),
        Err(fail) => failed(&page, &fail),
    }
}

/// Sent, or served: only what was paid as it was ordered, and not while money of it is on its way back.
pub async fn fulfil(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    signed_in!(at, page);
    let of = id.clone();
    let done = at.till.db.run(move |tx| {
        let still = refunds::under_way(tx, &of)? == 0;
        let Some(order) = orders::one(tx, &of)?.filter(|o| o.stage == Stage::Paid && still) else { return Ok(None) };
        let change = Change { stage: Stage::Fulfilled, ..Change::of(&order) };
        orders::apply(tx, &order, &change, "shop", now())?;
        Ok(Some(of))
    });
    match done.await {
        Ok(Some(changed)) => {
            at.till.tell(Some(changed));
            see(&place(&id))
        }
        Ok(None) => message(&page, StatusCode::CONFLICT, word("late-title"), word("late-text")),
        Err(fail) => failed(&page, &fail),
    }
}

/// An order that is not paid.
pub async fn cancel(State(at): State<At>, Path(id): Path<String>, page: Page) -> Response {
    signed_in!(at, page);
    match at.till.order(&id).await {
        Ok(Some(order)) => match at.till.cancel(&order, "shop").await {
            Ok(_) => see(&place(&id)),
            Err(fail) => failed(&page, &fail),
        },
        Ok(None) => missing(&page),
        Err(fail) => failed(&page, &fail),
    }
}

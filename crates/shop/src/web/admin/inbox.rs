//! Customers' wishes to have their money back, to be granted or refused.

use super::sign::signed_in;
use crate::db::refunds::Wish;
use crate::db::{orders, refunds};
use crate::order::Order;
use crate::pay::now;
use crate::web::At;
use crate::web::page::{Form, Page, failed, missing, render, see};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "admin/inbox.html")]
struct Inbox {
    page: Page,
    /// Order, wish, reason.
    wishes: Vec<(Order, Wish, String)>,
}

impl Inbox {
    fn key(&self, wish: &Wish) -> String {
        format!("wish-{}", wish.state)
    }
    fn open(&self, wish: &Wish) -> bool {
        wish.state == "open"
    }
}

pub async fn list(State(at): State<At>, page: Page) -> Response {
    signed_in!(at, page);
    let keys = Arc::clone(&at.keys);
    let read = at.till.db.run(move |tx| {
        let mut all = vec![];
        for wish in refunds::wishes(tx)? {
            let Some(order) = orders::one(tx, &wish.order)? else { continue };
            let reason = keys.unseal(&format!("wish of {}", order.id), &wish.reason)?;
            all.push((order, wish, String::from_utf8_lossy(&reason).into_owned()));
        }
        Ok(all)
    });
    match read.await {
        Ok(wishes) => render(&Inbox { page, wishes }),
        Err(fail) => failed(&page, &fail),
    }
}

/// Granting gives all back that is left.
pub async fn answer(State(at): State<At>, Path(id): Path<String>, page: Page, body: String) -> Response {
    signed_in!(at, page);
    let grants = Form::read(&body).get("answer") == "grant";
    let of = id.clone();
    let wished = at.till.db.run(move |tx| {
        let open = refunds::wish_of(tx, &of)?.is_some_and(|w| w.state == "open");
        Ok(orders::one(tx, &of)?.filter(|_| open))
    });
    let order = match wished.await {
        Ok(Some(order)) => order,
        Ok(None) => return missing(&page),
        Err(fail) => return failed(&page, &fail),
    };
    if grants && order.refundable() > 0 {
        match at.till.refund(&id, order.refundable()).await {
            Ok(Some(())) => {}
            // Another refund of it is under way: the wish stays.
            Ok(None) => return see("/admin/refunds"),
            Err(fail) => return failed(&page, &fail),
        }
    }
    let state = if grants { "granted" } else { "refused" };
    let of = id.clone();
    match at.till.db.run(move |tx| refunds::answer_wish(tx, &of, state, now())).await {
        Ok(()) => {
            at.till.tell(Some(id));
            see("/admin/refunds")
        }
        Err(fail) => failed(&page, &fail),
    }
}

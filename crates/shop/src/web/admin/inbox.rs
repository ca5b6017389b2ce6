//! Customers' wishes to have their money back, to be granted or refused.

use super::sign::signed_in;
use crate::db::orders;
use crate::db::refunds::Progress;
use crate::db::wishes::{self, Wish};
use crate::order::Order;
use crate::pay::now;
use crate::web::At;
use crate::web::page::{Form, Page, failed, message, render, see, word};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
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
        for wish in wishes::all(tx)? {
            let Some(order) = orders::one(tx, &wish.order)? else { continue };
            let reason = wish.words(&keys)?;
            all.push((order, wish, reason));
        }
        Ok(all)
    });
    match read.await {
        Ok(wishes) => render(&Inbox { page, wishes }),
        Err(fail) => failed(&page, &fail),
    }
}

/// Granting gives all back that is left. A wish whose refund the gateway refused is open again, and is said to be.
pub async fn answer(State(at): State<At>, Path(id): Path<String>, page: Page, body: String) -> Response {
    signed_in!(at, page);
    let done = if Form::read(&body).get("answer") == "grant" {
        at.till.grant(&id).await
    } else {
        let of = id.clone();
        at.till.db.run(move |tx| wishes::answer(tx, &of, "refused", now())).await.map(|()| Some(Progress::Done))
    };
    match done {
        Ok(Some(Progress::Asked | Progress::Done)) => {
            at.till.tell(Some(id));
            see("/admin/refunds")
        }
        Ok(Some(Progress::Failed)) => {
            message(&page, StatusCode::BAD_GATEWAY, word("refund-refused-title"), word("refund-refused-text"))
        }
        Ok(None) => message(&page, StatusCode::CONFLICT, word("refund-not-title"), word("refund-not-text")),
        Err(fail) => failed(&page, &fail),
    }
}

//! An account's first page: bookings to come, and all orders, each by its signed link.

use super::signed_in;
use crate::db::bookings::{self, Booking};
use crate::db::{accounts, orders};
use crate::order::{Order, Stage};
use crate::pay::now;
use crate::person::Person;
use crate::web::At;
use crate::web::order::{link, look};
use crate::web::page::{Page, failed, render};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

#[derive(Template)]
#[template(path = "account/own.html")]
struct Own {
    page: Page,
    person: Person,
    /// Booking, link.
    bookings: Vec<(Booking, String)>,
    /// Order, things in it, link.
    orders: Vec<(Order, i64, String)>,
}

impl Own {
    fn stage_key(&self, order: &Order) -> String {
        format!("stage-{}", order.stage.name())
    }
    fn look(&self, order: &Order) -> &'static str {
        look(order.stage)
    }
}

pub async fn show(State(at): State<At>, page: Page) -> Response {
    let (account, person) = signed_in!(at, page);
    let read = at.till.db.run(move |tx| {
        let (mut ahead, mut all) = (vec![], vec![]);
        for order in accounts::orders_of(tx, &account.id, i64::MAX)? {
            if !matches!(order.stage, Stage::Cancelled | Stage::Refunded) {
                ahead.extend(bookings::of_order(tx, &order.id, now())?);
            }
            let things = orders::lines(tx, &order.id)?.iter().map(|l| l.quantity).sum();
            all.push((order, things));
        }
        ahead.sort_by_key(|booking| booking.starts);
        Ok((ahead, all))
    });
    match read.await {
        Ok((ahead, all)) => {
            let bookings = ahead.into_iter().map(|b| (link(&at, &b.order, ""), b)).map(|(l, b)| (b, l)).collect();
            let orders =
                all.into_iter().map(|(o, n)| (link(&at, &o.id, ""), o, n)).map(|(l, o, n)| (o, n, l)).collect();
            render(&Own { page, person, bookings, orders })
        }
        Err(fail) => failed(&page, &fail),
    }
}

//! Times that an order booked: what may be picked instead, and moving there.

use super::At;
use super::order::{link, ordered};
use super::page::{Form, Page, failed, see};
use crate::Fail;
use crate::db::bookings::{self, Booking, Moved};
use crate::db::slots::{self, Slot};
use crate::order::Order;
use crate::pay::now;
use axum::extract::{Path, State};
use axum::response::Response;
use rusqlite::Transaction;

/// A booking, and the times that it can be moved to.
pub struct Movable {
    pub booking: Booking,
    pub times: Vec<Slot>,
}

pub fn of_order(tx: &Transaction<'_>, order: &Order) -> Result<Vec<Movable>, Fail> {
    if !bookings::can_move(tx, order)? {
        return Ok(vec![]);
    }
    let mut all = vec![];
    for booking in bookings::of_order(tx, &order.id, now())? {
        let mut times = slots::of(tx, &booking.slug, "", now())?;
        times.retain(|slot| slot.id != booking.slot && slot.free >= booking.quantity);
        all.push(Movable { booking, times });
    }
    Ok(all)
}

pub async fn change(State(at): State<At>, Path(id): Path<String>, page: Page, body: String) -> Response {
    let order = ordered!(at, id, page);
    let form = Form::read(&body);
    let number = |name| form.get(name).parse::<i64>().unwrap_or(-1);
    let (line, from, to) = (number("line"), number("from"), number("to"));
    match at.till.db.run(move |tx| bookings::change(tx, &order.id, line, from, to, now())).await {
        Ok(moved) => {
            let said = match moved {
                Moved::Done => "moved",
                Moved::Full => "full",
                Moved::Late => "late",
            };
            at.till.tell((moved == Moved::Done).then(|| id.clone()));
            see(&format!("{}&said={said}", link(&at, &id, "")))
        }
        Err(fail) => failed(&page, &fail),
    }
}

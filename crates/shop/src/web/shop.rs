//! The shop's window: all that is sold, one thing closer, and the visitor's choice of language and currency.

use super::cart;
use super::page::{Form, Page, failed, missing, render, see};
use super::{At, cookies};
use crate::catalogue::{DAY, Product};
use crate::db::products;
use crate::db::slots::{self, Slot};
use crate::money::Currency;
use crate::pay::now;
use crate::words::Lang;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{AppendHeaders, IntoResponse, Response};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
    goods: Vec<Product>,
    services: Vec<Product>,
}

pub async fn home(State(at): State<At>, page: Page) -> Response {
    match at.till.db.run(products::all).await {
        Ok(all) => {
            let (services, goods) = all.into_iter().filter(|p| p.active).partition(|p| p.service);
            render(&Home { page, goods, services })
        }
        Err(fail) => failed(&page, &fail),
    }
}

#[derive(Template)]
#[template(path = "product.html")]
struct One {
    page: Page,
    product: Product,
    /// A day by its first time, and its times.
    days: Vec<(i64, Vec<Slot>)>,
}

/// Times in their order, by the day (UTC) that they are on.
fn by_day(slots: Vec<Slot>) -> Vec<(i64, Vec<Slot>)> {
    let mut days: Vec<(i64, Vec<Slot>)> = vec![];
    for slot in slots {
        match days.last_mut() {
            Some((first, all)) if first.div_euclid(DAY) == slot.starts.div_euclid(DAY) => all.push(slot),
            _ => days.push((slot.starts, vec![slot])),
        }
    }
    days
}

pub async fn product(State(at): State<At>, Path(slug): Path<String>, page: Page) -> Response {
    let visit = cart::visit(&page.headers, at.secure).unwrap_or_default();
    let found = at.till.db.run(move |tx| {
        let Some(product) = products::one(tx, &slug)?.filter(|p| p.active) else { return Ok(None) };
        let slots = if product.service { slots::of(tx, &product.slug, &visit, now())? } else { vec![] };
        Ok(Some((product, slots)))
    });
    match found.await {
        Ok(Some((product, slots))) => render(&One { page, product, days: by_day(slots) }),
        Ok(None) => missing(&page),
        Err(fail) => failed(&page, &fail),
    }
}

/// Language and currency, kept in cookies. Leads back to where it was chosen, on this site alone.
pub async fn choose(State(at): State<At>, page: Page, body: String) -> Response {
    let form = Form::read(&body);
    let lang = Lang::parse(form.get("lang")).unwrap_or(page.lang);
    let currency = Currency::parse(form.get("currency")).unwrap_or(page.currency);
    let back = form.get("back");
    let ours =
        back.starts_with('/') && !back.starts_with("//") && back.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let headers = AppendHeaders([
        cookies::set("lang", lang.code(), at.secure),
        cookies::set("currency", currency.code(), at.secure),
    ]);
    (headers, see(if ours { back } else { "/" })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_by_their_day() {
        let slot = |id, starts| Slot { id, slug: "tasting".into(), starts, free: 1 };
        let all = [(1, DAY - 3_600), (2, DAY), (3, 2 * DAY - 1), (4, 5 * DAY + 36_000)].map(|(id, at)| slot(id, at));
        let days: Vec<(i64, Vec<i64>)> =
            by_day(all.to_vec()).into_iter().map(|(at, slots)| (at, slots.iter().map(|s| s.id).collect())).collect();
        assert_eq!(days, [(DAY - 3_600, vec![1]), (DAY, vec![2, 3]), (5 * DAY + 36_000, vec![4])]);
        assert_eq!(by_day(vec![]), vec![]);
    }
}

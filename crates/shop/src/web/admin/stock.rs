//! The catalogue, for the people of the shop: prices, stock, what is shown.

use super::sign::signed_in;
use crate::catalogue::Product;
use crate::db::products;
use crate::money::{Currency, parse, plain};
use crate::web::At;
use crate::web::page::{Form, Page, failed, message, missing, render, see, word};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

const MOST_STOCK: i64 = 100_000;

#[derive(Template)]
#[template(path = "admin/stock.html")]
struct Stock {
    page: Page,
    products: Vec<Product>,
}

impl Stock {
    fn plain(&self, product: &Product, currency: &Currency) -> String {
        plain(product.price(*currency), *currency)
    }
}

pub async fn list(State(at): State<At>, page: Page) -> Response {
    signed_in!(at, page);
    match at.till.db.run(products::all).await {
        Ok(products) => render(&Stock { page, products }),
        Err(fail) => failed(&page, &fail),
    }
}

/// Reads what was typed; nothing when a price or the stock is none.
fn typed(form: &Form, before: &Product) -> Option<Product> {
    let price = |currency: Currency| parse(form.get(currency.code()), currency).filter(|p| *p > 0);
    let stock = match before.service {
        true => before.stock,
        false => form.get("stock").parse().ok().filter(|n| (0..=MOST_STOCK).contains(n))?,
    };
    Some(Product {
        eur: price(Currency::Eur)?,
        usd: price(Currency::Usd)?,
        krw: price(Currency::Krw)?,
        stock,
        active: form.get("active") == "1",
        ..before.clone()
    })
}

pub async fn change(State(at): State<At>, Path(slug): Path<String>, page: Page, body: String) -> Response {
    signed_in!(at, page);
    let of = slug.clone();
    let before = match at.till.db.run(move |tx| products::one(tx, &of)).await {
        Ok(Some(before)) => before,
        Ok(None) => return missing(&page),
        Err(fail) => return failed(&page, &fail),
    };
    let Some(after) = typed(&Form::read(&body), &before) else {
        return message(&page, StatusCode::UNPROCESSABLE_ENTITY, word("stock-bad-title"), word("stock-bad-text"));
    };
    match at.till.db.run(move |tx| products::change(tx, &after)).await {
        Ok(_) => see("/admin/stock"),
        Err(fail) => failed(&page, &fail),
    }
}

//! The checkout: who orders and where it goes, then an order. Amounts are the server's own.

use super::cart::{self, Shown};
use super::page::{Form, Page, failed, render, see};
use super::{At, account, order};
use crate::Fail;
use crate::db::orders::{self, Line, New, Placed};
use crate::pay::now;
use crate::person::{Person, is_email};
use crate::seal::random_id;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use std::sync::Arc;

/// Characters of one field.
pub const LONGEST: usize = 120;
pub const COUNTRIES: &[&str] = &[
    "AT", "AU", "BE", "CA", "CH", "CN", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "GR", "HK", "IE", "IT", "JP", "KR",
    "LU", "NL", "NO", "NZ", "PL", "PT", "SE", "SG", "TW", "US",
];

#[derive(Template)]
#[template(path = "checkout.html")]
struct Checkout {
    page: Page,
    lines: Vec<Shown>,
    total: i64,
    person: Person,
    /// Names of the fields that are not right.
    faults: Vec<&'static str>,
    /// The same page sent twice is one order.
    once: String,
    /// Something has to be sent, so there must be an address.
    sends: bool,
    /// Nobody signed in.
    guest: bool,
}

impl Checkout {
    fn bad(&self, field: &str) -> bool {
        self.faults.contains(&field)
    }
    fn countries(&self) -> &'static [&'static str] {
        COUNTRIES
    }
}

pub fn nobody(page: &Page) -> Person {
    let country = match page.lang {
        crate::words::Lang::En => "NL",
        crate::words::Lang::Ko => "KR",
        crate::words::Lang::Zh => "CN",
    };
    Person { country: country.to_owned(), lang: page.code().to_owned(), ..Person::default() }
}

pub fn typed(form: &Form, page: &Page) -> Person {
    let field = |name| form.get(name).chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    Person {
        name: field("name"),
        email: field("email"),
        line1: field("line1"),
        line2: field("line2"),
        postal: field("postal"),
        city: field("city"),
        country: field("country"),
        lang: page.code().to_owned(),
    }
}

/// What is missing. An e-mail address is believed when it could be one.
pub fn faults(person: &Person, sends: bool) -> Vec<&'static str> {
    let mut faults = vec![];
    let mut demand = |ok: bool, name| {
        if !ok {
            faults.push(name)
        }
    };
    demand(!person.name.is_empty(), "name");
    demand(is_email(&person.email), "email");
    if sends {
        demand(!person.line1.is_empty(), "line1");
        demand(!person.postal.is_empty(), "postal");
        demand(!person.city.is_empty(), "city");
        demand(COUNTRIES.contains(&person.country.as_str()), "country");
    }
    faults
}

pub async fn show(State(at): State<At>, page: Page) -> Response {
    let known = match account::of_browser(&at, &page).await {
        Ok(known) => known.map(|(_, person)| person),
        Err(fail) => return failed(&page, &fail),
    };
    match random_id() {
        Ok(once) => {
            let person = known.unwrap_or_else(|| nobody(&page));
            form(&at, page, person, vec![], once).await
        }
        Err(fail) => failed(&page, &fail),
    }
}

async fn form(at: &At, page: Page, person: Person, faults: Vec<&'static str>, once: String) -> Response {
    let lines = match cart::of_browser(at, &page).await {
        Ok(lines) => lines,
        Err(fail) => return failed(&page, &fail),
    };
    if lines.is_empty() || lines.iter().any(|l| l.short) {
        return see("/cart");
    }
    let (total, sends) = (lines.iter().map(|l| l.sum).sum(), lines.iter().any(|l| !l.product.service));
    let guest = account::token(&page.headers, at.secure).is_none();
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, render(&Checkout { page, lines, total, person, faults, once, sends, guest })).into_response()
}

/// An order's id, and its person sealed for it.
fn seal(at: &At, person: &Person) -> Result<(String, Vec<u8>), Fail> {
    let id = random_id()?;
    let sealed = person.seal(&at.keys, &id)?;
    Ok((id, sealed))
}

/// What was typed for an order becomes that of an account that has no address yet.
fn first(own: Person, typed: Person) -> Option<Person> {
    (own.name.is_empty() && own.line1.is_empty()).then_some(Person { email: own.email, ..typed })
}

pub async fn place(State(at): State<At>, page: Page, body: String) -> Response {
    let fields = Form::read(&body);
    let person = typed(&fields, &page);
    let once = fields.get("once").to_owned();
    if once.len() != 32 || !once.bytes().all(|b| b.is_ascii_hexdigit()) {
        return see("/checkout");
    }
    let visit = cart::visit(&page.headers, at.secure).unwrap_or_default();
    let lines = match cart::of_browser(&at, &page).await {
        Ok(lines) => lines,
        Err(fail) => return failed(&page, &fail),
    };
    let wrong = faults(&person, lines.iter().any(|l| !l.product.service));
    if !wrong.is_empty() {
        return form(&at, page, person, wrong, once).await;
    }
    let currency = page.currency;
    let known = match account::of_browser(&at, &page).await {
        Ok(known) => known.map(|(account, _)| account.id),
        Err(fail) => return failed(&page, &fail),
    };
    let (id, sealed) = match seal(&at, &person) {
        Ok(sealed) => sealed,
        Err(fail) => return failed(&page, &fail),
    };
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|l| Line { slug: l.product.slug, quantity: l.quantity, unit: l.unit, slot: l.slot })
        .collect();
    let keys = Arc::clone(&at.keys);
    let placed = at.till.db.run(move |tx| {
        let lines = lines.as_slice();
        let account = known.as_deref();
        let new = New { id: &id, once: &once, visit: &visit, account, currency, lines, person: &sealed, now: now() };
        if let Some(account) = account {
            account::edit(tx, &keys, account, |own| first(own, person))?;
        }
        // An emptied cart is that of an order that was placed already.
        if lines.is_empty() { orders::placed(tx, &once) } else { orders::place(tx, &new).map(Some) }
    });
    match placed.await {
        Ok(Some(Placed::Done(id))) => {
            let headers = AppendHeaders([cart::emptied(at.secure), order::remember(&at, &page.headers, &id)]);
            (headers, see(&order::link(&at, &id, "/pay"))).into_response()
        }
        Ok(Some(Placed::SoldOut(_))) => see("/cart?gone=1"),
        Ok(None) => see("/cart"),
        Err(fail) => failed(&page, &fail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing() {
        #[track_caller]
        fn check(email: &str, city: &str, sends: bool, expected: &[&str]) {
            let text = |t: &str| t.to_owned();
            let person = Person {
                name: text("Ada"),
                email: text(email),
                line1: text("Keizersgracht 1"),
                line2: text(""),
                postal: text("1015 CC"),
                city: text(city),
                country: text("NL"),
                lang: text("en"),
            };
            assert_eq!(faults(&person, sends), expected, "{email}");
        }
        check("ada@example.com", "Amsterdam", true, &[]);
        check("ada@example.com", "", true, &["city"]);
        check("ada@example.com", "", false, &[]);
        for wrong in ["", "ada", "ada@", "@example.com", "ada@example", "ada@.com", "a da@example.com"] {
            check(wrong, "Amsterdam", true, &["email"]);
        }
    }
}

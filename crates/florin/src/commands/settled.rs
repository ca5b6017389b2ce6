//! Whether the ledger's books of settlement are what movements and breaks say: for `florin verify`. Changes nothing.

use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::ledger::Book;
use florin_core::money::Currency;
use florin_core::movement::{MovementView, Settled};
use florin_core::settlement::Break;
use florin_core::store::{Query, Store, Sum};
use florin_core::terminal::HOUSE;
use std::collections::BTreeMap;

const ROWS_AT_ONCE: u32 = 500;

/// Credits less debits by book and currency.
type Books = BTreeMap<(Book, Currency), i128>;

/// What does not agree, in words.
pub async fn problems(store: &dyn Store, sums: &[Sum]) -> Result<Vec<String>, Failure> {
    let mut expected = Books::new();
    let mut next: Option<Key> = None;
    loop {
        let query = Query::List { under: HOUSE, kind: Kind::Movement, before: next, limit: ROWS_AT_ONCE };
        let rows = store.find(query).await?.rows();
        for row in &rows {
            let view: MovementView = flow::read(row)?;
            next = Some(view.body.place);
            add_movement(&mut expected, &view);
        }
        if rows.len() < ROWS_AT_ONCE as usize {
            break;
        }
    }
    let mut before: Option<Key> = None;
    loop {
        let query = Query::List { under: HOUSE, kind: Kind::Break, before, limit: ROWS_AT_ONCE };
        let rows = store.find(query).await?.rows();
        for row in &rows {
            before = Some(row.key);
            let view: View<Break> = flow::read(row)?;
            for sum in &view.body.sums {
                add(&mut expected, Book::Suspense, sum.currency, sum.net());
                add(&mut expected, Book::Cash, sum.currency, -sum.net());
            }
        }
        if rows.len() < ROWS_AT_ONCE as usize {
            break;
        }
    }
    let about = [
        Book::Merchant,
        Book::Available,
        Book::Receivable,
        Book::Cash,
        Book::FeeIncome,
        Book::AcquirerCost,
        Book::Suspense,
    ];
    for sum in sums.iter().filter(|sum| about.contains(&sum.book)) {
        *expected.entry((sum.book, sum.currency)).or_default() -= sum.credits - sum.debits;
    }
    let wrong = expected.into_iter().filter(|(_, off)| *off != 0);
    Ok(wrong
        .map(|((book, currency), off)| {
            format!("{} in {}: the ledger and the movements differ by {off}", book.as_str(), currency.code())
        })
        .collect())
}

fn add(expected: &mut Books, book: Book, currency: Currency, minor: i64) {
    *expected.entry((book, currency)).or_default() += i128::from(minor);
}

fn add_movement(expected: &mut Books, view: &MovementView) {
    let (m, currency) = (&view.body, view.body.money.currency);
    add(expected, Book::FeeIncome, currency, m.fee);
    match m.settled {
        Settled::Pending => {
            add(expected, Book::Merchant, currency, m.net());
            add(expected, Book::Receivable, currency, -m.money.minor);
        }
        Settled::By { cost, .. } => {
            add(expected, Book::Available, currency, m.net());
            add(expected, Book::Cash, currency, cost - m.money.minor);
            add(expected, Book::AcquirerCost, currency, -cost);
        }
    }
}

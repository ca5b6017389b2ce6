//! Races over one idempotency key: it is carried out once, and everybody hears the same bytes.

use super::shop::Shop;
use super::{RacesReport, at_once};

/// Amounts of these payments begin here: each key has its own, by which the acquirer's book is read.
const FIRST_AMOUNT: i64 = 100_000;

pub fn race(shop: &Shop, n: u32, racers: u32, report: &mut RacesReport) {
    let amount = FIRST_AMOUNT + i64::from(n);
    let body = format!("amount={amount}&currency=eur&confirm=true&{}", super::shop::CARD);
    let request = ("/v1/payment_intents".to_owned(), body, Some(format!("key-{n}")));
    let requests = vec![request; racers as usize];
    let answers = at_once(shop, &requests, &mut report.key_requests);
    let mut differs = |why: String| report.differences.push(format!("key {n}: {why}"));
    let Some(first) = answers.first() else { return };
    if first.status != 200 {
        differs(format!("it was answered {}: {}", first.status, first.body));
    }
    if let Some(other) = answers.iter().find(|got| got.status != first.status || got.bytes != first.bytes) {
        differs(format!("two bodies: `{}` and `{}`", first.body, other.body));
    }
    let executions = shop.acquirer().sales_of(amount);
    if executions != 1 {
        differs(format!("it was carried out {executions} times"));
    }
    report.executions += executions;
}

//! What control calls answer, as JSON. Card numbers are keyed hashes here as well.

use crate::books::{Books, Standing, Totals};
use crate::entry::Entry;
use crate::settings::Counts;
use florin_connect::core::money::Currency;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of the books, with what stands of it now. Amounts are minor units of ISO 4217.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    pub id: u64,
    /// Unix milliseconds.
    pub at: i64,
    /// hold, sale, completion, refund, reversal, decline, verification, advice
    pub kind: String,
    pub rrn: String,
    pub stan: String,
    pub de7: String,
    pub terminal: String,
    pub acquirer: String,
    /// Keyed hash of the card number.
    pub card: String,
    pub network: Option<String>,
    pub processing_code: String,
    pub asked: i64,
    pub amount: i64,
    /// Three lower-case letters.
    pub currency: String,
    pub response: String,
    pub approval: Option<String>,
    pub network_id: Option<String>,
    /// The entry that this one acts on.
    pub original: Option<u64>,
    pub stand_in: bool,
    /// Only for holds, sales and refunds.
    pub standing: Option<StandingView>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingView {
    pub held: i64,
    pub captured: i64,
    pub refunded: i64,
    pub reversed: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooksAnswer {
    pub entries: Vec<EntryView>,
    /// More fit than were given: ask more narrowly.
    pub more: bool,
}

/// A business day that was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedDay {
    /// Its settlement report, if something was cleared in it.
    pub report: Option<u64>,
    pub totals: TotalsView,
}

/// Totals by three-letter currency code.
pub type TotalsView = BTreeMap<String, Totals>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub entries: u64,
    /// Since the first entry.
    pub all: TotalsView,
    /// Since the day was last closed.
    pub day: TotalsView,
    /// Sums of what stands now.
    pub standing: BTreeMap<String, StandingView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub status: String,
    pub entries: u64,
    pub down: bool,
    pub rules: usize,
    pub counts: Counts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub currency: String,
    pub credit_line: i64,
    pub held: i64,
    pub owed: i64,
    pub available: i64,
}

/// A refused control call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The field or part of the request that is wrong.
    pub field: String,
    pub error: String,
}

pub(crate) fn currency_code(numeric: u16) -> String {
    Currency::from_numeric(numeric).map_or_else(|| format!("{numeric:03}"), |currency| currency.code().to_owned())
}

pub(crate) fn totals(by_currency: &crate::books::ByCurrency) -> TotalsView {
    by_currency.iter().map(|(currency, totals)| (currency_code(*currency), *totals)).collect()
}

pub(crate) fn entry(books: &Books, e: &Entry) -> EntryView {
    EntryView {
        id: e.id,
        at: e.at.0,
        kind: e.kind.as_str().to_owned(),
        rrn: e.rrn.to_string(),
        stan: format!("{:06}", e.trace.stan),
        de7: format!("{:010}", e.trace.de7),
        terminal: e.trace.terminal.to_string(),
        acquirer: e.trace.acquirer.to_string(),
        card: e.card.to_string(),
        network: e.network.map(|n| n.as_str().to_owned()),
        processing_code: format!("{:06}", e.processing),
        asked: e.asked,
        amount: e.amount,
        currency: currency_code(e.currency),
        response: e.response.to_string(),
        approval: e.approval.map(|a| a.to_string()),
        network_id: (e.network_id != 0).then(|| format!("{:015}", e.network_id)),
        original: e.original,
        stand_in: e.stand_in,
        standing: books.standing(e.id).map(standing),
    }
}

fn standing(s: &Standing) -> StandingView {
    StandingView { held: s.held, captured: s.captured, refunded: s.refunded, reversed: s.reversed }
}

pub(crate) fn summary(books: &Books) -> Summary {
    let mut stands: BTreeMap<String, StandingView> = BTreeMap::new();
    for s in books.standings() {
        let none = StandingView { held: 0, captured: 0, refunded: 0, reversed: 0 };
        let sum = stands.entry(currency_code(s.currency)).or_insert(none);
        sum.held += s.held;
        sum.captured += s.captured;
        sum.reversed += s.reversed;
        // A refund stands under its sale too: counted once, under the refund.
        if s.kind == crate::entry::Kind::Refund {
            sum.refunded += s.refunded;
        }
    }
    Summary {
        entries: books.len() as u64,
        all: totals(books.totals()),
        day: totals(books.day_totals()),
        standing: stands,
    }
}

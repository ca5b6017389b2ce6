//! Ledger entries as a journal: each transfer is one debit and one credit of the same amount. And what of it was settled.

use super::clock;
use crate::told::{Settled, Told};
use crate::words::Words;
use florin_core::money::Money;

/// One side of a transfer. The first of two carries the reason.
pub struct Line {
    pub reason: Option<String>,
    pub book: String,
    pub debit: Option<String>,
    pub credit: Option<String>,
}

/// The sums of one currency.
pub struct Sum {
    pub debits: String,
    pub credits: String,
    pub balanced: bool,
}

pub struct Books {
    pub lines: Vec<Line>,
    pub sums: Vec<Sum>,
}

impl Books {
    pub fn balanced(&self) -> bool {
        self.sums.iter().all(|sum| sum.balanced)
    }
}

pub fn books(told: &Told, words: Words) -> Books {
    let mut lines = Vec::new();
    // Sums are made of the lines that are shown, so that they prove something.
    let mut sides: Vec<(Money, Money)> = Vec::new();
    for entry in &told.entries {
        let amount = entry.money.to_string();
        let reason = Some(words.of("reason", entry.reason.as_str()));
        let book = |name: &str| words.of("book", name);
        let debit = Line { reason, book: book(entry.debit.as_str()), debit: Some(amount.clone()), credit: None };
        lines.push(debit);
        lines.push(Line { reason: None, book: book(entry.credit.as_str()), debit: None, credit: Some(amount) });
        match sides.iter_mut().find(|(debits, _)| debits.currency == entry.money.currency) {
            Some((debits, credits)) => {
                *debits = debits.with_minor(debits.minor.saturating_add(entry.money.minor));
                *credits = credits.with_minor(credits.minor.saturating_add(entry.money.minor));
            }
            None => sides.push((entry.money, entry.money)),
        }
    }
    let sum = |(debits, credits): (Money, Money)| Sum {
        debits: debits.to_string(),
        credits: credits.to_string(),
        balanced: debits == credits,
    };
    Books { lines, sums: sides.into_iter().map(sum).collect() }
}

/// What became of one movement.
pub struct Settlement {
    pub gross: String,
    pub fee: String,
    pub net: String,
    pub settled: bool,
    /// In words: expected when, or settled by which line of which report.
    pub says: String,
    pub cost: Option<String>,
}

pub fn settlement(told: &Told, words: Words) -> Vec<Settlement> {
    let row = |m: &crate::told::Movement| {
        let (settled, says, cost) = match m.settled {
            Settled::Expected(at) => (false, words.with("settle-expected", "at", &clock::moment(at)), None),
            Settled::By { report, line, at, cost } => {
                let (report, line, at) = (report.to_string(), line.to_string(), clock::moment(at));
                let says = words.put("settle-by", &[("report", &report), ("line", &line), ("at", &at)]);
                (true, says, Some(cost.to_string()))
            }
        };
        Settlement { gross: m.gross.to_string(), fee: m.fee.to_string(), net: m.net.to_string(), settled, says, cost }
    };
    told.movements.iter().map(row).collect()
}

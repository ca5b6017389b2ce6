//! Settlement reports: what the acquirer cleared in a business day, line by line, and what it keeps of it. Pure.
//! Knows the books and no card number.

use crate::books::Books;
use crate::entry::{Entry, EntryId, Kind};
use crate::views::currency_code;
use florin_connect::core::money::Currency;
use florin_connect::core::time::Time;
use florin_connect::core::wire::Network;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reports in one answer.
pub(crate) const REPORTS_LIMIT: usize = 50;
/// Lines in one answer.
pub(crate) const LINES_LIMIT: usize = 100;

/// What goes wrong with the report of the next day that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum ReportFault {
    /// The list names it twice.
    Twice,
    /// The list names it before older ones.
    OutOfOrder,
    /// Its first line is not in it.
    MissingLine,
    /// Its first line is in the next report.
    LateLine,
    /// Its first line has another amount.
    WrongAmount,
    /// Its first line has another currency.
    WrongCurrency,
    /// It has a line that belongs to nobody.
    UnknownLine,
    /// Its first line is in it twice.
    RepeatedLine,
    /// It is not listed before this much time has passed.
    Delayed { ms: u32 },
}

/// One line. Amounts are minor units of ISO 4217, in the merchant's favour: below zero for refunds and for reversals of sales.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportLine {
    /// From 1, without gaps.
    pub line: u32,
    /// sale, capture, refund, reversal
    pub kind: String,
    pub rrn: String,
    pub stan: String,
    /// Transmission date and time (DE 7), MMDDhhmmss.
    pub de7: String,
    pub terminal: String,
    pub network: Option<String>,
    pub amount: i64,
    /// Three lower-case letters.
    pub currency: String,
    /// What issuer, scheme and acquirer keep: below zero where a reversal gives it back.
    pub interchange: i64,
    pub scheme_fee: i64,
    pub acquirer_fee: i64,
}

/// Sums of one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTotal {
    pub currency: String,
    pub lines: u32,
    /// Sum of the lines' amounts.
    pub amount: i64,
    /// Sum of what is kept.
    pub costs: i64,
    /// What is paid out: amount less costs.
    pub net: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportHead {
    /// 1, 2, 3…: never used again.
    pub id: u64,
    /// Settlement date, YYYY-MM-DD, UTC.
    pub date: String,
    /// Unix milliseconds.
    pub closed_at: i64,
    pub lines: u32,
    pub totals: Vec<ReportTotal>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportsAnswer {
    /// Oldest first; those after the given id.
    pub reports: Vec<ReportHead>,
    /// The newest that there is.
    pub newest: u64,
}

/// A closed day that has a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub closed: Time,
    /// What was cleared, in order.
    pub lines: Vec<EntryId>,
}

/// What each keeps of a purchase, in basis points: interchange by network (capped by law for consumer cards in Europe, not for
/// three-party schemes), the scheme's fee, the acquirer's.
const fn rates(network: Option<Network>) -> [i64; 3] {
    match network {
        Some(Network::Visa | Network::Mastercard) => [20, 5, 10],
        Some(Network::Amex | Network::Discover | Network::Diners) => [150, 10, 10],
        Some(Network::Jcb | Network::UnionPay) => [100, 10, 10],
        None => [0, 0, 10],
    }
}

/// A part of an amount, rounded down to what the API can count: the merchant's side is never charged a fraction.
fn part_rounded_down(amount: i64, basis_points: i64, currency: u16) -> i64 {
    let finer = Currency::from_numeric(currency).map_or(0, |c| c.iso_exponent().saturating_sub(c.exponent()));
    let step = 10i64.saturating_pow(u32::from(finer));
    let part = amount.saturating_mul(basis_points) / 10_000;
    part - part % step
}

/// Above zero when money goes to the merchant.
fn signed(books: &Books, entry: &Entry) -> i64 {
    let original = entry.original.and_then(|id| books.entry(id));
    match entry.kind {
        Kind::Sale | Kind::Completion => entry.amount,
        Kind::Refund => -entry.amount,
        Kind::Reversal if original.is_some_and(|o| o.kind == Kind::Refund) => entry.amount,
        Kind::Reversal => -entry.amount,
        Kind::Hold | Kind::Decline | Kind::Verification | Kind::Advice => 0,
    }
}

/// The line of an entry. Refunds cost nothing; the reversal of a purchase gives its costs back.
fn line(books: &Books, entry: &Entry, number: u32) -> ReportLine {
    let amount = signed(books, entry);
    let refund = |e: &Entry| e.kind == Kind::Refund;
    let original = entry.original.and_then(|id| books.entry(id));
    let free = refund(entry) || (entry.kind == Kind::Reversal && original.is_some_and(refund));
    let rates = if free { [0; 3] } else { rates(entry.network) };
    let [interchange, scheme_fee, acquirer_fee] =
        rates.map(|rate| amount.signum() * part_rounded_down(amount.abs(), rate, entry.currency));
    let kind = match entry.kind {
        Kind::Completion => "capture",
        Kind::Sale | Kind::Refund | Kind::Reversal | Kind::Hold | Kind::Decline | Kind::Verification | Kind::Advice => {
            entry.kind.as_str()
        }
    };
    ReportLine {
        line: number,
        kind: kind.to_owned(),
        rrn: entry.rrn.to_string(),
        stan: format!("{:06}", entry.trace.stan),
        de7: format!("{:010}", entry.trace.de7),
        terminal: entry.trace.terminal.to_string(),
        network: entry.network.map(|n| n.as_str().to_owned()),
        amount,
        currency: currency_code(entry.currency),
        interchange,
        scheme_fee,
        acquirer_fee,
    }
}

/// The lines of a day, as they are or as a fault spoils them.
fn lines(books: &Books, day: &Day, fault: Option<ReportFault>) -> Vec<ReportLine> {
    let found = day.lines.iter().filter_map(|id| books.entry(*id));
    let mut lines: Vec<ReportLine> = found.map(|entry| line(books, entry, 0)).collect();
    if let Some(fault) = fault {
        spoil(&mut lines, fault);
    }
    for (line, number) in lines.iter_mut().zip(1..) {
        line.line = number;
    }
    lines
}

fn spoil(lines: &mut Vec<ReportLine>, fault: ReportFault) {
    let Some(first) = lines.first_mut() else { return };
    match fault {
        ReportFault::WrongAmount => first.amount += 100 * first.amount.signum(),
        ReportFault::WrongCurrency => first.currency = if first.currency == "usd" { "eur" } else { "usd" }.to_owned(),
        ReportFault::MissingLine => drop(lines.remove(0)),
        ReportFault::RepeatedLine => {
            let again = first.clone();
            lines.push(again);
        }
        ReportFault::UnknownLine => {
            let stranger = ReportLine { rrn: "000000UNKNWN".to_owned(), stan: "000000".to_owned(), ..first.clone() };
            lines.push(stranger);
        }
        ReportFault::Twice | ReportFault::OutOfOrder | ReportFault::LateLine | ReportFault::Delayed { .. } => {}
    }
}

fn totals(lines: &[ReportLine]) -> Vec<ReportTotal> {
    let mut totals: BTreeMap<&str, ReportTotal> = BTreeMap::new();
    for line in lines {
        let costs = line.interchange + line.scheme_fee + line.acquirer_fee;
        let total = totals.entry(&line.currency).or_default();
        total.lines += 1;
        total.amount += line.amount;
        total.costs += costs;
        total.net += line.amount - costs;
    }
    totals.into_iter().map(|(currency, total)| ReportTotal { currency: currency.to_owned(), ..total }).collect()
}

/// Which reports go wrong, and how. In memory only: after a restart every report reads as it should.
#[derive(Default)]
pub struct ReportScript {
    waiting: Vec<ReportFault>,
    of: BTreeMap<u64, ReportFault>,
}

impl ReportScript {
    pub fn add(&mut self, fault: ReportFault) {
        self.waiting.push(fault);
    }
    /// Nothing more goes wrong, and nothing is delayed any longer. What a report said it goes on saying.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.of.retain(|_, fault| !matches!(fault, ReportFault::Delayed { .. }));
    }
    /// A day was closed with this report.
    pub fn closed(&mut self, report: u64) -> Option<ReportFault> {
        if self.waiting.is_empty() {
            return None;
        }
        let fault = self.waiting.remove(0);
        self.of.insert(report, fault);
        Some(fault)
    }
}

/// Reports after this one that can be had now.
pub fn after(books: &Books, script: &ReportScript, id: u64, now: Time) -> ReportsAnswer {
    let newest = books.days().len() as u64;
    let mut reports = vec![];
    for (number, day) in (1..).zip(books.days()).skip(usize::try_from(id).unwrap_or(usize::MAX)) {
        if reports.len() >= REPORTS_LIMIT {
            break;
        }
        let fault = script.of.get(&number).copied();
        let head = || head(books, number, day, fault);
        match fault {
            Some(ReportFault::Delayed { ms }) if now < day.closed.plus_ms(i64::from(ms)) => {}
            Some(ReportFault::OutOfOrder) => reports.insert(0, head()),
            Some(ReportFault::Twice) => reports.extend([head(), head()]),
            Some(_) | None => reports.push(head()),
        }
    }
    ReportsAnswer { reports, newest }
}

fn head(books: &Books, id: u64, day: &Day, fault: Option<ReportFault>) -> ReportHead {
    let lines = lines(books, day, fault);
    let civil = day.closed.civil();
    ReportHead {
        id,
        date: format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day),
        closed_at: day.closed.0,
        lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
        totals: totals(&lines),
    }
}

/// At most `limit` lines of a report after this line; `None` when there is no such report.
pub fn page(books: &Books, script: &ReportScript, id: u64, after: u32, limit: usize) -> Option<Vec<ReportLine>> {
    let place = usize::try_from(id).ok()?.checked_sub(1)?;
    let day = books.days().get(place)?;
    let (skipped, limit) = (after as usize, limit.min(LINES_LIMIT));
    match script.of.get(&id) {
        Some(fault) => Some(lines(books, day, Some(*fault)).into_iter().skip(skipped).take(limit).collect()),
        None => {
            let wanted = (1..).zip(&day.lines).skip(skipped).take(limit);
            Some(wanted.filter_map(|(number, id)| Some(line(books, books.entry(*id)?, number))).collect())
        }
    }
}

//! A report as the acquirer gives it, and the row that says how far it was applied. Decides nothing.

use crate::codec::Body;
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::money::{Currency, Money};
use crate::movement::{Movement, Source};
use crate::record::Record;
use crate::time::Time;
use crate::wire::{Rrn, Terminal};
use serde::{Deserialize, Serialize};

/// What a line cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cleared {
    Sale,
    Capture,
    Refund,
    /// A sale or refund was taken back after it was cleared, or on the same day.
    Reversal,
}

impl Cleared {
    pub const fn as_str(self) -> &'static str {
        match self {
            Cleared::Sale => "sale",
            Cleared::Capture => "capture",
            Cleared::Refund => "refund",
            Cleared::Reversal => "reversal",
        }
    }
}

/// DE 37 as it stands in a report: twelve characters, ours or anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RrnText(pub [u8; 12]);

impl RrnText {
    pub fn text(self) -> String {
        self.0.iter().map(|b| char::from(*b)).collect()
    }
}

/// One line. Amounts are minor units as the API counts them, in the merchant's favour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1, without gaps.
    pub number: u32,
    pub what: Cleared,
    pub rrn: RrnText,
    pub stan: u32,
    /// None for a terminal that is not ours.
    pub terminal: Option<Terminal>,
    pub money: Money,
    /// What issuer, scheme and acquirer keep of it; below zero where they give back.
    pub costs: i64,
}

impl Line {
    /// What it changes at our bank.
    pub const fn net(&self) -> i64 {
        self.money.minor.saturating_sub(self.costs)
    }
    /// The message that it names, if its RRN is one of ours.
    pub fn reference(&self, closed: Time) -> Option<Rrn> {
        Rrn::read(&self.rrn.0, closed)
    }
    /// Whether it names this movement's message.
    pub fn names(&self, movement: &Movement) -> bool {
        let kind = match movement.source {
            Source::Charge { capture: false, .. } => Cleared::Sale,
            Source::Charge { capture: true, .. } => Cleared::Capture,
            Source::Refund { .. } => Cleared::Refund,
        };
        kind == self.what && self.stan == movement.wire.stan && self.terminal == Some(movement.wire.terminal)
    }
}

/// Counts and sums of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    pub currency: Currency,
    pub lines: u32,
    pub amount: i64,
    pub costs: i64,
}

impl Total {
    pub const fn net(&self) -> i64 {
        self.amount.saturating_sub(self.costs)
    }
}

/// Adds to the sum of its currency; sums stay sorted by currency.
pub fn add(totals: &mut Vec<Total>, money: Money, costs: i64) {
    let place = match totals.binary_search_by_key(&money.currency, |t| t.currency) {
        Ok(place) => place,
        Err(place) => {
            totals.insert(place, Total { currency: money.currency, lines: 0, amount: 0, costs: 0 });
            place
        }
    };
    if let Some(total) = totals.get_mut(place) {
        total.lines = total.lines.saturating_add(1);
        total.amount = total.amount.saturating_add(money.minor);
        total.costs = total.costs.saturating_add(costs);
    }
}

/// What a report says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// 1, 2, 3…: the acquirer never uses one again.
    pub id: u64,
    /// When the acquirer closed the day, by its clock.
    pub closed: Time,
    pub lines: u32,
    /// Sorted by currency.
    pub totals: Vec<Total>,
}

/// How far a report was applied. Each page of lines is a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub id: u64,
    pub closed: Time,
    pub lines: u32,
    pub applied: u32,
    /// Lines that settled a movement; the others are in breaks.
    pub settled: u32,
    /// Its own sums.
    pub told: Vec<Total>,
    /// The sums of the lines that were applied.
    pub seen: Vec<Total>,
}

impl Body for Report {
    const FORMAT: u8 = 1;
}

impl Record for Report {
    const KIND: Kind = Kind::Report;
}

pub type ReportView = View<Report>;

impl Report {
    pub fn begun(head: &Head) -> Report {
        let (id, closed, lines) = (head.id, head.closed, head.lines);
        Report { id, closed, lines, applied: 0, settled: 0, told: head.totals.clone(), seen: vec![] }
    }
    pub const fn is_complete(&self) -> bool {
        self.applied >= self.lines
    }
    /// Whether its lines add up to what it says of itself.
    pub fn adds_up(&self) -> bool {
        self.told == self.seen
    }
    /// Whether this is the report that was seen before under its id.
    pub fn is(&self, head: &Head) -> bool {
        self.closed == head.closed && self.lines == head.lines && self.told == head.totals
    }
}

/// Rows of reports have keys far below every generated one.
const REPORTS: i64 = 2 << 40;

/// The key of a report's row; 0 is the cursor's.
pub const fn report_key(id: u64) -> Key {
    Key(REPORTS | (id & 0xff_ffff_ffff).cast_signed())
}

//! A break: where the acquirer's reports and our books differ over one RRN. One row an RRN, with its reason now.
//! What it holds is money in `Suspense`.

use super::report::{Cleared, Line, RrnText, Total, add};
use crate::codec::Body;
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::money::Money;
use crate::movement::Movement;
use crate::record::Record;
use crate::time::Time;
use crate::wire::Rrn;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Lines that a break names; its sums are of all.
const MOST_NAMED: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// We captured or gave back, and no report names it after so many days.
    MissingAtAcquirer,
    /// A report names what is no movement of ours.
    UnknownToUs,
    AmountDiffers,
    CurrencyDiffers,
    /// Named again after it was settled.
    Duplicate,
    /// It was missing, and then came.
    Late,
}

impl Reason {
    pub const ALL: &[Reason] = &[
        Reason::MissingAtAcquirer,
        Reason::UnknownToUs,
        Reason::AmountDiffers,
        Reason::CurrencyDiffers,
        Reason::Duplicate,
        Reason::Late,
    ];
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::MissingAtAcquirer => "missing_at_acquirer",
            Reason::UnknownToUs => "unknown_to_us",
            Reason::AmountDiffers => "amount_differs",
            Reason::CurrencyDiffers => "currency_differs",
            Reason::Duplicate => "duplicate",
            Reason::Late => "late",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolution {
    /// The missing line came.
    SettledLate,
    /// The movement was made after its line had come.
    Matched,
    /// Later lines took it back.
    Canceled,
}

impl Resolution {
    pub const fn as_str(self) -> &'static str {
        match self {
            Resolution::SettledLate => "settled_late",
            Resolution::Matched => "matched",
            Resolution::Canceled => "canceled",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BreakState {
    Open,
    Resolved { how: Resolution, at: Time },
}

/// A line that matched nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub report: u64,
    pub line: u32,
    pub what: Cleared,
    pub stan: u32,
    pub money: Money,
    pub costs: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    pub rrn: RrnText,
    /// The merchant account and the movement, where they are known.
    pub account: Option<Key>,
    pub movement: Option<Key>,
    /// What we expected.
    pub expected: Option<Money>,
    pub reason: Reason,
    pub opened: Time,
    pub state: BreakState,
    /// The newest of its lines, oldest first.
    pub held: Vec<Held>,
    /// The sums of all its lines, by currency: what of `Suspense` is its.
    pub sums: Vec<Total>,
}

impl Body for Break {
    const FORMAT: u8 = 1;
}

impl Record for Break {
    const KIND: Kind = Kind::Break;
}

pub type BreakView = View<Break>;

/// A bit that neither a generated key nor a movement's has.
const MARK: i64 = 1 << 16;
/// RRNs that are not ours: far below every generated key.
const STRANGERS: i64 = 3 << 40;

/// The key of the break over this RRN.
pub fn break_key(rrn: RrnText, reference: Option<Rrn>) -> Key {
    if let Some(Rrn(attempt)) = reference {
        return Key(attempt.0 | MARK);
    }
    let hash = digest(&SHA256, &rrn.0);
    let first = hash.as_ref().first_chunk::<5>().copied().unwrap_or_default();
    let number = first.iter().fold(0i64, |n, byte| n << 8 | i64::from(*byte));
    Key(STRANGERS | number)
}

impl Break {
    pub fn opened(rrn: RrnText, reason: Reason, now: Time) -> Break {
        Break {
            rrn,
            account: None,
            movement: None,
            expected: None,
            reason,
            opened: now,
            state: BreakState::Open,
            held: vec![],
            sums: vec![],
        }
    }

    pub fn about(mut self, account: Key, movement: Key, expected: Money) -> Break {
        (self.account, self.movement, self.expected) = (Some(account), Some(movement), Some(expected));
        self
    }

    pub const fn is_open(&self) -> bool {
        matches!(self.state, BreakState::Open)
    }

    /// Another line that matches nothing. A line and its reversal make nothing of each other.
    pub fn hold(&mut self, report: u64, line: &Line, reason: Reason, now: Time) {
        let Line { number, what, stan, money, costs, .. } = *line;
        self.held.push(Held { report, line: number, what, stan, money, costs });
        if self.held.len() > MOST_NAMED {
            self.held.remove(0);
        }
        add(&mut self.sums, money, costs);
        if !self.is_open() {
            self.opened = now;
        }
        self.state = BreakState::Open;
        let nothing = self.sums.iter().all(|sum| sum.amount == 0 && sum.costs == 0);
        match (nothing, self.expected) {
            (false, _) => self.reason = reason,
            (true, None) => self.state = BreakState::Resolved { how: Resolution::Canceled, at: now },
            // What we expect has still not come.
            (true, Some(_)) => self.reason = Reason::MissingAtAcquirer,
        }
    }

    /// The one line that it holds, if that is this movement's.
    pub fn fits(&self, movement: &Movement) -> Option<Held> {
        let [held] = self.held.as_slice() else { return None };
        let terminal = Some(movement.wire.terminal);
        let Held { line: number, what, stan, money, costs, .. } = *held;
        let line = Line { number, what, rrn: self.rrn, stan, terminal, money, costs };
        let one = self.sums.iter().map(|sum| sum.lines).sum::<u32>() == 1;
        (self.is_open() && one && line.names(movement) && money == movement.money).then_some(*held)
    }

    pub fn resolve(&mut self, how: Resolution, at: Time) {
        self.state = BreakState::Resolved { how, at };
    }
}

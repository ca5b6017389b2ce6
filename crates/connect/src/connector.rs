//! What a connector is: data that says what a processor can do, and two pure functions. No default bodies, no I/O.
//!
//! `judge` is the one place that holds an answer against its order, for every connector.

use crate::card::{Card, CardFacts};
use crate::iso8583::{Dialect, Message};
use florin_core::money::{Currency, Money};
use florin_core::wire::{Act, Network, NotSent, Order, Terminal, Unsure, Verdict};

/// What a processor can do, as data: what is not listed is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// As configuration names it.
    pub name: &'static str,
    pub networks: &'static [Network],
    pub acts: &'static [Ability],
    /// A message without an answer may be sent again as a repeat.
    pub repeats: &'static [Ability],
}

/// The kinds of `Act`, without their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ability {
    Sale,
    Authorization,
    Increment,
    Completion,
    Refund,
    Reversal,
    Verification,
}

impl Ability {
    pub const fn of(act: &Act) -> Ability {
        match act {
            Act::Sale { .. } => Ability::Sale,
            Act::Authorization { .. } => Ability::Authorization,
            Act::Increment { .. } => Ability::Increment,
            Act::Completion { .. } => Ability::Completion,
            Act::Refund { .. } => Ability::Refund,
            Act::Reversal { .. } => Ability::Reversal,
            Act::Verification { .. } => Ability::Verification,
        }
    }
}

/// The merchant as the acquirer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Acquiring institution (DE 32): up to 11 digits.
    pub acquirer: String,
    /// Card acceptor (DE 42): up to 15 characters.
    pub merchant: String,
    /// Merchant category code (DE 18): four digits.
    pub mcc: String,
    /// ISO 3166 numeric (DE 19): three digits.
    pub country: String,
    /// Name 25, place 13, country 2 (DE 43): up to 40 characters. The name stands on the cardholder's statement.
    pub name_place: String,
}

impl Terms {
    /// The identity that a dialect file gives.
    pub fn of(dialect: &Dialect) -> Terms {
        let identity = &dialect.identity;
        Terms {
            acquirer: identity.acquirer.clone(),
            merchant: identity.merchant.clone(),
            mcc: identity.mcc.clone(),
            country: identity.country.clone(),
            name_place: identity.name_place.clone(),
        }
    }

    /// Whether messages can carry these terms: to be asked once, when configuration is read.
    pub fn check(&self) -> Result<(), BadTerms> {
        let digits = |text: &str, least: usize, most: usize| {
            (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        let printable = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| matches!(b, 0x20..=0x7e))
        };
        let parts = [
            (digits(&self.acquirer, 1, 11), BadTerms::Acquirer),
            (printable(&self.merchant, 15), BadTerms::Merchant),
            (digits(&self.mcc, 4, 4), BadTerms::Mcc),
            (digits(&self.country, 3, 3), BadTerms::Country),
            (printable(&self.name_place, 40), BadTerms::NamePlace),
        ];
        parts.into_iter().find(|(good, _)| !good).map_or(Ok(()), |(_, bad)| Err(bad))
    }
}

/// The part of the terms that no message can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTerms {
    /// Not 1 to 11 digits.
    Acquirer,
    /// Not 1 to 15 printable ASCII characters.
    Merchant,
    /// Not four digits.
    Mcc,
    /// Not three digits.
    Country,
    /// Not 1 to 40 printable ASCII characters.
    NamePlace,
}

/// A request as it goes to the processor. May hold card data: no `Debug`, no `Clone`.
pub enum WireRequest {
    Iso8583(Message),
    Http { method: &'static str, path: String, headers: Vec<(&'static str, String)>, body: crate::Wiped },
}

/// An answer as it came. May hold card data: no `Debug`.
#[derive(Clone, Copy)]
pub enum WireAnswer<'a> {
    Iso8583(&'a Message),
    Http { status: u16, headers: &'a [(String, String)], body: &'a [u8] },
}

/// What a connector read: what the answer repeats of its request, and what it says.
pub struct Answer {
    pub echo: Echo,
    pub verdict: Verdict,
}

impl Answer {
    /// An answer that says nothing: nothing of it is checked.
    pub fn unknown(why: Unsure) -> Answer {
        Answer { echo: Echo::default(), verdict: Verdict::Unknown(why) }
    }
}

/// What an answer repeats of its request. What it does not repeat is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    pub currency: Option<Currency>,
    pub money: Option<Money>,
    pub rrn: Option<String>,
    pub terminal: Option<String>,
    pub merchant: Option<String>,
    pub card: Option<CardFacts>,
}

/// A processor that Florin speaks to: one folder and one line in `ALL`.
pub trait Connector: Send + Sync {
    fn capabilities(&self) -> &'static Capabilities;
    /// The request for an order. An error means that nothing was sent.
    fn encode(&self, order: &Order, card: Option<&Card>, terms: &Terms) -> Result<WireRequest, NotSent>;
    /// What an answer says. Total: an answer that makes no sense is `Unknown(Unreadable)`. Callers use `judge`, which checks more.
    fn decode(&self, order: &Order, card: &CardFacts, answer: WireAnswer<'_>) -> Answer;
}

/// Every connector there is.
pub static ALL: &[&dyn Connector] = &[&crate::acquirer::Iso8583Link];

/// The connector of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Connector> {
    ALL.iter().copied().find(|connector| connector.capabilities().name == name)
}

/// The money that stands in the message of an order: a reversal repeats the amount of what it takes back.
pub fn money_on_wire(order: &Order) -> Money {
    match order.act {
        Act::Reversal { original, .. } => original.money,
        Act::Sale { .. }
        | Act::Authorization { .. }
        | Act::Increment { .. }
        | Act::Completion { .. }
        | Act::Refund { .. }
        | Act::Verification { .. } => order.money,
    }
}

/// The retrieval reference number that stands in the message of an order: one number from authorization to completion or reversal;
/// a refund has its own.
pub fn rrn_on_wire(order: &Order) -> String {
    match order.act {
        Act::Completion { original } | Act::Reversal { original, .. } => original.wire.rrn.text(),
        Act::Sale { .. }
        | Act::Authorization { .. }
        | Act::Increment { .. }
        | Act::Refund { .. }
        | Act::Verification { .. } => order.wire.rrn.text(),
    }
}

/// The terminal that stands in the message of an order. A completion or reversal comes from the terminal of what it refers to:
/// DE 90 names no terminal, so the host finds the original by this one.
pub fn terminal_on_wire(order: &Order) -> Terminal {
    match order.act {
        Act::Completion { original } | Act::Reversal { original, .. } => original.wire.terminal,
        Act::Sale { .. }
        | Act::Authorization { .. }
        | Act::Increment { .. }
        | Act::Refund { .. }
        | Act::Verification { .. } => order.wire.terminal,
    }
}

/// What came of an order, given an answer that matched it by keys. An answer that does not repeat what was asked is no answer:
/// `Unknown`, and the order is taken back.
pub fn judge(
    connector: &dyn Connector,
    order: &Order,
    card: &CardFacts,
    terms: &Terms,
    answer: WireAnswer<'_>,
) -> Verdict {
    let Answer { echo, verdict } = connector.decode(order, card, answer);
    match verdict {
        Verdict::Unknown(_) | Verdict::NotSent(_) => verdict,
        Verdict::Approved(_) | Verdict::Declined(_) | Verdict::Pending => {
            match echo.fault(order, card, terms, &verdict) {
                Some(why) => Verdict::Unknown(why),
                None => verdict,
            }
        }
    }
}

impl Echo {
    fn fault(&self, order: &Order, card: &CardFacts, terms: &Terms, verdict: &Verdict) -> Option<Unsure> {
        let asked = money_on_wire(order);
        let differs = |echoed: &Option<String>, sent: &str| {
            echoed.as_ref().is_some_and(|echoed| echoed.trim_end() != sent.trim_end())
        };
        if differs(&self.rrn, &rrn_on_wire(order))
            || differs(&self.terminal, &terminal_on_wire(order).text())
            || differs(&self.merchant, &terms.merchant)
            || self.card.is_some_and(|echoed| echoed != *card && !order.card.is_lost())
            || self.currency.is_some_and(|echoed| echoed != asked.currency)
        {
            return Some(Unsure::Mismatch);
        }
        match self.money {
            Some(money) if money == asked => None,
            Some(money) if money.currency == asked.currency && money.minor < asked.minor => match verdict {
                Verdict::Approved(_) => Some(Unsure::Partial),
                Verdict::Declined(_) | Verdict::Pending | Verdict::Unknown(_) | Verdict::NotSent(_) => {
                    Some(Unsure::Mismatch)
                }
            },
            Some(_) => Some(Unsure::Mismatch),
            None => None,
        }
    }
}

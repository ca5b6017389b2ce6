//! Stages, states and verdicts in words, for stories. No card data comes here.

use florin_connect::amount::from_wire;
use florin_core::attempt::{Attempt, Because, Move, State};
use florin_core::money::{Currency, Money};
use florin_core::wire::{NotSent, Order, Unsure, Verdict, WireId};

/// An amount as the host counts it, in minor units of ISO 4217.
pub fn on_wire(minor: i64, currency: u16) -> String {
    let money = Currency::from_numeric(currency).and_then(|known| from_wire(&format!("{minor:012}"), known).ok());
    money.map_or_else(|| format!("{minor} of currency {currency:03}"), |money| money.to_string())
}

/// An amount as gateways answer it, which say no currency.
pub fn answered(minor: i64, currency: Option<Currency>) -> String {
    currency.map_or_else(|| minor.to_string(), |currency| Money::new(minor, currency).to_string())
}

pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Approved(approval) => format!("approved ({})", approval.response.text()),
        Verdict::Declined(decline) => format!("declined ({})", decline.response.text()),
        Verdict::Pending => "pending".into(),
        Verdict::Unknown(unsure) => format!("unknown: {}", self::unsure(*unsure)),
        Verdict::NotSent(why) => format!("not sent: {}", not_sent(*why)),
    }
}

const fn unsure(unsure: Unsure) -> &'static str {
    match unsure {
        Unsure::NoAnswer => "no answer in time",
        Unsure::LinkLost => "the link was lost",
        Unsure::Mismatch => "the answer does not fit the request",
        Unsure::Partial => "a part only was approved",
        Unsure::Unreadable => "the answer cannot be read",
    }
}

const fn not_sent(why: NotSent) -> &'static str {
    match why {
        NotSent::LinkDown => "the link is down",
        NotSent::TooLate => "its time to be sent had passed",
        NotSent::Busy => "too many messages are in flight",
        NotSent::NoSuchCard => "the vault does not know the card",
        NotSent::NotEncodable => "the message cannot be built",
        NotSent::NoVault => "the vault is not there",
        NotSent::NoAgreement => "no agreement is named",
        NotSent::Blocked => "the defence against card testing refused it",
    }
}

pub const fn move_name(what: &Move) -> &'static str {
    match what {
        Move::Sale(_) => "sale",
        Move::Authorization(_) => "authorization",
        Move::Increment(_) => "increment",
        Move::Completion(_) => "completion",
        Move::Void(_) => "void",
        Move::Refund(_) => "refund",
        Move::Verification(_) => "verification",
    }
}

pub const fn state_name(state: &State) -> &'static str {
    match state {
        State::Sent => "sent",
        State::Approved { .. } => "approved",
        State::Declined { .. } => "declined",
        State::NotSent { .. } => "not_sent",
        State::Reversing { .. } => "reversing",
        State::Reversed { .. } => "reversed",
        State::Repeating { .. } => "repeating",
        State::Unanswered { .. } => "unanswered",
    }
}

const fn because(because: &Because) -> &'static str {
    match because {
        Because::Unsure(unsure) => self::unsure(*unsure),
        Because::Recovered => "nobody waited for it any more",
        Because::Malfunction(_) => "the host had a malfunction",
        Because::LateApproval => "a late approval",
    }
}

fn wire_id(wire: &WireId) -> String {
    format!("{} STAN {:06}, RRN {}", wire.terminal.text(), wire.stan, wire.rrn.text())
}

pub fn attempt(attempt: &Attempt) -> String {
    let what = move_name(&attempt.what);
    let tail = match &attempt.state {
        State::Reversing { wire, because: why, .. } => format!(" ({}), by {}", because(why), wire_id(wire)),
        State::Reversed { found, .. } => format!(" (the host {} it)", if *found { "undid" } else { "does not know" }),
        State::NotSent { why, .. } => format!(" ({})", not_sent(*why)),
        State::Declined { decline, .. } => format!(" ({})", decline.response.text()),
        State::Sent | State::Approved { .. } | State::Repeating { .. } | State::Unanswered { .. } => String::new(),
    };
    format!("{what} of {} [{}]: {}{tail}", attempt.money, wire_id(&attempt.wire), state_name(&attempt.state))
}

pub fn order(order: &Order) -> String {
    use florin_core::wire::Act;
    let what = match order.act {
        Act::Sale { .. } => "sale",
        Act::Authorization { .. } => "authorization",
        Act::Increment { .. } => "increment",
        Act::Completion { .. } => "completion",
        Act::Reversal { .. } => "reversal",
        Act::Refund { .. } => "refund",
        Act::Verification { .. } => "verification",
    };
    let repeat = if order.repeat { ", again" } else { "" };
    format!("{what} of {} [{}]{repeat}", order.money, wire_id(&order.wire))
}

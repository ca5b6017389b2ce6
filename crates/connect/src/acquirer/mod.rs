//! The connector for acquirers that speak ISO 8583 with host capture: orders to messages, answers to verdicts. Knows no socket.

mod decode;
mod encode;
pub mod responses;
#[cfg(test)]
mod tests;

use crate::card::{Card, CardFacts};
use crate::connector::{Ability, Answer, Capabilities, Connector, Terms, WireAnswer, WireRequest};
use florin_core::wire::{Act, Network, NotSent, Order, OriginalClass, Unsure};

use crate::iso8583::Mti;

/// Host capture: a sale is one 0200; 0100 holds and 0220 claims; a refund is a 0200 with processing code 20; 0400 takes back.
pub struct Iso8583Link;

const CAPABILITIES: Capabilities = Capabilities {
    name: "iso8583",
    networks: &Network::ALL,
    acts: &[
        Ability::Sale,
        Ability::Authorization,
        Ability::Increment,
        Ability::Completion,
        Ability::Refund,
        Ability::Reversal,
        Ability::Verification,
    ],
    repeats: &[Ability::Completion, Ability::Reversal],
};

impl Connector for Iso8583Link {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn encode(&self, order: &Order, card: Option<&Card>, terms: &Terms) -> Result<WireRequest, NotSent> {
        let message = match (card, order.act) {
            (Some(card), _) => encode::request(order, card, terms),
            // Every message of this link carries the card number, but for the reversal of what was lost with its card.
            (None, Act::Reversal { original, reason }) if order.card.is_lost() => {
                encode::lost(order, &original, reason, terms)
            }
            (None, _) => Err(NotSent::NoSuchCard),
        };
        message.map(WireRequest::Iso8583)
    }

    fn decode(&self, order: &Order, card: &CardFacts, answer: WireAnswer<'_>) -> Answer {
        match answer {
            WireAnswer::Iso8583(message) => decode::answer(order, card, message),
            WireAnswer::Http { .. } => Answer::unknown(Unsure::Unreadable),
        }
    }
}

/// The message type of an order; repeats differ in the last digit.
fn mti(order: &Order) -> Mti {
    let first = match order.act {
        Act::Sale { .. } | Act::Refund { .. } => Mti::FINANCIAL,
        Act::Authorization { .. } | Act::Increment { .. } | Act::Verification { .. } => Mti::AUTHORIZATION,
        Act::Completion { .. } => Mti::COMPLETION,
        Act::Reversal { .. } => Mti::REVERSAL,
    };
    if order.repeat { first.repeat() } else { first }
}

/// The processing code (DE 3) of an order: a reversal repeats that of what it takes back.
fn processing_code(order: &Order) -> &'static str {
    const PURCHASE: &str = "000000";
    const REFUND: &str = "200000";
    match order.act {
        Act::Sale { .. }
        | Act::Authorization { .. }
        | Act::Increment { .. }
        | Act::Completion { .. }
        | Act::Verification { .. } => PURCHASE,
        Act::Refund { .. } => REFUND,
        Act::Reversal { original, .. } => match original.class {
            OriginalClass::Authorization | OriginalClass::Sale => PURCHASE,
            OriginalClass::Refund => REFUND,
        },
    }
}

//! What the host reads out of a request that moves money: fields become types here, the card number becomes its hash.

use crate::entry::{CardHash, Class, HashKey, Trace};
use crate::text::Text;
use florin_connect::bins;
use florin_connect::core::wire::Network;
use florin_connect::iso8583::{self, Dialect, Function, Message, tlv};

/// A field that is missing or does not read: answered with 30, and nothing is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadField(pub u8);

/// A request whose fields all read. Whether it may happen is not decided yet.
pub struct Request {
    pub trace: Trace,
    pub rrn: Text<12>,
    /// Function digit 2: the sender only tells what happened.
    pub advice: bool,
    pub processing: u32,
    pub card: CardHash,
    /// A reversal without DE 2: its original is known by DE 90 and RRN alone.
    pub cardless: bool,
    pub network: Option<Network>,
    /// DE 4, minor units of ISO 4217.
    pub asked: i64,
    pub currency: u16,
    /// DE 90.
    pub target: Option<Trace>,
    /// DE 95: what should remain of the original; 0 = nothing.
    pub remaining: i64,
    /// DE 62.
    pub network_id: Option<u64>,
    /// DE 63.03 3900: adds to the hold that DE 62 names.
    pub increments: bool,
    /// DE 38.
    pub approval: Option<Text<6>>,
}

/// Processing code 20xxxx (DE 3).
pub const REFUND: u32 = 20;

impl Request {
    pub fn read(dialect: &Dialect, message: &Message, key: &HashKey) -> Result<Request, BadField> {
        dialect.check_mandatory(message).map_err(|missing| BadField(missing.de))?;
        let trace = trace(message)?;
        let cardless = trace.class == Class::Reversal && !message.has(2);
        let number = if cardless { "" } else { message.get(2).ok_or(BadField(2))? };
        Ok(Request {
            trace,
            rrn: text(message, 37)?,
            advice: message.mti.function() == Function::Advice,
            processing: digits(message, 3)?,
            card: key.card(number),
            cardless,
            network: bins::lookup(number).map(|range| range.network),
            asked: digits(message, 4)?,
            currency: digits(message, 49)?,
            target: message.get(90).map(|de90| target(de90, trace.terminal).ok_or(BadField(90))).transpose()?,
            remaining: remaining(message)?,
            network_id: message.get(62).map(|id| id.trim_end().parse().map_err(|_| BadField(62))).transpose()?,
            increments: trace.class == Class::Authorization && reason(message) == Some(INCREMENTAL),
            approval: message.get(38).map(|code| Text::parse(code).ok_or(BadField(38))).transpose()?,
        })
    }

    pub fn is_reversal(&self) -> bool {
        self.trace.class == Class::Reversal
    }
    /// 0220: claims a hold.
    pub fn is_completion(&self) -> bool {
        self.trace.class == Class::Financial && self.advice
    }
    pub fn is_refund(&self) -> bool {
        !self.is_reversal() && self.processing / 10_000 == REFUND
    }
    /// 0100 or 0200 that asks for money.
    pub fn is_purchase(&self) -> bool {
        !self.is_reversal() && !self.is_completion() && !self.is_refund()
    }
}

/// DE 63.03: incremental authorization.
const INCREMENTAL: &str = "3900";

/// Message reason code (DE 63.03).
fn reason(message: &Message) -> Option<&str> {
    message.get(63).and_then(|text| tlv::get(text, 3))
}

/// STAN, DE 7, DE 32 and DE 41, with the class of the message type.
fn trace(message: &Message) -> Result<Trace, BadField> {
    Ok(Trace {
        class: class(message.mti.class()).ok_or(BadField(0))?,
        stan: digits(message, 11)?,
        de7: digits(message, 7)?,
        acquirer: digits(message, 32)?,
        terminal: text(message, 41)?,
    })
}

fn class(class: iso8583::Class) -> Option<Class> {
    match class {
        iso8583::Class::Authorization => Some(Class::Authorization),
        iso8583::Class::Financial => Some(Class::Financial),
        iso8583::Class::Reversal => Some(Class::Reversal),
        iso8583::Class::FileUpdate
        | iso8583::Class::Reconciliation
        | iso8583::Class::Administrative
        | iso8583::Class::Fee
        | iso8583::Class::Network => None,
    }
}

/// DE 90: MTI 4, STAN 6, DE 7 10, DE 32 11, DE 33 11. The terminal is not in it: the reversal comes from the original's.
fn target(de90: &str, terminal: Text<8>) -> Option<Trace> {
    let class = de90.get(1..2)?.parse().ok().and_then(Class::from_digit)?;
    let number = |from: usize, to: usize| de90.get(from..to)?.parse::<u64>().ok();
    Some(Trace {
        class,
        stan: de90.get(4..10)?.parse().ok()?,
        de7: number(10, 20)?,
        acquirer: number(20, 31)?,
        terminal,
    })
}

/// First 12 characters of DE 95.
fn remaining(message: &Message) -> Result<i64, BadField> {
    match message.get(95) {
        None => Ok(0),
        Some(de95) => de95.get(..12).and_then(|amount| amount.parse().ok()).ok_or(BadField(95)),
    }
}

fn digits<N: std::str::FromStr>(message: &Message, de: u8) -> Result<N, BadField> {
    message.get(de).filter(|v| v.bytes().all(|b| b.is_ascii_digit())).and_then(|v| v.parse().ok()).ok_or(BadField(de))
}

fn text<const N: usize>(message: &Message, de: u8) -> Result<Text<N>, BadField> {
    message.get(de).and_then(Text::parse).ok_or(BadField(de))
}

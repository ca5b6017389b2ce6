//! One line of the issuers' books, and the keys by which it is found. Knows no gateway and no card number, only its keyed hash.

use crate::text::Text;
use aws_lc_rs::hmac;
use florin_connect::core::time::Time;
use florin_connect::core::wire::Network;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Position of an entry in the books: 1, 2, 3…
pub type EntryId = u64;

/// Second digit of the message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// 01xx
    Authorization,
    /// 02xx
    Financial,
    /// 04xx
    Reversal,
}

impl Class {
    pub const fn digit(self) -> u8 {
        match self {
            Class::Authorization => 1,
            Class::Financial => 2,
            Class::Reversal => 4,
        }
    }
    pub const fn from_digit(digit: u8) -> Option<Class> {
        match digit {
            1 => Some(Class::Authorization),
            2 => Some(Class::Financial),
            4 => Some(Class::Reversal),
            _ => None,
        }
    }
}

/// What makes a message unique at the host: class + STAN (DE 11) + DE 7 + DE 32 + DE 41.
/// DE 32 is a number here, since DE 90 pads it with zeros at the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trace {
    pub class: Class,
    pub stan: u32,
    /// MMDDhhmmss as a number.
    pub de7: u64,
    pub acquirer: u64,
    pub terminal: Text<8>,
}

/// HMAC-SHA256 of a card number under the sandbox's key, first 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardHash(pub [u8; 16]);

impl fmt::Display for CardHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for CardHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The key under which card numbers become `CardHash`.
pub struct HashKey(hmac::Key);

impl HashKey {
    pub fn new(key: &[u8; 32]) -> HashKey {
        HashKey(hmac::Key::new(hmac::HMAC_SHA256, key))
    }
    pub fn card(&self, number: &str) -> CardHash {
        let tag = hmac::sign(&self.0, number.as_bytes());
        let mut hash = [0u8; 16];
        for (to, from) in hash.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        CardHash(hash)
    }
}

/// What an entry says happened. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// 0100 approved: money set aside.
    Hold = 1,
    /// 0200 approved: money taken.
    Sale = 2,
    /// 0220 accepted: a hold claimed, its rest released.
    Completion = 3,
    /// 0200 with processing code 20, approved.
    Refund = 4,
    /// 0400 or 0420, whatever its answer; the amount is what it undid.
    Reversal = 5,
    /// Any message that was answered with a refusal and changed nothing.
    Decline = 6,
    /// 0100 over zero, approved: the account exists, nothing is held.
    Verification = 7,
    /// 0120 from the network to the issuer: a stand-in decision told afterwards.
    Advice = 8,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Hold,
        Kind::Sale,
        Kind::Completion,
        Kind::Refund,
        Kind::Reversal,
        Kind::Decline,
        Kind::Verification,
        Kind::Advice,
    ];
    pub fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| *k as u8 == number)
    }
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Hold => "hold",
            Kind::Sale => "sale",
            Kind::Completion => "completion",
            Kind::Refund => "refund",
            Kind::Reversal => "reversal",
            Kind::Decline => "decline",
            Kind::Verification => "verification",
            Kind::Advice => "advice",
        }
    }
}

/// One line of the books: a request, what was decided, and all that its answer says, so that a repeat can be answered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub at: Time,
    pub kind: Kind,
    pub trace: Trace,
    /// DE 37.
    pub rrn: Text<12>,
    /// DE 3.
    pub processing: u32,
    pub card: CardHash,
    /// `None` for a number of no network.
    pub network: Option<Network>,
    /// DE 4 of the request, in minor units of ISO 4217.
    pub asked: i64,
    /// What was moved: held, taken, given back or undone. 0 when nothing was.
    pub amount: i64,
    /// ISO 4217 numeric (DE 49).
    pub currency: u16,
    /// DE 39.
    pub response: Text<2>,
    /// DE 38.
    pub approval: Option<Text<6>>,
    /// The network's id of the payment (our DE 62), 15 digits; 0 = none.
    pub network_id: u64,
    /// The entry that this one acts on.
    pub original: Option<EntryId>,
    /// DE 90 of a reversal: what it asked to undo, found or not.
    pub target: Option<Trace>,
    /// The network answered for an issuer that did not.
    pub stand_in: bool,
    /// AVS and CVC results (DE 44 positions 2 and 10); a space = none.
    pub avs: u8,
    pub cvc: u8,
    /// Merchant advice code (DE 48.84).
    pub advice: Option<Text<2>>,
}

impl Entry {
    /// Whether the answer says yes.
    pub fn approved(&self) -> bool {
        matches!(self.response.as_str(), "00" | "08" | "10" | "11" | "85")
    }
}

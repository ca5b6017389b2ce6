//! Amounts that ask for a behaviour, only when the sandbox was started with magic amounts switched on.

use crate::misbehave::Fault;
use crate::plastic::Plastic;
use crate::text::Text;
use serde_json::Value;
use std::collections::BTreeMap;

/// The second answer of `duplicate_reply` follows after this.
const DUPLICATE_AFTER_MS: u32 = 200;
const OUT_OF_ORDER_MS: u32 = 1_500;
const SLOW_MS_PER_BYTE: u32 = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    Approve,
    Decline(Text<2>),
    Partial,
    /// The request is not worked on and not answered.
    NoReply,
    /// Worked on; the answer goes wrong.
    Answer(Fault),
    /// Approved; its reversal is answered at the third try.
    ReversalNeedsThreeTries,
    /// Declined with 91 once, approved when the card asks again.
    Decline91ThenApprove,
}

/// Amount in minor units of ISO 4217, and what it asks for.
#[derive(Default)]
pub struct Magic(BTreeMap<i64, Trick>);

impl Magic {
    /// Reads `amounts` and `late_reply_seconds` of a dialect file. Names that it does not know are passed over.
    pub fn read(dialect_json: &str) -> Magic {
        let Ok(file) = serde_json::from_str::<Value>(dialect_json) else { return Magic::default() };
        let late_seconds = file["late_reply_seconds"].as_u64().and_then(|s| u32::try_from(s).ok()).unwrap_or(8);
        let mut tricks = BTreeMap::new();
        let Some(amounts) = file["amounts"].as_object() else { return Magic::default() };
        for (name, amount) in amounts {
            if let (Some(trick), Some(amount)) = (trick(name, late_seconds.saturating_mul(1000)), amount.as_i64()) {
                tricks.insert(amount, trick);
            }
            for (code, amount) in amount.as_object().into_iter().flatten().filter(|_| name == "decline") {
                if let (Some(code), Some(amount)) = (Text::parse(code), amount.as_i64()) {
                    tricks.insert(amount, Trick::Decline(code));
                }
            }
        }
        Magic(tricks)
    }

    pub fn trick(&self, amount: i64) -> Option<Trick> {
        self.0.get(&amount).copied()
    }
}

fn trick(name: &str, late_ms: u32) -> Option<Trick> {
    Some(match name {
        "approve" => Trick::Approve,
        "partial" => Trick::Partial,
        "no_reply" => Trick::NoReply,
        "late_reply" => Trick::Answer(Fault::Late { ms: late_ms }),
        "duplicate_reply" => Trick::Answer(Fault::Doubled { ms: DUPLICATE_AFTER_MS }),
        "close_before_reply" => Trick::Answer(Fault::Close),
        "half_open" => Trick::Answer(Fault::HalfOpen),
        "partial_frame_then_stall" => Trick::Answer(Fault::PartialFrame),
        "garbage_frame" => Trick::Answer(Fault::Garbage),
        "wrong_stan" => Trick::Answer(Fault::AlteredStan),
        "out_of_order" => Trick::Answer(Fault::Reorder { ms: OUT_OF_ORDER_MS }),
        "slow_bytes" => Trick::Answer(Fault::Slow { ms_per_byte: SLOW_MS_PER_BYTE }),
        "wrong_amount" => Trick::Answer(Fault::AlteredAmount),
        "unknown_mti" => Trick::Answer(Fault::UnknownMti),
        "reversal_needs_3_tries" => Trick::ReversalNeedsThreeTries,
        "approve_but_reply_lost" => Trick::Answer(Fault::Lost),
        "decline_91_then_approve" => Trick::Decline91ThenApprove,
        _ => return None,
    })
}

impl Trick {
    /// How the card's issuer behaves for this amount, where the amount says so.
    pub fn plastic(self, plastic: Plastic) -> Plastic {
        match self {
            Trick::Approve => Plastic::PLAIN,
            Trick::Decline(code) => Plastic { respond: Some(code), ..Plastic::PLAIN },
            Trick::Partial => Plastic { partial: true, ..Plastic::PLAIN },
            Trick::NoReply | Trick::Answer(_) | Trick::ReversalNeedsThreeTries | Trick::Decline91ThenApprove => plastic,
        }
    }
    /// What goes wrong with the answer.
    pub fn fault(self) -> Option<Fault> {
        match self {
            Trick::Answer(fault) => Some(fault),
            Trick::Approve
            | Trick::Decline(_)
            | Trick::Partial
            | Trick::NoReply
            | Trick::ReversalNeedsThreeTries
            | Trick::Decline91ThenApprove => None,
        }
    }
}

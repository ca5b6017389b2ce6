//! The acquirer's journal: every message that it had from us since a time, and what stands of it now. Decides nothing.

use crate::money::Money;
use crate::settlement::Unavailable;
use crate::store::Wait;
use crate::time::Time;
use crate::wire::{Rrn, Verdict, WireId};

/// What a message was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// 0200
    Sale,
    /// 0100; one that adds to another names it as its original.
    Hold,
    /// 0220
    Completion,
    /// 0200 with processing code 20
    Refund,
    /// 0400
    Reversal,
    /// 0100 over nothing
    Verification,
}

impl What {
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Sale => "sale",
            What::Hold => "authorization",
            What::Completion => "capture",
            What::Refund => "refund",
            What::Reversal => "reversal",
            What::Verification => "verification",
        }
    }
}

/// What stands of a sale, hold or refund now, in minor units of its currency as the API counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub held: i64,
    /// Taken, less what reversals gave back.
    pub captured: i64,
    /// Of a sale or hold: refunds against it. Of a refund: what it gave back.
    pub refunded: i64,
    /// Undone by reversals.
    pub reversed: i64,
}

impl Standing {
    /// What of a sale or hold is still with the merchant.
    pub const fn stands(&self) -> i64 {
        self.held.saturating_add(self.captured).saturating_sub(self.refunded)
    }
    /// What of it was taken, and not only held.
    pub const fn taken(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }
}

/// One message that the acquirer had from us, and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Rises in the order in which they came.
    pub id: u64,
    pub what: What,
    /// Its trace number, terminal, DE 7 (to the second) and RRN.
    pub wire: WireId,
    /// DE 4 and DE 49.
    pub money: Money,
    /// What the acquirer answered.
    pub answer: Verdict,
    /// The RRN of the message that it refers to, where that is known.
    pub original: Option<Rrn>,
    /// None when it moved nothing.
    pub standing: Option<Standing>,
}

/// Some of the journal, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Messages of these pages that cannot have been ours: their ids are none that we make.
    pub strangers: u64,
    /// Where the next page begins; none when this was the last.
    pub next: Option<u64>,
    /// How many messages there are in all of them, about.
    pub of: u64,
}

/// Where the journal comes from.
pub trait Journal: Send + Sync {
    /// Messages that came at or after `since` by the acquirer's clock, behind entry `after`.
    fn page<'a>(&'a self, since: Time, after: u64) -> Wait<'a, Result<Page, Unavailable>>;
}

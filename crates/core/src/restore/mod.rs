//! A database that came back from a backup: what the acquirer had from us since then is compared with it, message by message, and
//! taken up, taken back or shown to a person. Knows no transport and no file.

mod compare;
mod journal;
mod missing;
mod orphan;
mod perform;
mod reconcile;
mod row;

pub use journal::{Entry, Journal, Page, Standing, What};
pub use orphan::{Orphan, OrphanView, orphan_key};
pub use reconcile::{
    Asked, Compared, NotCompared, Progress, compare, finish, opened, orphans, release, settle, unsettled,
};
pub use row::{Restore, RestoreStage, RestoreView, restore_key};

use crate::money::Money;
use crate::time::Time;
use crate::wire::Rrn;

/// What came of one message of the journal, or of one of ours that is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Done {
    /// Both know it, with the same end.
    Known,
    /// Nothing stands of it: refused, or taken back before.
    NothingStands,
    /// We did not know how it ended; the journal does.
    Concluded,
    /// We do not know how it ended, and the ordinary recovery settles it.
    LeftToRecovery,
    /// A capture that was lost here is booked again.
    CaptureTakenUp,
    /// A refund that was lost here is booked again.
    RefundTakenUp,
    /// A hold that was given up after the backup is given up here too.
    VoidTakenUp,
    /// Nobody here knows it: it is an orphan, and is reversed.
    Orphaned,
    /// We had ended it otherwise: it is taken back.
    TakenBack,
    /// Our books and the acquirer's say different things: a person looks at it.
    Break(Break),
}

/// Where the books differ so that no rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Break {
    /// We say approved, and the acquirer knows nothing of it.
    UnknownThere,
    /// We say approved, and the acquirer refused it.
    DeclinedThere,
    /// We say it stands, and there it was taken back.
    ReversedThere,
    /// We say it was taken back, and there it stands.
    StandsThere,
    AmountDiffers,
    /// A capture of a payment that was not waiting for one.
    UnexpectedCapture,
    /// A refund that our payment cannot have.
    UnexpectedRefund,
}

impl Done {
    pub const fn as_str(self) -> &'static str {
        match self {
            Done::Known => "known",
            Done::NothingStands => "nothing_stands",
            Done::Concluded => "concluded",
            Done::LeftToRecovery => "left_to_recovery",
            Done::CaptureTakenUp => "capture_taken_up",
            Done::RefundTakenUp => "refund_taken_up",
            Done::VoidTakenUp => "void_taken_up",
            Done::Orphaned => "orphan_reversed",
            Done::TakenBack => "taken_back",
            Done::Break(Break::UnknownThere) => "unknown_to_acquirer",
            Done::Break(Break::DeclinedThere) => "declined_at_acquirer",
            Done::Break(Break::ReversedThere) => "reversed_at_acquirer",
            Done::Break(Break::StandsThere) => "stands_at_acquirer",
            Done::Break(Break::AmountDiffers) => "amount_differs",
            Done::Break(Break::UnexpectedCapture) => "unexpected_capture",
            Done::Break(Break::UnexpectedRefund) => "unexpected_refund",
        }
    }
    pub const fn is_break(self) -> bool {
        matches!(self, Done::Break(_))
    }
}

/// One line of what was found, and done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rrn: Rrn,
    pub stan: u32,
    pub what: What,
    pub money: Money,
    /// When the message was sent, by our clock of then.
    pub at: Time,
    pub done: Done,
}

//! Bugs that can be planted at run time, to show that the simulation catches them. Without the feature `mutants` every question is answered no.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mutant {
    /// An unanswered sale is a failure, and nothing is reversed.
    ForgetReversal = 1,
    /// An approval that comes while the attempt is being reversed makes a success.
    LateIsSuccess = 2,
    /// The message leaves before its attempt is durable.
    SendBeforeCommit = 3,
    /// A restarted process begins with the trace numbers of the block before.
    TraceNumbersAgain = 4,
    /// Commit 1 puts no job: nobody settles the attempt after a crash.
    NoWatch = 5,
    /// A refund takes nothing from what is refundable.
    UnguardedRefund = 6,
    /// Any answer to a reversal counts as undone.
    AnyReversalAnswer = 7,
    /// A repeated capture is a new message with a new trace number.
    NewCaptureEachTry = 8,
    /// The caller hears of success before commit 2.
    AnswerBeforeCommit = 9,
    /// A late approval of an attempt that was settled otherwise is dropped.
    DropLate = 10,
    /// Idempotency keys are not taken.
    NoClaim = 11,
    /// A void that nobody answered counts as done.
    UnansweredVoidIsDone = 12,
    /// An unanswered refund is failed and given back at once, without a reversal.
    ForgetRefundReversal = 13,
    /// A captured payment may be captured again from the same hold.
    HoldNotClaimed = 14,
    /// A webhook that failed once is not tried again.
    ForgetDelivery = 15,
    /// A webhook does not wait for an earlier one of its object.
    DeliveryOvertakes = 16,
    /// A card that was to be kept is not handed to the customer by the commit that settles.
    CardNotKept = 17,
    /// A host that malfunctioned is taken at its word: nothing happened.
    MalfunctionIsDecline = 18,
    /// What a refund took from what is refundable is not given back when it fails.
    RefundNotGivenUp = 19,
    /// The hold does not stand again when a capture fails.
    HoldNotRestored = 20,
    /// The last row of a full page is left out of its list.
    ListSkipsRow = 21,
    /// A process that starts begins to tell endpoints what happens from now on.
    DeliveryForgottenByCrash = 22,
    /// A job that was put while the clock was ahead waits until the clock is there.
    JobsWaitForClock = 23,
    /// An event finds what it tells of by the clock, which may have gone back.
    EventByClock = 24,
}

impl Mutant {
    pub const ALL: &[Mutant] = &[
        Mutant::ForgetReversal,
        Mutant::LateIsSuccess,
        Mutant::SendBeforeCommit,
        Mutant::TraceNumbersAgain,
        Mutant::NoWatch,
        Mutant::UnguardedRefund,
        Mutant::AnyReversalAnswer,
        Mutant::NewCaptureEachTry,
        Mutant::AnswerBeforeCommit,
        Mutant::DropLate,
        Mutant::NoClaim,
        Mutant::UnansweredVoidIsDone,
        Mutant::ForgetRefundReversal,
        Mutant::HoldNotClaimed,
        Mutant::ForgetDelivery,
        Mutant::DeliveryOvertakes,
        Mutant::CardNotKept,
        Mutant::MalfunctionIsDecline,
        Mutant::RefundNotGivenUp,
        Mutant::HoldNotRestored,
        Mutant::ListSkipsRow,
        Mutant::DeliveryForgottenByCrash,
        Mutant::JobsWaitForClock,
        Mutant::EventByClock,
    ];
    pub const fn name(self) -> &'static str {
        match self {
            Mutant::ForgetReversal => "forget-reversal",
            Mutant::LateIsSuccess => "late-is-success",
            Mutant::SendBeforeCommit => "send-before-commit",
            Mutant::TraceNumbersAgain => "trace-numbers-again",
            Mutant::NoWatch => "no-watch",
            Mutant::UnguardedRefund => "unguarded-refund",
            Mutant::AnyReversalAnswer => "any-reversal-answer",
            Mutant::NewCaptureEachTry => "new-capture-each-try",
            Mutant::AnswerBeforeCommit => "answer-before-commit",
            Mutant::DropLate => "drop-late",
            Mutant::NoClaim => "no-claim",
            Mutant::UnansweredVoidIsDone => "unanswered-void-is-done",
            Mutant::ForgetRefundReversal => "forget-refund-reversal",
            Mutant::HoldNotClaimed => "hold-not-claimed",
            Mutant::CardNotKept => "card-not-kept",
            Mutant::MalfunctionIsDecline => "malfunction-is-decline",
            Mutant::RefundNotGivenUp => "refund-not-given-up",
            Mutant::HoldNotRestored => "hold-not-restored",
            Mutant::ListSkipsRow => "list-skips-row",
            Mutant::DeliveryForgottenByCrash => "delivery-forgotten-by-crash",
            Mutant::JobsWaitForClock => "jobs-wait-for-clock",
            Mutant::EventByClock => "event-by-clock",
            Mutant::ForgetDelivery => "forget-delivery",
            Mutant::DeliveryOvertakes => "delivery-overtakes",
        }
    }
}

#[cfg(feature = "mutants")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Plants one bug, or none.
#[cfg(feature = "mutants")]
pub fn plant(mutant: Option<Mutant>) {
    PLANTED.store(mutant.map_or(0, |m| m as u8), std::sync::atomic::Ordering::Relaxed);
}

#[cfg(feature = "mutants")]
pub fn planted(mutant: Mutant) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::Relaxed) == mutant as u8
}

#[cfg(not(feature = "mutants"))]
pub const fn planted(_: Mutant) -> bool {
    false
}

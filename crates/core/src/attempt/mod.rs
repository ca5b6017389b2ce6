//! An attempt: one message that may move money, durable before it is sent, with one end.

mod launch;
mod owner;
mod resolve;
mod settle;
mod step;

pub(crate) use launch::{Begun, answer, found, launch, take};
pub(crate) use owner::{Effects, Owner, Place};
pub(crate) use resolve::drop_job;
pub use resolve::{late, resolve};
pub(crate) use settle::{Concluded, conclude};
pub(crate) use step::{Step, Watch};

use crate::commit::{Clock, Job, JobId, JobKind};
use crate::flow::OpenClaim;
use crate::id::Key;
use crate::money::Money;
use crate::ports::Slot;
use crate::threeds::Proof;
use crate::time::Time;
use crate::wire::{
    Act, Approval, CardToken, Credential, Decline, Initiator, NetworkId, NotSent, Order, Original, OriginalClass,
    ReversalReason, Rrn, Unsure, Verdict, WireId,
};
use serde::{Deserialize, Serialize};

/// The vault sends no first byte later than this after commit 1.
pub const SEND_WITHIN_MS: i64 = 5_000;
/// The link's time limit for an answer (T1), with what the vault needs to tell of it.
pub const ANSWER_WITHIN_MS: i64 = 15_000;
pub const MARGIN_MS: i64 = 2_000;
/// How long a worker keeps a leased job for itself.
pub const LEASE_MS: i64 = SEND_WITHIN_MS + ANSWER_WITHIN_MS + MARGIN_MS;
/// The first pause between tries of a reversal or advice; doubled up to `LONGEST_PAUSE_MS`, for ever.
pub const FIRST_PAUSE_MS: i64 = 10_000;
pub const LONGEST_PAUSE_MS: i64 = 300_000;

/// What the message is. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    Sale(Initiator),
    Authorization(Initiator),
    Completion(Original),
    /// The merchant gives up a hold.
    Void(Original),
    Refund(Original),
    /// More is held for an authorization: a hold of its own, which lives and ends with the first.
    Increment(Original),
    /// Asks the issuer whether a card is good. Moves nothing.
    Verification(Initiator),
}

/// Why an attempt is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Because {
    /// The vault could not tell what came of it.
    Unsure(Unsure),
    /// The process that sent it died, or its answer came too late to be believed.
    Recovered,
    /// The host reported a malfunction of its own: the issuer may have approved.
    Malfunction(Decline),
    /// An approval came for an attempt that had ended otherwise.
    LateApproval,
}

/// Where the attempt stands. Each end is written once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Durable; may be on the wire.
    Sent,
    Approved {
        approval: Approval,
        at: Time,
    },
    Declined {
        decline: Decline,
        at: Time,
    },
    NotSent {
        why: NotSent,
        at: Time,
    },
    /// Unknown, and being taken back until the host answers.
    Reversing {
        wire: WireId,
        since: Time,
        because: Because,
    },
    /// Taken back. `found` is false when the host knew no original.
    Reversed {
        found: bool,
        at: Time,
        because: Because,
    },
    /// An advice without an answer: repeated until there is one.
    Repeating {
        since: Time,
    },
    /// A verification without an answer that can be relied on. It moved nothing, so nothing is taken back.
    Unanswered {
        at: Time,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub key: Key,
    pub what: Move,
    pub money: Money,
    pub card: CardToken,
    pub credential: Credential,
    pub wire: WireId,
    pub send_by: Time,
    /// The job that settles it if nobody else does.
    pub job: JobId,
    /// The idempotency key whose answer waits for this attempt.
    pub claim: Option<OpenClaim>,
    /// The cardholder was authenticated for it.
    pub proof: Option<Proof>,
    /// A soft refusal leads to an authentication of the cardholder instead of a failure.
    pub may_step_up: bool,
    pub state: State,
}

/// What a settling message came to, besides being unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    Yes,
    NotFound,
    NotYet,
}

impl Attempt {
    /// A new attempt, to be made durable before its message leaves.
    pub fn begin(key: Key, job: JobId, what: Move, money: Money, card: CardToken, slot: Slot, now: Time) -> Attempt {
        // What belongs to an authorization keeps its RRN and its terminal.
        let (terminal, rrn) = match &what {
            Move::Completion(original) | Move::Void(original) => (original.wire.terminal, original.wire.rrn),
            Move::Sale(_) | Move::Authorization(_) | Move::Refund(_) | Move::Increment(_) | Move::Verification(_) => {
                (slot.terminal, Rrn(key))
            }
        };
        Attempt {
            key,
            what,
            money,
            card,
            credential: Credential::default(),
            wire: WireId { terminal, stan: slot.stan, at: now, rrn },
            send_by: now.plus_ms(SEND_WITHIN_MS),
            job,
            claim: None,
            proof: None,
            may_step_up: false,
            state: State::Sent,
        }
    }

    /// With what is to be said of the card.
    pub fn with(self, credential: Credential) -> Attempt {
        Attempt { credential, ..self }
    }

    pub fn is_open(&self) -> bool {
        match self.state {
            State::Sent | State::Reversing { .. } | State::Repeating { .. } => true,
            State::Approved { .. }
            | State::Declined { .. }
            | State::NotSent { .. }
            | State::Reversed { .. }
            | State::Unanswered { .. } => false,
        }
    }

    /// The message as the vault is to send it now.
    pub fn order(&self, account: Key, owner: Key, live: bool, repeat: bool, send_by: Time) -> Order {
        let network_id = self.credential.first_use;
        let act = match self.what {
            Move::Sale(initiator) => Act::Sale { initiator, network_id },
            Move::Authorization(initiator) => Act::Authorization { initiator, network_id },
            Move::Verification(initiator) => Act::Verification { initiator },
            Move::Completion(original) => Act::Completion { original },
            Move::Void(original) => Act::Reversal { original, reason: ReversalReason::CancelledByCustomer },
            Move::Refund(original) => Act::Refund { original },
            Move::Increment(original) => Act::Increment { original },
        };
        let (proof, money, card, wire) = (self.proof, self.money, self.card, self.wire);
        let (attempt, code, address, fingerprint) = (self.key, self.credential.code, None, None);
        Order {
            account,
            owner,
            attempt,
            live,
            act,
            proof,
            money,
            card,
            fingerprint,
            code,
            address,
            wire,
            send_by,
            repeat,
        }
    }

    /// The reversal of this attempt.
    pub fn reversal(&self, account: Key, owner: Key, live: bool, reversal: Reversal, send_by: Time) -> Order {
        let reason = match reversal.because {
            Because::Unsure(Unsure::Partial) => ReversalReason::Partial,
            Because::Malfunction(_) => ReversalReason::NotCompleted,
            Because::Unsure(Unsure::NoAnswer | Unsure::LinkLost | Unsure::Mismatch | Unsure::Unreadable)
            | Because::Recovered
            | Because::LateApproval => ReversalReason::NoConfirmation,
        };
        Order {
            account,
            owner,
            attempt: self.key,
            live,
            act: Act::Reversal { original: self.as_original(None), reason },
            proof: None,
            money: self.money,
            card: self.card,
            fingerprint: None,
            code: None,
            address: None,
            wire: reversal.wire,
            send_by,
            repeat: reversal.repeat,
        }
    }

    /// This attempt as a later message refers to it.
    pub fn as_original(&self, approval: Option<&Approval>) -> Original {
        let class = match self.what {
            Move::Sale(_) => OriginalClass::Sale,
            Move::Refund(_) => OriginalClass::Refund,
            Move::Authorization(_)
            | Move::Completion(_)
            | Move::Void(_)
            | Move::Increment(_)
            | Move::Verification(_) => OriginalClass::Authorization,
        };
        Original {
            class,
            wire: self.wire,
            money: self.money,
            approval: approval.and_then(|a| a.code),
            network_id: approval.and_then(|a| a.network_id),
        }
    }

    pub fn approval(&self) -> Option<&Approval> {
        match &self.state {
            State::Approved { approval, .. } => Some(approval),
            State::Sent
            | State::Declined { .. }
            | State::NotSent { .. }
            | State::Reversing { .. }
            | State::Reversed { .. }
            | State::Repeating { .. }
            | State::Unanswered { .. } => None,
        }
    }

    pub fn network_id(&self) -> Option<NetworkId> {
        self.approval().and_then(|a| a.network_id)
    }

    /// The job that settles the attempt if its answer never comes.
    pub fn watch(&self, account: Key, subject: Key) -> Job {
        self.job_at(account, subject, self.send_by.plus_ms(ANSWER_WITHIN_MS + MARGIN_MS))
    }

    pub fn job_at(&self, account: Key, subject: Key, due: Time) -> Job {
        Job {
            id: self.job,
            kind: JobKind::Resolve,
            account,
            subject,
            attempt: self.key,
            due,
            clock: Clock::Real,
            tries: 0,
        }
    }
}

/// A reversal as it is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    pub wire: WireId,
    pub because: Because,
    /// It may have been sent before: 0401.
    pub repeat: bool,
}

/// What an approval or refusal of a reversal says about the original. 25 and 21 mean that the host knows none: final, once.
pub fn undone(verdict: &Verdict) -> Undone {
    match verdict {
        Verdict::Approved(_) => Undone::Yes,
        Verdict::Declined(decline) => match &decline.response.0 {
            b"25" | b"21" => Undone::NotFound,
            _ => Undone::NotYet,
        },
        Verdict::Pending | Verdict::Unknown(_) | Verdict::NotSent(_) => Undone::NotYet,
    }
}

/// The pause before try number `tries` + 1.
pub fn pause_ms(tries: u32) -> i64 {
    let doubled = FIRST_PAUSE_MS.saturating_mul(1i64 << tries.saturating_sub(1).min(20));
    doubled.min(LONGEST_PAUSE_MS)
}

/// DE 39 96: the host had a malfunction, and the issuer may have approved before it. 94: a duplicate, and the first may have been ours.
pub fn is_malfunction(decline: &Decline) -> bool {
    matches!(&decline.response.0, b"96" | b"94")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{
        ACCOUNT, APPROVAL, CHARGE, FUNDS, MALFUNCTION, NO_ACTION, NOT_FOUND, OPEN, PAYMENT, attempt, card, eur,
        every_move, every_state, original,
    };

    #[test]
    fn pauses_grow_and_stop_growing() {
        let pauses: Vec<i64> = (0..9).map(|n| pause_ms(n) / 1000).collect();
        assert_eq!(pauses, [10, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(pause_ms(u32::MAX), LONGEST_PAUSE_MS);
    }

    #[test]
    fn what_ends_a_reversal() {
        #[track_caller]
        fn check(verdict: Verdict, expected: Undone) {
            assert_eq!(undone(&verdict), expected, "{verdict:?}");
        }
        check(Verdict::Approved(APPROVAL), Undone::Yes);
        check(Verdict::Declined(NOT_FOUND), Undone::NotFound);
        check(Verdict::Declined(NO_ACTION), Undone::NotFound);
        check(Verdict::Declined(FUNDS), Undone::NotYet);
        check(Verdict::Declined(MALFUNCTION), Undone::NotYet);
        check(Verdict::Unknown(Unsure::NoAnswer), Undone::NotYet);
        check(Verdict::Unknown(Unsure::Partial), Undone::NotYet);
        check(Verdict::NotSent(NotSent::LinkDown), Undone::NotYet);
        check(Verdict::Pending, Undone::NotYet);
    }

    #[test]
    fn open_until_it_ended() {
        let open = every_state().map(|state| attempt(OPEN, every_move()[0], 2, state).is_open());
        assert_eq!(open, [true, false, false, false, true, true, true, false, false, true, false]);
    }

    /// What follows an authorization keeps its RRN; what stands alone has one of its own.
    #[test]
    fn rrns_and_classes() {
        let of = every_move().map(|what| attempt(OPEN, what, 2, State::Sent));
        let rrns = [OPEN, OPEN, CHARGE, CHARGE, OPEN, OPEN, OPEN].map(Rrn);
        assert_eq!(of.each_ref().map(|a| a.wire.rrn), rrns);
        let class = of.each_ref().map(|a| a.as_original(None).class);
        let authorization = OriginalClass::Authorization;
        let refund = OriginalClass::Refund;
        let sale = OriginalClass::Sale;
        assert_eq!(class, [sale, authorization, authorization, authorization, refund, authorization, authorization]);
    }

    #[test]
    fn reasons_of_reversals() {
        #[track_caller]
        fn check(because: Because, reason: ReversalReason) {
            let open = attempt(OPEN, every_move()[0], 2, State::Sent);
            let wire = WireId { stan: 8, ..open.wire };
            let reversal = Reversal { wire, because, repeat: true };
            let expected = Order {
                account: ACCOUNT,
                owner: PAYMENT,
                attempt: OPEN,
                live: true,
                act: Act::Reversal { original: open.as_original(None), reason },
                proof: None,
                money: eur(1000),
                card: card().token,
                fingerprint: None,
                code: None,
                address: None,
                wire,
                send_by: Time(5),
                repeat: true,
            };
            assert_eq!(open.reversal(ACCOUNT, PAYMENT, true, reversal, Time(5)), expected);
        }
        check(Because::Unsure(Unsure::NoAnswer), ReversalReason::NoConfirmation);
        check(Because::Unsure(Unsure::LinkLost), ReversalReason::NoConfirmation);
        check(Because::Unsure(Unsure::Mismatch), ReversalReason::NoConfirmation);
        check(Because::Unsure(Unsure::Unreadable), ReversalReason::NoConfirmation);
        check(Because::Unsure(Unsure::Partial), ReversalReason::Partial);
        check(Because::Malfunction(MALFUNCTION), ReversalReason::NotCompleted);
        check(Because::Recovered, ReversalReason::NoConfirmation);
        check(Because::LateApproval, ReversalReason::NoConfirmation);
    }

    #[test]
    fn acts_of_orders() {
        let reason = ReversalReason::CancelledByCustomer;
        let act = every_move()
            .map(|what| attempt(OPEN, what, 2, State::Sent).order(ACCOUNT, PAYMENT, false, false, Time(5)).act);
        let expected = [
            Act::Sale { initiator: Initiator::Customer, network_id: None },
            Act::Authorization { initiator: Initiator::CustomerStoring, network_id: None },
            Act::Completion { original: original() },
            Act::Reversal { original: original(), reason },
            Act::Refund { original: original() },
            Act::Increment { original: original() },
            Act::Verification { initiator: Initiator::CustomerStoring },
        ];
        assert_eq!(act, expected);
    }
}

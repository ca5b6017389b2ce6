//! What each durable step of a payment or a refund says, by comparing it with the one before. Pure.

use florin_core::attempt::{Attempt, State};
use florin_core::payment::{Payment, Stage};
use florin_core::refund::{Refund, RefundStage};
use florin_web::Word;

/// What a version of a payment says, and the attempt that it is about.
pub fn of_payment<'a>(before: Option<&Payment>, now: &'a Payment) -> (Word, Option<&'a Attempt>) {
    let moved = now.attempts.iter().rev().find(|a| before.and_then(|b| b.attempt(a.key)).is_none_or(|b| *b != **a));
    let stage_moved = before.is_none_or(|b| b.stage != now.stage);
    if let Some(open) = moved.and_then(|attempt| Some((under_way(attempt)?, attempt))) {
        return (open.0, Some(open.1));
    }
    let word = match (&now.stage, before) {
        _ if !stage_moved => Word::Changed,
        (Stage::RequiresPaymentMethod { last_error: Some(_) }, _) => Word::Failed,
        (Stage::RequiresPaymentMethod { last_error: None } | Stage::RequiresConfirmation, None) => Word::Created,
        (Stage::RequiresPaymentMethod { last_error: None } | Stage::RequiresConfirmation, Some(_)) => Word::Changed,
        (Stage::Processing { .. }, _) => Word::Changed,
        (Stage::RequiresAction { .. }, _) => Word::Challenged,
        (Stage::RequiresCapture { .. }, _) => Word::Held,
        (Stage::Succeeded { .. }, _) => Word::Succeeded,
        (Stage::Canceled { .. }, _) => Word::Canceled,
    };
    (word, moved)
}

pub fn of_refund<'a>(before: Option<&Refund>, now: &'a Refund) -> (Word, Option<&'a Attempt>) {
    let attempt = &now.attempt;
    let moved = before.is_none_or(|b| b.attempt != *attempt);
    let word = match (under_way(attempt).filter(|_| moved), &now.stage) {
        (Some(word), _) => word,
        (None, _) if before.is_some_and(|b| b.stage == now.stage) => Word::Changed,
        (None, RefundStage::Pending) => Word::Changed,
        (None, RefundStage::Succeeded { .. }) => Word::Succeeded,
        (None, RefundStage::Failed { .. }) => Word::Failed,
    };
    (word, moved.then_some(attempt))
}

/// A message of the attempt is about to leave.
fn under_way(attempt: &Attempt) -> Option<Word> {
    match attempt.state {
        State::Sent => Some(Word::Sending),
        State::Reversing { .. } => Some(Word::Reversing),
        State::Repeating { .. } => Some(Word::Repeating),
        State::Approved { .. }
        | State::Declined { .. }
        | State::NotSent { .. }
        | State::Reversed { .. }
        | State::Unanswered { .. } => None,
    }
}

/// The trace number of the message that the attempt's state is about.
pub fn stan(attempt: &Attempt) -> u32 {
    match attempt.state {
        State::Reversing { wire, .. } => wire.stan,
        State::Sent
        | State::Approved { .. }
        | State::Declined { .. }
        | State::NotSent { .. }
        | State::Reversed { .. }
        | State::Repeating { .. }
        | State::Unanswered { .. } => attempt.wire.stan,
    }
}

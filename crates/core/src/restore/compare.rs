//! One message of the journal against what we have of it: what is to be done. Pure.

use super::journal::{Entry, Standing};
use super::{Break, Done};
use crate::attempt::{Attempt, Move, State};
use crate::id::Key;
use crate::payment::Stage;
use crate::wire::{Verdict, WireId};

/// Whether this is the message that an attempt sent. DE 7 counts seconds.
fn same_message(ours: &WireId, theirs: &WireId) -> bool {
    ours.stan == theirs.stan && ours.terminal == theirs.terminal && ours.at.seconds() == theirs.at.seconds()
}

/// A sale, a hold or what was added to one. `ours` is the stage of its payment and the attempt, if there is one.
pub(super) fn charge(entry: &Entry, ours: Option<(&Stage, &Attempt)>) -> Done {
    let Some((stage, attempt)) = ours else {
        return if stands(entry.standing) { Done::Orphaned } else { Done::NothingStands };
    };
    match ended(entry, attempt, entry.standing.is_some_and(|s| s.stands() > 0)) {
        Some(done) => done,
        None => approved(entry, stage, attempt),
    }
}

/// An attempt that we have as approved, and which the acquirer has approved too.
fn approved(entry: &Entry, stage: &Stage, attempt: &Attempt) -> Done {
    let standing = entry.standing.unwrap_or_default();
    let holds = matches!(attempt.what, Move::Authorization(_));
    match stage {
        Stage::RequiresCapture { hold } if holds && *hold == attempt.key && standing.stands() == 0 => {
            // Claimed and given back would be a capture and a refund, which come by themselves.
            if standing.captured == 0 && standing.refunded == 0 { Done::VoidTakenUp } else { Done::Known }
        }
        Stage::Canceled { .. } if holds && standing.stands() > 0 => Done::Break(Break::StandsThere),
        Stage::Succeeded { charge, .. }
            if *charge == attempt.key && standing.reversed > 0 && standing.stands() <= 0 =>
        {
            Done::Break(Break::ReversedThere)
        }
        Stage::RequiresCapture { .. }
        | Stage::Canceled { .. }
        | Stage::Succeeded { .. }
        | Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::RequiresAction { .. }
        | Stage::Processing { .. } => Done::Known,
    }
}

/// What follows from the attempt's state alone; nothing when both say approved.
fn ended(entry: &Entry, attempt: &Attempt, stands: bool) -> Option<Done> {
    let moved = entry.standing.is_some();
    if moved && attempt.money != entry.money {
        return Some(Done::Break(Break::AmountDiffers));
    }
    Some(match &attempt.state {
        // What was taken back in the lost time is taken back here too: its reversal is answered as before.
        State::Sent if entry.standing.is_some_and(|s| s.reversed > 0) => Done::LeftToRecovery,
        State::Sent => Done::Concluded,
        State::Approved { .. } if moved => return None,
        State::Approved { .. } => Done::Break(Break::DeclinedThere),
        State::Declined { .. } | State::NotSent { .. } | State::Reversed { found: false, .. } if stands => {
            Done::TakenBack
        }
        State::Reversed { found: true, .. } if stands => Done::Break(Break::StandsThere),
        State::Reversing { .. } | State::Repeating { .. } => Done::LeftToRecovery,
        State::Declined { .. } | State::NotSent { .. } | State::Reversed { .. } | State::Unanswered { .. } => {
            Done::Known
        }
    })
}

/// Whether an attempt is this claim on a hold.
pub(super) fn is_claim(attempt: &Attempt, entry: &Entry) -> bool {
    matches!(attempt.what, Move::Completion(_)) && same_message(&attempt.wire, &entry.wire)
}

/// A claim on a hold. `ours` is the stage of the hold's payment and its attempts, if there is one; `hold` the hold's attempt.
pub(super) fn completion(entry: &Entry, hold: Key, ours: Option<(&Stage, &[Attempt])>) -> Done {
    let approved = matches!(entry.answer, Verdict::Approved(_));
    // What nobody here knows lies under the hold, which is an orphan as a whole.
    let Some((stage, attempts)) = ours else { return Done::NothingStands };
    match attempts.iter().find(|a| is_claim(a, entry)) {
        Some(a) if a.is_open() && a.money == entry.money => Done::Concluded,
        Some(a) if approved && a.money != entry.money => Done::Break(Break::AmountDiffers),
        Some(a) if approved == a.approval().is_some() => Done::Known,
        Some(_) if approved => Done::Break(Break::StandsThere),
        Some(_) => Done::Break(Break::DeclinedThere),
        None if !approved => Done::NothingStands,
        None if *stage == Stage::RequiresCapture { hold } => Done::CaptureTakenUp,
        None => Done::Break(Break::UnexpectedCapture),
    }
}

/// A refund. `ours` is its attempt; `known` says that we have the payment that it refers to.
/// One whose payment is lost too goes with that payment, which is taken back; one that names no payment is for a person.
pub(super) fn refund(entry: &Entry, ours: Option<&Attempt>, known: bool) -> Done {
    let given = entry.standing.is_some_and(|s| s.refunded > 0);
    match ours {
        None if given && known => Done::RefundTakenUp,
        None if given && entry.original.is_none() => Done::Break(Break::UnexpectedRefund),
        None => Done::NothingStands,
        Some(attempt) => match ended(entry, attempt, given) {
            Some(done) => done,
            None if entry.standing.is_some_and(|s| s.reversed > 0) => Done::Break(Break::ReversedThere),
            None => Done::Known,
        },
    }
}

fn stands(standing: Option<Standing>) -> bool {
    standing.is_some_and(|s| s.stands() > 0)
}

#[cfg(test)]
mod tests {
    use super::super::journal::What;
    use super::*;
    use crate::sample::{
        APPROVAL, CHARGE, FUNDS, NOW, SALE, approved as approval, attempt, eur, every_move, every_stage, every_state,
    };
    use crate::wire::Rrn;

    const HELD: Standing = Standing { held: 1000, captured: 0, refunded: 0, reversed: 0 };
    const TAKEN: Standing = Standing { held: 0, captured: 1000, refunded: 0, reversed: 0 };
    const GIVEN_BACK: Standing = Standing { held: 0, captured: 1000, refunded: 1000, reversed: 0 };
    const UNDONE: Standing = Standing { held: 0, captured: 0, refunded: 0, reversed: 1000 };

    fn entry(what: What, standing: Option<Standing>) -> Entry {
        let wire = attempt(CHARGE, SALE, 1, State::Sent).wire;
        let answer = if standing.is_some() { Verdict::Approved(APPROVAL) } else { Verdict::Declined(FUNDS) };
        Entry { id: 1, what, wire, money: eur(1000), answer, original: None, standing }
    }

    /// What nobody here knows is an orphan exactly when something stands of it.
    #[test]
    fn unknown_charges() {
        let check =
            |standing, expected| assert_eq!(charge(&entry(What::Sale, standing), None), expected, "{standing:?}");
        check(None, Done::NothingStands);
        check(Some(UNDONE), Done::NothingStands);
        check(Some(GIVEN_BACK), Done::NothingStands);
        check(Some(HELD), Done::Orphaned);
        check(Some(TAKEN), Done::Orphaned);
    }

    /// A sale in every state of ours, by what stands of it there: taken, undone, refused.
    #[test]
    fn every_state_of_a_sale() {
        let stage = Stage::Succeeded { charge: CHARGE, captured: 1000 };
        let (taken_back, recovery) = (Done::TakenBack, Done::LeftToRecovery);
        let stands = Done::Break(Break::StandsThere);
        let expected = [
            (Done::Concluded, recovery, Done::Concluded),
            (Done::Known, Done::Break(Break::ReversedThere), Done::Break(Break::DeclinedThere)),
            (taken_back, Done::Known, Done::Known),
            (taken_back, Done::Known, Done::Known),
            (recovery, recovery, recovery),
            (recovery, recovery, recovery),
            (recovery, recovery, recovery),
            (stands, Done::Known, Done::Known),
            (taken_back, Done::Known, Done::Known),
            (recovery, recovery, recovery),
            (Done::Known, Done::Known, Done::Known),
        ];
        for (state, expected) in every_state().into_iter().zip(expected) {
            let ours = attempt(CHARGE, SALE, 1, state);
            let of = |standing| charge(&entry(What::Sale, standing), Some((&stage, &ours)));
            assert_eq!((of(Some(TAKEN)), of(Some(UNDONE)), of(None)), expected, "{:?}", ours.state);
        }
    }

    /// An approved hold by the stage of its payment: held, undone, claimed.
    #[test]
    fn every_stage_of_a_hold() {
        let ours = attempt(CHARGE, every_move()[1], 1, approval());
        for stage in every_stage() {
            let of = |standing| charge(&entry(What::Hold, Some(standing)), Some((&stage, &ours)));
            let expected = match &stage {
                Stage::RequiresCapture { .. } => (Done::Known, Done::VoidTakenUp, Done::Known),
                Stage::Canceled { .. } => {
                    (Done::Break(Break::StandsThere), Done::Known, Done::Break(Break::StandsThere))
                }
                Stage::Succeeded { .. } => (Done::Known, Done::Break(Break::ReversedThere), Done::Known),
                Stage::RequiresPaymentMethod { .. }
                | Stage::RequiresConfirmation
                | Stage::RequiresAction { .. }
                | Stage::Processing { .. } => (Done::Known, Done::Known, Done::Known),
            };
            assert_eq!((of(HELD), of(UNDONE), of(TAKEN)), expected, "{stage:?}");
        }
    }

    #[test]
    fn another_amount_is_a_break() {
        let (ours, stage) = (attempt(CHARGE, SALE, 1, State::Sent), Stage::RequiresConfirmation);
        let other = Entry { money: eur(999), ..entry(What::Sale, Some(TAKEN)) };
        assert_eq!(charge(&other, Some((&stage, &ours))), Done::Break(Break::AmountDiffers));
    }

    #[test]
    fn claims_on_holds() {
        #[track_caller]
        fn check(yes: bool, ours: Option<(Stage, Vec<Attempt>)>, expected: Done) {
            let entry = entry(What::Completion, yes.then_some(TAKEN));
            let ours = ours.as_ref().map(|(stage, attempts)| (stage, attempts.as_slice()));
            assert_eq!(completion(&entry, CHARGE, ours), expected);
        }
        let hold = || attempt(CHARGE, every_move()[1], 1, approval());
        let claim = |state| {
            let own = attempt(Key(9), every_move()[2], 1, state);
            Attempt { wire: WireId { rrn: Rrn(CHARGE), ..hold().wire }, ..own }
        };
        let waiting = || Stage::RequiresCapture { hold: CHARGE };
        let taken = Stage::Succeeded { charge: CHARGE, captured: 1000 };
        check(true, None, Done::NothingStands);
        check(true, Some((waiting(), vec![hold()])), Done::CaptureTakenUp);
        check(false, Some((waiting(), vec![hold()])), Done::NothingStands);
        check(true, Some((taken.clone(), vec![hold()])), Done::Break(Break::UnexpectedCapture));
        check(true, Some((taken.clone(), vec![hold(), claim(approval())])), Done::Known);
        check(false, Some((taken.clone(), vec![hold(), claim(approval())])), Done::Break(Break::DeclinedThere));
        check(true, Some((waiting(), vec![hold(), claim(State::Sent)])), Done::Concluded);
        check(true, Some((waiting(), vec![hold(), claim(State::Repeating { since: NOW })])), Done::Concluded);
        let refused = State::Declined { decline: FUNDS, at: NOW };
        check(true, Some((waiting(), vec![hold(), claim(refused.clone())])), Done::Break(Break::StandsThere));
        check(false, Some((waiting(), vec![hold(), claim(refused)])), Done::Known);
    }

    #[test]
    fn refunds() {
        #[track_caller]
        fn check(standing: Option<Standing>, ours: Option<State>, known: bool, expected: Done) {
            let ours = ours.map(|state| attempt(CHARGE, every_move()[4], 1, state));
            assert_eq!(refund(&entry(What::Refund, standing), ours.as_ref(), known), expected);
        }
        let given = Some(Standing { refunded: 1000, ..Standing::default() });
        let undone = Some(Standing { reversed: 1000, ..Standing::default() });
        check(given, None, true, Done::RefundTakenUp);
        check(given, None, false, Done::Break(Break::UnexpectedRefund));
        // Its payment is lost as well, and is taken back whole.
        let lost = Entry { original: Some(Rrn(CHARGE)), ..entry(What::Refund, given) };
        assert_eq!(refund(&lost, None, false), Done::NothingStands);
        check(undone, None, true, Done::NothingStands);
        check(None, None, true, Done::NothingStands);
        check(given, Some(State::Sent), true, Done::Concluded);
        check(undone, Some(State::Sent), true, Done::LeftToRecovery);
        check(given, Some(approval()), true, Done::Known);
        check(undone, Some(approval()), true, Done::Break(Break::ReversedThere));
        check(None, Some(approval()), true, Done::Break(Break::DeclinedThere));
        check(given, Some(State::Declined { decline: FUNDS, at: NOW }), true, Done::TakenBack);
    }
}

//! Jobs that what is stored needs, and that the Florin which stored it did not know yet. Pure: whoever opens an older database puts them.

use crate::attempt::{Attempt, Move};
use crate::chase;
use crate::codec::Body;
use crate::commit::{Job, Row};
use crate::id::Kind;
use crate::payment::{Payment, Stage, expiry};
use crate::setup::{Setup, SetupStage};

/// Things of these kinds may wait for a job.
pub const KINDS: [Kind; 2] = [Kind::Payment, Kind::Setup];

/// The job that the current version of a thing needs: the end of its hold, or the search for its cardholder. It has the id that today's
/// flows give it, so putting it beside theirs changes nothing. None for what needs none, and for what cannot be read.
pub fn job(row: &Row) -> Option<Job> {
    if row.kind == Kind::Payment {
        return of_payment(row, &Payment::decode(&row.body).ok()?);
    }
    if row.kind == Kind::Setup {
        return of_setup(row, &Setup::decode(&row.body).ok()?);
    }
    None
}

fn of_payment(row: &Row, payment: &Payment) -> Option<Job> {
    let held = |a: &&Attempt| matches!(a.what, Move::Authorization(_)) && a.approval().is_some();
    match payment.stage {
        // What is under way may fail, and then the hold stands again.
        Stage::RequiresCapture { .. } | Stage::Processing { .. } => {
            payment.attempts.iter().rev().find(held).map(|hold| expiry(row.account, row.key, hold))
        }
        Stage::RequiresAction { authentication } => {
            Some(chase::job(row.account, row.key, authentication, authentication.time()))
        }
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::Succeeded { .. }
        | Stage::Canceled { .. } => None,
    }
}

fn of_setup(row: &Row, setup: &Setup) -> Option<Job> {
    match setup.stage {
        SetupStage::RequiresAction { authentication } => {
            Some(chase::job(row.account, row.key, authentication, authentication.time()))
        }
        SetupStage::RequiresPaymentMethod { .. }
        | SetupStage::RequiresConfirmation
        | SetupStage::Processing { .. }
        | SetupStage::Succeeded { .. }
        | SetupStage::Canceled { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::JobKind;
    use crate::id::Key;
    use crate::payment::CaptureMethod;
    use crate::record;
    use crate::sample::{CHARGE, OPEN, PAYMENT, every_stage, held, payment, view};
    use crate::setup::Purpose;

    fn row(payment: Payment) -> Row {
        Row { kind: Kind::Payment, body: payment.encode(), ..record::row(&view(setup(0)), vec![]) }
    }

    fn setup(n: usize) -> Setup {
        let stages = [
            SetupStage::RequiresConfirmation,
            SetupStage::Processing { attempt: OPEN },
            SetupStage::RequiresAction { authentication: OPEN },
        ];
        Setup { stage: stages[n], ..Setup::plain(false, Purpose::Intent) }
    }

    /// Kind, the thing it is about, the attempt within, and its own id.
    fn named(row: &Row) -> Option<(JobKind, Key, Key, Key)> {
        job(row).map(|job| (job.kind, job.subject, job.attempt, job.id))
    }

    #[test]
    fn what_each_stage_needs() {
        let expires = Some((JobKind::Expire, PAYMENT, CHARGE, CHARGE));
        let chased = |key| Some((JobKind::Chase, PAYMENT, key, key));
        let expected = [None, None, None, expires, expires, expires, expires, None, None, chased(CHARGE)];
        for (stage, expected) in every_stage().into_iter().zip(expected) {
            assert_eq!(named(&row(held(stage.clone()))), expected, "{stage:?}");
        }
        // A first confirmation: the approval puts the job itself.
        assert_eq!(named(&row(payment(CaptureMethod::Manual, every_stage()[3].clone()))), None);
        let setups = [0, 1, 2].map(|n| named(&record::row(&view(setup(n)), vec![])));
        assert_eq!(setups, [None, None, chased(OPEN)]);
    }

    #[test]
    fn what_cannot_be_read_needs_nothing() {
        let unread = Row { body: vec![1, 2, 3], ..row(held(every_stage()[6].clone())) };
        assert_eq!(job(&unread), None);
        assert_eq!(job(&Row { kind: Kind::Customer, ..unread }), None);
    }
}

//! What we have of a message of the journal, and how what is decided about it is made true. Each is one commit of the thing concerned.

use super::compare;
use super::journal::{Entry, What};
use super::orphan;
use super::{Break, Done};
use crate::attempt::{Attempt, conclude, late};
use crate::flow::{self, Failure, View};
use crate::id::{Key, Kind};
use crate::payment::{self, Cancel, CancelReason, Payment};
use crate::ports::Ports;
use crate::refund::{self, Refund};
use crate::store::Query;
use crate::time::Time;
use crate::wire::{Late, Verdict};
use std::collections::BTreeMap;

/// Rows read at a time.
pub(super) const ROWS_AT_ONCE: u32 = 500;

/// The accounts of this installation, and the refunds of the time that is compared, by their attempts.
pub(super) struct Known {
    pub accounts: Vec<(Key, bool)>,
    refunds: BTreeMap<Key, (Key, Key)>,
}

impl Known {
    /// `since`: refunds made from then on.
    pub async fn load(ports: &dyn Ports, since: Time) -> Result<Known, Failure> {
        let accounts: Vec<(Key, bool)> =
            crate::account::all(ports).await?.iter().map(|view| (view.key, view.body.live)).collect();
        let mut refunds = BTreeMap::new();
        for (account, _) in &accounts {
            let mut after = Key::first_at(since);
            loop {
                let query = Query::Newer { under: *account, kind: Kind::Refund, after, limit: ROWS_AT_ONCE };
                let rows = ports.store().find(query).await?.rows();
                for row in &rows {
                    after = row.key;
                    let view: View<Refund> = flow::read(row)?;
                    refunds.insert(view.body.attempt.key, (*account, row.key));
                }
                if rows.len() < ROWS_AT_ONCE as usize {
                    break;
                }
            }
        }
        Ok(Known { accounts, refunds })
    }

    /// The payment whose charge this is.
    async fn payment(&self, ports: &dyn Ports, charge: Key) -> Result<Option<View<Payment>>, Failure> {
        for (account, _) in &self.accounts {
            let query = Query::Holder { under: *account, kind: Kind::Charge, key: charge };
            if let Some(row) = ports.store().find(query).await?.rows().first() {
                return flow::read(row).map(Some);
            }
        }
        Ok(None)
    }

    async fn refund(&self, ports: &dyn Ports, attempt: Key) -> Result<Option<View<Refund>>, Failure> {
        match self.refunds.get(&attempt) {
            Some((account, key)) => flow::load(ports.store(), *account, Kind::Refund, *key).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whose an orphan is: the one account there is; the house's where nobody can know.
    fn owner(&self) -> (Key, bool) {
        match self.accounts.as_slice() {
            [one] => *one,
            several => (crate::terminal::HOUSE, several.first().is_some_and(|(_, live)| *live)),
        }
    }
}

/// Decides about one message and, unless it is a rehearsal, does it.
pub(super) async fn entry(
    ports: &dyn Ports,
    known: &mut Known,
    entry: &Entry,
    rehearsal: bool,
) -> Result<Done, Failure> {
    let attempt = entry.wire.rrn.0;
    match entry.what {
        What::Sale | What::Hold => {
            // What was added to a hold is found under the hold.
            let charge = entry.original.map_or(attempt, |original| original.0);
            let payment = known.payment(ports, charge).await?;
            let found = payment.as_ref().and_then(|view| Some((&view.body.stage, view.body.attempt(attempt)?)));
            let done = compare::charge(entry, found);
            if rehearsal {
                return Ok(done);
            }
            match (done, payment) {
                (Done::Orphaned, _) => {
                    let (account, live) = known.owner();
                    orphan::found(ports, entry, account, live).await?;
                }
                (Done::Concluded, Some(view)) => drop(conclude(ports, view, attempt, entry.answer, 1).await?),
                (Done::TakenBack, Some(view)) => take_back(ports, &view, entry).await?,
                (Done::VoidTakenUp, Some(view)) => return void(ports, &view).await,
                _ => {}
            }
            Ok(done)
        }
        What::Completion => claimed(ports, known, entry, rehearsal).await,
        What::Refund => refunded(ports, known, entry, rehearsal).await,
        // A reversal shows in what stands of its original. A verification moved nothing.
        What::Reversal => Ok(Done::Known),
        What::Verification => Ok(Done::NothingStands),
    }
}

async fn claimed(ports: &dyn Ports, known: &Known, entry: &Entry, rehearsal: bool) -> Result<Done, Failure> {
    let hold = entry.wire.rrn.0;
    let payment = known.payment(ports, hold).await?;
    let found = payment.as_ref().map(|view| (&view.body.stage, view.body.attempts.as_slice()));
    let done = compare::completion(entry, hold, found);
    let Some(view) = payment.filter(|_| !rehearsal) else { return Ok(done) };
    let claim = view.body.attempts.iter().find(|a| compare::is_claim(a, entry)).map(|a| a.key);
    match (done, claim) {
        (Done::CaptureTakenUp, _) => {
            let taken = payment::take_up_capture(ports, &view, entry.money, entry.wire, entry.answer).await?;
            return Ok(if taken { done } else { Done::Break(Break::UnexpectedCapture) });
        }
        (Done::Concluded, Some(claim)) => drop(conclude(ports, view, claim, entry.answer, 1).await?),
        _ => {}
    }
    Ok(done)
}

async fn refunded(ports: &dyn Ports, known: &mut Known, entry: &Entry, rehearsal: bool) -> Result<Done, Failure> {
    let attempt = entry.wire.rrn.0;
    let ours = known.refund(ports, attempt).await?;
    let payment = match entry.original {
        Some(original) => known.payment(ports, original.0).await?,
        None => None,
    };
    let done = compare::refund(entry, ours.as_ref().map(|view| &view.body.attempt), payment.is_some());
    if rehearsal {
        return Ok(done);
    }
    match (done, ours, payment) {
        (Done::Concluded, Some(view), _) => drop(conclude(ports, view, attempt, entry.answer, 1).await?),
        (Done::TakenBack, Some(view), _) => take_back(ports, &view, entry).await?,
        (Done::RefundTakenUp, _, Some(view)) => {
            match refund::take_up(ports, &view, entry.money, entry.wire, entry.answer).await? {
                Some(refund) => drop(known.refunds.insert(attempt, (view.account, refund))),
                None => return Ok(Done::Break(Break::UnexpectedRefund)),
            }
        }
        _ => {}
    }
    Ok(done)
}

/// An approval of what ended otherwise here: the same as an answer that comes too late.
async fn take_back<T>(ports: &dyn Ports, view: &View<T>, entry: &Entry) -> Result<(), Failure> {
    let verdict = match entry.answer {
        Verdict::Approved(_) => entry.answer,
        // Something stands, whatever was answered.
        Verdict::Declined(_) | Verdict::Pending | Verdict::Unknown(_) | Verdict::NotSent(_) => return Ok(()),
    };
    let (account, owner, attempt, wire) = (view.account, view.key, entry.wire.rrn.0, entry.wire);
    late(ports, &Late { account, owner, attempt, wire: sent(ports, owner, attempt).await?.unwrap_or(wire), verdict })
        .await
}

/// An attempt's own wire id: DE 7 tells no milliseconds.
async fn sent(ports: &dyn Ports, owner: Key, attempt: Key) -> Result<Option<crate::wire::WireId>, Failure> {
    let row = ports.store().get(&[owner]).await?.into_iter().next().flatten();
    let wire = |attempts: &[Attempt]| attempts.iter().find(|a| a.key == attempt).map(|a| a.wire);
    match row {
        Some(row) if row.kind == Kind::Payment => Ok(wire(&flow::read::<Payment>(&row)?.body.attempts)),
        Some(row) if row.kind == Kind::Refund => {
            Ok(wire(std::slice::from_ref(&flow::read::<Refund>(&row)?.body.attempt)))
        }
        _ => Ok(None),
    }
}

/// Gives up a hold that was given up in the lost time: the host answers that nothing stands.
async fn void(ports: &dyn Ports, view: &View<Payment>) -> Result<Done, Failure> {
    let (account, payment, claim) = (view.account, view.key, None);
    let command = Cancel { account, payment, reason: CancelReason::Unspecified, claim };
    match payment::cancel(ports, &command).await {
        Ok(_) => Ok(Done::VoidTakenUp),
        // Somebody was faster, or something of it is under way: it settles itself.
        Err(Failure::Refused(_)) => Ok(Done::LeftToRecovery),
        Err(failure) => Err(failure),
    }
}

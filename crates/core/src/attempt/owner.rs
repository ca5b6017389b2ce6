//! What a thing with attempts must say for itself: a payment, a refund. Everything about sending, waiting and taking back is shared.

use super::Attempt;
use crate::avs::AddressCheck;
use crate::codec::Body;
use crate::commit::{Beside, EventKind, Job, JobId, Row};
use crate::fees::Fees;
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::ledger::Transfer;
use crate::movement::NewMovement;
use crate::payment::PaymentError;
use crate::ports::Told;
use crate::time::Time;

/// Where and when a decision is made, and under which fees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub account: Key,
    pub key: Key,
    pub now: Time,
    pub fees: Fees,
}

/// What a decision does besides changing its own row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub transfers: Vec<Transfer>,
    pub events: Vec<EventKind>,
    /// Money in or out of the merchant's balance.
    pub movement: Option<NewMovement>,
    /// Rows that change in the same commit.
    pub beside: Vec<Beside>,
    /// Jobs that follow from it, besides the one that watches the attempt.
    pub jobs: Vec<Job>,
    /// Jobs that it makes needless.
    pub done: Vec<JobId>,
}

impl Effects {
    pub fn of(events: &[EventKind], transfers: &[Transfer]) -> Effects {
        Effects { transfers: transfers.to_vec(), events: events.to_vec(), ..Effects::default() }
    }
    /// The same with a movement and the transfer of its fee.
    pub fn moving(mut self, account: Key, movement: NewMovement) -> Effects {
        self.transfers.extend(movement.fee(account));
        Effects { movement: Some(movement), ..self }
    }
    pub fn job(mut self, job: Job) -> Effects {
        self.jobs.push(job);
        self
    }
    pub fn done(mut self, job: JobId) -> Effects {
        self.done.push(job);
        self
    }
    pub fn beside(mut self, beside: Option<Beside>) -> Effects {
        self.beside.extend(beside);
        self
    }
}

pub(crate) trait Owner: Body + Clone + Send + Sync {
    const KIND: Kind;

    fn attempts(&self) -> &[Attempt];
    fn attempts_mut(&mut self) -> &mut [Attempt];
    fn live(&self) -> bool;
    fn told(view: &View<Self>) -> Told<'_>;

    /// The cardholder's address, for messages that let the issuer compare it.
    fn address(_: &View<Self>) -> Option<AddressCheck> {
        None
    }
    /// The number behind an attempt's card, as the account knows it.
    fn fingerprint(&self, _: &Attempt) -> Option<[u8; 16]> {
        None
    }
    /// The payment method that changes with an approval, if one does.
    fn keeps(&self, _: &Attempt) -> Option<Key> {
        None
    }
    /// Whose it is, if it has a customer.
    fn customer(&self) -> Option<Key> {
        None
    }
    /// The attempt did what it was for. `attempt` is what it came to; `kept` is the current row of what it `keeps`.
    fn approved(&mut self, place: Place, attempt: &Attempt, kept: Option<&Row>) -> Effects;
    /// The attempt came to nothing: refused, never sent, or taken back.
    fn failed(&mut self, place: Place, attempt: &Attempt, error: PaymentError) -> Effects;

    fn find(&self, attempt: Key) -> Option<&Attempt> {
        self.attempts().iter().find(|a| a.key == attempt)
    }
}

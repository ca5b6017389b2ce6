//! What a thing with attempts must say for itself: a payment, a refund. Everything about sending, waiting and taking back is shared.

use super::Attempt;
use crate::codec::Body;
use crate::commit::EventKind;
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
}

impl Effects {
    pub fn of(events: &[EventKind], transfers: &[Transfer]) -> Effects {
        Effects { transfers: transfers.to_vec(), events: events.to_vec(), movement: None }
    }
    /// The same with a movement and the transfer of its fee.
    pub fn moving(mut self, account: Key, movement: NewMovement) -> Effects {
        self.transfers.extend(movement.fee(account));
        Effects { movement: Some(movement), ..self }
    }
}

pub(crate) trait Owner: Body + Clone + Send + Sync {
    const KIND: Kind;

    fn attempts(&self) -> &[Attempt];
    fn attempts_mut(&mut self) -> &mut [Attempt];
    fn live(&self) -> bool;
    fn told(view: &View<Self>) -> Told<'_>;

    /// The attempt did what it was for.
    fn approved(&mut self, place: Place, attempt: &Attempt) -> Effects;
    /// The attempt came to nothing: refused, never sent, or taken back.
    fn failed(&mut self, place: Place, attempt: &Attempt, error: PaymentError) -> Effects;

    fn find(&self, attempt: Key) -> Option<&Attempt> {
        self.attempts().iter().find(|a| a.key == attempt)
    }
}

//! Messages between `submit` and their verdict: by number, by matching key and by deadline, all in a fixed order.
//! Knows no message format.

use super::{Sent, Ticket};
use crate::core::time::Time;
use florin_connect::iso8583::MatchKey;
use florin_connect::journey::Hop;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

pub(super) enum Stage {
    /// Not handed out for writing yet; holds the framed message and its report.
    Queued { frame: Zeroizing<Vec<u8>>, hop: Option<Box<Hop>> },
    /// Its first byte may have left.
    Sent,
}

pub(super) struct Waiting {
    pub sent: Sent,
    /// Whoever waits for the answer; more than one when the same message was submitted again meanwhile.
    pub tickets: Vec<Ticket>,
    /// Steady time: while queued the last moment to send, then the end of waiting for the answer.
    pub due: Time,
    pub stage: Stage,
}

pub(super) struct Taken {
    pub frame: Zeroizing<Vec<u8>>,
    pub hop: Option<Box<Hop>>,
    /// Steady time after which the first byte must not leave.
    pub send_by: Time,
}

#[derive(Default)]
pub(super) struct Flight {
    /// Numbers rise in the order of submission.
    by_number: BTreeMap<u64, (MatchKey, Waiting)>,
    by_key: BTreeMap<MatchKey, u64>,
    by_due: BTreeSet<(Time, u64)>,
    queued: BTreeSet<u64>,
}

impl Flight {
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    pub fn next_due(&self) -> Option<Time> {
        self.by_due.first().map(|(due, _)| *due)
    }

    pub fn insert(&mut self, number: u64, key: MatchKey, waiting: Waiting) {
        self.by_key.insert(key, number);
        self.by_due.insert((waiting.due, number));
        if matches!(waiting.stage, Stage::Queued { .. }) {
            self.queued.insert(number);
        }
        self.by_number.insert(number, (key, waiting));
    }

    pub fn by_key(&mut self, key: &MatchKey) -> Option<&mut Waiting> {
        let number = self.by_key.get(key)?;
        self.by_number.get_mut(number).map(|(_, waiting)| waiting)
    }

    /// Hands out the oldest queued message; its answer is due at `due`.
    pub fn take_oldest(&mut self, due: Time) -> Option<Taken> {
        let number = self.queued.pop_first()?;
        let (_, waiting) = self.by_number.get_mut(&number)?;
        let send_by = waiting.due;
        self.by_due.remove(&(send_by, number));
        self.by_due.insert((due, number));
        waiting.due = due;
        match std::mem::replace(&mut waiting.stage, Stage::Sent) {
            Stage::Queued { frame, hop } => Some(Taken { frame, hop, send_by }),
            Stage::Sent => None,
        }
    }

    /// The sent message with this key, no longer in flight. A queued one stays: what was not sent cannot be answered.
    pub fn take_sent(&mut self, key: &MatchKey) -> Option<Waiting> {
        let number = *self.by_key.get(key)?;
        match self.by_number.get(&number)?.1.stage {
            Stage::Queued { .. } => None,
            Stage::Sent => self.remove(number).map(|(_, waiting)| waiting),
        }
    }

    /// The message whose deadline has come, no longer in flight.
    pub fn take_due(&mut self, now: Time) -> Option<(MatchKey, Waiting)> {
        let (due, number) = *self.by_due.first()?;
        if due > now { None } else { self.remove(number) }
    }

    pub fn take_queued(&mut self) -> Vec<(MatchKey, Waiting)> {
        let queued = std::mem::take(&mut self.queued);
        queued.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    pub fn take_all(&mut self) -> impl Iterator<Item = (MatchKey, Waiting)> + use<> {
        let all = std::mem::take(self);
        all.by_number.into_values()
    }

    fn remove(&mut self, number: u64) -> Option<(MatchKey, Waiting)> {
        let (key, waiting) = self.by_number.remove(&number)?;
        self.by_key.remove(&key);
        self.by_due.remove(&(waiting.due, number));
        self.queued.remove(&number);
        Some((key, waiting))
    }
}

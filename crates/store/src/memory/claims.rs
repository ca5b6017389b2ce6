//! Idempotency claims in two alternating day tables, in memory. Knows no request and no answer, only bytes.

use crate::days;
use florin_core::commit::{Claim, Claimed};
use std::collections::BTreeMap;

#[derive(Clone, Default)]
struct Day {
    /// Day number of the newest claim in the table.
    used: Option<i64>,
    by_slot: BTreeMap<i64, Claimed>,
}

#[derive(Clone, Default)]
pub struct Claims([Day; 2]);

impl Claims {
    pub fn get(&self, slot: i64) -> Option<&Claimed> {
        self.0.iter().find_map(|day| day.by_slot.get(&slot))
    }

    /// What stands in the way of a claim: nothing of a table that this very claim is about to empty.
    pub fn in_the_way(&self, claim: &Claim) -> Option<&Claimed> {
        let (Claim::Begin { id, at, .. } | Claim::Answer { id, at, .. }) = claim else { return None };
        let kept = self.0.iter().filter(|day| !days::is_stale(day.used, at.day_number()));
        kept.filter_map(|day| day.by_slot.get(&id.slot)).next()
    }

    pub fn apply(&mut self, claim: Claim) {
        match claim {
            Claim::Begin { id, request, subject, at } => {
                self.take(id.slot, Claimed { digest: id.digest, request, subject, at, answer: None });
            }
            Claim::Answer { id, request, subject, at, answer } => {
                self.take(id.slot, Claimed { digest: id.digest, request, subject, at, answer: Some(answer) });
            }
            Claim::Finish { id, answer } => {
                let begun = self.0.iter_mut().find_map(|day| day.by_slot.get_mut(&id.slot));
                if let Some(claimed) = begun
                    && claimed.digest == id.digest
                    && claimed.answer.is_none()
                {
                    claimed.answer = Some(answer);
                }
            }
            Claim::Amend { id, answer } => {
                let there = self.0.iter_mut().find_map(|day| day.by_slot.get_mut(&id.slot));
                if let Some(claimed) = there
                    && claimed.digest == id.digest
                    && claimed.answer.is_some()
                {
                    claimed.answer = Some(answer);
                }
            }
        }
    }

    fn take(&mut self, slot: i64, claimed: Claimed) {
        let today = claimed.at.day_number();
        for day in &mut self.0 {
            if days::is_stale(day.used, today) {
                *day = Day::default();
            }
        }
        let day = &mut self.0[days::table_of(today)];
        day.used = day.used.max(Some(today));
        day.by_slot.insert(slot, claimed);
    }
}

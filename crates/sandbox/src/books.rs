//! The issuers' books: append-only entries and, per original, what is held, captured, refunded and reversed.
//! The independent witness: shares nothing with the gateway's ledger, and decides nothing.

use crate::entry::{Entry, EntryId, Kind, Trace};
use crate::settlement::Day;
use crate::text::Text;
use florin_connect::core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// What stands of one hold, sale or refund, in minor units of ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub original: EntryId,
    pub kind: Kind,
    pub trace: Trace,
    pub rrn: Text<12>,
    pub currency: u16,
    /// Set aside now.
    pub held: i64,
    /// Taken, less what reversals gave back.
    pub captured: i64,
    /// Of a hold or sale: refunds that stand against it. Of a refund: what it gave back.
    pub refunded: i64,
    /// Undone by reversals.
    pub reversed: i64,
}

/// What one entry changes at the cardholder's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posting {
    pub held: i64,
    pub owed: i64,
}

/// Counts and sums of one currency, in minor units of ISO 4217.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub holds: u64,
    pub held: i64,
    /// Sales and completions.
    pub claims: u64,
    pub claimed: i64,
    pub refunds: u64,
    pub refunded: i64,
    /// Reversals that undid something.
    pub reversals: u64,
    pub reversed: i64,
    pub declines: u64,
}

impl Totals {
    fn count(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Hold => {
                self.holds += 1;
                self.held += entry.amount;
            }
            Kind::Sale | Kind::Completion => {
                self.claims += 1;
                self.claimed += entry.amount;
            }
            Kind::Refund => {
                self.refunds += 1;
                self.refunded += entry.amount;
            }
            Kind::Reversal if entry.amount > 0 => {
                self.reversals += 1;
                self.reversed += entry.amount;
            }
            Kind::Decline => self.declines += 1,
            Kind::Reversal | Kind::Verification | Kind::Advice => {}
        }
    }
}

/// Counts and sums by ISO 4217 numeric code.
pub type ByCurrency = BTreeMap<u16, Totals>;

/// Which entries to look for; what is `None` fits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    pub rrn: Option<Text<12>>,
    pub stan: Option<u32>,
    pub de7: Option<u64>,
    pub terminal: Option<Text<8>>,
    /// Only entries behind this one: pages of all.
    pub after: EntryId,
}

impl Query {
    fn fits(&self, entry: &Entry) -> bool {
        self.rrn.is_none_or(|v| v == entry.rrn)
            && self.stan.is_none_or(|v| v == entry.trace.stan)
            && self.de7.is_none_or(|v| v == entry.trace.de7)
            && self.terminal.is_none_or(|v| v == entry.trace.terminal)
            && entry.id > self.after
    }
}

#[derive(Default)]
pub struct Books {
    entries: Vec<Entry>,
    /// The first entry of each request: its stored answer.
    by_trace: BTreeMap<Trace, EntryId>,
    by_rrn: BTreeSet<(Text<12>, EntryId)>,
    standings: BTreeMap<EntryId, Standing>,
    /// Increments of a hold, by the hold.
    increments: BTreeMap<EntryId, Vec<EntryId>>,
    /// Reversals that came before their original: target, RRN of the reversal.
    early: BTreeMap<Trace, Text<12>>,
    /// Stand-in approvals that the issuer was not told of yet.
    untold: BTreeSet<EntryId>,
    all: ByCurrency,
    day: ByCurrency,
    /// What was cleared since the day was last closed.
    day_lines: Vec<EntryId>,
    /// Closed days that have a report: that of the first is report 1.
    days: Vec<Day>,
}

impl Books {
    pub fn next_id(&self) -> EntryId {
        self.entries.len() as EntryId + 1
    }
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    pub fn entry(&self, id: EntryId) -> Option<&Entry> {
        let place = usize::try_from(id).ok()?.checked_sub(1)?;
        self.entries.get(place)
    }
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    pub fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.standings.values()
    }
    pub fn standing(&self, id: EntryId) -> Option<&Standing> {
        self.standings.get(&id)
    }
    /// What is set aside for a hold, with its increments.
    pub fn held(&self, id: EntryId) -> i64 {
        let own = |id: &EntryId| self.standings.get(id).map_or(0, |s| s.held);
        own(&id) + self.increments.get(&id).into_iter().flatten().map(own).sum::<i64>()
    }
    /// Whether a hold itself stands.
    pub fn holds(&self, id: EntryId) -> bool {
        self.standings.get(&id).is_some_and(|s| s.held > 0)
    }
    /// The stored answer of a request that came before.
    pub fn answered(&self, trace: &Trace) -> Option<&Entry> {
        self.entry(*self.by_trace.get(trace)?)
    }
    /// Totals since the first entry.
    pub fn totals(&self) -> &ByCurrency {
        &self.all
    }
    /// Totals since the day was last closed.
    pub fn day_totals(&self) -> &ByCurrency {
        &self.day
    }
    /// Ends the business day and gives its totals. A day in which something was cleared has a report.
    pub fn close_day(&mut self, closed: Time) -> ByCurrency {
        let lines = std::mem::take(&mut self.day_lines);
        if !lines.is_empty() {
            self.days.push(Day { closed, lines });
        }
        std::mem::take(&mut self.day)
    }
    /// Closed days that have a report, oldest first.
    pub fn days(&self) -> &[Day] {
        &self.days
    }
    /// Whether something was cleared since the day was last closed.
    pub fn has_lines(&self) -> bool {
        !self.day_lines.is_empty()
    }
    /// The first line of the newest report is left for the next.
    pub(crate) fn put_off_a_line(&mut self) {
        if let Some(day) = self.days.last_mut()
            && !day.lines.is_empty()
        {
            self.day_lines.insert(0, day.lines.remove(0));
        }
    }
    /// Stand-in approvals that wait for their 0120, oldest first.
    pub fn untold(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.untold.iter().copied()
    }
    pub fn is_untold(&self, id: EntryId) -> bool {
        self.untold.contains(&id)
    }

    /// The entry that DE 90 names. The terminal is that of the message itself; where it differs, the RRN must agree.
    pub fn find_original(&self, target: &Trace, rrn: Text<12>) -> Option<&Entry> {
        if let Some(entry) = self.answered(target) {
            return Some(entry);
        }
        let same = self.by_trace.range(any_terminal(target)).filter_map(|(_, id)| self.entry(*id));
        same.into_iter().find(|e| e.rrn == rrn)
    }

    /// Whether a reversal of this request came before the request itself.
    pub fn reversed_early(&self, trace: &Trace, rrn: Text<12>) -> bool {
        self.early.contains_key(trace) || self.early.range(any_terminal(trace)).any(|(_, r)| *r == rrn)
    }

    /// The hold or sale with this network transaction id.
    pub fn by_network_id(&self, network_id: u64) -> Option<&Entry> {
        self.with_network_id(network_id).filter(|entry| matches!(entry.kind, Kind::Hold | Kind::Sale))
    }

    /// The entry that was given this network transaction id, whatever it is.
    pub fn with_network_id(&self, network_id: u64) -> Option<&Entry> {
        let entry = self.entry(network_id % crate::network::IDS_PER_DAY)?;
        (network_id != 0 && entry.network_id == network_id).then_some(entry)
    }

    /// At most `limit` entries that fit, oldest first.
    pub fn find(&self, query: &Query, limit: usize) -> Vec<&Entry> {
        match query.rrn {
            Some(rrn) => {
                let ids = self.by_rrn.range((rrn, 0)..=(rrn, EntryId::MAX));
                ids.filter_map(|(_, id)| self.entry(*id)).filter(|e| query.fits(e)).take(limit).collect()
            }
            None => self.entries.iter().filter(|e| query.fits(e)).take(limit).collect(),
        }
    }

    /// Appends an entry whose id is `next_id`, and says what it changes at the account. The caller decided that it may happen.
    pub fn append(&mut self, entry: Entry, forget_early: bool) -> Posting {
        debug_assert_eq!(entry.id, self.next_id());
        if entry.kind != Kind::Advice {
            self.by_trace.entry(entry.trace).or_insert(entry.id);
        }
        self.by_rrn.insert((entry.rrn, entry.id));
        self.all.entry(entry.currency).or_default().count(&entry);
        self.day.entry(entry.currency).or_default().count(&entry);
        if entry.stand_in && entry.approved() {
            self.untold.insert(entry.id);
        }
        if let (Kind::Reversal, None, Some(target), false) = (entry.kind, entry.original, entry.target, forget_early) {
            self.early.insert(target, entry.rrn);
        }
        let posting = self.stand(&entry);
        self.entries.push(entry);
        posting
    }

    fn stand(&mut self, entry: &Entry) -> Posting {
        let amount = entry.amount;
        match entry.kind {
            Kind::Hold => {
                if let Some(base) = entry.original {
                    self.increments.entry(base).or_default().push(entry.id);
                }
                self.standings.insert(entry.id, Standing { held: amount, ..empty(entry) });
                Posting { held: amount, owed: 0 }
            }
            Kind::Sale => {
                self.day_lines.push(entry.id);
                self.standings.insert(entry.id, Standing { captured: amount, ..empty(entry) });
                Posting { held: 0, owed: amount }
            }
            Kind::Refund => {
                self.day_lines.push(entry.id);
                self.standings.insert(entry.id, Standing { refunded: amount, ..empty(entry) });
                self.change(entry.original, |sale| sale.refunded += amount);
                Posting { held: 0, owed: -amount }
            }
            Kind::Completion => {
                self.day_lines.push(entry.id);
                let held = entry.original.map_or(0, |hold| self.held(hold));
                self.release(entry.original, held);
                self.change(entry.original, |hold| hold.captured += amount);
                Posting { held: -held, owed: amount }
            }
            Kind::Reversal => self.undo(entry),
            Kind::Advice => {
                let Some(told) = entry.original else { return Posting::default() };
                self.untold.remove(&told);
                match self.entry(told).map(|e| (e.kind, e.amount)) {
                    Some((Kind::Hold, amount)) => Posting { held: amount, owed: 0 },
                    Some((Kind::Sale, amount)) => Posting { held: 0, owed: amount },
                    _ => Posting::default(),
                }
            }
            Kind::Decline | Kind::Verification => Posting::default(),
        }
    }

    fn undo(&mut self, reversal: &Entry) -> Posting {
        let amount = reversal.amount;
        let mut posting = Posting::default();
        let (mut refunded_sale, mut of_increments) = (None, 0);
        let mut cleared = false;
        let undone = reversal.original.and_then(|id| self.entry(id)).copied();
        let beyond = reversal.original.and_then(|id| self.standings.get(&id)).map_or(0, |s| (amount - s.held).max(0));
        self.change(reversal.original, |standing| {
            standing.reversed += amount;
            if standing.kind == Kind::Refund {
                standing.refunded -= amount;
                posting.owed = amount;
                cleared = true;
                refunded_sale = undone.and_then(|e| e.original);
            } else if standing.held > 0 {
                // The rest stands under the increments.
                standing.held -= amount - beyond;
                standing.reversed -= beyond;
                posting.held = -amount;
                of_increments = beyond;
            } else {
                standing.captured -= amount;
                posting.owed = -amount;
                cleared = true;
            }
        });
        self.change(refunded_sale, |sale| sale.refunded -= amount);
        self.undo_increments(reversal.original, of_increments);
        if cleared && amount > 0 {
            self.day_lines.push(reversal.id);
        }
        posting
    }

    /// Gives up so much of what a hold's increments set aside.
    fn undo_increments(&mut self, hold: Option<EntryId>, mut left: i64) {
        for increment in self.increments_of(hold) {
            self.change(Some(increment), |standing| {
                let undone = left.min(standing.held);
                standing.held -= undone;
                standing.reversed += undone;
                left -= undone;
            });
        }
    }

    fn increments_of(&self, hold: Option<EntryId>) -> Vec<EntryId> {
        hold.and_then(|hold| self.increments.get(&hold)).cloned().unwrap_or_default()
    }

    /// A claim ends the hold and its increments.
    fn release(&mut self, hold: Option<EntryId>, mut held: i64) {
        for id in hold.into_iter().chain(self.increments_of(hold)) {
            self.change(Some(id), |standing| {
                held -= standing.held;
                standing.held = 0;
            });
        }
        debug_assert_eq!(held, 0);
    }

    fn change(&mut self, id: Option<EntryId>, how: impl FnOnce(&mut Standing)) {
        if let Some(standing) = id.and_then(|id| self.standings.get_mut(&id)) {
            how(standing);
        }
    }
}

fn empty(entry: &Entry) -> Standing {
    Standing {
        original: entry.id,
        kind: entry.kind,
        trace: entry.trace,
        rrn: entry.rrn,
        currency: entry.currency,
        held: 0,
        captured: 0,
        refunded: 0,
        reversed: 0,
    }
}

fn any_terminal(trace: &Trace) -> RangeInclusive<Trace> {
    Trace { terminal: Text::LOWEST, ..*trace }..=Trace { terminal: Text::HIGHEST, ..*trace }
}

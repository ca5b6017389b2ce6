//! Queries and sums of the memory engine. Changes nothing.

use super::state::{Shard, State};
use crate::limits::{EVENTS_PER_QUERY, ROWS_PER_QUERY};
use florin_core::commit::{Event, Job, JobKind, Row, Version, shard};
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Book, Transfer};
use florin_core::money::Currency;
use florin_core::store::{Found, Query, Report, SequencedEvent, Step, StoredEvent, Sum};
use std::collections::BTreeMap;
use std::ops::Bound;

impl State {
    pub fn find(&self, query: &Query) -> Found {
        match query {
            Query::List { under: account, kind, before, limit } => {
                Found::Rows(self.list(*account, *kind, *before, (*limit).min(ROWS_PER_QUERY)))
            }
            Query::Newer { under, kind, after, limit } => {
                Found::Rows(self.newer(*under, *kind, *after, (*limit).min(ROWS_PER_QUERY)))
            }
            Query::Holder { under: account, kind, key } => {
                let holder = self.index.get(&(*account, *kind, *key));
                Found::Rows(holder.and_then(|holder| self.current(*holder)).cloned().into_iter().collect())
            }
            Query::History { key, limit } => {
                let limit = (*limit).min(ROWS_PER_QUERY) as usize;
                let steps = self.rows.get(key).map_or(&[][..], Vec::as_slice);
                let newest = steps.iter().skip(steps.len().saturating_sub(limit));
                Found::Rows(newest.map(|step| step.row.clone()).collect())
            }
            Query::Step { key, version } => {
                let place = (version.0 as usize).checked_sub(1);
                let step = place.and_then(|n| self.rows.get(key)?.get(n));
                Found::Step(step.map(|step| Step { row: step.row.clone(), origin: step.origin.clone() }))
            }
            Query::Numbered { id } => {
                let place = self.numbers.get(id);
                Found::Sequenced(place.map_or(vec![], |(shard, number)| self.sequenced(*shard, number - 1, 1)))
            }
            Query::Unsequenced { shard, limit } => {
                Found::Events(self.unsequenced(*shard, (*limit).min(EVENTS_PER_QUERY)))
            }
            Query::Sequenced { shard, after, limit } => {
                Found::Sequenced(self.sequenced(*shard, *after, (*limit).min(EVENTS_PER_QUERY)))
            }
            Query::OfAccount { account, after, before, backwards, limit } => {
                let limit = (*limit).min(EVENTS_PER_QUERY) as usize;
                Found::Sequenced(self.of_account(*account, (*after, *before), *backwards, limit))
            }
            Query::ChainHead { shard } => Found::Head(self.shard(*shard).and_then(|s| s.links.last().copied())),
            Query::Transfers { cause } => Found::Transfers(self.transfers_of(*cause)),
            Query::Balances { accounts } => {
                let balance = |account| self.balances.get(account).copied().unwrap_or_default();
                Found::Balances(accounts.iter().map(balance).collect())
            }
            Query::Claim { slot } => Found::Claim(self.claims.get(*slot).cloned()),
            Query::NewestKey => Found::Key(self.newest),
            Query::Jobs { kind, limit } => Found::Jobs(self.jobs_by_due(*kind, (*limit).min(EVENTS_PER_QUERY))),
        }
    }

    fn list(&self, account: Key, kind: Kind, before: Option<Key>, limit: u32) -> Vec<Row> {
        let first = (account, kind, Key(i64::MIN));
        let entries = match before {
            Some(before) => self.index.range(first..(account, kind, before)),
            None => self.index.range(first..=(account, kind, Key(i64::MAX))),
        };
        let rows = entries.rev().filter_map(|(_, holder)| self.current(*holder));
        rows.take(limit as usize).cloned().collect()
    }

    fn newer(&self, under: Key, kind: Kind, after: Key, limit: u32) -> Vec<Row> {
        let bounds = (Bound::Excluded((under, kind, after)), Bound::Included((under, kind, Key(i64::MAX))));
        // Nothing is after the largest key; an empty range is no range to the map.
        let entries = (after.0 < i64::MAX).then(|| self.index.range(bounds)).into_iter().flatten();
        entries.filter_map(|(_, holder)| self.current(*holder)).take(limit as usize).cloned().collect()
    }

    fn shard(&self, shard: u8) -> Option<&Shard> {
        self.shards.get(usize::from(shard))
    }

    fn stored(&self, position: i64, event: Event) -> StoredEvent {
        let steps = self.rows.get(&event.cause);
        let step = steps.and_then(|steps| steps.get(event.version.0 as usize - 1));
        // A commit's events are of rows that it puts: `Commit::check`.
        StoredEvent { position, event, commitment: step.map_or([0; 32], |step| step.commitment) }
    }

    fn unsequenced(&self, shard: u8, limit: u32) -> Vec<StoredEvent> {
        let events = self.shard(shard).into_iter().flat_map(|s| s.events.iter().skip(s.links.len()));
        events.take(limit as usize).map(|(position, event)| self.stored(*position, *event)).collect()
    }

    fn sequenced(&self, shard: u8, after: u64, limit: u32) -> Vec<SequencedEvent> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let numbered = self.shard(shard).into_iter().flat_map(|s| s.links.iter().zip(&s.events));
        let number = |(link, (position, event)): (&_, &(i64, Event))| SequencedEvent {
            stored: self.stored(*position, *event),
            link: *link,
        };
        numbered.skip(after).take(limit as usize).map(number).collect()
    }

    fn of_account(
        &self,
        account: Key,
        (after, before): (u64, u64),
        backwards: bool,
        limit: usize,
    ) -> Vec<SequencedEvent> {
        let first = after.saturating_add(1);
        if first >= before {
            return Vec::new();
        }
        let told = self.told.range((account, first)..(account, before)).map(|(_, sequence)| *sequence);
        let numbers: Vec<u64> = if backwards { told.rev().take(limit).collect() } else { told.take(limit).collect() };
        numbers.into_iter().flat_map(|n| self.sequenced(shard(account), n - 1, 1)).collect()
    }

    fn transfers_of(&self, cause: Key) -> Vec<(Version, Transfer)> {
        let steps = self.transfers.range((cause, Version(0))..=(cause, Version(u32::MAX)));
        steps.flat_map(|((_, version), transfers)| transfers.iter().map(|t| (*version, *t))).collect()
    }

    fn jobs_by_due(&self, kind: Option<JobKind>, limit: u32) -> Vec<Job> {
        let wanted = |job: &&Job| kind.is_none_or(|kind| kind == job.kind);
        let mut jobs: Vec<Job> = self.jobs.values().filter(wanted).copied().collect();
        jobs.sort_by_key(|job| (job.due, job.id));
        jobs.truncate(limit as usize);
        jobs
    }

    pub fn sums(&self, report: Report) -> Vec<Sum> {
        let mut sums: BTreeMap<(Book, Currency), (i128, i128)> = BTreeMap::new();
        match report {
            Report::Balances => {
                for (account, balance) in &self.balances {
                    let sum = sums.entry((account.book, account.currency)).or_default();
                    sum.0 += i128::from(balance.debits);
                    sum.1 += i128::from(balance.credits);
                }
            }
            Report::Transfers => {
                for t in self.transfers.values().flatten() {
                    let amount = i128::from(t.money.minor);
                    sums.entry((t.debit.1, t.money.currency)).or_default().0 += amount;
                    sums.entry((t.credit.1, t.money.currency)).or_default().1 += amount;
                }
            }
        }
        let sum = |((book, currency), (debits, credits))| Sum { book, currency, debits, credits };
        sums.into_iter().map(sum).collect()
    }
}

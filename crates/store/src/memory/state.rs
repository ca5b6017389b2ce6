//! What the memory engine holds, and how a commit is checked and applied. Knows no locks.

use super::claims::Claims;
use crate::commitment::{self, Also};
use florin_core::commit::{
    Clock, Commit, Event, Job, JobId, JobKind, Link, Links, Origin, Refused, Row, SHARDS, Version, shard,
};
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Balance, Guard, LedgerAccount, Transfer};
use florin_core::mutants::{Mutant, planted};
use florin_core::time::Time;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone)]
pub struct Step {
    pub row: Row,
    pub origin: Option<Origin>,
    pub commitment: [u8; 32],
}

/// Events of one shard in order of commit. The first `links.len()` of them are numbered.
#[derive(Clone, Default)]
pub struct Shard {
    pub events: Vec<(i64, Event)>,
    pub links: Vec<Link>,
}

#[derive(Clone, Default)]
pub struct State {
    /// Every version of a key; version 1 first.
    pub rows: BTreeMap<Key, Vec<Step>>,
    /// (account or parent, kind, key) to the row that holds the entry.
    pub index: BTreeMap<(Key, Kind, Key), Key>,
    pub balances: BTreeMap<LedgerAccount, Balance>,
    pub transfers: BTreeMap<(Key, Version), Vec<Transfer>>,
    pub shards: [Shard; SHARDS as usize],
    /// Numbered events to their shard and number.
    pub numbers: BTreeMap<Key, (u8, u64)>,
    /// Numbers of the events of each account.
    pub told: BTreeSet<(Key, u64)>,
    pub jobs: BTreeMap<JobId, Job>,
    pub claims: Claims,
    pub newest: Option<Key>,
    position: i64,
    erased: BTreeSet<Key>,
}

impl State {
    pub fn current(&self, key: Key) -> Option<&Row> {
        self.rows.get(&key)?.last().map(|step| &step.row)
    }

    pub fn commit(&mut self, commit: Commit) -> Result<(), Refused> {
        self.check_versions(&commit)?;
        if let Some(claimed) = commit.claim.as_ref().and_then(|claim| self.claims.in_the_way(claim)) {
            return Err(Refused::Claimed(Box::new(claimed.clone())));
        }
        let balances = self.balances_after(&commit.transfers).map_err(Refused::Guard)?;
        if let Some(links) = &commit.links {
            self.check_links(links)?;
        }
        self.apply(commit, balances);
        Ok(())
    }

    fn check_versions(&self, commit: &Commit) -> Result<(), Refused> {
        for (key, expected) in &commit.expect {
            let now = self.current(*key).map_or(Version::NONE, |row| row.version);
            if now != *expected {
                return Err(Refused::Conflict { key: *key, now });
            }
        }
        Ok(())
    }

    /// The balances that the transfers lead to, or the account whose guard (or range) they would break. Guards look at
    /// the whole commit, so the order of its transfers does not matter.
    fn balances_after(&self, transfers: &[Transfer]) -> Result<BTreeMap<LedgerAccount, Balance>, LedgerAccount> {
        let mut after = BTreeMap::new();
        let load = |account| self.balances.get(&account).copied().unwrap_or_default();
        for t in transfers {
            let (debit, credit) = (t.debit_account(), t.credit_account());
            let balance = after.entry(debit).or_insert_with(|| load(debit));
            balance.debits = balance.debits.checked_add(t.money.minor).ok_or(debit)?;
            let balance = after.entry(credit).or_insert_with(|| load(credit));
            balance.credits = balance.credits.checked_add(t.money.minor).ok_or(credit)?;
        }
        for account in transfers.iter().flat_map(|t| [t.debit_account(), t.credit_account()]) {
            let balance = after.get(&account).copied().unwrap_or_default();
            match account.book.guard() {
                Guard::DebitsWithinCredits if balance.debits > balance.credits => return Err(account),
                Guard::DebitsWithinCredits | Guard::None => {}
            }
        }
        Ok(after)
    }

    /// Links must follow the newest one and name exactly the next events of the shard: none is skipped or numbered twice.
    fn check_links(&self, links: &Links) -> Result<(), Refused> {
        let shard = self.shards.get(usize::from(links.shard));
        let newest = shard.map_or(0, |shard| shard.links.len() as u64);
        let mut next = shard.iter().flat_map(|shard| shard.events.iter().skip(shard.links.len()));
        let all_next =
            links.links.iter().all(|link| next.next().is_some_and(|(position, _)| *position == link.position));
        if newest != links.after || !all_next {
            return Err(Refused::ChainMoved { shard: links.shard, newest });
        }
        Ok(())
    }

    fn apply(&mut self, commit: Commit, balances: BTreeMap<LedgerAccount, Balance>) {
        self.balances.extend(balances);
        let cause = commit.cause();
        for row in commit.put {
            let told_first = cause == Some((row.key, row.version));
            self.put(row, commit.origin.clone(), if told_first { &commit.transfers } else { &[] });
        }
        if let (false, Some(cause)) = (commit.transfers.is_empty(), cause) {
            self.transfers.insert(cause, commit.transfers);
        }
        for event in commit.events {
            self.newest = self.newest.max(Some(event.id));
            self.position += 1;
            self.shards[usize::from(shard(event.account))].events.push((self.position, event));
        }
        for job in commit.jobs {
            self.newest = self.newest.max(Some(job.id));
            let tries = self.jobs.get(&job.id).map_or(0, |known| known.tries);
            self.jobs.insert(job.id, Job { tries, ..job });
        }
        for id in commit.done {
            self.jobs.remove(&id);
        }
        if let Some(claim) = commit.claim {
            self.claims.apply(claim);
        }
        if let Some(links) = commit.links {
            let shard = &mut self.shards[usize::from(links.shard)];
            for (link, (_, event)) in links.links.iter().zip(shard.events.iter().skip(shard.links.len())) {
                self.numbers.insert(event.id, (links.shard, link.sequence));
                self.told.insert((event.account, link.sequence));
            }
            shard.links.extend(links.links);
        }
    }

    fn put(&mut self, mut row: Row, origin: Option<Origin>, transfers: &[Transfer]) {
        self.newest = self.newest.max(Some(row.key));
        if row.version == Version(1) {
            self.index.insert((row.account, row.kind, row.key), row.key);
        }
        for entry in &row.index {
            self.index.insert((entry.under, entry.kind, entry.key), row.key);
        }
        // No chance here: a simulated history must come out the same twice.
        let random = [0; 32];
        let personal = row.personal.as_ref().map(|p| commitment::of_personal(&random, &p.body));
        let commitment = commitment::of_row(
            &random,
            &row.body,
            Also { personal: personal.as_ref(), moved: commitment::moved(transfers).as_ref() },
        );
        row.personal = row.personal.filter(|p| !self.erased.contains(&p.subject));
        self.rows.entry(row.key).or_default().push(Step { row, origin, commitment });
    }

    pub fn lease(&mut self, kind: JobKind, now: Time, n: u32, until: Time) -> Vec<Job> {
        let ahead = now.plus_ms(if planted(Mutant::JobsWaitForClock) { i64::MAX / 2 } else { kind.longest_wait_ms() });
        let is_due =
            |job: &&mut Job| job.kind == kind && job.clock == Clock::Real && (job.due <= now || job.due > ahead);
        let mut due: Vec<&mut Job> = self.jobs.values_mut().filter(is_due).collect();
        due.sort_by_key(|job| (job.due, job.id));
        due.truncate(n as usize);
        let lease = |job: &mut Job| {
            job.tries = job.tries.saturating_add(1);
            let leased = *job;
            job.due = until;
            leased
        };
        due.into_iter().map(lease).collect()
    }

    pub fn erase(&mut self, subject: Key) {
        self.erased.insert(subject);
        for step in self.rows.values_mut().flatten() {
            if step.row.personal.as_ref().is_some_and(|p| p.subject == subject) {
                step.row.personal = None;
            }
        }
    }
}

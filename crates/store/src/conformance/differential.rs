//! Random histories from a seed: the same commands to two engines must get the same answers, commitments excepted.

use super::build::{DAY_MS, find};
use crate::block_on::block_on;
use florin_core::commit::{
    Claim, ClaimId, Clock, Commit, Event, EventKind, IndexEntry, Job, JobKind, Link, Links, Origin, Personal, Refused,
    Row, SHARDS, Version, shard,
};
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Book, LedgerAccount, Reason, Transfer};
use florin_core::money::{Currency, Money};
use florin_core::store::{CommitError, Found, Query, Report, Store};
use florin_core::time::Time;
use std::fmt::Debug;

const KEYS: i64 = 12;
const SLOTS: i64 = 8;
const JOBS: i64 = 6;
const ACCOUNTS: [Key; 3] = [Key(0), Key(1_001), Key(3 << 20)];
const CURRENCIES: [Currency; 2] = [Currency::EUR, Currency::JPY];

/// Chance from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// 0 to `n` - 1.
    fn below(&mut self, n: i64) -> i64 {
        (self.next() >> 1) as i64 % n
    }
    fn once_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }
    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as i64) as usize]
    }
    fn bytes(&mut self, up_to: i64) -> Vec<u8> {
        (0..self.below(up_to)).map(|_| self.next() as u8).collect()
    }
}

/// A history under way. It goes on after an engine was closed and opened again.
pub struct History {
    chance: Chance,
    seed: u64,
    now: i64,
    next_id: i64,
    commands: u64,
    seen: Seen,
}

/// What came of the commits of a history: one that never met a refusal has not tried it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub applied: u64,
    pub conflict: u64,
    pub claimed: u64,
    pub guard: u64,
    pub chain_moved: u64,
}

impl Seen {
    fn count(&mut self, result: &Result<(), CommitError>) {
        *match result {
            Ok(()) => &mut self.applied,
            Err(CommitError::Refused(Refused::Conflict { .. })) => &mut self.conflict,
            Err(CommitError::Refused(Refused::Claimed(_))) => &mut self.claimed,
            Err(CommitError::Refused(Refused::Guard(_))) => &mut self.guard,
            Err(CommitError::Refused(Refused::ChainMoved { .. })) => &mut self.chain_moved,
            Err(CommitError::Trouble(trouble)) => panic!("{trouble:?}"),
        } += 1;
    }
}

impl History {
    pub fn new(seed: u64) -> History {
        History { chance: Chance(seed), seed, now: 20 * DAY_MS, next_id: 1 << 24, commands: 0, seen: Seen::default() }
    }

    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Gives `commands` commands to both engines.
    ///
    /// # Panics
    /// At the first answer that differs, with seed and number of the command.
    pub fn run(&mut self, left: &dyn Store, right: &dyn Store, commands: u64) {
        for _ in 0..commands {
            self.commands += 1;
            self.now += self.chance.below(if self.chance.0 & 63 == 0 { 3 * DAY_MS } else { DAY_MS / 20 });
            match self.chance.below(10) {
                0..=5 => {
                    let commit = self.commit(left);
                    let text = format!("{commit:?}");
                    let (in_left, in_right) = (block_on(left.commit(commit.clone())), block_on(right.commit(commit)));
                    self.seen.count(&in_left);
                    self.same(&text, in_left, in_right);
                }
                6 => {
                    let (now, until) = (Time(self.now), Time(self.now + self.chance.below(DAY_MS)));
                    let n = self.chance.below(4) as u32;
                    let lease = |store: &dyn Store| block_on(store.lease(JobKind::Resolve, now, n, until));
                    self.same("lease", lease(left), lease(right));
                }
                _ => {
                    let query = self.query();
                    self.same_found(left, right, query);
                }
            }
        }
        self.compare_all(left, right);
    }

    #[track_caller]
    fn same<T: PartialEq + Debug>(&self, what: &str, left: T, right: T) {
        if left != right {
            let (left, right) = (format!("{left:?}"), format!("{right:?}"));
            let from = left.bytes().zip(right.bytes()).take_while(|(l, r)| l == r).count().saturating_sub(200);
            let part = |text: &str| text.chars().skip(from).take(600).collect::<String>();
            let (left, right) = (part(&left), part(&right));
            panic!("seed {}, command {}: {what}\n… {left}\n… {right}", self.seed, self.commands);
        }
    }

    fn same_found(&self, left: &dyn Store, right: &dyn Store, query: Query) {
        let text = format!("{query:?}");
        let (left, right) = (find(left, query.clone()), find(right, query));
        self.same(&text, without_commitments(left), without_commitments(right));
    }

    fn compare_all(&self, left: &dyn Store, right: &dyn Store) {
        for key in 0..KEYS {
            self.same_found(left, right, Query::History { key: Key(key), limit: 1_000 });
            self.same_found(left, right, Query::Transfers { cause: Key(key) });
        }
        for slot in 0..SLOTS {
            self.same_found(left, right, Query::Claim { slot: slot - 2 });
        }
        for key in 0..KEYS {
            self.same_found(left, right, Query::Step { key: Key(key), version: Version(1) });
        }
        for shard in 0..SHARDS {
            for event in find(left, Query::Sequenced { shard, after: 0, limit: 10_000 }).sequenced() {
                self.same_found(left, right, Query::Numbered { id: event.stored.event.id });
            }
            self.same_found(left, right, Query::Unsequenced { shard, limit: 10_000 });
            self.same_found(left, right, Query::Sequenced { shard, after: 0, limit: 10_000 });
            self.same_found(left, right, Query::ChainHead { shard });
        }
        self.same_found(left, right, Query::NewestKey);
        self.same_found(left, right, Query::Jobs { kind: None, limit: 100 });
        for report in [Report::Balances, Report::Transfers] {
            self.same("sums", block_on(left.sums(report)), block_on(right.sums(report)));
        }
    }

    fn id(&mut self) -> Key {
        self.next_id += 1 + self.chance.below(1 << 20);
        Key(self.next_id)
    }

    /// Mostly a commit that fits; at times one that any of the refusals meets.
    fn commit(&mut self, store: &dyn Store) -> Commit {
        let mut commit = Commit::default();
        for _ in 0..self.chance.below(4) {
            self.add_step(store, &mut commit);
        }
        if let Some(row) = commit.put.first() {
            let (cause, version, account) = (row.key, row.version, row.account);
            for _ in 0..self.chance.below(4) {
                let kind = self.chance.one_of(EventKind::ALL);
                commit.events.push(Event { id: self.id(), kind, account, cause, version });
            }
        }
        if !commit.events.is_empty() {
            commit.transfers = (0..self.chance.below(4)).filter_map(|_| self.transfer()).collect();
        }
        for _ in 0..self.chance.below(3) {
            commit.jobs.push(self.job());
        }
        if self.chance.once_in(3) {
            commit.done.push(Key(self.chance.below(JOBS)));
        }
        if self.chance.once_in(3) {
            commit.claim = Some(self.claim());
        }
        if self.chance.once_in(6) {
            commit.links = self.links(store);
        }
        if self.chance.once_in(2) {
            let idempotency_key = self.chance.once_in(2).then(|| format!("order {}", self.next_id));
            commit.origin = Some(Origin { request: format!("req_{}", self.commands), idempotency_key });
        }
        commit
    }

    fn add_step(&mut self, store: &dyn Store, commit: &mut Commit) {
        let key = Key(self.chance.below(KEYS));
        if commit.expect.iter().any(|(known, _)| *known == key) {
            return;
        }
        let current = block_on(store.get(&[key])).expect("rows are read").remove(0);
        let mut version = current.as_ref().map_or(Version::NONE, |row| row.version);
        if self.chance.once_in(20) {
            version = Version(self.chance.below(6) as u32);
        }
        commit.expect.push((key, version));
        if self.chance.once_in(5) {
            return;
        }
        let (kind, account) = match current {
            Some(row) => (row.kind, row.account),
            None => (self.chance.one_of(Kind::ALL), self.chance.one_of(&ACCOUNTS)),
        };
        let index = (0..self.chance.below(3)).map(|_| self.index_entry()).collect();
        let subject = Key(self.chance.below(4));
        let personal = self.chance.once_in(3).then(|| Personal { subject, body: self.chance.bytes(60) });
        let (at, body) = (Time(self.now), self.chance.bytes(300));
        commit.put.push(Row { key, version: version.next(), kind, account, at, body, personal, index });
    }

    fn index_entry(&mut self) -> IndexEntry {
        let under = if self.chance.once_in(2) { self.chance.one_of(&ACCOUNTS) } else { Key(self.chance.below(KEYS)) };
        IndexEntry { under, kind: self.chance.one_of(Kind::ALL), key: Key(self.chance.below(30)) }
    }

    fn ledger_account(&mut self) -> (Key, Book) {
        (Key(self.chance.below(4)), self.chance.one_of(Book::ALL))
    }

    fn transfer(&mut self) -> Option<Transfer> {
        let (debit, credit) = (self.ledger_account(), self.ledger_account());
        let minor = if self.chance.once_in(60) { i64::MAX / 2 } else { 1 + self.chance.below(500) };
        let money = Money::new(minor, self.chance.one_of(&CURRENCIES));
        let reason = self.chance.one_of(Reason::ALL);
        (debit != credit).then_some(Transfer { debit, credit, money, reason })
    }

    fn job(&mut self) -> Job {
        let clock = if self.chance.once_in(5) { Clock::Test(Key(self.chance.below(2))) } else { Clock::Real };
        let (id, kind) = (Key(self.chance.below(JOBS)), JobKind::Resolve);
        let (account, subject, attempt) = (self.chance.one_of(&ACCOUNTS), Key(self.chance.below(KEYS)), self.id());
        let due = Time(self.now + self.chance.below(DAY_MS) - DAY_MS / 2);
        Job { id, kind, account, subject, attempt, due, clock, tries: self.chance.below(3) as u32 }
    }

    fn claim(&mut self) -> Claim {
        let slot = self.chance.below(SLOTS) - 2;
        let digest = [if self.chance.once_in(8) { 0xee } else { slot as u8 }; 32];
        let (id, request, subject) =
            (ClaimId { slot, digest }, [self.chance.next() as u8; 32], Key(self.chance.below(KEYS)));
        let back = if self.chance.once_in(10) { self.chance.below(4 * DAY_MS) } else { 0 };
        let (at, answer) = (Time(self.now - back), self.chance.bytes(700));
        match self.chance.below(6) {
            0 | 1 => Claim::Begin { id, request, subject, at },
            2 | 3 => Claim::Finish { id, answer },
            4 => Claim::Amend { id, answer },
            _ => Claim::Answer { id, request, subject, at, answer },
        }
    }

    fn links(&mut self, store: &dyn Store) -> Option<Links> {
        let shard =
            if self.chance.once_in(4) { self.chance.below(17) as u8 } else { shard(self.chance.one_of(&ACCOUNTS)) };
        let head = find(store, Query::ChainHead { shard }).head().map_or(0, |link| link.sequence);
        let after = if self.chance.once_in(10) { self.chance.below(9) as u64 } else { head };
        let limit = 1 + self.chance.below(20) as u32;
        let mut events = find(store, Query::Unsequenced { shard, limit }).events();
        if self.chance.once_in(10) {
            events.reverse();
        }
        let link = |(sequence, position)| Link { sequence, position, hash: [self.chance.next() as u8; 32] };
        let links: Vec<Link> = ((after + 1)..).zip(events.iter().map(|e| e.position)).map(link).collect();
        (!links.is_empty()).then_some(Links { shard, after, links })
    }

    fn query(&mut self) -> Query {
        let (key, shard) = (Key(self.chance.below(KEYS)), self.chance.below(17) as u8);
        let limit = self.chance.below(12) as u32;
        let kind = self.chance.one_of(Kind::ALL);
        let under = if self.chance.once_in(2) { self.chance.one_of(&ACCOUNTS) } else { key };
        let before = self.chance.once_in(2).then(|| Key(self.chance.below(30)));
        match self.chance.below(11) {
            0 => Query::List { under, kind, before, limit },
            1 => before.map_or(Query::NewestKey, |after| Query::Newer { under, kind, after, limit }),
            2 => Query::Holder { under, kind, key: Key(self.chance.below(30)) },
            3 => Query::History { key, limit },
            4 => Query::Unsequenced { shard, limit },
            5 => Query::Sequenced { shard, after: self.chance.below(9) as u64, limit },
            6 => Query::Transfers { cause: key },
            7 => Query::Balances { accounts: (0..limit).map(|_| self.balance()).collect() },
            8 => Query::Claim { slot: self.chance.below(SLOTS) - 2 },
            9 if self.chance.once_in(2) => {
                let (account, backwards) = (self.chance.one_of(&ACCOUNTS), self.chance.once_in(2));
                let (after, before) = (self.chance.below(9) as u64, self.chance.below(30) as u64);
                Query::OfAccount { account, after, before, backwards, limit }
            }
            9 => Query::Step { key, version: Version(self.chance.below(4) as u32) },
            _ => Query::Jobs { kind: self.chance.once_in(2).then_some(JobKind::Resolve), limit },
        }
    }

    fn balance(&mut self) -> LedgerAccount {
        let (owner, book) = self.ledger_account();
        LedgerAccount { owner, book, currency: self.chance.one_of(&CURRENCIES) }
    }
}

/// Commitments hold chance, so no two stores have the same.
fn without_commitments(found: Found) -> Found {
    match found {
        Found::Events(mut events) => {
            events.iter_mut().for_each(|stored| stored.commitment = [0; 32]);
            Found::Events(events)
        }
        Found::Sequenced(mut events) => {
            events.iter_mut().for_each(|event| event.stored.commitment = [0; 32]);
            Found::Sequenced(events)
        }
        same @ (Found::Rows(_)
        | Found::Step(_)
        | Found::Head(_)
        | Found::Transfers(_)
        | Found::Balances(_)
        | Found::Claim(_)
        | Found::Key(_)
        | Found::Jobs(_)) => same,
    }
}

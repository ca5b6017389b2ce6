//! What a page of a report's lines does: the pure decision. Every line either settles its movement or is held in a break.

use super::breaks::{Break, Reason, Resolution, break_key};
use super::report::{Head, Line, Report, add, report_key};
use super::share::{Owed, Settlement};
use crate::commit::{Commit, Event, EventKind, IndexEntry, Version};
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::ledger::{self, Book, Reason as Why, Transfer};
use crate::money::{Currency, Money};
use crate::movement::{Movement, MovementView, Settled, Source};
use crate::record::{self, Record};
use crate::terminal::HOUSE;
use crate::time::Time;
use std::collections::BTreeMap;

/// Rows that one commit changes at most, with room below the store's limit.
const MOST_ROWS: usize = 200;
/// Merchants and currencies whose money one commit moves at most: each takes up to six transfers.
const MOST_BALANCES: usize = 30;

/// What is there before a page is applied.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    pub report: Option<View<Report>>,
    /// The next lines, each with the movement that its RRN leads to.
    pub lines: Vec<(Line, Option<MovementView>)>,
    pub breaks: BTreeMap<Key, View<Break>>,
    /// By merchant account.
    pub shares: BTreeMap<Key, View<Settlement>>,
    /// Balances by merchant account, every currency that was ever used.
    pub owed: BTreeMap<Key, Vec<Owed>>,
}

/// A thing as it will be, with the version that it has now.
struct Draft<T> {
    account: Key,
    from: Version,
    body: T,
    index: Vec<IndexEntry>,
}

impl<T: Record> Draft<T> {
    fn of(view: &View<T>) -> Draft<T> {
        Draft { account: view.account, from: view.version, body: view.body.clone(), index: vec![] }
    }
    fn put(self, commit: &mut Commit, key: Key, events: &[EventKind], now: Time, fresh: &dyn Fn() -> Key) {
        let (account, version) = (self.account, self.from.next());
        let event = |kind: &EventKind| Event { id: fresh(), kind: *kind, account, cause: key, version };
        commit.events.extend(events.iter().map(event));
        commit.expect.push((key, self.from));
        let view = View { key, account, version, at: now, body: self.body, personal: None };
        commit.put.push(record::row(&view, self.index));
    }
}

/// Sums of what moves for one merchant in one currency, money in and money out apart.
#[derive(Default)]
struct Sums {
    /// Gross, fees, costs.
    taken: (i64, i64, i64),
    given: (i64, i64, i64),
}

struct Page<'a> {
    head: &'a Head,
    now: Time,
    report: Draft<Report>,
    movements: BTreeMap<Key, Draft<Movement>>,
    breaks: BTreeMap<Key, Draft<Break>>,
    shares: BTreeMap<Key, Draft<Settlement>>,
    sums: BTreeMap<(Key, Currency), Sums>,
    /// Held in breaks: money in, money out.
    held: BTreeMap<Currency, (i64, i64)>,
}

/// The commit that applies as many of the lines as one commit takes, and how many those are.
pub(super) fn plan(head: &Head, loaded: &Loaded, now: Time, fresh: &dyn Fn() -> Key) -> (Commit, u32) {
    let report = match &loaded.report {
        Some(view) => Draft::of(view),
        None => Draft { account: HOUSE, from: Version::NONE, body: Report::begun(head), index: vec![] },
    };
    let mut page = Page {
        head,
        now,
        report,
        movements: BTreeMap::new(),
        breaks: BTreeMap::new(),
        shares: BTreeMap::new(),
        sums: BTreeMap::new(),
        held: BTreeMap::new(),
    };
    let mut applied = 0;
    for (line, movement) in &loaded.lines {
        let rows = page.movements.len() + page.breaks.len() + page.shares.len();
        if rows + 3 > MOST_ROWS || page.sums.len() + page.held.len() >= MOST_BALANCES {
            break;
        }
        page.line(line, movement.as_ref(), loaded);
        applied += 1;
    }
    page.report.body.applied = page.report.body.applied.saturating_add(applied);
    (page.commit(loaded, fresh), applied)
}

impl Page<'_> {
    fn line(&mut self, line: &Line, movement: Option<&MovementView>, loaded: &Loaded) {
        add(&mut self.report.body.seen, line.money, line.costs);
        let named = movement.filter(|view| line.names(&view.body));
        // What an earlier line of this page made of it.
        let present = named.map(|view| self.movements.get(&view.key).map_or(&view.body, |draft| &draft.body));
        let reason = match present {
            None => Some(Reason::UnknownToUs),
            Some(m) if m.money.currency != line.money.currency => Some(Reason::CurrencyDiffers),
            Some(m) if !m.is_pending() => Some(Reason::Duplicate),
            Some(m) if m.money != line.money => Some(Reason::AmountDiffers),
            Some(_) => None,
        };
        match (reason, named) {
            (None, Some(view)) => self.settle(line, view, loaded),
            (Some(reason), _) => self.hold(line, reason, named, loaded),
            (None, None) => {}
        }
    }

    fn settle(&mut self, line: &Line, view: &MovementView, loaded: &Loaded) {
        let (report, now, account) = (self.head.id, self.now, view.account);
        let settled = Settled::By { report, line: line.number, cost: line.costs, at: now };
        let movement = Movement { settled, ..view.body.clone() };
        let (money, fee) = (movement.money, movement.fee);
        let sums = self.sums.entry((account, money.currency)).or_default();
        let side = match movement.source {
            Source::Charge { .. } => &mut sums.taken,
            Source::Refund { .. } => &mut sums.given,
        };
        *side = (side.0 + money.minor, side.1 + fee, side.2 + line.costs);
        let share = self.shares.entry(account).or_insert_with(|| share(self.head, account, movement.live, loaded));
        share.body.add(money.currency, money.minor, fee);
        self.movements.insert(view.key, Draft { body: movement, ..Draft::of(view) });
        self.report.body.settled = self.report.body.settled.saturating_add(1);
        let key = self.break_of(line);
        if let Some(found) = self.breaks.get(&key).map(|d| &d.body).or(loaded.breaks.get(&key).map(|v| &v.body))
            && found.is_open()
            && found.held.is_empty()
        {
            let draft = self.breaks.entry(key).or_insert_with(|| draft_of(key, line, loaded, now));
            draft.body.reason = Reason::Late;
            draft.body.resolve(Resolution::SettledLate, now);
        }
    }

    fn hold(&mut self, line: &Line, reason: Reason, named: Option<&MovementView>, loaded: &Loaded) {
        let (key, now) = (self.break_of(line), self.now);
        let held = self.held.entry(line.money.currency).or_default();
        match line.net() {
            net @ 0.. => held.0 += net,
            net => held.1 += net,
        }
        let draft = self.breaks.entry(key).or_insert_with(|| draft_of(key, line, loaded, now));
        if let (Some(view), None) = (named, draft.body.account) {
            let pending = self.movements.get(&view.key).is_none_or(|d| d.body.is_pending()) && view.body.is_pending();
            draft.index.push(IndexEntry { under: view.account, kind: Kind::Break, key });
            (draft.body.account, draft.body.movement) = (Some(view.account), Some(view.key));
            draft.body.expected = pending.then_some(view.body.money);
        }
        draft.body.hold(self.head.id, line, reason, now);
    }

    fn break_of(&self, line: &Line) -> Key {
        break_key(line.rrn, line.reference(self.head.closed))
    }

    fn commit(self, loaded: &Loaded, fresh: &dyn Fn() -> Key) -> Commit {
        let mut commit = Commit { transfers: transfers(&self.sums, &self.held), ..Commit::default() };
        self.report.put(&mut commit, report_key(self.head.id), &[EventKind::ReportApplied], self.now, fresh);
        for (key, draft) in self.movements {
            draft.put(&mut commit, key, &[], self.now, fresh);
        }
        for (key, draft) in self.breaks {
            let event = if draft.body.is_open() { EventKind::BreakOpened } else { EventKind::BreakResolved };
            draft.put(&mut commit, key, &[event], self.now, fresh);
        }
        for (account, mut draft) in self.shares {
            draft.body.balance = balance(account, loaded, &self.sums);
            let key = loaded.shares.get(&account).map_or_else(fresh, |view| view.key);
            draft.put(&mut commit, key, &[EventKind::BalanceAvailable], self.now, fresh);
        }
        commit
    }
}

fn draft_of(key: Key, line: &Line, loaded: &Loaded, now: Time) -> Draft<Break> {
    match loaded.breaks.get(&key) {
        Some(view) => Draft::of(view),
        None => {
            let body = Break::opened(line.rrn, Reason::UnknownToUs, now);
            Draft { account: HOUSE, from: Version::NONE, body, index: vec![] }
        }
    }
}

fn share(head: &Head, account: Key, live: bool, loaded: &Loaded) -> Draft<Settlement> {
    match loaded.shares.get(&account) {
        Some(view) => Draft::of(view),
        None => {
            let (report, closed) = (head.id, head.closed);
            let body = Settlement { report, closed, live, shares: vec![], balance: vec![] };
            // The next page of the report finds it by this.
            let index = vec![IndexEntry { under: account, kind: Kind::Report, key: report_key(report) }];
            Draft { account, from: Version::NONE, body, index }
        }
    }
}

/// The merchant's balance after this commit.
fn balance(account: Key, loaded: &Loaded, sums: &BTreeMap<(Key, Currency), Sums>) -> Vec<Owed> {
    let mut owed = loaded.owed.get(&account).cloned().unwrap_or_default();
    for one in &mut owed {
        if let Some(Sums { taken, given }) = sums.get(&(account, one.currency)) {
            let net = taken.0 - taken.1 + given.0 - given.1;
            (one.pending, one.available) = (one.pending - net, one.available + net);
        }
    }
    owed
}

fn transfers(sums: &BTreeMap<(Key, Currency), Sums>, held: &BTreeMap<Currency, (i64, i64)>) -> Vec<Transfer> {
    let mut transfers = vec![];
    for ((account, currency), Sums { taken, given }) in sums {
        for side in [taken, given] {
            transfers.extend(settled(*account, *currency, *side));
        }
    }
    for (currency, (came, went)) in held {
        for net in [*came, *went] {
            let (cash, suspense) = ((HOUSE, Book::Cash), (HOUSE, Book::Suspense));
            transfers.extend(ledger::one_way(cash, suspense, Money::new(net, *currency), Why::Unmatched));
        }
    }
    transfers
}

/// Pending becomes available; the acquirer pays what it owes, less what it keeps.
fn settled(account: Key, currency: Currency, (gross, fees, costs): (i64, i64, i64)) -> Vec<Transfer> {
    let of = |debit, credit, minor, why| ledger::one_way(debit, credit, Money::new(minor, currency), why);
    let (receivable, cash) = ((account, Book::Receivable), (HOUSE, Book::Cash));
    let moved = [
        of((account, Book::Merchant), (account, Book::Available), gross - fees, Why::Available),
        of(cash, receivable, gross - costs, Why::Settled),
        of((account, Book::AcquirerCost), receivable, costs, Why::AcquirerCost),
    ];
    moved.into_iter().flatten().collect()
}

/// A movement whose line was held before it was made: the line is taken out of its break, and settles it.
pub(super) fn match_held(
    movement: &MovementView,
    held_in: &View<Break>,
    now: Time,
    fresh: &dyn Fn() -> Key,
) -> Option<Commit> {
    let held = held_in.body.fits(&movement.body)?;
    let (account, m) = (movement.account, &movement.body);
    let mut commit = Commit::default();
    let mut draft = Draft::of(held_in);
    draft.index.push(IndexEntry { under: account, kind: Kind::Break, key: held_in.key });
    draft.body = draft.body.about(account, movement.key, m.money);
    draft.body.sums.clear();
    draft.body.resolve(Resolution::Matched, now);
    draft.put(&mut commit, held_in.key, &[EventKind::BreakResolved], now, fresh);
    let settled = Settled::By { report: held.report, line: held.line, cost: held.costs, at: now };
    Draft { body: Movement { settled, ..m.clone() }, ..Draft::of(movement) }.put(
        &mut commit,
        movement.key,
        &[],
        now,
        fresh,
    );
    let currency = m.money.currency;
    let of = |debit, credit, minor, why| ledger::one_way(debit, credit, Money::new(minor, currency), why);
    let receivable = (account, Book::Receivable);
    let moved = [
        of((account, Book::Merchant), (account, Book::Available), m.net(), Why::Available),
        of((HOUSE, Book::Suspense), receivable, m.money.minor - held.costs, Why::Matched),
        of((account, Book::AcquirerCost), receivable, held.costs, Why::AcquirerCost),
    ];
    commit.transfers = moved.into_iter().flatten().collect();
    Some(commit)
}

/// A movement that no report names: its break, unless there is an open one already.
pub(super) fn missing(
    movement: &MovementView,
    known: Option<&View<Break>>,
    (rrn, key): (super::RrnText, Key),
    now: Time,
    fresh: &dyn Fn() -> Key,
) -> Option<Commit> {
    let account = movement.account;
    let mut draft = match known {
        Some(view) if view.body.is_open() => return None,
        Some(view) => Draft::of(view),
        None => Draft {
            account: HOUSE,
            from: Version::NONE,
            body: Break::opened(rrn, Reason::MissingAtAcquirer, now),
            index: vec![IndexEntry { under: account, kind: Kind::Break, key }],
        },
    };
    if known.is_some_and(|view| view.body.account.is_none()) {
        draft.index.push(IndexEntry { under: account, kind: Kind::Break, key });
    }
    draft.body = draft.body.about(account, movement.key, movement.body.money);
    (draft.body.reason, draft.body.state) = (Reason::MissingAtAcquirer, super::BreakState::Open);
    let mut commit = Commit { expect: vec![(movement.key, movement.version)], ..Commit::default() };
    draft.put(&mut commit, key, &[EventKind::BreakOpened], now, fresh);
    Some(commit)
}

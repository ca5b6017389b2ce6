//! Applies a report page by page. Each page is one commit that also says how far the report was applied: twice is once.

use super::breaks::break_key;
use super::plan::{Loaded, plan};
use super::pull::{PullFailure, Pulled, Reports};
use super::report::{Cleared, Head, Line, Report, report_key};
use super::share::Owed;
use crate::flow::{self, Met, View};
use crate::id::{Key, Kind};
use crate::ledger::{Balance, Book, LedgerAccount};
use crate::money::Currency;
use crate::movement::{MovementView, key_of};
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::store::{Query, Store, StoreTrouble};
use std::collections::{BTreeMap, BTreeSet};

/// Applies what is not applied yet of a report. False when the acquirer gives fewer lines than it says it has.
pub(super) async fn apply(
    ports: &dyn Ports,
    source: &dyn Reports,
    head: &Head,
    pulled: &mut Pulled,
) -> Result<bool, PullFailure> {
    let mut contended = 0;
    loop {
        let report = report(ports.store(), head.id).await?;
        let applied = report.as_ref().map_or(0, |view| view.body.applied);
        if let Some(view) = &report {
            if !view.body.is(head) {
                pulled.changed.push(head.id);
                return Ok(view.body.is_complete());
            }
            if view.body.is_complete() {
                return Ok(true);
            }
        }
        let lines = match head.lines {
            0 => vec![],
            _ => source.lines(head.id, applied).await?,
        };
        if lines.is_empty() && head.lines > 0 {
            return Ok(false);
        }
        let numbered = lines.iter().zip(applied.saturating_add(1)..).all(|(line, number)| line.number == number);
        if !numbered || lines.len() as u64 > u64::from(head.lines.saturating_sub(applied)) {
            return Ok(false);
        }
        let loaded = load(ports.store(), head, report, lines).await?;
        let (commit, count) = plan(head, &loaded, ports.now(), &|| ports.fresh_key());
        let breaks = commit.put.iter().filter(|row| row.kind == Kind::Break).count();
        let settled = commit.put.iter().filter(|row| row.kind == Kind::Movement).count();
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => {
                pulled.lines += count;
                pulled.settled += settled as u64;
                pulled.breaks += breaks as u64;
            }
            // Another process applies the same report, or something of it changed: it is read anew.
            Met::Conflict | Met::Guard | Met::Replay(_) if contended < flow::TRIES => contended += 1,
            Met::Conflict | Met::Guard | Met::Replay(_) => return Err(flow::Failure::from(Refusal::Contended).into()),
        }
    }
}

pub(super) async fn report(store: &dyn Store, id: u64) -> Result<Option<View<Report>>, flow::Failure> {
    let row = store.get(&[report_key(id)]).await?.into_iter().next().flatten();
    row.as_ref().map(flow::read).transpose()
}

async fn load(
    store: &dyn Store,
    head: &Head,
    report: Option<View<Report>>,
    lines: Vec<Line>,
) -> Result<Loaded, flow::Failure> {
    let mut found = movements(store, head, &lines).await?;
    let keys: BTreeSet<Key> = lines.iter().map(|line| break_key(line.rrn, line.reference(head.closed))).collect();
    let keys: Vec<Key> = keys.into_iter().collect();
    let mut breaks = BTreeMap::new();
    for row in store.get(&keys).await?.into_iter().flatten() {
        breaks.insert(row.key, flow::read(&row)?);
    }
    let (mut shares, mut owed) = (BTreeMap::new(), BTreeMap::new());
    let accounts: BTreeSet<Key> = found.values().map(|view| view.account).collect();
    for account in accounts {
        let query = Query::Holder { under: account, kind: Kind::Report, key: report_key(head.id) };
        if let Some(row) = store.find(query).await?.rows().first() {
            shares.insert(account, flow::read(row)?);
        }
        owed.insert(account, owed_to(store, account).await?);
    }
    let lines = lines.into_iter().map(|line| (line, found.remove(&line.number))).collect();
    Ok(Loaded { report, lines, breaks, shares, owed })
}

/// The movements that the lines' RRNs lead to, by line.
async fn movements(
    store: &dyn Store,
    head: &Head,
    lines: &[Line],
) -> Result<BTreeMap<u32, MovementView>, flow::Failure> {
    let mut keys: Vec<(u32, Key)> = vec![];
    let mut found = BTreeMap::new();
    for line in lines {
        let Some(rrn) = line.reference(head.closed) else { continue };
        match line.what {
            Cleared::Sale | Cleared::Refund => keys.push((line.number, key_of(rrn.0))),
            Cleared::Capture => {
                let query = Query::Holder { under: crate::terminal::HOUSE, kind: Kind::Charge, key: rrn.0 };
                if let Some(row) = store.find(query).await?.rows().first() {
                    found.insert(line.number, flow::read(row)?);
                }
            }
            Cleared::Reversal => {}
        }
    }
    let wanted: Vec<Key> = keys.iter().map(|(_, key)| *key).collect();
    let rows = store.get(&wanted).await?;
    for ((number, _), row) in keys.into_iter().zip(rows) {
        if let Some(row) = row.filter(|row| row.kind == Kind::Movement) {
            found.insert(number, flow::read(&row)?);
        }
    }
    Ok(found)
}

/// A merchant's balance in every currency that it ever had.
async fn owed_to(store: &dyn Store, account: Key) -> Result<Vec<Owed>, StoreTrouble> {
    let of = |book| move |currency| LedgerAccount { owner: account, book, currency };
    let accounts = Currency::all().map(of(Book::Merchant)).chain(Currency::all().map(of(Book::Available))).collect();
    let balances = store.find(Query::Balances { accounts }).await?.balances();
    let (pending, available) = balances.split_at(balances.len() / 2);
    let stands = |b: &Balance| b.credits.saturating_sub(b.debits);
    let both = Currency::all().zip(pending.iter().zip(available));
    let used = both.filter(|(_, (p, a))| **p != Balance::default() || **a != Balance::default());
    Ok(used.map(|(currency, (p, a))| Owed { currency, pending: stands(p), available: stands(a) }).collect())
}

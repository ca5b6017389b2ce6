//! After a restore: what stands at the issuers is what our books say, payment by payment, and of an orphan nothing stands.

use super::ports::Bank;
use super::{done, journal, stands};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::payment::Payment;
use florin_core::refund::{Refund, RefundStage};
use florin_core::restore::{Entry, Orphan, What};
use florin_core::store::{Query, Report, Store};
use florin_core::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

const ROWS: u32 = 1_000;

fn rows<T: florin_core::codec::Body>(bank: &Bank, kind: Kind) -> Result<Vec<View<T>>, String> {
    let store = bank.lock().store.clone();
    let under = bank.lock().account;
    let query = Query::List { under, kind, before: None, limit: ROWS };
    let rows = done(store.find(query)).map_err(|e| format!("{e:?}"))?.rows();
    rows.iter().map(|row| flow::read(row).map_err(|e| format!("{e:?}"))).collect()
}

pub(super) fn orphans(bank: &Bank) -> Result<u64, String> {
    Ok(rows::<Orphan>(bank, Kind::Orphan)?.len() as u64)
}

/// Everything that the host ever answered.
fn entries(bank: &Bank) -> Result<Vec<Entry>, String> {
    let (world, mut after, mut all) = (bank.lock(), 0, vec![]);
    loop {
        let page = world.host.journal(Time(0), after, world.now);
        for told in &page.entries {
            all.push(journal::entry(told).ok_or_else(|| format!("does not read: {told:?}"))?);
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(all),
        }
    }
}

pub(super) fn books(bank: &Arc<Bank>) -> Result<(), String> {
    // (held, captured, refunded) of each charge.
    let mut ours: BTreeMap<Key, (i64, i64, i64)> = BTreeMap::new();
    let mut of_payment: BTreeMap<Key, Key> = BTreeMap::new();
    for view in rows::<Payment>(bank, Kind::Payment)? {
        let (held, captured) = stands(&view.body.stage, view.body.money);
        if let Some(charge) = view.body.attempts.iter().filter(|a| a.approval().is_some()).map(|a| a.wire.rrn.0).next()
        {
            ours.insert(charge, (held, captured, 0));
            of_payment.insert(view.key, charge);
        }
        if let Some(open) = view.body.attempts.iter().find(|a| a.is_open()) {
            return Err(format!("an attempt is open: {open:?}"));
        }
    }
    for view in rows::<Refund>(bank, Kind::Refund)? {
        if let (RefundStage::Succeeded { .. }, Some(charge)) = (view.body.stage, of_payment.get(&view.body.payment)) {
            ours.entry(*charge).or_default().2 += view.body.money.minor;
        }
    }
    let orphans = rows::<Orphan>(bank, Kind::Orphan)?;
    if let Some(open) = orphans.iter().find(|view| view.body.undone.is_none()) {
        return Err(format!("an orphan was not reversed: {open:?}"));
    }
    let charges = entries(bank)?.into_iter().filter(|e| matches!(e.what, What::Sale | What::Hold));
    for entry in charges {
        let Some(s) = entry.standing else { continue };
        let key = entry.wire.rrn.0;
        let expected = ours.remove(&key).unwrap_or_default();
        let found = (s.held, s.captured, s.refunded);
        let nothing = expected == (0, 0, 0) && s.stands() == 0;
        if found != expected && !nothing {
            return Err(format!("{}: the issuer has {found:?}, we have {expected:?}", entry.wire.rrn.text()));
        }
    }
    if let Some((charge, left)) = ours.iter().find(|(_, sums)| **sums != (0, 0, 0)) {
        return Err(format!("{charge:?}: we have {left:?}, the issuer nothing"));
    }
    let store = bank.lock().store.clone();
    for sum in done(store.sums(Report::Transfers)).map_err(|e| format!("{e:?}"))? {
        let book = sum.book.as_str();
        if book.starts_with("orphan") && sum.debits != sum.credits {
            return Err(format!("{book}: {} against {}", sum.debits, sum.credits));
        }
    }
    Ok(())
}

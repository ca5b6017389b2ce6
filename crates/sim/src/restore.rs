//! A disaster in small: a gateway works and loses answers, is backed up at an instant that chance chooses, works on, and comes back
//! from that instant; the comparison may die as often as chance likes. Then the issuers' books and ours are compared. Knows no storm:
//! what the network does to a running gateway is the world's affair.

mod audit;
mod journal;
mod ports;

use crate::cards::{self, Stored};
use crate::rng::Rng;
use florin_core::account::{self, Account};
use florin_core::audit::By;
use florin_core::flow::{Done, Failure};
use florin_core::id::Key;
use florin_core::money::{Currency, Money};
use florin_core::payment::{self, Cancel, CancelReason, Capture, CaptureMethod, Confirm, Create, Stage};
use florin_core::ports::Ports;
use florin_core::refund::{self, CreateRefund, RefundPersonal, RefundReason};
use florin_core::restore::{Asked, Compared, RestoreStage, compare, finish, settle, unsettled};
use florin_core::time::Time;
use ports::{Bank, Process};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// 2026-11-21 22:15:00 UTC.
const START: Time = Time(1_795_299_300_000);
/// The comparison is run at most so often.
const MOST_RUNS: u32 = 60;
/// Between two runs: every pause of a reversal is over.
const PAUSE_MS: i64 = 400_000;

/// What one disaster came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    pub seed: u64,
    /// Messages that the acquirer answered, before and after the backup.
    pub messages: u64,
    /// Of those, sent after the backup.
    pub lost: u64,
    pub orphans: u64,
    pub concluded: u64,
    pub taken_up: u64,
    /// How often the comparison died.
    pub deaths: u64,
}

/// Runs the disaster of a seed. The error says what differs.
pub fn run_restore(seed: u64) -> Result<RestoreReport, String> {
    let mut rng = Rng::new(seed ^ 0x7265_7374_6f72_6500);
    let bank = Arc::new(Bank::new(START, cards::all(), rng.draw()));
    let backup = before(&bank, &mut rng)?;
    let asked = disaster(&bank, &mut rng, &backup);
    let mut report = RestoreReport { seed, ..RestoreReport::default() };
    let compared = come_back(&bank, &mut rng, asked, &mut report)?;
    audit::books(&bank)?;
    // Once more finds nothing to do.
    let again = once(&bank, Asked { rehearsal: true, ..asked }).map_err(|e| format!("once more: {e:?}"))?;
    let left = again.findings.first();
    if left.is_some() {
        return Err(format!("once more there is something to do: {left:?}"));
    }
    let of = |name: &str| compared.counts.iter().filter(|(d, _)| d.as_str().contains(name)).map(|(_, n)| n).sum();
    report.messages = bank.messages();
    report.lost = report.messages.saturating_sub(backup.messages);
    (report.orphans, report.concluded, report.taken_up) = (audit::orphans(&bank)?, of("concluded"), of("taken_up"));
    Ok(report)
}

/// What the backup is, and what the acquirer had answered by then.
struct Backup {
    made: Time,
    messages: u64,
}

/// The gateway works; the backup is made somewhere in it, perhaps in the middle of a payment.
fn before(bank: &Arc<Bank>, rng: &mut Rng) -> Result<Backup, String> {
    let process = Process::new(bank, rng.draw());
    let body = Account::plain("one".into(), false, *b"NL", Currency::EUR);
    let account = done(account::make(&By::SYSTEM, &process, body)).map_err(|e| format!("{e:?}"))?.key;
    bank.lock().account = account;
    bank.lock().back_up_in = Some(rng.between(1, 120));
    let works = rng.between(10, 60);
    for _ in 0..works {
        work(bank, &process, rng);
        bank.pass(rng.between(1, 4_000));
        if rng.chance(200) {
            // What failed comes again: workers are part of the work.
            let _ = done(settle(&process));
        }
    }
    let world = &mut *bank.lock();
    match world.backup.take() {
        Some((store, made, messages)) => {
            world.store = store;
            Ok(Backup { made, messages })
        }
        // Nothing was lost: the backup is as new as can be.
        None => Ok(Backup { made: world.now, messages: world.messages() }),
    }
}

/// One thing that a merchant does. Whatever it is answered: the books are asked in the end.
fn work(bank: &Arc<Bank>, process: &Process, rng: &mut Rng) {
    let account = bank.lock().account;
    let known: Vec<Key> = bank.lock().payments.clone();
    let payment = if known.is_empty() { Key(0) } else { rng.pick(&known) };
    let amount = rng.spread(1, 100_000);
    match rng.below(10) {
        0..=4 => pay(bank, process, rng, amount),
        5 | 6 => {
            let amount = rng.chance(500).then_some(amount);
            let command = Capture { account, payment, from: None, amount, currency: None, personal: None, claim: None };
            forget(done(payment::capture(process, &command)));
        }
        7 => {
            let command = Cancel { account, payment, reason: CancelReason::RequestedByCustomer, claim: None };
            forget(done(payment::cancel(process, &command)));
        }
        _ => {
            let (currency, reason) = (None, RefundReason::RequestedByCustomer);
            let amount = rng.chance(700).then_some(amount);
            let personal = RefundPersonal::default();
            let command = CreateRefund { account, payment, amount, currency, reason, personal, claim: None };
            forget(done(refund::create(process, &command)));
        }
    }
}

fn forget<T>(_: Result<T, Failure>) {}

fn pay(bank: &Arc<Bank>, process: &Process, rng: &mut Rng, amount: i64) {
    let account = bank.lock().account;
    let method = if rng.chance(400) { CaptureMethod::Manual } else { CaptureMethod::Automatic };
    let create = Create::plain(account, false, Money::new(amount, Currency::EUR), method);
    let Ok(Done::Fresh(view)) = done(payment::create(process, &create)) else { return };
    bank.lock().payments.push(view.key);
    let cards: Vec<_> = bank.cards.iter().map(|Stored { facts, .. }| facts.clone()).collect();
    let card = cards.into_iter().nth(usize::try_from(rng.below(bank.cards.len() as u64)).unwrap_or(0));
    let plain = Confirm::plain(account, view.key);
    forget(done(payment::confirm(process, &Confirm { card, ..plain })));
}

fn disaster(bank: &Arc<Bank>, rng: &mut Rng, backup: &Backup) -> Asked {
    bank.pass(rng.between(2_000, 600_000));
    let world = &mut *bank.lock();
    world.back_up_in = None;
    Asked { made: backup.made, restored: world.now, margin_ms: 3_600_000, rehearsal: false }
}

fn once(bank: &Arc<Bank>, asked: Asked) -> Result<Compared, florin_core::restore::NotCompared> {
    let process = Process::new(bank, 7);
    done(compare(&process, &journal::Service(bank), asked, &|_, _| {}))
}

/// Compares until everything is settled, dying now and then.
fn come_back(bank: &Arc<Bank>, rng: &mut Rng, asked: Asked, report: &mut RestoreReport) -> Result<Compared, String> {
    let (mut counts, mut settled_before) = (std::collections::BTreeMap::new(), 0);
    for run in 0..MOST_RUNS {
        let process = Process::new(bank, rng.draw());
        let dies = run < 20 && rng.chance(600);
        bank.lock().dies_in = dies.then(|| rng.between(1, 60));
        // After a while the host answers everything.
        bank.lock().troubled = run < 10;
        let service = journal::Service(bank);
        let whole = async {
            let compared = compare(&process, &service, asked, &|_, _| {}).await.map_err(|e| format!("{e:?}"))?;
            settle(&process).await.map_err(|e| format!("{e:?}"))?;
            let open = unsettled(&process).await.map_err(|e| format!("{e:?}"))?;
            Ok::<_, String>((compared, open))
        };
        let ended = poll(whole);
        bank.lock().dies_in = None;
        bank.pass(PAUSE_MS);
        let Some(ended) = ended else {
            report.deaths += 1;
            continue;
        };
        let (mut compared, open) = ended?;
        if compared.breaks() > 0 {
            // What was open stood in the way of what came after it: once all of it is settled, it does no more.
            settled_before += u32::from(open == 0);
            if settled_before < 2 {
                continue;
            }
            return Err(format!("a break: {:?}", compared.findings.iter().find(|f| f.done.is_break())));
        }
        for (done, n) in &compared.counts {
            *counts.entry(*done).or_insert(0) += *n;
        }
        if open == 0 {
            let stage = RestoreStage::Released { at: process.now() };
            done(finish(&process, asked, stage)).map_err(|e| format!("{e:?}"))?;
            compared.counts = counts;
            return Ok(compared);
        }
    }
    Err("attempts are still open".to_owned())
}

/// Runs a future whose ports are always ready. None when its process died.
fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The same where nobody dies.
fn done<T>(future: impl Future<Output = T>) -> T {
    match poll(future) {
        Some(output) => output,
        None => unreachable!("nobody dies here"),
    }
}

/// Whether a payment holds money, or took it: (held, captured).
fn stands(stage: &Stage, money: Money) -> (i64, i64) {
    match stage {
        Stage::RequiresCapture { .. } => (money.minor, 0),
        Stage::Succeeded { captured, .. } => (0, *captured),
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation
        | Stage::RequiresAction { .. }
        | Stage::Processing { .. }
        | Stage::Canceled { .. } => (0, 0),
    }
}

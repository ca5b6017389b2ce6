//! A database that came back from a backup, by what it has and what the acquirer's journal says. The journal is the world that went on.

use crate::check::{Scene, compare, play};
use crate::gate::{Gate, Point, run};
use crate::report;
use crate::script::*;
use crate::world::{ACCOUNT, Process, START, World};
use florin_core::account::Account;
use florin_core::attempt::{Attempt, Move};
use florin_core::commit::{EventKind, Version};
use florin_core::id::{Key, Kind};
use florin_core::ledger::Book;
use florin_core::money::{Currency, Money};
use florin_core::record;
use florin_core::restore::{
    Asked, Compared, Entry, Journal, NotCompared, Page, RestoreStage, Standing, What, compare as reconcile, finish,
    opened, settle, unsettled,
};
use florin_core::settlement::Unavailable;
use florin_core::store::{Report, Store, Wait};
use florin_core::terminal::HOUSE;
use florin_core::time::Time;
use florin_core::wire::{Rrn, Terminal, Verdict, WireId};
use florin_store::block_on;
use std::sync::Arc;

/// The lost messages were sent a minute after the scenario began; the restore is an hour later.
const LOST: Time = START.plus_ms(60_000);
const RESTORED: Time = START.plus_ms(3_600_000);
const ASKED: Asked = Asked { made: START.plus_ms(30_000), restored: RESTORED, margin_ms: 3_600_000, rehearsal: false };

/// A message of the journal, before it has its number.
#[derive(Clone, Copy)]
enum Said {
    /// The n-th attempt of the payment, answered so, with this standing.
    Ours(usize, Verdict, Option<Standing>),
    /// A sale or hold that nobody here knows.
    Lost(What, i64, Option<Standing>),
    /// A capture of the hold that nobody here knows.
    Capture(i64),
    /// The same of a refund of the sale or hold.
    Refund(i64),
}

struct Acquirer(Vec<Entry>);

impl Journal for Acquirer {
    fn page<'a>(&'a self, since: Time, after: u64) -> Wait<'a, Result<Page, Unavailable>> {
        assert!(since < START, "the comparison begins before the backup");
        // One at a time, so that it takes several pages.
        let mut rest = self.0.iter().filter(|e| e.id > after);
        let entries: Vec<Entry> = rest.by_ref().take(1).copied().collect();
        let next = rest.next().and(entries.last()).map(|e| e.id);
        let page = Page { entries, strangers: 0, next, of: self.0.len() as u64 };
        Box::pin(std::future::ready(Ok(page)))
    }
}

const fn held(held: i64) -> Option<Standing> {
    Some(Standing { held, captured: 0, refunded: 0, reversed: 0 })
}
const fn taken(captured: i64) -> Option<Standing> {
    Some(Standing { held: 0, captured, refunded: 0, reversed: 0 })
}
const fn undone(reversed: i64) -> Option<Standing> {
    Some(Standing { held: 0, captured: 0, refunded: 0, reversed })
}

fn attempts(world: &World) -> Vec<Attempt> {
    world.rows(Kind::Payment).first().map_or_else(Vec::new, |row| world.attempts(row.key))
}

fn journal(world: &World, said: &[Said]) -> Acquirer {
    let ours = attempts(world);
    let eur = |minor| Money::new(minor, Currency::EUR);
    let entry = |(n, said): (u64, &Said)| {
        let key = Key(Key::first_at(LOST).0 + 32 * i64::try_from(n).unwrap());
        let lost = WireId { terminal: Terminal(4), stan: 900 + u32::try_from(n).unwrap(), at: LOST, rrn: Rrn(key) };
        let charge = || {
            *ours.iter().find(|a| matches!(a.what, Move::Sale(_) | Move::Authorization(_))).map(|a| &a.wire).unwrap()
        };
        let plain =
            Entry { id: n, what: What::Sale, wire: lost, money: eur(0), answer: YES, original: None, standing: None };
        match *said {
            Said::Ours(n, answer, standing) => {
                let a = &ours[n];
                let what = if matches!(a.what, Move::Sale(_)) { What::Sale } else { What::Hold };
                Entry { what, wire: a.wire, money: a.money, answer, standing, ..plain }
            }
            Said::Lost(what, minor, standing) => {
                let answer = if standing.is_some() { YES } else { FUNDS };
                Entry { what, money: eur(minor), answer, standing, ..plain }
            }
            Said::Capture(minor) => {
                let of = charge();
                let wire = WireId { terminal: of.terminal, rrn: of.rrn, ..lost };
                Entry { what: What::Completion, wire, money: eur(minor), original: Some(of.rrn), ..plain }
            }
            Said::Refund(minor) => {
                let standing = Some(Standing { refunded: minor, ..Standing::default() });
                Entry { what: What::Refund, money: eur(minor), original: Some(charge().rrn), standing, ..plain }
            }
        }
    };
    Acquirer((1..).zip(said).map(entry).collect())
}

/// The world as it was restored: an account, and an hour later.
fn restored(before: &[Does]) -> Scene {
    let scene = play(before);
    let body = Account::plain("one".into(), false, *b"NL", Currency::EUR);
    let ports = process(&scene.world, &[]);
    let change = record::Change::to(body, EventKind::AccountCreated);
    drop(block_on(record::make(&ports, HOUSE, ACCOUNT, change, None, &|_| vec![])).unwrap());
    scene.world.lock().now = RESTORED;
    scene
}

fn process(world: &Arc<World>, script: &[Verdict]) -> Process {
    Process::new(world, Gate::open(), script)
}

fn counts(compared: &Compared) -> String {
    let one = |(done, n): (&florin_core::restore::Done, &u64)| format!("{n} {}", done.as_str());
    compared.counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn progress(_: u64, _: u64) {}

/// `script` is what the acquirer answers meanwhile. `expected` is what was found, then payment, attempts, refunds, orphans and orders.
/// Twice is once, and wherever the process dies the next one comes to the same.
#[track_caller]
fn check(name: &str, before: &[Does], said: &[Said], script: &[Verdict], expected: &str) {
    let scene = restored(before);
    let acquirer = journal(&scene.world, said);
    let ports = process(&scene.world, script);
    let found = block_on(reconcile(&ports, &acquirer, ASKED, &progress)).unwrap();
    block_on(settle(&ports)).unwrap();
    assert_eq!((ports.unused(), block_on(unsettled(&ports))), (0, Ok(0)), "{name}");
    report::assert_sound(&scene.world);
    let end = report::brief(&scene.world);
    let told: Vec<String> = std::iter::once(counts(&found)).chain(end.clone()).collect();
    compare(name, &expected.split_whitespace().collect::<Vec<_>>().join(" "), &told.join(" | "));
    // Once more: what was done is known, and nothing is sent.
    let again = process(&scene.world, &[]);
    block_on(reconcile(&again, &acquirer, ASKED, &progress)).unwrap();
    block_on(settle(&again)).unwrap();
    assert_eq!(report::brief(&scene.world), end, "{name}, again");
    deaths(name, before, said, &end);
}

/// Kills the comparison before and after each commit and each message; the next one, whose host says yes to everything, ends the same
/// but for messages that are sent again.
fn deaths(name: &str, before: &[Does], said: &[Said], end: &[String]) {
    let calls = {
        let scene = restored(before);
        let (gate, acquirer) = (Gate::open(), journal(&scene.world, said));
        let ports = Process::new(&scene.world, gate.clone(), &[]).otherwise(Some(YES));
        block_on(reconcile(&ports, &acquirer, ASKED, &progress)).unwrap();
        block_on(settle(&ports)).unwrap();
        gate.passed()
    };
    for (at, call) in calls.iter().enumerate() {
        let n = calls[..=at].iter().filter(|c| *c == call).count();
        for point in [Point::Before(*call, n), Point::After(*call, n)] {
            let scene = restored(before);
            let acquirer = journal(&scene.world, said);
            let dies = Process::new(&scene.world, Gate::stopping(&[point]), &[]).otherwise(Some(YES));
            let both = async {
                reconcile(&dies, &acquirer, ASKED, &progress).await.unwrap();
                settle(&dies).await.unwrap();
            };
            assert_eq!(run(both, || false), None, "{name}: {point:?} was not reached");
            report::assert_sound(&scene.world);
            // Leases of the dead are over.
            scene.world.lock().now = RESTORED.plus_ms(600_000);
            let next = Process::new(&scene.world, Gate::open(), &[]).otherwise(Some(YES));
            block_on(reconcile(&next, &acquirer, ASKED, &progress)).unwrap();
            block_on(settle(&next)).unwrap();
            report::assert_sound(&scene.world);
            let stands = |lines: &[String]| -> Vec<String> {
                let sent = |l: &&String| !l.starts_with('0');
                lines.iter().filter(sent).map(|l| l.split(" #").next().unwrap_or_default().to_owned()).collect()
            };
            assert_eq!(stands(&report::brief(&scene.world)), stands(end), "{name}: died at {point:?}");
        }
    }
}

#[test]
fn what_nobody_here_knows_is_reversed() {
    check(
        "a sale",
        &[],
        &[Said::Lost(What::Sale, 700, taken(700))],
        &[YES],
        "1 orphan_reversed | orphan, 700 taken | sale 700 #901 reversed, Recovered | 0400 reverse 700 #1 of #901 NoConfirmation",
    );
    check(
        "a hold",
        &[],
        &[Said::Lost(What::Hold, 700, held(700))],
        &[YES],
        "1 orphan_reversed | orphan, 0 taken | hold 700 #901 reversed, Recovered | 0400 reverse 700 #1 of #901 NoConfirmation",
    );
    check(
        "refused, or undone before",
        &[],
        &[Said::Lost(What::Sale, 1, None), Said::Lost(What::Hold, 2, undone(2))],
        &[],
        "2 nothing_stands",
    );
    let part = Some(Standing { captured: 700, refunded: 200, ..Standing::default() });
    check(
        "a sale, refunded in part",
        &[],
        &[Said::Lost(What::Sale, 700, part)],
        &[YES],
        "1 orphan_reversed | orphan, 500 taken | sale 700 #901 reversed, Recovered | 0400 reverse 700 #1 of #901 NoConfirmation",
    );
}

#[test]
fn what_was_under_way_ends_as_it_was_answered() {
    let died = || confirm(&[]).crash(Point::Before(crate::gate::Call::Submit, 1));
    check(
        "approved",
        &[create(), died()],
        &[Said::Ours(0, YES, taken(1000))],
        &[],
        "1 concluded | succeeded 1000 | sale 1000 #1 approved",
    );
    check(
        "refused",
        &[create(), died()],
        &[Said::Ours(0, FUNDS, None)],
        &[],
        "1 concluded | requires_payment_method Declined(insufficient_funds) | sale 1000 #1 declined 51",
    );
    check(
        "never came",
        &[create(), died()],
        &[],
        &[NOT_FOUND],
        "| requires_payment_method Reversed | sale 1000 #1 reversed unfound, Recovered | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
    check(
        "approved, and reversed before",
        &[create(), died()],
        &[Said::Ours(0, YES, undone(1000))],
        &[YES],
        "1 left_to_recovery | requires_payment_method Reversed | sale 1000 #1 reversed, Recovered | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
    let malfunction = &[Said::Ours(0, MALFUNCTION, None)];
    check(
        "a malfunction",
        &[create(), died()],
        malfunction,
        &[YES],
        "1 concluded | requires_payment_method Declined(processing_error) | sale 1000 #1 reversed, Malfunction 96 | 0400 reverse 1000 #2 of #1 NotCompleted",
    );
}

#[test]
fn what_was_done_is_done_again() {
    let hold = &[create_manual(), confirm(&[YES])];
    let claimed = Some(Standing { captured: 600, ..Standing::default() });
    check(
        "a capture",
        hold,
        &[Said::Ours(0, YES, claimed), Said::Capture(600)],
        &[],
        "1 known, 1 capture_taken_up | succeeded 600 | hold 1000 #1 approved | capture 600 #902 approved | 0100 hold 1000 #1",
    );
    let returned = Some(Standing { captured: 600, refunded: 100, ..Standing::default() });
    let both = &[Said::Ours(0, YES, returned), Said::Capture(600), Said::Refund(100)];
    check(
        "a capture and its refund",
        hold,
        both,
        &[],
        "1 known, 1 capture_taken_up, 1 refund_taken_up | succeeded 600 | hold 1000 #1 approved | capture 600 #902 approved | succeeded | refund 100 #903 approved | 0100 hold 1000 #1",
    );
    check(
        "a void",
        hold,
        &[Said::Ours(0, YES, undone(1000))],
        &[YES],
        "1 void_taken_up | canceled Unspecified | hold 1000 #1 approved | void 1000 #2 approved | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    let sale = &[create(), confirm(&[YES])];
    check(
        "a refund",
        sale,
        &[Said::Ours(0, YES, taken(1000)), Said::Refund(300)],
        &[],
        "1 known, 1 refund_taken_up | succeeded 1000 | sale 1000 #1 approved | succeeded | refund 300 #902 approved | 0200 sale 1000 #1",
    );
    check(
        "refused here, approved there",
        &[create(), confirm(&[FUNDS])],
        &[Said::Ours(0, YES, taken(1000))],
        &[YES],
        "1 taken_back | requires_payment_method Declined(insufficient_funds) | sale 1000 #1 reversed, LateApproval | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
}

/// Nothing is done about a difference that no rule decides; it is counted.
#[test]
fn what_a_person_must_see() {
    let sale = &[create(), confirm(&[YES])];
    check(
        "approved here, unknown there",
        sale,
        &[],
        &[],
        "1 unknown_to_acquirer | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check(
        "approved here, refused there",
        sale,
        &[Said::Ours(0, FUNDS, None)],
        &[],
        "1 declined_at_acquirer | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check(
        "approved here, reversed there",
        sale,
        &[Said::Ours(0, YES, undone(1000))],
        &[],
        "1 reversed_at_acquirer | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check(
        "a capture of what is no hold",
        sale,
        &[Said::Ours(0, YES, taken(1000)), Said::Capture(500)],
        &[],
        "1 known, 1 unexpected_capture | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check(
        "more is refunded than was taken",
        sale,
        &[Said::Ours(0, YES, taken(1000)), Said::Refund(1001)],
        &[],
        "1 known, 1 unexpected_refund | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check(
        "all is well",
        sale,
        &[Said::Ours(0, YES, taken(1000))],
        &[],
        "1 known | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
}

#[test]
fn the_books_of_an_orphan() {
    let scene = restored(&[]);
    let acquirer = journal(&scene.world, &[Said::Lost(What::Sale, 700, taken(700))]);
    let ports = process(&scene.world, &[YES]);
    let sums = || -> Vec<(Book, i128, i128)> {
        let sums = block_on(scene.world.store.sums(Report::Transfers)).unwrap();
        sums.iter().map(|s| (s.book, s.debits, s.credits)).collect()
    };
    block_on(reconcile(&ports, &acquirer, ASKED, &progress)).unwrap();
    assert_eq!(sums(), [(Book::OrphanTaken, 700, 0), (Book::OrphanOwed, 0, 700)]);
    block_on(settle(&ports)).unwrap();
    assert_eq!(sums(), [(Book::OrphanTaken, 700, 700), (Book::OrphanOwed, 700, 700)]);
    // The reversal carries the terminal and RRN of what it takes back, a number of its own, and no card.
    let order = scene.world.lock().orders[0];
    assert_eq!(
        (order.card.is_lost(), order.wire.terminal, order.wire.rrn),
        (true, Terminal(4), acquirer.0[0].wire.rrn)
    );
}

/// A rehearsal finds the same and leaves nothing behind.
#[test]
fn a_rehearsal_changes_nothing() {
    let died = confirm(&[]).crash(Point::Before(crate::gate::Call::Submit, 1));
    let scene = restored(&[create(), died]);
    let said = [Said::Ours(0, YES, taken(1000)), Said::Lost(What::Sale, 700, taken(700))];
    let (ports, acquirer) = (process(&scene.world, &[]), journal(&scene.world, &said));
    let before = report::lines(&scene.world);
    let rehearsed = block_on(reconcile(&ports, &acquirer, Asked { rehearsal: true, ..ASKED }, &progress)).unwrap();
    assert_eq!(report::lines(&scene.world), before);
    let done = block_on(reconcile(&ports, &acquirer, ASKED, &progress)).unwrap();
    assert_eq!(done.counts, rehearsed.counts);
}

/// New ids lie above every lost one, or nothing is done.
#[test]
fn a_clock_behind_the_lost_time() {
    let check = |now: Time, expected: Option<Time>| {
        let scene = restored(&[]);
        scene.world.lock().now = now;
        let asked = Asked { restored: START.plus_ms(40_000), ..ASKED };
        let acquirer = journal(&scene.world, &[Said::Lost(What::Sale, 1, None)]);
        let found = block_on(reconcile(&process(&scene.world, &[]), &acquirer, asked, &progress));
        assert_eq!(found.err(), expected.map(NotCompared::ClockBehind));
    };
    check(LOST.plus_ms(1_000), None);
    check(LOST.plus_ms(999), Some(LOST.plus_ms(1_000)));
    check(START, Some(LOST.plus_ms(1_000)));
}

#[test]
fn it_opens_once() {
    let scene = restored(&[]);
    let ports = process(&scene.world, &[]);
    let found = block_on(reconcile(&ports, &Acquirer(vec![]), ASKED, &progress)).unwrap();
    assert_eq!(block_on(opened(&ports, ASKED)), Ok(false));
    let stage = || found.opens(RESTORED);
    assert_eq!(stage(), RestoreStage::Open { at: RESTORED, entries: 0, orphans: 0, accepted: 0 });
    for _ in 0..2 {
        block_on(finish(&ports, ASKED, stage())).unwrap();
        assert_eq!(block_on(opened(&ports, ASKED)), Ok(true));
        let row = scene.world.row(florin_core::restore::restore_key(RESTORED)).unwrap();
        assert_eq!((row.kind, row.version), (Kind::Restore, Version(2)));
    }
    // Another restore is another comparison.
    let later = Asked { restored: RESTORED.plus_ms(1_000), ..ASKED };
    assert_eq!(block_on(opened(&ports, later)), Ok(false));
}

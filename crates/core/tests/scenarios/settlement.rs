//! Settlement: reports that agree with our movements, and every way in which they do not. A sale of 1000 and a refund of 300.

use crate::check::{Scene, compare, play_under};
use crate::gate::Gate;
use crate::report;
use crate::script::*;
use crate::world::{Process, START, World};
use florin_core::codec::Body;
use florin_core::commit::SHARDS;
use florin_core::fees::Fees;
use florin_core::id::Kind;
use florin_core::money::{Currency, Money};
use florin_core::movement::{Movement, Settled, Source};
use florin_core::settlement::{
    Break, BreakState, Cleared, Head, Line, Listing, PullFailure, Pulled, Reports, RrnText, Settlement, Total,
    Unavailable, pull,
};
use florin_core::store::{Query, Store, StoredEvent, Wait};
use florin_core::terminal::HOUSE;
use florin_core::wire::Unsure;
use florin_store::block_on;
use std::sync::Mutex;

const FEES: Fees = Fees { basis_points: 140, fixed_minor: 25, settles_after_ms: 60_000 };
/// Closed days after which a movement is missing.
const DAYS: u32 = 2;

/// The acquirer's side: reports as they are listed, and how many calls it answers before it falls silent.
struct Acquirer {
    reports: Vec<(Head, Vec<Line>)>,
    calls: Mutex<Option<usize>>,
}

impl Acquirer {
    fn answers(&self) -> Result<(), Unavailable> {
        match &mut *self.calls.lock().unwrap() {
            Some(0) => Err(Unavailable("silent".into())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Reports for Acquirer {
    fn list<'a>(&'a self, after: u64) -> Wait<'a, Result<Listing, Unavailable>> {
        let heads = self.reports.iter().map(|(head, _)| head).filter(|head| head.id > after).cloned().collect();
        let newest = self.reports.iter().map(|(head, _)| head.id).max().unwrap_or(0);
        Box::pin(async move { self.answers().map(|()| Listing { heads, newest }) })
    }
    fn lines<'a>(&'a self, report: u64, after: u32) -> Wait<'a, Result<Vec<Line>, Unavailable>> {
        let lines = self.reports.iter().find(|(head, _)| head.id == report).map(|(_, lines)| lines.clone());
        // Two at a time, so that a report takes several commits.
        let page = lines.unwrap_or_default().into_iter().skip(after as usize).take(2).collect();
        Box::pin(async move { self.answers().map(|()| page) })
    }
}

fn movements(world: &World) -> Vec<Movement> {
    world.rows(Kind::Movement).iter().map(|row| Movement::decode(&row.body).unwrap()).collect()
}

/// The line by which an acquirer tells of a movement: it keeps 3 of a capture.
fn line_of(m: &Movement) -> Line {
    let (what, costs) = match m.source {
        Source::Charge { capture: false, .. } => (Cleared::Sale, 3),
        Source::Charge { capture: true, .. } => (Cleared::Capture, 3),
        Source::Refund { .. } => (Cleared::Refund, 0),
    };
    let rrn = RrnText(*m.wire.rrn.text().as_bytes().first_chunk().unwrap());
    let terminal = Some(m.wire.terminal);
    Line { number: 0, what, rrn, stan: m.wire.stan, terminal, money: m.money, costs }
}

/// A report of these lines, closed as many minutes after the beginning as its number.
fn report_of(id: u64, lines: &[Line]) -> (Head, Vec<Line>) {
    let lines: Vec<Line> = (1..).zip(lines).map(|(number, line)| Line { number, ..*line }).collect();
    let mut totals: Vec<Total> = vec![];
    for line in &lines {
        let currency = line.money.currency;
        if !totals.iter().any(|t| t.currency == currency) {
            totals.push(Total { currency, lines: 0, amount: 0, costs: 0 });
        }
        let total = totals.iter_mut().find(|t| t.currency == currency).unwrap();
        (total.lines, total.amount, total.costs) =
            (total.lines + 1, total.amount + line.money.minor, total.costs + line.costs);
    }
    totals.sort_by_key(|t| t.currency);
    let closed = START.plus_ms(60_000 * i64::try_from(id).unwrap());
    (Head { id, closed, lines: u32::try_from(lines.len()).unwrap(), totals }, lines)
}

fn empty(id: u64) -> (Head, Vec<Line>) {
    report_of(id, &[])
}

/// A minute passes, then a gateway pulls.
fn pulls(world: &std::sync::Arc<World>, acquirer: &Acquirer) -> Result<Pulled, PullFailure> {
    {
        let mut moving = world.lock();
        moving.now = moving.now.plus_ms(60_000);
    }
    let process = Process::new(world, Gate::open(), &[]);
    let pulled = block_on(pull(&process, acquirer, DAYS));
    report::assert_sound(world);
    pulled
}

fn told(world: &World) -> String {
    let movement = |m: &Movement| {
        let settled = match m.settled {
            Settled::Pending => "pending".to_owned(),
            Settled::By { report, line, cost, .. } => format!("by {report}/{line} for {cost}"),
        };
        format!("{} less {} {settled}", m.money.minor, m.fee)
    };
    let house = |kind| {
        let query = Query::List { under: HOUSE, kind, before: None, limit: 100 };
        block_on(world.store.find(query)).unwrap().rows()
    };
    let broken = |row: &florin_core::commit::Row| {
        let b = Break::decode(&row.body).unwrap();
        let state = match b.state {
            BreakState::Open => "open",
            BreakState::Resolved { how, .. } => how.as_str(),
        };
        let held: Vec<String> =
            b.held.iter().map(|h| format!("{} {} of {}", h.what.as_str(), h.money.minor, h.report)).collect();
        let expected = b.expected.map_or("nothing".to_owned(), |m| m.minor.to_string());
        format!("{} {state}: {expected} expected, [{}]", b.reason.as_str(), held.join(" + "))
    };
    let balance = |row: &florin_core::commit::Row| {
        let s = Settlement::decode(&row.body).unwrap();
        let owed = s.balance.iter().map(|o| format!("{}/{}", o.pending, o.available)).collect::<Vec<_>>().join(" ");
        format!("{} leaves {owed}", s.report)
    };
    let mut said = report::wrapped("movements", &movements(world).iter().map(movement).collect::<Vec<_>>());
    said.extend(report::wrapped("breaks", &house(Kind::Break).iter().map(broken).collect::<Vec<_>>()));
    said.extend(report::wrapped("balances", &world.rows(Kind::Settlement).iter().map(balance).collect::<Vec<_>>()));
    said.extend(report::wrapped("ledger", &settled_ledger(world)));
    said.extend(report::wrapped("events", &events(world)));
    said.join("\n")
}

/// What is left in the books that settlement is about.
fn settled_ledger(world: &World) -> Vec<String> {
    let about = ["receivable", "merchant ", "available", "cash", "fee_income", "acquirer_cost", "suspense"];
    let net = |line: &String| {
        let (book, sums) = line.split_once(' ')?;
        let (debits, credits) = sums.split_once('/')?;
        let named = format!("{book} ");
        about.iter().any(|a| named.starts_with(a)).then_some(())?;
        let net = credits.parse::<i64>().ok()? - debits.parse::<i64>().ok()?;
        (net != 0).then(|| format!("{book} {net}"))
    };
    report::ledger(world).iter().filter_map(net).collect()
}

fn events(world: &World) -> Vec<String> {
    let mut stored: Vec<StoredEvent> = vec![];
    for shard in 0..SHARDS {
        stored.extend(block_on(world.store.find(Query::Unsequenced { shard, limit: 1000 })).unwrap().events());
    }
    stored.sort_by_key(|s| s.position);
    let names = stored.iter().map(|s| s.event.kind.as_str());
    let about = names.filter(|n| n.starts_with("florin.settlement") || n.starts_with("balance."));
    about.map(|n| n.trim_start_matches("florin.settlement_").to_owned()).collect()
}

/// A sale and a part of it given back.
fn sold() -> Scene {
    play_under(FEES, &[create(), confirm(&[YES]), refund_of(300, Currency::EUR, &[YES])])
}

type Story = fn(&[Line]) -> Vec<(Head, Vec<Line>)>;

/// Pulls until the acquirer has no more; then again, which must change nothing. Then the same with an acquirer that falls
/// silent after each number of calls, which must come to the same.
#[track_caller]
fn check(name: &str, story: Story, expected: &str) {
    let run = |calls: Option<usize>| {
        let scene = sold();
        let lines: Vec<Line> = movements(&scene.world).iter().map(line_of).collect();
        let acquirer = Acquirer { reports: story(&lines), calls: Mutex::new(calls) };
        let first = pulls(&scene.world, &acquirer);
        *acquirer.calls.lock().unwrap() = None;
        assert_eq!(first.is_err(), calls.is_some(), "{name}: {first:?}");
        pulls(&scene.world, &acquirer).unwrap();
        pulls(&scene.world, &acquirer).unwrap();
        let once = told(&scene.world);
        let again = pulls(&scene.world, &acquirer).unwrap();
        assert_eq!((again.lines, again.settled, again.breaks), (0, 0, 0), "{name}: what was applied is applied");
        assert_eq!(told(&scene.world), once, "{name}: twice is once");
        (acquirer, once)
    };
    let (_, whole) = run(None);
    compare(name, expected, &whole);
    for calls in 0..2 {
        compare(&format!("{name}, silent after {calls}"), expected, &run(Some(calls)).1);
    }
}

#[test]
fn reports_that_agree() {
    check(
        "both in one report",
        |l| vec![report_of(1, l)],
        "
        movements: 1000 less 39 by 1/1 for 3, -300 less 0 by 1/2 for 0
        balances: 1 leaves 0/661
        ledger: available 661, cash -697, fee_income 39, acquirer_cost -3
        events: report.applied, balance.available
        ",
    );
    check(
        "in two reports, listed the wrong way round and twice",
        |l| vec![report_of(2, &l[1..]), report_of(1, &l[..1]), report_of(1, &l[..1])],
        "
        movements: 1000 less 39 by 1/1 for 3, -300 less 0 by 2/1 for 0
        balances: 1 leaves -300/961, 2 leaves 0/661
        ledger: available 661, cash -697, fee_income 39, acquirer_cost -3
        events: report.applied, balance.available, report.applied, balance.available
        ",
    );
    check(
        "several pages: what was taken back in between is nothing",
        |l| {
            let gone = Line { rrn: RrnText(*b"632500000001"), stan: 999_999, ..l[0] };
            let back = Line { what: Cleared::Reversal, money: gone.money.with_minor(-1000), costs: -3, ..gone };
            vec![report_of(1, &[gone, l[0], l[1], back])]
        },
        "
        movements: 1000 less 39 by 1/2 for 3, -300 less 0 by 1/3 for 0
        breaks: unknown_to_us canceled: nothing expected, [sale 1000 of 1 + reversal -1000 of 1]
        balances: 1 leaves 0/661
        ledger: available 661, cash -697, fee_income 39, acquirer_cost -3
        events: report.applied, break.opened, balance.available, report.applied, break.resolved
        events: balance.available
        ",
    );
}

#[test]
fn reports_that_differ() {
    check(
        "another amount",
        |l| vec![report_of(1, &[Line { money: l[0].money.with_minor(1100), ..l[0] }, l[1]])],
        "
        movements: 1000 less 39 pending, -300 less 0 by 1/2 for 0
        breaks: amount_differs open: 1000 expected, [sale 1100 of 1]
        balances: 1 leaves 961/-300
        ledger: receivable -1000, merchant 961, available -300, cash -797, fee_income 39, suspense 1097
        events: report.applied, break.opened, balance.available
        ",
    );
    check(
        "another currency",
        |l| vec![report_of(1, &[Line { money: Money::new(1000, Currency::USD), ..l[0] }, l[1]])],
        "
        movements: 1000 less 39 pending, -300 less 0 by 1/2 for 0
        breaks: currency_differs open: 1000 expected, [sale 1000 of 1]
        balances: 1 leaves 961/-300
        ledger: receivable -1000, merchant 961, available -300, cash -997, cash 300, fee_income 39
        ledger: suspense 997
        events: report.applied, break.opened, balance.available
        ",
    );
    check(
        "a line of nobody",
        |l| vec![report_of(1, &[l[0], Line { rrn: RrnText(*b"000000UNKNWN"), ..l[0] }, l[1]])],
        "
        movements: 1000 less 39 by 1/1 for 3, -300 less 0 by 1/3 for 0
        breaks: unknown_to_us open: nothing expected, [sale 1000 of 1]
        balances: 1 leaves 0/661
        ledger: available 661, cash -1694, fee_income 39, acquirer_cost -3, suspense 997
        events: report.applied, break.opened, balance.available, report.applied, balance.available
        ",
    );
    check(
        "a line twice, in one page and in another report",
        |l| vec![report_of(1, &[l[0], l[0], l[1]]), report_of(2, &l[..1])],
        "
        movements: 1000 less 39 by 1/1 for 3, -300 less 0 by 1/3 for 0
        breaks: duplicate open: nothing expected, [sale 1000 of 1 + sale 1000 of 2]
        balances: 1 leaves 0/661
        ledger: available 661, cash -2691, fee_income 39, acquirer_cost -3, suspense 1994
        events: report.applied, break.opened, balance.available, report.applied, balance.available
        events: report.applied, break.opened
        ",
    );
}

#[test]
fn reports_that_do_not_tell() {
    check(
        "the sale is in no report of two days after",
        |l| vec![empty(1), report_of(2, &l[1..]), empty(3)],
        "
        movements: 1000 less 39 pending, -300 less 0 by 2/1 for 0
        breaks: missing_at_acquirer open: 1000 expected, []
        balances: 2 leaves 961/-300
        ledger: receivable -1000, merchant 961, available -300, cash 300, fee_income 39
        events: report.applied, report.applied, balance.available, report.applied, break.opened
        ",
    );
}

/// Pulls with these reports, and says what is there afterwards.
fn after(scene: &Scene, reports: Vec<(Head, Vec<Line>)>) -> String {
    let acquirer = Acquirer { reports, calls: Mutex::new(None) };
    pulls(&scene.world, &acquirer).unwrap();
    pulls(&scene.world, &acquirer).unwrap();
    told(&scene.world)
}

#[test]
fn a_missing_line_comes_late() {
    let scene = sold();
    let lines: Vec<Line> = movements(&scene.world).iter().map(line_of).collect();
    let mut reports = vec![empty(1), report_of(2, &lines[1..]), empty(3)];
    assert!(after(&scene, reports.clone()).contains("missing_at_acquirer open"));
    reports.push(report_of(4, &lines[..1]));
    compare(
        "late",
        "
        movements: 1000 less 39 by 4/1 for 3, -300 less 0 by 2/1 for 0
        breaks: late settled_late: 1000 expected, []
        balances: 2 leaves 961/-300, 4 leaves 0/661
        ledger: available 661, cash -697, fee_income 39, acquirer_cost -3
        events: report.applied, report.applied, balance.available, report.applied, break.opened
        events: report.applied, break.resolved, balance.available
        ",
        &after(&scene, reports),
    );
}

/// The acquirer clears a capture whose answer was lost; the report comes before the repeated capture is answered.
#[test]
fn a_line_comes_before_its_movement() {
    let mut scene = play_under(FEES, &[create_manual(), confirm(&[YES]), capture(&[unsure(Unsure::NoAnswer)])]);
    let payment = scene.world.rows(Kind::Payment)[0].key;
    let completion = scene.world.attempts(payment)[1].clone();
    let rrn = RrnText(*completion.wire.rrn.text().as_bytes().first_chunk().unwrap());
    let (stan, terminal) = (completion.wire.stan, Some(completion.wire.terminal));
    let cleared = Line { number: 0, what: Cleared::Capture, rrn, stan, terminal, money: completion.money, costs: 3 };
    let mut reports = vec![report_of(1, &[cleared])];
    compare(
        "the line comes first",
        "
        breaks: unknown_to_us open: nothing expected, [capture 1000 of 1]
        ledger: cash -997, suspense 997
        events: report.applied, break.opened
        ",
        &after(&scene, reports.clone()),
    );
    scene.act(&recover(YES));
    reports.extend([empty(2), empty(3)]);
    after(&scene, reports.clone());
    reports.extend([empty(4), empty(5)]);
    compare(
        "then its movement",
        "
        movements: 1000 less 39 by 1/1 for 3
        breaks: unknown_to_us matched: 1000 expected, [capture 1000 of 1]
        ledger: available 961, cash -997, fee_income 39, acquirer_cost -3
        events: report.applied, break.opened, report.applied, report.applied, report.applied, report.applied
        events: break.resolved
        ",
        &after(&scene, reports),
    );
}

/// What an acquirer must not do: use an id again, or send other lines than it says.
#[test]
fn reports_that_cannot_be() {
    let scene = sold();
    let lines: Vec<Line> = movements(&scene.world).iter().map(line_of).collect();
    let pulled = |reports| pulls(&scene.world, &Acquirer { reports, calls: Mutex::new(None) }).unwrap();
    let good = report_of(1, &lines[..1]);
    let mut short = report_of(1, &lines);
    short.1.truncate(1);
    let found = pulled(vec![short]);
    assert_eq!((found.short, found.through, found.lines), (vec![1], 0, 1));
    // Under its id comes something else: nothing of that is taken.
    let other = Line { money: lines[1].money.with_minor(-301), ..lines[1] };
    let found = pulled(vec![report_of(1, &[lines[0], other])]);
    assert_eq!((found.changed, found.through, found.lines), (vec![1], 0, 0));
    // The rest of it comes with the next pull.
    assert_eq!(pulled(vec![report_of(1, &lines)]).through, 1);
    let found = pulled(vec![good.clone(), report_of(2, &[]), empty(3)]);
    assert_eq!((found.changed, found.through), (vec![], 3), "what was applied is not asked for again");
    let twisted = (Head { lines: 1, ..empty(4).0 }, vec![Line { number: 7, ..lines[0] }]);
    assert_eq!(pulled(vec![twisted]).short, [4]);
}

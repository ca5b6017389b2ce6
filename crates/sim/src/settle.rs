//! The acquirer's reports in the world: days that are closed, workers that pull, and the last pull after the storm.
//! Knows how reports get here, not what is done with them.

use crate::calm::Calm;
use crate::exec::Sim;
use crate::world::World;
use florin_connect::amount::from_wire;
use florin_core::money::{Currency, Money};
use florin_core::settlement::{Cleared, Head, Line, Listing, Reports, RrnText, Total, Unavailable, pull};
use florin_core::store::Wait;
use florin_core::time::Time;
use florin_core::wire::Terminal;
use florin_sandbox::{Fault as HostFault, ReportFault, ReportHead, ReportLine, Rule};
use florin_store::block_on;

/// Closed days after which a movement that no report names is missing.
pub const MISSING_AFTER_DAYS: u32 = 2;
const LINES_AT_ONCE: usize = 7;

fn money(minor: i64, code: &str) -> Option<Money> {
    let money = from_wire(&format!("{:012}", minor.unsigned_abs()), Currency::parse(code)?).ok()?;
    Some(money.with_minor(minor.signum() * money.minor))
}

fn head(told: &ReportHead) -> Option<Head> {
    let mut totals = vec![];
    for t in &told.totals {
        let (amount, costs) = (money(t.amount, &t.currency)?, money(t.costs, &t.currency)?);
        totals.push(Total { currency: amount.currency, lines: t.lines, amount: amount.minor, costs: costs.minor });
    }
    totals.sort_by_key(|t| t.currency);
    Some(Head { id: told.id, closed: Time(told.closed_at), lines: told.lines, totals })
}

fn line(told: &ReportLine) -> Option<Line> {
    let what = [Cleared::Sale, Cleared::Capture, Cleared::Refund, Cleared::Reversal];
    let what = what.into_iter().find(|what| what.as_str() == told.kind)?;
    let rrn = RrnText(told.rrn.as_bytes().try_into().ok()?);
    let terminal = told.terminal.strip_prefix("FL").and_then(|n| n.parse().ok()).map(Terminal);
    let costs = money(told.interchange + told.scheme_fee + told.acquirer_fee, &told.currency)?.minor;
    let (stan, money) = (told.stan.parse().ok()?, money(told.amount, &told.currency)?);
    Some(Line { number: told.line, what, rrn, stan, terminal, money, costs })
}

/// The host's report service, as a gateway reaches it.
pub struct Service(pub Sim);

impl Service {
    fn answers(&self) -> Result<(), Unavailable> {
        let world = &mut *self.0.lock();
        let silent = world.healed_at.is_none() && world.rng.chance(150);
        if silent { Err(Unavailable("no answer".into())) } else { Ok(()) }
    }
}

fn read<T>(told: Option<T>) -> Result<T, Unavailable> {
    told.ok_or_else(|| Unavailable("does not read".into()))
}

impl Reports for Service {
    fn list<'a>(&'a self, after: u64) -> Wait<'a, Result<Listing, Unavailable>> {
        Box::pin(async move {
            self.0.sleep(20).await;
            self.answers()?;
            let world = self.0.lock();
            let told = world.host.reports(after, world.true_time());
            Ok(Listing { heads: read(told.reports.iter().map(head).collect())?, newest: told.newest })
        })
    }
    fn lines<'a>(&'a self, report: u64, after: u32) -> Wait<'a, Result<Vec<Line>, Unavailable>> {
        Box::pin(async move {
            self.0.sleep(20).await;
            self.answers()?;
            let told = self.0.lock().host.report_lines(report, after, LINES_AT_ONCE);
            read(told.iter().map(line).collect())
        })
    }
}

/// Everything that the host ever reported, and an empty report after it: time enough has passed for what is missing to be seen.
struct Everything(Vec<(Head, Vec<Line>)>);

impl Reports for Everything {
    fn list<'a>(&'a self, after: u64) -> Wait<'a, Result<Listing, Unavailable>> {
        let heads = self.0.iter().map(|(head, _)| head.clone()).filter(|head| head.id > after).collect();
        let newest = self.0.len() as u64;
        Box::pin(std::future::ready(Ok(Listing { heads, newest })))
    }
    fn lines<'a>(&'a self, report: u64, after: u32) -> Wait<'a, Result<Vec<Line>, Unavailable>> {
        let found = self.0.iter().find(|(head, _)| head.id == report).map_or(&[][..], |(_, lines)| lines);
        let lines = found.iter().skip(after as usize).take(LINES_AT_ONCE).copied().collect();
        Box::pin(std::future::ready(Ok(lines)))
    }
}

impl World {
    /// The acquirer closes its day, and perhaps makes a poor job of its report. What it leaves out comes with the next.
    pub fn close_day(&mut self) {
        let now = self.true_time();
        let faults =
            [ReportFault::Twice, ReportFault::OutOfOrder, ReportFault::LateLine, ReportFault::Delayed { ms: 90_000 }];
        if self.rng.chance(500) {
            let fault = self.rng.pick(&faults);
            let _ = self.host.misbehave(now, Rule::new(HostFault::Report(fault)).next(1));
        }
        let (_, report) = self.host.close_day(now);
        self.tell(None, || format!("the acquirer closes its day: report {report:?}"));
    }

    /// The last day is closed, and every report that there is is applied. Gives every line, in order of reports.
    pub fn settle_everything(&mut self) -> Vec<Line> {
        self.host.behave();
        self.host.close_day(self.true_time());
        self.host.close_day(self.true_time());
        let mut all = vec![];
        let mut after = 0;
        while let Some(told) = self.host.reports(after, self.true_time()).reports.iter().max_by_key(|r| r.id).cloned() {
            for id in after + 1..=told.id {
                let one = self.host.reports(id - 1, self.true_time()).reports.into_iter().find(|r| r.id == id);
                let lines = self.host.report_lines(id, 0, usize::MAX);
                let mut rest = lines;
                let mut whole = vec![];
                while !rest.is_empty() {
                    whole.extend(rest.iter().filter_map(line));
                    rest = self.host.report_lines(id, u32::try_from(whole.len()).unwrap_or(u32::MAX), usize::MAX);
                }
                all.extend(one.as_ref().and_then(head).map(|head| (head, whole)));
            }
            after = told.id;
        }
        let lines = all.iter().flat_map(|(_, lines)| lines.clone()).collect();
        let closed = self.true_time();
        all.push((Head { id: all.len() as u64 + 1, closed, lines: 0, totals: vec![] }, vec![]));
        // Later than any clock of the world has ever been.
        let now = self.true_time().plus_ms(3 * 86_400_000);
        let calm = Calm::new(self.store.clone(), now, self.look.clone(), None);
        let everything = Everything(all);
        for _ in 0..2 {
            let pulled = block_on(pull(&calm, &everything, 0));
            if !pulled.as_ref().is_ok_and(|p| p.changed.is_empty() && p.short.is_empty() && p.through == p.newest) {
                self.audit.broken("every report is applied", None, || format!("{pulled:?}"));
            }
        }
        lines
    }
}

//! Many seeds on a few threads, and the report of what they showed. Holds no wall-clock figures: equal runs give equal reports.

use crate::coverage::{self, Coverage};
use crate::faults::Fault;
use crate::restore::{RestoreReport, run_restore};
use crate::seed::{Options, SeedReport, run_seed};
use florin_core::mutants::Mutant;
use florin_core::rare::Site;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

/// From this many seeds on, every kind of fault must have been injected.
const ALL_FAULTS_FROM_SEEDS: u64 = 1_000;
/// From this many seeds on, every rare branch must have been taken.
const ALL_BRANCHES_FROM_SEEDS: u64 = 200;
/// From this many seeds on, every step that is taken often must have been; from the second number on, every step.
const STEPS_FROM_SEEDS: (u64, u64) = (2_000, 10_000);
/// Lines of a story that a report shows.
const STORY_LIMIT_LINES: usize = 400;

/// What is to be proved.
#[derive(Clone, Copy, Debug)]
pub struct Prove {
    pub seeds: u64,
    /// The first seed.
    pub from: u64,
    pub threads: usize,
    /// A bug to plant; the run is then expected to fail. Needs the feature `mutants`, without which nothing is planted.
    pub mutant: Option<Mutant>,
    /// Stop after so many failures; 0 counts as 1.
    pub failures_limit: usize,
}

impl Prove {
    pub const fn new(seeds: u64, from: u64) -> Prove {
        Prove { seeds, from, threads: 2, mutant: None, failures_limit: 1 }
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub seeds_done: u64,
    pub seeds: u64,
    pub payments: u64,
    pub failures: usize,
}

/// A promise that a seed broke.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    pub seed: u64,
    pub promise: &'static str,
    pub detail: String,
    /// The command that shows it again, if no bug was planted.
    pub replay: String,
    /// What happened to that payment, in order.
    pub story: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StepCount {
    pub what: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub times: u64,
    /// How often in a world that had seen this kind of fault before.
    pub after: BTreeMap<&'static str, u64>,
}

/// Backups that came back after a loss: one a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Disasters {
    pub restores: u64,
    /// Messages that were sent after the backup.
    pub lost: u64,
    /// Of those: payments that nobody here knew, and that were reversed.
    pub orphans: u64,
    /// Ends, captures and refunds that were booked again.
    pub taken_up: u64,
    /// How often a comparison died and was run again.
    pub deaths: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ProveReport {
    pub from: u64,
    pub seeds: u64,
    pub payments: u64,
    pub refunds: u64,
    pub attempts: u64,
    pub simulated_ms: i64,
    pub faults: BTreeMap<&'static str, u64>,
    /// Rare branches of the production code that the simulation took, and how often.
    pub branches: BTreeMap<&'static str, u64>,
    pub steps: Vec<StepCount>,
    pub disasters: Disasters,
    /// Kinds of faults that were never injected; told of from 1,000 seeds on.
    pub missing_faults: Vec<&'static str>,
    /// Rare branches that were never taken; told of from 200 seeds on.
    pub missing_branches: Vec<&'static str>,
    /// Steps that were never taken; told of from 2,000 seeds on, and the seldom ones from 10,000.
    pub missing_steps: Vec<String>,
    pub failures: Vec<Failure>,
    /// No failure, and enough was shown for the number of seeds.
    pub proved: bool,
}

/// Runs seeds `from` to `from + seeds - 1`. `progress` is called on this thread now and then.
pub fn prove(options: Prove, progress: &dyn Fn(Progress)) -> ProveReport {
    plant(options.mutant);
    let mut sum = Sum::default();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let limit = options.failures_limit.max(1);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel::<Shown>();
        for _ in 0..options.threads.max(1) {
            let (sender, next, stop) = (sender.clone(), &next, &stop);
            scope.spawn(move || work(options, next, stop, &sender));
        }
        drop(sender);
        for (report, disaster) in receiver {
            sum.disaster(report.seed, disaster);
            sum.add(report);
            stop.fetch_or(sum.failures.len() >= limit, Ordering::Relaxed);
            progress(Progress {
                seeds_done: sum.seeds,
                seeds: options.seeds,
                payments: sum.payments,
                failures: sum.failures.len(),
            });
        }
    });
    let report = sum.report(options);
    plant(None);
    report
}

/// A seed's history, and its restore.
type Shown = (SeedReport, Result<RestoreReport, String>);

fn work(options: Prove, next: &AtomicU64, stop: &AtomicBool, sender: &mpsc::Sender<Shown>) {
    while !stop.load(Ordering::Relaxed) {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= options.seeds {
            return;
        }
        let seed = options.from.wrapping_add(n);
        let shown = (run_seed(seed, &Options::default()), run_restore(seed));
        // The other side hangs up only when this run is over.
        if sender.send(shown).is_err() {
            return;
        }
    }
}

#[cfg(feature = "mutants")]
fn plant(mutant: Option<Mutant>) {
    florin_core::mutants::plant(mutant);
}

#[cfg(not(feature = "mutants"))]
fn plant(_: Option<Mutant>) {}

#[derive(Default)]
struct Sum {
    seeds: u64,
    payments: u64,
    refunds: u64,
    attempts: u64,
    simulated_ms: i64,
    faults: BTreeMap<Fault, u64>,
    branches: BTreeMap<Site, u64>,
    coverage: Coverage,
    disasters: Disasters,
    failures: Vec<Failure>,
}

impl Sum {
    fn disaster(&mut self, seed: u64, shown: Result<RestoreReport, String>) {
        match shown {
            Ok(report) => {
                let sum = &mut self.disasters;
                sum.restores += 1;
                sum.lost += report.lost;
                sum.orphans += report.orphans;
                sum.taken_up += report.taken_up + report.concluded;
                sum.deaths += report.deaths;
            }
            Err(detail) => self.failures.push(Failure {
                seed,
                promise: "a restore loses nothing and takes nothing twice",
                detail,
                replay: format!("florin prove --from {seed} --seeds 1"),
                story: Vec::new(),
            }),
        }
    }

    fn add(&mut self, report: SeedReport) {
        self.seeds += 1;
        self.payments += report.payments;
        self.refunds += report.refunds;
        self.attempts += report.attempts;
        self.simulated_ms += report.lasted_ms;
        self.coverage.add(&report.coverage);
        for (fault, times) in &report.faults {
            *self.faults.entry(*fault).or_insert(0) += times;
        }
        for (site, times) in &report.rare {
            *self.branches.entry(*site).or_insert(0) += times;
        }
        if let Some((promise, detail)) = report.violation {
            let story = run_seed(report.seed, &Options { story: true }).story;
            let from = story.len().saturating_sub(STORY_LIMIT_LINES);
            self.failures.push(Failure {
                seed: report.seed,
                promise,
                detail,
                replay: format!("florin prove --from {} --seeds 1", report.seed),
                story: story.get(from..).unwrap_or_default().to_vec(),
            });
        }
    }

    /// Chance alone leaves some out of a short run: nothing is missing there.
    fn missing_faults(&self) -> Vec<&'static str> {
        if self.seeds < ALL_FAULTS_FROM_SEEDS {
            return Vec::new();
        }
        let unseen = Fault::ALL.iter().filter(|fault| !self.faults.contains_key(fault));
        unseen.map(|fault| fault.as_str()).collect()
    }

    fn missing_branches(&self) -> Vec<&'static str> {
        if self.seeds < ALL_BRANCHES_FROM_SEEDS {
            return Vec::new();
        }
        Site::ALL.iter().filter(|site| !self.branches.contains_key(site)).map(|site| site.name()).collect()
    }

    fn missing_steps(&self) -> Vec<String> {
        if self.seeds < STEPS_FROM_SEEDS.0 {
            return Vec::new();
        }
        let long = self.seeds >= STEPS_FROM_SEEDS.1;
        let missing = coverage::expected(long).into_iter().filter(|step| !self.coverage.0.contains_key(step));
        missing.map(|(what, from, to)| format!("{what}: {from} to {to}")).collect()
    }

    fn report(mut self, options: Prove) -> ProveReport {
        self.failures.sort_by_key(|failure| failure.seed);
        let (missing_faults, missing_steps) = (self.missing_faults(), self.missing_steps());
        let missing_branches = self.missing_branches();
        let enough = missing_faults.is_empty() && missing_branches.is_empty() && missing_steps.is_empty();
        let steps = self.coverage.0.iter().map(|(step, taken)| StepCount {
            what: step.0,
            from: step.1,
            to: step.2,
            times: taken.times,
            after: Fault::ALL.iter().zip(taken.after).filter(|(_, n)| *n > 0).map(|(f, n)| (f.as_str(), n)).collect(),
        });
        ProveReport {
            from: options.from,
            seeds: self.seeds,
            payments: self.payments,
            refunds: self.refunds,
            attempts: self.attempts,
            simulated_ms: self.simulated_ms,
            faults: self.faults.iter().map(|(fault, times)| (fault.as_str(), *times)).collect(),
            branches: self.branches.iter().map(|(site, times)| (site.name(), *times)).collect(),
            steps: steps.collect(),
            disasters: self.disasters,
            proved: self.failures.is_empty() && enough,
            missing_faults,
            missing_branches,
            missing_steps,
            failures: self.failures,
        }
    }
}

//! One seed from its beginning to its audit.

use crate::audit::Violation;
use crate::cards;
use crate::coverage::Coverage;
use crate::exec::Sim;
use crate::faults::Fault;
use crate::opening;
use crate::workload;
use crate::world::{Plan, World};
use florin_core::rare::Site;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep the story; costs time.
    pub story: bool,
}

/// What one seed came to.
#[derive(Clone, Debug)]
pub struct SeedReport {
    pub seed: u64,
    pub payments: u64,
    pub refunds: u64,
    pub attempts: u64,
    /// Simulated time, ms.
    pub lasted_ms: i64,
    /// Equal for equal seeds: a hash of every event in order.
    pub trace_hash: u64,
    pub faults: BTreeMap<Fault, u64>,
    /// Rare branches of the production code that were taken, and how often.
    pub rare: BTreeMap<Site, u64>,
    pub(crate) coverage: Coverage,
    /// The promise that did not hold, and how.
    pub violation: Option<(&'static str, String)>,
    /// With `Options::story`: what happened to the payment in question, or to all when nothing was violated.
    pub story: Vec<String>,
}

/// Runs the world of a seed: a storm, the calm after it, the audit.
pub fn run_seed(seed: u64, options: &Options) -> SeedReport {
    let sim = Sim::new(World::new(&Plan { seed, story: options.story }, cards::all()));
    let rare = sim.lock().rare.clone();
    let _armed = rare.arm(seed);
    opening::open(&sim);
    {
        let mut world = sim.lock();
        let storm_ms = workload::begin(&mut world, &sim);
        world.begin(&sim, storm_ms);
    }
    sim.run();
    let world = &mut *sim.lock();
    if world.audit.violation.is_none() {
        world.audit_end();
    }
    report(world)
}

fn report(world: &mut World) -> SeedReport {
    let violation = world.audit.violation.take();
    let family = match &violation {
        Some(Violation { about: Some(about), .. }) => world.audit.family(*about),
        _ => Vec::new(),
    };
    SeedReport {
        seed: world.seed,
        payments: world.audit.payments(),
        refunds: world.audit.refunds(),
        attempts: world.audit.attempts(),
        lasted_ms: world.now,
        trace_hash: world.trace.hash(),
        faults: std::mem::take(&mut world.faults),
        rare: world.rare.taken(),
        coverage: std::mem::take(&mut world.audit.coverage),
        violation: violation.map(|v| (v.promise, v.detail)),
        story: world.trace.story(&family),
    }
}

//! Measures the SQLite engine under payments in flight: rate, processor time and bytes a payment, beside a raw log.
//! Knows only the shape and size of a payment's commits.

mod lanes;
mod load;

use crate::sqlite::{OpenError, Options, SqliteStore};
use florin_core::seal::Secret;
use load::Load;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to measure. A payment is created by one commit, which is timed apart, and carried through by two.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Payments stored before anything is timed.
    pub stored: u32,
    /// Payments timed.
    pub payments: u32,
    /// Payments in flight, each with at most one commit waiting.
    pub in_flight: u32,
}

/// Whole numbers: what is behind the point is noise on a shared machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    pub stored: u32,
    pub in_flight: u32,
    /// Commits that create a payment, a second.
    pub creates_per_second: u64,
    /// Payments carried through by two durable commits, a second.
    pub payments_per_second: u64,
    /// Processor time of this process, sealing and load included, for the two commits of a payment.
    pub cpu_us_per_payment: u64,
    /// Growth of the database file, create commit, claim and answer included.
    pub file_bytes_per_payment: u64,
    /// What the process caused to be written, log and checkpoints included, for the two commits.
    pub written_bytes_per_payment: u64,
    /// A log that appends as many bytes in groups of as many, and syncs each: the bound that the disk sets.
    pub raw_log_payments_per_second: u64,
}

#[derive(Debug)]
pub enum BenchError {
    Open(OpenError),
    Io(std::io::Error),
    /// A commit of the load was not applied.
    Commit(String),
}

impl From<std::io::Error> for BenchError {
    fn from(error: std::io::Error) -> BenchError {
        BenchError::Io(error)
    }
}

impl std::fmt::Display for BenchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BenchError::Open(error) => write!(f, "{error}"),
            BenchError::Io(error) => write!(f, "{error}"),
            BenchError::Commit(what) => write!(f, "a commit failed: {what}"),
        }
    }
}

impl std::error::Error for BenchError {}

/// Payments that one step of loading creates and then carries through.
const LOADED_AT_ONCE: u32 = 20_000;
/// Payments in flight while loading: full groups.
const LOADING_IN_FLIGHT: u32 = 1_024;

/// Carries out the plans on one new database at `path`, one after another: a later plan adds to what the earlier ones
/// stored. The files are removed at the end.
pub fn bench(path: &Path, plans: &[Plan]) -> Result<Vec<Measured>, BenchError> {
    let files = Files(path.to_owned());
    files.remove();
    let store = SqliteStore::open(path, Options::default(), Secret::new([7; 32])).map_err(BenchError::Open)?;
    let mut load = Load::new();
    let measured = plans.iter().map(|plan| measure(path, &store, &mut load, *plan)).collect();
    drop(store);
    files.remove();
    measured
}

fn measure(path: &Path, store: &SqliteStore, load: &mut Load, plan: Plan) -> Result<Measured, BenchError> {
    while load.stored < plan.stored {
        let n = LOADED_AT_ONCE.min(plan.stored - load.stored);
        let payments = load.create(store, n, LOADING_IN_FLIGHT)?;
        load.carry_through(store, &payments, LOADING_IN_FLIGHT)?;
    }
    let (stored, size) = (load.stored, file_bytes(path)?);
    let start = Instant::now();
    let payments = load.create(store, plan.payments, plan.in_flight)?;
    let creating = start.elapsed();
    let (start, cpu, written) = (Instant::now(), cpu_time(), written_bytes()?);
    load.carry_through(store, &payments, plan.in_flight)?;
    let (carrying, cpu, written) =
        (start.elapsed(), cpu_time().saturating_sub(cpu), written_bytes()?.saturating_sub(written));
    let size = file_bytes(path)?.saturating_sub(size);
    let n = u64::from(plan.payments.max(1));
    Ok(Measured {
        stored,
        in_flight: plan.in_flight,
        creates_per_second: per_second(n, creating),
        payments_per_second: per_second(n, carrying),
        cpu_us_per_payment: micros(cpu) / n,
        file_bytes_per_payment: size / n,
        written_bytes_per_payment: written / n,
        raw_log_payments_per_second: raw_log(path, plan)?,
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn per_second(n: u64, time: Duration) -> u64 {
    n * 1_000_000 / micros(time).max(1)
}

fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// What the kernel counts as written to storage for this process.
fn written_bytes() -> Result<u64, BenchError> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.and_then(|n| n.trim().parse().ok()).unwrap_or(0))
}

/// The database and its log, whose pages are not folded in yet.
fn file_bytes(path: &Path) -> Result<u64, BenchError> {
    Ok(fs::metadata(path)?.len())
}

/// The same bytes appended and synced in groups of as many.
fn raw_log(path: &Path, plan: Plan) -> Result<u64, BenchError> {
    let path = path.with_extension("raw");
    let mut log = File::create(&path)?;
    let group = vec![0x5a; usize::try_from(plan.in_flight.max(1)).unwrap_or(1) * load::BYTES_PER_COMMIT];
    let groups = (2 * plan.payments / plan.in_flight.max(1)).max(1);
    let start = Instant::now();
    for _ in 0..groups {
        log.write_all(&group)?;
        log.sync_data()?;
    }
    let rate = per_second(u64::from(groups) * u64::from(plan.in_flight.max(1)) / 2, start.elapsed());
    fs::remove_file(&path)?;
    Ok(rate)
}

/// The files of the bench's database.
struct Files(PathBuf);

impl Files {
    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            // What is not there need not go.
            let _ = fs::remove_file(name);
        }
    }
}

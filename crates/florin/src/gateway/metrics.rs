//! What this installation tells a monitoring system: counters of the acquirer's link, and gauges looked up when they are asked for.
//! Labels are words of closed lists; nothing in them names a person, a payment or a merchant. Knows no HTTP.

use super::disk::Disk;
use super::fence::Fence;
use super::ports::{Real, now};
use crate::commands::backup::state as backup_state;
use crate::commands::key_age;
use crate::home::Home;
use florin_core::commit::{Job, JobKind};
use florin_core::ports::Ports;
use florin_core::store::Query;
use florin_core::time::Time;
use florin_core::wire::{Act, Order, Verdict};
use florin_vault::link::LinkState;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Seconds. An acquirer answers in tens of milliseconds to seconds; after fifteen its answer is late.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];
/// Jobs of a kind that are counted at most.
const JOBS_COUNTED: u32 = 1_000;

type Words<const N: usize> = [(&'static str, Cow<'static, str>); N];
type Decimal = Gauge<f64, AtomicU64>;
/// A gauge that is left out while there is nothing to tell.
type Maybe<G> = Family<Words<0>, G>;

/// What is counted while it happens.
pub struct Counted {
    messages: Family<Words<3>, Counter>,
    answers: Family<Words<1>, Histogram, fn() -> Histogram>,
    requests: Family<Words<1>, Counter>,
}

impl Counted {
    pub fn new() -> Counted {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Counted {
            messages: Family::default(),
            answers: Family::new_with_constructor(histogram),
            requests: Family::default(),
        }
    }

    /// A message to the acquirer, and what came of it.
    pub fn sent(&self, order: &Order, verdict: &Verdict, took: Duration) {
        let message = word(&order.act);
        let (result, code) = outcome(verdict);
        self.messages
            .get_or_create(&[("message", message.into()), ("result", result.into()), ("response_code", code)])
            .inc();
        if matches!(verdict, Verdict::Approved(_) | Verdict::Declined(_)) {
            self.answers.get_or_create(&[("message", message.into())]).observe(took.as_secs_f64());
        }
    }

    /// A request that the API answered with this status.
    pub fn answered(&self, status: u16) {
        let class = match status {
            100..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&[("status", class.into())]).inc();
    }
}

const fn word(act: &Act) -> &'static str {
    match act {
        Act::Sale { .. } => "sale",
        Act::Authorization { .. } => "authorization",
        Act::Increment { .. } => "increment",
        Act::Completion { .. } => "completion",
        Act::Refund { .. } => "refund",
        Act::Reversal { .. } => "reversal",
        Act::Verification { .. } => "verification",
    }
}

/// What came of it, and the issuer's code (ISO 8583 DE 39) where it has one.
fn outcome(verdict: &Verdict) -> (&'static str, Cow<'static, str>) {
    match verdict {
        Verdict::Approved(_) => ("approved", "00".into()),
        Verdict::Declined(decline) => ("declined", decline.response.text().to_owned().into()),
        Verdict::Pending => ("pending", "".into()),
        Verdict::Unknown(_) => ("unknown", "".into()),
        Verdict::NotSent(_) => ("not_sent", "".into()),
    }
}

/// What is looked up when it is asked for.
#[derive(Default)]
struct Looked {
    backup_age: Maybe<Gauge>,
    verified_age: Maybe<Gauge>,
    backup_failed: Gauge,
    link_up: Gauge,
    open: Gauge,
    jobs: Family<Words<1>, Gauge>,
    disk_free: Gauge,
    fenced: Gauge,
    certificates: Family<Words<1>, Gauge>,
    keys: Family<Words<1>, Gauge>,
    masked: Gauge,
    audit_size: Gauge,
    audit_age: Gauge,
    audit_wrong: Gauge,
}

pub struct Metrics {
    ports: Arc<Real>,
    fence: Arc<Fence>,
    disk: Arc<Disk>,
    /// Where the state of the backups is noted.
    backups: PathBuf,
    certificates: Vec<(String, PathBuf)>,
    home: Home,
    registry: Registry,
    looked: Looked,
}

impl Metrics {
    pub fn new(
        ports: Arc<Real>,
        fence: Arc<Fence>,
        disk: Arc<Disk>,
        (backups, certificates, home): (PathBuf, Vec<(String, PathBuf)>, Home),
    ) -> Metrics {
        let looked = Looked::default();
        let mut all = Registry::with_prefix("florin");
        let counted = &ports.counted;
        all.register("build", "What runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        let started = Decimal::default();
        started.set(now().0 as f64 / 1_000.0);
        all.register_with_unit("start_time", "When this gateway began to serve, Unix time", Unit::Seconds, started);
        all.register(
            "messages",
            "Messages to the acquirer: what was asked, what came of it, and the response code (DE 39)",
            counted.messages.clone(),
        );
        all.register_with_unit(
            "authorization",
            "How long the acquirer took to answer",
            Unit::Seconds,
            counted.answers.clone(),
        );
        all.register("requests", "Answered requests of the API by class of status", counted.requests.clone());
        all.register("link_up", "Whether the link to the acquirer is signed on", looked.link_up.clone());
        all.register(
            "open_attempts",
            "Attempts whose answer is overdue and whose end is not known yet, counted to 1,000",
            looked.open.clone(),
        );
        all.register("jobs", "Work that waits, by kind, counted to 1,000 of each", looked.jobs.clone());
        all.register_with_unit(
            "backup_age",
            "How old the newest backup is that holds all there was",
            Unit::Seconds,
            looked.backup_age.clone(),
        );
        all.register_with_unit(
            "backup_verified_age",
            "How long ago a backup was last restored and checked",
            Unit::Seconds,
            looked.verified_age.clone(),
        );
        all.register("backup_failed", "Whether the last backup or its trial failed", looked.backup_failed.clone());
        all.register_with_unit("disk_free", "Room under the database", Unit::Bytes, looked.disk_free.clone());
        all.register(
            "restore_fenced",
            "Whether this installation came back from a backup and is not open",
            looked.fenced.clone(),
        );
        all.register(
            "certificate_ends_timestamp",
            "When a certificate in use ends, Unix time in seconds, by the setting that names it",
            looked.certificates.clone(),
        );
        all.register(
            "key_period_ends_timestamp",
            "When a key has been in use as long as it may, Unix time in seconds, by the name it is rotated with",
            looked.keys.clone(),
        );
        all.register(
            "log_card_numbers_masked",
            "Lines of this gateway's log in which a card number was masked: each is a defect",
            looked.masked.clone(),
        );
        audit(&mut all, &looked);
        Metrics { ports, fence, disk, backups, certificates, home, registry: all, looked }
    }

    /// OpenMetrics text.
    pub async fn text(&self) -> String {
        self.look().await;
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(std::fmt::Error) => unreachable!("a string takes everything"),
        }
    }

    /// Whether payments are taken now; in words why not.
    pub async fn ready(&self) -> Result<(), &'static str> {
        if self.fence.is_closed() {
            return Err("restored from a backup, not open yet");
        }
        if self.disk.is_low() {
            return Err("the disk is too full");
        }
        match self.ports.vault.health().await {
            Ok(_) => Ok(()),
            Err(_) => Err("the vault does not answer"),
        }
    }

    async fn look(&self) {
        let looked = &self.looked;
        let up = self.ports.vault.health().await.is_ok_and(|health| health.link.state == LinkState::Up);
        looked.link_up.set(i64::from(up));
        looked.fenced.set(i64::from(self.fence.is_closed()));
        looked.disk_free.set(i64::try_from(self.disk.free_bytes()).unwrap_or(i64::MAX));
        looked.masked.set(i64::try_from(crate::log::defects()).unwrap_or(i64::MAX));
        for (name, path) in &self.certificates {
            if let Some(ends) = crate::certificates::ends(path) {
                looked.certificates.get_or_create(&[("certificate", name.clone().into())]).set(ends);
            }
        }
        for key in key_age::all(&self.home) {
            if let Some(ends) = key.ends() {
                looked.keys.get_or_create(&[("key", key.name.into())]).set(ends / 1_000);
            }
        }
        let audit = &self.ports.audit;
        looked.audit_size.set(audit.size.load(Ordering::Relaxed));
        let waits = now().0.saturating_sub(audit.since.load(Ordering::Relaxed)) / 1_000;
        looked.audit_age.set(waits.max(0));
        looked.audit_wrong.set(i64::from(audit.wrong.load(Ordering::Relaxed)));
        for kind in JobKind::ALL {
            let query = Query::Jobs { kind: Some(*kind), limit: JOBS_COUNTED };
            // A store that cannot be read tells nothing new; that it cannot shows elsewhere.
            let Ok(found) = self.ports.store().find(query).await else { continue };
            let jobs = found.jobs();
            let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            if *kind == JobKind::Resolve {
                looked.open.set(count(jobs.iter().filter(|job| is_overdue(job, now())).count()));
            }
            let waiting = count(jobs.len());
            looked.jobs.get_or_create(&[("kind", name(*kind).into())]).set(waiting);
        }
        let state = backup_state::of(&self.backups);
        let age = |at: i64| (now().0 - at).max(0) / 1_000;
        let tell = |gauge: &Maybe<Gauge>, at: Option<i64>| match at {
            Some(at) => drop(gauge.get_or_create(&[]).set(age(at))),
            None => gauge.clear(),
        };
        tell(&looked.backup_age, state.as_ref().and_then(|s| s.made.as_ref()).map(|made| made.at));
        let verified = state.as_ref().and_then(|s| s.verified.as_ref());
        tell(&looked.verified_age, verified.filter(|v| v.ok).map(|v| v.at));
        let failed = state.as_ref().is_some_and(|s| s.failed.is_some()) || verified.is_some_and(|v| !v.ok);
        looked.backup_failed.set(i64::from(failed));
    }
}

/// An attempt's job is put before its message is sent, for the moment by which an answer had to be there. A worker that takes it puts it off,
/// and so does a reversal that is to be repeated.
fn is_overdue(job: &Job, now: Time) -> bool {
    job.tries > 0 || job.due <= now
}

fn audit(all: &mut Registry, looked: &Looked) {
    all.register("audit_entries", "Entries of the audit log", looked.audit_size.clone());
    all.register_with_unit(
        "audit_unsigned",
        "How long the oldest entry of the audit log has waited for a checkpoint that is kept",
        Unit::Seconds,
        looked.audit_age.clone(),
    );
    all.register("audit_broken", "Whether the audit log is not what was signed", looked.audit_wrong.clone());
}

const fn name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Resolve => "resolve",
        JobKind::Deliver => "deliver",
        JobKind::Erase => "erase",
        JobKind::Expire => "expire",
        JobKind::Chase => "chase",
        JobKind::Notify => "notify",
    }
}

#[cfg(test)]
mod tests {
    use super::is_overdue;
    use florin_core::commit::{Clock, Job, JobKind};
    use florin_core::id::Key;
    use florin_core::time::Time;

    #[test]
    fn what_waits_for_its_answer_is_not_overdue() {
        let check = |due: i64, tries: u32, expected: bool| {
            let (key, kind) = (Key(1), JobKind::Resolve);
            let (account, subject, attempt) = (key, key, key);
            let job = Job { id: key, kind, account, subject, attempt, due: Time(due), clock: Clock::Real, tries };
            assert_eq!(is_overdue(&job, Time(100)), expected, "due {due}, tries {tries}");
        };
        check(101, 0, false);
        check(100, 0, true);
        check(99, 0, true);
        // Put off by the worker that takes it, and by a reversal that was not answered.
        check(400, 1, true);
    }
}

//! The comparison as a whole: the terminals of the lost time are set aside, the journal is read, each message is dealt with, the
//! recovery settles what is open, and the installation opens. May die anywhere and be run again. Knows no file and no clock.

use super::journal::{Entry, Journal};
use super::missing::{Named, missing};
use super::perform::{self, Known};
use super::row::{EVENT, Restore, RestoreStage, RestoreView, restore_key, version};
use super::{Done, Finding};
use crate::attempt::{self, LEASE_MS};
use crate::commit::{Commit, Event, JobKind, Row};
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::record;
use crate::refusal::Refusal;
use crate::settlement::Unavailable;
use crate::store::{Query, StoreTrouble};
use crate::terminal::{self, HOUSE};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Messages of a journal that are compared at once.
const MOST_ENTRIES: usize = 1_000_000;
/// Findings that are told one by one; all are counted.
const MOST_TOLD: usize = 1_000;
/// The acquirer's clock and ours may differ by so much.
const CLOCKS_DIFFER_MS: i64 = 600_000;
/// New ids begin so long after the last that the acquirer saw.
const AHEAD_MS: i64 = 1_000;
/// Jobs leased at a time.
const JOBS_AT_ONCE: u32 = 64;
/// Jobs looked at when those that wait are counted.
const JOBS_COUNTED: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When the backup was made, and when it was restored.
    pub made: Time,
    pub restored: Time,
    /// The comparison begins so long before the backup.
    pub margin_ms: i64,
    /// Says what would be done, and does nothing.
    pub rehearsal: bool,
}

/// Told now and then: messages dealt with, of so many.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// What the comparison found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub since: Time,
    /// Messages of the journal.
    pub entries: u64,
    /// Messages that cannot have been ours.
    pub strangers: u64,
    pub counts: BTreeMap<Done, u64>,
    /// What was not as it should be: the first thousand.
    pub findings: Vec<Finding>,
}

impl Compared {
    pub fn breaks(&self) -> u64 {
        self.counts.iter().filter(|(done, _)| done.is_break()).map(|(_, n)| n).sum()
    }
    fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.done).or_default() += 1;
        let plain = matches!(finding.done, Done::Known | Done::NothingStands);
        if !plain && self.findings.len() < MOST_TOLD {
            self.findings.push(finding);
        }
    }
}

/// Why nothing was compared. Nothing was opened either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCompared {
    /// The acquirer's journal cannot be read: why, in words.
    Unavailable(String),
    /// Our clock is not past this time, at which ids were made that are lost.
    ClockBehind(Time),
    /// The journal has more messages than are compared at once.
    TooLong,
    Failed(Failure),
}

impl From<Unavailable> for NotCompared {
    fn from(Unavailable(why): Unavailable) -> NotCompared {
        NotCompared::Unavailable(why)
    }
}
impl From<Failure> for NotCompared {
    fn from(failure: Failure) -> NotCompared {
        NotCompared::Failed(failure)
    }
}
impl From<StoreTrouble> for NotCompared {
    fn from(trouble: StoreTrouble) -> NotCompared {
        NotCompared::Failed(trouble.into())
    }
}

/// Compares, and books what that leads to. What is open afterwards is for `settle`.
pub async fn compare(
    ports: &dyn Ports,
    journal: &dyn Journal,
    asked: Asked,
    progress: Progress<'_>,
) -> Result<Compared, NotCompared> {
    let from = asked.made.plus_ms(-asked.margin_ms);
    let since = from.plus_ms(-CLOCKS_DIFFER_MS);
    let (entries, strangers) = read(journal, since, progress).await?;
    // Once it began, what came after the restore is this installation's own.
    if load(ports, asked.restored).await?.is_none() {
        clock(ports, asked, &entries)?;
    }
    if !asked.rehearsal {
        let used: BTreeSet<u32> = entries.iter().map(|e| e.wire.terminal.0).collect();
        begin(ports, asked, used, 0).await?;
    }
    let mut known = Known::load(ports, since.plus_ms(-CLOCKS_DIFFER_MS)).await?;
    let mut compared = Compared { since, entries: entries.len() as u64, strangers, ..Compared::default() };
    for (n, entry) in (1..).zip(&entries) {
        let done = perform::entry(ports, &mut known, entry, asked.rehearsal).await?;
        let Entry { wire, what, money, .. } = *entry;
        compared.add(Finding { rrn: wire.rrn, stan: wire.stan, what, money, at: wire.at, done });
        progress(n, compared.entries);
    }
    for finding in missing(ports, &known, &Named::of(&entries), from).await? {
        compared.add(finding);
    }
    Ok(compared)
}

async fn read(journal: &dyn Journal, since: Time, progress: Progress<'_>) -> Result<(Vec<Entry>, u64), NotCompared> {
    let (mut entries, mut strangers, mut after) = (vec![], 0, 0);
    loop {
        let page = journal.page(since, after).await?;
        strangers += page.strangers;
        entries.extend(page.entries);
        if entries.len() > MOST_ENTRIES {
            return Err(NotCompared::TooLong);
        }
        progress(0, page.of.max(entries.len() as u64));
        match page.next {
            Some(next) if next > after => after = next,
            Some(_) => return Err(NotCompared::Unavailable("the acquirer's journal does not go on".to_owned())),
            None => return Ok((entries, strangers)),
        }
    }
}

/// Ids are ordered by time: those that are made from now on must lie above every lost one.
fn clock(ports: &dyn Ports, asked: Asked, entries: &[Entry]) -> Result<(), NotCompared> {
    let lost = entries.iter().map(|e| e.wire.at.max(e.wire.rrn.0.time()).plus_ms(AHEAD_MS));
    let latest = lost.chain([asked.made, asked.restored]).max().unwrap_or(asked.restored);
    if ports.now() < latest { Err(NotCompared::ClockBehind(latest)) } else { Ok(()) }
}

/// Sets aside every terminal that may have sent in the lost time, once; what is sent from now on comes from others.
async fn begin(ports: &dyn Ports, asked: Asked, used: BTreeSet<u32>, unseen: u32) -> Result<(), Failure> {
    for _ in 0..flow::TRIES {
        if load(ports, asked.restored).await?.is_some() {
            return Ok(());
        }
        let mut commit = terminal::set_aside(ports.store(), &used, unseen, ports.now(), &|| ports.fresh_key()).await?;
        let body = Restore { made: asked.made, restored: asked.restored, stage: RestoreStage::Comparing };
        put(ports, &mut commit, None, asked.restored, body);
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => return Ok(()),
            Met::Conflict | Met::Replay(_) | Met::Guard => {}
        }
    }
    Err(Refusal::Contended.into())
}

/// Opens without a comparison, where the acquirer gives no journal. Twice is once.
pub async fn release(ports: &dyn Ports, asked: Asked) -> Result<(), Failure> {
    begin(ports, asked, BTreeSet::new(), terminal::UNSEEN).await?;
    finish(ports, asked, RestoreStage::Released { at: ports.now() }).await
}

async fn load(ports: &dyn Ports, restored: Time) -> Result<Option<RestoreView>, Failure> {
    let row = ports.store().get(&[restore_key(restored)]).await?.into_iter().next().flatten();
    row.as_ref().map(flow::read).transpose()
}

fn put(ports: &dyn Ports, commit: &mut Commit, from: Option<&RestoreView>, restored: Time, body: Restore) {
    let (key, now, before) = (restore_key(restored), ports.now(), version(from));
    let view = View { key, account: HOUSE, version: before.next(), at: now, body, personal: None };
    let row: Row = record::row(&view, vec![]);
    let event = Event { id: ports.fresh_key(), kind: EVENT, account: HOUSE, cause: key, version: view.version };
    commit.expect.push((key, before));
    commit.put.push(row);
    commit.events.push(event);
}

/// The ordinary recovery of what is due, one after the other, where no worker does it.
pub async fn settle(ports: &dyn Ports) -> Result<(), Failure> {
    loop {
        let now = ports.now();
        let leased = ports.store().lease(JobKind::Resolve, now, JOBS_AT_ONCE, now.plus_ms(2 * LEASE_MS)).await?;
        for job in &leased {
            attempt::resolve(ports, job).await?;
        }
        if leased.is_empty() {
            return Ok(());
        }
    }
}

/// How many attempts are open: they are due later, or their host does not answer.
pub async fn unsettled(ports: &dyn Ports) -> Result<u64, Failure> {
    // Of this kind alone: what waits for the fence is overdue, and there may be more of it than is counted.
    let open = Query::Jobs { kind: Some(JobKind::Resolve), limit: JOBS_COUNTED };
    Ok(ports.store().find(open).await?.jobs().len() as u64)
}

/// Whether the installation was opened after this restore.
pub async fn opened(ports: &dyn Ports, asked: Asked) -> Result<bool, Failure> {
    Ok(load(ports, asked.restored).await?.is_some_and(|v| v.body.stage != RestoreStage::Comparing))
}

/// The installation may take traffic: `stage` says why. Twice is once.
pub async fn finish(ports: &dyn Ports, asked: Asked, stage: RestoreStage) -> Result<(), Failure> {
    for _ in 0..flow::TRIES {
        let view = load(ports, asked.restored).await?;
        if view.as_ref().is_some_and(|v| v.body.stage != RestoreStage::Comparing) {
            return Ok(());
        }
        let mut commit = Commit::default();
        let body = Restore { made: asked.made, restored: asked.restored, stage: stage.clone() };
        put(ports, &mut commit, view.as_ref(), asked.restored, body);
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => return Ok(()),
            Met::Conflict | Met::Replay(_) | Met::Guard => {}
        }
    }
    Err(Refusal::Contended.into())
}

impl Compared {
    /// How the installation opens after this.
    pub fn opens(&self, at: Time) -> RestoreStage {
        let orphans = self.counts.get(&Done::Orphaned).copied().unwrap_or(0);
        RestoreStage::Open { at, entries: self.entries, orphans, accepted: self.breaks() }
    }
}

/// Orphans, newest first, for people.
pub async fn orphans(ports: &dyn Ports, account: Key, limit: u32) -> Result<Vec<super::OrphanView>, Failure> {
    let query = Query::List { under: account, kind: Kind::Orphan, before: None, limit };
    ports.store().find(query).await?.rows().iter().map(flow::read).collect()
}

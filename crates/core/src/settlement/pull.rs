//! Fetches reports and applies them, in any order in which they come; then looks for what is missing.

use super::apply::{apply, report};
use super::report::{Head, Line};
use super::scan::{self, Cursor};
use crate::flow::{self, Failure};
use crate::ports::Ports;
use crate::rare::{Site, or_short};
use crate::store::{StoreTrouble, Wait};

/// Answers of the acquirer in one pull.
const ROUNDS: usize = 100;
/// Reports that may be applied ahead of one that has not come.
const MOST_AHEAD: u64 = 100;

/// The acquirer cannot be asked, or its answer does not read: why, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// In any order, and perhaps twice.
    pub heads: Vec<Head>,
    /// The newest report that the acquirer has made.
    pub newest: u64,
}

/// Where reports come from.
pub trait Reports: Send + Sync {
    /// Reports after this one.
    fn list<'a>(&'a self, after: u64) -> Wait<'a, Result<Listing, Unavailable>>;
    /// The next lines of a report after this line, at most 200.
    fn lines<'a>(&'a self, report: u64, after: u32) -> Wait<'a, Result<Vec<Line>, Unavailable>>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullFailure {
    Unavailable(String),
    Failed(Failure),
}

impl From<Unavailable> for PullFailure {
    fn from(Unavailable(why): Unavailable) -> PullFailure {
        PullFailure::Unavailable(why)
    }
}

impl From<Failure> for PullFailure {
    fn from(failure: Failure) -> PullFailure {
        PullFailure::Failed(failure)
    }
}

impl From<StoreTrouble> for PullFailure {
    fn from(trouble: StoreTrouble) -> PullFailure {
        PullFailure::Failed(trouble.into())
    }
}

/// What a pull did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Every report up to this one is applied.
    pub through: u64,
    /// The newest report that the acquirer has made.
    pub newest: u64,
    pub lines: u32,
    /// Movements that were settled.
    pub settled: u64,
    /// Breaks that were opened, changed or resolved.
    pub breaks: u64,
    /// Reports that do not say what they said before under the same id: their lines were left alone.
    pub changed: Vec<u64>,
    /// Reports with fewer lines than they say: they stay as they are.
    pub short: Vec<u64>,
}

/// `missing_after_days`: a movement that no report names when so many days were closed after it is a break.
pub async fn pull(ports: &dyn Ports, source: &dyn Reports, missing_after_days: u32) -> Result<Pulled, PullFailure> {
    let mut pulled = Pulled::default();
    for _ in 0..or_short(Site::ShortPull, ROUNDS, 1) {
        let from = scan::cursor(ports.store()).await?;
        let mut listing = source.list(from.body.through).await?;
        pulled.newest = listing.newest;
        // Older ones first, so that what is taken back is known before its reversal comes.
        listing.heads.sort_by_key(|head| head.id);
        listing.heads.dedup();
        let ahead = from.body.through.saturating_add(MOST_AHEAD);
        for head in listing.heads.iter().filter(|head| head.id > from.body.through && head.id <= ahead) {
            if !apply(ports, source, head, &mut pulled).await? {
                pulled.short.push(head.id);
            }
        }
        let next = advance(ports, from.body.clone()).await?;
        let moved = next.through > from.body.through;
        let next = scan::look(ports, next, missing_after_days, &mut pulled).await?;
        pulled.through = next.through;
        let looking = next.looking.is_some();
        let stored = scan::store(ports, &from, next).await?;
        if stored && !looking && (!moved || pulled.through >= pulled.newest) {
            break;
        }
    }
    Ok(pulled)
}

/// Moves on over every report that was applied whole.
async fn advance(ports: &dyn Ports, mut cursor: Cursor) -> Result<Cursor, flow::Failure> {
    let now = ports.now();
    while let Some(view) = report(ports.store(), cursor.through.saturating_add(1)).await? {
        if !view.body.is_complete() {
            break;
        }
        cursor.mark(view.body.id, now);
    }
    Ok(cursor)
}

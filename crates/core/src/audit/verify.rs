//! Whether the log is what it was: every entry in its place and as it was written, none missing, and every checkpoint that was ever
//! signed over it still true. Names the entries that are not. Needs no running gateway.

use super::chain::{self, FIRST, Head};
use super::entry::{self, Recorded, SeenPersonal};
use super::note::Checkpoint;
use super::tree::Tree;
use crate::codec::Body;
use crate::commit::Row;
use crate::flow::Failure;
use crate::id::Kind;
use crate::store::{Query, Store, StoreTrouble};
use crate::terminal::HOUSE;

/// Entries read at a time.
const ROWS_AT_ONCE: u32 = 500;
/// Findings that are told; the rest is counted.
const MOST_TOLD: usize = 100;

/// What is wrong with one entry, or with the log's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no entry of this number.
    Missing,
    /// It was changed after it was written, or the one after it was.
    Altered,
    /// In its place stands the entry of another number.
    Moved { stands: u64 },
    /// It does not open, or is no entry.
    Unreadable,
    /// Where it came from is not what was written down.
    SeenAltered,
    /// The log's end says another number or another hash.
    HeadDiffers { says: u64 },
    /// It stands behind the log's end.
    BeyondHead,
    /// A signed checkpoint had it, and the log ends before: it was cut off.
    CutOff { checkpoint: u64 },
    /// A signed checkpoint over the entries up to this one has another root: one of them was changed after that, since the last good one.
    Rewritten { since: u64 },
}

impl Wrong {
    pub fn told(&self, number: u64) -> String {
        match self {
            Wrong::Missing => format!("entry {number} is missing"),
            Wrong::Altered => format!("entry {number} was changed after it was written"),
            Wrong::Moved { stands } => format!("entry {number} is not in its place: entry {stands} stands there"),
            Wrong::Unreadable => format!("entry {number} cannot be read: it was damaged"),
            Wrong::SeenAltered => format!("the address of entry {number} was changed after it was written"),
            Wrong::HeadDiffers { says } => {
                format!(
                    "the log ends with entry {number}, and what is stored of its end says entry {says} or another one"
                )
            }
            Wrong::BeyondHead => format!("entry {number} stands behind the end of the log"),
            Wrong::CutOff { checkpoint } => {
                format!(
                    "entry {number} is missing: a checkpoint was signed over {checkpoint} entries, so the log was cut off"
                )
            }
            Wrong::Rewritten { since } => {
                let from = since + 1;
                format!("entries {from} to {number} are not those that were signed: one of them was changed")
            }
        }
    }
}

/// What was found.
#[derive(Default)]
pub struct Verified {
    /// Entries that were read.
    pub size: u64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// The first of what is wrong, by number, at most 100.
    pub wrong: Vec<(u64, Wrong)>,
    /// All of what is wrong.
    pub count: u64,
    /// Over the entries that were read.
    pub tree: Tree,
}

impl Verified {
    fn wrong(&mut self, number: u64, what: Wrong) {
        self.count += 1;
        if self.wrong.len() < MOST_TOLD {
            self.wrong.push((number, what));
        }
    }
}

/// Reads the whole log. `checkpoints` are those whose signatures were checked.
pub async fn verify(store: &dyn Store, checkpoints: &[Checkpoint]) -> Result<Verified, Failure> {
    let mut found = Verified::default();
    let mut walk = Walk { expected: FIRST, last: [0; 32], before: None };
    let mut checkpoints: Vec<&Checkpoint> = checkpoints.iter().collect();
    checkpoints.sort_by_key(|c| c.size);
    let mut signed = Signed { waiting: checkpoints.into_iter().peekable(), good: 0 };
    signed.compare(&mut found);
    let mut head = chain::head(store).await?.body;
    loop {
        let rows = page(store, &mut walk, &mut found).await?;
        let Some(last) = rows.last() else { break };
        walk.before = Some(last.key);
        // Written meanwhile: an entry and the head that knows it are one commit.
        if place_of(last.key) > head.size {
            head = chain::head(store).await?.body;
        }
        for row in &rows {
            walk.row(row, &head, &mut found);
            signed.compare(&mut found);
        }
        turn().await;
    }
    // What is lost at the end is told by the end itself, and by what was signed.
    let read = walk.expected.saturating_sub(1);
    walk.missing(head.size.saturating_add(1), &mut found);
    found.size = read;
    if found.size > head.size || (found.size == head.size && head.last != walk.last) {
        found.wrong(found.size, Wrong::HeadDiffers { says: head.size });
    }
    for checkpoint in signed.waiting {
        found.wrong(checkpoint.size, Wrong::CutOff { checkpoint: checkpoint.size });
    }
    Ok(found)
}

/// Rows as they come. One that does not open is told and passed over.
async fn page(store: &dyn Store, walk: &mut Walk, found: &mut Verified) -> Result<Vec<Row>, Failure> {
    let after = |walk: &Walk| walk.before.unwrap_or(chain::key_of(0));
    let query = |walk: &Walk, limit| Query::Newer { under: HOUSE, kind: Kind::AuditEntry, after: after(walk), limit };
    match store.find(query(walk, ROWS_AT_ONCE)).await {
        Ok(rows) => return Ok(rows.rows()),
        Err(StoreTrouble::Sealed(_)) => {}
        Err(trouble) => return Err(trouble.into()),
    }
    // One of them: look at each.
    loop {
        match store.find(query(walk, 1)).await {
            Ok(rows) => return Ok(rows.rows()),
            Err(StoreTrouble::Sealed(key)) => {
                // Of an entry whose person's key does not open, that key is told and not the entry's: then it is the next one.
                let most = chain::head(store).await?.body.size;
                let told = place_of(key);
                let number = if (walk.expected..=most).contains(&told) { told } else { walk.expected };
                if number > most {
                    found.wrong(number, Wrong::BeyondHead);
                    return Ok(vec![]);
                }
                walk.missing(number, found);
                found.wrong(number, Wrong::Unreadable);
                (walk.before, walk.expected, walk.last) = (Some(chain::key_of(number)), number + 1, UNKNOWN);
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
}

/// The hash of an entry that could not be read: the next one cannot be compared with it.
const UNKNOWN: [u8; 32] = [0xff; 32];

struct Walk {
    expected: u64,
    /// The hash of the entry before.
    last: [u8; 32],
    before: Option<crate::id::Key>,
}

/// Lets others go on: a log may be long, and payments wait for nothing of it.
async fn turn() {
    let mut over = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut over, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// The number that a row's key stands for.
fn place_of(key: crate::id::Key) -> u64 {
    key.0.saturating_sub(chain::key_of(0).0).unsigned_abs()
}

impl Walk {
    /// Entries up to this one are not there. A row that was moved far away leaves a wide gap: the first of it are told, all are counted.
    fn missing(&mut self, place: u64, found: &mut Verified) {
        if self.expected >= place {
            return;
        }
        let told = (place - self.expected).min(MOST_TOLD as u64);
        for number in self.expected..self.expected.saturating_add(told) {
            found.wrong(number, Wrong::Missing);
        }
        found.count = found.count.saturating_add(place - self.expected - told);
        (self.expected, self.last) = (place, UNKNOWN);
    }

    fn row(&mut self, row: &Row, head: &Head, found: &mut Verified) {
        let place = place_of(row.key);
        self.missing(place, found);
        match Recorded::decode(&row.body) {
            Err(_) => found.wrong(place, Wrong::Unreadable),
            Ok(recorded) if recorded.number != place => found.wrong(place, Wrong::Moved { stands: recorded.number }),
            Ok(recorded) => {
                if recorded.before != self.last && self.last != UNKNOWN {
                    found.wrong(place.saturating_sub(1).max(FIRST), Wrong::Altered);
                }
                let seen = row.personal.as_ref().map(|p| SeenPersonal::commitment(&p.body));
                if seen.is_some() && seen != recorded.seen {
                    found.wrong(place, Wrong::SeenAltered);
                }
                if place > head.size {
                    found.wrong(place, Wrong::BeyondHead);
                }
            }
        }
        (self.expected, self.last) = (place.saturating_add(1), entry::hash(&row.body));
        found.tree.push(row.body.clone());
    }
}

/// Checkpoints that the tree has not come to yet, smallest first.
struct Signed<'a> {
    waiting: std::iter::Peekable<std::vec::IntoIter<&'a Checkpoint>>,
    /// The size of the last one that holds.
    good: u64,
}

impl Signed<'_> {
    fn compare(&mut self, found: &mut Verified) {
        while let Some(checkpoint) = self.waiting.next_if(|c| c.size <= found.tree.size()) {
            if checkpoint.size == found.tree.size() && checkpoint.root == found.tree.root() {
                self.good = checkpoint.size;
                found.checkpoints += 1;
            } else {
                found.wrong(checkpoint.size, Wrong::Rewritten { since: self.good });
            }
        }
    }
}

//! The Store: five verbs. What a row means is not its affair.

use crate::commit::{Claimed, Commit, Event, Job, JobKind, Link, Origin, Refused, Row, Version};
use crate::id::{Key, Kind};
use crate::ledger::{Balance, Book, LedgerAccount, Transfer};
use crate::money::Currency;
use crate::time::Time;
use std::future::Future;
use std::pin::Pin;

/// A future of a port. Boxed, so that flows are compiled once for the real and for the simulated world.
pub type Wait<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The store cannot answer. Whether a commit in flight was applied is not known: read before doing it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreTrouble {
    /// The writer has stopped after an I/O error; the process must end and recover at start.
    Stopped(String),
    /// A sealed body does not open: damaged, or under another key.
    Sealed(Key),
    Io(String),
}

/// What came of a commit that was not applied, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    Refused(Refused),
    Trouble(StoreTrouble),
}

/// What can be looked for. Closed: a new question is a new variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Current rows by index entries of `kind` under an account or a parent, newest first, those before `before`. At most `limit` (1 to 1,000).
    List {
        under: Key,
        kind: Kind,
        before: Option<Key>,
        limit: u32,
    },
    /// The same oldest first, those after `after`.
    Newer {
        under: Key,
        kind: Kind,
        after: Key,
        limit: u32,
    },
    /// The current row that holds this index entry.
    Holder {
        under: Key,
        kind: Kind,
        key: Key,
    },
    /// The newest versions of a key, oldest first. At most `limit` (1 to 1,000).
    History {
        key: Key,
        limit: u32,
    },
    /// One version of a key, with the request that it was made for.
    Step {
        key: Key,
        version: Version,
    },
    /// The numbered event of this id; none while it waits for its number.
    Numbered {
        id: Key,
    },
    /// Events of a shard that have no number yet, in order of commit.
    Unsequenced {
        shard: u8,
        limit: u32,
    },
    /// Numbered events of a shard after a number, in order.
    Sequenced {
        shard: u8,
        after: u64,
        limit: u32,
    },
    /// Numbered events of an account between two numbers (both excluded), in order or backwards.
    OfAccount {
        account: Key,
        after: u64,
        before: u64,
        backwards: bool,
        limit: u32,
    },
    /// The newest link of a shard.
    ChainHead {
        shard: u8,
    },
    /// The transfers of one row, oldest first, with the version that caused them.
    Transfers {
        cause: Key,
    },
    Balances {
        accounts: Vec<LedgerAccount>,
    },
    Claim {
        slot: i64,
    },
    /// The newest key of any row, event or job.
    NewestKey,
    /// Jobs that are not done, by due time, of one kind or of all; for people, not for work.
    Jobs {
        kind: Option<JobKind>,
        limit: u32,
    },
}

/// An event in the store's order of commits, with what the chain needs of the step it tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub position: i64,
    pub event: Event,
    /// SHA-256 over the random bytes and the canonical body of the row version that the event tells of.
    pub commitment: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencedEvent {
    pub stored: StoredEvent,
    pub link: Link,
}

/// One version of a key as it was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub row: Row,
    pub origin: Option<Origin>,
}

/// Answers to `Query`, variant by variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Rows(Vec<Row>),
    Step(Option<Step>),
    Events(Vec<StoredEvent>),
    Sequenced(Vec<SequencedEvent>),
    Head(Option<Link>),
    Transfers(Vec<(Version, Transfer)>),
    Balances(Vec<Balance>),
    Claim(Option<Claimed>),
    Key(Option<Key>),
    Jobs(Vec<Job>),
}

/// The answer to a question whose variant the caller knows. A store that answers another question has a bug.
#[allow(clippy::wildcard_enum_match_arm)]
impl Found {
    pub fn rows(self) -> Vec<Row> {
        match self {
            Found::Rows(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn step(self) -> Option<Step> {
        match self {
            Found::Step(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn events(self) -> Vec<StoredEvent> {
        match self {
            Found::Events(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn sequenced(self) -> Vec<SequencedEvent> {
        match self {
            Found::Sequenced(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn head(self) -> Option<Link> {
        match self {
            Found::Head(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn transfers(self) -> Vec<(Version, Transfer)> {
        match self {
            Found::Transfers(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn balances(self) -> Vec<Balance> {
        match self {
            Found::Balances(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn claim(self) -> Option<Claimed> {
        match self {
            Found::Claim(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn key(self) -> Option<Key> {
        match self {
            Found::Key(found) => found,
            other => other.misplaced(),
        }
    }
    pub fn jobs(self) -> Vec<Job> {
        match self {
            Found::Jobs(found) => found,
            other => other.misplaced(),
        }
    }
    fn misplaced(self) -> ! {
        unreachable!("a store answers the question that it was asked")
    }
}

/// What can be summed over everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Totals by book and currency, from the balances.
    Balances,
    /// The same, added up anew from the transfers.
    Transfers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    pub book: Book,
    pub currency: Currency,
    pub debits: i128,
    pub credits: i128,
}

/// The five verbs. Every engine passes the same conformance suite.
pub trait Store: Send + Sync {
    /// Current rows, in the order of `keys`; None where there is none.
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>>;
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>>;
    /// All of it, durable, or nothing.
    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>>;
    /// Up to `n` jobs on the real clock that are due at `now`, earliest first; then those that lie further ahead than their kind ever
    /// waits, because the clock was set back. Each is hidden until `until` and its tries grow by one. Durable.
    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>>;
    /// Sorted by book and currency; books without any transfer are absent.
    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>>;
}

//! What a host is set to, what it counts, and what it wants on disk. Plain values.

use crate::entry::{Entry, EntryId};
use florin_connect::core::time::Time;
use serde::{Deserialize, Serialize};

/// What a host is set to.
#[derive(Clone)]
pub struct HostSettings {
    /// Card numbers are kept only as HMAC-SHA256 under this key.
    pub hash_key: [u8; 32],
    /// Exact amounts of the dialect file ask for a behaviour.
    pub magic_amounts: bool,
    /// A host that answers 25 to a reversal without an original and then forgets it: a later original is approved.
    pub forgets_early_reversals: bool,
    /// Credit line of each account and currency, in minor units of ISO 4217.
    pub credit_line_minor: i64,
    /// Approvals of one account a day; 0 = no limit.
    pub approvals_per_day_limit: u32,
    /// Entries the books take; after that every request is answered 96.
    pub entries_limit: usize,
    /// Collect entries for `take_records`.
    pub records: bool,
    /// Collect hops for `take_hops`.
    pub hops: bool,
}

impl HostSettings {
    /// Plain behaviour: nothing collected, large credit lines, no magic amounts.
    pub fn new(hash_key: [u8; 32]) -> HostSettings {
        HostSettings {
            hash_key,
            magic_amounts: false,
            forgets_early_reversals: false,
            credit_line_minor: 999_999_999_999,
            approvals_per_day_limit: 0,
            entries_limit: 4_000_000,
            records: false,
            hops: false,
        }
    }
}

/// What must be on disk before the replies of the same call leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Entry(Entry),
    /// The business day ended after this entry.
    DayClosed {
        after: EntryId,
        at: Time,
    },
}

/// Records that do not follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRecords {
    /// The entry that should have come.
    pub expected: EntryId,
}

/// Messages that got no entry in the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub received: u64,
    /// Bodies that are no message of the dialect.
    pub unreadable: u64,
    /// Messages with a missing or malformed field.
    pub malformed: u64,
    /// Requests that came again and got their stored answer.
    pub repeated: u64,
    /// Messages that a fault fell on.
    pub faults: u64,
}

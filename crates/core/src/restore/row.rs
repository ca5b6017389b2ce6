//! The row of a restored database: when it was made, and how far the comparison came. One for each time that it was restored.

use crate::codec::Body;
use crate::commit::{EventKind, Version};
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestoreStage {
    /// The terminals of the lost time are set aside; what the acquirer knows is being compared.
    Comparing,
    /// Everything is booked, reversed, or accepted by a person.
    Open {
        at: Time,
        /// Messages of the journal.
        entries: u64,
        orphans: u64,
        /// Differences that a person accepted.
        accepted: u64,
    },
    /// Opened by a person without a comparison.
    Released { at: Time },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// When the backup was made, and when it was restored.
    pub made: Time,
    pub restored: Time,
    pub stage: RestoreStage,
}

impl Body for Restore {
    const FORMAT: u8 = 1;
}

impl Record for Restore {
    const KIND: Kind = Kind::Restore;
}

pub type RestoreView = View<Restore>;

/// Far below every generated key, and none of those of reports and breaks.
const RESTORES: i64 = 5 << 40;

/// The key of the row over what was restored at this time, to the second.
pub const fn restore_key(restored: Time) -> Key {
    Key(RESTORES | (restored.seconds() & ((1 << 40) - 1)))
}

pub(super) const EVENT: EventKind = EventKind::RestoreChanged;

/// The version that the next change of the row expects.
pub(super) fn version(view: Option<&RestoreView>) -> Version {
    view.map_or(Version::NONE, |v| v.version)
}

//! What endpoints ask their parameters for, written down while they ask: the API's description is made of it, so what is checked is what
//! is described. Knows no endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A type that a parameter was read as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Characters at most.
    Text(usize),
    /// The same; the empty text unsets.
    TextOrUnset(usize),
    Email,
    Integer(i64, i64),
    Boolean,
    Currency,
    Choice(Vec<String>),
    Object,
    Texts,
    /// A list of objects.
    Objects,
    /// A number with a point, as a text of digits.
    Decimal,
    Metadata,
    /// The empty text unsets.
    Unset,
    /// Understood, without effect.
    NoEffect,
}

/// What was asked of the parameters of one request. Names are whole: `card[exp_month]`.
#[derive(Debug, Default)]
pub struct Declared {
    seen: Mutex<BTreeMap<String, BTreeSet<Kind>>>,
    /// `done` was reached without an unknown parameter at the top: all names are here.
    whole: Mutex<bool>,
}

impl Declared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<Kind>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn note(&self, name: String, kind: Kind) {
        self.lock().entry(name).or_default().insert(kind);
    }
    pub(crate) fn set_whole(&self) {
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
    pub fn is_whole(&self) -> bool {
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Sorted by name.
    pub fn parameters(&self) -> BTreeMap<String, BTreeSet<Kind>> {
        self.lock().clone()
    }
}

//! One suite for every engine, and random histories that two engines must tell alike. Knows engines by the five verbs alone.
//! Everything here asserts: it is for tests.

pub(crate) mod build;
mod claims;
mod differential;
mod events;
mod jobs;
mod ledger;
mod races;
mod rows;

use florin_core::store::Store;

pub use differential::{History, Seen};

type Case = (&'static str, fn(&dyn Store));

/// Runs every case on a fresh store of its own.
///
/// # Panics
/// If the engine breaks one, after printing the case's name.
pub fn suite(new_store: &dyn Fn() -> Box<dyn Store>) {
    let groups: [&[Case]; 6] = [rows::CASES, ledger::CASES, claims::CASES, events::CASES, jobs::CASES, races::CASES];
    for (name, case) in groups.into_iter().flatten() {
        let store = new_store();
        let told = Told(name);
        case(store.as_ref());
        std::mem::forget(told);
    }
}

/// Names the case that a panic came from.
struct Told(&'static str);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("conformance case that failed: {}", self.0);
    }
}

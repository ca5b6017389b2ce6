//! Limits that every engine shares, and the assertion that a commit keeps to them. Knows no engine.

use florin_core::commit::{Claim, Commit};

/// Rows that one query gives at most, whatever it asks for.
pub const ROWS_PER_QUERY: u32 = 1_000;
/// Events, links and jobs that one query gives at most.
pub const EVENTS_PER_QUERY: u32 = 10_000;
/// Jobs that one lease gives at most.
pub const JOBS_PER_LEASE: u32 = 1_000;
/// Rows, transfers, events, jobs and so on in one commit: each list at most this long. Links are bounded by `EVENTS_PER_QUERY`.
pub const PARTS_PER_COMMIT: usize = 250;
/// Index entries of one row.
pub const INDEX_ENTRIES_PER_ROW: usize = 250;
/// A body, a personal body or an answer, in bytes.
pub const SIZE_OF_BODY_BYTES: usize = 1 << 20;

/// Asserts that a flow built what a flow may build. Runs on the caller's thread, before anything is locked or queued.
///
/// # Panics
/// If the commit is malformed: that is a bug of the caller, and nothing was changed.
pub fn assert_well_formed(commit: &Commit) {
    let checked = commit.check();
    assert!(checked.is_ok(), "malformed commit: {checked:?}");
    let parts = [
        commit.expect.len(),
        commit.put.len(),
        commit.transfers.len(),
        commit.events.len(),
        commit.jobs.len(),
        commit.done.len(),
    ];
    assert!(parts.iter().all(|n| *n <= PARTS_PER_COMMIT), "a commit of {parts:?} parts");
    let links = commit.links.as_ref().map_or(0, |links| links.links.len());
    assert!(links <= EVENTS_PER_QUERY as usize, "a commit of {links} links");
    for row in &commit.put {
        assert!(row.version.0 > 0 && row.version.0 < u32::MAX, "version {} of {:?}", row.version.0, row.key);
        assert!(row.index.len() <= INDEX_ENTRIES_PER_ROW, "{} index entries of {:?}", row.index.len(), row.key);
        let personal = row.personal.as_ref().map_or(0, |p| p.body.len());
        let longest = row.body.len().max(personal);
        assert!(longest <= SIZE_OF_BODY_BYTES, "a body of {longest} bytes of {:?}", row.key);
    }
    let answer = match &commit.claim {
        Some(Claim::Finish { answer, .. } | Claim::Answer { answer, .. } | Claim::Amend { answer, .. }) => answer.len(),
        Some(Claim::Begin { .. }) | None => 0,
    };
    assert!(answer <= SIZE_OF_BODY_BYTES, "an answer of {answer} bytes");
}

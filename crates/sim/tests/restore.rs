//! Disasters by the hundred: back to an instant that chance chose, compared with the acquirer, and the issuers' books are ours again.

use florin_sim::{RestoreReport, run_restore};

const SEEDS: u64 = 400;

#[test]
fn what_was_lost_is_settled_whatever_the_instant() {
    let reports: Vec<RestoreReport> =
        (0..SEEDS).map(|seed| run_restore(seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"))).collect();
    let sum = |of: fn(&RestoreReport) -> u64| reports.iter().map(of).sum::<u64>();
    // Each thing that can come of a lost message came of some.
    let kinds = [sum(|r| r.lost), sum(|r| r.orphans), sum(|r| r.concluded), sum(|r| r.taken_up), sum(|r| r.deaths)];
    assert!(kinds.iter().all(|n| *n > 20), "lost, orphans, concluded, taken up, deaths: {kinds:?}");
    // Equal seeds tell equal stories.
    assert_eq!(run_restore(7), Ok(reports[7]));
}

//! The simulated world as its users see it: promises hold, seeds replay, reports hold no card data.

use florin_sim::{Options, Prove, prove, run_seed};

/// Beginnings of the cards in use: no number may stand in anything that comes out.
const CANARIES: [&str; 3] = ["4929123456", "5457623898", "3742454554"];

#[test]
fn promises_hold_over_three_hundred_seeds() {
    let report = prove(Prove::new(300, 0), &|_| {});
    let failures: Vec<String> = report
        .failures
        .iter()
        .map(|f| format!("{}\n{}: {}\n{}", f.story.join("\n"), f.promise, f.detail, f.replay))
        .collect();
    assert!(report.proved, "{}", failures.join("\n\n"));
    assert_eq!(report.seeds, 300);
    assert!(report.payments > 3_000 && report.refunds > 1_000, "{} and {}", report.payments, report.refunds);
}

#[test]
fn nothing_is_missed_in_a_run_that_is_too_short_for_it() {
    for (seeds, from) in [(1, 7), (1_000, 0)] {
        let report = prove(Prove::new(seeds, from), &|_| {});
        let missing = (report.missing_faults, report.missing_steps);
        assert_eq!(missing, (vec![], vec![]), "{seeds} seeds");
        assert!(report.proved, "{seeds} seeds");
    }
}

#[test]
fn one_seed_is_one_history() {
    for seed in 1_000..1_050 {
        let (once, again) = (run_seed(seed, &Options { story: true }), run_seed(seed, &Options::default()));
        let figures = |r: &florin_sim::SeedReport| (r.trace_hash, r.payments, r.refunds, r.attempts, r.lasted_ms);
        assert_eq!(figures(&once), figures(&again), "seed {seed}");
        assert_eq!(once.faults, again.faults, "seed {seed}");
    }
    assert_ne!(run_seed(1, &Options::default()).trace_hash, run_seed(2, &Options::default()).trace_hash);
}

#[test]
fn threads_change_nothing_in_the_report() {
    let run = |threads| serde_json::to_string(&prove(Prove { threads, ..Prove::new(40, 500) }, &|_| {})).unwrap();
    assert_eq!(run(1), run(3));
}

#[test]
fn stories_and_reports_hold_no_card() {
    let mut all = serde_json::to_string(&prove(Prove::new(20, 2_000), &|_| {})).unwrap();
    for seed in 2_000..2_020 {
        let report = run_seed(seed, &Options { story: true });
        assert!(!report.story.is_empty());
        all.push_str(&report.story.join("\n"));
        all.push_str(&format!("{report:?}"));
    }
    for canary in CANARIES {
        assert!(!all.contains(canary));
    }
}

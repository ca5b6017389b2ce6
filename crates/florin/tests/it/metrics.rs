//! What a monitoring system is told, where, and that the shipped alerts and the page about them speak of what is really told.

use crate::backup::Kept;
use crate::house::{House, wait};
use crate::web::plain;
use std::collections::BTreeSet;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
const RULES: &str = include_str!("../../../../ops/prometheus/florin.rules.yml");
const PAGE: &str = include_str!("../../../../docs/monitoring.md");

fn asked(at: &str, request: &str) -> (u16, String) {
    let answer = plain(at, request, "", "").unwrap();
    (answer.status, answer.body)
}

/// The value of one line, if it is told.
fn value(text: &str, name: &str) -> Option<f64> {
    let rest = |line: &str| line.strip_prefix(name).map(|rest| rest.strip_prefix("{}").unwrap_or(rest).to_owned());
    let line = text.lines().filter_map(rest).find_map(|rest| rest.strip_prefix(' ').map(str::to_owned));
    line.map(|value| value.parse().unwrap())
}

/// Every word of a text that begins like one of our metrics.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter(|w| w.starts_with("florin_") && w.len() > 7).map(str::to_owned).collect()
}

#[test]
fn what_happens_is_told_and_what_is_alerted_is_told() {
    let kept = Kept::new("metrics");
    let house = &kept.house;
    let demo = house.demo();
    let at = demo.ready["metrics"].as_str().unwrap().to_owned();
    house.pay(&["12.34", "eur"]);
    assert_eq!(house.florin(&["pay", "10.00", "eur", "--card", "insufficient-funds"]).code, 3);
    let (status, before) = asked(&at, "GET /metrics");
    let message = |result: &str, code: &str| {
        value(
            &before,
            &format!("florin_messages_total{{message=\"sale\",result=\"{result}\",response_code=\"{code}\"}}"),
        )
    };
    assert_eq!((status, message("approved", "00"), message("declined", "51")), (200, Some(1.0), Some(1.0)));
    assert_eq!(value(&before, "florin_authorization_seconds_count{message=\"sale\"}"), Some(2.0));
    assert_eq!((value(&before, "florin_link_up"), value(&before, "florin_open_attempts")), (Some(1.0), Some(0.0)));
    assert_eq!(value(&before, "florin_backup_age_seconds"), None, "no backup was made yet");
    for (key, days) in [("kek", 730.0), ("data", 365.0), ("root", 730.0), ("accounts", 365.0)] {
        let ends = value(&before, &format!("florin_key_period_ends_timestamp{{key=\"{key}\"}}"));
        let began = value(&before, "florin_start_time_seconds").unwrap();
        assert!(ends.is_some_and(|ends| (ends - began - days * 86_400.0).abs() < 3_600.0), "{key}: {ends:?}");
    }

    kept.create();
    house.florin(&kept.opening(&["backup", "verify"])).done();
    let after = wait("the backup's age", SOON, || {
        let (_, text) = asked(&at, "GET /metrics");
        value(&text, "florin_backup_age_seconds").is_some().then_some(text)
    });
    assert!(value(&after, "florin_backup_age_seconds").unwrap() < 300.0);
    assert!(value(&after, "florin_backup_verified_age_seconds").unwrap() < 300.0);

    let told: BTreeSet<String> = after
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP "))
        .map(|line| {
            let name = line.split(' ').next().unwrap();
            let counter = after.contains(&format!("# TYPE {name} counter"));
            let info = after.contains(&format!("# TYPE {name} info"));
            format!(
                "{name}{}",
                if counter {
                    "_total"
                } else if info {
                    "_info"
                } else {
                    ""
                }
            )
        })
        .collect();
    assert!(named(RULES).is_subset(&told), "alerts speak of {:?}", named(RULES).difference(&told));
    assert_eq!(named(PAGE), told, "the page of metrics and what is told");
    for alert in RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(PAGE.contains(&format!("\n## {alert}\n")), "what to do at {alert}");
    }

    assert_eq!(asked(&at, "GET /healthz"), (200, "ok\n".to_owned()));
    assert_eq!(asked(&at, "GET /readyz"), (200, "ok\n".to_owned()));
    assert_eq!((asked(&at, "POST /metrics").0, asked(&at, "GET /else").0), (405, 404));
    demo.stop();
}

#[test]
fn metrics_stay_on_this_machine() {
    let house = House::new("metrics-outside").with("FLORIN_METRICS_ADDRESS", "0.0.0.0:9464");
    assert_eq!(house.florin(&["demo"]).refused().0, "bad_setting");
    let none = House::new("metrics-none").with("FLORIN_METRICS_ADDRESS", "");
    let demo = none.demo();
    assert!(demo.ready["metrics"].is_null());
    demo.stop();
}

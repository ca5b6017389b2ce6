//! Races on the real store, with real threads: nothing too much, and a key is carried out once.

use florin_sim::{Races, races};

#[test]
fn nobody_gets_too_much_and_a_key_is_carried_out_once() {
    let folder = std::env::temp_dir().join(format!("florin-sim-races-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let report = races(Races { races: 20, racers: 32, keys: 10, key_racers: 64 }, &folder, &|_, _| {});
    std::fs::remove_dir_all(&folder).unwrap();
    let report = report.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    assert_eq!((report.races, report.executions, report.proved), (20, 10, true));
    assert!(report.requests >= 20 * 32 && report.key_requests >= 10 * 64);
}

//! Who may sign in, from the machine's terminal: the first owner's link, invitations, what is refused by name; and that no link rests on a disk.

use crate::house::House;
use serde_json::{Value, json};

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

#[test]
fn the_first_owner_has_a_link_and_others_are_invited() {
    let house = House::new("users");
    let demo = house.demo();
    let dashboard = text(&demo.ready, "/http_dashboard").to_owned();
    let first = text(&demo.ready, "/dashboard_enrol").to_owned();
    assert!(first.starts_with(&format!("{dashboard}/enrol/")), "{first}");
    let again = house.florin(&["users", "link"]).done();
    assert_ne!(text(&again, "/link"), first);
    let invite = |args: &[&str]| house.florin(&[&["users", "invite", "kim@example.com"], args].concat());
    let made = invite(&["--role", "support", "--refund-limit", "50.00 eur"]).done();
    assert!(text(&made, "/link").starts_with(&dashboard));
    let refused = |args: &[&str], code: &str, param: &str| {
        let told = invite(args).refused();
        assert_eq!((told.0.as_str(), told.1.as_str().unwrap_or_default()), (code, param), "{args:?}");
    };
    refused(&["--role", "support"], "parameter_invalid", "role");
    refused(&["--role", "king"], "parameter_invalid", "role");
    refused(&["--role", "support", "--refund-limit", "much"], "parameter_invalid", "refund_limit");
    refused(&["--role", "admin", "--account", "acct_nobody"], "resource_missing", "account");
    let listed = house.florin(&["users", "list"]).done();
    assert_eq!(listed["data"], json!([]));
    let seats = json!([{ "account": null, "refund_limit": "50.00 EUR", "role": "support" }]);
    assert_eq!(
        (text(&listed, "/invitations/0/email"), &listed["invitations"][0]["seats"]),
        ("kim@example.com", &seats)
    );
    assert_eq!(text(&listed, "/invitations/1/purpose"), "first_owner");
    let nobody = house.florin(&["users", "disable", "user_nobody"]).refused();
    assert_eq!(nobody.0, "resource_missing");
    demo.stop();
    // Neither the links nor the address stand in any file.
    let secrets = [first.as_str(), text(&again, "/link"), text(&made, "/link"), "/kim@example.com"];
    let needles: Vec<&str> = secrets.iter().map(|secret| secret.rsplit('/').next().unwrap()).collect();
    let mut files = vec![house.data()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = needles.iter().find(|needle| bytes.windows(needle.len()).any(|w| w == needle.as_bytes()));
            assert_eq!(found, None, "{}", path.display());
        }
    }
    // Without a dashboard nobody is sent anywhere.
    let nowhere = house.florin(&["users", "invite", "park@example.com", "--role", "admin"]).refused();
    assert_eq!(nowhere.0, "no_dashboard");
}

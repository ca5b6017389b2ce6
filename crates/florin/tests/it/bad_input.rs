//! Wrong requests: each a named error that says what to do, and nothing is changed by it.

use crate::house::{House, Ran};
use serde_json::{Value, json};

/// A number in no published range, made here so that it stands nowhere: Visa's first digit, then digits of a sequence, then Luhn's.
fn unpublished() -> String {
    let digits: Vec<u32> = [4, 5, 3, 9].into_iter().chain((0..11).map(|n| (n * 7 + 3) % 10)).collect();
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, d)| if at % 2 == 0 { d * 2 / 10 + d * 2 % 10 } else { *d }).sum();
    digits.iter().chain([&((10 - sum % 10) % 10)]).map(u32::to_string).collect()
}

#[track_caller]
fn check(ran: &Ran, code: &str, param: &str) {
    assert_eq!(ran.code, 2, "{code}: {}", ran.err);
    assert_eq!(ran.refused(), (code.to_owned(), json!(param)));
}

#[test]
fn amounts_and_currencies() {
    let house = House::new("bad-amount");
    for (amount, currency, code, param) in [
        ("1", "xyz", "invalid_currency", "currency"),
        ("1", "", "invalid_currency", "currency"),
        ("1", "euro", "invalid_currency", "currency"),
        ("0", "eur", "parameter_invalid_integer", "amount"),
        ("0.00", "eur", "parameter_invalid_integer", "amount"),
        ("-1", "eur", "parameter_invalid_integer", "amount"),
        ("-0.01", "eur", "parameter_invalid_integer", "amount"),
        ("1000000.00", "eur", "amount_too_large", "amount"),
        ("99999999999999999999", "eur", "amount_too_large", "amount"),
        ("100000000", "jpy", "amount_too_large", "amount"),
        ("1.999", "eur", "parameter_invalid_integer", "amount"),
        ("1.5", "jpy", "parameter_invalid_integer", "amount"),
        ("1.555", "kwd", "parameter_invalid_integer", "amount"),
        ("12.50", "isk", "parameter_invalid_integer", "amount"),
        ("1,50", "eur", "parameter_invalid_integer", "amount"),
        ("1e3", "eur", "parameter_invalid_integer", "amount"),
        ("ten", "eur", "parameter_invalid_integer", "amount"),
        ("", "eur", "parameter_invalid_integer", "amount"),
        ("١", "eur", "parameter_invalid_integer", "amount"),
    ] {
        check(&house.florin(&["pay", amount, currency]), code, param);
    }
    assert!(!house.data().exists(), "a refused amount made a data folder");
}

#[test]
fn cards() {
    let house = House::new("bad-card");
    let demo = house.demo();
    let real = unpublished();
    let spaced = format!("{} {} {} {}", &real[..4], &real[4..8], &real[8..12], &real[12..]);
    let pay = |number: &str, more: &[&str]| house.florin(&[&["pay", "1", "eur", "--number", number], more].concat());
    let visa = "4242424242424242";
    for (number, more, code) in [
        ("4242424242424241", &[][..], "incorrect_number"),
        ("4242", &[], "invalid_number"),
        ("42424242424242424242", &[], "invalid_number"),
        (real.as_str(), &[], "test_mode_live_card"),
        (&spaced, &[], "test_mode_live_card"),
        (visa, &["--exp", "13/40"], "invalid_expiry_month"),
        (visa, &["--exp", "00/40"], "invalid_expiry_month"),
        (visa, &["--exp", "01/20"], "expired_card"),
        (visa, &["--cvc", "12"], "invalid_cvc"),
        (visa, &["--cvc", "1234"], "invalid_cvc"),
        (visa, &["--cvc", "abc"], "invalid_cvc"),
        ("378282246310005", &["--cvc", "123"], "invalid_cvc"),
    ] {
        let ran = pay(number, more);
        assert_eq!((ran.code, ran.refused().0.as_str()), (2, code), "{more:?}");
        for text in [&ran.out, &ran.err] {
            assert!(!text.contains(&number.replace(' ', "")[..4]), "{code} repeats the number");
        }
    }
    check(&house.florin(&["pay", "1", "eur", "--card", "nope"]), "unknown_card", "card");
    for exp in ["1240", "xx", "12/", "/40", "12/40/1", ""] {
        check(&pay(visa, &["--exp", exp]), "invalid_expiry", "exp");
    }
    assert_eq!(house.florin(&["list"]).done()["data"], json!([]), "a refused card left a payment");
    let summary = house.florin(&["network", "summary"]).done();
    assert_eq!(summary["entries"], 0);
    demo.stop();
    let found = files(&house).into_iter().filter(|(_, bytes)| holds(bytes, real.as_bytes()));
    assert_eq!(found.map(|(name, _)| name).collect::<Vec<_>>(), Vec::<String>::new());
}

/// Every file of the data folder.
fn files(house: &House) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![house.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    found.push((entry.path().display().to_string(), std::fs::read(entry.path()).unwrap()));
                }
                _ => {}
            }
        }
    }
    found
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn ids() {
    let house = House::new("bad-id");
    let demo = house.demo();
    let paid = house.florin(&["pay", "1", "eur"]).done();
    let right = paid["id"].as_str().unwrap();
    // One character of a real id changed: ids cannot be guessed from others.
    let swapped = if right.ends_with('x') { 'y' } else { 'x' };
    let near = format!("{}{swapped}", &right[..right.len() - 1]);
    for id in ["pi_nope", &near, "pi_", "ch_0000000000000000000000", "re_0000000000000000000000"] {
        for command in ["show", "capture", "cancel", "refund"] {
            check(&house.florin(&[command, id]), "resource_missing", "id");
        }
    }
    check(&house.florin(&["trace", &near]), "resource_missing", "id");
    check(&house.florin(&["trace", "nope"]), "invalid_id", "id");
    demo.stop();
}

#[test]
fn questions_at_the_door() {
    let house = House::new("bad-door");
    let demo = house.demo();
    let path = demo.ready["gateway"].as_str().unwrap();
    let mut door = crate::house::Door::open(path).unwrap();
    let mut check = |question: Value, code: &str| {
        assert_eq!(door.ask(&question).unwrap()["error"]["code"], code, "{question}");
    };
    check(json!({ "op": "steal" }), "bad_question");
    check(json!({ "op": "show" }), "bad_question");
    check(json!(7), "bad_question");
    check(json!({ "op": "show", "id": "pi_nope" }), "resource_missing");
    check(json!({ "op": "create", "amount": "1", "currency": "xyz", "manual": false }), "invalid_currency");
    check(json!({ "op": "create", "amount": "-1", "currency": "eur", "manual": false }), "parameter_invalid_integer");
    // A question above the limit ends its connection, and the gateway goes on.
    let long = json!({ "op": "show", "id": "x".repeat(100_000) });
    drop(door.ask(&long));
    let mut door = crate::house::Door::open(path).unwrap();
    assert_eq!(door.ask(&json!({ "op": "health" })).unwrap()["ok"]["gateway"], "up");
    let kinds =
        ["sulk", "{}", "{\"what\":\"late\",\"ms\":\"soon\"}", "{\"what\":\"lost\",\"percent\":0}", "{\"what\":"];
    for kind in kinds {
        let ran = house.florin(&["network", "misbehave", kind]);
        assert!(ran.code != 0, "{kind}");
        ran.refused();
    }
    demo.stop();
}

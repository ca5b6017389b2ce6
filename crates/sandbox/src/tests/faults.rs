//! Scripted misbehaviour and magic amounts: what leaves the host, and what was booked all the same.

use super::*;

fn kinds(replies: &[Reply]) -> Vec<(&'static str, u32)> {
    let name = |kind: &ReplyKind| match kind {
        ReplyKind::Frame(body) => match Dialect::link().decode(body) {
            Ok(_) => "answer",
            Err(_) => "unreadable",
        },
        ReplyKind::Slowly { .. } => "slowly",
        ReplyKind::Raw(_) => "raw",
        ReplyKind::HalfOpen => "half-open",
        ReplyKind::Close => "close",
    };
    replies.iter().map(|r| (name(&r.kind), r.after_ms)).collect()
}

#[test]
fn each_fault_once_and_then_as_usual() {
    let check = |fault: Fault, expected: &[(&str, u32)], booked: bool| {
        let mut w = World::new();
        w.fault(fault);
        let sale = w.sale(VISA, 1000);
        assert_eq!(kinds(&w.replies(&sale)), expected, "{fault:?}");
        assert_eq!(w.stands(&sale).is_some(), booked, "{fault:?}");
        assert_eq!(w.code(&sale.repeat()), "00", "{fault:?}");
        assert_eq!(w.account(VISA), [0, 1000], "{fault:?}");
    };
    check(Fault::Lost, &[], true);
    check(Fault::Drop, &[], false);
    check(Fault::Late { ms: 20_000 }, &[("answer", 20_000)], true);
    check(Fault::Doubled { ms: 50 }, &[("answer", 0), ("answer", 50)], true);
    check(Fault::AlteredAmount, &[("answer", 0)], true);
    check(Fault::AlteredStan, &[("answer", 0)], true);
    check(Fault::AlteredRrn, &[("answer", 0)], true);
    check(Fault::Slow { ms_per_byte: 5 }, &[("slowly", 0)], true);
    check(Fault::HalfOpen, &[("half-open", 0)], true);
    check(Fault::Close, &[("close", 0)], true);
    check(Fault::Reorder { ms: 300 }, &[("answer", 300)], true);
    check(Fault::Garbage, &[("unreadable", 0)], true);
    check(Fault::PartialFrame, &[("raw", 0), ("half-open", 0)], true);
    check(Fault::UnknownMti, &[("unreadable", 0)], true);
}

#[test]
fn altered_answers_differ_in_one_field() {
    for (fault, de) in [(Fault::AlteredAmount, 4), (Fault::AlteredStan, 11), (Fault::AlteredRrn, 37)] {
        let mut w = World::new();
        w.fault(fault);
        let sale = w.sale(VISA, 1000);
        let altered = w.answer(&sale);
        let right = w.answer(&sale.repeat());
        let different: Vec<u8> =
            right.iter().filter(|(de, value)| altered.get(*de) != Some(value)).map(|(de, _)| de).collect();
        assert_eq!(different, [de]);
    }
}

#[test]
fn a_host_that_is_down_takes_nothing() {
    let mut w = World::new();
    w.host.misbehave(w.now, Rule::new(Fault::Down { ms: 1_000 })).unwrap();
    let sale = w.sale(VISA, 1000);
    assert!(w.host.is_down(w.now));
    assert_eq!(kinds(&w.replies(&sale)), [("close", 0)]);
    assert!(w.host.books().is_empty());
    w.later(1_000);
    assert_eq!(w.code(&sale), "00");
    w.host.misbehave(w.now, Rule::new(Fault::Lost)).unwrap();
    w.host.behave();
    let sale = w.sale(VISA, 1000);
    assert_eq!(w.code(&sale), "00");
}

fn magic() -> World {
    World::with(HostSettings { magic_amounts: true, ..settings() })
}

#[test]
fn magic_amounts_only_when_switched_on() {
    let mut w = World::new();
    for amount in [1005, 1010, 9001, 9014] {
        let sale = w.sale(VISA, amount);
        assert_eq!(w.code(&sale), "00", "{amount}");
    }
    let check = |amount: i64, expected: &[(&str, u32)], taken: i64| {
        let mut w = magic();
        let sale = w.sale(VISA, amount);
        assert_eq!(kinds(&w.replies(&sale)), expected, "{amount}");
        assert_eq!(w.account(VISA), [0, taken], "{amount}");
        let reversal = w.reversal(&sale);
        if amount != 9013 {
            assert_eq!(kinds(&w.replies(&reversal)), [("answer", 0)], "the reversal of {amount}");
            assert_eq!(w.account(VISA), [0, 0], "{amount}");
        }
    };
    check(1000, &[("answer", 0)], 1000);
    check(1010, &[("answer", 0)], 505);
    check(9001, &[], 0);
    check(9002, &[("answer", 8_000)], 9002);
    check(9003, &[("answer", 0), ("answer", 200)], 9003);
    check(9004, &[("close", 0)], 9004);
    check(9005, &[("half-open", 0)], 9005);
    check(9006, &[("raw", 0), ("half-open", 0)], 9006);
    check(9007, &[("unreadable", 0)], 9007);
    check(9008, &[("answer", 0)], 9008);
    check(9009, &[("answer", 1_500)], 9009);
    check(9010, &[("slowly", 0)], 9010);
    check(9011, &[("answer", 0)], 9011);
    check(9012, &[("unreadable", 0)], 9012);
    check(9013, &[("answer", 0)], 9013);
    check(9014, &[], 9014);
}

#[test]
fn magic_declines() {
    for (amount, code) in [
        (1005, "05"),
        (1014, "14"),
        (1041, "41"),
        (1043, "43"),
        (1051, "51"),
        (1054, "54"),
        (1057, "57"),
        (1061, "61"),
        (1062, "62"),
        (1065, "65"),
        (1091, "91"),
        (1096, "96"),
        (1010, "10"),
        (1000, "00"),
    ] {
        let mut w = magic();
        let hold = w.hold(VISA, amount);
        assert_eq!(w.code(&hold), code, "{amount}");
    }
    let mut w = magic();
    for code in ["91", "00", "91", "00"] {
        let hold = w.hold(VISA, 9015);
        assert_eq!(w.code(&hold), code);
        assert_eq!(w.code(&hold.repeat()), code, "a repeat gets the same");
    }
}

#[test]
fn a_reversal_that_needs_three_tries() {
    let mut w = magic();
    let sale = w.sale(VISA, 9013);
    assert_eq!(w.code(&sale), "00");
    let reversal = w.reversal(&sale);
    assert!(w.replies(&reversal).is_empty());
    assert!(w.replies(&reversal.repeat()).is_empty());
    assert_eq!(w.account(VISA), [0, 9013]);
    assert_eq!(w.code(&reversal.repeat()), "00");
    assert_eq!(w.code(&reversal.repeat()), "00");
    assert_eq!(w.account(VISA), [0, 0]);
}

#[test]
fn hops_are_reported_by_who_did_them() {
    let mut w = World::new();
    w.fault(Fault::Lost);
    let sale = w.sale(VISA, 1000).with(126, &subfields(&[(10, "987")]));
    w.replies(&sale);
    let hops = w.host.take_hops();
    let seen: Vec<String> = hops.iter().map(|h| format!("{}: {} > {}", h.by, h.from, h.to)).collect();
    let expected = [
        "acquirer: vault > acquirer",
        "acquirer: acquirer > visa",
        "visa: visa > issuer",
        "issuer: issuer > visa",
        "visa: visa > acquirer",
        "acquirer: acquirer > vault",
    ];
    assert_eq!(seen, expected);
    assert_eq!(hops.last().map(|h| h.note.as_str()), Some("the answer is lost"));
    assert!(hops.iter().all(|h| Some(h.rrn.as_str()) == sale.message.get(37)));
    let text = format!("{hops:?}");
    assert!(!text.contains(VISA) && !text.contains("987"), "masked");
    w.replies(&sale.repeat());
    assert_eq!(w.host.take_hops().len(), 2, "the acquirer answers a repeat from its books");
}

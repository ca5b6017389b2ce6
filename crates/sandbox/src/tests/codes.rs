//! Which response code each card, message and account gets.

use super::*;
use crate::{Kind, Purchase, authentication_value};
use florin_connect::core::threeds::{Eci, TransId};
use florin_connect::testcards::{self, Behaviour};
use std::collections::BTreeSet;

#[test]
fn what_the_acquirer_refuses_by_itself() {
    let check = |expected: &str, change: &dyn Fn(Sent) -> Sent| {
        let mut w = World::new();
        let sale = change(w.sale(VISA, 1000));
        assert_eq!(w.code(&sale), expected);
        assert_eq!(w.account(VISA), [0, 0]);
    };
    for de in [2, 3, 4, 12, 13, 14, 18, 22, 25, 37, 42, 49] {
        check("30", &|s| s.without(de));
    }
    check("03", &|s| s.with(42, "SOMEBODY ELSE  "));
    check("12", &|s| s.with(32, "400002"));
    check("12", &|s| s.with(49, "999"));
    check("12", &|s| s.with(3, "010000"));
    check("13", &|s| s.with(4, "000000000000"));
    check("14", &|s| s.with(2, "4929123456000005"));
    check("15", &|s| s.with(2, "9999999999999995"));
    check("30", &|s| s.with(14, "3413"));
    check("54", &|s| s.with(14, "2001"));
    check("58", &|s| s.with(41, "XX000001"));
}

/// Any terminal id of eight characters that begins with FL is registered.
#[test]
fn terminals_of_other_peers_are_registered() {
    let mut w = World::new();
    for terminal in ["FLORIN01", "FL999999", "FL ABC 1"] {
        let sale = w.sale(VISA, 1000).with(41, terminal);
        assert_eq!(w.code(&sale), "00", "{terminal}");
    }
}

#[test]
fn network_management_is_answered() {
    let mut w = World::new();
    for (code, expected) in [("001", "00"), ("002", "00"), ("301", "00"), ("999", "12")] {
        let sent = w.message("0800", &[(70, code)]);
        let answer = w.answer(&sent);
        let seen = (answer.mti.as_str(), answer.get(39), answer.get(70), answer.get(11));
        assert_eq!(seen, ("0810", Some(expected), Some(code), sent.message.get(11)));
    }
    let sent = w.message("0800", &[]);
    assert_eq!(w.code(&sent), "30");
    for mti in ["0110", "0810", "0240"] {
        let sent = w.message(mti, &[(70, "301")]);
        assert!(w.replies(&sent).is_empty(), "nobody answers {mti}");
    }
    let sent = w.message("0600", &[]);
    assert_eq!(w.code(&sent), "12");
    assert!(w.host.receive(NOON, b"not a message").is_empty());
    assert_eq!(w.host.counts().unreadable, 1);
    assert!(w.host.books().is_empty());
}

#[test]
fn a_zero_amount_asks_whether_the_account_is_good() {
    let mut w = World::new();
    let check = w.hold(VISA, 0).with(25, "51");
    let answer = w.answer(&check);
    assert_eq!((answer.get(39), answer.get(38).is_some()), (Some("85"), true));
    assert_eq!(w.host.books().entries().last().map(|e| e.kind), Some(Kind::Verification));
    assert_eq!((w.stands(&check), w.account(VISA)), (None, [0, 0]));
}

#[test]
fn addresses_and_security_codes_are_checked() {
    let mut w = World::new();
    let both = subfields(&[(1, "10001"), (2, "1 Main St")]);
    let postal = subfields(&[(1, "10001")]);
    let cvc = subfields(&[(10, "123")]);
    let mut check = |card: &str, address: Option<&str>, code: Option<&str>, expected: Option<&str>| {
        let sale = w.sale(card, 100);
        let sale = if let Some(address) = address { sale.with(123, address) } else { sale };
        let sale = if let Some(code) = code { sale.with(126, code) } else { sale };
        let answer = w.answer(&sale);
        assert_eq!((answer.get(39), answer.get(44)), (Some("00"), expected), "{address:?}");
    };
    check(VISA, None, None, None);
    check(VISA, Some(&both), Some(&cvc), Some("5Y       M"));
    check(VISA, Some(&postal), None, Some("5P        "));
    check(VISA, None, Some(&cvc), Some("5        M"));
    check("5457623898000001", Some(&both), None, Some("5X        "));
}

#[test]
fn every_test_card_behaves_as_its_data_says() {
    for card in testcards::all() {
        let mut w = World::new();
        let sale = w.sale(card.number(), 2_000);
        let replies = w.replies(&sale);
        let answer = replies.first().and_then(|r| match &r.kind {
            ReplyKind::Frame(body) => Dialect::link().decode(body).ok(),
            _ => None,
        });
        let code = answer.as_ref().and_then(|a| a.get(39).map(str::to_owned));
        let booked = w.host.books().entries().last().map(|e| (e.kind, e.amount));
        let name = card.names.first();
        match card.behaviour {
            Behaviour::Approve | Behaviour::IssuerDown => {
                let wanted = card.approve_as.map(|c| String::from_utf8_lossy(&c).into_owned()).filter(|c| c != "85");
                assert_eq!(
                    (code.as_deref(), booked),
                    (Some(wanted.as_deref().unwrap_or("00")), Some((Kind::Sale, 2_000))),
                    "{name:?}"
                );
            }
            Behaviour::Respond(_) | Behaviour::SoftDecline => {
                let expected = card.behaviour.response(card.network()).map(|r| r.text());
                assert_eq!(code, expected, "{name:?}");
                let advice = answer.as_ref().and_then(|a| tlv::get(a.get(48)?, 84).map(str::to_owned));
                let wanted = card.advice.map(|a| String::from_utf8_lossy(&a).into_owned());
                assert!(wanted.is_none() || advice == wanted, "{name:?}");
            }
            Behaviour::Timeout => assert_eq!((code, booked), (None, Some((Kind::Sale, 2_000))), "{name:?}"),
            Behaviour::TimeoutDeclined => assert_eq!((code, booked), (None, Some((Kind::Decline, 0))), "{name:?}"),
            Behaviour::Late => {
                assert_eq!((code.as_deref(), replies[0].after_ms), (Some("00"), crate::LATE_ANSWER_MS), "{name:?}");
            }
            Behaviour::Partial => {
                assert_eq!((code.as_deref(), booked), (Some("10"), Some((Kind::Sale, 1_000))), "{name:?}");
                let answer = answer.unwrap();
                assert_eq!((answer.get(4), answer.get(54)), (Some("000000001000"), Some("0057840D000000002000")));
            }
        }
    }
}

#[test]
fn every_response_code_can_be_reached() {
    let mut reached = BTreeSet::new();
    for card in testcards::all() {
        let mut w = World::new();
        let sale = w.sale(card.number(), 2_000);
        if let Some(Reply { kind: ReplyKind::Frame(body), .. }) = w.replies(&sale).first() {
            reached.extend(Dialect::link().decode(body).unwrap().get(39).map(str::to_owned));
        }
    }
    let expected = "00 01 02 03 04 05 06 07 08 10 11 12 13 14 15 19 21 25 28 30 39 41 43 46 51 52 53 54 55 57 58 59 61 62 63 64 65 \
                    70 75 76 77 78 79 82 83 86 91 92 93 94 96 1A N7 R0 R1 R3";
    let missing: Vec<&str> = expected.split_whitespace().filter(|code| !reached.contains(*code)).collect();
    assert!(missing.is_empty(), "no test card answers {missing:?}");
}

#[test]
fn a_soft_decline_ends_with_authentication() {
    let soft = testcards::all().iter().find(|c| c.behaviour == Behaviour::SoftDecline).unwrap();
    let mut w = World::new();
    let plain = w.sale(soft.number(), 100);
    assert!(matches!(w.code(&plain).as_str(), "1A" | "65"));
    let (directory, eci) = (TransId([5; 16]), Eci(*b"05"));
    let card = w.host.card_hash(soft.number());
    let purchase = Purchase { card, amount: 100, currency: 840, directory, eci };
    let value = authentication_value(&settings().hash_key, &purchase).unwrap();
    let carrying = |w: &mut World, amount: i64, eci: &str, value: Option<&str>| {
        let id = subfields(&[(66, &format!("2.2.0{}", directory.text()))]);
        let sale = w.sale(soft.number(), amount).with(60, &subfields(&[(8, eci)])).with(48, &id);
        match value {
            Some(value) => sale.with(126, &subfields(&[(9, value)])),
            None => sale,
        }
    };
    let wrong = [
        (100, "05", None),
        (100, "05", Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        (200, "05", Some(value.reveal())),
        (100, "06", Some(value.reveal())),
        (100, "07", Some(value.reveal())),
    ];
    for (amount, eci, value) in wrong {
        let sale = carrying(&mut w, amount, eci, value);
        assert_eq!(w.code(&sale), "82", "{amount} {eci}");
    }
    for expected in ["00", "82"] {
        let sale = carrying(&mut w, 100, "05", Some(value.reveal()));
        assert_eq!(w.code(&sale), expected, "a value is good for one request");
    }
}

#[test]
fn accounts_have_limits() {
    let mut w = World::with(HostSettings { credit_line_minor: 1_000, ..settings() });
    for (amount, expected) in [(600, "00"), (500, "51"), (400, "00"), (1, "51")] {
        let hold = w.hold(VISA, amount);
        assert_eq!(w.code(&hold), expected, "{amount}");
    }
    let other_currency = w.hold(VISA, 900).with(49, "978");
    assert_eq!(w.code(&other_currency), "00");

    let mut w = World::with(HostSettings { approvals_per_day_limit: 2, ..settings() });
    for expected in ["00", "00", "65"] {
        let hold = w.hold(VISA, 1);
        assert_eq!(w.code(&hold), expected);
    }
    let mastercard = "5457623898000001";
    for expected in ["00", "00", "61"] {
        let hold = w.hold(mastercard, 1);
        assert_eq!(w.code(&hold), expected);
    }
    w.later(86_400_000);
    let tomorrow = w.hold(VISA, 1);
    assert_eq!(w.code(&tomorrow), "00");

    let mut w = World::with(HostSettings { entries_limit: 1, ..settings() });
    for expected in ["00", "96"] {
        let hold = w.hold(VISA, 1);
        assert_eq!(w.code(&hold), expected);
    }
}

#[test]
fn the_network_stands_in_and_tells_the_issuer_later() {
    let mut w = World::new();
    let rule = Rule::new(Fault::IssuerDown { network: Some(crate::NetworkName::Visa), ms: 60_000 });
    w.host.misbehave(w.now, rule).unwrap();
    let small = w.hold(VISA, 5_000).with(126, &subfields(&[(10, "123")]));
    let answer = w.answer(&small);
    assert_eq!((answer.get(39), answer.get(44)), (Some("00"), Some("4        P")));
    let large = w.hold(VISA, 5_001);
    assert_eq!(w.code(&large), "91");
    let mastercard = w.hold("5457623898000001", 5_001);
    assert_eq!(w.code(&mastercard), "00", "only Visa's issuers are down");
    assert_eq!((w.stands(&small), w.account(VISA)), (Some([5_000, 0, 0, 0]), [0, 0]), "the issuer does not know yet");
    w.later(40_000);
    w.host.tick(w.now);
    assert_eq!(w.account(VISA), [0, 0], "still down");
    w.later(40_000);
    w.host.tick(w.now);
    assert_eq!(w.account(VISA), [5_000, 0]);
    assert_eq!(w.host.books().entries().last().map(|e| e.kind), Some(Kind::Advice));

    w.host.misbehave(w.now, rule_visa()).unwrap();
    let hold = w.hold(VISA, 100);
    w.answer(&hold);
    let reversal = w.reversal(&hold);
    assert_eq!(w.code(&reversal), "00");
    assert_eq!((w.stands(&hold), w.account(VISA)), (Some([0, 0, 0, 100]), [5_000, 0]));
}

fn rule_visa() -> Rule {
    Rule::new(Fault::IssuerDown { network: Some(crate::NetworkName::Visa), ms: 60_000 })
}

//! Holds, sales, completions, refunds, reversals: what is answered and what stands in the books afterwards.

use super::*;
use crate::{Host, Kind};

#[test]
fn a_hold_is_completed_and_its_rest_released() {
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    let answer = w.answer(&hold);
    assert_eq!((answer.mti.as_str(), answer.get(39)), ("0110", Some("00")));
    assert_eq!(answer.get(38).map(str::len), Some(6));
    assert_eq!(answer.get(62).map(str::len), Some(15));
    assert_eq!(answer.get(2), None, "no card number goes back");
    for de in [3, 4, 7, 11, 32, 37, 41, 42, 49] {
        assert_eq!(answer.get(de), hold.message.get(de), "DE {de}");
    }
    assert_eq!((w.stands(&hold), w.account(VISA)), (Some([1000, 0, 0, 0]), [1000, 0]));

    let completion = w.completion(&hold, &answer, 700);
    let completed = w.answer(&completion);
    assert_eq!((completed.mti.as_str(), completed.get(39)), ("0230", Some("00")));
    assert_eq!(completed.get(38), answer.get(38));
    assert_eq!((w.stands(&hold), w.account(VISA)), (Some([0, 700, 0, 0]), [0, 700]));
    assert_eq!(w.code(&completion.repeat()), "00");
    assert_eq!(w.account(VISA), [0, 700], "a repeat takes once");
    let second = w.completion(&hold, &answer, 300);
    assert_eq!(w.code(&second), "12", "a completion is final");
    assert_eq!(w.account(VISA), [0, 700]);
}

#[test]
fn completions_that_cannot_be() {
    let check = |change: &dyn Fn(&mut World, &Sent, &Message) -> Sent, expected: &str| {
        let mut w = World::new();
        let hold = w.hold(VISA, 1000);
        let answer = w.answer(&hold);
        let completion = change(&mut w, &hold, &answer);
        assert_eq!(w.code(&completion), expected);
        assert_eq!((w.stands(&hold), w.account(VISA)), (Some([1000, 0, 0, 0]), [1000, 0]));
    };
    check(&|w, hold, answer| w.completion(hold, answer, 1001), "13");
    check(&|w, hold, answer| w.completion(hold, answer, 0), "13");
    check(&|w, hold, answer| w.completion(hold, answer, 500).with(49, "978"), "12");
    check(&|w, hold, answer| w.completion(hold, answer, 500).with(38, "ZZZZZZ"), "12");
    check(&|w, hold, answer| w.completion(hold, answer, 500).with(2, "4242424242424242"), "12");
    check(&|w, hold, answer| w.completion(hold, answer, 500).with(90, &"0".repeat(42)), "30");
    let unknown = format!("0100999999{}", "0".repeat(32));
    check(&|w, hold, answer| w.completion(hold, answer, 500).with(90, &unknown), "25");
    check(&|w, hold, answer| w.completion(hold, answer, 500).without(90), "30");
}

#[test]
fn the_same_key_gets_the_stored_answer_and_no_second_hold() {
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    let first = w.answer(&hold);
    w.later(60_000);
    for again in [hold.repeat(), Sent { message: hold.message.duplicate() }] {
        assert!(w.answer(&again).same_as(&first));
    }
    assert_eq!(w.account(VISA), [1000, 0]);
    let other = Sent { message: hold.message.duplicate() }.with(4, "000000002000");
    assert_eq!(w.code(&other), "94", "the key of another request");
    assert_eq!(w.account(VISA), [1000, 0]);
    let other_terminal = Sent { message: hold.message.duplicate() }.with(41, "FL000002");
    assert_eq!(w.code(&other_terminal), "00");
    assert_eq!(w.account(VISA), [2000, 0]);
}

#[test]
fn reversals_undo_once() {
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    w.answer(&hold);
    let reversal = w.reversal(&hold);
    assert_eq!(w.answer(&reversal).mti.as_str(), "0410");
    assert_eq!(w.stands(&hold), Some([0, 0, 0, 1000]));
    assert_eq!(w.code(&reversal.repeat()), "00");
    let another = w.reversal(&hold);
    assert_eq!(w.code(&another), "00", "nothing stands any more");
    assert_eq!((w.stands(&hold), w.account(VISA)), (Some([0, 0, 0, 1000]), [0, 0]));

    let sale = w.sale(VISA, 500);
    w.answer(&sale);
    assert_eq!(w.account(VISA), [0, 500]);
    let advice = w.reversal(&sale);
    let advice = Sent {
        message: {
            let mut m = advice.message;
            m.mti = Mti::REVERSAL_ADVICE;
            m
        },
    };
    assert_eq!(w.answer(&advice).mti.as_str(), "0430");
    assert_eq!((w.stands(&sale), w.account(VISA)), (Some([0, 0, 0, 500]), [0, 0]));
}

#[test]
fn a_completed_hold_is_undone_whole() {
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    let answer = w.answer(&hold);
    let completion = w.completion(&hold, &answer, 800);
    w.answer(&completion);
    let reversal = w.reversal(&hold);
    assert_eq!(w.code(&reversal), "00");
    assert_eq!((w.stands(&hold), w.account(VISA)), (Some([0, 0, 0, 800]), [0, 0]));
    let late = w.completion(&hold, &answer, 100);
    assert_eq!(w.code(&late), "12", "what was undone cannot be claimed");
}

#[test]
fn a_reversal_before_its_original_is_remembered() {
    for other_terminal in [false, true] {
        let mut w = World::new();
        let sale = w.sale(VISA, 1000);
        let reversal = w.reversal(&sale);
        let reversal = if other_terminal { reversal.with(41, "FL000002") } else { reversal };
        assert_eq!(w.code(&reversal), "25");
        assert_eq!(w.code(&sale), "12");
        assert_eq!(w.code(&sale.repeat()), "12");
        assert_eq!(w.code(&reversal.repeat()), "25");
        assert_eq!((w.stands(&sale), w.account(VISA)), (None, [0, 0]));
    }
}

#[test]
fn a_forgetful_host_approves_what_was_reversed_before() {
    let mut w = World::with(HostSettings { forgets_early_reversals: true, ..settings() });
    let sale = w.sale(VISA, 1000);
    let reversal = w.reversal(&sale);
    assert_eq!(w.code(&reversal), "25");
    assert_eq!(w.code(&sale), "00");
    assert_eq!(w.account(VISA), [0, 1000]);
    assert_eq!(w.code(&reversal.repeat()), "00", "sent again, it finds the sale");
    assert_eq!(w.account(VISA), [0, 0]);
}

#[test]
fn partial_reversals_leave_what_they_say() {
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    let answer = w.answer(&hold);
    let leave = |w: &mut World, left: i64| w.reversal(&hold).with(95, &format!("{left:012}{:030}", 0));
    let partial = leave(&mut w, 600);
    assert_eq!(w.code(&partial), "00");
    assert_eq!(w.stands(&hold), Some([600, 0, 0, 400]));
    let more = leave(&mut w, 700);
    assert_eq!(w.code(&more), "13", "more than stands");
    let completion = w.completion(&hold, &answer, 601);
    assert_eq!(w.code(&completion), "13");
    let completion = w.completion(&hold, &answer, 600);
    assert_eq!(w.code(&completion), "00");
    let partial = leave(&mut w, 100);
    assert_eq!(w.code(&partial), "00");
    assert_eq!((w.stands(&hold), w.account(VISA)), (Some([0, 100, 0, 900]), [0, 100]));
    let rest = w.reversal(&hold);
    assert_eq!(w.code(&rest), "00");
    assert_eq!((w.stands(&hold), w.account(VISA)), (Some([0, 0, 0, 1000]), [0, 0]));
}

#[test]
fn refunds_give_back_at_most_what_was_taken() {
    let mut w = World::new();
    let sale = w.sale(VISA, 1000);
    let answer = w.answer(&sale);
    let refund = w.refund(&sale, &answer, 400);
    let refunded = w.answer(&refund);
    assert_eq!((refunded.mti.as_str(), refunded.get(39), refunded.get(3)), ("0210", Some("00"), Some("200000")));
    assert_ne!(refunded.get(62), answer.get(62), "a refund has its own network id");
    assert!(w.answer(&refund.repeat()).same_as(&refunded));
    assert_eq!((w.stands(&sale), w.stands(&refund)), (Some([0, 1000, 400, 0]), Some([0, 0, 400, 0])));
    let too_much = w.refund(&sale, &answer, 601);
    assert_eq!(w.code(&too_much), "13");
    let rest = w.refund(&sale, &answer, 600);
    assert_eq!(w.code(&rest), "00");
    assert_eq!(w.account(VISA), [0, 0]);

    let undo = w.reversal(&refund);
    assert_eq!(w.code(&undo), "00");
    assert_eq!((w.stands(&sale), w.stands(&refund)), (Some([0, 1000, 600, 0]), Some([0, 0, 0, 400])));
    assert_eq!(w.account(VISA), [0, 400]);
    let undo_sale = w.reversal(&sale);
    assert_eq!(w.code(&undo_sale), "00");
    assert_eq!((w.stands(&sale), w.account(VISA)), (Some([0, 600, 600, 400]), [0, 0]));
}

#[test]
fn refunds_that_cannot_be() {
    let check = |change: &dyn Fn(Sent) -> Sent, expected: &str| {
        let mut w = World::new();
        let sale = w.sale(VISA, 1000);
        let answer = w.answer(&sale);
        let refund = change(w.refund(&sale, &answer, 500));
        assert_eq!(w.code(&refund), expected);
        assert_eq!(w.stands(&sale), Some([0, 1000, 0, 0]));
    };
    check(&|r| r.without(62), "12");
    check(&|r| r.with(62, "120000000000001"), "25");
    check(&|r| r.with(4, "000000000000"), "13");
    check(&|r| r.with(49, "978"), "12");
    check(&|r| r.with(2, "4242424242424242"), "12");
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    let answer = w.answer(&hold);
    let refund = w.refund(&hold, &answer, 100);
    assert_eq!(w.code(&refund), "13", "nothing was taken yet");
    let mut early = World::new();
    let sale = early.sale(VISA, 1000);
    let answer = early.answer(&sale);
    let refund = early.refund(&sale, &answer, 100);
    let reversal = early.reversal(&refund);
    assert_eq!((early.code(&reversal), early.code(&refund)), ("25".into(), "12".into()));
    assert_eq!(early.stands(&sale), Some([0, 1000, 0, 0]));
}

#[test]
fn totals_are_compared() {
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    let answer = w.answer(&hold);
    for sent in [w.completion(&hold, &answer, 900), w.sale(VISA, 300), w.hold(VISA, 50)] {
        assert_eq!(w.code(&sent), "00");
    }
    let sale = w.sale(VISA, 200);
    let answer = w.answer(&sale);
    let refund = w.refund(&sale, &answer, 150);
    assert_eq!(w.code(&refund), "00");
    let right = [(1, "3"), (2, "1400"), (3, "1"), (4, "150"), (5, "0"), (6, "0")];
    let check = |w: &mut World, de48: Option<&str>, currency: &str, expected: &str| {
        let sent = w.message("0500", &[(49, currency)]);
        let sent = if let Some(de48) = de48 { sent.with(48, de48) } else { sent };
        let answer = w.answer(&sent);
        assert_eq!((answer.mti.as_str(), answer.get(39)), ("0510", Some(expected)), "{de48:?}");
        answer.get(48).map(str::to_owned)
    };
    assert_eq!(check(&mut w, None, "840", "00"), Some(subfields(&right)));
    check(&mut w, Some(&subfields(&right)), "840", "00");
    check(&mut w, Some(&subfields(&[(1, "3")])), "840", "00");
    check(&mut w, Some(&subfields(&[(1, "4")])), "840", "95");
    check(&mut w, Some(&subfields(&[(9, "4")])), "840", "95");
    check(&mut w, Some("nonsense"), "840", "30");
    check(&mut w, Some(&subfields(&[(1, "0")])), "978", "00");
    let (closed, report) = w.host.close_day(w.now);
    assert_eq!(report, Some(1));
    assert_eq!(closed.get(&840).map(|t| (t.claims, t.claimed, t.refunds, t.refunded)), Some((3, 1400, 1, 150)));
    check(&mut w, Some(&subfields(&[(1, "0")])), "840", "00");
    assert_eq!(w.host.books().totals().get(&840).map(|t| t.claims), Some(3));
}

#[test]
fn records_rebuild_the_host() {
    let mut w = World::new();
    let hold = w.hold(VISA, 1000);
    let answer = w.answer(&hold);
    let completion = w.completion(&hold, &answer, 900);
    w.answer(&completion);
    let early = w.sale(VISA, 70);
    let reversal = w.reversal(&early);
    w.answer(&reversal);
    w.host.close_day(w.now);
    let declined = w.sale("4929123456000017", 10);
    w.answer(&declined);
    w.host.misbehave(w.now, Rule::new(Fault::IssuerDown { network: None, ms: 60_000 })).unwrap();
    let stood_in = w.hold(VISA, 40);
    w.answer(&stood_in);

    let records = w.host.take_records();
    assert!(w.host.take_records().is_empty());
    let mut again =
        World { host: Host::restore(settings(), records.iter().copied()).ok().unwrap(), now: w.now, stan: w.stan };
    assert_eq!(again.host.books().entries(), w.host.books().entries());
    assert_eq!(again.host.books().day_totals(), w.host.books().day_totals());
    assert!(again.host.books().standings().eq(w.host.books().standings()));
    assert_eq!(again.account(VISA), w.account(VISA));
    for sent in [&hold, &completion, &reversal, &declined, &stood_in] {
        assert!(again.answer(&sent.repeat()).same_as(&w.answer(&sent.repeat())));
    }
    assert_eq!(again.code(&early), "12", "the early reversal is still known");
    again.later(60_000);
    let next = again.hold(VISA, 1);
    again.answer(&next);
    assert_eq!(again.account(VISA), [41, 900], "the issuer is told of the stand-in");
    assert!(Host::restore(settings(), records.into_iter().skip(1)).is_err());
}

#[test]
fn the_same_messages_get_the_same_answers() {
    let run = || {
        let mut w = World::new();
        let hold = w.hold(VISA, 1000);
        let answer = w.answer(&hold);
        let completion = w.completion(&hold, &answer, 900);
        let bodies: Vec<_> = [completion, w.sale(VISA, 5)].iter().flat_map(|sent| w.replies(sent)).collect();
        (bodies, w.host.books().entries().to_vec())
    };
    assert_eq!(run(), run());
}

#[test]
fn queries_find_entries() {
    let mut w = World::new();
    let first = w.hold(VISA, 1);
    w.answer(&first);
    let second = w.sale(VISA, 2);
    w.answer(&second);
    let reversal = w.reversal(&first);
    w.answer(&reversal);
    let check = |query: crate::Query, expected: &[Kind]| {
        let found: Vec<Kind> = w.host.books().find(&query, 10).iter().map(|e| e.kind).collect();
        assert_eq!(found, expected, "{query:?}");
    };
    let rrn = crate::Text::parse(first.message.get(37).unwrap());
    check(crate::Query { rrn, ..Default::default() }, &[Kind::Hold, Kind::Reversal]);
    check(crate::Query { stan: Some(2), ..Default::default() }, &[Kind::Sale]);
    check(crate::Query { rrn, stan: Some(2), ..Default::default() }, &[]);
    let terminal = crate::Text::parse("FL000001");
    check(crate::Query { terminal, ..Default::default() }, &[Kind::Hold, Kind::Sale, Kind::Reversal]);
    check(crate::Query { de7: Some(1121120000), stan: Some(3), ..Default::default() }, &[Kind::Reversal]);
    assert_eq!(w.host.books().find(&crate::Query::default(), 2).len(), 2);
}

/// 0100 with reason 3900: another hold that is claimed and given up with the one that it names.
#[test]
fn a_hold_that_is_added_to() {
    /// A hold of 1000 with an increment of 500, its answer, and then `act`.
    fn check(act: impl FnOnce(&mut World, &Sent, &Message, &Sent), account: [i64; 2]) {
        let mut w = World::new();
        let hold = w.hold(VISA, 1000);
        let answer = w.answer(&hold);
        let more = increment(&mut w, 500, answer.get(62).unwrap());
        assert_eq!((w.code(&more).as_str(), w.account(VISA)), ("00", [1500, 0]));
        act(&mut w, &hold, &answer, &more);
        assert_eq!(w.account(VISA), account);
    }
    fn increment(w: &mut World, amount: i64, network_id: &str) -> Sent {
        w.hold(VISA, amount).with(62, network_id).with(63, &subfields(&[(3, "3900")]))
    }
    let claim = |amount: i64, expected: &'static str| {
        move |w: &mut World, hold: &Sent, answer: &Message, _: &Sent| {
            let completion = w.completion(hold, answer, amount);
            assert_eq!(w.code(&completion), expected, "{amount}");
        }
    };
    check(claim(1500, "00"), [0, 1500]);
    check(claim(1200, "00"), [0, 1200]);
    check(claim(800, "00"), [0, 800]);
    check(claim(1501, "13"), [1500, 0]);
    let void = |w: &mut World, hold: &Sent, _: &Message, more: &Sent| {
        let reversal = w.reversal(hold);
        assert_eq!(w.code(&reversal), "00");
        assert_eq!((w.stands(hold), w.stands(more)), (Some([0, 0, 0, 1000]), Some([0, 0, 0, 500])));
    };
    check(void, [0, 0]);
    // Taken back alone, and again by another message: nothing is left to undo, and the hold stands.
    let alone = |w: &mut World, hold: &Sent, answer: &Message, more: &Sent| {
        for _ in 0..2 {
            let reversal = w.reversal(more);
            assert_eq!((w.code(&reversal).as_str(), w.account(VISA)), ("00", [1000, 0]));
        }
        let completion = w.completion(hold, answer, 1500);
        assert_eq!(w.code(&completion), "13");
    };
    check(alone, [1000, 0]);
    let after_all = |w: &mut World, hold: &Sent, answer: &Message, more: &Sent| {
        let completion = w.completion(hold, answer, 1500);
        assert_eq!(w.code(&completion), "00");
        let reversal = w.reversal(more);
        assert_eq!(w.code(&reversal), "00");
        let late = increment(w, 100, answer.get(62).unwrap());
        assert_eq!(w.code(&late), "12");
        let unknown = increment(w, 100, "000000000000007");
        assert_eq!(w.code(&unknown), "25");
    };
    check(after_all, [0, 1500]);
}

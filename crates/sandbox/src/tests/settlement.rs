//! Settlement reports: what is in them, what they cost, how they go wrong.

use super::*;
use crate::{ReportFault, ReportLine};

/// kind, RRN's number, amount, what is kept.
fn shown(line: &ReportLine) -> String {
    let number: u32 = line.rrn.trim_start_matches("6325").parse().unwrap_or(0);
    let costs = [line.interchange, line.scheme_fee, line.acquirer_fee].map(|n| n.to_string()).join("/");
    format!("{} {number} {} {} {costs}", line.kind, line.amount, line.currency)
}

fn lines(w: &World, report: u64) -> Vec<String> {
    let all = w.host.report_lines(report, 0, 500);
    assert!(all.iter().zip(1..).all(|(line, number)| line.line == number), "numbers without gaps");
    all.iter().map(shown).collect()
}

/// The ids that are listed after `after`.
fn listed(w: &World, after: u64) -> Vec<u64> {
    w.host.reports(after, w.now).reports.iter().map(|head| head.id).collect()
}

#[test]
fn a_day_line_by_line() {
    let mut w = World::new();
    let sale = w.sale(VISA, 10_000);
    let answer = w.answer(&sale);
    let refund = w.refund(&sale, &answer, 2_500);
    w.answer(&refund);
    let hold = w.hold("5457623898000001", 8_000);
    let held = w.answer(&hold);
    let released = w.hold(VISA, 700);
    w.answer(&released);
    let release = w.reversal(&released);
    w.answer(&release);
    assert_eq!(w.host.close_day(w.now).1, Some(1));
    let completion = w.completion(&hold, &held, 5_000);
    w.answer(&completion);
    let taken_back = w.sale("374245455400001", 1_000);
    w.answer(&taken_back);
    let reversal = w.reversal(&taken_back);
    w.answer(&reversal);
    let declined = w.sale("4000000000000002", 10);
    w.answer(&declined);
    assert_eq!(w.host.close_day(w.now).1, Some(2));
    assert_eq!(w.host.close_day(w.now).1, None, "nothing was cleared");

    // Holds, their release and declines clear nothing; refunds cost nothing; a reversal gives the costs back.
    assert_eq!(lines(&w, 1), ["sale 1 10000 usd 20/5/10", "refund 2 -2500 usd 0/0/0"]);
    let second = ["capture 3 5000 usd 10/2/5", "sale 7 1000 usd 15/1/1", "reversal 7 -1000 usd -15/-1/-1"];
    assert_eq!(lines(&w, 2), second);
    assert_eq!(w.host.report_lines(2, 2, 500), w.host.report_lines(2, 0, 500)[2..]);
    assert_eq!((lines(&w, 0), lines(&w, 3)), (vec![], vec![]));
    let heads = w.host.reports(0, w.now);
    let sums = |n: usize| {
        let head = &heads.reports[n];
        let total = &head.totals[0];
        (head.id, head.lines, head.totals.len(), total.amount, total.costs, total.net)
    };
    assert_eq!((sums(0), sums(1)), ((1, 2, 1, 7_500, 35, 7_465), (2, 3, 1, 5_000, 17, 4_983)));
    assert_eq!((heads.newest, heads.reports[0].date.as_str()), (2, "2026-11-21"));
    assert_eq!((listed(&w, 1), listed(&w, 2), listed(&w, u64::MAX)), (vec![2], vec![], vec![]));

    // The records bring the same reports back.
    let records = w.host.take_records();
    let again = Host::restore(settings(), records).ok().unwrap();
    assert_eq!(again.reports(0, w.now), heads);
    assert_eq!(again.report_lines(2, 0, 500), w.host.report_lines(2, 0, 500));
}

#[test]
fn reports_that_go_wrong() {
    /// Two sales a day for three days, the second of which goes wrong.
    #[track_caller]
    fn check(fault: ReportFault, ids: &[u64], second: &[&str], third: &[&str]) -> World {
        let mut w = World::new();
        for day in 1..=3 {
            if day == 2 {
                w.host.misbehave(w.now, Rule::new(Fault::Report(fault)).next(1)).unwrap();
            }
            for _ in 0..2 {
                let sale = w.sale(VISA, 1_000);
                w.answer(&sale);
            }
            w.host.close_day(w.now);
        }
        assert_eq!(listed(&w, 0), ids, "{fault:?}");
        assert_eq!((lines(&w, 2), lines(&w, 3)), (owned(second), owned(third)), "{fault:?}");
        w
    }
    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| format!("sale {line}/0/1")).collect()
    }
    let (three, four) = ("3 1000 usd 2", "4 1000 usd 2");
    let (five, six) = ("5 1000 usd 2", "6 1000 usd 2");
    check(ReportFault::Twice, &[1, 2, 2, 3], &[three, four], &[five, six]);
    check(ReportFault::OutOfOrder, &[2, 1, 3], &[three, four], &[five, six]);
    check(ReportFault::MissingLine, &[1, 2, 3], &[four], &[five, six]);
    check(ReportFault::LateLine, &[1, 2, 3], &[four], &[three, five, six]);
    check(ReportFault::WrongAmount, &[1, 2, 3], &["3 1100 usd 2", four], &[five, six]);
    check(ReportFault::WrongCurrency, &[1, 2, 3], &["3 1000 eur 2", four], &[five, six]);
    check(ReportFault::UnknownLine, &[1, 2, 3], &[three, four, "0 1000 usd 2"], &[five, six]);
    check(ReportFault::RepeatedLine, &[1, 2, 3], &[three, four, three], &[five, six]);
    let mut w = check(ReportFault::Delayed { ms: 5_000 }, &[1, 3], &[three, four], &[five, six]);
    w.later(5_000);
    assert_eq!(listed(&w, 0), [1, 2, 3]);
    // A promise of trouble is taken back with all the others.
    w.host.misbehave(w.now, Rule::new(Fault::Report(ReportFault::Twice)).next(5)).unwrap();
    w.host.behave();
    let sale = w.sale(VISA, 1_000);
    w.answer(&sale);
    w.host.close_day(w.now);
    assert_eq!(listed(&w, 3), [4]);
}

/// The journal as far as it is compared: type, kind, RRN's number, what it refers to, amount, answer, what stands.
fn journalled(w: &World, since: florin_connect::core::time::Time, after: u64) -> Vec<String> {
    let number = |rrn: &str| rrn.trim_start_matches("6325").trim_start_matches('0').to_owned();
    let page = w.host.journal(since, after, w.now);
    let shown = page.entries.iter().map(|e| {
        let of = e.original.as_ref().and_then(|o| o.rrn.as_deref()).map_or("-".to_owned(), number);
        let stands =
            e.standing.map_or("-".to_owned(), |s| format!("{}/{}/{}/{}", s.held, s.captured, s.refunded, s.reversed));
        format!("{} {} {} of {of} {} {} {} {stands}", e.mti, e.kind, number(&e.rrn), e.amount, e.currency, e.response)
    });
    shown.collect()
}

#[test]
fn the_journal_of_a_gateway() {
    let mut w = World::new();
    let sale = w.sale(VISA, 10_000);
    let answer = w.answer(&sale);
    w.later(1_000);
    let since = w.now;
    let refund = w.refund(&sale, &answer, 2_500);
    w.answer(&refund);
    let hold = w.hold("5457623898000001", 8_000);
    let held = w.answer(&hold);
    let completion = w.completion(&hold, &held, 5_000);
    w.answer(&completion);
    w.answer(&completion.repeat());
    let declined = w.sale("4000000000000002", 10);
    w.answer(&declined);
    let taken_back = w.sale("374245455400001", 1_000);
    w.answer(&taken_back);
    let reversal = w.reversal(&taken_back);
    w.answer(&reversal);
    let never = w.sale(VISA, 5);
    let early = w.reversal(&never);
    w.answer(&early);
    let all = [
        "0200 sale 1 of - 10000 usd 00 0/10000/2500/0",
        "0200 refund 2 of 1 2500 usd 00 0/0/2500/0",
        "0100 hold 3 of - 8000 usd 00 0/5000/0/0",
        "0220 completion 3 of 3 5000 usd 00 -",
        "0200 decline 5 of - 10 usd 5C -",
        "0200 sale 6 of - 1000 usd 00 0/0/0/1000",
        "0400 reversal 6 of 6 1000 usd 00 -",
        "0400 reversal 8 of - 5 usd 25 -",
    ];
    assert_eq!(journalled(&w, NOON, 0), all);
    assert_eq!(journalled(&w, since, 0), all[1..]);
    assert_eq!(journalled(&w, NOON, 6), all[6..]);
    assert_eq!(journalled(&w, w.now.plus_ms(1), 0), [""; 0]);
    let page = w.host.journal(since, 6, w.now);
    assert_eq!((page.of, page.next, page.now), (7, None, w.now.0));
    // Nothing in it is a card number.
    let text = serde_json::to_string(&w.host.journal(NOON, 0, w.now)).unwrap();
    assert!(!text.contains("4929123456") && !text.contains("5457623898"), "{text}");
}

#[test]
fn pages_of_the_journal() {
    let mut w = World::new();
    for _ in 0..450 {
        let sale = w.sale(VISA, 1);
        w.answer(&sale);
    }
    let (mut after, mut pages) = (0, vec![]);
    loop {
        let page = w.host.journal(NOON, after, w.now);
        pages.push(page.entries.len());
        assert_eq!(page.of, 450);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(pages, [200, 200, 50]);
}

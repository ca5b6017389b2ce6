//! A payment as tests see it: a sale that was approved, one that was declined, and one whose answer was lost.

use crate::link::{Subject, Topic};
use crate::told::{
    Attempt, Card, Delivered, Delivery, Entry, Event, Failure, Field, Hop, Movement, Related, Settled, Step, Told, Try,
    Word,
};
use florin_core::id::Key;
use florin_core::ledger::{Book, Reason};
use florin_core::money::{Currency, Money};
use florin_core::time::Time;
use florin_core::wire::Network;

pub const NOW: Time = Time(1_795_299_300_000);
pub const ACCOUNT: Key = Key(0x1111_2222_3333_0040);
pub const PAYMENT: Subject = Subject { topic: Topic::Payment, key: Key(0x1234_5678_9abc_0020) };
pub const REFUND: Subject = Subject { topic: Topic::Refund, key: Key(0x1234_5678_9abc_0040) };

pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::parse("eur").unwrap())
}

fn hop(at_us: i64, by: &str, from: &str, to: &str, title: &str, fields: &[(u8, &str)]) -> Hop {
    let text = |t: &str| t.to_owned();
    let field = |(de, value): &(u8, &str)| Field { de: *de, name: format!("element {de}"), value: text(value) };
    let fields = fields.iter().map(field).collect();
    let at_us = NOW.0 * 1_000 + at_us;
    Hop { at_us, by: text(by), from: text(from), to: text(to), title: text(title), fields, note: String::new() }
}

fn step(at_ms: i64, version: u32, word: Word, events: &[&'static str]) -> Step {
    Step {
        at: NOW.plus_ms(at_ms),
        of: "pi_sample".to_owned(),
        refund: false,
        version,
        word,
        operation: (version > 1).then_some("sale"),
        request: Some("req_sample".to_owned()),
        events: events.to_vec(),
        stan: (version > 1).then_some(7),
    }
}

/// The messages of a sale whose issuer answers with this code.
fn sale(response: &str) -> Vec<Hop> {
    let asked = [(2, "424242…4242"), (3, "000000"), (4, "000000001999"), (49, "978")];
    let answered = [(3, "000000"), (4, "000000001999"), (39, response), (49, "978")];
    let (ask, answer) = ("0200 financial request: sale", "0210 financial answer: sale");
    vec![
        hop(13_100, "vault", "vault", "acquirer", ask, &asked),
        hop(13_300, "acquirer", "vault", "acquirer", ask, &asked),
        hop(13_500, "acquirer", "acquirer", "visa", ask, &asked),
        hop(13_600, "visa", "visa", "issuer", ask, &asked),
        hop(13_800, "issuer", "issuer", "visa", answer, &answered),
        hop(13_900, "visa", "visa", "acquirer", answer, &answered),
        hop(14_000, "acquirer", "acquirer", "vault", answer, &answered),
        hop(14_200, "vault", "acquirer", "vault", answer, &answered),
    ]
}

fn attempt(state: &'static str, approval: Option<&str>, response: Option<&str>) -> Attempt {
    Attempt {
        operation: "sale",
        state,
        open: false,
        money: eur(1_999),
        stan: 7,
        rrn: "632500000007".to_owned(),
        terminal: "FL000000".to_owned(),
        approval: approval.map(str::to_owned),
        response: response.map(str::to_owned),
    }
}

pub fn approved() -> Told {
    let entry = |reason, debit, credit, minor| Entry { reason, debit, credit, money: eur(minor) };
    let last = Try { at: NOW.plus_ms(40), took_ms: 12, status: Some(200), outcome: "succeeded" };
    let delivered =
        Delivery { endpoint: "we_sample".to_owned(), state: Delivered::Delivered, tries: 1, last: Some(last) };
    let event = |kind, sequence, public: bool| Event {
        id: format!("evt_{sequence}"),
        kind,
        sequence,
        public,
        deliveries: if public { vec![delivered.clone()] } else { vec![] },
    };
    let movement = Movement {
        gross: eur(1_999),
        fee: eur(53),
        net: eur(1_946),
        settled: Settled::By { report: 20_779, line: 3, at: NOW.plus_ms(60_000), cost: eur(18) },
    };
    Told {
        subject: PAYMENT,
        money: eur(1_999),
        status: "succeeded",
        live: false,
        created: NOW,
        card: Some(Card { network: Network::Visa, last4: "4242".to_owned(), sealed: Some(NOW.plus_ms(-20)) }),
        failure: None,
        steps: vec![
            step(0, 1, Word::Created, &["payment_intent.created"]),
            step(12, 2, Word::Sending, &[]),
            step(14, 3, Word::Succeeded, &["charge.succeeded", "payment_intent.succeeded"]),
        ],
        hops: sale("00"),
        attempts: vec![attempt("approved", Some("US4CLE"), None)],
        entries: vec![
            entry(Reason::Capture, Book::Receivable, Book::Merchant, 1_999),
            entry(Reason::RefundableUp, Book::RefundableTotal, Book::Refundable, 1_999),
            entry(Reason::Fee, Book::Merchant, Book::FeeIncome, 53),
        ],
        events: vec![event("payment_intent.created", 8, true), event("payment_intent.processing", 9, false)],
        movements: vec![movement],
        related: vec![Related { subject: REFUND, money: eur(500), status: "succeeded" }],
        missing: vec![],
    }
}

pub fn declined() -> Told {
    let failure = Failure { code: "declined".to_owned(), response: Some("51".to_owned()) };
    Told {
        status: "requires_payment_method",
        failure: Some(failure),
        steps: vec![
            step(0, 1, Word::Created, &[]),
            step(12, 2, Word::Sending, &[]),
            step(14, 3, Word::Failed, &["payment_intent.payment_failed"]),
        ],
        hops: sale("51"),
        attempts: vec![attempt("declined", None, Some("51"))],
        entries: vec![],
        movements: vec![],
        related: vec![],
        ..approved()
    }
}

/// The answer was lost on the way; the reversal is under way.
pub fn lost() -> Told {
    let mut hops = sale("00");
    hops.pop();
    if let Some(last) = hops.last_mut() {
        last.note = "the answer is lost".to_owned();
    }
    let mut silence = hop(15_000_000, "vault", "acquirer", "vault", "no answer", &[]);
    silence.note = "no answer in time; whether the issuer approved is not known".to_owned();
    hops.push(silence);
    hops.push(hop(15_010_000, "vault", "vault", "acquirer", "0400 reversal request: of a purchase", &[(11, "000008")]));
    Told {
        status: "processing",
        steps: vec![
            step(0, 1, Word::Created, &[]),
            step(12, 2, Word::Sending, &[]),
            step(15_005, 3, Word::Reversing, &["florin.attempt.reversing"]),
        ],
        hops,
        attempts: vec![Attempt { open: true, ..attempt("reversing", None, None) }],
        entries: vec![],
        movements: vec![],
        related: vec![],
        missing: vec!["sandbox"],
        ..approved()
    }
}

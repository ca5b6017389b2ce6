//! The link as a table: what happens to it, and everything that comes out, word for word.

use super::*;
use crate::core::decline::DeclineCode;
use crate::core::id::Key;
use crate::core::money::{Currency, Money};
use crate::core::wire::{CardToken, Initiator, Original, OriginalClass, ReversalReason, Rrn, Terminal, WireId};
use florin_connect::acquirer::Iso8583Link;
use florin_connect::connector::Terms;
use florin_connect::iso8583::Mti;
use florin_connect::testcards;

/// Milliseconds; 2026-11-21 22:15:00 UTC.
const START: i64 = 1_795_299_300_000;

#[derive(Clone, Copy)]
enum Do {
    Connect,
    /// Connect, and the sign-on is accepted.
    Up,
    Disconnect,
    /// A sale by attempt number.
    Sale(i64),
    /// A sale that must be sent within so many milliseconds.
    SaleBy(i64, i64),
    /// Another amount under the same trace number.
    Clash(i64),
    Reversal(i64),
    Repeat(i64),
    /// The shell writes what there is, up to so many bytes.
    Write(usize),
    /// The host answers the newest message of the attempt with this code.
    Answer(i64, &'static str),
    /// The same, with one data element altered.
    Altered(i64, u8, &'static str),
    /// An 0800 of the host with this code.
    Host(&'static str),
    /// The host answers our newest 0800 with this code.
    HostAnswers(&'static str),
    Garbage,
    /// Both clocks go on.
    Pass(i64),
    /// The wall clock alone jumps.
    WallJumps(i64),
}
use Do::*;

struct Bench {
    link: Link,
    steady: i64,
    wall: i64,
    tickets: std::collections::BTreeMap<Ticket, i64>,
    /// What the host received, by attempt; 0 for network management.
    host: Vec<(i64, Message)>,
    told: Vec<String>,
}

fn order(attempt: i64, act: Act, minor: i64, send_by: i64) -> Order {
    let key = Key((START << 20) | (attempt << 5));
    Order {
        account: Key(1 << 20),
        owner: Key(2 << 20),
        attempt: key,
        live: false,
        act,
        proof: None,
        money: Money::new(minor, Currency::EUR),
        card: CardToken { key: Key(3 << 20), vault: 1 },
        fingerprint: None,
        code: None,
        address: None,
        wire: WireId { terminal: Terminal(7), stan: u32::try_from(attempt).unwrap(), at: Time(START), rrn: Rrn(key) },
        send_by: Time(send_by),
        repeat: false,
    }
}

fn sale(attempt: i64, send_by: i64) -> Order {
    order(attempt, Act::Sale { initiator: Initiator::Customer, network_id: None }, 1999, send_by)
}

/// Takes back attempt number `attempt`, under a trace number of its own.
fn reversal(attempt: i64, send_by: i64) -> Order {
    let taken_back = sale(attempt, send_by);
    let original = Original {
        class: OriginalClass::Sale,
        wire: taken_back.wire,
        money: taken_back.money,
        approval: None,
        network_id: None,
    };
    let act = Act::Reversal { original, reason: ReversalReason::NoConfirmation };
    let wire = WireId { stan: taken_back.wire.stan + 500_000, ..taken_back.wire };
    Order { act, wire, ..taken_back }
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Approved(a) => format!("Approved {}", a.response.text()),
        Verdict::Declined(d) => format!("Declined {}", d.response.text()),
        Verdict::Pending => "Pending".into(),
        Verdict::Unknown(why) => format!("Unknown {why:?}"),
        Verdict::NotSent(why) => format!("NotSent {why:?}"),
    }
}

impl Bench {
    fn new(settings: LinkSettings) -> Bench {
        let link = Link::new(Dialect::link(), &Iso8583Link, settings);
        Bench { link, steady: 0, wall: START, tickets: Default::default(), host: Vec::new(), told: Vec::new() }
    }

    fn now(&self) -> Moment {
        Moment { steady: Time(self.steady), wall: Time(self.wall) }
    }

    fn submit(&mut self, attempt: i64, order: Order) {
        let card = testcards::by_name("visa").unwrap().card().unwrap_or_else(|_| unreachable!());
        match self.link.submit(self.now(), &order, Some(&card)) {
            Ok(ticket) => {
                self.tickets.insert(ticket, attempt);
            }
            Err(verdict) => self.told.push(format!("{attempt}: {}", words(&verdict))),
        }
    }

    fn write(&mut self, room: usize) {
        for frame in self.link.take_frames(self.now(), room) {
            assert!(frame.send_by.is_none_or(|by| by.0 > self.steady), "handed out too late");
            let message = Dialect::link().decode(&frame.bytes[2..]).unwrap_or_else(|e| panic!("{e}"));
            let stan: i64 = message.get(11).unwrap().parse().unwrap();
            let network = message.mti.class() == Class::Network;
            let attempt = if network { 0 } else { stan % 500_000 };
            let about = if network { message.get(70).unwrap().to_string() } else { attempt.to_string() };
            self.told.push(format!("sent {} {about}", message.mti));
            self.host.push((attempt, message));
        }
    }

    fn reply(&mut self, attempt: i64, change: impl Fn(&mut Message)) {
        let (_, request) = self.host.iter().rev().find(|(a, _)| *a == attempt).expect("the host got it");
        let mut reply = Dialect::link().reply(request).unwrap();
        if attempt == 0 {
            reply.set(70, request.get(70).unwrap());
        }
        change(&mut reply);
        let body = Dialect::link().encode(&reply).unwrap();
        self.link.received(self.now(), &body);
    }

    fn step(&mut self, step: Do) {
        match step {
            Connect => self.link.connected(self.now()),
            Up => {
                self.step(Connect);
                self.write(usize::MAX);
                self.step(HostAnswers("00"));
            }
            Disconnect => self.link.disconnected(self.now()),
            Sale(n) => self.submit(n, sale(n, self.wall + 5_000)),
            SaleBy(n, ms) => self.submit(n, sale(n, self.wall + ms)),
            Clash(n) => self.submit(n, Order { money: Money::new(5, Currency::EUR), ..sale(n, self.wall + 5_000) }),
            Reversal(n) => self.submit(n, reversal(n, self.wall + 5_000)),
            Repeat(n) => self.submit(n, Order { repeat: true, ..reversal(n, self.wall + 5_000) }),
            Write(room) => self.write(room),
            Answer(n, code) => self.reply(n, |m| {
                m.set(39, code);
            }),
            Altered(n, de, value) => self.reply(n, |m| {
                m.set(39, "00").set(de, value);
            }),
            Host(code) => {
                let mut request = Message::new(Mti::NETWORK);
                request.set(7, "1121221500").set(11, "000009").set(70, code);
                let body = Dialect::link().encode(&request).unwrap();
                self.link.received(self.now(), &body);
            }
            HostAnswers(code) => self.reply(0, |m| {
                m.set(39, code);
            }),
            Garbage => self.link.received(self.now(), b"0210 is how it begins"),
            Pass(ms) => self.pass(ms),
            WallJumps(ms) => self.wall += ms,
        }
        for (ticket, verdict) in self.link.take_verdicts() {
            self.told.push(format!("{}: {}", self.tickets[&ticket], words(&verdict)));
        }
        for late in self.link.take_late() {
            assert_eq!((late.account, late.owner), (Key(1 << 20), Key(2 << 20)));
            self.told.push(format!("late {}: {}", late.wire.stan % 500_000, words(&late.verdict)));
        }
    }

    /// Lets time go on from one wake to the next, as a shell does.
    fn pass(&mut self, ms: i64) {
        let (end, wall_end) = (self.steady + ms, self.wall + ms);
        for round in 0.. {
            assert!(round < 1_000, "the link wakes without end");
            let Some(wake) = self.link.next_wake().filter(|wake| wake.0 <= end) else { break };
            self.wall += (wake.0 - self.steady).max(0);
            self.steady = self.steady.max(wake.0);
            self.link.tick(self.now());
            if let Some(reason) = self.link.must_close() {
                self.told.push(format!("close {reason:?}"));
                break;
            }
        }
        (self.steady, self.wall) = (end, wall_end);
        self.link.tick(self.now());
    }
}

fn settings() -> LinkSettings {
    let mut settings = LinkSettings::new(Terms::of(Dialect::link()));
    settings.in_flight_limit_messages = 3;
    settings
}

fn check(what: &str, steps: &[Do], expected: &[&str]) {
    let mut bench = Bench::new(settings());
    for step in steps {
        bench.step(*step);
    }
    assert_eq!(bench.told, expected, "{what}");
}

const ALL: usize = usize::MAX;

#[test]
fn orders_need_a_link_that_is_signed_on() {
    check("no connection", &[Sale(1)], &["1: NotSent LinkDown"]);
    check("no answer to the sign-on yet", &[Connect, Write(ALL), Sale(1)], &["sent 0800 001", "1: NotSent LinkDown"]);
    check(
        "signed on",
        &[Up, Sale(1), Write(ALL), Answer(1, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Approved 00"],
    );
    check("declined", &[Up, Sale(1), Write(ALL), Answer(1, "51")], &["sent 0800 001", "sent 0200 1", "1: Declined 51"]);
    check(
        "sign-on refused",
        &[Connect, Write(ALL), HostAnswers("91"), Sale(1), Pass(0)],
        &["sent 0800 001", "1: NotSent LinkDown"],
    );
    check("sign-on not answered", &[Connect, Write(ALL), Pass(9_999), Pass(1)], &["sent 0800 001", "close NoSignOn"]);
    check(
        "the answer to an old sign-on counts for nothing",
        &[Connect, Write(ALL), Disconnect, Connect, HostAnswers("00"), Sale(1)],
        &["sent 0800 001", "1: NotSent LinkDown"],
    );
}

#[test]
fn refused_sign_on_asks_for_a_new_connection() {
    let mut bench = Bench::new(settings());
    for step in [Connect, Write(ALL), HostAnswers("91")] {
        bench.step(step);
    }
    assert_eq!(bench.link.must_close(), Some(CloseReason::SignOnRefused));
    assert_eq!(bench.link.state(), LinkState::SigningOn);
    bench.step(Up);
    assert_eq!((bench.link.must_close(), bench.link.state()), (None, LinkState::Up));
}

#[test]
fn answers_find_their_orders_whatever_their_order() {
    check(
        "reordered",
        &[Up, Sale(1), Sale(2), Sale(3), Write(ALL), Answer(3, "00"), Answer(1, "51"), Answer(2, "05")],
        &[
            "sent 0800 001",
            "sent 0200 1",
            "sent 0200 2",
            "sent 0200 3",
            "3: Approved 00",
            "1: Declined 51",
            "2: Declined 05",
        ],
    );
    check(
        "an answer to what was not sent is a stray",
        &[Up, Sale(1), Write(ALL), Altered(1, 11, "000002"), Sale(2), Answer(1, "00"), Write(ALL), Answer(2, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Approved 00", "sent 0200 2", "2: Approved 00"],
    );
    for (what, de, value) in [
        ("amount", 4, "000000002000"),
        ("currency", 49, "840"),
        ("reference", 37, "632500000000"),
        ("merchant", 42, "SOMEBODY ELSE  "),
    ] {
        let told = ["sent 0800 001", "sent 0200 1", "1: Unknown Mismatch"];
        check(what, &[Up, Sale(1), Write(ALL), Altered(1, de, value)], &told);
    }
    check(
        "a part of the amount",
        &[Up, Sale(1), Write(ALL), Altered(1, 4, "000000000500")],
        &["sent 0800 001", "sent 0200 1", "1: Unknown Partial"],
    );
    check(
        "the right answer after a wrong one comes late",
        &[Up, Sale(1), Write(ALL), Altered(1, 4, "000000002000"), Answer(1, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Unknown Mismatch", "late 1: Approved 00"],
    );
    check(
        "garbage disturbs nothing",
        &[Up, Sale(1), Write(ALL), Garbage, Answer(1, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Approved 00"],
    );
}

#[test]
fn answers_that_nobody_waits_for_are_handed_back() {
    let late = ["sent 0800 001", "sent 0200 1", "1: Unknown NoAnswer", "late 1: Approved 00"];
    check("late", &[Up, Sale(1), Write(ALL), Pass(15_000), Answer(1, "00")], &late);
    check(
        "not late",
        &[Up, Sale(1), Write(ALL), Pass(14_999), Answer(1, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Approved 00"],
    );
    check(
        "double",
        &[Up, Sale(1), Write(ALL), Answer(1, "00"), Answer(1, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Approved 00", "late 1: Approved 00"],
    );
    check(
        "on another connection",
        &[Up, Sale(1), Write(ALL), Disconnect, Up, Answer(1, "51")],
        &["sent 0800 001", "sent 0200 1", "1: Unknown LinkLost", "sent 0800 001", "late 1: Declined 51"],
    );
    check(
        "between connections",
        &[Up, Sale(1), Write(ALL), Disconnect, Answer(1, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Unknown LinkLost", "late 1: Approved 00"],
    );
}

#[test]
fn what_is_remembered_has_limits() {
    let check = |what: &str, unanswered: usize, limit_ms: u32, wait_ms: i64, expected: &[&str]| {
        let mut settings = settings();
        (settings.unanswered_limit_messages, settings.unanswered_limit_ms) = (unanswered, limit_ms);
        let mut bench = Bench::new(settings);
        for step in [Up, Sale(1), Sale(2), Write(ALL), Disconnect, Up] {
            bench.step(step);
        }
        bench.told.clear();
        // Forgetting happens when something new is remembered.
        for step in
            [Pass(wait_ms), HostAnswers("00"), Sale(3), Write(ALL), Disconnect, Answer(1, "00"), Answer(2, "00")]
        {
            bench.step(step);
        }
        let late: Vec<&String> = bench.told.iter().filter(|t| t.starts_with("late")).collect();
        assert_eq!(late, expected, "{what}");
    };
    check("room enough", 100, 60_000, 1, &["late 1: Approved 00", "late 2: Approved 00"]);
    check("by number", 2, 60_000, 1, &["late 2: Approved 00"]);
    check("by time", 100, 10, 20, &[]);
}

#[test]
fn a_lost_connection_tells_what_may_have_left() {
    let told = ["sent 0800 001", "sent 0200 1", "1: Unknown LinkLost", "2: NotSent LinkDown"];
    check("one written, one waiting", &[Up, Sale(1), Write(ALL), Sale(2), Disconnect], &told);
    check("nothing written", &[Up, Sale(1), Disconnect], &["sent 0800 001", "1: NotSent LinkDown"]);
    check("while signing on", &[Connect, Disconnect, Sale(1)], &["1: NotSent LinkDown"]);
    let answered = ["sent 0800 001", "sent 0200 1", "1: Approved 00"];
    check("after the answer", &[Up, Sale(1), Write(ALL), Answer(1, "00"), Disconnect], &answered);
    let implied = ["sent 0800 001", "sent 0200 1", "1: Unknown LinkLost", "sent 0800 001"];
    check("a new connection ends the old one", &[Up, Sale(1), Write(ALL), Up], &implied);
}

#[test]
fn nothing_leaves_after_its_time() {
    check("too late at once", &[Up, SaleBy(1, 0)], &["sent 0800 001", "1: NotSent TooLate"]);
    check(
        "too late while waiting",
        &[Up, SaleBy(1, 100), Pass(100), Write(ALL)],
        &["sent 0800 001", "1: NotSent TooLate"],
    );
    check("in time", &[Up, SaleBy(1, 100), Pass(99), Write(ALL)], &["sent 0800 001", "sent 0200 1"]);
    check("far ahead is cut", &[Up, SaleBy(1, 3_600_000), Pass(10_000)], &["sent 0800 001", "1: NotSent TooLate"]);
    check(
        "the wall clock goes back: neither stalled nor expired",
        &[Up, Sale(1), Write(ALL), WallJumps(-3_600_000), Sale(2), Write(ALL), Pass(14_999), Answer(1, "00"), Pass(1)],
        &["sent 0800 001", "sent 0200 1", "sent 0200 2", "1: Approved 00", "2: Unknown NoAnswer"],
    );
    check(
        "the wall clock goes on: nothing in flight expires",
        &[Up, Sale(1), Write(ALL), WallJumps(3_600_000), Pass(1), Answer(1, "00")],
        &["sent 0800 001", "sent 0200 1", "1: Approved 00"],
    );
}

#[test]
fn so_many_in_flight_and_no_more() {
    check(
        "busy",
        &[Up, Sale(1), Sale(2), Write(ALL), Sale(3), Sale(4), Answer(1, "00"), Sale(5)],
        &["sent 0800 001", "sent 0200 1", "sent 0200 2", "4: NotSent Busy", "1: Approved 00"],
    );
    check(
        "in small writes",
        &[Up, Sale(1), Sale(2), Write(1), Write(1)],
        &["sent 0800 001", "sent 0200 1", "sent 0200 2"],
    );
}

#[test]
fn money_is_asked_for_once() {
    let told = ["sent 0800 001", "sent 0200 1", "1: Approved 00", "1: Approved 00"];
    check("twice while under way", &[Up, Sale(1), Sale(1), Write(ALL), Answer(1, "00")], &told);
    let told = ["sent 0800 001", "sent 0200 1", "1: Approved 00", "1: Unknown NoAnswer"];
    check("again after its answer", &[Up, Sale(1), Write(ALL), Answer(1, "00"), Sale(1), Write(ALL)], &told);
    let told = ["sent 0800 001", "1: NotSent NotEncodable", "sent 0200 1"];
    check("another message with its trace number", &[Up, Sale(1), Clash(1), Write(ALL)], &told);
    let told = ["sent 0800 001", "sent 0200 1", "1: Approved 00", "1: NotSent NotEncodable"];
    check("the same, later", &[Up, Sale(1), Write(ALL), Answer(1, "00"), Clash(1)], &told);
    check(
        "reversals are repeated until answered",
        &[Up, Reversal(1), Write(ALL), Pass(15_000), Repeat(1), Write(ALL), Answer(1, "25")],
        &["sent 0800 001", "sent 0400 1", "1: Unknown NoAnswer", "sent 0401 1", "1: Declined 25"],
    );
    check(
        "an answer to the first try settles the repeat",
        &[Up, Reversal(1), Write(ALL), Pass(15_000), Repeat(1), Write(ALL), Answer(1, "00"), Answer(1, "00")],
        &[
            "sent 0800 001",
            "sent 0400 1",
            "1: Unknown NoAnswer",
            "sent 0401 1",
            "1: Approved 00",
            "late 1: Approved 00",
        ],
    );
}

#[test]
fn silence_is_asked_about() {
    check(
        "echo after silence, answered",
        &[Up, Pass(29_999), Write(ALL), Pass(1), Write(ALL), HostAnswers("00"), Pass(29_999), Sale(1)],
        &["sent 0800 001", "sent 0800 301"],
    );
    check(
        "two missed echoes",
        &[Up, Pass(30_000), Write(ALL), Pass(10_000), Write(ALL), Pass(9_999), Pass(1), Sale(1)],
        &["sent 0800 001", "sent 0800 301", "sent 0800 301", "close NoEcho", "1: NotSent LinkDown"],
    );
    check(
        "any message shows life",
        &[Up, Pass(30_000), Write(ALL), Pass(10_000), Write(ALL), Host("301"), Pass(10_000), Write(ALL), Pass(10_000)],
        &["sent 0800 001", "sent 0800 301", "sent 0800 301", "sent 0810 301"],
    );
}

#[test]
fn the_other_side_may_ask_too() {
    let told = ["sent 0800 001", "sent 0810 301", "sent 0810 001", "sent 0810 201", "sent 0810 161"];
    check("each is answered", &[Up, Host("301"), Host("001"), Host("201"), Host("161"), Write(ALL)], &told);
    let mut bench = Bench::new(settings());
    for step in [Up, Host("301"), Host("161"), Write(ALL)] {
        bench.step(step);
    }
    let codes: Vec<&str> = bench.host[1..].iter().map(|(_, m)| m.get(39).unwrap()).collect();
    assert_eq!(codes, ["00", "12"], "a key change is not known here");
    check(
        "it signs off: what was sent may be answered, nothing else leaves",
        &[
            Up,
            Sale(1),
            Write(ALL),
            Sale(2),
            Host("002"),
            Sale(3),
            Write(ALL),
            Answer(1, "00"),
            Host("001"),
            Sale(4),
            Write(ALL),
        ],
        &[
            "sent 0800 001",
            "sent 0200 1",
            "2: NotSent LinkDown",
            "3: NotSent LinkDown",
            "sent 0810 002",
            "1: Approved 00",
            "sent 0810 001",
            "sent 0200 4",
        ],
    );
    check(
        "after a while we sign on again",
        &[Up, Host("002"), Write(ALL), Pass(30_000), Write(ALL), HostAnswers("00"), Sale(1), Write(ALL)],
        &["sent 0800 001", "sent 0810 002", "sent 0800 001", "sent 0200 1"],
    );
    let flood: Vec<Do> = std::iter::once(Up).chain(std::iter::repeat_n(Host("301"), 65)).collect();
    let mut bench = Bench::new(settings());
    flood.into_iter().for_each(|step| bench.step(step));
    assert_eq!(bench.link.must_close(), Some(CloseReason::Flooded));
}

#[test]
fn hops_tell_the_way_without_the_card() {
    let mut bench = Bench::new(settings());
    for step in [Up, Sale(1), Write(ALL), Answer(1, "51"), Sale(2), Write(ALL), Pass(15_000), Answer(2, "00")] {
        bench.step(step);
    }
    let hops = bench.link.take_hops(77);
    let ways: Vec<(&str, &str, &str)> =
        hops.iter().map(|h| (h.from.as_str(), h.to.as_str(), h.title.as_str())).collect();
    assert_eq!(ways.len(), 5, "{ways:?}");
    assert!(hops.iter().all(|h| h.at_us == 77 && h.by == "vault" && h.rrn.len() == 12));
    let text = serde_json::to_string(&hops).unwrap();
    let number = testcards::by_name("visa").unwrap().number();
    assert!(!text.contains(number) && text.contains(&number[12..]), "{text}");
    assert!(hops[4].note.contains("late"), "{}", hops[4].note);
    let silent = LinkSettings { journey: false, ..settings() };
    let mut bench = Bench::new(silent);
    for step in [Up, Sale(1), Write(ALL), Answer(1, "51")] {
        bench.step(step);
    }
    assert!(bench.link.take_hops(0).is_empty());
}

#[test]
fn the_decline_is_the_merchants_word() {
    let mut bench = Bench::new(settings());
    for step in [Up, Sale(1), Write(ALL)] {
        bench.step(step);
    }
    bench.reply(1, |m| {
        m.set(39, "51");
    });
    let verdicts = bench.link.take_verdicts();
    assert!(matches!(verdicts[..], [(_, Verdict::Declined(d))] if d.code == DeclineCode::InsufficientFunds));
}

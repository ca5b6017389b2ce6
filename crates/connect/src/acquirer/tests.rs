//! The acquirer connector at its boundary: orders to fields, answers to verdicts.

use super::*;
use crate::card::{Cvc, Expiry, Pan};
use crate::connector::{BadTerms, by_name, judge};
use crate::iso8583::{Dialect, Message};
use florin_core::avs::AddressCheck;
use florin_core::decline::{DeclineCode, Retry};
use florin_core::id::Key;
use florin_core::money::{Currency, Money};
use florin_core::payment::Address;
use florin_core::time::Time;
use florin_core::wire::*;

/// 2026-11-21 22:15:00 UTC.
const AT: Time = Time(1_795_299_300_123);
const PRESENT: Act = Act::Sale { initiator: Initiator::Customer, network_id: None };

fn wire(terminal: u32, stan: u32, at: Time) -> WireId {
    WireId { terminal: Terminal(terminal), stan, at, rrn: Rrn(Key(at.0 << 20)) }
}

fn original(class: OriginalClass) -> Original {
    Original {
        class,
        wire: wire(1, 123, AT),
        money: Money::new(1000, Currency::USD),
        approval: Some(ApprovalCode(*b"A1B2C3")),
        network_id: Some(NetworkId(123_456_789_012_345)),
    }
}

fn order(act: Act) -> Order {
    let at = match act {
        Act::Sale { .. } | Act::Authorization { .. } | Act::Verification { .. } => AT,
        Act::Increment { .. } | Act::Completion { .. } | Act::Refund { .. } | Act::Reversal { .. } => {
            AT.plus_ms(16_000)
        }
    };
    Order {
        account: Key(1),
        owner: Key(2),
        attempt: Key(3),
        live: false,
        act,
        proof: None,
        money: Money::new(1000, Currency::USD),
        card: CardToken { key: Key(4), vault: 5 },
        fingerprint: None,
        code: None,
        address: None,
        wire: wire(if at == AT { 1 } else { 2 }, if at == AT { 123 } else { 124 }, at),
        send_by: at.plus_ms(5000),
        repeat: false,
    }
}

fn card(number: &str, cvc: Option<&str>) -> Card {
    let pan = Pan::parse(number).unwrap();
    let cvc = cvc.map(|text| Cvc::parse(text, pan.network()).unwrap());
    Card { pan, expiry: Expiry { year: 2031, month: 12 }, cvc, cavv: None }
}

fn visa() -> Card {
    card("4242424242424242", Some("123"))
}

fn terms() -> Terms {
    Terms::of(Dialect::link())
}

fn encode(order: &Order, card: &Card) -> Result<Message, NotSent> {
    match Iso8583Link.encode(order, Some(card), &terms())? {
        WireRequest::Iso8583(message) => Ok(message),
        WireRequest::Http { .. } => panic!("this link speaks ISO 8583"),
    }
}

fn fields(message: &Message) -> String {
    message.iter().map(|(de, value)| format!("{de}={}", value.trim_end())).collect::<Vec<_>>().join("|")
}

const HEAD: &str =
    "2=4242424242424242|3=000000|4=000000001000|7=1121221500|11=000123|12=221500|13=1121|14=3112|18=5999|19=840";
const TAIL: &str =
    "32=400001|37=6325XD2IR340|41=FL000001|42=FLORINTEST00001|43=FLORIN TEST SHOP         NEW YORK     US|49=840";

#[test]
fn orders_become_messages() {
    let check = |act: Act, card: &Card, mti: &str, expected: String| {
        let message = encode(&order(act), card).unwrap();
        assert_eq!(message.mti.as_str(), mti);
        assert_eq!(fields(&message), expected, "{mti}");
        assert_eq!(Dialect::link().check_mandatory(&message), Ok(()));
        assert!(Dialect::link().encode(&message).is_ok());
    };
    let id = Some(NetworkId(42));
    let present = format!("{HEAD}|22=812|25=59|{TAIL}");
    let stored = format!("{HEAD}|22=102|25=59|{TAIL}");
    let act = |initiator, network_id| Act::Sale { initiator, network_id };
    check(PRESENT, &visa(), "0200", format!("{present}|60=01001C|126=10003123"));
    check(act(Initiator::CustomerStoring, None), &visa(), "0200", format!("{present}|60=01001C02002FU|126=10003123"));
    check(act(Initiator::CustomerStored, id), &visa(), "0200", {
        format!("{stored}|60=01001C02002SU|62=000000000000042|126=10003123")
    });
    check(act(Initiator::Merchant, id), &visa(), "0200", format!("{stored}|60=01001M02002SU|62=000000000000042"));
    let without_cvc = card("4242424242424242", None);
    let hold = Act::Authorization { initiator: Initiator::Customer, network_id: None };
    check(hold, &without_cvc, "0100", format!("{present}|60=01001C"));

    let (ask, first) = (format!("{HEAD}|22=812|25=51|{TAIL}"), Initiator::CustomerStoring);
    check(Act::Verification { initiator: first }, &visa(), "0100", format!("{ask}|60=01001C02002FU|126=10003123"));
    check(Act::Verification { initiator: first }, &without_cvc, "0100", format!("{ask}|60=01001C02002FU"));

    let later = "7=1121221516|11=000124";
    let same = "2=4242424242424242|3=000000|4=000000001000";
    let ids = "32=400001|37=6325XD2IR340";
    let place = "41=FL000001|42=FLORINTEST00001|49=840";
    check(Act::Completion { original: original(OriginalClass::Authorization) }, &visa(), "0220", {
        format!(
            "{same}|{later}|12=221500|13=1121|{ids}|38=A1B2C3|{place}|90=010000012311212215000000040000100000000000"
        )
    });
    let reason = ReversalReason::NoConfirmation;
    check(Act::Reversal { original: original(OriginalClass::Sale), reason }, &visa(), "0400", {
        format!(
            "{same}|{later}|12=221500|13=1121|{ids}|{place}|63=030042503|90=020000012311212215000000040000100000000000"
        )
    });
    check(Act::Refund { original: original(OriginalClass::Sale) }, &visa(), "0200", {
        let head = HEAD
            .replace("3=000000", "3=200000")
            .replace("7=1121221500|11=000123|12=221500", "7=1121221516|11=000124|12=221516");
        let tail = TAIL.replace("6325XD2IR340", "6325XDB5OI2O").replace("FL000001", "FL000002");
        format!("{head}|22=102|25=59|{tail}|62=123456789012345")
    });
    let refund = original(OriginalClass::Refund);
    let message =
        encode(&order(Act::Reversal { original: refund, reason: ReversalReason::CancelledByCustomer }), &visa())
            .unwrap();
    assert_eq!((message.get(3), message.get(63)), (Some("200000"), Some("030042501")));
    // Without its card it is the same message but for DE 2; nothing else goes without one.
    let reversal = Act::Reversal { original: original(OriginalClass::Sale), reason };
    let lost = Order { card: CardToken::LOST, ..order(reversal) };
    let Ok(WireRequest::Iso8583(message)) = Iso8583Link.encode(&lost, None, &terms()) else { panic!("it is sent") };
    assert_eq!(fields(&message), fields(&encode(&lost, &visa()).unwrap()).replace("2=4242424242424242|", ""));
    assert_eq!(Dialect::link().check_mandatory(&message), Ok(()));
    for act in [PRESENT, Act::Refund { original: original(OriginalClass::Sale) }] {
        let order = Order { card: CardToken::LOST, ..order(act) };
        assert!(matches!(Iso8583Link.encode(&order, None, &terms()), Err(NotSent::NoSuchCard)));
    }
}

/// The address goes to the issuer with what asks for money or whether the card is good, and with nothing else.
#[test]
fn addresses_to_compare() {
    #[track_caller]
    fn check(act: Act, line1: Option<&str>, postal_code: Option<&str>, expected: Option<&str>) {
        let given = |text: Option<&str>| text.map(str::to_owned);
        let address = Address { line1: given(line1), postal_code: given(postal_code), ..Address::default() };
        let message = encode(&Order { address: AddressCheck::of(&address), ..order(act) }, &visa()).unwrap();
        assert_eq!(message.get(123), expected);
    }
    let verification = Act::Verification { initiator: Initiator::CustomerStoring };
    let both = Some("01005941030200910 Main S");
    check(PRESENT, Some("10 Main S"), Some("94103"), both);
    check(verification, Some("10 Main S"), Some("94103"), both);
    check(PRESENT, None, Some("94103"), Some("0100594103"));
    check(PRESENT, Some("10 Main S"), None, Some("0200910 Main S"));
    check(PRESENT, None, None, None);
    let reversal = Act::Reversal { original: original(OriginalClass::Sale), reason: ReversalReason::NoConfirmation };
    check(reversal, Some("10 Main S"), Some("94103"), None);
}

#[test]
fn repeats_differ_in_their_type_alone() {
    let reason = ReversalReason::NotCompleted;
    for act in [
        Act::Reversal { original: original(OriginalClass::Sale), reason },
        Act::Completion { original: original(OriginalClass::Authorization) },
    ] {
        let first = order(act);
        let mut again = Order { repeat: true, ..first };
        again.send_by = again.send_by.plus_ms(60_000);
        let bodies = [first, again].map(|o| Dialect::link().encode(&encode(&o, &visa()).unwrap()).unwrap());
        let [first, again] = &bodies;
        assert_eq!((&again[..4], &again[4..]), ([&first[..3], b"1"].concat().as_slice(), &first[4..]));
    }
    for act in [PRESENT, Act::Refund { original: original(OriginalClass::Sale) }] {
        assert_eq!(encode(&Order { repeat: true, ..order(act) }, &visa()).err(), Some(NotSent::NotEncodable));
    }
}

#[test]
fn orders_that_cannot_be_sent() {
    let check = |order: Order| assert_eq!(encode(&order, &visa()).err(), Some(NotSent::NotEncodable));
    let unnamed = order(Act::Sale { initiator: Initiator::Merchant, network_id: None });
    assert_eq!(encode(&unnamed, &visa()).err(), Some(NotSent::NoAgreement));
    check(Order { money: Money::new(-1, Currency::USD), ..order(PRESENT) });
    check(Order { money: Money::new(1_000_000_000_000, Currency::USD), ..order(PRESENT) });
    check(Order { money: Money::new(1050, Currency::parse("isk").unwrap()), ..order(PRESENT) });
    check(Order { wire: wire(1, 0, AT), ..order(PRESENT) });
    check(Order { wire: wire(1, 1_000_000, AT), ..order(PRESENT) });
    check(order(Act::Sale {
        initiator: Initiator::CustomerStored,
        network_id: Some(NetworkId(1_000_000_000_000_000)),
    }));
    let mut unapproved = original(OriginalClass::Authorization);
    unapproved.approval = None;
    check(order(Act::Completion { original: unapproved }));
    let nothing = Iso8583Link.encode(&order(PRESENT), None, &terms()).map(|_| ());
    assert_eq!(nothing, Err(NotSent::NoSuchCard));
}

#[test]
fn amounts_go_out_as_the_networks_count() {
    let check = |minor: i64, code: &str, amount: &str, numeric: &str| {
        let money = Money::new(minor, Currency::parse(code).unwrap());
        let message = encode(&Order { money, ..order(PRESENT) }, &visa()).unwrap();
        assert_eq!((message.get(4), message.get(49)), (Some(amount), Some(numeric)));
    };
    check(1999, "eur", "000000001999", "978");
    check(500, "jpy", "000000000500", "392");
    check(1000, "isk", "000000000010", "352");
    check(100, "all", "000000000100", "008");
    // A reversal carries the amount of what it takes back, whatever the order says.
    let reversal = Act::Reversal { original: original(OriginalClass::Sale), reason: ReversalReason::Partial };
    let message = encode(&Order { money: Money::new(1, Currency::EUR), ..order(reversal) }, &visa()).unwrap();
    assert_eq!((message.get(4), message.get(49)), (Some("000000001000"), Some("840")));
}

/// The answer of an obliging host, changed by `(DE, value)`; an empty value removes the element.
fn verdict_of(order: &Order, card: &Card, changes: &[(u8, &str)]) -> Verdict {
    let request = encode(order, card).unwrap();
    let mut answer = Dialect::link().reply(&request).unwrap();
    answer.set(38, "A1B2C3").set(39, "00").set(62, "123456789012345");
    for (de, value) in changes {
        match value.is_empty() {
            true => assert!(answer.remove(*de)),
            false => {
                answer.set(*de, value);
            }
        }
    }
    judge(&Iso8583Link, order, &card.facts(), &terms(), WireAnswer::Iso8583(&answer))
}

fn approved(response: &[u8; 2]) -> Verdict {
    Verdict::Approved(Approval {
        response: ResponseCode(*response),
        code: Some(ApprovalCode(*b"A1B2C3")),
        network_id: Some(NetworkId(123_456_789_012_345)),
        checks: Checks::default(),
    })
}

#[test]
fn answers_that_approve() {
    let check = |act: Act, changes: &[(u8, &str)], expected: Verdict| {
        assert_eq!(verdict_of(&order(act), &visa(), changes), expected);
    };
    check(PRESENT, &[], approved(b"00"));
    check(PRESENT, &[(39, "08")], approved(b"08"));
    check(PRESENT, &[(39, "11")], approved(b"11"));
    check(PRESENT, &[(2, "4242424242424242")], approved(b"00"));
    check(Act::Refund { original: original(OriginalClass::Sale) }, &[], approved(b"00"));
    check(Act::Completion { original: original(OriginalClass::Authorization) }, &[], approved(b"00"));
    let reason = ReversalReason::NoConfirmation;
    check(Act::Reversal { original: original(OriginalClass::Sale), reason }, &[], approved(b"00"));
    // A host need not repeat anything.
    check(PRESENT, &[(4, ""), (49, ""), (37, ""), (42, ""), (3, "")], approved(b"00"));
    let zero = Order { money: Money::new(0, Currency::USD), ..order(PRESENT) };
    assert_eq!(verdict_of(&zero, &visa(), &[(39, "85")]), approved(b"85"));
    let bare = verdict_of(&order(PRESENT), &visa(), &[(38, ""), (62, "")]);
    let Verdict::Approved(approval) = bare else { panic!("{bare:?}") };
    assert_eq!((approval.code, approval.network_id), (None, None));
}

#[test]
fn answers_that_fit_no_request_are_no_answers() {
    let check = |changes: &[(u8, &str)], why: Unsure| {
        assert_eq!(verdict_of(&order(PRESENT), &visa(), changes), Verdict::Unknown(why), "{changes:?}");
    };
    check(&[(4, "000000001001")], Unsure::Mismatch);
    check(&[(4, "000000000999")], Unsure::Partial);
    check(&[(4, "000000000999"), (49, "978")], Unsure::Mismatch);
    check(&[(4, "000000000999"), (39, "05")], Unsure::Mismatch);
    check(&[(49, "978")], Unsure::Mismatch);
    check(&[(4, ""), (49, "978")], Unsure::Mismatch);
    check(&[(37, "632501HCS4Q4")], Unsure::Mismatch);
    check(&[(41, "FL000002")], Unsure::Mismatch);
    check(&[(42, "FLORINTEST00002")], Unsure::Mismatch);
    check(&[(2, "4000056655665556")], Unsure::Mismatch);
    check(&[(39, "10")], Unsure::Partial);
    check(&[(39, "10"), (4, "000000000500")], Unsure::Partial);
    check(&[(39, "")], Unsure::Unreadable);
    check(&[(39, "0")], Unsure::Unreadable);
    check(&[(39, "85")], Unsure::Unreadable);
    let duplicate = verdict_of(&order(PRESENT), &visa(), &[(39, "94")]);
    assert!(matches!(duplicate, Verdict::Declined(d) if d.code == DeclineCode::DuplicateTransaction), "{duplicate:?}");
    check(&[(3, "200000")], Unsure::Unreadable);
    check(&[(49, "999")], Unsure::Unreadable);
    check(&[(4, "12")], Unsure::Unreadable);
    check(&[(2, "4242424242424241")], Unsure::Unreadable);

    let sale = order(PRESENT);
    let answer = |mti: &str| {
        let mut message = Message::new(Mti::parse(mti).unwrap());
        message.set(39, "00");
        judge(&Iso8583Link, &sale, &visa().facts(), &terms(), WireAnswer::Iso8583(&message))
    };
    assert!(matches!(answer("0210"), Verdict::Approved(_)));
    assert!(matches!(answer("0211"), Verdict::Approved(_)));
    for mti in ["0110", "0230", "0410", "0200", "0840"] {
        assert_eq!(answer(mti), Verdict::Unknown(Unsure::Unreadable), "{mti}");
    }
    let http = WireAnswer::Http { status: 200, headers: &[], body: b"{}" };
    let verdict = judge(&Iso8583Link, &sale, &visa().facts(), &terms(), http);
    assert_eq!(verdict, Verdict::Unknown(Unsure::Unreadable));
}

#[test]
fn refusals_in_the_words_of_merchants() {
    let (visa, mastercard) = (visa(), card("5555555555554444", Some("123")));
    let check = |card: &Card, changes: &[(u8, &str)], code: DeclineCode, retry: Retry| {
        let verdict = verdict_of(&order(PRESENT), card, changes);
        let Verdict::Declined(decline) = verdict else { panic!("{changes:?}: {verdict:?}") };
        assert_eq!((decline.code, decline.retry), (code, retry), "{changes:?}");
    };
    check(&visa, &[(39, "05")], DeclineCode::DoNotHonor, Retry::Later);
    check(&visa, &[(39, "51")], DeclineCode::InsufficientFunds, Retry::Later);
    check(&visa, &[(39, "91")], DeclineCode::IssuerNotAvailable, Retry::Now);
    check(&visa, &[(39, "96")], DeclineCode::ProcessingError, Retry::Now);
    check(&visa, &[(39, "1A")], DeclineCode::AuthenticationRequired, Retry::WithAuthentication);
    check(&visa, &[(39, "65")], DeclineCode::WithdrawalCountLimitExceeded, Retry::Later);
    check(&mastercard, &[(39, "65")], DeclineCode::AuthenticationRequired, Retry::WithAuthentication);
    check(&visa, &[(39, "82")], DeclineCode::GenericDecline, Retry::Fix);
    check(&visa, &[(39, "82"), (44, "         N")], DeclineCode::IncorrectCvc, Retry::Fix);
    check(&mastercard, &[(39, "82"), (44, "         N")], DeclineCode::GenericDecline, Retry::Fix);
    check(&visa, &[(39, "79")], DeclineCode::GenericDecline, Retry::Later);
    check(&mastercard, &[(39, "79")], DeclineCode::InvalidAccount, Retry::No);
    check(&mastercard, &[(39, "83")], DeclineCode::SecurityViolation, Retry::No);
    check(&visa, &[(39, "ZZ")], DeclineCode::GenericDecline, Retry::Later);
    // The network's advice wins over the table.
    check(&mastercard, &[(39, "51"), (48, "8400203")], DeclineCode::InsufficientFunds, Retry::No);
    check(&mastercard, &[(39, "05"), (48, "8400201")], DeclineCode::DoNotHonor, Retry::Fix);
    check(&mastercard, &[(39, "14"), (48, "8400224")], DeclineCode::IncorrectNumber, Retry::Later);
    check(&mastercard, &[(39, "14"), (48, "8400277")], DeclineCode::IncorrectNumber, Retry::No);
    check(&mastercard, &[(39, "14"), (48, "84024")], DeclineCode::IncorrectNumber, Retry::No);
}

#[test]
fn reversals_and_advices_hand_every_code_on() {
    let reason = ReversalReason::NoConfirmation;
    for act in [
        Act::Reversal { original: original(OriginalClass::Sale), reason },
        Act::Completion { original: original(OriginalClass::Authorization) },
    ] {
        for code in ["21", "25", "12", "30", "94", "96"] {
            let verdict = verdict_of(&order(act), &visa(), &[(39, code)]);
            let Verdict::Declined(decline) = verdict else { panic!("{code}: {verdict:?}") };
            assert_eq!(decline.response.text(), code);
        }
    }
}

#[test]
fn checks_by_network() {
    let amex = card("378282246310005", Some("1234"));
    let discover = card("6011111111111117", Some("123"));
    let check = |card: &Card, text: &str, expected: [Check; 3]| {
        let verdict = verdict_of(&order(PRESENT), card, &[(44, text)]);
        let Verdict::Approved(Approval { checks, .. }) = verdict else { panic!("{verdict:?}") };
        assert_eq!([checks.address_line1, checks.postal_code, checks.cvc], expected, "{text}");
    };
    use Check::{Fail, Pass, Unavailable, Unchecked};
    check(&visa(), " Y       M", [Pass, Pass, Pass]);
    check(&visa(), " A       N", [Pass, Fail, Fail]);
    check(&visa(), " B       P", [Pass, Unchecked, Unchecked]);
    check(&visa(), " Z       S", [Fail, Pass, Unavailable]);
    check(&visa(), " P       U", [Unchecked, Pass, Unchecked]);
    check(&visa(), " N        ", [Fail, Fail, Unavailable]);
    check(&visa(), " U", [Unavailable, Unavailable, Unavailable]);
    check(&visa(), "Y", [Unavailable, Unavailable, Unavailable]);
    check(&discover, " A", [Pass, Pass, Unavailable]);
    check(&discover, " Y", [Pass, Fail, Unavailable]);
    check(&discover, " Z", [Fail, Pass, Unavailable]);
    check(&amex, " O       M", [Pass, Fail, Pass]);
}

#[test]
fn terms_that_no_message_can_carry() {
    let check = |change: fn(&mut Terms), expected: Result<(), BadTerms>| {
        let mut terms = terms();
        change(&mut terms);
        assert_eq!(terms.check(), expected);
        let Ok(WireRequest::Iso8583(message)) = Iso8583Link.encode(&order(PRESENT), Some(&visa()), &terms) else {
            panic!("an order like this is encoded")
        };
        assert_eq!(Dialect::link().encode(&message).is_ok(), expected.is_ok(), "{expected:?}");
    };
    check(|_| {}, Ok(()));
    check(|t| t.merchant = "M".into(), Ok(()));
    check(|t| t.acquirer = "123456789012".into(), Err(BadTerms::Acquirer));
    check(|t| t.acquirer = "4000O1".into(), Err(BadTerms::Acquirer));
    check(|t| t.merchant = "SIXTEEN-LETTERS-".into(), Err(BadTerms::Merchant));
    check(|t| t.mcc = "599".into(), Err(BadTerms::Mcc));
    check(|t| t.country = "USA".into(), Err(BadTerms::Country));
    check(|t| t.name_place = "CAFÉ".into(), Err(BadTerms::NamePlace));
    check(|t| t.name_place = "N".repeat(41), Err(BadTerms::NamePlace));
}

#[test]
fn the_connector_is_in_the_list() {
    assert_eq!(by_name("iso8583").map(|c| c.capabilities().networks.len()), Some(Network::ALL.len()));
    assert!(by_name("telex").is_none());
}

#[test]
fn every_code_has_words() {
    for code in responses::codes() {
        assert!(!responses::meaning(code, None).is_empty(), "{}", code.text());
    }
    assert_eq!(responses::meaning(ResponseCode(*b"65"), Some(Network::Mastercard)), "authentication required");
    assert_eq!(responses::meaning(ResponseCode(*b"ZZ"), None), "unknown code");
    assert_eq!(responses::advice_meaning(*b"03"), Some("do not try again"));
}

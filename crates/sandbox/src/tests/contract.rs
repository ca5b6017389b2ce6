//! The gateway's own connector against the host: what it encodes is understood, what is answered reads as what happened.

use super::*;
use florin_connect::card::{Card, CardFacts, Pan};
use florin_connect::connector::{Connector, Terms, WireAnswer, WireRequest, by_name, judge};
use florin_connect::core::id::Key;
use florin_connect::core::money::{Currency, Money};
use florin_connect::core::wire::*;
use florin_connect::testcards;

struct Gateway {
    world: World,
    connector: &'static dyn Connector,
    stan: u32,
}

impl Gateway {
    fn new() -> Gateway {
        Gateway { world: World::new(), connector: by_name("iso8583").unwrap(), stan: 0 }
    }

    fn order(&mut self, act: Act, minor: i64) -> Order {
        self.stan += 1;
        let (key, at) = (Key((NOON.0 << 20) | i64::from(self.stan) << 5), NOON);
        Order {
            account: Key(1),
            owner: Key(2),
            attempt: key,
            live: false,
            act,
            proof: None,
            money: Money::new(minor, Currency::USD),
            card: CardToken { key: Key(3), vault: 1 },
            code: None,
            address: None,
            fingerprint: None,
            wire: WireId { terminal: Terminal(7), stan: self.stan, at, rrn: Rrn(key) },
            send_by: at.plus_ms(5_000),
            repeat: false,
        }
    }

    fn submit(&mut self, order: &Order, number: &str) -> Option<Verdict> {
        let terms = Terms::of(Dialect::link());
        let card = Card { pan: Pan::parse(number).ok().unwrap(), expiry: testcards::EXPIRY, cvc: None, cavv: None };
        let Ok(WireRequest::Iso8583(message)) = self.connector.encode(order, Some(&card), &terms) else {
            panic!("encodes")
        };
        let replies = self.world.replies(&Sent { message });
        let Reply { kind: ReplyKind::Frame(body), .. } = replies.first()? else { panic!("a frame") };
        let answer = Dialect::link().decode(body).unwrap();
        Some(judge(self.connector, order, &card.facts(), &terms, WireAnswer::Iso8583(&answer)))
    }

    /// Sent without a card.
    fn lost(&mut self, order: &Order) -> Option<Verdict> {
        let terms = Terms::of(Dialect::link());
        let Ok(WireRequest::Iso8583(message)) = self.connector.encode(order, None, &terms) else { panic!("encodes") };
        let replies = self.world.replies(&Sent { message });
        let Reply { kind: ReplyKind::Frame(body), .. } = replies.first()? else { panic!("a frame") };
        let answer = Dialect::link().decode(body).unwrap();
        Some(judge(self.connector, order, &CardFacts::NONE, &terms, WireAnswer::Iso8583(&answer)))
    }

    fn approved(&mut self, order: &Order, number: &str) -> Approval {
        match self.submit(order, number) {
            Some(Verdict::Approved(approval)) => approval,
            other => panic!("not approved: {other:?}"),
        }
    }
}

const SALE: Act = Act::Sale { initiator: Initiator::Customer, network_id: None };
const HOLD: Act = Act::Authorization { initiator: Initiator::Customer, network_id: None };

fn original(class: OriginalClass, order: &Order, approval: Option<Approval>) -> Original {
    let (code, network_id) = approval.map_or((None, None), |a| (a.code, a.network_id));
    Original { class, wire: order.wire, money: order.money, approval: code, network_id }
}

#[test]
fn the_connectors_messages_do_what_they_say() {
    let mut g = Gateway::new();
    let hold = g.order(HOLD, 1_000);
    let approval = g.approved(&hold, VISA);
    let completion = Act::Completion { original: original(OriginalClass::Authorization, &hold, Some(approval)) };
    let completion = g.order(completion, 700);
    g.approved(&completion, VISA);
    g.approved(&Order { repeat: true, ..completion }, VISA);
    assert_eq!(g.world.account(VISA), [0, 700]);

    let sale = g.order(SALE, 500);
    let approval = g.approved(&sale, VISA);
    let refund = Act::Refund { original: original(OriginalClass::Sale, &sale, Some(approval)) };
    let refund = g.order(refund, 200);
    g.approved(&refund, VISA);
    assert_eq!(g.world.account(VISA), [0, 1_000]);
    let undo = |class, order: &Order| Act::Reversal {
        original: original(class, order, None),
        reason: ReversalReason::NoConfirmation,
    };
    for (class, order, owed) in [(OriginalClass::Refund, &refund, 1_200), (OriginalClass::Sale, &sale, 700)] {
        let reversal = g.order(undo(class, order), order.money.minor);
        g.approved(&reversal, VISA);
        g.approved(&Order { repeat: true, ..reversal }, VISA);
        assert_eq!(g.world.account(VISA), [0, owed]);
    }
    let never_sent = g.order(SALE, 900);
    let reversal = g.order(undo(OriginalClass::Sale, &never_sent), 900);
    let Some(Verdict::Declined(decline)) = g.submit(&reversal, VISA) else { panic!("25 is no approval") };
    assert_eq!(decline.response.text(), "25");
    assert!(matches!(g.submit(&never_sent, VISA), Some(Verdict::Declined(_))), "undone before it came");
    assert_eq!(g.world.account(VISA), [0, 700]);
}

/// What a restored database lost is taken back without its card: by DE 90 and RRN alone, once, and only if both fit.
#[test]
fn a_reversal_without_its_card() {
    let mut g = Gateway::new();
    let sale = g.order(SALE, 500);
    g.approved(&sale, VISA);
    let hold = g.order(HOLD, 300);
    g.approved(&hold, VISA);
    let undo = |class, order: &Order| Act::Reversal {
        original: original(class, order, None),
        reason: ReversalReason::NoConfirmation,
    };
    let stranger = Order { wire: WireId { rrn: Rrn(Key(hold.wire.rrn.0.0 + 32)), ..sale.wire }, ..sale };
    let refused = Order { card: CardToken::LOST, ..g.order(undo(OriginalClass::Sale, &stranger), 500) };
    let Some(Verdict::Declined(decline)) = g.lost(&refused) else { panic!("another RRN") };
    assert_eq!((decline.response.text().as_str(), g.world.account(VISA)), ("12", [300, 500]));
    for (class, order, left) in [(OriginalClass::Sale, &sale, [300, 0]), (OriginalClass::Authorization, &hold, [0, 0])]
    {
        let reversal = Order { card: CardToken::LOST, ..g.order(undo(class, order), order.money.minor) };
        for repeat in [false, true] {
            assert!(matches!(g.lost(&Order { repeat, ..reversal }), Some(Verdict::Approved(_))));
            assert_eq!(g.world.account(VISA), left);
        }
    }
    // Nothing but a reversal goes without a card.
    let mut nothing = g.world.sale(VISA, 100);
    nothing.message.remove(2);
    assert_eq!(g.world.code(&nothing), "30");
}

#[test]
fn what_goes_wrong_is_never_success() {
    for fault in [Fault::AlteredAmount, Fault::AlteredRrn] {
        let mut g = Gateway::new();
        g.world.fault(fault);
        let sale = g.order(SALE, 500);
        assert_eq!(g.submit(&sale, VISA), Some(Verdict::Unknown(Unsure::Mismatch)), "{fault:?}");
    }
    for name in ["timeout", "partial"] {
        let mut g = Gateway::new();
        let card = testcards::by_name(name).unwrap().number();
        let sale = g.order(SALE, 500);
        assert!(matches!(g.submit(&sale, card), None | Some(Verdict::Unknown(Unsure::Partial))), "{name}");
        assert_ne!(g.world.account(card), [0, 0], "{name}");
        let original = original(OriginalClass::Sale, &sale, None);
        let reversal = g.order(Act::Reversal { original, reason: ReversalReason::NoConfirmation }, 500);
        g.approved(&reversal, card);
        assert_eq!(g.world.account(card), [0, 0], "{name}");
    }
}

/// The first two cards say no to payments: one may be kept for later all the same, the other not.
#[test]
fn verifications() {
    let check = |name: &str, expected: &str| {
        let mut g = Gateway::new();
        let card = testcards::by_name(name).unwrap().number();
        let asked = g.order(Act::Verification { initiator: Initiator::CustomerStoring }, 0);
        let said = match g.submit(&asked, card) {
            Some(Verdict::Approved(approval)) => {
                assert!(approval.network_id.is_some(), "{name}: later charges name it");
                approval.response.text()
            }
            Some(Verdict::Declined(decline)) => decline.response.text(),
            other => format!("{other:?}"),
        };
        assert_eq!((said.as_str(), g.world.account(card)), (expected, [0, 0]), "{name}");
    };
    check("visa", "85");
    check("decline-after-attach", "85");
    check("decline", "5C");
    check("insufficient-funds", "51");
    // Its issuer wants the cardholder before anything is agreed on.
    check("3ds-always", "1A");
    check("timeout", "None");
}

/// What the host takes for a merchant's own charge: DE 62 must name what was approved on the same card.
#[test]
fn merchants_charges_name_their_first_use() {
    let mut g = Gateway::new();
    let merchants = |network_id| Act::Sale { initiator: Initiator::Merchant, network_id };
    let asked = g.order(Act::Verification { initiator: Initiator::CustomerStoring }, 0);
    let verified = g.approved(&asked, VISA).network_id;
    let sold = g.order(SALE, 500);
    let sold = g.approved(&sold, VISA).network_id;
    let mut charge = |network_id: Option<NetworkId>, card: &str| {
        let order = g.order(merchants(network_id), 700);
        match g.submit(&order, card) {
            Some(Verdict::Approved(approval)) => approval.response.text(),
            Some(Verdict::Declined(decline)) => decline.response.text(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(charge(verified, VISA), "00");
    assert_eq!(charge(sold, VISA), "00");
    assert_eq!(charge(sold, "5555555555554444"), "12", "another card's");
    assert_eq!(charge(Some(NetworkId(1)), VISA), "12", "nobody's");
}

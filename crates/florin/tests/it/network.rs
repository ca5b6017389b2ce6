//! `florin network`: the banks alone, as a foreign ISO 8583 client meets them.

use crate::house::{House, Running, rrn, standing};
use crate::iso::{Message, Peer, frame};
use serde_json::{Value, json};

const VISA: &str = "4242424242424242";

fn banks(house: &House, more: &[&str]) -> Running {
    house.start(&[&["network", "--port", "0", "--plain-port", "0"], more].concat())
}

/// A request of the link: number `n` makes STAN and RRN.
fn request(mti: &str, n: u32, amount: i64) -> Message {
    let (stan, rrn, amount) = (format!("{n:06}"), format!("6325{n:08}"), format!("{amount:012}"));
    Message::new(
        mti,
        &[
            (2, VISA),
            (3, "000000"),
            (4, &amount),
            (7, "1121221500"),
            (11, &stan),
            (12, "221500"),
            (13, "1121"),
            (14, "3112"),
            (18, "5999"),
            (19, "840"),
            (22, "812"),
            (25, "59"),
            (32, "400001"),
            (37, &rrn),
            (41, "FL900001"),
            (42, "FLORINTEST00001"),
            (49, "840"),
        ],
    )
}

/// A message that acts on `original` (DE 90).
fn about(mti: &str, original: &Message, n: u32) -> Message {
    let de90 = format!("{}{}{}{:0>11}{:0>11}", original.mti, original.get(11), original.get(7), original.get(32), "");
    let mut message =
        Message { mti: mti.to_owned(), fields: original.fields.clone() }.with(11, &format!("{n:06}")).with(90, &de90);
    for de in [12, 13, 14, 18, 19, 22, 25] {
        message = message.without(de);
    }
    message
}

fn network_management(code: &str, stan: &str) -> Message {
    Message::new("0800", &[(7, "1121221600"), (11, stan), (70, code)])
}

/// Asks, and checks that the answer repeats what makes the request: (DE 39, the answer).
fn ask(peer: &mut Peer, request: &Message) -> (String, Message) {
    let answer = peer.ask(request);
    let function = request.mti.as_bytes()[2] - b'0' + 1;
    assert_eq!(answer.mti, format!("{}{function}0", &request.mti[..2]));
    for de in [3, 4, 7, 11, 32, 37, 41, 42, 49] {
        assert_eq!(answer.get(de), request.get(de), "DE {de}");
    }
    (answer.get(39).to_owned(), answer)
}

/// A whole day of messages on one connection.
fn conversation(house: &House, mut peer: Peer, from: u32) {
    let signed = peer.ask(&network_management("001", "000001"));
    assert_eq!((signed.mti.as_str(), signed.get(39), signed.get(70)), ("0810", "00", "001"));
    assert_eq!(peer.ask(&network_management("301", "000002")).get(39), "00");
    assert_eq!(peer.ask(&network_management("777", "000003")).get(39), "12");
    peer.send(&frame(b"")).unwrap();

    let sale = request("0200", from, 1999);
    let (code, answer) = ask(&mut peer, &sale);
    assert_eq!((code.as_str(), answer.get(38).len(), answer.get(62).len()), ("00", 6, 15));
    assert_eq!(ask(&mut peer, &sale).1, answer, "the same request again has the same answer");
    let books = |message: &Message| standing(&house.books(message.get(37)));
    assert_eq!(books(&sale), (0, 1999, 0));

    let mut refund = request("0200", from + 1, 500).with(3, "200000").with(62, answer.get(62));
    assert_eq!(ask(&mut peer, &refund).0, "00");
    assert_eq!(books(&sale), (0, 1999, 500));
    refund =
        refund.with(11, &format!("{:06}", from + 2)).with(4, "000000009999").with(37, &format!("6325{:08}", from + 2));
    assert_ne!(ask(&mut peer, &refund).0, "00", "more than was taken");

    let hold = request("0100", from + 3, 8000);
    let (code, held) = ask(&mut peer, &hold);
    assert_eq!((code.as_str(), books(&hold)), ("00", (8000, 0, 0)));
    let completion = about("0220", &hold, from + 4).with(38, held.get(38)).with(4, "000000005000");
    assert_eq!((ask(&mut peer, &completion).0.as_str(), books(&hold)), ("00", (0, 5000, 0)));
    let again = Message { mti: "0221".to_owned(), ..completion.clone() };
    assert_eq!((ask(&mut peer, &again).0.as_str(), books(&hold)), ("00", (0, 5000, 0)));

    let other = request("0200", from + 5, 700);
    assert_eq!(ask(&mut peer, &other).0, "00");
    let reversal = about("0400", &other, from + 6);
    assert_eq!((ask(&mut peer, &reversal).0.as_str(), books(&other)), ("00", (0, 0, 0)));
    let again = Message { mti: "0401".to_owned(), ..reversal };
    assert_eq!((ask(&mut peer, &again).0.as_str(), books(&other)), ("00", (0, 0, 0)));

    // A reversal that overtakes its original: the original is refused when it comes.
    let early = request("0200", from + 7, 900);
    let code = ask(&mut peer, &about("0400", &early, from + 8)).0;
    assert!(["25", "21"].contains(&code.as_str()), "{code}");
    assert_ne!(ask(&mut peer, &early).0, "00");
    assert_eq!(books(&early), (0, 0, 0));
}

fn wrong_messages(house: &House, peer: &mut Peer, from: u32) {
    let mut number = from;
    let mut check = |change: &dyn Fn(&Message) -> Message, expected: &[&str]| {
        number += 1;
        let message = change(&request("0200", number, 1000));
        let answer = peer.ask(&message);
        assert!(expected.contains(&answer.get(39)), "{} for number {number}", answer.get(39));
        assert_eq!(standing(&house.books(&format!("6325{number:08}"))), (0, 0, 0));
    };
    for missing in [2, 3, 4, 14, 18, 22, 25, 49] {
        check(&|m| m.without(missing), &["30"]);
    }
    check(&|m| m.with(2, "4242424242424241"), &["14"]);
    check(&|m| m.with(14, "2001"), &["54"]);
    check(&|m| m.with(4, "000000000000"), &["13"]);
    check(&|m| m.with(49, "000"), &["12", "13", "30"]);
    check(&|m| m.with(41, "XX900001"), &["03", "58"]);
    check(&|m| m.with(42, "NOBODY000000001"), &["03"]);
    // An element that the dialect does not have, a letter in a number, bytes left over, no message at all: no answer can be written,
    // and the link goes on.
    let good = String::from_utf8(request("0200", 1, 1000).body()).unwrap();
    let bit_five = good.replacen("02007", "0200F", 1);
    let letter = good.replacen("000000001000", "00000000x000", 1);
    for body in [bit_five.as_str(), &letter, &format!("{good}1"), "hello", "0200", "9999", &good[..40]] {
        peer.send(&frame(body.as_bytes())).unwrap();
    }
    assert_eq!(peer.ask(&network_management("301", "000009")).get(11), "000009");
}

#[test]
fn a_foreign_client_without_tls() {
    let house = House::new("plain");
    let banks = banks(&house, &[]);
    let address = banks.ready["plain"].as_str().unwrap();
    conversation(&house, Peer::plain(address), 1);
    wrong_messages(&house, &mut Peer::plain(address), 100);
    // A frame above the limit ends the connection, and only that one.
    let mut peer = Peer::plain(address);
    peer.send(&5000u16.to_be_bytes()).unwrap();
    assert!(peer.receive().is_err());
    assert_eq!(Peer::plain(address).ask(&network_management("301", "000010")).get(39), "00");
    banks.stop();
}

#[test]
fn a_foreign_client_over_mutual_tls() {
    let house = House::new("tls");
    let banks = banks(&house, &[]);
    conversation(&house, Peer::tls(&banks.ready), 1);
    let mut unknown = Peer::tls_unknown(&banks.ready);
    let echo = network_management("301", "000001");
    // With TLS 1.3 the refusal is seen at the first read.
    assert!(unknown.send(&echo.frame()).and_then(|()| unknown.receive()).is_err());
    banks.stop();
}

#[test]
fn many_in_flight_on_one_connection() {
    let house = House::new("flight");
    let banks = banks(&house, &[]);
    let mut peer = Peer::plain(banks.ready["plain"].as_str().unwrap());
    let sales: Vec<Message> = (1..=200).map(|n| request("0200", n, i64::from(n))).collect();
    // The answers to some come after those to later requests.
    house.misbehave(r#"{"what":"reorder","ms":300,"next":5}"#, "0200");
    let bytes: Vec<u8> = sales.iter().flat_map(Message::frame).collect();
    // Frames in pieces that do not end where messages end.
    for piece in bytes.chunks(777) {
        peer.send(piece).unwrap();
    }
    let answers: Vec<Message> = sales.iter().map(|_| peer.receive().unwrap()).collect();
    let order: Vec<&str> = answers.iter().map(|a| a.get(11)).collect();
    assert!(!order.is_sorted(), "nothing was reordered");
    for sale in &sales {
        let ours: Vec<&Message> = answers.iter().filter(|a| a.get(11) == sale.get(11)).collect();
        let [answer] = ours[..] else { panic!("{} answers", ours.len()) };
        assert_eq!((answer.get(39), answer.get(4), answer.get(37)), ("00", sale.get(4), sale.get(37)));
    }
    // Byte by byte.
    for byte in request("0200", 999, 5).frame() {
        peer.send(&[byte]).unwrap();
    }
    assert_eq!(peer.receive().unwrap().get(39), "00");
    let summary = house.florin(&["network", "summary"]).done();
    let sum: i64 = (1..=200).sum::<i64>() + 5;
    assert_eq!(summary["standing"]["usd"]["captured"], sum);
    banks.stop();
}

#[test]
fn amounts_with_a_meaning_only_when_switched_on() {
    // (amount, DE 39 with the switch)
    let table = [(1005, "05"), (1051, "51"), (1091, "91"), (1010, "10"), (1000, "00")];
    let house = House::new("magic");
    let answers = |more: &[&str], from: u32| -> Vec<String> {
        let banks = banks(&house, more);
        let mut peer = Peer::plain(banks.ready["plain"].as_str().unwrap());
        let mut number = from;
        let mut code = |amount| {
            number += 1;
            peer.ask(&request("0200", number, amount)).get(39).to_owned()
        };
        let codes = table.map(|(amount, _)| code(amount)).to_vec();
        banks.stop();
        codes
    };
    assert_eq!(answers(&[], 0), ["00"; 5]);
    assert_eq!(answers(&["--magic-amounts"], 100), table.map(|(_, code)| code));
}

#[test]
fn pay_uses_the_running_banks_of_its_folder() {
    let house = House::new("shared");
    let running = banks(&house, &[]);
    let paid = house.florin(&["pay", "19.99", "eur"]).done();
    let entries = house.books(&rrn(&paid));
    assert_eq!((entries.len(), standing(&entries)), (1, (0, 1999, 0)));
    let second = house.florin(&["network", "--port", "0"]);
    assert_eq!((second.code, second.refused().0.as_str()), (1, "already_running"));
    let day = house.florin(&["network", "close-day"]).done();
    let totals = json!({
        "claims": 1, "claimed": 1999, "holds": 0, "held": 0, "refunds": 0, "refunded": 0, "reversals": 0, "reversed": 0,
        "declines": 0,
    });
    assert_eq!(day, json!({ "report": 1, "totals": { "eur": totals } }));
    let quiet = json!({ "report": null, "totals": {} });
    assert_eq!(house.florin(&["network", "close-day"]).done(), quiet);
    let journal = house.florin(&["network", "journal", "--rrn", &rrn(&paid)]).done();
    let of_pay: Vec<&Value> = paid["hops"].as_array().unwrap().iter().filter(|h| h["by"] != "vault").collect();
    assert_eq!(journal, json!(of_pay));
    running.stop();
    let nobody = house.florin(&["network", "summary"]);
    assert_eq!((nobody.code, nobody.refused().0.as_str()), (1, "no_sandbox"));
    house.verified();
}

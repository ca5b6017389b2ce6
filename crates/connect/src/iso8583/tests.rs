//! The link's dialect at its boundary: golden frames, refusals, round trips of any message.

use super::*;
use proptest::prelude::*;

/// The worked example's messages, each with its frame.
fn golden() -> Vec<(Message, String)> {
    let with = |mti: &str, fields: &[(u8, &str)]| {
        let mut message = Message::new(Mti::parse(mti).unwrap());
        for (de, value) in fields {
            message.set(*de, value);
        }
        message
    };
    let pan = (2, "4242424242424242");
    let (code, amount, usd) = ((3, "000000"), (4, "000000001000"), (49, "840"));
    let (acquirer, rrn, terminal, merchant) =
        ((32, "400001"), (37, "632522000123"), (41, "FLORIN01"), (42, "FLORINTEST00001"));
    let (time, date, expiry, mcc) = ((12, "221500"), (13, "1121"), (14, "3112"), (18, "5999"));
    let (entry, condition) = ((22, "812"), (25, "59"));
    let first = [(7, "1121221500"), (11, "000123")];
    let name = (43, "FLORIN TEST SHOP         AMSTERDAM    NL");
    let request = with(
        "0100",
        &[
            &[pan, code, amount, time, date, expiry, mcc, (19, "840"), entry, condition, acquirer, rrn, terminal],
            &[merchant, name, usd][..],
            &first,
        ]
        .concat(),
    );
    let answer = with(
        "0110",
        &[
            &[pan, code, amount, acquirer, rrn, (38, "A1B2C3"), (39, "00"), terminal, merchant, usd][..],
            &[(62, "123456789012345")],
            &first,
        ]
        .concat(),
    );
    let reversal = with(
        "0400",
        &[
            &[pan, code, amount, (7, "1121221516"), (11, "000124"), time, date, expiry, mcc, entry, condition][..],
            &[acquirer, rrn, terminal, merchant, usd, (90, "010000012311212215000000040000100000000000")],
        ]
        .concat(),
    );
    let echo = with("0800", &[(7, "1121221600"), (11, "000125"), (70, "301")]);
    let frame = |parts: &[&str]| parts.concat();
    vec![
        (
            request,
            frame(&[
                "\0\u{b8}0100723C648108E08000164242424242424242000000000000001000112122150000012322150011213112",
                "599984081259",
                "06400001632522000123FLORIN01FLORINTEST00001FLORIN TEST SHOP         AMSTERDAM    NL840",
            ]),
        ),
        (
            answer,
            frame(&[
                "\0\u{90}0110722000010EC0800416424242424242424200000000000000100011212215000001230640000163252200",
                "0123A1B2C300FLORIN01FLORINTEST00001840015123456789012345",
            ]),
        ),
        (
            reversal,
            frame(&[
                "\0\u{c7}0400F23C448108C08000000000400000000016424242424242424200000000000000100011212215160001",
                "242215001121311259998125906400001632522000123FLORIN01FLORINTEST00001840",
                "010000012311212215000000040000100000000000",
            ]),
        ),
        (echo, frame(&["\0\u{37}080082200000000000000400000000000000", "1121221600000125301"])),
    ]
}

/// Latin-1 text to bytes: the header's two bytes are written as characters above.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

pub(super) fn golden_bodies() -> Vec<Vec<u8>> {
    golden().into_iter().map(|(_, frame)| bytes(&frame).split_off(2)).collect()
}

#[test]
fn the_worked_example_byte_for_byte() {
    let dialect = Dialect::link();
    for (message, frame) in golden() {
        let frame = bytes(&frame);
        let body = dialect.encode(&message).unwrap();
        assert!(dialect.framing.frame(&body).unwrap().as_slice() == frame, "{}", message.mti);
        let mut framer = Framer::new(&dialect.framing);
        framer.push(&frame);
        let body = framer.next_frame().unwrap().unwrap();
        assert!(dialect.decode(&body).unwrap().same_as(&message), "{}", message.mti);
        assert_eq!(dialect.check_mandatory(&message), Ok(()), "{}", message.mti);
    }
}

#[test]
fn bytes_that_are_no_message() {
    let check = |body: &str, field: Option<u8>, offset: usize, problem: Problem| {
        let error = Dialect::link().decode(&bytes(body)).err();
        assert_eq!(error, Some(DecodeError { field, offset, problem }), "{body}");
    };
    check("", None, 0, Problem::Truncated);
    check("080", None, 0, Problem::Truncated);
    check("08X0", None, 0, Problem::BadMti);
    check("1800", None, 0, Problem::BadMti);
    check("0000", None, 0, Problem::BadMti);
    check("0900", None, 0, Problem::BadMti);
    check("0850", None, 0, Problem::BadMti);
    check("0806", None, 0, Problem::BadMti);
    check("080002200000000000", None, 4, Problem::Truncated);
    check("0800022000000000000G1121221600000125", None, 4, Problem::BadBitmap);
    check("0800+220000000000000", None, 4, Problem::BadBitmap);
    check("08008220000000000000", None, 20, Problem::Truncated);
    check("0800822000000000000004000000000000001121221600000125", Some(70), 52, Problem::Truncated);
    check("080002200000000000001121221600000125x", None, 36, Problem::LeftOver);
    check("0800022000000000000011212216000001é5", Some(11), 34, Problem::BadCharacter);
    check("08000220000000000000112122160O000125", Some(7), 29, Problem::BadCharacter);
    // Bit 5 has no definition in this dialect; bit 65 would announce a third bitmap.
    check("0800080000000000000000000", Some(5), 20, Problem::Undefined);
    check("080080000000000000008000000000000000", Some(65), 36, Problem::Undefined);
    check("080080000000000000000000000000000002", Some(127), 36, Problem::Undefined);
    // DE 2: length prefix above 19, not a number, longer than the body.
    check("0100400000000000000020", Some(2), 20, Problem::AboveMaximum);
    check("01004000000000000000 1", Some(2), 20, Problem::BadLength);
    check("01004000000000000000-1", Some(2), 20, Problem::BadLength);
    check("01004000000000000000161", Some(2), 22, Problem::Truncated);
    check("01004000000000000000161234567890123x56", Some(2), 35, Problem::BadCharacter);
    check("0100000000000000100\u{31}\u{7f}", Some(52), 20, Problem::Truncated);
    let long = format!("0800{}", "0".repeat(4093));
    check(&long, None, 4096, Problem::TooLong);
}

#[test]
fn messages_that_have_no_bytes() {
    let check = |de: u8, value: &str, problem: Problem| {
        let mut message = Message::new(Mti::NETWORK);
        message.set(de, value);
        let error = Dialect::link().encode(&message).err();
        assert_eq!(error, Some(EncodeError { field: Some(de), problem }), "DE {de} {value:?}");
    };
    check(0, "", Problem::Undefined);
    check(1, "1", Problem::Undefined);
    check(5, "000000001000", Problem::Undefined);
    check(65, "1", Problem::Undefined);
    check(127, "1", Problem::Undefined);
    check(129, "1", Problem::Undefined);
    check(4, "1000", Problem::WrongLength);
    check(4, "0000000010000", Problem::WrongLength);
    check(4, "00000000100C", Problem::BadCharacter);
    check(38, "A1B2C", Problem::WrongLength);
    check(38, "A1B2C-", Problem::BadCharacter);
    check(41, "FLORIN012", Problem::WrongLength);
    check(43, "ÉCOLE", Problem::BadCharacter);
    check(2, "42424242424242424242", Problem::AboveMaximum);
    check(52, "0123", Problem::WrongLength);
    check(55, "ABC", Problem::WrongLength);
    check(64, "0123456789ABCDEG", Problem::BadCharacter);
    let mut message = Message::new(Mti::AUTHORIZATION);
    for de in [48, 60, 61, 62, 63] {
        message.set(de, &"x".repeat(999));
    }
    let error = Dialect::link().encode(&message).err();
    assert_eq!(error, Some(EncodeError { field: None, problem: Problem::TooLong }));
}

#[test]
fn errors_speak_of_places_not_of_values() {
    let error = Dialect::link().decode(b"01004000000000000000164242424242424x42").err().unwrap();
    assert_eq!(error.to_string(), "DE 2 at byte 35 has a character that its kind does not allow");
    assert_eq!(MissingField { de: 90 }.to_string(), "DE 90 is missing");
}

#[test]
fn bitmaps_in_lower_case_and_empty_second_bitmaps_are_read_and_never_written() {
    let check = |body: &str, canonical: &str| {
        let message = Dialect::link().decode(&bytes(body)).unwrap();
        assert_eq!(Dialect::link().encode(&message).unwrap().as_slice(), bytes(canonical), "{body}");
    };
    let canonical = "0110000000000A00000063252200012300";
    check(canonical, canonical);
    check(&canonical.replace("0A00", "0a00"), canonical);
    check("080082200000000000000000000000000000\u{31}121221600000125", "080002200000000000001121221600000125");
}

#[test]
fn binary_bitmaps_are_a_setting() {
    let json = LINK_JSON.replace("\"bitmap\": \"hex\"", "\"bitmap\": \"binary\"");
    let dialect = Dialect::from_json(&json).unwrap();
    for (message, _) in golden() {
        let body = dialect.encode(&message).unwrap();
        let bitmaps = if message.has(70) || message.has(90) { 2 } else { 1 };
        let hex = Dialect::link().encode(&message).unwrap();
        assert_eq!(body.len(), hex.len() - bitmaps * 8, "{}", message.mti);
        assert!(dialect.decode(&body).unwrap().same_as(&message), "{}", message.mti);
    }
    assert_eq!(dialect.decode(b"0800\x02\x20\0\0").err().map(|e| e.problem), Some(Problem::Truncated));
}

#[test]
fn dialects_that_cannot_be_used() {
    let check = |from: &str, to: &str, why: &str| {
        assert!(LINK_JSON.contains(from), "{from}");
        let error = Dialect::from_json(&LINK_JSON.replacen(from, to, 1)).err().map(|e| e.to_string());
        assert!(error.as_ref().is_some_and(|e| e.contains(why)), "{to}: {error:?}");
    };
    check("\"fields\": {\n  \"2\"", "\"fields\": {\n  \"1\"", "1 is not a data element");
    check("\"fields\": {\n  \"2\"", "\"fields\": {\n  \"129\"", "129 is not a data element");
    check("\"fields\": {\n  \"2\"", "\"fields\": {\n  \"65\"", "third bitmap");
    check("\"fields\": {\n  \"2\"", "\"fields\": {\n  \"5\"", "DE 2 is listed but not defined");
    check("\"ll\": 2,\n   \"len\": 19", "\"ll\": 2,\n   \"len\": 100", "cannot be written");
    check("\"ll\": 2,\n   \"len\": 19", "\"ll\": 1,\n   \"len\": 9", "0, 2 or 3 digits");
    check("\"ll\": 2,\n   \"len\": 19", "\"ll\": 2,\n   \"len\": 0", "cannot be written");
    check("\"header_bytes\": 2", "\"header_bytes\": 5", "header_bytes");
    check("\"0100\": [", "\"9100\": [", "not a message type");
    check("{", "", "expected");
}

#[test]
fn the_dialect_names_what_is_missing() {
    let (request, _) = golden().remove(0);
    let check = |mti: &str, without: u8, expected: Result<(), MissingField>| {
        let mut message = request.duplicate();
        message.mti = Mti::parse(mti).unwrap();
        message.set(90, "x").set(38, "x");
        assert!(message.remove(without) || !message.has(without));
        assert_eq!(Dialect::link().check_mandatory(&message), expected, "{mti} without {without}");
    };
    for mti in ["0100", "0200", "0220", "0221", "0400", "0401", "0420", "0421"] {
        check(mti, 43, Ok(()));
        // A reversal may name its original by DE 90 and RRN alone.
        let needs_card = !mti.starts_with("04");
        check(mti, 2, if needs_card { Err(MissingField { de: 2 }) } else { Ok(()) });
        check(mti, 49, Err(MissingField { de: 49 }));
    }
    check("0100", 14, Err(MissingField { de: 14 }));
    check("0401", 90, Err(MissingField { de: 90 }));
    check("0221", 38, Err(MissingField { de: 38 }));
    check("0110", 2, Ok(()));
}

#[test]
fn answers_repeat_what_identifies_the_request() {
    let (request, _) = golden().remove(0);
    let answer = Dialect::link().reply(&request).unwrap();
    assert_eq!(answer.mti.as_str(), "0110");
    assert_eq!(answer.iter().map(|(de, _)| de).collect::<Vec<u8>>(), [3, 4, 7, 11, 32, 37, 41, 42, 49]);
    assert_eq!(MatchKey::of(&answer), MatchKey::of(&request));
    assert!(Dialect::link().reply(&answer).is_none());
}

#[test]
fn message_types_and_their_answers() {
    let check = |request: &str, answer: Option<&str>, repeat: &str| {
        let mti = Mti::parse(request).unwrap();
        assert_eq!(mti.response().map(|m| m.to_string()).as_deref(), answer, "{request}");
        assert_eq!(mti.repeat().as_str(), repeat, "{request}");
        assert_eq!(mti.repeat().first_try(), mti.first_try(), "{request}");
    };
    check("0100", Some("0110"), "0101");
    check("0101", Some("0110"), "0101");
    check("0120", Some("0130"), "0121");
    check("0200", Some("0210"), "0201");
    check("0220", Some("0230"), "0221");
    check("0400", Some("0410"), "0401");
    check("0421", Some("0430"), "0421");
    check("0800", Some("0810"), "0801");
    check("0110", None, "0111");
    check("0140", None, "0141");
    let answers =
        |request: &str, answer: &str| Mti::parse(request).unwrap().is_answered_by(Mti::parse(answer).unwrap());
    assert!(answers("0401", "0410") && answers("0401", "0411") && answers("0220", "0230"));
    assert!(!answers("0400", "0430") && !answers("0200", "0110") && !answers("0200", "0200"));
}

#[test]
fn elements_stand_in_ascending_order_whatever_the_order_of_setting() {
    let mut message = Message::new(Mti::NETWORK);
    message.set(70, "301").set(7, "1121221600").set(11, "000125").set(7, "1121221601");
    assert_eq!(message.iter().collect::<Vec<_>>(), [(7, "1121221601"), (11, "000125"), (70, "301")]);
    assert!(message.remove(70) && !message.remove(70));
    assert_eq!(message.get(70), None);
}

/// A value that an element can hold, as it comes back from the wire.
fn value(de: u8) -> BoxedStrategy<(u8, String)> {
    let Some(spec) = Dialect::link().field(de) else { return Just((de, String::new())).boxed() };
    let alphabet = match spec.kind {
        Kind::Digits => "[0-9]",
        Kind::Alphanumeric => "[0-9A-Za-z ]",
        Kind::Printable => "[ -~]",
        Kind::Binary => "[0-9A-F]{2}",
    };
    let shortest = if spec.length_digits == 0 { spec.length } else { 0 };
    let pattern = format!("({alphabet}){{{shortest},{}}}", spec.length.min(80).max(shortest));
    pattern.as_str().prop_map_from(de)
}

trait FromPattern {
    fn prop_map_from(&self, de: u8) -> BoxedStrategy<(u8, String)>;
}

impl FromPattern for str {
    fn prop_map_from(&self, de: u8) -> BoxedStrategy<(u8, String)> {
        match proptest::string::string_regex(self) {
            Ok(strategy) => strategy.prop_map(move |value| (de, value)).boxed(),
            Err(e) => panic!("{self}: {e}"),
        }
    }
}

fn any_message() -> impl Strategy<Value = (String, Vec<(u8, String)>)> {
    let defined: Vec<u8> = (2..=MAX_FIELD).filter(|de| Dialect::link().field(*de).is_some()).collect();
    let fields = proptest::sample::subsequence(defined, 0..24)
        .prop_flat_map(|fields| fields.into_iter().map(value).collect::<Vec<_>>());
    ("0[1-8][0-4][0-5]", fields)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_decodes_to_itself((mti, fields) in any_message()) {
        let mut message = Message::new(Mti::parse(&mti).unwrap());
        for (de, value) in &fields {
            message.set(*de, value);
        }
        for bitmap in ["hex", "binary"] {
            let json = LINK_JSON.replace("\"bitmap\": \"hex\"", &format!("\"bitmap\": \"{bitmap}\""));
            let dialect = Dialect::from_json(&json).unwrap();
            let body = dialect.encode(&message).unwrap();
            prop_assert!(dialect.decode(&body).unwrap().same_as(&message));
        }
    }

    #[test]
    fn subfields_that_are_written_are_read(list in proptest::collection::btree_map(0u8..100, "[ -~]{0,40}", 0..8)) {
        let list: Vec<(u8, &str)> = list.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
        let text = tlv::write(&list).unwrap();
        prop_assert_eq!(tlv::read(&text), Ok(list));
    }

    #[test]
    fn any_text_is_subfields_or_an_error(text in "\\PC{0,60}") {
        if let Ok(list) = tlv::read(&text) {
            let again = tlv::write(&list).unwrap();
            prop_assert_eq!(again.as_str(), text.as_str());
        }
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..600), step in 1usize..64) {
        let mut framer = Framer::new(&Dialect::link().framing);
        let mut out = 0;
        'stream: for piece in bytes.chunks(step) {
            framer.push(piece);
            loop {
                match framer.next_frame() {
                    Ok(Some(body)) => out += body.len(),
                    Ok(None) => break,
                    Err(_) => break 'stream,
                }
            }
        }
        prop_assert!(out <= bytes.len());
    }
}

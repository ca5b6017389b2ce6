//! Fuzz targets of the edge: heads, and bodies that cards are taken out of. Whatever comes is read or refused; what is passed on holds no
//! card number. (Parsers of signatures: florin-merchant's `tests/fuzzed.rs`.)

use crate::edge::{form, head, numbers, places, swap};
use crate::harness::{kind, run};

const CARD: &[u8] = b"4242424242424242";
const WORDS: &[&[u8]] = &[
    CARD,
    b"%34%32%34%32424242424242",
    b"4242 4242 4242 4242",
    b"card[number]=",
    b"payment_method_data[card][number]",
    b"%255B",
    b"%2534",
    b"\"number\":\"4242424242424242\"",
    b"\"payment_method_data\":{\"card\":",
    b"\\u0034",
    b"[florin_card]=0",
    b"&metadata[a]=",
    b"phone=",
    b"+",
];

/// The number stands there as a token of its own, however often it is decoded. In a form before its first decoding `%34` behind it is one
/// more digit, in JSON `\u0034`; and in JSON what stands behind a point is the end of a longer number.
fn holds_card(body: &[u8], json: bool) -> bool {
    let alone = |text: &[u8]| {
        let more = |at: Option<usize>, also: u8| {
            at.and_then(|at| text.get(at)).is_some_and(|b| b.is_ascii_digit() || (json && *b == also))
        };
        (0..text.len()).any(|at| {
            let (before, behind) = (at.checked_sub(1), Some(at + CARD.len()));
            text.get(at..at + CARD.len()) == Some(CARD) && !more(before, b'.') && !more(behind, b'\\')
        })
    };
    let once = form::decode(body, true);
    (json && alone(body)) || alone(&once) || alone(&form::decode(&once, true))
}

fn told(clean: Result<swap::Clean, crate::edge::refusal::Refusal>, json: bool) -> u64 {
    let clean = match clean {
        Ok(clean) => clean,
        Err(refusal) => return kind(std::mem::discriminant(&refusal)),
    };
    assert!(!holds_card(&clean.body, json), "a card number is passed on: {}", String::from_utf8_lossy(&clean.body));
    // Looked through once more there is none either.
    let again = if json { swap::json(&clean.body, &[]) } else { swap::form(&clean.body, &[]) };
    assert!(
        !matches!(again, Err(crate::edge::refusal::Refusal::CardNumber(_))),
        "a card number is found in what was cleaned"
    );
    kind((clean.cards.len(), clean.codes.len(), clean.key.is_some(), clean.body.len().min(64) / 8))
}

#[test]
fn heads_of_requests() {
    let words: &[&[u8]] = &[
        b"\r\n\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: a\r\n",
        b"HTTP/1.1",
        b"HTTP/2.0",
        b"\t",
        b" ",
        b"%00",
        b"GET http://",
    ];
    run("head", words, |input| match head::parse(input) {
        Ok(head) => {
            assert!(head.path.starts_with('/') || head.path == "*" || head.method == "OPTIONS", "{}", head.path.len());
            kind((head.headers.len(), head.keep_alive, head.expects_continue, head.query.is_empty()))
        }
        Err(bad) => kind(std::mem::discriminant(&bad)),
    });
}

#[test]
fn forms_with_cards() {
    let tokens = places::of("POST", "/v1/tokens");
    let intents = places::of("POST", "/v1/payment_intents");
    assert!(numbers::has_card(CARD));
    run("swap_form", WORDS, |input| {
        kind((told(swap::form(input, tokens), false), told(swap::form(input, intents), false)))
    });
}

#[test]
fn json_with_cards() {
    let tokens = places::of("POST", "/v1/tokens");
    let intents = places::of("POST", "/v1/payment_intents");
    run("swap_json", WORDS, |input| {
        kind((told(swap::json(input, tokens), true), told(swap::json(input, intents), true)))
    });
}

//! Bodies before and after the swap, and what is refused in them.

use crate::edge::places;
use crate::edge::refusal::Refusal;
use crate::edge::swap::{Clean, check_query, form, json};

const PM: &str = "/v1/payment_methods";
const PI: &str = "/v1/payment_intents/pi_1/confirm";

fn shown(clean: Result<Clean, Refusal>) -> Result<(String, Vec<String>), Refusal> {
    let clean = clean?;
    let text = |t: &Option<crate::edge::json::Text>| t.as_ref().map_or("-".to_string(), |t| t.to_string());
    let card = |f: &crate::edge::swap::Found| {
        format!(
            "{}: {} {}/{} {}",
            f.place.param(),
            text(&f.number),
            text(&f.exp_month),
            text(&f.exp_year),
            text(&f.cvc)
        )
    };
    let found = clean.cards.iter().chain(&clean.codes).map(card).collect();
    Ok((String::from_utf8(clean.body).unwrap(), found))
}

fn check(path: &str, body: &str, after: &str, found: &[&str]) {
    let places = places::of("POST", path);
    let read = if body.starts_with(['{', '[']) { json } else { form };
    let found = found.iter().map(|f| f.to_string()).collect();
    assert_eq!(shown(read(body.as_bytes(), places)), Ok((after.to_string(), found)), "{path} {body}");
}

fn refused(path: &str, body: &str, expected: Refusal) {
    let places = places::of("POST", path);
    let read = if body.starts_with(['{', '[']) { json } else { form };
    assert_eq!(shown(read(body.as_bytes(), places)), Err(expected), "{path} {body}");
}

fn param(name: &str) -> Option<String> {
    Some(name.to_string())
}

#[test]
fn cards_leave_forms() {
    let card = "card: 4242424242424242 12/34 123";
    check(
        PM,
        "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=34&card[cvc]=123&metadata[a]=b",
        "type=card&card[florin_card]=0&metadata[a]=b",
        &[card],
    );
    check(
        PM,
        "card%5Bexp_month%5D=12&a=b&card%5bexp_year%5d=34&c%61rd[n%75mber]=%34242+4242-4242%204242&card[cvc]=%31%32%33",
        "card[florin_card]=0&a=b",
        &["card: 4242 4242-4242 4242 12/34 123"],
    );
    check(
        PM,
        "card[number]=1&card[networks][preferred]=visa",
        "card[florin_card]=0&card[networks][preferred]=visa",
        &["card: 1 -/- -"],
    );
    check(
        PI,
        "payment_method_data[type]=card&payment_method_data[card][number]=4242424242424242&return_url=x",
        "payment_method_data[type]=card&payment_method_data[card][florin_card]=0&return_url=x",
        &["payment_method_data[card]: 4242424242424242 -/- -"],
    );
    check(
        "/v1/customers",
        "source[object]=card&source[number]=42&card[number]=43",
        "source[object]=card&source[florin_card]=0&card[florin_card]=1",
        &["source: 42 -/- -", "card: 43 -/- -"],
    );
    check("/v1/tokens", "cvc_update[cvc]=123", "cvc_update[florin_code]=0", &["cvc_update: - -/- 123"]);
    check("/v1/tokens", "a=%zz&&b", "a=%zz&b", &[]);
    check(PM, "card[number]=pm_card_visa", "card[number]=pm_card_visa", &[]);
    check(PM, "card=tok_visa", "card=tok_visa", &[]);
    check("/v1/payment_methods/pm_1", "card[exp_month]=12", "card[exp_month]=12", &[]);
    check("/v1/customers", "description=order 4242", "description=order 4242", &[]);
    check("/v1/customers", "phone=%2B4915112345678", "phone=%2B4915112345678", &[]);
}

#[test]
fn cards_leave_json() {
    check(
        PM,
        r#"{"type":"card","card":{"number":"4242424242424242","exp_month":12,"exp_year":"34","cvc":"123","x":[1]}}"#,
        r#"{"type":"card","card":{"x":[1],"florin_card":0}}"#,
        &["card: 4242424242424242 12/34 123"],
    );
    check(
        PI,
        r#"{"payment_method_data":{"card":{"n\u0075mber":4242424242424242}}}"#,
        r#"{"payment_method_data":{"card":{"florin_card":0}}}"#,
        &["payment_method_data[card]: 4242424242424242 -/- -"],
    );
    check(
        "/v1/tokens",
        r#"{"cvc_update":{"cvc":123}}"#,
        r#"{"cvc_update":{"florin_code":0}}"#,
        &["cvc_update: - -/- 123"],
    );
    check(PM, r#"{"a": [1, null]}"#, r#"{"a": [1, null]}"#, &[]);
    check(PM, r#"{"card": {"number": "tok_visa"}}"#, r#"{"card": {"number": "tok_visa"}}"#, &[]);
    check(PM, "[]", "[]", &[]);
}

#[test]
fn what_is_refused_in_a_body() {
    refused(PM, "card[number]=1&card%5Bnumber%5D=2", Refusal::Twice("card[number]".into()));
    refused(PM, "card[cvc]=123", Refusal::Missing("card[number]".into()));
    refused(PM, "card[number]=tok_visa&card[cvc]=123", Refusal::Unknown("card[cvc]".into()));
    refused("/v1/refunds", "card[cvc]=123", Refusal::Unknown("card[cvc]".into()));
    refused("/v1/refunds", "metadata[cvc]=123", Refusal::Unknown("metadata[cvc]".into()));
    let ours = |name: &str| Refusal::Unknown(name.into());
    refused(PM, "card[florin_card]=0", ours("card[florin_card]"));
    refused(PM, "card[number]=42&card[fl%6Frin_card]=0", ours("card[florin_card]"));
    refused(PM, "florin_code=0", ours("florin_code"));
    refused(PM, "a[florin_card][b]=0", ours("a[florin_card][b]"));
    refused(PM, r#"{"card":{"florin_card":0}}"#, ours("card[florin_card]"));
    refused(PM, r#"{"card":{"florin_card":0,"number":"42"}}"#, ours("card[florin_card]"));
    refused("/v1/customers", r#"{"card":{"number":"42"},"source":{"florin_card":0}}"#, ours("source[florin_card]"));
    refused(PM, r#"{"a":[{"florin_card":0}]}"#, ours("a[0][florin_card]"));
    refused(PM, r#"{"card":{"cvc":"123"}}"#, Refusal::Missing("card[number]".into()));
    refused("/v1/refunds", r#"{"a":{"cvc":"123"}}"#, Refusal::Unknown("a[cvc]".into()));
    refused(PM, r#"{"card":{"number":["42"]}}"#, Refusal::NotText("card[number]".into()));
    refused(PM, r#"{"card":{},"card":{}}"#, Refusal::Json);
    refused(PM, "{", Refusal::Json);
}

#[test]
fn card_numbers_elsewhere_are_refused_by_name() {
    let named = |path: &str, body: &str, name: &str| refused(path, body, Refusal::CardNumber(param(name)));
    named(PM, "metadata[note]=4242424242424242", "metadata[note]");
    named(PM, "metadata%5Bnote%5D=4242%204242+4242-4242", "metadata[note]");
    named(PM, "a=%34%32%34%32%34%32%34%32%34%32%34%32%34%32%34%32", "a");
    named(PM, "a=%2534242424242424242", "a");
    named(PM, "card[ number]=4242424242424242", "card[ number]");
    named(PM, "card.number=4242424242424242", "card.number");
    named(PM, "card[number][]=4242424242424242", "card[number][]");
    named(PM, "card=4242424242424242", "card");
    named(PM, r#"card={"number":"4242424242424242"}"#, "card");
    named("/v1/refunds", "card[number]=4242424242424242", "card[number]");
    named("/v1/refunds", "payment_intent=pi_4242424242424242", "payment_intent");
    named("/v1/customers", "phone=4242424242424242", "phone");
    named(PM, r#"{"metadata":{"a":"4242 4242 4242 4242"}}"#, "metadata[a]");
    named(PM, r#"{"a":[0,{"b":4242424242424242}]}"#, "a[1][b]");
    named(PM, r#"{"a":"\u0034242424242424242"}"#, "a");
    refused(PM, "4242424242424242=a", Refusal::CardNumber(None));
    refused(PM, "metadata[4242424242424242]=a", Refusal::CardNumber(None));
    refused(PM, r#"{"4242424242424242":1}"#, Refusal::CardNumber(None));
}

#[test]
fn queries() {
    let check = |query: &str, expected: Result<Option<&str>, Refusal>| {
        assert_eq!(check_query(query.as_bytes()), expected.map(|key| key.map(str::to_owned)), "{query}");
    };
    check("limit=3&created[gte]=1795299300&expand[]=data.x", Ok(None));
    check("key=pk_test_1", Ok(Some("pk_test_1")));
    check("card[number]=1", Err(Refusal::CardNumber(param("card[number]"))));
    check(
        "payment_method_data%5Bcard%5D%5Bcvc%5D=1",
        Err(Refusal::CardNumber(param("payment_method_data[card][cvc]"))),
    );
    check("q=4242424242424242", Err(Refusal::CardNumber(param("q"))));
    check("starting_after=ch_4242-4242-4242-4242", Err(Refusal::CardNumber(param("starting_after"))));
    check("florin_card=0", Err(Refusal::Unknown("florin_card".into())));
}

//! Fuzz targets of what is signed: requests, orders, webhooks. Whatever comes is read or refused, and what is accepted is what was signed.

#[path = "../../../fuzz/harness.rs"]
mod harness;

use florin_merchant::request::{self, CheckingKey, Request};
use florin_merchant::{Digest, Order, OrderCode, OrderKey, digest, webhook};
use harness::{kind, run};
use std::cell::Cell;

/// When the kept inputs were signed, in seconds since 1970.
const NOW: i64 = 1_800_000_000;

/// Counts what was accepted: a target that accepts nothing would hold whatever the parsers do.
struct Accepted(Cell<u64>);

impl Accepted {
    fn one(&self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.0.get() > 0, "not even what was signed is accepted");
    }
}

/// Parts of an input: so many lines, and the rest.
fn lines(input: &[u8], count: usize) -> Option<(Vec<&str>, &[u8])> {
    let mut parts = input.splitn(count + 1, |byte| *byte == b'\n');
    let lines: Vec<&str> =
        parts.by_ref().take(count).map(|line| std::str::from_utf8(line).ok()).collect::<Option<_>>()?;
    (lines.len() == count).then(|| (lines, parts.next().unwrap_or_default()))
}

/// RFC 9421 and RFC 9530: method, authority, path, query, type, Signature-Input, Signature, Content-Digest, then the body.
#[test]
fn signatures_of_requests() {
    const SIGNED: [&str; 5] =
        ["POST", "api.example.com", "/v1/payment_intents", "expand=1", "application/x-www-form-urlencoded"];
    let words: &[&[u8]] = &[
        b"\"@method\"",
        b"\"@target-uri\"",
        b"\"content-digest\"",
        b";sf",
        b";key=\"a\"",
        b";keyid=\"sigkey_1\"",
        b";created=1800000000",
        b";expires=1",
        b"florin=",
        b"=:AAAA:",
        b"=()",
        b"sha-512=:",
        b", ",
        b"?1",
    ];
    let key = CheckingKey::hmac(b"sigsec_a-text-of-a-test-alone");
    let accepted = Accepted(Cell::new(0));
    run("request_signature", words, |input| {
        let Some((lines, body)) = lines(input, 8) else { return 0 };
        let [method, authority, path, query, content, inputs, signature, told] = lines[..] else { return 0 };
        let headers = vec![
            ("content-type", content),
            ("signature-input", inputs),
            ("signature", signature),
            ("content-digest", told),
        ];
        let request = Request { method, scheme: "https", authority, path, query, headers, has_body: true };
        let checked = request::check(&request, &key, "sigkey_1", NOW);
        let body_is_told = digest::check(told, body);
        match checked {
            Ok(checked) => {
                assert_eq!((checked.created, checked.nonce.as_str()), (NOW, "nonce-0001"));
                let came = [method, &authority.trim().to_ascii_lowercase(), path, query, content.trim()];
                let same = [came[0], came[1].strip_suffix(":443").unwrap_or(came[1]), came[2], came[3], came[4]];
                assert_eq!(same, SIGNED);
                if body_is_told.is_ok() {
                    assert_eq!(body, b"amount=1999&currency=eur");
                    accepted.one();
                }
                kind(("accepted", body_is_told.is_ok()))
            }
            Err(wrong) => kind((format!("{wrong:?}"), format!("{body_is_told:?}"))),
        }
    });
}

/// The code, then the order that it is shown with: id, digest, amount, currency, customer.
#[test]
fn codes_of_orders() {
    let words: &[&[u8]] =
        &[b"v1.", b"ordkey_1", b".1800000300.", b"nonce-0001", b".", b"eur", b"1999", b"\n", b"=", b"-"];
    let key = OrderKey::new("ordkey_1", "ordsec_a-text-of-a-test-alone").unwrap();
    let accepted = Accepted(Cell::new(0));
    run("order_code", words, |input| {
        let Some((lines, customer)) = lines(input, 5) else { return 0 };
        let [text, id, items, amount, currency] = lines[..] else { return 0 };
        let code = match OrderCode::parse(text) {
            Ok(code) => code,
            Err(bad) => return kind(format!("{bad:?}")),
        };
        assert_eq!(code.to_string(), text, "one code is written in one way");
        let (Ok(customer), Ok(items), Ok(amount)) =
            (std::str::from_utf8(customer), Digest::parse(items), amount.parse::<i64>())
        else {
            return 1;
        };
        let mine = key.is_mine(&code, &Order { id, items, amount, currency, customer });
        if mine {
            let signed = ("1001", Digest([0xab; 32]), 1_999, "eur", "cus_1", 1_800_000_300);
            assert_eq!((id, items, amount, currency, customer, code.expires), signed);
            accepted.one();
        }
        kind(("read", mine, code.nonce.len(), id.len().min(8)))
    });
}

/// `Stripe-Signature`, then the body.
#[test]
fn signatures_of_webhooks() {
    let words: &[&[u8]] =
        &[b"t=", b"t=1800000000", b",v1=", b",v0=", b"00", b",", b"=", b" ", b"-1", b"9223372036854775807"];
    let accepted = Accepted(Cell::new(0));
    run("webhook_signature", words, |input| {
        let Some((lines, body)) = lines(input, 1) else { return 0 };
        let checked = webhook::check("whsec_a-text-of-a-test-alone", lines[0], body, NOW);
        if checked.is_ok() {
            assert_eq!(body, b"{\"id\":\"evt_1\"}");
            accepted.one();
        }
        kind(format!("{checked:?}"))
    });
}

//! Tests of signed requests: the vectors of RFC 9421 appendix B, then every way in which a signature is not taken.

use super::*;
use data_encoding::BASE64;

/// RFC 9421 appendix B.2, `test-request`.
fn of_the_rfc() -> Request<'static> {
    Request {
        method: "POST",
        scheme: "https",
        authority: "example.com",
        path: "/foo",
        query: "param=Value&Pet=dog",
        headers: vec![
            ("Host", "example.com"),
            ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("Content-Type", "application/json"),
            ("Content-Length", "18"),
        ],
        has_body: true,
    }
}

fn list(text: &str) -> InnerList {
    let read: List = Parser::new(text).parse().unwrap();
    match &read[0] {
        ListEntry::InnerList(list) => list.clone(),
        ListEntry::Item(_) => panic!("no inner list"),
    }
}

#[test]
fn the_vectors_of_the_rfc() {
    let shared = BASE64
        .decode(b"uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
        .unwrap();
    let private = BASE64.decode(b"MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF").unwrap();
    let public = BASE64.decode(b"MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").unwrap();
    #[track_caller]
    fn check(params: &str, sign: &SigningKey, checks: &CheckingKey, expected: &str) {
        let bytes = base(&of_the_rfc(), &list(params)).unwrap();
        let tag = sign.sign(bytes.as_bytes());
        assert_eq!(BASE64.encode(&tag), expected, "{bytes}");
        assert!(checks.is_good(bytes.as_bytes(), &tag) && !checks.is_good(b"other", &tag));
    }
    // B.2.5
    check(
        r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        &SigningKey::hmac(&shared),
        &CheckingKey::hmac(&shared),
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
    );
    // B.2.6
    check(
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        &SigningKey::ed25519(&private).unwrap(),
        &CheckingKey::ed25519(&public).unwrap(),
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    );
    // The raw key is the same key.
    assert!(CheckingKey::ed25519(&public[12..]).is_some());
    assert!(CheckingKey::ed25519(&public[13..]).is_none() && SigningKey::ed25519(b"no key").is_none());
}

/// The components of RFC 9421 §2.2 and §2.1 as its examples have them.
#[test]
fn components() {
    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(of_the_rfc().component(name).as_deref(), expected, "{name}");
    }
    check("@method", Some("POST"));
    check("@authority", Some("example.com"));
    check("@scheme", Some("https"));
    check("@path", Some("/foo"));
    check("@query", Some("?param=Value&Pet=dog"));
    check("@request-target", Some("/foo?param=Value&Pet=dog"));
    check("@target-uri", Some("https://example.com/foo?param=Value&Pet=dog"));
    check("@status", None);
    check("@query-param", None);
    check("date", Some("Tue, 20 Apr 2021 02:07:55 GMT"));
    check("x-none", None);
    let twice = Request { headers: vec![("A", " 1 "), ("b", "x"), ("a", "2")], ..of_the_rfc() };
    assert_eq!(twice.component("a").as_deref(), Some("1, 2"));
    let authority = |scheme, authority| Request { scheme, authority, ..of_the_rfc() }.component("@authority").unwrap();
    assert_eq!(authority("https", "Example.COM:443"), "example.com");
    assert_eq!(authority("https", "example.com:80"), "example.com:80");
    assert_eq!(authority("http", "localhost:80"), "localhost");
    let bare = Request { path: "", query: "", ..of_the_rfc() };
    assert_eq!((bare.component("@path"), bare.component("@query")), (Some("/".into()), Some("?".into())));
}

const NOW: i64 = 1_800_000_000;
const BODY: &[u8] = b"amount=2000&currency=eur";
const ID: &str = "key_1";

/// The headers of a request with a body, and its signature's.
fn signed(created: i64) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("authorization", "Bearer rk_test_1".to_owned()),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ("idempotency-key", "order-1".to_owned()),
        ("content-digest", crate::digest::header(BODY)),
    ];
    let with = With { key_id: ID, created, nonce: "AAAAAAAAAAAAAAAA" };
    let made = sign(&request(&headers), &SigningKey::hmac(b"secret"), &with).unwrap();
    headers.extend([("signature-input", made.signature_input), ("signature", made.signature)]);
    headers
}

fn request<'a>(headers: &'a [(&'static str, String)]) -> Request<'a> {
    Request {
        method: "POST",
        scheme: "https",
        authority: "localhost:4242",
        path: "/v1/payment_intents",
        query: "expand[]=customer",
        headers: headers.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        has_body: true,
    }
}

#[track_caller]
fn checked(request: &Request<'_>, expected: Result<(), Wrong>) {
    let checked = check(request, &CheckingKey::hmac(b"secret"), ID, NOW);
    assert_eq!(checked.map(|_| ()), expected);
}

#[test]
fn what_is_covered_cannot_be_changed() {
    let headers = signed(NOW);
    checked(&request(&headers), Ok(()));
    let good = request(&headers);
    checked(&Request { method: "GET", ..good.clone() }, Err(Wrong::Forged));
    checked(&Request { authority: "localhost:4243", ..good.clone() }, Err(Wrong::Forged));
    checked(&Request { path: "/v1/refunds", ..good.clone() }, Err(Wrong::Forged));
    checked(&Request { query: "expand[]=latest_charge", ..good.clone() }, Err(Wrong::Forged));
    for name in ["authorization", "content-type", "idempotency-key", "content-digest"] {
        let mut other = headers.clone();
        other.iter_mut().find(|(n, _)| *n == name).unwrap().1.push('x');
        checked(&request(&other), Err(Wrong::Forged));
        let without: Vec<_> = headers.iter().filter(|(n, _)| *n != name).cloned().collect();
        checked(&request(&without), Err(Wrong::Unreadable));
        let mut twice = headers.clone();
        twice.push((name, "x".to_owned()));
        checked(&request(&twice), Err(Wrong::Forged));
    }
    // What was not there when it was signed is noticed too.
    let mut more = headers.clone();
    more.push(("stripe-account", "acct_1".to_owned()));
    checked(&request(&more), Err(Wrong::Missing("stripe-account")));
}

#[test]
fn when_a_signature_holds() {
    for (created, expected) in [
        (NOW - WINDOW_SECONDS, Ok(())),
        (NOW + WINDOW_SECONDS, Ok(())),
        (NOW - WINDOW_SECONDS - 1, Err(Wrong::Time)),
        (NOW + WINDOW_SECONDS + 1, Err(Wrong::Time)),
        (-1, Err(Wrong::Time)),
    ] {
        checked(&request(&signed(created)), expected);
    }
}

/// A signature made by somebody else's library, over what it chose to cover.
fn by_hand(params: &str, expected: Result<(), Wrong>) {
    let mut headers = signed(NOW);
    headers.truncate(4);
    let tag = match base(&request(&headers), &list(params)) {
        Some(base) => SigningKey::hmac(b"secret").sign(base.as_bytes()),
        None => vec![0; 32],
    };
    headers.push(("signature-input", format!("old=();keyid=\"other\", sig1={params}")));
    headers.push(("signature", format!("old=:AAAA:, sig1=:{}:", BASE64.encode(&tag))));
    checked(&request(&headers), expected);
}

#[test]
fn what_a_signature_must_say() {
    let all = r#""@method" "@target-uri" "content-digest" "content-type" "authorization" "idempotency-key""#;
    let end = r#"created=1800000000;keyid="key_1";nonce="12345678""#;
    by_hand(&format!("({all});{end}"), Ok(()));
    by_hand(&format!("({all});{end};alg=\"hmac-sha256\";expires=1800000001;tag=\"shop\""), Ok(()));
    by_hand(&format!("({all});{end};alg=\"ed25519\""), Err(Wrong::Algorithm));
    by_hand(&format!("({all});{end};expires=1800000000"), Err(Wrong::Time));
    by_hand(&format!("({all});keyid=\"key_1\";nonce=\"12345678\""), Err(Wrong::Time));
    by_hand(&format!("({all});created=\"now\";keyid=\"key_1\";nonce=\"12345678\""), Err(Wrong::Time));
    by_hand(&format!("({all});created=1800000000;keyid=\"key_1\""), Err(Wrong::Nonce));
    by_hand(&format!("({all});created=1800000000;keyid=\"key_1\";nonce=\"1234567\""), Err(Wrong::Nonce));
    by_hand(&format!("({all});created=1800000000;keyid=\"key_2\";nonce=\"12345678\""), Err(Wrong::OtherKey));
    by_hand(&format!("({all});created=1800000000;nonce=\"12345678\""), Err(Wrong::OtherKey));
    for name in ["@method", "content-digest", "content-type", "authorization", "idempotency-key"] {
        let fewer = all.replace(&format!("\"{name}\""), "");
        by_hand(&format!("({fewer});{end}"), Err(Wrong::Missing(name)));
    }
    let fewer = all.replace("@target-uri", "@authority");
    by_hand(&format!("({fewer});{end}"), Err(Wrong::Missing("@path")));
    by_hand(&format!("({all} \"@method\");{end}"), Err(Wrong::Unreadable));
    by_hand(&format!("({all} \"@status\");{end}"), Err(Wrong::Unreadable));
    by_hand(&format!("({all} \"date\");{end}"), Err(Wrong::Unreadable));
    by_hand(&format!("({all} \"host\";sf);{end}"), Err(Wrong::Unreadable));
}

#[test]
fn headers_that_are_no_signatures() {
    let headers = signed(NOW);
    #[track_caller]
    fn check(headers: &[(&'static str, String)], name: &str, value: &str, expected: Wrong) {
        let mut other = headers.to_vec();
        other.iter_mut().find(|(n, _)| *n == name).unwrap().1 = value.to_owned();
        checked(&request(&other), Err(expected));
    }
    check(&headers, "signature", "florin=:AAAA:", Wrong::Forged);
    check(&headers, "signature", "other=:AAAA:", Wrong::Unreadable);
    check(&headers, "signature", "florin=\"AAAA\"", Wrong::Unreadable);
    check(&headers, "signature", "é", Wrong::Unreadable);
    check(&headers, "signature", &"a".repeat(HEADER_LIMIT_BYTES + 1), Wrong::Unreadable);
    check(&headers, "signature-input", "florin=1;keyid=\"key_1\"", Wrong::OtherKey);
    check(&headers, "signature-input", "", Wrong::OtherKey);
    let without: Vec<_> = headers.iter().filter(|(n, _)| *n != "signature").cloned().collect();
    checked(&request(&without), Err(Wrong::Absent));
    assert_eq!(format!("{:?}", SigningKey::hmac(b"secret")), "SigningKey(hmac-sha256)");
}

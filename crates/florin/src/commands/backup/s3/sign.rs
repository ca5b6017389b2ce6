//! Signatures of requests to S3 (AWS Signature Version 4, "Authenticating Requests: Using the Authorization Header"). Pure: no clock, no
//! socket.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use florin_backup::manifest::hex;
use florin_core::time::Time;
use zeroize::Zeroizing;

/// Who asks. No Debug: it is a secret.
pub struct Credentials {
    pub id: String,
    pub secret: Zeroizing<String>,
    /// Of credentials that end.
    pub token: Option<Zeroizing<String>>,
}

/// A request before it is signed.
pub struct Ask<'a> {
    pub method: &'a str,
    /// Host and, where it is not the scheme's own, port.
    pub host: &'a str,
    /// Percent-encoded, from the first slash on.
    pub path: &'a str,
    /// Not encoded, in order of names.
    pub query: &'a [(&'a str, &'a str)],
    /// Others that are signed, in small letters.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// Percent-encoding of everything but unreserved characters (RFC 3986 §2.3), and of slashes where `slash` says so.
pub fn encode(text: &str, slash: bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b'/' if !slash => out.push('/'),
            _ => out += &format!("%{byte:02X}"),
        }
        out
    })
}

pub fn query(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name, true), encode(value, true)));
    pairs.collect::<Vec<_>>().join("&")
}

/// All headers that the request is sent with, `host` among them.
pub fn headers(who: &Credentials, region: &str, at: Time, ask: &Ask<'_>) -> Vec<(String, String)> {
    let c = at.civil();
    let day = format!("{:04}{:02}{:02}", c.year, c.month, c.day);
    let stamp = format!("{day}T{:02}{:02}{:02}Z", c.hour, c.minute, c.second);
    let body = sha256(ask.body);
    let mut all: Vec<(String, String)> =
        ask.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut add = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    add("host", ask.host);
    add("x-amz-content-sha256", &body);
    add("x-amz-date", &stamp);
    if let Some(token) = &who.token {
        add("x-amz-security-token", token);
    }
    all.sort();
    let names = all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let lines: String = all.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let canonical = format!("{}\n{}\n{}\n{lines}\n{names}\n{body}", ask.method, ask.path, query(ask.query));
    let scope = format!("{day}/{region}/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let first = Zeroizing::new(format!("AWS4{}", who.secret.as_str()));
    let key =
        [region, "s3", "aws4_request"].iter().fold(mac(first.as_bytes(), &day), |key, part| mac(key.as_ref(), part));
    let signature = hex(mac(key.as_ref(), &to_sign).as_ref());
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}", who.id);
    all.push(("authorization".to_owned(), authorization));
    all
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification: credentials, time and bucket are its own.
    fn check(path: &str, query: &[(&str, &str)], headers: &[(&str, &str)], expected: &str) {
        let (id, secret) =
            (["AKIA", "IOSFODNN7EXAMPLE"].concat(), ["wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYEXAMPLEKEY"].concat());
        let who = Credentials { id, secret: Zeroizing::new(secret), token: None };
        let ask = Ask { method: "GET", host: "examplebucket.s3.amazonaws.com", path, query, headers, body: b"" };
        let all = super::headers(&who, "us-east-1", Time(1_369_353_600_000), &ask);
        let told = all.last().map(|(_, value)| value.rsplit('=').next().unwrap_or_default().to_owned());
        assert_eq!(told.as_deref(), Some(expected), "{path}");
    }

    #[test]
    fn signatures_are_those_of_the_specification() {
        let get = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        check("/test.txt", &[], &[("range", "bytes=0-9")], get);
        let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
        check("/", &[("lifecycle", "")], &[], lifecycle);
        let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        check("/", &[("max-keys", "2"), ("prefix", "J")], &[], list);
    }
}

//! HTTP Message Signatures (RFC 9421) over requests, with hmac-sha256 and ed25519, as client and as server. What a signature has to cover
//! is one list for both. Knows no HTTP library; the digest of the body is `digest`'s.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, ParsedPublicKey};
use sfv::{BareItem, Dictionary, FieldType, InnerList, Item, Key, List, ListEntry, Parser, StringRef};
use std::fmt;

/// A signature from further off, either way, is not taken.
pub const WINDOW_SECONDS: i64 = 300;
/// `Signature-Input` and `Signature`, each.
pub const HEADER_LIMIT_BYTES: usize = 4_000;
/// Components of one signature.
pub const MOST_COMPONENTS: usize = 32;
/// Of a nonce, in bytes.
pub const NONCE_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
/// The label that `sign` gives its signature.
const LABEL: &str = "florin";

/// Headers that are covered when the request has them: who asks, what is done once, and how it is understood.
const IF_PRESENT: [&str; 4] = ["authorization", "idempotency-key", "stripe-account", "stripe-version"];

/// A request as it goes over the wire. Names of headers are compared without case.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// `https`.
    pub scheme: &'a str,
    /// What the Host header says.
    pub authority: &'a str,
    /// As it is sent, percent-encoding included.
    pub path: &'a str,
    /// What follows `?`; empty without one.
    pub query: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    pub has_body: bool,
}

impl Request<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// RFC 9421 §2.2.3: small letters, without the scheme's own port.
    fn authority(&self) -> String {
        let name = self.authority.trim().to_ascii_lowercase();
        let own = if self.scheme == "https" { ":443" } else { ":80" };
        name.strip_suffix(own).map_or(name.clone(), str::to_owned)
    }

    /// The value of a component (RFC 9421 §2.1, §2.2). None for what the request does not have and for what is not known.
    fn component(&self, name: &str) -> Option<String> {
        let path = if self.path.is_empty() { "/" } else { self.path };
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        match name {
            "@method" => Some(self.method.to_owned()),
            "@authority" => Some(self.authority()),
            "@scheme" => Some(self.scheme.to_owned()),
            "@path" => Some(path.to_owned()),
            "@query" => Some(format!("?{}", self.query)),
            "@request-target" => Some(format!("{path}{query}")),
            "@target-uri" => Some(format!("{}://{}{path}{query}", self.scheme, self.authority())),
            _ if name.starts_with('@') => None,
            _ => {
                let same = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
                let values: Vec<&str> = same.map(|(_, value)| value.trim()).collect();
                (!values.is_empty()).then(|| values.join(", "))
            }
        }
    }

    /// What a signature of it has to cover.
    pub fn needed(&self) -> Vec<&'static str> {
        let mut needed = vec!["@method", "@authority", "@path"];
        if !self.query.is_empty() {
            needed.push("@query");
        }
        if self.has_body {
            needed.extend(["content-digest", "content-type"]);
        }
        needed.extend(IF_PRESENT.iter().filter(|name| self.header(name).is_some()));
        needed
    }
}

/// What a signature is made with.
pub enum SigningKey {
    Hmac(Box<hmac::Key>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// Shared with the gateway: the text that `florin keys signing` printed, byte for byte.
    pub fn hmac(secret: &[u8]) -> SigningKey {
        SigningKey::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }
    /// PKCS#8, DER, as OpenSSL makes it.
    pub fn ed25519(pkcs8: &[u8]) -> Option<SigningKey> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(|pair| SigningKey::Ed25519(Box::new(pair)))
    }
    fn algorithm(&self) -> &'static str {
        match self {
            SigningKey::Hmac(_) => "hmac-sha256",
            SigningKey::Ed25519(_) => "ed25519",
        }
    }
    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            SigningKey::Hmac(key) => hmac::sign(key, bytes).as_ref().to_vec(),
            SigningKey::Ed25519(pair) => pair.sign(bytes).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm())
    }
}

/// What a signature is checked with.
pub enum CheckingKey {
    Hmac(Box<hmac::Key>),
    Ed25519(Box<ParsedPublicKey>),
}

impl CheckingKey {
    pub fn hmac(secret: &[u8]) -> CheckingKey {
        CheckingKey::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }
    /// 32 bytes (RFC 8032), or X.509's SubjectPublicKeyInfo around them.
    pub fn ed25519(public: &[u8]) -> Option<CheckingKey> {
        ParsedPublicKey::new(&ED25519, public).ok().map(|key| CheckingKey::Ed25519(Box::new(key)))
    }
    fn algorithm(&self) -> &'static str {
        match self {
            CheckingKey::Hmac(_) => "hmac-sha256",
            CheckingKey::Ed25519(_) => "ed25519",
        }
    }
    fn is_good(&self, bytes: &[u8], signature: &[u8]) -> bool {
        match self {
            CheckingKey::Hmac(key) => hmac::verify(key, bytes, signature).is_ok(),
            CheckingKey::Ed25519(key) => key.verify_sig(bytes, signature).is_ok(),
        }
    }
}

impl fmt::Debug for CheckingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckingKey({})", self.algorithm())
    }
}

/// What goes into a signature besides the request.
#[derive(Clone, Copy, Debug)]
pub struct With<'a> {
    /// The API key's id.
    pub key_id: &'a str,
    /// Seconds since 1970.
    pub created: i64,
    /// A fresh one for each request: see [`crate::nonce`].
    pub nonce: &'a str,
}

/// Headers to send along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub signature_input: String,
    pub signature: String,
}

/// Signs a request that has its `Content-Digest` already, if it has a body. None when a text in it cannot be written into a header, or a
/// needed header is missing.
pub fn sign(request: &Request<'_>, key: &SigningKey, with: &With<'_>) -> Option<Signed> {
    let text = |text: &str| StringRef::from_str(text).ok().map(|t| BareItem::String(t.to_owned()));
    let items = request.needed().into_iter().map(|name| text(name).map(Item::new)).collect::<Option<Vec<Item>>>()?;
    let mut list = InnerList::new(items);
    let mut put = |name: &'static str, value: BareItem| {
        let name = Key::from_string(name.to_owned()).ok()?;
        list.params.insert(name, value);
        Some(())
    };
    put("created", BareItem::Integer(with.created.try_into().ok()?))?;
    put("nonce", text(with.nonce)?)?;
    put("keyid", text(with.key_id)?)?;
    put("alg", text(key.algorithm())?)?;
    let tag = key.sign(base(request, &list)?.as_bytes());
    let one = |entry: ListEntry| {
        let mut dictionary = Dictionary::new();
        dictionary.insert(Key::from_string(LABEL.to_owned()).ok()?, entry);
        dictionary.serialize()
    };
    let signature = one(ListEntry::Item(Item::new(BareItem::ByteSequence(tag))))?;
    Some(Signed { signature_input: one(ListEntry::InnerList(list))?, signature })
}

/// What is signed: RFC 9421 §2.5. None when a component is not known or not there.
fn base(request: &Request<'_>, list: &InnerList) -> Option<String> {
    let mut out = String::with_capacity(1_024);
    for item in &list.items {
        let BareItem::String(name) = &item.bare_item else { return None };
        let value = request.component(name.as_str())?;
        out.push_str(&format!("\"{}\": {value}\n", name.as_str()));
    }
    let params: List = vec![ListEntry::InnerList(list.clone())];
    out.push_str(&format!("\"@signature-params\": {}", params.serialize()?));
    Some(out)
}

/// Why a signature is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no signature.
    Absent,
    /// The headers are not as RFC 9421 has them, or ask for what is not known here.
    Unreadable,
    /// None of the signatures names this key.
    OtherKey,
    /// Made with another algorithm than the key's.
    Algorithm,
    /// This is not covered.
    Missing(&'static str),
    /// `created` is absent, too old, or ahead; or `expires` has passed.
    Time,
    /// No nonce, or one of another length.
    Nonce,
    Forged,
}

/// What a good signature says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Seconds since 1970.
    pub created: i64,
    /// To be kept until the window is over: the same one again is a replay.
    pub nonce: String,
}

/// Checks a request's signature at `now` (seconds since 1970). Whether the digest is the body's, and whether the nonce is new, is for the
/// caller to see.
pub fn check(request: &Request<'_>, key: &CheckingKey, key_id: &str, now: i64) -> Result<Checked, Wrong> {
    let (Some(inputs), Some(signatures)) = (request.header("signature-input"), request.header("signature")) else {
        return Err(Wrong::Absent);
    };
    let read = |text: &str| -> Result<Dictionary, Wrong> {
        if text.len() > HEADER_LIMIT_BYTES {
            return Err(Wrong::Unreadable);
        }
        Parser::new(text).parse().map_err(|_| Wrong::Unreadable)
    };
    let (inputs, signatures) = (read(inputs)?, read(signatures)?);
    let named = |entry: &ListEntry| match entry {
        ListEntry::InnerList(list) => text_of(list, "keyid").is_some_and(|id| id == key_id),
        ListEntry::Item(_) => false,
    };
    let (label, list) = match inputs.iter().find(|(_, entry)| named(entry)) {
        Some((label, ListEntry::InnerList(list))) => (label, list),
        _ => return Err(Wrong::OtherKey),
    };
    covers(request, list)?;
    if text_of(list, "alg").is_some_and(|told| told != key.algorithm()) {
        return Err(Wrong::Algorithm);
    }
    let nonce = text_of(list, "nonce").filter(|n| NONCE_BYTES.contains(&n.len())).ok_or(Wrong::Nonce)?.to_owned();
    let Some(ListEntry::Item(item)) = signatures.get(label) else { return Err(Wrong::Unreadable) };
    let BareItem::ByteSequence(signature) = &item.bare_item else { return Err(Wrong::Unreadable) };
    let base = base(request, list).ok_or(Wrong::Unreadable)?;
    if !key.is_good(base.as_bytes(), signature) {
        return Err(Wrong::Forged);
    }
    let created = in_time(list, now)?;
    Ok(Checked { created, nonce })
}

/// Everything that is needed is covered, once, and nothing is asked for that is not known (RFC 9421 §2.1's parameters).
fn covers(request: &Request<'_>, list: &InnerList) -> Result<(), Wrong> {
    if list.items.len() > MOST_COMPONENTS || list.items.iter().any(|item| !item.params.is_empty()) {
        return Err(Wrong::Unreadable);
    }
    let mut names = vec![];
    for item in &list.items {
        let BareItem::String(name) = &item.bare_item else { return Err(Wrong::Unreadable) };
        if names.contains(&name.as_str()) {
            return Err(Wrong::Unreadable);
        }
        names.push(name.as_str());
    }
    let whole = names.contains(&"@target-uri");
    let held = |name: &str| names.contains(&name) || whole && matches!(name, "@authority" | "@path" | "@query");
    match request.needed().into_iter().find(|name| !held(name)) {
        Some(missing) => Err(Wrong::Missing(missing)),
        None => Ok(()),
    }
}

fn in_time(list: &InnerList, now: i64) -> Result<i64, Wrong> {
    let number = |name: &str| match list.params.get(name) {
        Some(BareItem::Integer(n)) => Ok(Some(i64::from(*n))),
        Some(_) => Err(Wrong::Time),
        None => Ok(None),
    };
    let created = number("created")?.ok_or(Wrong::Time)?;
    let near = now.checked_sub(created).is_some_and(|age| age.saturating_abs() <= WINDOW_SECONDS);
    let over = number("expires")?.is_some_and(|expires| expires <= now);
    if near && !over { Ok(created) } else { Err(Wrong::Time) }
}

fn text_of<'a>(list: &'a InnerList, name: &str) -> Option<&'a str> {
    match list.params.get(name) {
        Some(BareItem::String(text)) => Some(text.as_str()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;

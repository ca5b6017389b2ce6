//! Domains whose pages may show an account's card form. Knows no browser and no frame.

use crate::codec::Body;
use crate::commit::{Beside, EventKind, Version};
use crate::flow::{self, Claiming, Done, Failure, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::record::{self, Change, Record, Render};
use crate::refusal::Refusal;
use crate::store::{Query, Store};
use serde::{Deserialize, Serialize};

/// Domains of one account.
pub const MOST_DOMAINS: u32 = 1_000;
/// RFC 1035 §2.3.4: of a whole name as it is written, and of one label.
const LONGEST_NAME_BYTES: usize = 253;
const LONGEST_LABEL_BYTES: usize = 63;

/// A name of the public DNS in lower case, what is not ASCII in punycode: `shop.example`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainName(String);

/// Why a text is no domain name. Each says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDomain {
    /// `https://shop.example`.
    Scheme,
    /// `shop.example:8443`.
    Port,
    /// `shop.example/pay`.
    Path,
    /// `*.shop.example`.
    Wildcard,
    /// Letters that need punycode.
    NotAscii,
    /// One label alone, as `localhost`.
    Bare,
    /// `192.0.2.1`.
    Address,
    /// Too long, an empty label, or a character that no name has.
    Shape,
}

impl BadDomain {
    pub const fn message(self) -> &'static str {
        match self {
            BadDomain::Scheme => "Give the domain name alone, without https:// before it.",
            BadDomain::Port => "Give the domain name alone, without a port: pages are on the usual one.",
            BadDomain::Path => "Give the domain name alone, without a path behind it.",
            BadDomain::Wildcard => "Wildcards are not taken. Register each domain and subdomain that has pages.",
            BadDomain::NotAscii => "Write the domain name in punycode (xn--…).",
            BadDomain::Bare => {
                "Give the whole domain name, as shop.example. Pages of your own machine need none in test mode."
            }
            BadDomain::Address => "Give a domain name, not an IP address.",
            BadDomain::Shape => "This is not a domain name: letters, digits and hyphens between dots, as shop.example.",
        }
    }
}

impl DomainName {
    pub fn parse(text: &str) -> Result<DomainName, BadDomain> {
        if text.contains("//") || text.starts_with("http:") || text.starts_with("https:") {
            return Err(BadDomain::Scheme);
        }
        if text.contains('*') {
            return Err(BadDomain::Wildcard);
        }
        if text.contains(['/', '?', '#']) {
            return Err(BadDomain::Path);
        }
        if !text.is_ascii() {
            return Err(BadDomain::NotAscii);
        }
        // RFC 3986 §3.2.2: an address of version 6 is the one host with more than one colon.
        match text.bytes().filter(|b| *b == b':').count() {
            0 => {}
            1 => return Err(BadDomain::Port),
            _ => return Err(BadDomain::Address),
        }
        let name = text.to_ascii_lowercase();
        if name.len() > LONGEST_NAME_BYTES || !name.split('.').all(is_label) {
            return Err(BadDomain::Shape);
        }
        match name.rsplit_once('.') {
            None => Err(BadDomain::Bare),
            // No top-level domain is a number: RFC 3696 §2.
            Some((_, top)) if top.bytes().all(|b| b.is_ascii_digit()) => Err(BadDomain::Address),
            Some(_) => Ok(DomainName(name)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The origin of its pages (RFC 6454 §6.2).
    pub fn origin(&self) -> String {
        format!("https://{}", self.0)
    }
}

fn is_label(label: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=LONGEST_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(known)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    pub live: bool,
    pub name: DomainName,
    /// Its pages may show the form.
    pub enabled: bool,
}

impl Body for Domain {
    const FORMAT: u8 = 1;
}

impl Record for Domain {
    const KIND: Kind = Kind::Domain;
}

/// Which domain of an account has a name: no two have the same. Its key is a hash of the name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub domain: Key,
}

impl Body for Named {
    const FORMAT: u8 = 1;
}

impl Record for Named {
    const KIND: Kind = Kind::DomainName;
}

pub type DomainView = View<Domain>;

/// A domain is to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    pub account: Key,
    pub live: bool,
    pub name: DomainName,
    /// Where its name has its place.
    pub place: Key,
    /// As it is, or enabled when it is new, unless this says otherwise.
    pub enabled: Option<bool>,
}

/// Registers a domain. One that is registered stays the same thing: whoever asks twice, or at once, gets the one that is there.
pub async fn register(
    ports: &dyn Ports,
    command: &Register,
    claiming: Option<&Claiming>,
    render: Render<'_, Domain>,
) -> Result<Done<DomainView>, Failure> {
    let Register { account, live, name, place, enabled } = command;
    for _ in 0..flow::TRIES {
        match flow::load::<Named>(ports.store(), *account, Kind::DomainName, *place).await {
            Ok(named) => {
                let decide = |from: &DomainView| {
                    let body = Domain { enabled: enabled.unwrap_or(from.body.enabled), ..from.body.clone() };
                    Ok(Change::to(body, EventKind::DomainChanged))
                };
                return record::change(ports, *account, named.body.domain, claiming, &decide, render).await;
            }
            Err(Failure::Refused(Refusal::NoSuch(_))) => {}
            Err(failure) => return Err(failure),
        }
        if of(ports.store(), *account).await?.len() >= usize::try_from(MOST_DOMAINS).unwrap_or(usize::MAX) {
            return Err(Refusal::TooMany { kind: Kind::Domain, most: MOST_DOMAINS }.into());
        }
        let (key, version, at) = (ports.fresh_key(), Version::NONE.next(), ports.now());
        let named = View { key: *place, account: *account, version, at, body: Named { domain: key }, personal: None };
        let body = Domain { live: *live, name: name.clone(), enabled: enabled.unwrap_or(true) };
        let mut change = Change::to(body, EventKind::DomainChanged);
        let row = record::row(&named, vec![]);
        change.beside.push(Beside { from: Version::NONE, row, event: EventKind::DomainNamed });
        match record::make(ports, *account, key, change, claiming, render).await {
            // Somebody else registered it meanwhile.
            Err(Failure::Refused(Refusal::Contended)) => {}
            done => return done,
        }
    }
    Err(Refusal::Contended.into())
}

/// All domains of an account, the newest first.
pub async fn of(store: &dyn Store, account: Key) -> Result<Vec<DomainView>, Failure> {
    let query = Query::List { under: account, kind: Kind::Domain, before: None, limit: MOST_DOMAINS };
    store.find(query).await?.rows().iter().map(flow::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[track_caller]
        fn check(text: &str, expected: Result<&str, BadDomain>) {
            assert_eq!(
                DomainName::parse(text).as_ref().map(DomainName::as_str).map_err(|bad| *bad),
                expected,
                "{text}"
            );
        }
        check("shop.example", Ok("shop.example"));
        check("WWW.Shop.Example", Ok("www.shop.example"));
        check("xn--bcher-kva.example", Ok("xn--bcher-kva.example"));
        check("3m.example", Ok("3m.example"));
        check("a.b.c.d.example", Ok("a.b.c.d.example"));
        check(&format!("{}.example", "a".repeat(63)), Ok(&format!("{}.example", "a".repeat(63))));

        check("https://shop.example", Err(BadDomain::Scheme));
        check("http:shop.example", Err(BadDomain::Scheme));
        check("//shop.example", Err(BadDomain::Scheme));
        check("shop.example:8443", Err(BadDomain::Port));
        check("shop.example/pay", Err(BadDomain::Path));
        check("shop.example?a", Err(BadDomain::Path));
        check("*.shop.example", Err(BadDomain::Wildcard));
        check("b\u{fc}cher.example", Err(BadDomain::NotAscii));
        check("localhost", Err(BadDomain::Bare));
        check("192.0.2.1", Err(BadDomain::Address));
        check("2001:db8::1", Err(BadDomain::Address));
        for bad in
            ["", ".", "a..b", "shop.example.", ".shop", "-a.b", "a-.b", "a b.c", "a_b.c", "a;b.c", "u@a.b", "a.b\n"]
        {
            check(bad, Err(BadDomain::Shape));
        }
        check(&format!("{}.example", "a".repeat(64)), Err(BadDomain::Shape));
        let longest = &format!("{}a", "a.".repeat(126));
        check(longest, Ok(longest));
        check(&format!("b{longest}"), Err(BadDomain::Shape));
    }

    #[test]
    fn every_refusal_says_what_to_write() {
        let all = [
            BadDomain::Scheme,
            BadDomain::Port,
            BadDomain::Path,
            BadDomain::Wildcard,
            BadDomain::NotAscii,
            BadDomain::Bare,
            BadDomain::Address,
            BadDomain::Shape,
        ];
        let mut messages: Vec<&str> = all.iter().map(|bad| bad.message()).collect();
        messages.sort_unstable();
        messages.dedup();
        assert_eq!(messages.len(), all.len());
    }
}

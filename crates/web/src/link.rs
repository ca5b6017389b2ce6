//! Links to a page that open it without signing in: a keyed MAC over what the page shows, whose it is and until when.
//! Knows no page and no clock.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use florin_core::id::{IdCodec, Key, Kind};
use florin_core::seal::Secret;
use florin_core::time::Time;

/// How long a link opens its page: a day.
pub const OPENS_MS: i64 = 86_400_000;
/// Where the pages are.
pub const PATH: &str = "/journey/";
/// One purpose, one key: what else is signed in this process is signed under others.
const PURPOSE: &[u8] = b"florin web: link to a journey, v1";
const MAC_BYTES: usize = 32;

/// What has a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Payment,
    Refund,
}

impl Topic {
    pub const ALL: [Topic; 2] = [Topic::Payment, Topic::Refund];

    pub const fn kind(self) -> Kind {
        match self {
            Topic::Payment => Kind::Payment,
            Topic::Refund => Kind::Refund,
        }
    }
    /// None: nothing of that kind has a journey.
    pub fn of(kind: Kind) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| topic.kind() == kind)
    }
}

/// What a link opens: a payment's or a refund's journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    pub topic: Topic,
    pub key: Key,
}

impl Subject {
    /// What an id names: a payment or a refund.
    pub fn of(ids: &IdCodec, id: &str) -> Option<Subject> {
        Topic::ALL.into_iter().find_map(|topic| ids.decode(topic.kind(), id).map(|key| Subject { topic, key }))
    }
    pub fn is_refund(self) -> bool {
        self.topic == Topic::Refund
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub subject: Subject,
    pub account: Key,
    pub expires: Time,
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Not signed by this installation, or altered.
    Forged,
    /// It was good once.
    Expired,
}

/// Makes and checks links.
pub struct Links {
    key: Secret,
    ids: IdCodec,
}

impl Links {
    /// `root` is the gateway's root secret; links are signed under a key derived from it.
    pub fn new(root: &Secret, ids: IdCodec) -> Links {
        Links { key: root.derive(PURPOSE), ids }
    }

    /// What an id in a path names: a payment or a refund.
    pub fn subject(&self, id: &str) -> Option<Subject> {
        Subject::of(&self.ids, id)
    }

    pub fn id(&self, subject: Subject) -> String {
        self.ids.encode(subject.topic.kind(), subject.key)
    }

    fn mac(&self, link: &Link) -> [u8; MAC_BYTES] {
        // Every part has a fixed length, so no two links have the same bytes.
        let (kind, key) = ([link.subject.topic.kind() as u8], link.subject.key.0.to_be_bytes());
        let (account, expires) = (link.account.0.to_be_bytes(), link.expires.seconds().to_be_bytes());
        self.key.mac(&[&kind, &key, &account, &expires])
    }

    /// Path and query of the page. The expiry is kept to the second.
    pub fn path(&self, link: &Link) -> String {
        let account = self.ids.encode(Kind::Account, link.account);
        let (id, until, mac) = (self.id(link.subject), link.expires.seconds(), base64(&self.mac(link)));
        format!("{PATH}{id}?account={account}&expires={until}&mac={mac}")
    }

    /// Reads what `path` made.
    pub fn open(&self, id: &str, query: &str, now: Time) -> Result<Link, Closed> {
        let forged = Closed::Forged;
        let subject = self.subject(id).ok_or(forged)?;
        let account = parameter(query, "account").and_then(|id| self.ids.decode(Kind::Account, id)).ok_or(forged)?;
        let until = parameter(query, "expires").and_then(seconds).ok_or(forged)?;
        let given = parameter(query, "mac").and_then(unbase64).ok_or(forged)?;
        let link = Link { subject, account, expires: Time(until.saturating_mul(1_000)) };
        verify_slices_are_equal(&self.mac(&link), &given).map_err(|_| forged)?;
        if now >= link.expires { Err(Closed::Expired) } else { Ok(link) }
    }
}

/// The only value of that name in a query. What is there twice is not there.
pub fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut found = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(n, _)| *n == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// As `path` writes it: digits alone, no zero in front.
fn seconds(text: &str) -> Option<i64> {
    let n: i64 = text.parse().ok()?;
    (n >= 0 && n.to_string() == text).then_some(n)
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648 §5, without padding.
fn base64(bytes: &[u8; MAC_BYTES]) -> String {
    let mut out = String::with_capacity(43);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, n| bits << 8 | u32::from(three.get(n).copied().unwrap_or(0)));
        for n in 0..=three.len() {
            let six = usize::try_from(bits >> (18 - 6 * n) & 63).unwrap_or(0);
            out.push(LETTERS.get(six).map_or('A', |b| char::from(*b)));
        }
    }
    out
}

/// Only what `base64` writes: one text for each value.
fn unbase64(text: &str) -> Option<[u8; MAC_BYTES]> {
    let mut out = Vec::with_capacity(MAC_BYTES);
    let (mut bits, mut held) = (0u32, 0u32);
    for letter in text.bytes() {
        let six = LETTERS.iter().position(|l| *l == letter).and_then(|at| u32::try_from(at).ok())?;
        (bits, held) = ((bits << 6 | six) & 0xffff, held + 6);
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    let out: [u8; MAC_BYTES] = out.try_into().ok()?;
    (base64(&out) == text).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_795_299_300_000);
    const PAYMENT: Subject = Subject { topic: Topic::Payment, key: Key(0x1234_5678_9abc_0020) };

    fn links(root: u8) -> Links {
        Links::new(&Secret::new([root; 32]), IdCodec::new(&[7; 16]))
    }

    fn link() -> Link {
        Link { subject: PAYMENT, account: Key(0x1111_2222_3333_0040), expires: NOW.plus_ms(OPENS_MS) }
    }

    /// The link with each part as it was written.
    fn parts() -> (String, String, String, String) {
        let path = links(1).path(&link());
        let (path, query) = path.split_once('?').unwrap();
        let part = |name| parameter(query, name).unwrap().to_owned();
        (path.strip_prefix(PATH).unwrap().to_owned(), part("account"), part("expires"), part("mac"))
    }

    #[test]
    fn a_link_opens_what_it_was_made_for() {
        let (id, account, expires, mac) = parts();
        let query = format!("account={account}&expires={expires}&mac={mac}");
        assert!(id.starts_with("pi_") && account.starts_with("acct_") && mac.len() == 43);
        assert_eq!(links(1).open(&id, &query, NOW), Ok(link()));
        assert_eq!(links(1).open(&id, &format!("lang=ko&{query}"), NOW), Ok(link()), "what a page adds");
        assert_eq!(links(1).open(&id, &query, link().expires.plus_ms(-1)), Ok(link()));
        assert_eq!(links(1).open(&id, &query, link().expires), Err(Closed::Expired));
        assert_eq!(links(2).open(&id, &query, NOW), Err(Closed::Forged), "another installation");
        let refund = Link { subject: Subject { topic: Topic::Refund, ..PAYMENT }, ..link() };
        assert_ne!(links(1).mac(&refund), links(1).mac(&link()), "the same key of another kind");
    }

    #[test]
    fn nothing_else_opens() {
        let (id, account, expires, mac) = parts();
        let (ids, other) = (IdCodec::new(&[7; 16]), Key(0x7777));
        let (other_id, other_account) = (ids.encode(Kind::Payment, other), ids.encode(Kind::Account, other));
        // The same bytes signed under another purpose, and under the root itself.
        let root = Secret::new([1; 32]);
        let bytes =
            [&[Kind::Payment as u8][..], &PAYMENT.key.0.to_be_bytes(), &link().account.0.to_be_bytes()].concat();
        let until = link().expires.seconds().to_be_bytes();
        let purposes =
            [root.mac(&[&bytes, &until]), root.derive(b"api keys").mac(&[&bytes, &until])].map(|m| base64(&m));
        let later: i64 = expires.parse::<i64>().unwrap() + 1;
        let cut = &mac[..42];
        #[track_caller]
        fn check(id: &str, query: String) {
            assert_eq!(links(1).open(id, &query, NOW), Err(Closed::Forged), "{id} {query}");
        }
        check(&other_id, format!("account={account}&expires={expires}&mac={mac}"));
        check(&id, format!("account={other_account}&expires={expires}&mac={mac}"));
        check(&id, format!("account={account}&expires={later}&mac={mac}"));
        check(&id, format!("account={account}&expires=0{expires}&mac={mac}"));
        check(&id, format!("account={account}&expires=-1&mac={mac}"));
        check(&id, format!("account={account}&expires={expires}&mac={cut}"));
        check(&id, format!("account={account}&expires={expires}&mac={mac}A"));
        check(&id, format!("account={account}&expires={expires}&mac={mac}="));
        check(&id, format!("account={account}&expires={expires}&mac={}", purposes[0]));
        check(&id, format!("account={account}&expires={expires}&mac={}", purposes[1]));
        check(&id, format!("account={account}&expires={expires}&mac={mac}&mac={mac}"));
        check(&id, format!("account={account}&mac={mac}"));
        check(&id, String::new());
        check("pi_x", format!("account={account}&expires={expires}&mac={mac}"));
        check("", format!("account={account}&expires={expires}&mac={mac}"));
        for at in 0..mac.len() {
            let mut letters: Vec<char> = mac.chars().collect();
            letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
            let altered: String = letters.into_iter().collect();
            check(&id, format!("account={account}&expires={expires}&mac={altered}"));
        }
    }
}

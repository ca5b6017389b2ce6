//! Keys (time-ordered integers) and the public ids that hide them.

use crate::time::Time;
use aws_lc_rs::cipher::{AES_128, DecryptingKey, EncryptingKey, UnboundCipherKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A positive 64-bit integer that grows with time: milliseconds since the Unix epoch in the upper 43 bits, then five zero
/// bits, a counter of ten bits and the generator's node of five.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(pub i64);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

const TIME_SHIFT: u32 = 20;
/// Bits that generators leave zero: keys that are derived from others have one of them.
const DERIVED: i64 = 0xf_8000;
/// Counter values a millisecond: bounded so that (millisecond of day, counter, node) fits eight base-36 digits (see `Rrn`).
const COUNTER_LIMIT: i64 = 1_019;

impl Key {
    /// The time at which the key was made.
    pub const fn time(self) -> Time {
        Time(self.0 >> TIME_SHIFT)
    }
    /// No key made at this time or later is lower, and every one made before is.
    pub const fn first_at(time: Time) -> Key {
        const LATEST_MS: i64 = i64::MAX >> TIME_SHIFT;
        let ms = if time.0 > LATEST_MS { LATEST_MS } else { time.0 };
        Key(if ms < 0 { 0 } else { ms << TIME_SHIFT })
    }
    /// The 15 bits that tell keys of one millisecond apart.
    pub const fn within(self) -> i64 {
        self.0 & 0x7fff
    }
}

/// A key that stands for a value and not for a time: older than any that was ever made, so that it never counts as the newest.
pub const fn place(hash: &[u8; 32]) -> Key {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    Key((i64::from_be_bytes([a, b, c, d, e, f, g, h]) & ((1 << 58) - 1)) | 1)
}

/// Makes keys in strictly rising order, whatever the clock does.
#[derive(Debug)]
pub struct KeyGen {
    node: i64,
    last: i64,
}

impl KeyGen {
    /// `node` tells generators on one store apart (0 to 31). `newest` is the newest key of the store, so that a clock that went
    /// back while the process was down cannot make a key again.
    pub fn new(node: u8, newest: Option<Key>) -> KeyGen {
        let last = newest.map_or(0, |k| match k.0 & DERIVED {
            0 => k.0,
            // A derived key stands above every other of its millisecond: nobody knows how many of those there are.
            _ => ((k.0 >> TIME_SHIFT) + 1) << TIME_SHIFT,
        });
        KeyGen { node: i64::from(node & 31), last }
    }
    pub fn next(&mut self, now: Time) -> Key {
        let last_ms = self.last >> TIME_SHIFT;
        let (ms, counter) = if now.0 > last_ms {
            (now.0, 0)
        } else {
            let counter = ((self.last >> 5) & 0x3ff) + 1;
            if counter < COUNTER_LIMIT { (last_ms, counter) } else { (last_ms + 1, 0) }
        };
        self.last = (ms << TIME_SHIFT) | (counter << 5) | self.node;
        Key(self.last)
    }
}

/// What a key names. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    Account = 1,
    Payment = 2,
    Charge = 3,
    Refund = 4,
    Event = 5,
    Customer = 6,
    Terminal = 7,
    Job = 8,
    Chain = 9,
    Method = 10,
    ApiKey = 11,
    Setup = 12,
    Endpoint = 13,
    Product = 14,
    Price = 15,
    /// Money in or out of the merchant's balance: its key is derived from that of the attempt that moved it.
    Movement = 16,
    /// A card that is handed on once.
    CardToken = 17,
    /// The card within such a token.
    Card = 18,
    /// An attempt to set a card up for later.
    Attempt = 19,
    /// An event on its way to a webhook endpoint.
    Delivery = 20,
    /// How far a webhook endpoint has come.
    Outbox = 21,
    /// A settlement report of the acquirer; belongs to no merchant.
    Report = 23,
    /// Where a report and our books differ; belongs to no merchant.
    Break = 24,
    /// What of a report is one merchant's.
    Settlement = 25,
    /// How far the acquirer's reports were read; belongs to no merchant.
    Cursor = 26,
    /// The lookup key of a price: its key is a hash of it.
    Lookup = 29,
    /// What a browser gave for one confirmation.
    Confirmation = 30,
    /// A security code that is handed on once, without a card.
    CodeToken = 27,
    /// A domain whose pages may show the card form.
    Domain = 39,
    /// Its name: its key is a hash of it.
    DomainName = 40,
    /// A payment that the acquirer has and a restored database lost: its key is derived from that of its attempt.
    Orphan = 41,
    /// A database that came back from a backup; belongs to no merchant.
    Restore = 42,
    /// Whose personal data was erased, as the file outside of the database names it.
    Tombstone = 43,
    /// What a merchant signs orders with.
    OrderKey = 44,
    /// Which payment an order code was given to: its key is a hash of the code.
    OrderUse = 45,
    /// What is asked of the requests of an API key: its key is a hash of that.
    KeyRules = 46,
    /// What a customer agreed to, or took back.
    Consent = 48,
    /// One entry of the audit log: its key is derived from its number.
    AuditEntry = 49,
    /// Where the audit log ends.
    AuditHead = 50,
    /// A message to a person: mail or SMS.
    Notice = 61,
    /// Somebody who runs payments.
    User = 51,
    /// Whose an address of mail is: its key is a hash of it.
    UserName = 52,
    /// Where somebody is signed in.
    Session = 53,
    /// A sign-in between its factors.
    SignIn = 54,
    /// A link with which somebody enrols.
    Invitation = 55,
    /// What one person wishes and another approves.
    Approval = 56,
    /// Wrong guesses: its key is a hash of whose.
    Tries = 57,
    /// A challenge that was answered: its key is a hash of it.
    Spent = 58,
    /// Who owns the installation: one row.
    Roster = 59,
}

impl Kind {
    pub const ALL: &[Kind] = &[
        Kind::Account,
        Kind::Payment,
        Kind::Charge,
        Kind::Refund,
        Kind::Event,
        Kind::Customer,
        Kind::Terminal,
        Kind::Job,
        Kind::Chain,
        Kind::Method,
        Kind::ApiKey,
        Kind::Setup,
        Kind::Endpoint,
        Kind::Product,
        Kind::Price,
        Kind::Movement,
        Kind::CardToken,
        Kind::Card,
        Kind::Attempt,
        Kind::Delivery,
        Kind::Outbox,
        Kind::Report,
        Kind::Break,
        Kind::Settlement,
        Kind::Cursor,
        Kind::Lookup,
        Kind::Confirmation,
        Kind::CodeToken,
        Kind::Domain,
        Kind::DomainName,
        Kind::Orphan,
        Kind::Restore,
        Kind::Tombstone,
        Kind::OrderKey,
        Kind::OrderUse,
        Kind::KeyRules,
        Kind::Consent,
        Kind::AuditEntry,
        Kind::AuditHead,
        Kind::Notice,
        Kind::User,
        Kind::UserName,
        Kind::Session,
        Kind::SignIn,
        Kind::Invitation,
        Kind::Approval,
        Kind::Tries,
        Kind::Spent,
        Kind::Roster,
    ];
    pub const fn prefix(self) -> &'static str {
        match self {
            Kind::Account => "acct",
            Kind::Payment => "pi",
            Kind::Charge => "ch",
            Kind::Refund => "re",
            Kind::Event => "evt",
            Kind::Customer => "cus",
            Kind::Terminal => "trm",
            Kind::Job => "job",
            Kind::Chain => "chain",
            Kind::Method => "pm",
            Kind::ApiKey => "key",
            Kind::Setup => "seti",
            Kind::Endpoint => "we",
            Kind::Product => "prod",
            Kind::Price => "price",
            Kind::Movement => "txn",
            Kind::CardToken => "tok",
            Kind::Card => "card",
            Kind::Attempt => "setatt",
            Kind::Delivery => "whd",
            Kind::Outbox => "who",
            Kind::Report => "areport",
            Kind::Break => "stlbreak",
            Kind::Settlement => "stlreport",
            Kind::Cursor => "cursor",
            Kind::Lookup => "lookup",
            Kind::Confirmation => "ctoken",
            Kind::CodeToken => "cvctok",
            Kind::Domain => "pmd",
            Kind::DomainName => "pmdname",
            Kind::Orphan => "orphan",
            Kind::Restore => "restore",
            Kind::Tombstone => "erased",
            Kind::OrderKey => "ordkey",
            Kind::OrderUse => "orduse",
            Kind::KeyRules => "keyrules",
            Kind::Consent => "consent",
            Kind::AuditEntry => "audit",
            Kind::AuditHead => "audithead",
            Kind::Notice => "notice",
            Kind::User => "user",
            Kind::UserName => "username",
            Kind::Session => "sess",
            Kind::SignIn => "signin",
            Kind::Invitation => "invite",
            Kind::Approval => "approval",
            Kind::Tries => "tries",
            Kind::Spent => "spent",
            Kind::Roster => "roster",
        }
    }
    pub fn from_u8(n: u8) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|k| *k as u8 == n)
    }
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^22 > 2^128.
const PUBLIC_LEN: usize = 22;

/// Turns keys into public ids and back: one AES-128 block over (kind, zeros, key). An id that was not made under this key
/// decodes to nothing but for a chance of 2^-64, so ids can be neither guessed nor counted. The key never rotates.
pub struct IdCodec {
    encrypt: EncryptingKey,
    decrypt: DecryptingKey,
}

impl IdCodec {
    pub fn new(key: &[u8; 16]) -> IdCodec {
        let unbound = |k: &[u8; 16]| UnboundCipherKey::new(&AES_128, k).ok();
        let encrypt = unbound(key).and_then(|k| EncryptingKey::ecb(k).ok());
        let decrypt = unbound(key).and_then(|k| DecryptingKey::ecb(k).ok());
        match (encrypt, decrypt) {
            (Some(encrypt), Some(decrypt)) => IdCodec { encrypt, decrypt },
            _ => unreachable!("AES-128 takes every key of 16 bytes"),
        }
    }

    /// For example `pi_4YFTUdoDbSQyDoLmJtlJr1`.
    pub fn encode(&self, kind: Kind, key: Key) -> String {
        let mut block = [0u8; 16];
        if let Some(first) = block.first_mut() {
            *first = kind as u8;
        }
        if let Some(tail) = block.last_chunk_mut::<8>() {
            *tail = key.0.to_be_bytes();
        }
        let sealed = self.encrypt.encrypt(&mut block).is_ok();
        assert!(sealed, "one block is always encrypted");
        let mut n = u128::from_be_bytes(block);
        let mut digits = [b'0'; PUBLIC_LEN];
        for d in digits.iter_mut().rev() {
            *d = BASE62.get((n % 62) as usize).copied().unwrap_or(b'0');
            n /= 62;
        }
        let mut out = String::with_capacity(PUBLIC_LEN + 6);
        out.push_str(kind.prefix());
        out.push('_');
        out.extend(digits.iter().map(|d| char::from(*d)));
        out
    }

    /// The key behind an id of this kind, or nothing.
    pub fn decode(&self, kind: Kind, id: &str) -> Option<Key> {
        let digits = id.strip_prefix(kind.prefix())?.strip_prefix('_')?;
        if digits.len() != PUBLIC_LEN {
            return None;
        }
        let mut n: u128 = 0;
        for d in digits.bytes() {
            let value = BASE62.iter().position(|b| *b == d)? as u128;
            n = n.checked_mul(62)?.checked_add(value)?;
        }
        let mut block = n.to_be_bytes();
        let context = aws_lc_rs::cipher::DecryptionContext::None;
        let plain = self.decrypt.decrypt(&mut block, context).ok()?;
        let (head, tail) = plain.split_first_chunk::<8>()?;
        if head != &[kind as u8, 0, 0, 0, 0, 0, 0, 0] {
            return None;
        }
        let key = i64::from_be_bytes(*tail.first_chunk::<8>()?);
        (key > 0).then_some(Key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_rise_when_the_clock_does_not() {
        let mut g = KeyGen::new(3, None);
        let mut last = Key(0);
        for step in 0..5_000i64 {
            let k = g.next(Time(1_000_000 - step));
            assert!(k > last, "{k:?} after {last:?}");
            assert!(k.within() < 32_640);
            last = k;
        }
    }

    /// After a restart under a clock that went back, whatever the newest key is.
    #[test]
    fn a_generator_goes_on_above_everything() {
        let mut before = KeyGen::new(3, None);
        let made: Vec<Key> = (0..5).map(|_| before.next(Time(1_000))).collect();
        for derived in [None, Some(Key(made[1].0 | 1 << 15))] {
            let newest = derived.or(made.last().copied());
            let mut after = KeyGen::new(3, newest);
            let first = after.next(Time(10));
            assert!(first > made[4] && Some(first) > newest && first.0 & DERIVED == 0, "{newest:?}: {first:?}");
            assert!(after.next(Time(10)) > first);
        }
    }

    #[test]
    fn public_ids_come_back_and_forgeries_do_not() {
        let c = IdCodec::new(&[7; 16]);
        let k = Key((1_795_299_300_123 << 20) | 32);
        let id = c.encode(Kind::Payment, k);
        assert_eq!(id.len(), "pi_".len() + 22);
        assert_eq!(c.decode(Kind::Payment, &id), Some(k));
        assert_eq!(c.decode(Kind::Charge, &id.replace("pi_", "ch_")), None);
        assert_eq!(IdCodec::new(&[8; 16]).decode(Kind::Payment, &id), None);
        for bad in ["", "pi_", "pi_zzzzzzzzzzzzzzzzzzzzzz", "pi_é", "pi_0000000000000000000000"] {
            assert_eq!(c.decode(Kind::Payment, bad), None, "{bad}");
        }
    }
}

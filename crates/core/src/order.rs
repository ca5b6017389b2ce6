//! Orders that merchants signed: the keys that they sign with, what a code says of a payment, and that a code serves one payment.
//! Knows no MAC: whoever makes a `SignedOrder` has checked it.

use crate::codec::Body;
use crate::commit::{Beside, EventKind, Version};
use crate::flow::{self, Failure, View};
use crate::id::{self, Key, Kind};
use crate::money::Money;
use crate::ports::Ports;
use crate::record::{self, Record};
use crate::refusal::Refusal;
use crate::store::{Query, Store};
use crate::time::Time;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Keys of one account that sign at a time: one for each who signs, and those that are being rolled.
pub const MOST_KEYS: usize = 10;
/// Rows read for a list of keys, ended ones too.
const MOST_ROWS: u32 = 1_000;
/// A code holds no longer than this.
pub const LONGEST_CODE_MS: i64 = 31 * 86_400_000;

/// A secret that a merchant shares with us. Its text stands in no log: only `reveal` gives it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedSecret(String);

impl SharedSecret {
    pub fn new(text: String) -> SharedSecret {
        SharedSecret(text)
    }
    /// The only way out: for checking, and for the answer that makes it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

/// What codes are made with. At rest it is sealed under the account's key, as every body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderKey {
    pub live: bool,
    pub secret: SharedSecret,
    /// From then on its codes are not taken.
    pub ends: Option<Time>,
}

impl OrderKey {
    pub fn is_over(&self, now: Time) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
    /// Ends at `at`, or earlier if it was to end earlier. A key never comes back.
    pub fn ended(&self, at: Time) -> OrderKey {
        OrderKey { ends: Some(self.ends.map_or(at, |ends| ends.min(at))), ..self.clone() }
    }
}

impl Body for OrderKey {
    const FORMAT: u8 = 1;
}

impl Record for OrderKey {
    const KIND: Kind = Kind::OrderKey;
}

pub type OrderKeyView = View<OrderKey>;

/// Keys of an account, newest first, ended ones too.
pub async fn keys(store: &dyn Store, account: Key) -> Result<Vec<OrderKeyView>, Failure> {
    let query = Query::List { under: account, kind: Kind::OrderKey, before: None, limit: MOST_ROWS };
    store.find(query).await?.rows().iter().map(flow::read).collect()
}

/// The payment that a code was given to. Its key is a hash of the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderUse {
    /// The whole hash.
    pub digest: [u8; 32],
    pub payment: Key,
}

impl Body for OrderUse {
    const FORMAT: u8 = 1;
}

impl Record for OrderUse {
    const KIND: Kind = Kind::OrderUse;
}

/// Whom an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Buyer {
    Nobody,
    /// Whom the merchant alone knows: SHA-256 of the name that was signed, which is not kept.
    Named([u8; 32]),
    /// A customer of ours.
    Customer(Key),
}

impl Buyer {
    /// By the name that was signed, which may be empty.
    pub fn named(name: &str) -> Buyer {
        if name.is_empty() {
            return Buyer::Nobody;
        }
        let digest = digest::digest(&digest::SHA256, name.as_bytes());
        Buyer::Named(digest.as_ref().try_into().unwrap_or([0; 32]))
    }
}

/// An order as it was signed, its code checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOrder {
    /// The merchant's own name for it.
    pub id: String,
    /// SHA-256 over the items.
    pub items: [u8; 32],
    pub money: Money,
    pub buyer: Buyer,
    /// The order key that made the code.
    pub key: Key,
    pub expires: Time,
    pub nonce: String,
    pub mac: [u8; 32],
}

impl SignedOrder {
    /// Whether a payment of this money and for this customer is what was signed.
    pub fn fits(&self, money: Money, customer: Option<Key>) -> Result<(), Refusal> {
        let mismatch = |param| Err(Refusal::OrderMismatch { param });
        let signed_for = match self.buyer {
            Buyer::Customer(key) => Some(key),
            Buyer::Nobody | Buyer::Named(_) => None,
        };
        if money.currency != self.money.currency {
            return mismatch("currency");
        }
        if money.minor != self.money.minor {
            return mismatch("amount");
        }
        if customer != signed_for {
            return mismatch("customer");
        }
        Ok(())
    }

    /// The same, and it holds at `now`.
    pub fn pays(&self, money: Money, customer: Option<Key>, now: Time) -> Result<(), Refusal> {
        self.fits(money, customer)?;
        if self.expires <= now { Err(Refusal::OrderExpired) } else { Ok(()) }
    }

    /// SHA-256 over what makes the code this one: whose it is, and its nonce.
    fn digest(&self, account: Key) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"florin order code");
        context.update(&account.0.to_be_bytes());
        context.update(&self.key.0.to_be_bytes());
        context.update(self.nonce.as_bytes());
        context.finish().as_ref().try_into().unwrap_or([0; 32])
    }

    /// The row that gives the code to a payment, to be put in the commit that stores the order; none when this payment has it already.
    /// Whoever is second, also at the same moment, finds the place taken.
    pub async fn take(&self, ports: &dyn Ports, account: Key, payment: Key) -> Result<Option<Beside>, Failure> {
        let digest = self.digest(account);
        let key = id::place(&digest);
        match flow::load::<OrderUse>(ports.store(), account, Kind::OrderUse, key).await {
            Ok(found) if found.body == (OrderUse { digest, payment }) => return Ok(None),
            Ok(_) => return Err(Refusal::OrderReused.into()),
            Err(Failure::Refused(Refusal::NoSuch(_))) => {}
            Err(failure) => return Err(failure),
        }
        let (version, at) = (Version::NONE.next(), ports.now());
        let view = View { key, account, version, at, body: OrderUse { digest, payment }, personal: None };
        let row = record::row(&view, vec![]);
        Ok(Some(Beside { from: Version::NONE, row, event: EventKind::OrderCodeUsed }))
    }
}

/// Whether what is to be charged is what was signed, at the moment before anything is sent.
pub fn confirms(
    order: Option<&SignedOrder>,
    required: bool,
    (money, customer): (Money, Option<Key>),
    now: Time,
) -> Result<(), Refusal> {
    match order {
        Some(order) => order.pays(money, customer, now),
        None if required => Err(Refusal::OrderRequired),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::sample::{eur, signed_order};

    #[test]
    fn what_was_signed_is_what_is_charged() {
        #[track_caller]
        fn check(buyer: Buyer, money: Money, customer: Option<i64>, now: i64, expected: Result<(), Refusal>) {
            let order = SignedOrder { buyer, ..signed_order() };
            assert_eq!(confirms(Some(&order), false, (money, customer.map(Key)), Time(now)), expected);
        }
        let end = signed_order().expires.0;
        let mismatch = |param| Err(Refusal::OrderMismatch { param });
        check(Buyer::Nobody, eur(1000), None, end - 1, Ok(()));
        check(Buyer::Nobody, eur(1000), None, end, Err(Refusal::OrderExpired));
        check(Buyer::Nobody, eur(999), None, 0, mismatch("amount"));
        check(Buyer::Nobody, eur(1001), None, end, mismatch("amount"));
        let usd = Currency::parse("usd").unwrap();
        check(Buyer::Nobody, Money::new(1000, usd), None, 0, mismatch("currency"));
        check(Buyer::Nobody, eur(1000), Some(6), 0, mismatch("customer"));
        check(Buyer::Named([1; 32]), eur(1000), None, 0, Ok(()));
        check(Buyer::Named([1; 32]), eur(1000), Some(6), 0, mismatch("customer"));
        check(Buyer::Customer(Key(6)), eur(1000), Some(6), 0, Ok(()));
        check(Buyer::Customer(Key(6)), eur(1000), Some(7), 0, mismatch("customer"));
        check(Buyer::Customer(Key(6)), eur(1000), None, 0, mismatch("customer"));
        assert_eq!(confirms(None, false, (eur(1000), None), Time(0)), Ok(()));
        assert_eq!(confirms(None, true, (eur(1000), None), Time(0)), Err(Refusal::OrderRequired));
    }

    #[test]
    fn a_code_is_known_by_whose_it_is_and_its_nonce() {
        let order = signed_order();
        let account = Key(77);
        let check = |other: SignedOrder, account: Key, same: bool| {
            assert_eq!(other.digest(account) == order.digest(Key(77)), same, "{other:?}");
        };
        check(SignedOrder { id: "other".into(), money: eur(1), mac: [9; 32], ..order.clone() }, account, true);
        check(SignedOrder { nonce: "other-nonce".into(), ..order.clone() }, account, false);
        check(SignedOrder { key: Key(1), ..order.clone() }, account, false);
        check(order.clone(), Key(78), false);
    }

    #[test]
    fn a_key_only_ever_ends_earlier() {
        let key = |ends: Option<i64>| OrderKey {
            live: false,
            secret: SharedSecret::new("ordsec_a".into()),
            ends: ends.map(Time),
        };
        assert_eq!(key(None).ended(Time(5)), key(Some(5)));
        assert_eq!(key(Some(3)).ended(Time(5)), key(Some(3)));
        assert!(!key(None).is_over(Time(i64::MAX)) && !key(Some(5)).is_over(Time(4)) && key(Some(5)).is_over(Time(5)));
        assert!(!format!("{:?}", key(None)).contains("ordsec_a"));
    }
}

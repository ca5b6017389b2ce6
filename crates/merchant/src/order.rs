//! A code over an order and what is to be paid for it: whoever has the key can say, later and elsewhere, that nothing was changed.
//! Knows no payment.
//!
//! What is signed is a row of netstrings (`<length in bytes>:<bytes>,`), so that no two orders have the same bytes:
//!
//! ```text
//! "florin-order-v1"  key id  expiry  nonce  order id  items' digest (hex)  amount  currency  customer
//! ```
//!
//! Numbers are decimal without leading zeros; expiry is seconds since 1970; the currency is ISO 4217 in small letters; the customer is
//! empty when there is none. The code is HMAC-SHA-256 (RFC 2104) over these bytes, under the secret's own text, and is written
//! `v1.<key id>.<expiry>.<nonce>.<mac, base64url without padding>`. The items' digest is SHA-256 over "florin-items-v1" and then, for each
//! item in the order's order, sku, name, quantity and unit amount, again as netstrings.

use crate::Secret;
use aws_lc_rs::{digest, hmac};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use std::fmt;

/// A whole code, as it is written.
pub const LONGEST_CODE_BYTES: usize = 255;
/// An order's id, a customer, a sku or the id of a key.
pub const LONGEST_TEXT_BYTES: usize = 200;
const NONCE_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
const KEY_ID_BYTES: std::ops::RangeInclusive<usize> = 1..=64;
const MAC_BYTES: usize = 32;

/// Why a text is no code, no digest, or no part of one. The text says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Not five parts between dots that begin with `v1`.
    Form,
    KeyId,
    Expiry,
    Nonce,
    Mac,
    /// Empty, too long, or with a control character.
    Text,
    Currency,
    Digest,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bad::Form => "a code is v1.<key>.<expiry>.<nonce>.<mac>",
            Bad::KeyId => "the key's id is 1 to 64 letters, digits and _",
            Bad::Expiry => "the expiry is seconds since 1970, as a plain decimal number",
            Bad::Nonce => "the nonce is 8 to 64 characters of base64url",
            Bad::Mac => "the code's last part is 43 characters of base64url",
            Bad::Text => "an order's id has 1 to 200 bytes, a customer 0 to 200, and no control characters",
            Bad::Currency => "the currency is three small letters of ISO 4217",
            Bad::Digest => "the items' digest is 64 hexadecimal digits in small letters",
        })
    }
}

impl std::error::Error for Bad {}

/// SHA-256 over items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// 64 hexadecimal digits in small letters.
    pub fn parse(text: &str) -> Result<Digest, Bad> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| Bad::Digest)?;
        Ok(Digest(bytes.try_into().map_err(|_| Bad::Digest)?))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// One line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    pub sku: &'a str,
    pub name: &'a str,
    pub quantity: u64,
    /// Minor units of the order's currency, for one of them. Below zero for a discount.
    pub unit_amount: i64,
}

/// The digest of an order's lines, in their order.
pub fn digest_of(items: &[Item<'_>]) -> Digest {
    let mut bytes = vec![];
    net(&mut bytes, "florin-items-v1");
    for item in items {
        net(&mut bytes, item.sku);
        net(&mut bytes, item.name);
        net(&mut bytes, &item.quantity.to_string());
        net(&mut bytes, &item.unit_amount.to_string());
    }
    let digest = digest::digest(&digest::SHA256, &bytes);
    Digest(digest.as_ref().try_into().unwrap_or([0; 32]))
}

fn net(into: &mut Vec<u8>, text: &str) {
    into.extend_from_slice(text.len().to_string().as_bytes());
    into.push(b':');
    into.extend_from_slice(text.as_bytes());
    into.push(b',');
}

/// What is signed, but for the code's own parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The merchant's own name for it.
    pub id: &'a str,
    pub items: Digest,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217, small letters.
    pub currency: &'a str,
    /// The gateway's id of the customer (`cus_…`), or the merchant's own name for them, or nothing.
    pub customer: &'a str,
}

impl Order<'_> {
    fn check(&self) -> Result<(), Bad> {
        let plain = |text: &str| text.len() <= LONGEST_TEXT_BYTES && !text.chars().any(char::is_control);
        if self.id.is_empty() || !plain(self.id) || !plain(self.customer) {
            return Err(Bad::Text);
        }
        let letters = self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_lowercase());
        if letters { Ok(()) } else { Err(Bad::Currency) }
    }
}

/// A code that was read: well formed, and not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderCode {
    pub key: String,
    /// Seconds since 1970: from then on nothing is paid by it.
    pub expires: i64,
    pub nonce: String,
    pub mac: [u8; MAC_BYTES],
}

impl OrderCode {
    pub fn parse(text: &str) -> Result<OrderCode, Bad> {
        if text.len() > LONGEST_CODE_BYTES {
            return Err(Bad::Form);
        }
        let mut parts = text.split('.');
        let (version, key, expires) = (parts.next(), parts.next(), parts.next());
        let (Some("v1"), Some(key), Some(expires), Some(nonce), Some(mac), None) =
            (version, key, expires, parts.next(), parts.next(), parts.next())
        else {
            return Err(Bad::Form);
        };
        let seconds: i64 = expires.parse().map_err(|_| Bad::Expiry)?;
        if seconds <= 0 || seconds.to_string() != expires {
            return Err(Bad::Expiry);
        }
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).map_err(|_| Bad::Mac)?;
        let mac = mac.try_into().map_err(|_| Bad::Mac)?;
        check_parts(key, nonce)?;
        Ok(OrderCode { key: key.to_owned(), expires: seconds, nonce: nonce.to_owned(), mac })
    }

    /// The bytes that are signed.
    fn signed(&self, order: &Order<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        net(&mut out, "florin-order-v1");
        net(&mut out, &self.key);
        net(&mut out, &self.expires.to_string());
        net(&mut out, &self.nonce);
        net(&mut out, order.id);
        net(&mut out, &order.items.to_string());
        net(&mut out, &order.amount.to_string());
        net(&mut out, order.currency);
        net(&mut out, order.customer);
        out
    }
}

fn check_parts(key: &str, nonce: &str) -> Result<(), Bad> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !KEY_ID_BYTES.contains(&key.len()) || !key.bytes().all(word) {
        return Err(Bad::KeyId);
    }
    if !NONCE_BYTES.contains(&nonce.len()) || !nonce.bytes().all(|b| word(b) || b == b'-') {
        return Err(Bad::Nonce);
    }
    Ok(())
}

impl fmt::Display for OrderCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = BASE64URL_NOPAD.encode(&self.mac);
        write!(f, "v1.{}.{}.{}.{mac}", self.key, self.expires, self.nonce)
    }
}

/// What merchant and gateway share.
#[derive(Clone, Debug)]
pub struct OrderKey {
    id: String,
    secret: Secret,
}

impl OrderKey {
    pub fn new(id: &str, secret: &str) -> Result<OrderKey, Bad> {
        check_parts(id, "12345678")?;
        Ok(OrderKey { id: id.to_owned(), secret: Secret::new(secret) })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// A code that holds until `expires` (seconds since 1970). A nonce serves one payment: see [`crate::nonce`].
    pub fn sign(&self, order: &Order<'_>, expires: i64, nonce: &str) -> Result<OrderCode, Bad> {
        order.check()?;
        check_parts(&self.id, nonce)?;
        if expires <= 0 {
            return Err(Bad::Expiry);
        }
        let mut code = OrderCode { key: self.id.clone(), expires, nonce: nonce.to_owned(), mac: [0; MAC_BYTES] };
        let tag = hmac::sign(&self.key(), &code.signed(order));
        for (into, byte) in code.mac.iter_mut().zip(tag.as_ref()) {
            *into = *byte;
        }
        Ok(code)
    }

    /// Whether this key made the code over exactly this order. Takes as long whatever differs.
    pub fn is_mine(&self, code: &OrderCode, order: &Order<'_>) -> bool {
        code.key == self.id
            && order.check().is_ok()
            && hmac::verify(&self.key(), &code.signed(order), &code.mac).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.reveal().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "ordsec_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
    const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn key() -> OrderKey {
        OrderKey::new("ordkey_1", SECRET).unwrap()
    }

    const ITEMS: &[Item<'_>] = &[
        Item { sku: "mug-blue", name: "Blaue Tasse", quantity: 2, unit_amount: 1250 },
        Item { sku: "gift", name: "Gutschein", quantity: 1, unit_amount: -500 },
    ];

    fn order() -> Order<'static> {
        Order { id: "1001", items: digest_of(ITEMS), amount: 2000, currency: "eur", customer: "cus_1" }
    }

    /// Python, Node and PHP make the same: see docs/orders.md.
    #[test]
    fn the_bytes_are_the_documented_ones() {
        let code = key().sign(&order(), 1_800_000_000, NONCE).unwrap();
        let items = "15:florin-items-v1,8:mug-blue,11:Blaue Tasse,1:2,4:1250,4:gift,9:Gutschein,1:1,4:-500,";
        let digest = HEXLOWER.encode(digest::digest(&digest::SHA256, items.as_bytes()).as_ref());
        let expected =
            format!("15:florin-order-v1,8:ordkey_1,10:1800000000,22:{NONCE},4:1001,64:{digest},4:2000,3:eur,5:cus_1,");
        assert_eq!(String::from_utf8(code.signed(&order())).unwrap(), expected);
        assert_eq!(digest, "00c9b71804bd94050f8a8076b7e11cb3417956d44e81f82aa74c9dc87dadd73f");
        assert_eq!(
            code.to_string(),
            "v1.ordkey_1.1800000000.AAAAAAAAAAAAAAAAAAAAAA.Z_gd46Dv62kQtxGR5KWUEtYP2b6WVbAELpFyVlmQl2Y"
        );
    }

    #[test]
    fn anything_that_is_changed_is_noticed() {
        let code = key().sign(&order(), 1_800_000_000, NONCE).unwrap();
        #[track_caller]
        fn check(key: &OrderKey, code: &OrderCode, order: &Order<'_>, expected: bool) {
            assert_eq!(key.is_mine(code, order), expected);
        }
        check(&key(), &code, &order(), true);
        check(&key(), &code, &Order { id: "1002", ..order() }, false);
        check(&key(), &code, &Order { amount: 2001, ..order() }, false);
        check(&key(), &code, &Order { amount: -2000, ..order() }, false);
        check(&key(), &code, &Order { currency: "usd", ..order() }, false);
        check(&key(), &code, &Order { currency: "EUR", ..order() }, false);
        check(&key(), &code, &Order { customer: "cus_2", ..order() }, false);
        check(&key(), &code, &Order { customer: "", ..order() }, false);
        let items = |change: fn(&mut Item<'static>)| {
            let mut items = ITEMS.to_vec();
            change(&mut items[0]);
            Order { items: digest_of(&items), ..order() }
        };
        check(&key(), &code, &items(|_| {}), true);
        check(&key(), &code, &items(|i| i.sku = "mug-red"), false);
        check(&key(), &code, &items(|i| i.name = "Blaue  Tasse"), false);
        check(&key(), &code, &items(|i| i.quantity = 3), false);
        check(&key(), &code, &items(|i| i.unit_amount = 1251), false);
        check(&key(), &code, &Order { items: digest_of(&ITEMS[..1]), ..order() }, false);
        check(&key(), &OrderCode { expires: 1_800_000_001, ..code.clone() }, &order(), false);
        check(&key(), &OrderCode { nonce: "BAAAAAAAAAAAAAAAAAAAAA".into(), ..code.clone() }, &order(), false);
        check(&OrderKey::new("ordkey_2", SECRET).unwrap(), &code, &order(), false);
        check(&OrderKey::new("ordkey_1", "ordsec_other").unwrap(), &code, &order(), false);
        for bit in 0..MAC_BYTES * 8 {
            let mut other = code.clone();
            other.mac[bit / 8] ^= 1 << (bit % 8);
            check(&key(), &other, &order(), false);
        }
    }

    /// What one field ends with can be no beginning of the next.
    #[test]
    fn no_two_orders_have_the_same_bytes() {
        let items = digest_of(&[]);
        let of = |id: &'static str, customer: &'static str| Order { id, items, amount: 1, currency: "eur", customer };
        let code = key().sign(&of("a", "b"), 1, NONCE).unwrap();
        assert_ne!(code.signed(&of("a,1:b", "")), code.signed(&of("a", "b")));
        let item = |sku, name| Item { sku, name, quantity: 1, unit_amount: 1 };
        assert_ne!(digest_of(&[item("ab", "c")]), digest_of(&[item("a", "bc")]));
        assert_ne!(digest_of(&[item("", "")]), digest_of(&[]));
    }

    #[test]
    fn what_is_read_as_a_code() {
        let code = key().sign(&order(), 1_800_000_000, NONCE).unwrap();
        let text = code.to_string();
        #[track_caller]
        fn check(text: &str, expected: Result<&OrderCode, Bad>) {
            assert_eq!(OrderCode::parse(text).as_ref(), expected.as_ref().map(|c| *c), "{text}");
        }
        check(&text, Ok(&code));
        let mac = text.rsplit('.').next().unwrap();
        check("", Err(Bad::Form));
        check(&text.replace("v1", "v2"), Err(Bad::Form));
        check(&format!("{text}.x"), Err(Bad::Form));
        check(&format!("v1..1.{NONCE}.{mac}"), Err(Bad::KeyId));
        check(&format!("v1.k-1.1.{NONCE}.{mac}"), Err(Bad::KeyId));
        for expiry in ["", "0", "-1", "01", "+1", "1e3", "9223372036854775808"] {
            check(&format!("v1.k.{expiry}.{NONCE}.{mac}"), Err(Bad::Expiry));
        }
        check(&format!("v1.k.1.short.{mac}"), Err(Bad::Nonce));
        check(&format!("v1.k.1.AAAA AAAA.{mac}"), Err(Bad::Nonce));
        check(&format!("v1.k.1.{NONCE}.{}", &mac[1..]), Err(Bad::Mac));
        check(&format!("v1.k.1.{NONCE}.{mac}="), Err(Bad::Mac));
        // The last letter of base64 has bits to spare: one spelling alone is taken.
        check(&format!("v1.k.1.{NONCE}.{}B", "A".repeat(42)), Err(Bad::Mac));
        check(&"x".repeat(LONGEST_CODE_BYTES + 1), Err(Bad::Form));
    }

    #[test]
    fn what_is_not_signed() {
        #[track_caller]
        fn check(order: Order<'_>, expires: i64, nonce: &str, expected: Bad) {
            assert_eq!(key().sign(&order, expires, nonce), Err(expected));
        }
        let long = "x".repeat(LONGEST_TEXT_BYTES + 1);
        check(Order { id: "", ..order() }, 1, NONCE, Bad::Text);
        check(Order { id: &long, ..order() }, 1, NONCE, Bad::Text);
        check(Order { customer: &long, ..order() }, 1, NONCE, Bad::Text);
        check(Order { id: "a\nb", ..order() }, 1, NONCE, Bad::Text);
        check(Order { currency: "EUR", ..order() }, 1, NONCE, Bad::Currency);
        check(order(), 0, NONCE, Bad::Expiry);
        check(order(), 1, "", Bad::Nonce);
        assert_eq!(OrderKey::new("", SECRET).map(|_| ()), Err(Bad::KeyId));
        assert_eq!(Digest::parse(&"A".repeat(64)), Err(Bad::Digest));
        assert_eq!(Digest::parse("ab"), Err(Bad::Digest));
        assert_eq!(Digest::parse(&digest_of(ITEMS).to_string()), Ok(digest_of(ITEMS)));
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", key()).contains("ordsec"));
    }
}

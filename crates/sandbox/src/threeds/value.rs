//! Authentication values (CAVV, AAV): made by the access control server, checked by the issuer when the authorization carries them.
//! Both know the key; nobody between them does.

use crate::entry::CardHash;
use aws_lc_rs::hmac;
use florin_connect::card::Cavv;
use florin_connect::core::threeds::{Eci, TransId, VERSION};
use florin_connect::iso8583::{Message, tlv};
use std::collections::BTreeSet;

/// Values remembered as used; then remembering starts again.
const USED_LIMIT: usize = 100_000;

/// What a value was made for.
#[derive(Clone, Copy)]
pub struct Purchase {
    pub card: CardHash,
    /// Minor units of ISO 4217.
    pub amount: i64,
    /// ISO 4217 numeric.
    pub currency: u16,
    pub directory: TransId,
    pub eci: Eci,
}

/// The value for a purchase: the first 20 bytes of HMAC-SHA256, in base64.
pub fn authentication_value(key: &[u8; 32], purchase: &Purchase) -> Option<Cavv> {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    mac.update(b"authentication value");
    mac.update(&purchase.card.0);
    mac.update(&purchase.amount.to_be_bytes());
    mac.update(&purchase.currency.to_be_bytes());
    mac.update(&purchase.directory.0);
    mac.update(&purchase.eci.0);
    let tag = mac.sign();
    Cavv::parse(&base64(tag.as_ref().get(..20)?))
}

/// What a request shows of an authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Nothing,
    /// Checked: the cardholder was authenticated, or the attempt was proven.
    Proven(TransId),
    /// A value that this issuer did not make for this purchase, or an indicator without a value.
    Wrong,
}

/// Reads DE 126.09, 60.08 and 48.66, and checks the value. A hold that is added to was authenticated when it was made.
pub(crate) fn shown(key: &[u8; 32], message: &Message, card: CardHash, amount: i64, currency: u16) -> Shown {
    let part = |de: u8, tag: u8| message.get(de).and_then(|text| tlv::get(text, tag));
    let claims = matches!(part(60, 8), Some("01" | "02" | "05" | "06"));
    let Some(given) = part(126, 9) else { return if claims { Shown::Wrong } else { Shown::Nothing } };
    let directory = part(48, 66).and_then(|text| TransId::parse(text.strip_prefix(VERSION)?));
    let (Some(directory), Some(eci), true) = (directory, part(60, 8).and_then(Eci::parse), claims) else {
        return Shown::Wrong;
    };
    let expected = authentication_value(key, &Purchase { card, amount, currency, directory, eci });
    let same = expected.is_some_and(|value| {
        aws_lc_rs::constant_time::verify_slices_are_equal(value.reveal().as_bytes(), given.as_bytes()).is_ok()
    });
    if same { Shown::Proven(directory) } else { Shown::Wrong }
}

/// Values that were shown: each is good for one request. Forgotten when the sandbox stops.
#[derive(Default)]
pub(crate) struct UsedValues(BTreeSet<[u8; 16]>);

impl UsedValues {
    /// True the first time.
    pub fn take(&mut self, directory: TransId) -> bool {
        if self.0.len() >= USED_LIMIT {
            self.0.clear();
        }
        self.0.insert(directory.0)
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    let mut text = florin_connect::threeds::base64url(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

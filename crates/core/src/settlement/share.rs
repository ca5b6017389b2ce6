//! What of a report is one merchant's: the object behind `balance.available`. Knows no other merchant.

use crate::codec::Body;
use crate::flow::View;
use crate::id::Kind;
use crate::money::Currency;
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Sums of one currency over a merchant's lines, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub currency: Currency,
    pub lines: u32,
    /// Captured less given back.
    pub amount: i64,
    /// What the merchant paid us for these.
    pub fees: i64,
}

/// A merchant's balance of one currency, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    pub currency: Currency,
    pub pending: i64,
    pub available: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The acquirer's report.
    pub report: u64,
    pub closed: Time,
    pub live: bool,
    /// Sorted by currency.
    pub shares: Vec<Share>,
    /// The whole balance after this, as far as it was known when it was written.
    pub balance: Vec<Owed>,
}

impl Body for Settlement {
    const FORMAT: u8 = 1;
}

impl Record for Settlement {
    const KIND: Kind = Kind::Settlement;
}

pub type SettlementView = View<Settlement>;

impl Settlement {
    pub fn add(&mut self, currency: Currency, amount: i64, fee: i64) {
        let place = match self.shares.binary_search_by_key(&currency, |s| s.currency) {
            Ok(place) => place,
            Err(place) => {
                self.shares.insert(place, Share { currency, lines: 0, amount: 0, fees: 0 });
                place
            }
        };
        if let Some(share) = self.shares.get_mut(place) {
            share.lines = share.lines.saturating_add(1);
            share.amount = share.amount.saturating_add(amount);
            share.fees = share.fees.saturating_add(fee);
        }
    }
}

//! Products and their prices. Decides nothing about money.

use crate::codec::Body;
use crate::id::{Key, Kind};
use crate::money::Money;
use crate::record::Record;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub live: bool,
    pub active: bool,
    pub deleted: bool,
    pub name: String,
    pub description: Option<String>,
    pub images: Vec<String>,
    pub url: Option<String>,
    pub shippable: Option<bool>,
    pub unit_label: Option<String>,
    pub statement_descriptor: Option<String>,
    pub default_price: Option<Key>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl Body for Product {
    const FORMAT: u8 = 1;
}

impl Record for Product {
    const KIND: Kind = Kind::Product;
}

/// How often a price is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    pub const ALL: [Interval; 4] = [Interval::Day, Interval::Week, Interval::Month, Interval::Year];
    pub const fn as_str(self) -> &'static str {
        match self {
            Interval::Day => "day",
            Interval::Week => "week",
            Interval::Month => "month",
            Interval::Year => "year",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub live: bool,
    pub active: bool,
    pub product: Key,
    /// Never changes. May be zero.
    pub money: Money,
    /// Every so many intervals; once when absent.
    pub recurring: Option<(Interval, u16)>,
    pub nickname: Option<String>,
    pub lookup_key: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl Body for Price {
    const FORMAT: u8 = 1;
}

impl Record for Price {
    const KIND: Kind = Kind::Price;
}

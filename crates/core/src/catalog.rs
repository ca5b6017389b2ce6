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
    /// Names of what it can do.
    pub features: Vec<String>,
    pub package: Option<Package>,
    pub tax_code: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl Body for Product {
    const FORMAT: u8 = 1;
}

impl Record for Product {
    const KIND: Kind = Kind::Product;
}

/// Inches and ounces, as decimals in text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    pub height: String,
    pub length: String,
    pub weight: String,
    pub width: String,
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

/// An amount that the buyer names, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Custom {
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    pub preset: Option<i64>,
}

/// Every so many intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurring {
    pub interval: Interval,
    pub count: u16,
    pub trial_days: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaxBehavior {
    Unspecified,
    Exclusive,
    Inclusive,
}

impl TaxBehavior {
    pub const ALL: &[TaxBehavior] = &[TaxBehavior::Unspecified, TaxBehavior::Exclusive, TaxBehavior::Inclusive];
    pub const fn as_str(self) -> &'static str {
        match self {
            TaxBehavior::Unspecified => "unspecified",
            TaxBehavior::Exclusive => "exclusive",
            TaxBehavior::Inclusive => "inclusive",
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
    /// The amount in minor units with decimals, when it is finer than `money`, which is then its whole part.
    pub decimal: Option<String>,
    /// What the buyer may choose instead, minor units.
    pub custom: Option<Custom>,
    /// Once when absent.
    pub recurring: Option<Recurring>,
    pub tax_behavior: TaxBehavior,
    /// So many pieces count as one; whether a started one counts.
    pub divide: Option<(u32, bool)>,
    pub nickname: Option<String>,
    pub lookup_key: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
}

/// Which price has a lookup key now: no two have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    pub price: Option<Key>,
}

impl Body for Lookup {
    const FORMAT: u8 = 1;
}

impl Record for Lookup {
    const KIND: Kind = Kind::Lookup;
}

impl Body for Price {
    const FORMAT: u8 = 1;
}

impl Record for Price {
    const KIND: Kind = Kind::Price;
}

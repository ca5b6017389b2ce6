//! What the shop sells at first. Names and descriptions are words (`product-SLUG`), pictures are ours (`assets/art`).

use crate::money::Currency;

/// As it lies in the database, where prices and stock may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub slug: String,
    /// Booked for a time instead of sent.
    pub service: bool,
    pub eur: i64,
    pub usd: i64,
    pub krw: i64,
    pub stock: i64,
    pub active: bool,
}

impl Product {
    /// In minor units.
    pub const fn price(&self, currency: Currency) -> i64 {
        match currency {
            Currency::Eur => self.eur,
            Currency::Usd => self.usd,
            Currency::Krw => self.krw,
        }
    }
    pub fn name_key(&self) -> String {
        name_key(&self.slug)
    }
    pub fn about_key(&self) -> String {
        format!("product-{}-about", self.slug)
    }
}

pub fn name_key(slug: &str) -> String {
    format!("product-{slug}")
}

type Row = (&'static str, bool, [i64; 3], i64);

/// Slug, whether it is booked, prices in euro, dollar and won, stock.
pub const FIRST: &[Row] = &[
    ("teapot", false, [4800, 5200, 69_000], 24),
    ("cups", false, [2600, 2900, 38_000], 40),
    ("tea", false, [1450, 1600, 21_000], 80),
    ("vase", false, [3200, 3500, 46_000], 18),
    ("candle", false, [1800, 1999, 26_000], 60),
    ("notebook", false, [1200, 1350, 17_500], 90),
    ("blanket", false, [8900, 9600, 129_000], 12),
    ("print", false, [2200, 2400, 32_000], 30),
    ("tasting", true, [3500, 3900, 49_000], 0),
    ("workshop", true, [7500, 8200, 108_000], 0),
];

/// Whole seconds of a day; slots are made for this many days ahead.
pub const DAY: i64 = 86_400;
pub const SLOT_DAYS: i64 = 10;
/// Hours of a day (UTC) at which a service begins, and its places.
pub const SLOT_HOURS: &[i64] = &[10, 13, 16];
pub const SLOT_PLACES: i64 = 4;
/// A place in a cart is kept this long.
pub const HOLD_SECONDS: i64 = 600;

/// Times of services that should be open from `now` on.
pub fn slots(now: i64) -> impl Iterator<Item = i64> {
    let today = now - now.rem_euclid(DAY);
    (1..=SLOT_DAYS).flat_map(move |day| SLOT_HOURS.iter().map(move |hour| today + day * DAY + hour * 3_600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_lie_ahead() {
        for now in [0, 1, DAY - 1, DAY, 1_800_000_000] {
            let all: Vec<i64> = slots(now).collect();
            assert_eq!(all.len(), 30);
            assert!(all.iter().all(|at| *at > now && *at < now + 12 * DAY), "{now}");
        }
    }

    #[test]
    fn every_price_is_one() {
        assert!(FIRST.iter().all(|(_, _, prices, stock)| prices.iter().all(|p| *p > 0) && *stock >= 0));
    }
}

//! Authentication values between the issuer's yes and the message that carries it: in memory, sealed, for a day, taken once, and only
//! for the card, amount and currency that were authenticated.

use crate::cells::Cells;
use crate::core::id::Key;
use crate::core::money::Money;
use crate::core::time::Time;
use crate::core::wire::CardToken;
use crate::keys::NoChance;
use florin_connect::card::Cavv;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub const VALUE_LIMIT_MS: i64 = 86_400_000;

pub struct Values(Mutex<Cells>);

impl Values {
    pub fn new() -> Result<Values, NoChance> {
        Ok(Values(Mutex::new(Cells::lasting(VALUE_LIMIT_MS)?)))
    }

    pub fn put(
        &self,
        steady: Time,
        authentication: Key,
        card: CardToken,
        money: Money,
        value: &Cavv,
    ) -> Result<(), NoChance> {
        self.lock().keep(steady, authentication, &bound(card, money), value.reveal().as_bytes())
    }

    /// The value, once. Nothing for another card or amount.
    pub fn take(&self, steady: Time, authentication: Key, card: CardToken, money: Money) -> Option<Cavv> {
        let plain = self.lock().take_kept(steady, authentication, &bound(card, money))?;
        Cavv::parse(std::str::from_utf8(&plain).ok()?)
    }

    pub fn expire(&self, steady: Time) {
        self.lock().expire(steady);
    }

    fn lock(&self) -> MutexGuard<'_, Cells> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the value was given for.
fn bound(card: CardToken, money: Money) -> Vec<u8> {
    let mut out = card.key.0.to_be_bytes().to_vec();
    out.extend_from_slice(&money.minor.to_be_bytes());
    out.extend_from_slice(money.currency.code().as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::money::Currency;

    const AUTHENTICATION: Key = Key(9);
    const CARD: CardToken = CardToken { key: Key(5), vault: 1 };
    const PRICE: Money = Money::new(1999, Currency::EUR);

    #[test]
    fn a_value_is_there_once_and_for_what_it_was_given_for() {
        let check = |what: &str, takes: &[(i64, Key, CardToken, Money)], expected: &[bool]| {
            let values = Values::new().unwrap();
            let value = Cavv::parse("AAECAwQFBgcICQoLDA0ODxAREhM=").unwrap();
            values.put(Time(0), AUTHENTICATION, CARD, PRICE, &value).unwrap();
            let got: Vec<bool> = takes
                .iter()
                .map(|(at, key, card, money)| {
                    values.take(Time(*at), *key, *card, *money).is_some_and(|v| v.reveal() == value.reveal())
                })
                .collect();
            assert_eq!(got, expected, "{what}");
        };
        let right = |at| (at, AUTHENTICATION, CARD, PRICE);
        check("once", &[right(1), right(2)], &[true, false]);
        check("a day", &[right(VALUE_LIMIT_MS)], &[true]);
        check("no longer", &[right(VALUE_LIMIT_MS + 1)], &[false]);
        check("another authentication", &[(1, Key(8), CARD, PRICE), right(2)], &[false, true]);
        let (other, more) = (CardToken { key: Key(6), vault: 1 }, Money::new(2000, Currency::EUR));
        check("another card: then it is gone", &[(1, AUTHENTICATION, other, PRICE), right(2)], &[false, false]);
        check("another amount", &[(1, AUTHENTICATION, CARD, more)], &[false]);
        check("another currency", &[(1, AUTHENTICATION, CARD, Money::new(1999, Currency::USD))], &[false]);
        // A vault that names itself anew, the same card.
        check("another start", &[(1, AUTHENTICATION, CardToken { vault: 2, ..CARD }, PRICE)], &[true]);
    }
}

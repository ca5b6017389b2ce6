//! A confirmation token: what a customer gave at the till, for one confirmation. Knows no card number.

use crate::codec::Body;
use crate::id::{Key, Kind};
use crate::method::Redisplay;
use crate::payment::{Contact, FutureUse, Method};
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// How long a token can be used, in milliseconds: twelve hours.
pub const LIFE_MS: i64 = 12 * 3_600_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    pub live: bool,
    pub method: Method,
    /// The method is made when the token is used; else it was there before.
    pub makes_method: bool,
    pub future_use: Option<FutureUse>,
    pub expires: Time,
    pub used: Option<Used>,
}

/// What a token confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Used {
    Payment(Key),
    Setup(Key),
}

/// Why a token confirms nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    Used,
    Expired,
}

impl Confirmation {
    pub fn usable(&self, now: Time) -> Result<(), Spent> {
        match self.used {
            Some(_) => Err(Spent::Used),
            None if self.expires <= now => Err(Spent::Expired),
            None => Ok(()),
        }
    }
}

impl Body for Confirmation {
    const FORMAT: u8 = 1;
}

impl Record for Confirmation {
    const KIND: Kind = Kind::Confirmation;
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationPersonal {
    pub billing: Contact,
    pub shipping: Option<Contact>,
    pub return_url: Option<String>,
    /// Of the method that is made, sorted by name.
    pub metadata: Vec<(String, String)>,
    pub redisplay: Redisplay,
}

impl Body for ConfirmationPersonal {
    const FORMAT: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{NOW, card};

    #[test]
    fn once_and_not_for_ever() {
        #[track_caller]
        fn check(used: Option<Used>, expires: Time, expected: Result<(), Spent>) {
            let method = Method { key: Key(9), card: card() };
            let token = Confirmation { live: false, method, makes_method: true, future_use: None, expires, used };
            assert_eq!(token.usable(NOW), expected);
        }
        check(None, NOW.plus_ms(1), Ok(()));
        check(None, NOW, Err(Spent::Expired));
        check(Some(Used::Payment(Key(1))), NOW.plus_ms(1), Err(Spent::Used));
        check(Some(Used::Setup(Key(1))), NOW, Err(Spent::Used));
    }
}

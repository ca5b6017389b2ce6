//! Another expiry date for a card that is here: the same number sealed once more, under a token of its own. Knows no message.

use crate::cards::{Cards, NewCard, Tokenised};
use crate::core::id::Key;
use crate::core::time::Time;
use crate::core::wire::CardToken;
use crate::db::DbTrouble;
use crate::refusal::CardRefusal;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Asks for a card of this account under another expiry date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    pub account: Key,
    pub live: bool,
    pub token: CardToken,
    /// 1 to 12.
    pub exp_month: u8,
    /// Four digits, or two for this century.
    pub exp_year: u16,
}

impl Cards {
    /// Attempts under the old token stay what they were, so it stays too. Checked like a new card; `NoSuchName`: no such token.
    pub fn renew(
        &self,
        steady: Time,
        now: Time,
        asked: Renewal,
        done: impl FnOnce(Result<Tokenised, CardRefusal>) + Send + 'static,
    ) {
        let Renewal { account, live, token, exp_month, exp_year } = asked;
        let card = match self.find(now, account, live, token) {
            Ok(Some(card)) => card,
            Ok(None) => return done(Err(CardRefusal::NoSuchName)),
            Err(DbTrouble::Busy | DbTrouble::Stopped | DbTrouble::Unreadable) => {
                return done(Err(CardRefusal::Trouble));
            }
        };
        let number = Zeroizing::new(card.pan.reveal().to_owned());
        self.tokenise(steady, now, NewCard { account, live, number, exp_month, exp_year, cvc: None }, done);
    }
}

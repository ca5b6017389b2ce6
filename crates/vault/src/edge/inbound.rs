//! From what stood in a request to a card in the vault: numbers become numbers, the card is checked and kept, and what may be known of it
//! goes on. Knows no body and no connection.

use super::places::{EXP_MONTH, EXP_YEAR, NUMBER, nested};
use super::refusal::Refusal;
use super::swap::Found;
use crate::cards::{Cards, NewCard, Tokenised};
use crate::core::edge::{SwappedCard, SwappedCode};
use crate::core::id::Key;
use crate::core::payment::{CardFacts, Funding};
use crate::link::Moment;
use crate::refusal::CardRefusal;
use florin_connect::card::{BadCard, Expiry};
use tokio::sync::oneshot;

/// Months and years that no card has, for values that are numbers but far from it.
const NO_MONTH: u8 = 0;
const NO_YEAR: u16 = 1999;

/// Keeps a card of this account. Returns once it is durable.
pub async fn keep_card(
    cards: &Cards,
    now: Moment,
    account: Key,
    live: bool,
    found: Found,
) -> Result<SwappedCard, Refusal> {
    crate::wipe::touched();
    let (param, place) = (found.place.param(), found.place);
    let name = |field| nested(place.path.iter().copied().chain([field]));
    let number = found.number.filter(|n| !n.is_empty()).ok_or_else(|| Refusal::Empty(name(NUMBER)))?;
    let month = whole(found.exp_month.as_ref().map(|t| t.as_str()), || name(EXP_MONTH))?;
    let year = whole(found.exp_year.as_ref().map(|t| t.as_str()), || name(EXP_YEAR))?;
    let exp_month = u8::try_from(month).unwrap_or(NO_MONTH);
    let exp_year = u16::try_from(year).unwrap_or(NO_YEAR);
    // Anything but digits in one piece or in groups: an answer of its own, so that no name is looked for.
    if number.bytes().any(|b| b.is_ascii_alphabetic()) {
        return Err(Refusal::Card(CardRefusal::Bad(BadCard::InvalidNumber)));
    }
    let new = NewCard { account, live, number, exp_month, exp_year, cvc: found.cvc };
    let (tell, told) = oneshot::channel();
    cards.tokenise(now.steady, now.wall, new, move |outcome| {
        // Nobody waits any more when the client is gone.
        let _ = tell.send(outcome);
    });
    match told.await {
        Ok(Ok(kept)) => {
            let (digest, cvc_given) = (kept.card_digest, kept.cvc_given);
            Ok(SwappedCard { param, facts: facts(&kept), digest, cvc_given })
        }
        Ok(Err(CardRefusal::Bad(BadCard::Expired))) => {
            let this_year = Expiry::new(exp_year, exp_month).is_ok_and(|e| i32::from(e.year) == now.wall.civil().year);
            Err(Refusal::Expired { this_year })
        }
        Ok(Err(refusal)) => Err(Refusal::Card(refusal)),
        Err(_) => Err(Refusal::Card(CardRefusal::Trouble)),
    }
}

/// Keeps a security code that came without a card.
pub fn keep_code(cards: &Cards, now: Moment, live: bool, found: Found) -> Result<SwappedCode, Refusal> {
    crate::wipe::touched();
    let code = found.cvc.unwrap_or_default();
    let token = cards.keep_code(now.steady, now.wall, live, &code).map_err(Refusal::Card)?;
    Ok(SwappedCode { param: found.place.param(), token })
}

/// A whole number; a far too large one is a number too.
fn whole(text: Option<&str>, name: impl Fn() -> String) -> Result<i64, Refusal> {
    let text = text.ok_or_else(|| Refusal::Missing(name()))?.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) if text.is_empty() => Err(Refusal::Empty(name())),
        Err(_) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => Ok(i64::MAX),
        Err(_) => Err(Refusal::NotInteger(name())),
    }
}

/// What the gateway may know of a card.
fn facts(kept: &Tokenised) -> CardFacts {
    CardFacts {
        token: kept.token,
        network: kept.network,
        first6: kept.first6.as_str().as_bytes().try_into().unwrap_or_default(),
        last4: kept.last4.as_str().as_bytes().try_into().unwrap_or_default(),
        exp_year: kept.exp_year,
        exp_month: kept.exp_month,
        fingerprint: kept.fingerprint.as_bytes().try_into().unwrap_or_default(),
        funding: match kept.funding.as_deref() {
            Some("credit") => Funding::Credit,
            Some("debit") => Funding::Debit,
            Some("prepaid") => Funding::Prepaid,
            Some(_) | None => Funding::Unknown,
        },
        country: kept.country.as_ref().and_then(|code| code.as_bytes().try_into().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_years_are_whole_numbers() {
        let check = |text: Option<&str>, expected: Result<i64, Refusal>| {
            assert_eq!(whole(text, || "card[exp_month]".into()), expected, "{text:?}");
        };
        let name = || "card[exp_month]".to_string();
        check(Some("12"), Ok(12));
        check(Some(" 07"), Ok(7));
        check(Some("-1"), Ok(-1));
        check(Some("99999999999999999999"), Ok(i64::MAX));
        check(Some("1.5"), Err(Refusal::NotInteger(name())));
        check(Some("may"), Err(Refusal::NotInteger(name())));
        check(Some("-"), Err(Refusal::NotInteger(name())));
        check(Some(""), Err(Refusal::Empty(name())));
        check(None, Err(Refusal::Missing(name())));
    }
}

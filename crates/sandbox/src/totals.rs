//! 0500: the sender's counts of the open business day against ours, in one currency. Knows counts and sums only.

use crate::answer;
use crate::books::{ByCurrency, Totals};
use florin_connect::iso8583::{Dialect, Message, tlv};

/// Subfields of DE 48 in 0500 and 0510: claims (sales and completions), refunds and reversals, each as a count and a sum in minor
/// units of ISO 4217.
const CLAIMS: u8 = 1;
const CLAIMED: u8 = 2;
const REFUNDS: u8 = 3;
const REFUNDED: u8 = 4;
const REVERSALS: u8 = 5;
const REVERSED: u8 = 6;

/// 0510 with our totals in DE 48. DE 39: 00 when the request's DE 48 agrees or is absent, 95 when it does not, 30 when DE 7, 11 or 49
/// is missing.
pub fn answer(dialect: &Dialect, day: &ByCurrency, request: &Message) -> Option<Message> {
    let currency = request.get(49).and_then(|c| c.parse::<u16>().ok());
    let (Some(currency), true) = (currency, request.has(7) && request.has(11)) else {
        return answer::refusal(dialect, request, "30");
    };
    let totals = day.get(&currency).copied().unwrap_or_default();
    let ours = lines(&totals);
    let agrees = match request.get(48).map(tlv::read) {
        None => true,
        Some(Err(_)) => return answer::refusal(dialect, request, "30"),
        Some(Ok(theirs)) => theirs.iter().all(|(tag, text)| {
            let line = ours.iter().find(|(our_tag, _)| our_tag == tag);
            line.is_some_and(|(_, ours)| text.parse() == Ok(*ours))
        }),
    };
    let mut reply = answer::refusal(dialect, request, if agrees { "00" } else { "95" })?;
    let texts = ours.map(|(tag, n)| (tag, n.to_string()));
    let subfields: Vec<(u8, &str)> = texts.iter().map(|(tag, text)| (*tag, text.as_str())).collect();
    if let Ok(de48) = tlv::write(&subfields) {
        reply.set(48, &de48);
    }
    Some(reply)
}

fn lines(totals: &Totals) -> [(u8, i128); 6] {
    [
        (CLAIMS, i128::from(totals.claims)),
        (CLAIMED, i128::from(totals.claimed)),
        (REFUNDS, i128::from(totals.refunds)),
        (REFUNDED, i128::from(totals.refunded)),
        (REVERSALS, i128::from(totals.reversals)),
        (REVERSED, i128::from(totals.reversed)),
    ]
}

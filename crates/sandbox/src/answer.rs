//! An entry of the books as the answer that goes back: built up by issuer, network and acquirer in turn.
//! The entry holds all that an answer says, so a repeated request gets the same bytes again.

use crate::entry::{Entry, Kind};
use crate::network::code_text;
use florin_connect::core::wire::Network;
use florin_connect::iso8583::{Dialect, Message, Mti, tlv};

/// DE 44 is written up to position 10, the last one that carries a result.
const DE44_LENGTH: usize = 10;
/// DE 44 position 1: who answered.
const FROM_ISSUER: u8 = b'5';
const FROM_STAND_IN: u8 = b'4';
/// DE 54 amount type: original amount of a partial approval.
const ORIGINAL_AMOUNT: &str = "57";
/// DE 48 subfield of the merchant advice code.
const ADVICE_TAG: u8 = 84;

/// The echo of the request and what the issuer decided: DE 4, 38, 39, 44, 54. `None` for messages that nobody answers.
pub fn from_issuer(dialect: &Dialect, request: &Message, entry: &Entry) -> Option<Message> {
    let mut answer = dialect.reply(request)?;
    answer.set(39, entry.response.as_str());
    if let Some(approval) = entry.approval {
        answer.set(38, approval.as_str());
    }
    if entry.response == code_text("10") {
        answer.set(4, &format!("{:012}", entry.amount));
        answer.set(54, &format!("00{ORIGINAL_AMOUNT}{:03}D{:012}", entry.currency, entry.asked));
    }
    if entry.avs != b' ' || entry.cvc != b' ' {
        let mut results = [b' '; DE44_LENGTH];
        results[0] = if entry.stand_in { FROM_STAND_IN } else { FROM_ISSUER };
        results[1] = entry.avs;
        results[DE44_LENGTH - 1] = entry.cvc;
        answer.set(44, &String::from_utf8_lossy(&results));
    }
    Some(answer)
}

/// What the network adds: its transaction id (DE 62), the merchant advice code (DE 48.84), Mastercard's settlement date (DE 15).
pub fn from_network(answer: &mut Message, entry: &Entry) {
    if entry.network_id != 0 {
        answer.set(62, &format!("{:015}", entry.network_id));
    }
    if let Some(advice) = entry.advice
        && let Ok(subfields) = tlv::write(&[(ADVICE_TAG, advice.as_str())])
    {
        answer.set(48, &subfields);
    }
    let authorizes = matches!(entry.kind, Kind::Hold | Kind::Sale | Kind::Refund | Kind::Verification);
    if entry.network == Some(Network::Mastercard) && authorizes {
        let date = entry.at.civil();
        answer.set(15, &format!("{:02}{:02}", date.month, date.day));
    }
}

/// An answer that says no and books nothing: the message could not be read far enough, or is not ours to work on.
pub fn refusal(dialect: &Dialect, request: &Message, response: &str) -> Option<Message> {
    let mut answer = dialect.reply(request)?;
    answer.set(39, response);
    Some(answer)
}

/// 0120: what a network tells an issuer of a decision that it made in the issuer's place. The card number is not kept, so DE 2 is
/// not in it.
pub fn advice(told: &Entry) -> Message {
    let mut advice = Message::new(Mti::AUTHORIZATION_ADVICE);
    advice
        .set(3, &format!("{:06}", told.processing))
        .set(4, &format!("{:012}", told.amount))
        .set(7, &format!("{:010}", told.trace.de7))
        .set(11, &format!("{:06}", told.trace.stan))
        .set(32, &told.trace.acquirer.to_string())
        .set(37, told.rrn.as_str())
        .set(39, told.response.as_str())
        .set(41, told.trace.terminal.as_str())
        .set(49, &format!("{:03}", told.currency))
        .set(62, &format!("{:015}", told.network_id));
    if let Some(approval) = told.approval {
        advice.set(38, approval.as_str());
    }
    advice
}

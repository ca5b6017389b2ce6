//! ISO 8583 answers to verdicts. Total: what makes no sense is unknown, never a yes and never a no.

use super::responses::{self, Outcome};
use super::{mti, processing_code};
use crate::amount;
use crate::card::{CardFacts, Pan};
use crate::connector::{Ability, Answer, Echo, money_on_wire};
use crate::iso8583::{Message, tlv};
use florin_core::money::Currency;
use florin_core::wire::{
    Approval, ApprovalCode, Check, Checks, Decline, NetworkId, Order, ResponseCode, Unsure, Verdict,
};

pub(super) fn answer(order: &Order, card: &CardFacts, message: &Message) -> Answer {
    match echo(order, message) {
        Some(echo) if mti(order).is_answered_by(message.mti) => Answer { echo, verdict: verdict(order, card, message) },
        _ => Answer::unknown(Unsure::Unreadable),
    }
}

/// What the answer repeats. Nothing if it repeats something that cannot be read, or another processing code.
fn echo(order: &Order, message: &Message) -> Option<Echo> {
    if message.get(3).is_some_and(|code| code != processing_code(order)) {
        return None;
    }
    let currency = match message.get(49) {
        Some(numeric) => Some(Currency::from_numeric(numeric.parse().ok()?)?),
        None => None,
    };
    let money = match message.get(4) {
        Some(digits) => {
            let currency = currency.unwrap_or(money_on_wire(order).currency);
            Some(amount::from_wire(digits, currency).ok()?)
        }
        None => None,
    };
    let card = match message.get(2) {
        Some(number) => Some(CardFacts::of(&Pan::parse(number).ok()?)),
        None => None,
    };
    let text = |de| message.get(de).map(str::to_string);
    Some(Echo { currency, money, rrn: text(37), terminal: text(41), merchant: text(42), card })
}

fn verdict(order: &Order, card: &CardFacts, message: &Message) -> Verdict {
    let Some(response) = message.get(39).and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok()).map(ResponseCode)
    else {
        return Verdict::Unknown(Unsure::Unreadable);
    };
    let checks = checks(order, card, message);
    let network_id = network_id(message);
    let zero_amount = money_on_wire(order).minor == 0;
    match responses::outcome(response, card.network, zero_amount, checks.cvc) {
        Outcome::Approved => Verdict::Approved(Approval { response, code: approval_code(message), network_id, checks }),
        Outcome::Partial => Verdict::Unknown(Unsure::Partial),
        // Recovery of an advice or a reversal is to repeat it, so its code is handed on: nothing was approved behind our back.
        Outcome::Unsure { .. } if takes_money(order) => Verdict::Unknown(Unsure::Unreadable),
        Outcome::Declined { code, retry } | Outcome::Unsure { code, retry } => {
            let advice = advice(message);
            let retry = advice.and_then(responses::advice_retry).unwrap_or(retry);
            Verdict::Declined(Decline { code, response, advice, retry, checks, network_id })
        }
    }
}

/// True for orders that an issuer may have approved although the answer says neither yes nor no.
fn takes_money(order: &Order) -> bool {
    match Ability::of(&order.act) {
        Ability::Sale | Ability::Authorization | Ability::Increment | Ability::Refund => true,
        Ability::Completion | Ability::Reversal | Ability::Verification => false,
    }
}

/// DE 38: kept as it came, filling spaces included.
fn approval_code(message: &Message) -> Option<ApprovalCode> {
    message.get(38)?.as_bytes().try_into().ok().map(ApprovalCode)
}

/// DE 62: fifteen digits.
fn network_id(message: &Message) -> Option<NetworkId> {
    let text = message.get(62)?;
    let digits = text.len() == 15 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok().map(NetworkId) } else { None }
}

/// DE 48.84.
fn advice(message: &Message) -> Option<[u8; 2]> {
    tlv::get(message.get(48)?, 84)?.as_bytes().try_into().ok()
}

/// DE 44: position 2 is the result of the address check, position 10 that of the security code.
fn checks(order: &Order, card: &CardFacts, message: &Message) -> Checks {
    let position = |n: usize| message.get(44).and_then(|text| text.as_bytes().get(n - 1).copied());
    let (address_line1, postal_code) =
        position(2).map_or_else(Default::default, |code| responses::avs(code, card.network));
    let cvc = match Ability::of(&order.act) {
        Ability::Sale | Ability::Authorization | Ability::Verification => {
            position(10).map_or(Check::Unavailable, responses::cvc)
        }
        Ability::Increment | Ability::Completion | Ability::Refund | Ability::Reversal => Check::Unavailable,
    };
    Checks { address_line1, postal_code, cvc }
}

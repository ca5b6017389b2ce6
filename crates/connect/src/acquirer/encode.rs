//! Orders to ISO 8583 messages. A repeat is the same message with another type: nothing here depends on the time of the try.

use super::{mti, processing_code};
use crate::amount;
use crate::card::Card;
use crate::connector::{Ability, Terms, money_on_wire, rrn_on_wire, terminal_on_wire};
use crate::iso8583::{Message, Mti, tlv};
use florin_core::threeds::{self, Proof};
use florin_core::time::Time;
use florin_core::wire::{Act, Initiator, NetworkId, NotSent, Order, Original, OriginalClass, ReversalReason, WireId};

/// DE 25: e-commerce.
const ECOMMERCE: &str = "59";
/// DE 25: account verification over nothing.
const VERIFICATION: &str = "51";
/// DE 63.03: incremental authorization.
const INCREMENTAL: &str = "3900";
/// DE 22: the cardholder gives the card online, no PIN.
const CUSTOMER_PRESENT: &str = "812";
/// DE 22: a stored card, no PIN.
const STORED_CARD: &str = "102";

pub(super) fn request(order: &Order, card: &Card, terms: &Terms) -> Result<Message, NotSent> {
    if order.repeat && !super::CAPABILITIES.repeats.contains(&Ability::of(&order.act)) {
        return Err(NotSent::NotEncodable);
    }
    let mut message = Message::new(mti(order));
    common(&mut message, order, terms)?;
    message.set(2, card.pan.reveal());
    match order.act {
        Act::Sale { initiator, network_id } | Act::Authorization { initiator, network_id } => {
            local_time(&mut message, order.wire.at);
            merchant(&mut message, card, terms);
            message.set(22, entry_mode(initiator));
            credential(&mut message, initiator, network_id, order.proof, card)?;
            address(&mut message, order)?;
        }
        Act::Verification { initiator } => {
            local_time(&mut message, order.wire.at);
            merchant(&mut message, card, terms);
            message.set(22, entry_mode(initiator)).set(25, VERIFICATION);
            credential(&mut message, initiator, None, order.proof, card)?;
            address(&mut message, order)?;
        }
        Act::Increment { original } => {
            local_time(&mut message, order.wire.at);
            merchant(&mut message, card, terms);
            message.set(22, STORED_CARD);
            // The hold that it adds to is found by the network's id alone.
            let id = original.network_id.ok_or(NotSent::NotEncodable)?;
            message.set(60, &subfields(&[(1, "M"), (2, "SU")])?);
            message.set(62, &network_id_text(id)?);
            message.set(63, &subfields(&[(3, INCREMENTAL)])?);
        }
        Act::Refund { original } => {
            local_time(&mut message, order.wire.at);
            merchant(&mut message, card, terms);
            message.set(22, STORED_CARD);
            if let Some(id) = original.network_id {
                message.set(62, &network_id_text(id)?);
            }
        }
        Act::Completion { original } => {
            local_time(&mut message, original.wire.at);
            // The host holds against this code: a completion without it cannot be matched.
            let approval = original.approval.ok_or(NotSent::NotEncodable)?;
            message.set(38, &approval.text());
            message.set(90, &original_elements(&original, terms)?);
        }
        Act::Reversal { original, reason } => {
            reversal(&mut message, &original, reason, terms)?;
        }
    }
    Ok(message)
}

/// The reversal of what nobody here knows the card of: DE 90 and the RRN name it.
pub(super) fn lost(
    order: &Order,
    original: &Original,
    reason: ReversalReason,
    terms: &Terms,
) -> Result<Message, NotSent> {
    let mut message = Message::new(mti(order));
    common(&mut message, order, terms)?;
    reversal(&mut message, original, reason, terms)?;
    Ok(message)
}

fn reversal(message: &mut Message, original: &Original, reason: ReversalReason, terms: &Terms) -> Result<(), NotSent> {
    local_time(message, original.wire.at);
    message.set(63, &subfields(&[(3, reason_code(reason))])?);
    message.set(90, &original_elements(original, terms)?);
    Ok(())
}

/// What every message of this link carries besides the card number.
fn common(message: &mut Message, order: &Order, terms: &Terms) -> Result<(), NotSent> {
    let money = money_on_wire(order);
    let wire_amount = amount::to_wire(money).map_err(|_| NotSent::NotEncodable)?;
    message
        .set(3, processing_code(order))
        .set(4, &wire_amount)
        .set(7, &transmission_time(order.wire.at))
        .set(11, &stan(&order.wire)?)
        .set(32, &terms.acquirer)
        .set(37, &rrn_on_wire(order))
        .set(41, &terminal_on_wire(order).text())
        .set(42, &filled(&terms.merchant, 15))
        .set(49, &format!("{:03}", money.currency.numeric()));
    Ok(())
}

/// What a new transaction says of the card and of the merchant.
fn merchant(message: &mut Message, card: &Card, terms: &Terms) {
    message
        .set(14, &card.expiry.yymm())
        .set(18, &terms.mcc)
        .set(19, &terms.country)
        .set(25, ECOMMERCE)
        .set(43, &filled(&terms.name_place, 40));
}

/// Who started it, under which agreement, and what proves the card and the cardholder (DE 48, 60, 62, 126).
fn credential(
    message: &mut Message,
    initiator: Initiator,
    network_id: Option<NetworkId>,
    proof: Option<Proof>,
    card: &Card,
) -> Result<(), NotSent> {
    let started: &[(u8, &str)] = match initiator {
        Initiator::Customer => &[(1, "C")],
        Initiator::CustomerStoring => &[(1, "C"), (2, "FU")],
        Initiator::CustomerStored => &[(1, "C"), (2, "SU")],
        Initiator::Merchant => &[(1, "M"), (2, "SU")],
    };
    // An indicator without its value proves nothing, and would claim what is not so.
    let proven = proof.zip(card.cavv.as_ref());
    let eci = proven.as_ref().map(|(proof, _)| proof.eci.text());
    let subfields_60: Vec<(u8, &str)> =
        started.iter().copied().chain(eci.iter().map(|eci| (8, eci.as_str()))).collect();
    message.set(60, &subfields(&subfields_60)?);
    if let Some((proof, _)) = &proven {
        message.set(48, &subfields(&[(66, &format!("{}{}", threeds::VERSION, proof.directory.text()))])?);
    }
    match (initiator, network_id) {
        // The networks do not take a merchant's charge that names no agreement.
        (Initiator::Merchant, None) => return Err(NotSent::NoAgreement),
        (_, Some(id)) => {
            message.set(62, &network_id_text(id)?);
        }
        (Initiator::Customer | Initiator::CustomerStoring | Initiator::CustomerStored, None) => {}
    }
    let cvc = match initiator {
        Initiator::Customer | Initiator::CustomerStoring | Initiator::CustomerStored => card.cvc.as_ref(),
        Initiator::Merchant => None,
    };
    let cavv = proven.map(|(_, cavv)| (9, cavv.reveal()));
    let subfields_126: Vec<(u8, &str)> = cavv.into_iter().chain(cvc.map(|cvc| (10, cvc.reveal()))).collect();
    if !subfields_126.is_empty() {
        message.set(126, &subfields(&subfields_126)?);
    }
    Ok(())
}

/// What the issuer is to compare of the cardholder's address (DE 123: postal code, first address line).
fn address(message: &mut Message, order: &Order) -> Result<(), NotSent> {
    let Some(address) = &order.address else { return Ok(()) };
    let given = [(1, address.postal_code()), (2, address.line1())];
    let list: Vec<(u8, &str)> = given.into_iter().filter_map(|(tag, text)| text.map(|t| (tag, t))).collect();
    message.set(123, &subfields(&list)?);
    Ok(())
}

const fn entry_mode(initiator: Initiator) -> &'static str {
    match initiator {
        Initiator::Customer | Initiator::CustomerStoring => CUSTOMER_PRESENT,
        Initiator::CustomerStored | Initiator::Merchant => STORED_CARD,
    }
}

const fn reason_code(reason: ReversalReason) -> &'static str {
    match reason {
        ReversalReason::CancelledByCustomer => "2501",
        ReversalReason::NotCompleted => "2502",
        ReversalReason::NoConfirmation => "2503",
        ReversalReason::Partial => "2504",
    }
}

/// DE 7: MMDDhhmmss in UTC.
fn transmission_time(at: Time) -> String {
    let c = at.civil();
    format!("{:02}{:02}{:02}{:02}{:02}", c.month, c.day, c.hour, c.minute, c.second)
}

/// DE 12 and DE 13: when the transaction took place at the merchant. Florin's merchants keep UTC.
fn local_time(message: &mut Message, at: Time) {
    let c = at.civil();
    message.set(12, &format!("{:02}{:02}{:02}", c.hour, c.minute, c.second));
    message.set(13, &format!("{:02}{:02}", c.month, c.day));
}

fn stan(wire: &WireId) -> Result<String, NotSent> {
    match wire.stan {
        1..=999_999 => Ok(format!("{:06}", wire.stan)),
        _ => Err(NotSent::NotEncodable),
    }
}

fn network_id_text(id: NetworkId) -> Result<String, NotSent> {
    let text = id.text();
    if text.len() == 15 { Ok(text) } else { Err(NotSent::NotEncodable) }
}

/// DE 90: type, STAN and DE 7 of the original, acquirer and forwarder filled up with zeros on the left.
fn original_elements(original: &Original, terms: &Terms) -> Result<String, NotSent> {
    let class = match original.class {
        OriginalClass::Authorization => Mti::AUTHORIZATION,
        OriginalClass::Sale | OriginalClass::Refund => Mti::FINANCIAL,
    };
    let stan = stan(&original.wire)?;
    Ok(format!("{class}{stan}{}{:0>11}{:0>11}", transmission_time(original.wire.at), terms.acquirer, ""))
}

fn subfields(list: &[(u8, &str)]) -> Result<zeroize::Zeroizing<String>, NotSent> {
    tlv::write(list).map_err(|_| NotSent::NotEncodable)
}

fn filled(text: &str, length: usize) -> String {
    format!("{text:<length$}")
}

//! What people may see of a message: everything but card data. Whatever is printed, journalled or logged of a message comes from here.

use super::dialect::{Dialect, Kind};
use super::message::Message;
use super::mti::{Class, Function, Mti};
use super::tlv;
use crate::card::{MAX_PAN_DIGITS, MIN_PAN_DIGITS, Pan};
use serde::{Deserialize, Serialize};

/// One data element in a form that may be shown and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decoded {
    pub de: u8,
    /// As the dialect calls it.
    pub name: String,
    pub value: String,
}

const HIDDEN: &str = "hidden";

/// Elements of which nothing is shown: expiry, track 2, PIN block, chip data, account numbers.
const SECRET_FIELDS: [u8; 6] = [14, 35, 52, 55, 102, 103];
/// Subfields of which nothing is shown: in DE 48 the networks' places for authentication values and security codes, in DE 126 the
/// authentication value and the security code.
const SECRET_SUBFIELDS: [(u8, &[u8]); 2] = [(48, &[43, 92]), (126, &[9, 10])];
/// Carries the network transaction id, whose digits may look like a card number by chance.
const NETWORK_ID: u8 = 62;

/// The elements of a message of Florin's own link, masked.
pub fn masked(message: &Message) -> Vec<Decoded> {
    masked_in(Dialect::link(), message)
}

pub(super) fn masked_in(dialect: &Dialect, message: &Message) -> Vec<Decoded> {
    let show = |(de, value): (u8, &str)| match dialect.field(de) {
        Some(spec) => Decoded { de, name: spec.name.clone(), value: shown(de, spec.kind, value) },
        None => Decoded { de, name: String::new(), value: HIDDEN.to_string() },
    };
    message.iter().map(show).collect()
}

fn shown(de: u8, kind: Kind, value: &str) -> String {
    if de == 2 {
        return masked_pan(value);
    }
    if SECRET_FIELDS.contains(&de) {
        return HIDDEN.to_string();
    }
    if let Some((_, secret)) = SECRET_SUBFIELDS.iter().find(|(n, _)| *n == de) {
        return without_subfields(value, secret);
    }
    match kind {
        Kind::Alphanumeric | Kind::Printable if de != NETWORK_ID => without_card_numbers(value),
        Kind::Alphanumeric | Kind::Printable | Kind::Digits | Kind::Binary => value.to_string(),
    }
}

/// First six and last four digits: `424242…4242`. Anything that is no card number is hidden whole.
pub fn masked_pan(digits: &str) -> String {
    let plausible = (MIN_PAN_DIGITS..=MAX_PAN_DIGITS).contains(&digits.len());
    match (digits.get(..6), digits.len().checked_sub(4).and_then(|at| digits.get(at..))) {
        (Some(first), Some(last)) if plausible && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{first}…{last}")
        }
        _ => HIDDEN.to_string(),
    }
}

/// A list of subfields with the secret ones hidden. A text that is no such list is hidden whole: nobody can say where its secrets are.
fn without_subfields(value: &str, secret: &[u8]) -> String {
    let Ok(subfields) = tlv::read(value) else { return HIDDEN.to_string() };
    let show = |(tag, value): &(u8, &str)| {
        let value = if secret.contains(tag) { HIDDEN.to_string() } else { without_card_numbers(value) };
        format!("{tag:02}={value}")
    };
    subfields.iter().map(show).collect::<Vec<String>>().join(" ")
}

/// Free text in which whole runs of digits that are card numbers of a known network are masked.
fn without_card_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, run_and_after) = rest.split_at(start);
        let end = run_and_after.find(|c: char| !c.is_ascii_digit()).unwrap_or(run_and_after.len());
        let (run, after) = run_and_after.split_at(end);
        out.push_str(before);
        match Pan::parse(run) {
            Ok(pan) if pan.network().is_some() => out.push_str(&masked_pan(run)),
            _ => out.push_str(run),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What a message is, in plain words: `0200 financial request: sale`.
pub fn title(message: &Message) -> String {
    let mti = message.mti;
    let class = match mti.class() {
        Class::Authorization => "authorization",
        Class::Financial => "financial",
        Class::FileUpdate => "file update",
        Class::Reversal => "reversal",
        Class::Reconciliation => "reconciliation",
        Class::Administrative => "administrative",
        Class::Fee => "fee",
        Class::Network => "network management",
    };
    let function = match mti.function() {
        Function::Request => "request",
        Function::Response => "answer",
        Function::Advice => "advice",
        Function::AdviceResponse => "advice answer",
        Function::Notification => "notification",
    };
    let repeat = if mti.is_repeat() { ", repeat" } else { "" };
    match purpose(mti, message) {
        Some(purpose) => format!("{mti} {class} {function}{repeat}: {purpose}"),
        None => format!("{mti} {class} {function}{repeat}"),
    }
}

fn purpose(mti: Mti, message: &Message) -> Option<&'static str> {
    let code = message.get(3).and_then(|code| code.get(..2));
    match mti.class() {
        Class::Network => match message.get(70)? {
            "001" | "061" | "071" => Some("sign-on"),
            "002" | "062" | "072" => Some("sign-off"),
            "101" | "161" => Some("key change"),
            "201" => Some("cut-over"),
            "301" => Some("echo"),
            _ => None,
        },
        Class::Financial if matches!(mti.function(), Function::Advice | Function::AdviceResponse) => Some("completion"),
        Class::Authorization | Class::Financial | Class::Reversal => match (code?, mti.class()) {
            ("00", Class::Authorization) => Some("purchase, hold"),
            ("00", Class::Financial) => Some("sale"),
            ("00", _) => Some("of a purchase"),
            ("20", Class::Reversal) => Some("of a refund"),
            ("20", _) => Some("refund"),
            ("01", _) => Some("cash"),
            ("09", _) => Some("purchase with cash"),
            ("10", _) => Some("account funding"),
            ("26", _) => Some("original credit"),
            ("30" | "31", _) => Some("balance inquiry"),
            _ => None,
        },
        Class::FileUpdate | Class::Reconciliation | Class::Administrative | Class::Fee => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(mti: &str, fields: &[(u8, &str)]) -> Message {
        let mut m = Message::new(Mti::parse(mti).unwrap());
        for (de, value) in fields {
            m.set(*de, value);
        }
        m
    }

    #[test]
    fn card_data_never_shows() {
        let check = |de: u8, value: &str, expected: &str| {
            let shown: Vec<String> = masked(&message("0100", &[(de, value)])).into_iter().map(|d| d.value).collect();
            assert_eq!(shown, [expected], "DE {de}");
        };
        check(2, "4242424242424242", "424242…4242");
        check(2, "378282246310005", "378282…0005");
        check(2, "42424242", "hidden");
        check(2, "424242424242424é", "hidden");
        check(14, "3112", "hidden");
        check(35, "4242424242424242=31121010000012300000", "hidden");
        check(52, "0123456789ABCDEF", "hidden");
        check(55, "5A084242424242424242", "hidden");
        check(102, "4242424242424242", "hidden");
        check(126, "1000312313004ABCD", "10=hidden 13=ABCD");
        check(126, "0902812345678901234567890123456789", "hidden");
        check(126, "123", "hidden");
        check(48, "92003123840020343004ABCD", "92=hidden 84=03 43=hidden");
        check(48, "Y123", "hidden");
        check(43, "SHOP 4242424242424242 X", "SHOP 424242…4242 X");
        check(43, "SHOP 4242424242424241 X", "SHOP 4242424242424241 X");
        check(60, "01001C02002FU", "01001C02002FU");
        check(62, "371449635398431", "371449635398431");
        check(4, "000000001000", "000000001000");
        check(127, "4242424242424242", "hidden");
    }

    #[test]
    fn messages_have_titles() {
        let check = |mti: &str, fields: &[(u8, &str)], expected: &str| {
            assert_eq!(title(&message(mti, fields)), expected);
        };
        check("0100", &[(3, "000000")], "0100 authorization request: purchase, hold");
        check("0110", &[(3, "000000")], "0110 authorization answer: purchase, hold");
        check("0200", &[(3, "000000")], "0200 financial request: sale");
        check("0210", &[(3, "200000")], "0210 financial answer: refund");
        check("0221", &[(3, "000000")], "0221 financial advice, repeat: completion");
        check("0230", &[], "0230 financial advice answer: completion");
        check("0400", &[(3, "000000")], "0400 reversal request: of a purchase");
        check("0401", &[(3, "200000")], "0401 reversal request, repeat: of a refund");
        check("0800", &[(70, "301")], "0800 network management request: echo");
        check("0810", &[(70, "999")], "0810 network management answer");
        check("0500", &[], "0500 reconciliation request");
        check("0100", &[(3, "é")], "0100 authorization request");
    }
}

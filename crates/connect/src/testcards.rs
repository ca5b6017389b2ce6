//! The published test numbers and Florin's reserved ones, as data: what each card's issuer does. Knows no issuer and no account.
//!
//! Test mode takes these numbers alone, live mode refuses them. They are public, so that they may stand in the repository.

use crate::bins;
use crate::card::{BadCard, Card, Cvc, Expiry, Pan};
use florin_core::wire::{Network, ResponseCode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The expiry that named cards have.
pub const EXPIRY: Expiry = Expiry { year: 2034, month: 12 };

/// What the issuer of a test card does with a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Approves while the account has funds.
    Approve,
    /// Refuses with this response code (DE 39).
    #[serde(deserialize_with = "response")]
    Respond(ResponseCode),
    /// Refuses until the cardholder was authenticated: 1A on Visa, 65 on Mastercard in Europe.
    SoftDecline,
    /// Approves and holds, and the answer is lost.
    Timeout,
    /// Refuses, and the answer is lost.
    TimeoutDeclined,
    /// The issuer cannot be reached: the network stands in for it.
    IssuerDown,
    /// Approves, and the answer comes after everybody stopped waiting.
    Late,
    /// Approves a part of the amount.
    Partial,
}

impl Behaviour {
    /// The response code of a refusal; nothing for behaviours that approve.
    pub fn response(self, network: Network) -> Option<ResponseCode> {
        match self {
            Behaviour::Respond(code) => Some(code),
            Behaviour::SoftDecline if network == Network::Mastercard => Some(ResponseCode(*b"65")),
            Behaviour::SoftDecline => Some(ResponseCode(*b"1A")),
            Behaviour::TimeoutDeclined => Some(ResponseCode(*b"05")),
            Behaviour::Approve | Behaviour::Timeout | Behaviour::IssuerDown | Behaviour::Late | Behaviour::Partial => {
                None
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    #[default]
    Credit,
    Debit,
    Prepaid,
}

impl Funding {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Funding::Credit => "credit",
            Funding::Debit => "debit",
            Funding::Prepaid => "prepaid",
        }
    }
}

/// What happens to a payment after it was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    DisputeFraudulent,
    DisputeNotReceived,
    /// A dispute that carries no chargeback yet.
    DisputeInquiry,
    /// Several disputes on one payment.
    DisputeMultiple,
    /// The network says that its rules were broken.
    DisputeNoncompliant,
    EarlyFraudWarning,
    /// A refund that stays pending and then succeeds.
    RefundPending,
    /// A refund that succeeds and fails later.
    RefundFails,
    /// Funds that are available at once.
    BypassPending,
}

/// What a rule about risk is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    #[default]
    Normal,
    Elevated,
    Highest,
    /// Refused before anything is sent.
    Blocked,
}

/// How the card's issuer takes part in 3-D Secure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreeDs {
    /// The network knows the card, nobody needs to be asked.
    #[default]
    NotEnrolled,
    /// Challenges when asked; approves without.
    Supported,
    /// Refuses softly without it.
    Required,
    /// Required but for cards that were set up for later use.
    RequiredUnlessSetUp,
    /// Required when the cardholder is present, and set up for later use already.
    AlreadySetUp,
    /// Required, and nobody needs to be asked.
    Frictionless,
    /// The directory answers with an error.
    Error,
    NotSupported,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCard {
    number: String,
    /// Names for the command line, then the API's `pm_card_…` and `tok_…`. May be empty.
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(default = "approve")]
    pub behaviour: Behaviour,
    /// The code of this card's approvals when it is not 00: 08, 11, and 85 for an amount of zero.
    #[serde(default, deserialize_with = "two_letters")]
    pub approve_as: Option<[u8; 2]>,
    /// Merchant advice code that comes with a refusal (DE 48.84).
    #[serde(default, deserialize_with = "two_letters")]
    pub advice: Option<[u8; 2]>,
    /// Result of an address check (DE 44, position 2) instead of that of a true comparison.
    #[serde(default)]
    pub avs: Option<char>,
    /// Result of a security code check (DE 44, position 10) instead of that of a true comparison.
    #[serde(default)]
    pub cvc: Option<char>,
    #[serde(default)]
    pub three_ds: ThreeDs,
    /// What the issuer does once the cardholder was authenticated.
    #[serde(default = "approve")]
    pub authenticated: Behaviour,
    #[serde(default)]
    pub afterwards: Option<Afterwards>,
    #[serde(default)]
    pub risk: Risk,
    #[serde(default)]
    pub funding: Funding,
    /// ISO 3166 two-letter code of the issuer's country.
    #[serde(default = "united_states")]
    pub country: String,
    #[serde(default)]
    attachable: Option<bool>,
}

/// All numbers that begin so belong to one test card. They are for tests that search whatever a run produced for card numbers.
#[derive(Deserialize)]
pub struct ReservedRange {
    /// The first ten digits.
    prefix: String,
    /// Digits of the whole number.
    length: usize,
    card: TestCard,
}

#[derive(Deserialize)]
struct File {
    cards: Vec<TestCard>,
    reserved: Vec<ReservedRange>,
}

struct Tables {
    cards: Vec<TestCard>,
    reserved: Vec<ReservedRange>,
    by_number: BTreeMap<String, usize>,
    by_name: BTreeMap<String, usize>,
}

impl TestCard {
    /// A published number. For a reserved range: its first number.
    pub fn number(&self) -> &str {
        &self.number
    }
    pub fn network(&self) -> Network {
        match bins::lookup(&self.number) {
            Some(range) => range.network,
            None => unreachable!("testcards.json is tested: every number has a network"),
        }
    }
    /// Whether the card can be attached to a customer: a card that refuses payments cannot, unless the file says so.
    pub fn attachable(&self) -> bool {
        let approves = !matches!(self.behaviour, Behaviour::Respond(_) | Behaviour::TimeoutDeclined);
        self.attachable.unwrap_or(approves)
    }
    /// The security code that named cards have: 123, or 1234 on American Express.
    pub fn security_code(&self) -> &'static str {
        if bins::cvc_digits(self.network()) == 4 { "1234" } else { "123" }
    }
    /// The card as a cardholder would type it: number, a far expiry and a security code.
    pub fn card(&self) -> Result<Card, BadCard> {
        let pan = Pan::parse(&self.number)?;
        let cvc = Cvc::parse(self.security_code(), pan.network())?;
        Ok(Card { pan, expiry: EXPIRY, cvc: Some(cvc), cavv: None })
    }
}

/// The test card with this number, or the card of the reserved range that holds it. Digits only; nothing for all other numbers.
pub fn find(number: &str) -> Option<&'static TestCard> {
    let tables = tables();
    if let Some(card) = tables.by_number.get(number).and_then(|at| tables.cards.get(*at)) {
        return Some(card);
    }
    let holds = |range: &&ReservedRange| number.len() == range.length && number.starts_with(&range.prefix);
    tables.reserved.iter().find(holds).map(|range| &range.card)
}

/// The test card of that name: `visa`, `insufficient-funds`, `pm_card_visa`, `tok_visa`.
pub fn by_name(name: &str) -> Option<&'static TestCard> {
    let tables = tables();
    tables.by_name.get(name).and_then(|at| tables.cards.get(*at))
}

/// Every name, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    tables().by_name.keys().map(String::as_str)
}

/// Every test card with a published number, in the order of the file.
pub fn all() -> &'static [TestCard] {
    &tables().cards
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let File { cards, reserved } = match serde_json::from_str(include_str!("testcards.json")) {
            Ok(file) => file,
            Err(e) => unreachable!("testcards.json is part of the program and is tested: {e}"),
        };
        let by_number = cards.iter().enumerate().map(|(at, card)| (card.number.clone(), at)).collect();
        let named = |(at, card): (usize, &TestCard)| {
            card.names.iter().map(|name| (name.clone(), at)).collect::<Vec<(String, usize)>>()
        };
        let by_name = cards.iter().enumerate().flat_map(named).collect();
        Tables { cards, reserved, by_number, by_name }
    })
}

const fn approve() -> Behaviour {
    Behaviour::Approve
}

fn united_states() -> String {
    "US".to_string()
}

fn response<'de, D: serde::Deserializer<'de>>(d: D) -> Result<ResponseCode, D::Error> {
    match two_letters(d)? {
        Some(code) => Ok(ResponseCode(code)),
        None => Err(serde::de::Error::custom("a response code has two characters")),
    }
}

fn two_letters<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<[u8; 2]>, D::Error> {
    let text = String::deserialize(d)?;
    match <[u8; 2]>::try_from(text.as_bytes()) {
        Ok(code) => Ok(Some(code)),
        Err(_) => Err(serde::de::Error::custom("a code has two characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquirer::responses;
    use std::collections::BTreeSet;

    #[test]
    fn every_entry_is_a_card_of_its_own() {
        let mut numbers = BTreeSet::new();
        let mut names = BTreeSet::new();
        let reserved = tables().reserved.iter().map(|range| &range.card);
        for (place, test) in all().iter().chain(reserved).enumerate() {
            let at = format!("entry {place}, ends in {:?}", test.number.get(12..));
            let card = test.card().unwrap_or_else(|e| panic!("{at}: {e}"));
            assert!(card.pan.reveal() == test.number, "{at}: written with spaces");
            assert!(card.pan.network().is_some(), "{at}: no network");
            assert!(numbers.insert(&test.number), "{at}: twice");
            assert!(find(&test.number).is_some_and(|found| std::ptr::eq(found, test)), "{at}: found as another");
            assert!(test.country.len() == 2 && test.country.bytes().all(|b| b.is_ascii_uppercase()), "{at}: country");
            for name in &test.names {
                assert!(names.insert(name), "{name} twice");
                assert!(by_name(name).is_some_and(|found| std::ptr::eq(found, test)), "{name}");
                assert!(name.bytes().any(|b| b.is_ascii_alphabetic()), "{name} could be taken for a number");
            }
        }
    }

    #[test]
    fn names_that_people_type() {
        let check = |name: &str, last4: &str, network: Network, behaviour: Behaviour| {
            let card = by_name(name).unwrap_or_else(|| panic!("no card {name}"));
            assert!(card.number().ends_with(last4), "{name}");
            assert_eq!((card.network(), card.behaviour), (network, behaviour), "{name}");
        };
        let respond = |code: &[u8; 2]| Behaviour::Respond(ResponseCode(*code));
        check("visa", "4242", Network::Visa, Behaviour::Approve);
        check("mastercard", "4444", Network::Mastercard, Behaviour::Approve);
        check("amex", "0005", Network::Amex, Behaviour::Approve);
        check("discover", "1117", Network::Discover, Behaviour::Approve);
        check("jcb", "0505", Network::Jcb, Behaviour::Approve);
        check("diners", "0004", Network::Diners, Behaviour::Approve);
        check("unionpay", "0005", Network::UnionPay, Behaviour::Approve);
        check("decline", "0002", Network::Visa, respond(b"5C"));
        check("insufficient-funds", "9995", Network::Visa, respond(b"51"));
        check("pm_card_visa_chargeDeclinedLostCard", "9987", Network::Visa, respond(b"41"));
        check("pm_card_chargeDeclinedVelocityLimitExceeded", "6975", Network::Visa, respond(b"61"));
        check("tok_chargeDeclinedIncorrectCvc", "0127", Network::Visa, respond(b"N7"));
        check("pm_card_de", "0016", Network::Visa, Behaviour::Approve);
        check("timeout", "2014", Network::Visa, Behaviour::Timeout);
        check("soft-decline", "2063", Network::Visa, Behaviour::SoftDecline);
        check("mastercard-soft-decline", "2065", Network::Mastercard, Behaviour::SoftDecline);
        assert!(by_name("4242424242424242").is_none());
        assert_eq!(names().count(), tables().by_name.len());
    }

    #[test]
    fn every_response_code_has_a_card() {
        let given: BTreeSet<[u8; 2]> = all()
            .iter()
            .flat_map(|card| [card.behaviour.response(card.network()).map(|code| code.0), card.approve_as])
            .flatten()
            .collect();
        for code in responses::codes() {
            let partial = &code.0 == b"10" && by_name("response-10").is_some_and(|c| c.behaviour == Behaviour::Partial);
            assert!(given.contains(&code.0) || partial, "{}", code.text());
        }
        for advice in responses::advice_codes() {
            assert!(all().iter().any(|card| card.advice == Some(advice)), "{advice:?}");
        }
        for wanted in [Behaviour::Timeout, Behaviour::TimeoutDeclined, Behaviour::IssuerDown, Behaviour::Late] {
            assert!(all().iter().any(|card| card.behaviour == wanted), "{wanted:?}");
        }
    }

    #[test]
    fn reserved_ranges_hold_their_numbers_only() {
        let check = |head: &str, tail: &str, expected: bool| {
            assert_eq!(find(&format!("{head}{tail}")).is_some(), expected, "{head} and {} digits", tail.len());
        };
        check("4929123456", "000004", true);
        check("4929123456", "999999", true);
        check("4929123457", "000003", false);
        check("4929123456", "00000", false);
        check("5457623898", "123456", true);
        check("3742454554", "00001", true);
        check("3742454554", "000012", false);
        check("4242424242", "424241", false);
        check("", "", false);
    }

    #[test]
    fn a_card_that_refuses_cannot_be_attached_unless_it_says_so() {
        let attachable = |name: &str| by_name(name).is_some_and(TestCard::attachable);
        assert!(attachable("visa") && attachable("decline-after-attach") && attachable("3ds"));
        assert!(!attachable("decline") && !attachable("timeout-declined"));
    }

    #[test]
    fn soft_declines_speak_their_networks_code() {
        let code = |name: &str| by_name(name).and_then(|c| c.behaviour.response(c.network())).map(ResponseCode::text);
        assert_eq!(code("soft-decline").as_deref(), Some("1A"));
        assert_eq!(code("mastercard-soft-decline").as_deref(), Some("65"));
        assert_eq!(code("timeout-declined").as_deref(), Some("05"));
        assert_eq!(code("timeout"), None);
    }
}

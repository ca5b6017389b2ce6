//! Authentications under way, in memory: begun by a request, decided at once or by the cardholder on the issuer's page.
//! Pure: no clock, no sockets, no chance.

use crate::entry::CardHash;
use florin_connect::core::threeds::{Eci, TransId};
use florin_connect::core::time::Time;
use florin_connect::core::wire::Network;
use florin_connect::testcards::ThreeDs as Part;
use std::collections::{BTreeMap, VecDeque};

/// Transactions remembered; above this the oldest is forgotten.
pub const TRANSACTIONS_LIMIT: usize = 10_000;
/// A challenge that nobody answered in this time has failed.
pub const CHALLENGE_LIMIT_MS: i64 = 3_600_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The cardholder is to be asked.
    Open,
    /// `transStatus`, and with Y and A the indicator under which the value is made.
    Decided { status: char, eci: Option<Eci> },
}

/// What the issuer's page says, and what the value is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub server: TransId,
    pub directory: TransId,
    pub acs: TransId,
    pub card: CardHash,
    pub network: Option<Network>,
    pub last4: String,
    pub merchant: String,
    /// Minor units of ISO 4217.
    pub amount: i64,
    pub currency: u16,
    pub exponent: u8,
    pub notification_url: String,
    /// `browserLanguage`: the language that the payment asks for.
    pub language: String,
    pub begun: Time,
    pub state: State,
    pub challenged: bool,
}

impl Transaction {
    /// The state now: a challenge that took too long has failed.
    pub fn state(&self, now: Time) -> State {
        match self.state {
            State::Open if now.since(self.begun) > CHALLENGE_LIMIT_MS => State::Decided { status: 'N', eci: None },
            state => state,
        }
    }

    /// The cardholder's answer on the page. The first one counts.
    fn answer(&mut self, now: Time, yes: bool) {
        if self.state(now) == State::Open {
            let (status, eci) = if yes { ('Y', Some(indicator(self.network, true))) } else { ('N', None) };
            self.state = State::Decided { status, eci };
        }
    }
}

/// What the issuer of a card says before it asks anybody.
pub fn first_word(part: Part, mandated: bool, network: Option<Network>) -> State {
    match part {
        Part::Supported | Part::Required | Part::RequiredUnlessSetUp | Part::AlreadySetUp => State::Open,
        Part::Frictionless if mandated => State::Open,
        Part::Frictionless => State::Decided { status: 'Y', eci: Some(indicator(network, true)) },
        Part::NotEnrolled => State::Decided { status: 'A', eci: Some(indicator(network, false)) },
        Part::Error | Part::NotSupported => State::Decided { status: 'U', eci: None },
    }
}

/// Whether the card's range is among those that the directory tells of.
pub const fn takes_part(part: Part) -> bool {
    match part {
        Part::Supported | Part::Required | Part::RequiredUnlessSetUp | Part::AlreadySetUp | Part::Frictionless => true,
        Part::NotEnrolled | Part::Error | Part::NotSupported => false,
    }
}

/// The electronic commerce indicator of an authentication, or of an attempt at one.
fn indicator(network: Option<Network>, authenticated: bool) -> Eci {
    Eci(*match (network, authenticated) {
        (Some(Network::Mastercard), true) => b"02",
        (Some(Network::Mastercard), false) => b"01",
        (_, true) => b"05",
        (_, false) => b"06",
    })
}

#[derive(Default)]
pub struct Transactions {
    by_server: BTreeMap<[u8; 16], Transaction>,
    by_acs: BTreeMap<[u8; 16], [u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Transactions {
    pub fn get(&self, server: TransId) -> Option<&Transaction> {
        self.by_server.get(&server.0)
    }

    pub fn by_acs(&self, acs: TransId) -> Option<&Transaction> {
        self.by_server.get(self.by_acs.get(&acs.0)?)
    }

    /// Remembers a new transaction; one that is known stays as it is.
    pub fn begin(&mut self, new: Transaction) -> &Transaction {
        let key = new.server.0;
        if !self.by_server.contains_key(&key) {
            while self.order.len() >= TRANSACTIONS_LIMIT {
                let oldest = self.order.pop_front().and_then(|oldest| self.by_server.remove(&oldest));
                if let Some(t) = oldest {
                    self.by_acs.remove(&t.acs.0);
                }
            }
            self.order.push_back(key);
            self.by_acs.insert(new.acs.0, key);
        }
        self.by_server.entry(key).or_insert(new)
    }

    /// The cardholder answers. Gives the transaction, if there is one.
    pub fn answer(&mut self, now: Time, acs: TransId, yes: bool) -> Option<&Transaction> {
        let found = self.by_server.get_mut(self.by_acs.get(&acs.0)?)?;
        found.answer(now, yes);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> TransId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
        TransId(bytes)
    }

    fn new(n: usize) -> Transaction {
        Transaction {
            server: id(n),
            directory: id(n + 1_000_000),
            acs: id(n + 2_000_000),
            card: CardHash([1; 16]),
            network: Some(Network::Mastercard),
            last4: "0000".into(),
            merchant: "a shop".into(),
            amount: 1999,
            currency: 978,
            exponent: 2,
            notification_url: "http://127.0.0.1/".into(),
            language: "ko".into(),
            begun: Time(0),
            state: State::Open,
            challenged: true,
        }
    }

    #[test]
    fn the_first_answer_counts_and_not_for_ever() {
        let yes = State::Decided { status: 'Y', eci: Some(Eci(*b"02")) };
        let no = State::Decided { status: 'N', eci: None };
        #[track_caller]
        fn check(answers: &[(i64, bool)], at: i64, expected: State) {
            let mut all = Transactions::default();
            all.begin(new(1));
            for (at, yes) in answers {
                all.answer(Time(*at), id(2_000_001), *yes);
            }
            assert_eq!(all.get(id(1)).map(|t| t.state(Time(at))), Some(expected));
        }
        check(&[], 1, State::Open);
        check(&[(1, true)], 2, yes);
        check(&[(1, false), (2, true)], 3, no);
        check(&[(1, true), (2, false)], 3, yes);
        check(&[], CHALLENGE_LIMIT_MS, State::Open);
        check(&[], CHALLENGE_LIMIT_MS + 1, no);
        check(&[(CHALLENGE_LIMIT_MS + 1, true)], CHALLENGE_LIMIT_MS + 2, no);
        check(&[(CHALLENGE_LIMIT_MS, true)], 9 * CHALLENGE_LIMIT_MS, yes);
        assert!(Transactions::default().answer(Time(0), id(7), true).is_none());
    }

    #[test]
    fn the_same_request_begins_nothing_new_and_the_oldest_is_forgotten() {
        let mut all = Transactions::default();
        let again = Transaction { acs: id(9_000_000), ..new(0) };
        all.begin(new(0));
        assert_eq!(all.begin(again).acs, id(2_000_000));
        for n in 1..=TRANSACTIONS_LIMIT {
            all.begin(new(n));
        }
        assert!(all.get(id(0)).is_none() && all.by_acs(id(2_000_000)).is_none());
        assert!(all.get(id(1)).is_some());
        assert_eq!((all.by_server.len(), all.by_acs.len()), (TRANSACTIONS_LIMIT, TRANSACTIONS_LIMIT));
    }

    #[test]
    fn what_issuers_say_first() {
        let said = |part, mandated| match first_word(part, mandated, Some(Network::Visa)) {
            State::Open => "C".to_owned(),
            State::Decided { status, eci } => format!("{status}{}", eci.map(Eci::text).unwrap_or_default()),
        };
        assert_eq!(said(Part::Required, false), "C");
        assert_eq!(said(Part::Frictionless, false), "Y05");
        assert_eq!(said(Part::Frictionless, true), "C");
        assert_eq!(said(Part::NotEnrolled, true), "A06");
        assert_eq!(said(Part::NotSupported, true), "U");
        assert_eq!(said(Part::Error, false), "U");
    }
}

//! The issuing banks: accounts with a credit line per currency, and the decision on one request.
//! Knows no message format; accounts are found by the card's keyed hash.

use crate::books::Posting;
use crate::entry::CardHash;
use crate::network::{self, Reason};
use crate::plastic::Plastic;
use crate::text::Text;
use florin_connect::core::time::Time;
use florin_connect::core::wire::Network;
use std::collections::BTreeMap;

/// DE 44 positions 2 and 10: nothing was sent, so nothing was checked.
const NOT_GIVEN: u8 = b' ';
const AVS_UNAVAILABLE: u8 = b'U';
const CVC_MATCHES: u8 = b'M';
const CVC_NOT_PROCESSED: u8 = b'P';

/// One cardholder's account in one currency, in minor units of ISO 4217.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Set aside by holds.
    pub held: i64,
    /// What the cardholder owes: captures less refunds.
    pub owed: i64,
    day: i64,
    approvals_today: u32,
}

/// What an issuer is asked.
#[derive(Clone, Copy)]
pub struct Ask {
    pub card: CardHash,
    pub network: Option<Network>,
    pub plastic: Plastic,
    /// Minor units of ISO 4217; 0 asks only whether the account is good.
    pub amount: i64,
    pub currency: u16,
    pub cvc_given: bool,
    pub street_given: bool,
    pub postal_given: bool,
    pub at: Time,
}

/// What an issuer, or the network in its place, answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub response: Text<2>,
    /// 0 when declined; less than asked in a partial approval.
    pub approved: i64,
    pub avs: u8,
    pub cvc: u8,
    pub advice: Option<Text<2>>,
}

pub struct Issuers {
    credit_line_minor: i64,
    /// 0 = no limit.
    approvals_per_day: u32,
    accounts: BTreeMap<(CardHash, u16), Account>,
}

impl Issuers {
    pub fn new(credit_line_minor: i64, approvals_per_day: u32) -> Issuers {
        Issuers { credit_line_minor, approvals_per_day, accounts: BTreeMap::new() }
    }

    pub fn account(&self, card: CardHash, currency: u16) -> Account {
        self.accounts.get(&(card, currency)).copied().unwrap_or_default()
    }

    /// All accounts of a card, by currency.
    pub fn accounts(&self, card: CardHash) -> impl Iterator<Item = (u16, Account)> + '_ {
        self.accounts.range((card, 0)..=(card, u16::MAX)).map(|((_, currency), account)| (*currency, *account))
    }

    pub fn credit_line_minor(&self) -> i64 {
        self.credit_line_minor
    }

    /// What can still be spent.
    pub fn available(&self, account: &Account) -> i64 {
        self.credit_line_minor.saturating_sub(account.held).saturating_sub(account.owed)
    }

    /// Books what an entry changed. `approval_at` counts towards the daily limit.
    pub fn post(&mut self, card: CardHash, currency: u16, posting: Posting, approval_at: Option<Time>) {
        let account = self.accounts.entry((card, currency)).or_default();
        account.held += posting.held;
        account.owed += posting.owed;
        if let Some(at) = approval_at {
            if account.day != at.day_number() {
                account.day = at.day_number();
                account.approvals_today = 0;
            }
            account.approvals_today = account.approvals_today.saturating_add(1);
        }
    }

    /// Decides on an authorization or a sale.
    pub fn decide(&self, ask: &Ask) -> Said {
        let plastic = &ask.plastic;
        let avs = network::avs(ask.network, ask.street_given, ask.postal_given);
        let said = Said {
            response: network::code_text("00"),
            approved: ask.amount,
            avs: plastic.avs.filter(|_| avs != NOT_GIVEN).unwrap_or(avs),
            cvc: if ask.cvc_given { plastic.cvc.unwrap_or(CVC_MATCHES) } else { NOT_GIVEN },
            advice: None,
        };
        match self.refusal(ask) {
            Some(response) => refuse(said, ask, response),
            None if ask.amount == 0 => Said { response: network::code_text("85"), ..said },
            None if plastic.partial && ask.amount > 1 => {
                Said { response: network::code_text("10"), approved: ask.amount / 2, ..said }
            }
            None => Said { response: plastic.respond.unwrap_or(said.response), ..said },
        }
    }

    fn refusal(&self, ask: &Ask) -> Option<Text<2>> {
        let account = self.account(ask.card, ask.currency);
        let today = if account.day == ask.at.day_number() { account.approvals_today } else { 0 };
        if let Some(response) = ask.plastic.respond.filter(|r| !says_yes(*r)) {
            return Some(response);
        }
        if self.approvals_per_day > 0 && today >= self.approvals_per_day {
            return Some(network::response(ask.network, Reason::OverCountLimit));
        }
        if ask.amount > self.available(&account) {
            return Some(network::response(ask.network, Reason::InsufficientFunds));
        }
        None
    }
}

/// The network's decision while the issuer is silent: it checks nothing but the amount.
pub fn stand_in(ask: &Ask) -> Said {
    let avs = if ask.street_given || ask.postal_given { AVS_UNAVAILABLE } else { NOT_GIVEN };
    let cvc = if ask.cvc_given { CVC_NOT_PROCESSED } else { NOT_GIVEN };
    let said = Said { response: network::code_text("00"), approved: ask.amount, avs, cvc, advice: None };
    if network::stands_in(ask.amount, ask.currency) {
        return said;
    }
    refuse(said, ask, network::response(ask.network, Reason::IssuerUnavailable))
}

fn refuse(said: Said, ask: &Ask, response: Text<2>) -> Said {
    let advice = ask.plastic.advice.or_else(|| network::advice(ask.network, response));
    Said { response, approved: 0, advice, ..said }
}

fn says_yes(response: Text<2>) -> bool {
    matches!(response.as_str(), "00" | "08" | "11" | "85")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    #[test]
    fn some_cards_are_approved_with_another_code() {
        let issuers = Issuers::new(1_000, 0);
        for (code, approved) in [("00", 500), ("08", 500), ("11", 500), ("85", 500), ("05", 0)] {
            let ask = Ask {
                card: CardHash([0; 16]),
                network: Some(Network::Visa),
                plastic: Plastic { respond: Text::parse(code), ..Plastic::PLAIN },
                amount: 500,
                currency: 840,
                cvc_given: false,
                street_given: false,
                postal_given: false,
                at: Time(0),
            };
            let said = issuers.decide(&ask);
            assert_eq!((said.response.as_str(), said.approved), (code, approved));
        }
    }
}

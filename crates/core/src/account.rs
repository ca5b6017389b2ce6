//! Merchants' accounts: several on one installation, each with its own keys, things and money. Knows no key.

use crate::audit::{Action, By};
use crate::codec::{BadBody, Body, whole};
use crate::commit::{EventKind, Row};
use crate::flow::{self, Failure, View};
use crate::id::{Key, Kind};
use crate::money::Currency;
use crate::ports::Ports;
use crate::record::{self, Change, Record};
use crate::refusal::Refusal;
use crate::store::Query;
use crate::terminal::HOUSE;
use serde::{Deserialize, Serialize};

/// Accounts of one installation. More is a design of its own.
pub const MOST_ACCOUNTS: u32 = 1_000;
/// Characters of a name.
pub const LONGEST_NAME: usize = 100;

/// Rows of accounts belong to the house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub live: bool,
    /// ISO 3166-1, two capitals.
    pub country: [u8; 2],
    /// In which the merchant thinks.
    pub currency: Currency,
    /// Nothing is confirmed without a signed order.
    pub require_order_code: bool,
}

impl Account {
    /// One that asks for nothing beyond what everybody is asked for.
    pub fn plain(name: String, live: bool, country: [u8; 2], currency: Currency) -> Account {
        Account { name, live, country, currency, require_order_code: false }
    }
    /// Two letters of ISO 3166-1's alphabet, in capitals.
    pub fn country(text: &str) -> Option<[u8; 2]> {
        let code: [u8; 2] = text.to_ascii_uppercase().as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(code)
    }
    pub fn country_text(&self) -> String {
        self.country.iter().map(|b| char::from(*b)).collect()
    }
}

impl Body for Account {
    const FORMAT: u8 = 2;

    /// Format 1 ended before the switches: they were off, which is a byte of 0 each.
    fn decode_format(format: u8, rest: &[u8]) -> Result<Account, BadBody> {
        match format {
            1 => whole(&[rest, &[0]].concat()),
            Self::FORMAT => whole(rest),
            _ => Err(BadBody::Damaged),
        }
    }
}

impl Record for Account {
    const KIND: Kind = Kind::Account;
}

pub type AccountView = View<Account>;

/// All accounts, oldest first.
pub async fn all(ports: &dyn Ports) -> Result<Vec<AccountView>, Failure> {
    let query = Query::List { under: HOUSE, kind: Kind::Account, before: None, limit: MOST_ACCOUNTS };
    let rows: Vec<Row> = ports.store().find(query).await?.rows();
    rows.iter().rev().map(flow::read).collect()
}

/// One account by its key.
pub async fn load(ports: &dyn Ports, key: Key) -> Result<AccountView, Failure> {
    flow::load(ports.store(), HOUSE, Kind::Account, key).await
}

/// Changes what an account asks for.
pub async fn change(
    by: &By,
    ports: &dyn Ports,
    key: Key,
    decide: &(dyn Fn(&Account) -> Account + Sync),
) -> Result<AccountView, Failure> {
    let entry = || by.did(Action::AccountRulesChange).account(key);
    let decide = |from: &AccountView| Ok(Change::to(decide(&from.body), EventKind::AccountChanged).audit(entry()));
    match record::change(ports, HOUSE, key, None, &decide, &|_| vec![]).await? {
        flow::Done::Fresh(view) => Ok(view),
        flow::Done::Replayed(_) => unreachable!("without an idempotency key nothing is replayed"),
    }
}

/// Whether payments of an account need a signed order. One without a row asks for nothing.
pub async fn requires_order(ports: &dyn Ports, key: Key) -> Result<bool, Failure> {
    match load(ports, key).await {
        Ok(view) => Ok(view.body.require_order_code),
        Err(Failure::Refused(Refusal::NoSuch(_))) => Ok(false),
        Err(failure) => Err(failure),
    }
}

pub async fn make(by: &By, ports: &dyn Ports, account: Account) -> Result<AccountView, Failure> {
    let key = ports.fresh_key();
    let change = Change::to(account, EventKind::AccountCreated).audit(by.did(Action::AccountMake).account(key));
    match record::make(ports, HOUSE, key, change, None, &|_| vec![]).await? {
        flow::Done::Fresh(view) => Ok(view),
        flow::Done::Replayed(_) => unreachable!("without an idempotency key nothing is replayed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries() {
        let check = |text: &str, expected: Option<[u8; 2]>| assert_eq!(Account::country(text), expected, "{text}");
        check("NL", Some(*b"NL"));
        check("nl", Some(*b"NL"));
        check("NLD", None);
        check("N1", None);
        check("é", None);
        check("", None);
    }
}

//! Balances of the group under way: each account is loaded once, moved in memory and written at the end.
//! Knows no rows and no reasons.

use super::error::Fault;
use super::statements::{Statements, balance_key};
use florin_core::id::Key;
use florin_core::ledger::{Balance, Guard, LedgerAccount, Transfer};
use florin_core::money::Currency;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Balances kept from group to group. One writer alone changes them, so what it remembers is true.
const KEPT_BALANCES: usize = 10_000;

#[derive(Default)]
pub struct Balances {
    known: HashMap<LedgerAccount, Balance>,
    /// Written in this order, the table's own.
    moved: BTreeSet<LedgerAccount>,
    /// Nobody above this key owns a balance: a new payment's need no lookup.
    highest: Option<Key>,
}

/// What the transfers of one commit lead to.
pub type After = BTreeMap<LedgerAccount, Balance>;

impl Balances {
    pub fn load(connection: &Connection) -> Result<Balances, Fault> {
        let highest: Option<i64> = connection.query_row("SELECT max(owner) FROM balance", [], |row| row.get(0))?;
        Ok(Balances { highest: highest.map(Key), ..Balances::default() })
    }

    /// The balances that the transfers lead to, or the account whose guard (or range) they would break. Guards look at
    /// the whole commit, so the order of its transfers does not matter.
    pub fn after(
        &mut self,
        s: &mut Statements<'_>,
        transfers: &[Transfer],
    ) -> Result<Result<After, LedgerAccount>, Fault> {
        let mut after = After::new();
        for t in transfers {
            let amount = Balance { debits: t.money.minor, credits: 0 };
            if !self.add(s, &mut after, t.debit_account(), amount)? {
                return Ok(Err(t.debit_account()));
            }
            let amount = Balance { debits: 0, credits: t.money.minor };
            if !self.add(s, &mut after, t.credit_account(), amount)? {
                return Ok(Err(t.credit_account()));
            }
        }
        let touched = transfers.iter().flat_map(|t| [t.debit_account(), t.credit_account()]);
        let broken = |account: &LedgerAccount| match account.book.guard() {
            Guard::None => false,
            Guard::DebitsWithinCredits => after.get(account).is_some_and(|b| b.debits > b.credits),
        };
        Ok(match touched.into_iter().find(broken) {
            Some(account) => Err(account),
            None => Ok(after),
        })
    }

    /// False if the sum leaves the range of 64 bits.
    fn add(
        &mut self,
        s: &mut Statements<'_>,
        after: &mut After,
        account: LedgerAccount,
        amount: Balance,
    ) -> Result<bool, Fault> {
        let before = match after.get(&account) {
            Some(balance) => *balance,
            None => self.now(s, account)?,
        };
        let sums = (before.debits.checked_add(amount.debits), before.credits.checked_add(amount.credits));
        let (Some(debits), Some(credits)) = sums else { return Ok(false) };
        after.insert(account, Balance { debits, credits });
        Ok(true)
    }

    fn now(&mut self, s: &mut Statements<'_>, account: LedgerAccount) -> Result<Balance, Fault> {
        if let Some(balance) = self.known.get(&account) {
            return Ok(*balance);
        }
        if Some(account.owner) > self.highest {
            return Ok(Balance::default());
        }
        let read = |row: &rusqlite::Row<'_>| Ok(Balance { debits: row.get(0)?, credits: row.get(1)? });
        let balance = s.balance.query_row(balance_key(&account), read).optional()?.unwrap_or_default();
        self.known.insert(account, balance);
        Ok(balance)
    }

    /// Takes over what a commit leads to. What it adds to debits must be what it adds to credits, in every currency: whatever made it
    /// otherwise, nothing more is written.
    pub fn apply(&mut self, after: After) -> Result<(), Fault> {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for (account, balance) in &after {
            let before = self.known.get(account).copied().unwrap_or_default();
            let (debits, credits) = (balance.debits - before.debits, balance.credits - before.credits);
            *sums.entry(account.currency).or_default() += i128::from(debits) - i128::from(credits);
        }
        if sums.values().any(|sum| *sum != 0) {
            return Err(Fault::Damaged("sum of debits and credits"));
        }
        self.highest = self.highest.max(after.keys().map(|account| account.owner).max());
        self.moved.extend(after.keys());
        self.known.extend(after);
        Ok(())
    }

    /// Writes what the group moved.
    pub fn write(&mut self, s: &mut Statements<'_>) -> Result<(), Fault> {
        for account in std::mem::take(&mut self.moved) {
            let balance = self.known.get(&account).ok_or(Fault::Damaged("balance"))?;
            let (owner, book, currency) = balance_key(&account);
            s.put_balance.execute((owner, book, currency, balance.debits, balance.credits))?;
        }
        if self.known.len() > KEPT_BALANCES {
            self.known.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_core::ledger::Book;

    #[test]
    fn debits_are_credits_or_nothing_is_written() {
        let account = |owner: i64, code: &str| LedgerAccount {
            owner: Key(owner),
            book: Book::Merchant,
            currency: Currency::parse(code).expect("a currency"),
        };
        let check = |steps: &[&[(LedgerAccount, i64, i64)]], good: bool| {
            let mut balances = Balances::default();
            let applied: Vec<bool> = steps
                .iter()
                .map(|step| {
                    let after =
                        step.iter().map(|(a, debits, credits)| (*a, Balance { debits: *debits, credits: *credits }));
                    balances.apply(after.collect()).is_ok()
                })
                .collect();
            assert_eq!(applied.iter().all(|ok| *ok), good, "{steps:?}");
        };
        let (one, two, other) = (account(1, "eur"), account(2, "eur"), account(2, "usd"));
        check(&[&[(one, 5, 0), (two, 0, 5)]], true);
        check(&[&[(one, 5, 0), (two, 0, 4)]], false);
        check(&[&[(one, 5, 0), (other, 0, 5)]], false);
        check(&[&[(one, 5, 0), (two, 0, 5)], &[(one, 5, 2), (two, 2, 5)]], true);
        check(&[&[(one, 5, 0), (two, 0, 5)], &[(one, 5, 2), (two, 3, 5)]], false);
    }
}

//! The ledger after the storm: it equals payments, refunds and movements, and those agree with each other.

use super::Audit;
use crate::gateway::FEES;
use crate::world::World;
use florin_core::id::Key;
use florin_core::ledger::Book;
use florin_core::money::{Currency, Money};
use florin_core::movement::{Movement, Settled, Source};
use florin_core::payment::Stage;
use florin_core::refund::RefundStage;
use florin_core::store::{Report, Store, Sum};
use florin_store::block_on;
use std::collections::BTreeMap;

/// Credits less debits by book and currency.
type Books = BTreeMap<(Book, Currency), i128>;

impl World {
    pub fn ledger_agrees(&mut self) {
        let sums = |report| block_on(self.store.sums(report)).unwrap_or_default();
        let (balances, transfers) = (sums(Report::Balances), sums(Report::Transfers));
        if balances != transfers {
            self.audit
                .broken("balances are the sums of their transfers", None, || format!("{balances:?} {transfers:?}"));
        }
        let mut by_currency: BTreeMap<Currency, i128> = BTreeMap::new();
        for sum in &balances {
            *by_currency.entry(sum.currency).or_default() += sum.debits - sum.credits;
        }
        if let Some((currency, off)) = by_currency.iter().find(|(_, off)| **off != 0) {
            self.audit.broken("debits equal credits", None, || format!("{currency:?} is off by {off}"));
        }
        let expected = self.audit.expected_books();
        for ((book, currency), amount) in &expected {
            let stands = |s: &&Sum| s.book == *book && s.currency == *currency;
            let found = balances.iter().find(stands).map_or(0, |s| s.credits - s.debits);
            if found != *amount {
                self.audit.broken("the ledger equals our state", None, || {
                    format!("{} in {currency:?}: {found} in the ledger, {amount} by our state", book.as_str())
                });
            }
        }
        self.audit.movements_agree();
    }
}

impl Audit {
    /// What each book must hold, from payments, refunds and movements.
    fn expected_books(&self) -> Books {
        let mut expected = Books::new();
        let mut add = |minor: i64, currency: Currency, credit: Book, debit: Book| {
            *expected.entry((credit, currency)).or_default() += i128::from(minor);
            *expected.entry((debit, currency)).or_default() -= i128::from(minor);
        };
        for payment in self.payments.values() {
            let currency = payment.money.currency;
            add(payment.capturable(), currency, Book::Held, Book::Holds);
            add(payment.received(), currency, Book::Refundable, Book::RefundableTotal);
        }
        for refund in self.refunds.values() {
            match refund.stage {
                RefundStage::Succeeded { .. } | RefundStage::Pending => {
                    add(-refund.money.minor, refund.money.currency, Book::Refundable, Book::RefundableTotal);
                }
                RefundStage::Failed { .. } => {}
            }
        }
        for movement in self.movements.values() {
            let currency = movement.money.currency;
            match movement.settled {
                Settled::Pending => {
                    add(movement.money.minor, currency, Book::Merchant, Book::Receivable);
                    add(movement.fee, currency, Book::FeeIncome, Book::Merchant);
                }
                Settled::By { cost, .. } => {
                    add(movement.money.minor - cost, currency, Book::Available, Book::Cash);
                    add(cost, currency, Book::Available, Book::AcquirerCost);
                    add(movement.fee, currency, Book::FeeIncome, Book::Available);
                }
            }
        }
        expected
    }

    /// Every capture and every refund that succeeded has its one movement, and nothing else has one.
    fn movements_agree(&mut self) {
        let mut found: BTreeMap<Source, (Money, i64)> = BTreeMap::new();
        let mut twice = None;
        for Movement { source, money, fee, payment, .. } in self.movements.values() {
            if found.insert(*source, (*money, *fee)).is_some() {
                twice = Some(*payment);
            }
        }
        if let Some(payment) = twice {
            self.broken("one movement a capture and a refund", Some(payment), || "it has two".into());
        }
        let expected = self.expected_movements();
        for (source, (about, money, fee)) in &expected {
            if found.remove(source) != Some((*money, *fee)) {
                self.broken("one movement a capture and a refund", Some(*about), || format!("{source:?}, {money}"));
            }
        }
        if let Some((source, (money, _))) = found.first_key_value() {
            let (source, money) = (*source, *money);
            self.broken("one movement a capture and a refund", None, || format!("of nothing: {source:?}, {money}"));
        }
    }

    /// What moved, with whose it is, its amount and its fee.
    fn expected_movements(&self) -> BTreeMap<Source, (Key, Money, i64)> {
        let mut expected = BTreeMap::new();
        for (key, payment) in &self.payments {
            let Stage::Succeeded { charge, captured } = payment.stage else { continue };
            let capture = matches!(payment.capture, florin_core::payment::CaptureMethod::Manual);
            let money = payment.money.with_minor(captured);
            let fee = FEES.rounded_half_up(money).minor;
            expected.insert(Source::Charge { charge, capture }, (*key, money, fee));
        }
        for (key, refund) in &self.refunds {
            if let RefundStage::Succeeded { .. } = refund.stage {
                let money = refund.money.with_minor(-refund.money.minor);
                expected.insert(Source::Refund { refund: *key, charge: refund.charge }, (*key, money, 0));
            }
        }
        expected
    }
}

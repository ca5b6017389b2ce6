//! After the last report: the issuers' books, the acquirer's reports and our ledger say the same, and no break is open.

use crate::world::World;
use florin_connect::amount::from_wire;
use florin_core::codec::Body;
use florin_core::id::{Key, Kind};
use florin_core::ledger::Book;
use florin_core::money::Currency;
use florin_core::movement::Movement;
use florin_core::settlement::{Break, Line};
use florin_core::store::{Query, Report, Store};
use florin_core::terminal::HOUSE;
use florin_store::block_on;
use std::collections::BTreeMap;

/// A sum by currency.
type Sums = BTreeMap<Currency, i128>;

impl World {
    pub fn settlement_agrees(&mut self) {
        let lines = self.settle_everything();
        self.movements_settled();
        let query = Query::List { under: HOUSE, kind: Kind::Break, before: None, limit: 1_000 };
        for row in block_on(self.store.find(query)).map(|found| found.rows()).unwrap_or_default() {
            let found = Break::decode(&row.body);
            if !found.as_ref().is_ok_and(|b| !b.is_open()) {
                let about = found.as_ref().ok().and_then(|b| self.audit.rrns.get(&b.rrn.text())).copied();
                let about = about.and_then(|attempt| self.audit.owners.get(&attempt)).copied();
                self.audit.broken("no break is open after the last report", about, || format!("{found:?}"));
            }
        }
        self.reports_equal_books(&lines);
        self.cash_equals_reports(&lines);
    }

    /// Reads the movements as the last pull left them.
    fn movements_settled(&mut self) {
        let keys: Vec<Key> = self.audit.movements.keys().copied().collect();
        for key in keys {
            let row = block_on(self.store.get(&[key])).ok().and_then(|rows| rows.into_iter().next().flatten());
            let Some(movement) = row.and_then(|row| Movement::decode(&row.body).ok()) else { continue };
            if movement.is_pending() {
                let payment = movement.payment;
                self.audit
                    .broken("everything is settled after the last report", Some(payment), || format!("{movement:?}"));
            }
            self.audit.movements.insert(key, movement);
        }
    }

    /// What the acquirer reported is what stands at the issuers: taken less given back.
    fn reports_equal_books(&mut self, lines: &[Line]) {
        let mut off = Sums::new();
        for line in lines {
            *off.entry(line.money.currency).or_default() += i128::from(line.money.minor);
        }
        for standing in self.host.books().standings() {
            let Some(currency) = Currency::from_numeric(standing.currency) else { continue };
            let stands = match standing.kind {
                florin_sandbox::Kind::Refund => -standing.refunded,
                _ => standing.captured,
            };
            let digits = format!("{:012}", stands.unsigned_abs());
            let minor = from_wire(&digits, currency).map_or(0, |money| money.minor) * stands.signum();
            *off.entry(currency).or_default() -= i128::from(minor);
        }
        if let Some((currency, off)) = off.iter().find(|(_, off)| **off != 0) {
            self.audit.broken("reports equal the issuers' books", None, || format!("{currency:?} is off by {off}"));
        }
    }

    /// What came to our bank, what was kept, and nothing else.
    fn cash_equals_reports(&mut self, lines: &[Line]) {
        let sums = block_on(self.store.sums(Report::Balances)).unwrap_or_default();
        let stands = |book, currency| {
            sums.iter().find(|s| s.book == book && s.currency == currency).map_or(0, |s| s.debits - s.credits)
        };
        let mut expected: BTreeMap<Currency, (i128, i128)> = BTreeMap::new();
        for line in lines {
            let sum = expected.entry(line.money.currency).or_default();
            *sum = (sum.0 + i128::from(line.net()), sum.1 + i128::from(line.costs));
        }
        for (currency, (cash, costs)) in expected {
            let found = [Book::Cash, Book::AcquirerCost, Book::Suspense, Book::Receivable, Book::Merchant]
                .map(|book| stands(book, currency));
            if found != [cash, costs, 0, 0, 0] {
                self.audit.broken("the ledger equals the reports", None, || {
                    format!("{currency:?}: cash, costs, suspense, receivable, pending {found:?}, reported {cash} and {costs}")
                });
            }
        }
    }
}

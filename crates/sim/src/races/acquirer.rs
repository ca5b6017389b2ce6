//! An acquirer that approves whatever it is asked and writes it down: it guards nothing, so that our own guards are what is seen.

use florin_core::id::Key;
use florin_core::wire::{Act, Approval, ApprovalCode, Checks, NetworkId, Order, ResponseCode, Verdict};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What was done for one payment, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Book {
    pub captures: u64,
    pub captured: i64,
    pub refunds: u64,
    pub refunded: i64,
    pub voids: u64,
}

#[derive(Default)]
pub struct Acquirer {
    /// By owner: a payment, or a refund.
    books: Mutex<BTreeMap<Key, Book>>,
}

impl Acquirer {
    pub fn answer(&self, order: &Order) -> Verdict {
        {
            let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            let book = books.entry(order.owner).or_default();
            let minor = order.money.minor;
            match order.act {
                Act::Sale { .. } | Act::Completion { .. } => {
                    (book.captures, book.captured) = (book.captures + 1, book.captured + minor);
                }
                Act::Refund { .. } => (book.refunds, book.refunded) = (book.refunds + 1, book.refunded + minor),
                Act::Reversal { .. } => book.voids += 1,
                Act::Authorization { .. } | Act::Increment { .. } | Act::Verification { .. } => {}
            }
        }
        // Others go first now and then.
        std::thread::yield_now();
        Verdict::Approved(Approval {
            response: ResponseCode(*b"00"),
            code: Some(ApprovalCode(*b"RACE01")),
            network_id: Some(NetworkId(4_711)),
            checks: Checks::default(),
        })
    }

    pub fn book(&self, owner: Key) -> Book {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).get(&owner).copied().unwrap_or_default()
    }

    /// Sales of exactly this amount.
    pub fn sales_of(&self, minor: i64) -> u64 {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.values().filter(|book| book.captured == minor).map(|book| book.captures).sum()
    }
}

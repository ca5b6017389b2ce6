//! Ledger accounts and transfers. Balances are commutative deltas without a version; what must not happen is data on the account.

use crate::id::Key;
use crate::money::{Currency, Money};
use serde::{Deserialize, Serialize};

/// What an account counts. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Book {
    /// Owner: merchant account. What the acquirer owes us for this merchant's captured payments (asset).
    Receivable = 1,
    /// Owner: merchant account. What we owe the merchant and the acquirer has not settled yet (liability): pending.
    Merchant = 2,
    /// Owner: payment. What the issuer holds for it and nobody has claimed. Guarded: never claimed beyond the hold.
    Held = 3,
    /// Owner: merchant account. The other side of `Held`: the sum of the merchant's open holds.
    Holds = 4,
    /// Owner: payment. What was captured and may still be given back. Guarded: never refunded beyond the capture.
    Refundable = 5,
    /// Owner: merchant account. The other side of `Refundable`.
    RefundableTotal = 6,
    /// Owner: merchant account. What we owe the merchant and the acquirer has settled (liability): available.
    Available = 7,
    /// Owner: the house. What the acquirer paid out, less what it took back (asset).
    Cash = 8,
    /// Owner: merchant account. Fees that the merchant pays us (income).
    FeeIncome = 9,
    /// Owner: merchant account. What acquirer, scheme and issuer kept of the merchant's payments (expense).
    AcquirerCost = 10,
    /// Owner: the house. Settled by the acquirer and matched to nothing of ours (liability): the sum of the open breaks.
    Suspense = 11,
    /// Owner: merchant account or the house. What the acquirer took for payments that a restored database lost (asset).
    OrphanTaken = 18,
    /// The other side of `OrphanTaken`: what their cardholders have not got back yet (liability).
    OrphanOwed = 19,
}

/// What must not happen to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Guard {
    None = 0,
    /// Debits must not exceed credits.
    DebitsWithinCredits = 1,
}

impl Book {
    pub const ALL: &[Book] = &[
        Book::Receivable,
        Book::Merchant,
        Book::Held,
        Book::Holds,
        Book::Refundable,
        Book::RefundableTotal,
        Book::Available,
        Book::Cash,
        Book::FeeIncome,
        Book::AcquirerCost,
        Book::Suspense,
        Book::OrphanTaken,
        Book::OrphanOwed,
    ];
    pub const fn guard(self) -> Guard {
        match self {
            Book::Held | Book::Refundable => Guard::DebitsWithinCredits,
            Book::Receivable
            | Book::Merchant
            | Book::Holds
            | Book::RefundableTotal
            | Book::Available
            | Book::Cash
            | Book::FeeIncome
            | Book::AcquirerCost
            | Book::Suspense
            | Book::OrphanTaken
            | Book::OrphanOwed => Guard::None,
        }
    }
    pub const fn as_str(self) -> &'static str {
        match self {
            Book::Receivable => "receivable",
            Book::Merchant => "merchant",
            Book::Held => "held",
            Book::Holds => "holds",
            Book::Refundable => "refundable",
            Book::RefundableTotal => "refundable_total",
            Book::Available => "available",
            Book::Cash => "cash",
            Book::FeeIncome => "fee_income",
            Book::AcquirerCost => "acquirer_cost",
            Book::Suspense => "suspense",
            Book::OrphanTaken => "orphan_taken",
            Book::OrphanOwed => "orphan_owed",
        }
    }
    pub fn from_u8(n: u8) -> Option<Book> {
        Book::ALL.iter().copied().find(|b| *b as u8 == n)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LedgerAccount {
    /// First, so that accounts of recent payments lie together.
    pub owner: Key,
    pub book: Book,
    pub currency: Currency,
}

/// Totals of one account, minor units of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    pub debits: i64,
    pub credits: i64,
}

/// Why money moved. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Reason {
    /// A hold was approved.
    Hold = 1,
    /// A claim on a hold was begun, or the hold was given up.
    HoldClaimed = 2,
    /// A claim failed: the hold stands again.
    HoldRestored = 3,
    /// Money was captured.
    Capture = 4,
    /// What was captured may be refunded.
    RefundableUp = 5,
    /// A refund was begun: its amount is no longer refundable.
    RefundBegun = 6,
    /// A refund failed: its amount is refundable again.
    RefundGivenUp = 7,
    /// Money went back to the cardholder.
    Refund = 8,
    /// The merchant's fee for a captured payment.
    Fee = 9,
    /// Settled by the acquirer: pending money became available.
    Available = 10,
    /// The acquirer paid, or took back, what a matched line of its report says.
    Settled = 11,
    /// What the acquirer kept for itself, the scheme and the issuer.
    AcquirerCost = 12,
    /// The acquirer settled what matches nothing of ours.
    Unmatched = 13,
    /// What matched nothing was matched after all.
    Matched = 14,
    /// More was held for a hold.
    HoldRaised = 17,
    /// Money was found at the acquirer that a restored database knows nothing of.
    OrphanFound = 18,
    /// It went back to the cardholder.
    OrphanUndone = 19,
}

impl Reason {
    pub const ALL: &[Reason] = &[
        Reason::Hold,
        Reason::HoldClaimed,
        Reason::HoldRestored,
        Reason::Capture,
        Reason::RefundableUp,
        Reason::RefundBegun,
        Reason::RefundGivenUp,
        Reason::Refund,
        Reason::Fee,
        Reason::Available,
        Reason::Settled,
        Reason::AcquirerCost,
        Reason::Unmatched,
        Reason::Matched,
        Reason::HoldRaised,
        Reason::OrphanFound,
        Reason::OrphanUndone,
    ];
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Hold => "hold",
            Reason::HoldRaised => "hold_raised",
            Reason::OrphanFound => "orphan_found",
            Reason::OrphanUndone => "orphan_undone",
            Reason::HoldClaimed => "hold_claimed",
            Reason::HoldRestored => "hold_restored",
            Reason::Capture => "capture",
            Reason::RefundableUp => "refundable_up",
            Reason::RefundBegun => "refund_begun",
            Reason::RefundGivenUp => "refund_given_up",
            Reason::Refund => "refund",
            Reason::Fee => "fee",
            Reason::Available => "available",
            Reason::Settled => "settled",
            Reason::AcquirerCost => "acquirer_cost",
            Reason::Unmatched => "unmatched",
            Reason::Matched => "matched",
        }
    }
    pub fn from_u8(n: u8) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|r| *r as u8 == n)
    }
}

/// One movement between two accounts of one currency: balanced by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub debit: (Key, Book),
    pub credit: (Key, Book),
    /// Above zero.
    pub money: Money,
    pub reason: Reason,
}

impl Transfer {
    pub const fn debit_account(&self) -> LedgerAccount {
        LedgerAccount { owner: self.debit.0, book: self.debit.1, currency: self.money.currency }
    }
    pub const fn credit_account(&self) -> LedgerAccount {
        LedgerAccount { owner: self.credit.0, book: self.credit.1, currency: self.money.currency }
    }
}

/// An issuer holds the amount for the payment.
pub fn hold(account: Key, payment: Key, money: Money) -> [Transfer; 1] {
    [Transfer { debit: (account, Book::Holds), credit: (payment, Book::Held), money, reason: Reason::Hold }]
}

/// The issuer holds more for the payment.
pub fn raise_hold(account: Key, payment: Key, more: Money) -> [Transfer; 1] {
    [Transfer { debit: (account, Book::Holds), credit: (payment, Book::Held), money: more, reason: Reason::HoldRaised }]
}

/// The whole hold is claimed or given up: begun before the message leaves, so that it happens once.
pub fn claim_hold(account: Key, payment: Key, held: Money) -> [Transfer; 1] {
    [Transfer {
        debit: (payment, Book::Held),
        credit: (account, Book::Holds),
        money: held,
        reason: Reason::HoldClaimed,
    }]
}

/// The claim did not come about: the hold stands again.
pub fn restore_hold(account: Key, payment: Key, held: Money) -> [Transfer; 1] {
    [Transfer {
        debit: (account, Book::Holds),
        credit: (payment, Book::Held),
        money: held,
        reason: Reason::HoldRestored,
    }]
}

/// Money was captured: the acquirer owes it to us, we owe it to the merchant, and it may be refunded.
pub fn capture(account: Key, payment: Key, money: Money) -> [Transfer; 2] {
    [
        Transfer {
            debit: (account, Book::Receivable),
            credit: (account, Book::Merchant),
            money,
            reason: Reason::Capture,
        },
        Transfer {
            debit: (account, Book::RefundableTotal),
            credit: (payment, Book::Refundable),
            money,
            reason: Reason::RefundableUp,
        },
    ]
}

/// A refund is begun: the guard on `Refundable` refuses what was not captured.
pub fn begin_refund(account: Key, payment: Key, money: Money) -> [Transfer; 1] {
    [Transfer {
        debit: (payment, Book::Refundable),
        credit: (account, Book::RefundableTotal),
        money,
        reason: Reason::RefundBegun,
    }]
}

/// A refund came to nothing.
pub fn give_up_refund(account: Key, payment: Key, money: Money) -> [Transfer; 1] {
    [Transfer {
        debit: (account, Book::RefundableTotal),
        credit: (payment, Book::Refundable),
        money,
        reason: Reason::RefundGivenUp,
    }]
}

/// The money of a refund went back.
pub fn refund(account: Key, money: Money) -> [Transfer; 1] {
    [Transfer { debit: (account, Book::Merchant), credit: (account, Book::Receivable), money, reason: Reason::Refund }]
}

/// The merchant's fee for what was captured; nothing when it is free.
pub fn fee(account: Key, fee: Money) -> Option<Transfer> {
    one_way((account, Book::Merchant), (account, Book::FeeIncome), fee, Reason::Fee)
}

/// The acquirer took money that nobody here knows of: it is owed to its cardholder.
pub fn find_orphan(account: Key, taken: Money) -> Option<Transfer> {
    one_way((account, Book::OrphanTaken), (account, Book::OrphanOwed), taken, Reason::OrphanFound)
}

/// The cardholder has it back.
pub fn undo_orphan(account: Key, taken: Money) -> Option<Transfer> {
    one_way((account, Book::OrphanOwed), (account, Book::OrphanTaken), taken, Reason::OrphanUndone)
}

/// A transfer of an amount with a sign: below zero it goes the other way, and nothing moves nothing.
pub fn one_way(debit: (Key, Book), credit: (Key, Book), money: Money, reason: Reason) -> Option<Transfer> {
    match money.minor {
        0 => None,
        1.. => Some(Transfer { debit, credit, money, reason }),
        i64::MIN..0 => {
            let money = money.with_minor(money.minor.saturating_neg());
            Some(Transfer { debit: credit, credit: debit, money, reason })
        }
    }
}
